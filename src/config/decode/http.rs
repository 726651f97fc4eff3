//! An `http` step.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::config::{
    at::Place,
    decode::{address, all, body, headers, matching, message, name, tags, template},
    node::{Fields, Later, Node, quoted},
    problem::{did_you_mean, shown},
    profile::{
        Header,
        http::{Body, Http, Method, Piece, ResponseExpect, Statuses, Version},
    },
    template::{Template, encoding::Encoding},
    tree::Tree,
};

const EXAMPLE: &str = "for example `http: { url: \"https://example.com/api\", method: POST, json: { name: x } }`";
const LATER: Later = &["compression"];
const MOST_REDIRECTS: u64 = 100;
/// Largest limit on a body: it bounds what one server can make the agent hold for one request.
const LARGEST_BODY: u64 = 1 << 30;

/// `https://…` alone, or a map.
pub(crate) fn http(node: &Node<'_>) -> Option<Http> {
    if let Tree::Text(_) = node.tree {
        return address::target(node, &address::HTTP).map(Http::get);
    }
    let mut fields = node.fields(EXAMPLE)?;
    let url = fields.require(&["url"], "url: https://example.com/api");
    let mut url = url.and_then(|node| address::target(&node, &address::HTTP));
    if let Some(query) = fields.take("query") {
        let pairs = pairs(&query, "for example `query: { page: \"{{ index }}\" }`", Encoding::Component);
        url = url.zip(pairs).map(|(mut url, pairs)| {
            append_query(&mut url.path_and_query, pairs);
            url
        });
    }
    let method = fields.take("method").map_or(Some(Method::Get), |node| method(&node));
    let version = fields.take("version").map(|node| version(&node));
    let name = fields.take("name").map(|node| name(&node));
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    let own = fields.take("headers").map_or(Some(Vec::new()), |node| headers::headers(&node, &headers::REQUEST));
    let authorization = fields.take("auth").map(|node| authorization(&node));
    let cookies = fields.take("cookies").map(|node| cookies(&node));
    let body = body(&mut fields);
    let timeout = fields.take("timeout").map(|node| node.positive_duration());
    let connect = fields.take("connectTimeout").map(|node| node.positive_duration());
    let redirects = fields.take("redirects").map(|node| node.whole(&(0..=MOST_REDIRECTS)));
    let expected = fields.take("expectedStatuses").map(|node| statuses(&node));
    let expect = fields.take("expect").map(|node| expect(&node));
    let capture = fields.take("capture").map(|node| matching::captures(&node, true));
    let size = fields.take("maxBodySize").map(|node| node.size(&(1..=LARGEST_BODY)));
    fields.finish(
        LATER,
        &BTreeMap::from([
            ("params", "did you mean `query`, or one of the keys beside `url`?"),
            ("followRedirects", "did you mean `redirects: 10`? `0` follows none"),
            ("maxRedirects", "did you mean `redirects: 10`? `0` follows none"),
            ("data", "did you mean `body`, `json` or `form`?"),
            ("binary", "did you mean `file: path`?"),
            ("jar", "a VU has one jar; did you mean `cookies: { name: value }`?"),
            ("responseType", "leave it out: a body is kept only if `expect` or `capture` looks into it"),
            ("status", "did you mean `expect: { status: 200 }` or `expectedStatuses`?"),
            ("http2", "did you mean `version: 2`? With `https://` HTTP/2 is used where the server offers it"),
            ("timeouts", "did you mean `timeout` and `connectTimeout`?"),
        ]),
    );
    let mut request = Http::get(url?);
    request.method = method?;
    set(&mut request.version, version)?;
    set(&mut request.name, name)?;
    request.tags = tags;
    request.headers = own?;
    if let Some(value) = authorization {
        if request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("authorization")) {
            let message = "`auth` and the header `Authorization` exclude each other";
            node.problem(message, "remove one of the two".to_owned());
            return None;
        }
        request.headers.push(Header { name: "Authorization".to_owned(), value: value? });
    }
    if let Some(value) = cookies {
        if request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("cookie")) {
            let message = "`cookies` and the header `Cookie` exclude each other";
            node.problem(message, "remove one of the two".to_owned());
            return None;
        }
        request.headers.push(Header { name: "Cookie".to_owned(), value: value? });
    }
    if let Some((body, content_type)) = body? {
        let typed = request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type"));
        if let Some(content_type) = content_type.filter(|_| !typed) {
            let value = Template::literal(&content_type);
            request.headers.push(Header { name: "Content-Type".to_owned(), value });
        }
        request.body = Some(body);
    }
    set(&mut request.timeout, timeout)?;
    set(&mut request.connect_timeout, connect)?;
    set(&mut request.expected, expected)?;
    set(&mut request.expect, expect)?;
    set(&mut request.capture, capture)?;
    if let Some(redirects) = redirects {
        request.redirects = u32::try_from(redirects?).ok()?;
    }
    if let Some(size) = size {
        request.max_body_size = usize::try_from(size?).ok()?;
    }
    Some(request)
}

/// Replaces a default by what is given; `None` after a problem.
fn set<T>(place: &mut T, given: Option<Option<T>>) -> Option<()> {
    if let Some(read) = given {
        *place = read?;
    }
    Some(())
}

fn method(node: &Node<'_>) -> Option<Method> {
    let text = node.text()?;
    let upper = text.value.trim().to_ascii_uppercase();
    let found = Method::ALL.into_iter().find(|method| method.name() == upper);
    if found.is_none() {
        let names: Vec<_> = Method::ALL.iter().map(|method| method.name()).collect();
        let near = did_you_mean(&upper, names.iter().copied()).filter(|_| text.typed.is_none());
        let hint = near.unwrap_or_else(|| format!("use {}", quoted(&names)));
        return node.bad_text(text, "a method", &format!("unknown method `{}`", shown(&text.value)), hint);
    }
    found
}

/// `auto`, `1.1` or `2`.
fn version(node: &Node<'_>) -> Option<Version> {
    let text = node.scalar()?;
    let found = Version::ALL.iter().find(|(name, _)| *name == text.value).map(|(_, version)| *version);
    found.or_else(|| {
        let why = format!("unknown version `{}`", shown(&text.value));
        node.bad_text(&text, "a version of HTTP", &why, "use `auto`, `1.1` or `2`".to_owned())
    })
}

/// `{ basic: { user, password } }` or `{ bearer: token }` → the value of `Authorization`.
fn authorization(node: &Node<'_>) -> Option<Template> {
    let mut fields = node.fields("for example `auth: { basic: { user: me, password: \"${PASSWORD}\" } }`")?;
    let basic = fields.take("basic").map(|node| basic(&node));
    let bearer = fields.take("bearer").map(|node| bearer(&node));
    let value = match (basic, bearer) {
        (Some(value), None) | (None, Some(value)) => value,
        (Some(_), Some(_)) => {
            node.problem("`basic` and `bearer` exclude each other", "remove one of the two".to_owned());
            None
        }
        (None, None) => {
            fields.missing(&["basic", "bearer"], "bearer: \"${TOKEN}\"");
            None
        }
    };
    fields.finish(&["digest", "ntlm"], &BTreeMap::new());
    value
}

fn bearer(node: &Node<'_>) -> Option<Template> {
    let mut value = Template::literal("Bearer ");
    value.push(headers::header_value(node)?, Encoding::Plain);
    Some(value)
}

/// RFC 7617. The two are encoded together, once, so that they have no placeholders.
fn basic(node: &Node<'_>) -> Option<Template> {
    let mut fields = node.fields("for example `basic: { user: me, password: \"${PASSWORD}\" }`")?;
    let user = fields.require(&["user"], "user: me").map(|node| credential(&node, true));
    let password = fields.require(&["password"], "password: \"${PASSWORD}\"").map(|node| credential(&node, false));
    fields.finish(&[], &BTreeMap::new());
    let credentials = format!("{}:{}", user??, password??);
    Some(Template::literal(&format!("Basic {}", data_encoding::BASE64.encode(credentials.as_bytes()))))
}

fn credential(node: &Node<'_>, is_user: bool) -> Option<String> {
    let text = node.scalar()?;
    if is_user && text.value.contains(':') {
        return node.bad_text(&text, "a user's name", "a user's name has no `:` in basic authentication", None);
    }
    if text.value.contains("{{") {
        let hint = "use `${NAME}`, or a header `Authorization` of your own".to_owned();
        return node.bad_text(&text, "a constant", "a placeholder in basic authentication", hint);
    }
    Some(text.value)
}

/// What is sent, with its type; `Some(None)` for none, `None` after a problem.
fn body(fields: &mut Fields<'_>) -> Option<Option<(Body, Option<String>)>> {
    // `json: null` is a body too.
    let (text, json, form) = (fields.take("body"), fields.take_even_empty("json"), fields.take("form"));
    let (file, multipart) = (fields.take("file"), fields.take("multipart"));
    let given = [text.is_some(), json.is_some(), form.is_some(), file.is_some(), multipart.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let message = "`body`, `json`, `form`, `file` and `multipart` exclude each other";
        fields.node.problem(message, "a request has one body".to_owned());
        return None;
    }
    if let Some(node) = text {
        return Some(Some((Body::text(template(&node, node.text()?)?), None)));
    }
    if let Some(node) = json {
        return Some(Some((Body::text(message::json(&node)?), Some("application/json".to_owned()))));
    }
    if let Some(node) = file {
        return Some(Some((Body(vec![Piece::Bytes(body::file(&node)?)]), None)));
    }
    if let Some(node) = multipart {
        let (pieces, content_type) = body::multipart(&node)?;
        return Some(Some((Body(pieces), Some(content_type))));
    }
    let Some(node) = form else { return Some(None) };
    let mut body = Template::default();
    append(&mut body, pairs(&node, "for example `form: { user: \"user{{ vu }}\" }`", Encoding::Form)?);
    Some(Some((Body::text(body), Some("application/x-www-form-urlencoded".to_owned()))))
}

/// A map of names to values → the value of `Cookie`.
fn cookies(node: &Node<'_>) -> Option<Template> {
    let mut line = Template::default();
    let entries = node.entries("for example `cookies: { session: \"${SESSION}\" }`")?;
    for (index, (name, value)) in entries.iter().enumerate() {
        if !headers::is_token(name) {
            let message = format!("`{}` is no name of a cookie", shown(name));
            node.context.problem(
                &Place::Key(value.path.clone()),
                message,
                Some("use letters, digits and `-`".to_owned()),
            );
            return None;
        }
        let text = value.scalar()?;
        // RFC 6265, 4.1.1; what servers take is wider, but not these.
        if text
            .value
            .split("{{")
            .any(|part| part.rsplit("}}").next().is_some_and(|outside| outside.contains([';', ',', ' ', '"'])))
        {
            let hint = "percent-encode it: `%3B` for `;`, `%2C` for `,`, `%20` for a space".to_owned();
            return value.bad_text(&text, "a cookie's value", "a cookie's value with `;`, `,`, `\"` or a space", hint);
        }
        line.push_literal(if index == 0 { "" } else { "; " });
        line.push_literal(name);
        line.push_literal("=");
        line.push(headers::header_value(value)?, Encoding::Plain);
    }
    Some(line)
}

/// Encoded names and values, in the order typed.
fn pairs(node: &Node<'_>, hint: &str, encoding: Encoding) -> Option<Vec<(String, Template)>> {
    let entries = node.entries(hint)?;
    all(entries.iter().map(|(name, value)| {
        let value = template(value, &value.scalar()?)?.encoded(encoding);
        Some((encoding.literal(name).into_owned(), value))
    }))
}

fn append(template: &mut Template, pairs: Vec<(String, Template)>) {
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        template.push_literal(if index == 0 { "" } else { "&" });
        template.push_literal(&name);
        template.push_literal("=");
        template.push(value, Encoding::Plain);
    }
}

fn append_query(path_and_query: &mut Template, pairs: Vec<(String, Template)>) {
    if pairs.is_empty() {
        return;
    }
    let separator = if !path_and_query.has_literal('?') {
        "?"
    } else if path_and_query.ends_with(&['?', '&']) {
        ""
    } else {
        "&"
    };
    path_and_query.push_literal(separator);
    append(path_and_query, pairs);
}

/// `200`, `200-299`, or a list of such.
fn statuses(node: &Node<'_>) -> Option<Statuses> {
    let elements = match node.tree {
        Tree::List(_) => node.list("")?,
        _ => vec![node.clone()],
    };
    if elements.is_empty() {
        node.problem("no status in this list", "for example `[200, 300-399]`".to_owned());
        return None;
    }
    all(elements.iter().map(status_range)).map(Statuses)
}

fn status_range(node: &Node<'_>) -> Option<RangeInclusive<u16>> {
    const HINT: &str = "a status such as 200, or a range such as 200-299";
    let text = node.scalar()?;
    let (first, last) = text.value.split_once('-').unwrap_or((&text.value, &text.value));
    let status = |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=999).contains(status));
    match status(first).zip(status(last)) {
        Some((first, last)) if first <= last => Some(first..=last),
        Some(_) => node.bad_text(&text, "a range of statuses", "the range ends before it begins", HINT.to_owned()),
        None => {
            let why = format!("`{}` is no status", shown(&text.value));
            node.bad_text(&text, "a status", &why, HINT.to_owned())
        }
    }
}

/// `{ status, headers, contains, regex, json, maxDuration }`.
fn expect(node: &Node<'_>) -> Option<ResponseExpect> {
    let mut fields = node.fields("for example `expect: { status: 200, contains: ok }`")?;
    let status = fields.take("status").map(|node| statuses(&node));
    let headers = fields.take("headers").map_or(Some(Vec::new()), |node| matching::header_tests(&node));
    let body = matching::matchers(&mut fields, "body");
    let max_duration = fields.take("maxDuration").map(|node| node.positive_duration());
    if matches!(node.tree, Tree::Map(entries) if entries.is_empty()) {
        fields.missing(&["status", "contains"], "status: 200");
    }
    fields.finish(
        &[],
        &BTreeMap::from([
            ("capture", "`capture` stands beside `expect`"),
            ("header", "did you mean `headers`?"),
            ("latency", "did you mean `maxDuration`?"),
            ("duration", "did you mean `maxDuration`?"),
            ("timeout", "did you mean `maxDuration`? `timeout` stands beside `expect`"),
            ("pointer", "did you mean `json: { /status: ok }`?"),
        ]),
    );
    Some(ResponseExpect {
        status: transposed(status)?,
        headers: headers?,
        body: body?,
        max_duration: transposed(max_duration)?,
    })
}

fn transposed<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    given.map_or(Some(None), |read| read.map(Some))
}

//! `send`: a message, and how its reply is found.

use std::{collections::BTreeMap, io::Read};

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};

use crate::config::{
    decode::{matching, message, template},
    matcher::Pattern,
    node::Node,
    pointer::{self, Pointers},
    problem::shown,
    profile::{
        Reply, Send,
        socket::{IdSource, Message},
    },
    sockets::{Clash, Typed},
    tree::{Text, Tree},
};

/// Largest file that is sent as one message, in bytes: each worker's connections copy it into their buffers.
const LARGEST_FILE: u64 = 16 << 20;

/// `"text"` or `{ text | json | binary | file, reply }`.
pub(crate) fn send(node: &Node<'_>) -> Option<Send> {
    if let Tree::Text(text) = node.tree {
        return Some(Send { message: Message::Text(template(node, text)?), reply: None });
    }
    let mut fields = node.fields("for example `send: { json: { op: test }, reply: fifo }` or `send: \"ping\"`")?;
    // `json: null` is a message too.
    let (text, json) = (fields.take("text"), fields.take_even_empty("json"));
    let (binary, file, kind) = (fields.take("binary"), fields.take("file"), fields.take("as"));
    let reply = fields.take("reply");
    let given = [&text, &json, &binary, &file].into_iter().flatten().count();
    if given == 0 {
        fields.missing(&["text", "json", "binary", "file"], "json: { op: test }");
    }
    fields.finish(&[], &BTreeMap::new());
    if given > 1 {
        let message = "`text`, `json`, `binary` and `file` exclude each other";
        node.problem(message, "a step sends one message".to_owned());
    }
    if let (Some(kind), None) = (&kind, &file) {
        kind.problem("`as` says how a `file` is sent", "remove it, or give the file".to_owned());
    }
    let message = match (&text, &json, &binary, &file) {
        (Some(text), None, None, None) => text.text().and_then(|typed| template(text, typed)).map(Message::Text),
        (None, Some(json), None, None) => message::json(json).map(Message::Text),
        (None, None, Some(node), None) => binary_text(node),
        (None, None, None, Some(node)) => from_file(node, kind.as_ref()),
        _ => None,
    };
    let reply = match &reply {
        Some(node) => Some(self::reply(node, message.as_ref(), json.as_ref())?),
        None => None,
    };
    Some(Send { message: message?, reply })
}

/// `{ hex: … }` or `{ base64: … }`.
fn binary_text(node: &Node<'_>) -> Option<Message> {
    let mut fields = node.fields("for example `binary: { hex: 00ff }` or `binary: { base64: AP8= }`")?;
    let (hex, base64) = (fields.take("hex"), fields.take("base64"));
    if hex.is_none() && base64.is_none() {
        fields.missing(&["hex", "base64"], "hex: 00ff");
    }
    fields.finish(&[], &BTreeMap::new());
    if hex.is_some() && base64.is_some() {
        node.problem("`hex` and `base64` exclude each other", "a step sends one message".to_owned());
        return None;
    }
    let (node, what) = hex.map(|node| (node, "hexadecimal")).or(base64.map(|node| (node, "base64")))?;
    let text = node.scalar()?;
    let digits: String = text.value.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let decoded = match what {
        "hexadecimal" => HEXLOWER_PERMISSIVE.decode(digits.as_bytes()),
        _ if digits.contains('=') => BASE64.decode(digits.as_bytes()),
        _ => BASE64_NOPAD.decode(digits.as_bytes()),
    };
    match decoded {
        Ok(bytes) => Some(Message::Bytes { is_text: false, bytes: bytes.into() }),
        Err(error) => {
            let why = format!("`{}` is not {what}: {error}", shown(&text.value));
            let hint = if what == "base64" {
                "the letters of RFC 4648, 4, with `=` at the end or without"
            } else {
                "two of 0 to 9 and a to f for each byte, in quotes"
            };
            node.bad_text(&text, what, &why, hint.to_owned())
        }
    }
}

/// A file's bytes, read now.
fn from_file(node: &Node<'_>, kind: Option<&Node<'_>>) -> Option<Message> {
    let is_text = match kind {
        None => Some(false),
        Some(kind) => {
            let word = kind.text()?;
            match word.value.as_str() {
                "binary" => Some(false),
                "text" => Some(true),
                other => {
                    let why = format!("`{}` is no kind of message", shown(other));
                    kind.bad_text(word, "a kind of message", &why, "use `text` or `binary`".to_owned())
                }
            }
        }
    };
    let text = node.text()?;
    let refuse = |why: &str| {
        let hint = "relative paths start at the profile's directory".to_owned();
        node.problem(format!("cannot send the file `{}`: {why}", shown(text.typed())), hint);
        None
    };
    let file = node.file(text)?;
    // Neither a directory, nor a pipe that would be waited for.
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => return refuse("it is no regular file"),
        Ok(_) => {}
        Err(error) => return refuse(&error.to_string()),
    }
    let mut bytes = Vec::new();
    let read = file.open().and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return refuse(&error.to_string());
    }
    if bytes.len() as u64 > LARGEST_FILE {
        return refuse("it is larger than 16 MiB");
    }
    let is_text = is_text?;
    if is_text && std::str::from_utf8(&bytes).is_err() {
        return refuse("it is not UTF-8, as a text message must be");
    }
    Some(Message::Bytes { is_text, bytes: bytes.into() })
}

/// `fifo`, or `{ id: … }`.
fn reply(node: &Node<'_>, message: Option<&Message>, json: Option<&Node<'_>>) -> Option<Reply> {
    const HINT: &str =
        "use `fifo`: replies come in the order of the messages; or `{ id: /seq }`: they have the message's id";
    let matched = match node.tree {
        Tree::Text(text) if text.value == "fifo" => node.context.sockets.borrow_mut().in_order(),
        Tree::Text(text) => {
            let why = format!("unknown way to match a reply: `{}`", shown(&text.value));
            return node.bad_text(text, "a way to match a reply", &why, HINT.to_owned());
        }
        Tree::Map(_) => {
            let mut fields = node.fields("")?;
            let id = fields.require(&["id"], "id: /seq");
            fields.finish(&[], &BTreeMap::new());
            let id = id?;
            let (sent, received) = id_places(&id)?;
            if let Some(message) = message
                && !may_have(&sent, message, json)
            {
                // Of a variable what was typed.
                let place = if let Tree::Text(text) = id.tree { text.typed() } else { "sent" };
                let why = format!("the message has no id at `{}`", shown(place));
                id.problem(why, "`sent` says where it is, if it is elsewhere in the reply".to_owned());
                return None;
            }
            node.context.sockets.borrow_mut().by_id(sent, received)
        }
        _ => return node.expected("a way to match a reply", HINT),
    };
    if let Err(Clash) = matched {
        let hint = "one `fifo`, or ids that stand at one place in all its replies".to_owned();
        node.problem("the replies of one connection are matched in one way", hint);
    }
    matched.ok()
}

/// One place for both, or `{ sent, received }`.
fn id_places(node: &Node<'_>) -> Option<(Typed, Typed)> {
    if !matches!(node.tree, Tree::Map(entries) if !entries.iter().any(|(key, _)| key == "regex")) {
        let both = id_place(node)?;
        return Some((both.clone(), both));
    }
    let mut fields = node.fields("")?;
    let sent = fields.require(&["sent"], "sent: /id").map(|node| id_place(&node));
    let received = fields.require(&["received"], "received: /reply_to").map(|node| id_place(&node));
    fields.finish(&[], &BTreeMap::new());
    Some((sent??, received??))
}

/// A JSON pointer, or `{ regex }`.
fn id_place(node: &Node<'_>) -> Option<Typed> {
    const HINT: &str = "for example `/seq`, or `{ regex: 'id=(\\d+)' }`";
    if let Tree::Text(text) = node.tree {
        let mut pointers = Pointers::default();
        return match pointers.add(&text.value) {
            Ok(()) => Some((IdSource::Pointer(pointers), text.value.clone())),
            Err(error) => {
                node.bad_text(text, "a JSON pointer", &format!("`{}`: {error}", shown(&text.value)), HINT.to_owned())
            }
        };
    }
    if !node.is_map() {
        return node.expected("the place of an id", HINT);
    }
    let mut fields = node.fields(HINT)?;
    let regex = fields.require(&["regex"], "regex: 'id=(\\d+)'");
    fields.finish(&[], &BTreeMap::new());
    let regex = regex?;
    let text: &Text = regex.text()?;
    let compiled = matching::compile(&regex, text)?;
    Some((IdSource::Regex(Pattern(compiled)), text.value.clone()))
}

/// Whether the message can have its id there, as far as that is known before its placeholders are filled.
fn may_have((source, typed): &Typed, message: &Message, json: Option<&Node<'_>>) -> bool {
    if let Some(payload) = message.constant() {
        return source.read(payload, source.room().as_mut(), |_| ()).is_some();
    }
    match (source, json) {
        (IdSource::Pointer(_), Some(json)) => {
            pointer::tokens(typed).is_ok_and(|tokens| leads_somewhere(json.tree, &tokens))
        }
        _ => true,
    }
}

fn leads_somewhere(tree: &Tree, tokens: &[String]) -> bool {
    let Some((token, rest)) = tokens.split_first() else { return *tree != Tree::Null };
    let inside = match tree {
        Tree::Map(entries) => entries.iter().find(|(key, _)| key == token).map(|(_, value)| value),
        Tree::List(elements) => token.parse::<usize>().ok().and_then(|index| elements.get(index)),
        // A lone placeholder may stand for a list or a map.
        Tree::Text(_) => return true,
        _ => None,
    };
    inside.is_some_and(|tree| leads_somewhere(tree, rest))
}

//! Bodies of an `http` step that come from files: `file:` and `multipart:`.

use std::{collections::BTreeMap, io::Read as _, sync::Arc};

use crate::config::{
    decode::{all, template},
    node::Node,
    problem::shown,
    profile::http::Piece,
    template::Template,
    tree::Tree,
};

/// Largest file: it is held in memory for the whole run.
const LARGEST_FILE: u64 = 64 << 20;
const MULTIPART: &str = "for example `multipart: { name: x, picture: { file: picture.png, type: image/png } }`";

/// The content of a file, read when the profile is: a missing one is found before the load starts.
pub(crate) fn file(node: &Node<'_>) -> Option<Arc<[u8]>> {
    let text = node.text()?;
    let file = node.file(text)?;
    let refuse = |why: &str| {
        let message = format!("cannot read `{}`: {why}", shown(text.typed()));
        node.problem(message, "a path is relative to the profile's directory".to_owned());
        None
    };
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => return refuse("it is no file"),
        Ok(metadata) if metadata.len() > LARGEST_FILE => return refuse("the file is larger than 64 MiB"),
        Ok(_) => {}
        Err(error) => return refuse(&error.to_string()),
    }
    let mut bytes = Vec::new();
    match file.open().and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > LARGEST_FILE => refuse("the file is larger than 64 MiB"),
        Ok(_) => Some(bytes.into()),
        Err(error) => refuse(&error.to_string()),
    }
}

/// A part of a form.
struct Part {
    /// Its header fields.
    head: String,
    content: Piece,
}

/// A form as RFC 7578 has it, with its `Content-Type`.
pub(crate) fn multipart(node: &Node<'_>) -> Option<(Vec<Piece>, String)> {
    let entries = node.entries(MULTIPART)?;
    if entries.is_empty() {
        node.problem("a form without a field", MULTIPART.to_owned());
        return None;
    }
    let parts = all(entries.iter().map(|(name, value)| part(name, value)))?;
    let boundary = boundary(&parts);
    let mut pieces = Vec::new();
    let mut text = String::new();
    for part in parts {
        text.push_str(&format!("--{boundary}\r\n{}\r\n\r\n", part.head));
        pieces.push(Piece::Text(Template::literal(&std::mem::take(&mut text))));
        pieces.push(part.content);
        text.push_str("\r\n");
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    pieces.push(Piece::Text(Template::literal(&text)));
    Some((pieces, format!("multipart/form-data; boundary={boundary}")))
}

/// A text, or `{ file, filename, type }`.
fn part(name: &str, node: &Node<'_>) -> Option<Part> {
    let disposition = format!("Content-Disposition: form-data; name=\"{}\"", quotable(name));
    let Tree::Map(_) = node.tree else {
        let text = template(node, &node.scalar()?)?;
        return Some(Part { head: disposition, content: Piece::Text(text) });
    };
    let mut fields = node.fields(MULTIPART)?;
    let path = fields.require(&["file"], "file: picture.png");
    let content = path.as_ref().and_then(file);
    let typed = path.and_then(|node| node.text().map(|text| text.value.clone()));
    let filename = fields.take("filename").map(|node| node.scalar().map(|text| text.value));
    let kind = fields.take("type").map(|node| kind(&node));
    fields
        .finish(&[], &BTreeMap::from([("contentType", "did you mean `type`?"), ("name", "did you mean `filename`?")]));
    let filename = match filename {
        Some(filename) => filename?,
        None => typed?.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    let kind = kind.unwrap_or_else(|| Some("application/octet-stream".to_owned()))?;
    let head = format!("{disposition}; filename=\"{}\"\r\nContent-Type: {kind}", quotable(&filename));
    Some(Part { head, content: Piece::Bytes(content?) })
}

fn kind(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let is_kind = text.value.contains('/') && text.value.chars().all(|char| char == ' ' || char.is_ascii_graphic());
    if !is_kind {
        let why = format!("`{}` is no media type", shown(&text.value));
        return node.bad_text(text, "a media type", &why, "for example `image/png`".to_owned());
    }
    Some(text.value.clone())
}

/// As browsers write a name between quotes.
fn quotable(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A line that is in none of the parts; the same for the same form.
fn boundary(parts: &[Part]) -> String {
    let is_in = |boundary: &str, part: &Part| match &part.content {
        Piece::Bytes(bytes) => memchr::memmem::find(bytes, boundary.as_bytes()).is_some(),
        Piece::Text(text) => text.source().contains(boundary),
    };
    let mut number = 0_u64;
    loop {
        let boundary = format!("----rampd-7d1b0f6e4a92-{number:08x}");
        if !parts.iter().any(|part| is_in(&boundary, part)) {
            return boundary;
        }
        number += 1;
    }
}

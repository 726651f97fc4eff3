//! `data:`.

use std::{collections::BTreeMap, sync::Arc};

use crate::config::{
    at::Place,
    data::{
        self, Data, Format,
        rows::{Order, WhenExhausted},
    },
    decode::{all, one_of},
    node::Node,
    problem::{did_you_mean, shown},
    scope::is_name,
    template::{Column, Error},
};

const EXAMPLE: &str = "for example `data: { users: { file: users.csv, order: per-vu } }`";
/// Each is held in memory.
const MOST_FILES: usize = 100;

/// A map of names to files, which are read here, so that a bad one is found before the load starts.
pub(crate) fn data(node: &Node<'_>) -> Option<Vec<Data>> {
    let entries = node.entries(EXAMPLE)?;
    if entries.len() > MOST_FILES {
        node.problem(format!("more than {MOST_FILES} data files"), None);
        return None;
    }
    all(entries.iter().map(|(name, node)| file(name, node)))
}

fn file(name: &str, node: &Node<'_>) -> Option<Data> {
    if !is_name(name) {
        let message = format!("`{}` is no name of data", shown(name));
        let hint = "use letters, digits and `_`, not a digit first".to_owned();
        node.context.problem(&Place::Key(node.path.clone()), message, Some(hint));
    }
    let mut fields = node.fields(EXAMPLE)?;
    let file = fields.require(&["file"], "file: users.csv");
    let orders = [
        ("sequential", Order::Sequential),
        ("random", Order::Random),
        ("per-vu", Order::PerVu),
        ("unique", Order::Unique),
    ];
    let order = fields.take("order").map_or(Some(Order::Sequential), |node| one_of(&node, "an order", &orders));
    let ends = [("recycle", WhenExhausted::Recycle), ("fail", WhenExhausted::Fail)];
    let when_exhausted = fields.take("whenExhausted").map(|node| one_of(&node, "a way to go on", &ends));
    let delimiter = fields.take("delimiter").map(|node| {
        let text = node.text()?;
        match text.value.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Some(*byte),
            _ => node.bad_text(
                text,
                "a delimiter",
                "a delimiter is one ASCII character",
                "for example `\";\"`".to_owned(),
            ),
        }
    });
    fields.finish(&[], &BTreeMap::from([("path", "did you mean `file`?"), ("separator", "did you mean `delimiter`?")]));
    let file = file?;
    let typed = file.text()?;
    let delimiter = delimiter.map_or(Some(None), |delimiter| delimiter.map(Some))?;
    let extension = typed.value.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let format = match (extension.as_deref(), delimiter) {
        (Some("csv"), delimiter) => Format::Csv(delimiter.unwrap_or(b',')),
        (Some("tsv"), delimiter) => Format::Csv(delimiter.unwrap_or(b'\t')),
        (Some("json"), None) => Format::Json,
        (Some("json"), Some(_)) => {
            file.problem("a JSON file has no delimiter", "remove `delimiter`".to_owned());
            return None;
        }
        _ => {
            let why = format!("`{}` is neither CSV nor JSON", shown(&typed.value));
            return file.bad_text(
                typed,
                "a data file",
                &why,
                "its name ends with `.csv`, `.tsv` or `.json`".to_owned(),
            );
        }
    };
    let (order, when_exhausted) = (order?, when_exhausted.map_or(Some(None), |end| end.map(Some))?);
    // A login that two VUs share, or a row that comes twice, would be a surprise.
    let usual =
        if matches!(order, Order::PerVu | Order::Unique) { WhenExhausted::Fail } else { WhenExhausted::Recycle };
    match data::read(&file.file(typed)?, format) {
        Ok(table) => Some(Data {
            name: name.to_owned(),
            order,
            when_exhausted: when_exhausted.unwrap_or(usual),
            table: Arc::new(table),
        }),
        Err(error) => {
            let hint = match error {
                data::Error::Io(_) => "a relative path begins at the profile's folder",
                _ => "a CSV file begins with a line of column names, a JSON file is a list of maps",
            };
            file.problem(format!("cannot use the data in `{}`: {error}", shown(typed.typed())), hint.to_owned());
            None
        }
    }
}

/// `data.NAME.COLUMN` → where it is.
pub(crate) fn column(name: &str, node: &Node<'_>) -> Option<Result<Column, Error>> {
    let rest = name.strip_prefix("data.")?;
    let files = node.context.data.borrow();
    // What is wrong with the files has been said.
    let Some(data) = files.as_ref() else { return Some(Ok(Column { file: 0, column: 0 })) };
    let (file_name, column_name) = rest.split_once('.').unwrap_or((rest, ""));
    let unknown = |what: String, hint: Option<String>| Some(Err(Error::NoData { what, hint }));
    let Some(file) = data.iter().position(|data| data.name == file_name) else {
        let known = data.iter().map(|data| data.name.as_str());
        let hint = did_you_mean(file_name, known).unwrap_or_else(|| EXAMPLE.to_owned());
        return unknown(format!("there is no data `{}`", shown(file_name)), Some(hint));
    };
    let columns = data[file].table.columns();
    let Some(column) = columns.iter().position(|column| column == column_name) else {
        let near = did_you_mean(column_name, columns.iter().map(String::as_str));
        let all = || {
            let names: Vec<_> = columns.iter().take(20).map(|name| format!("`{}`", shown(name))).collect();
            format!("it has {}", names.join(", "))
        };
        return unknown(
            format!("the data `{file_name}` has no column `{}`", shown(column_name)),
            Some(near.unwrap_or_else(all)),
        );
    };
    Some(Ok(Column { file: u16::try_from(file).ok()?, column: u32::try_from(column).ok()? }))
}

use super::*;
use crate::config::template::variables::Form;
use proptest::prelude::*;

fn table(text: &str, format: Format) -> Table {
    parse(text.as_bytes(), text.len() as u64, format).unwrap_or_else(|error| panic!("{error}"))
}

fn failure(text: &[u8], format: Format) -> String {
    parse(text, text.len() as u64, format).unwrap_err().to_string()
}

fn rows(table: &Table) -> Vec<Vec<Option<(String, Form)>>> {
    let mut cells = Vec::new();
    let mut row = |number| {
        table.find(number, &mut cells);
        cells.iter().map(|cell| table.text(*cell).map(|(text, form)| (text.to_owned(), form))).collect()
    };
    (0..table.rows()).map(&mut row).collect()
}

fn texts(cells: &[&str]) -> Vec<Option<(String, Form)>> {
    cells.iter().map(|cell| Some(((*cell).to_owned(), Form::Text))).collect()
}

const CSV: Format = Format::Csv(b',');

#[test]
fn csv_is_rfc_4180() {
    let table = table("\u{feff}user, pass word\r\nann,\"a,\"\"b\"\"\nc\"\r\nbob,\r\n", CSV);
    assert_eq!(table.columns(), ["user", "pass word"]);
    assert_eq!(rows(&table), [texts(&["ann", "a,\"b\"\nc"]), texts(&["bob", ""])]);
}

#[test]
fn json_keeps_the_form_of_its_values() {
    let table = table(r#" [{"a": "x\n", "n": 1.50}, {"n": [1, 2], "b": null}, {}] "#, Format::Json);
    assert_eq!(table.columns(), ["a", "n", "b"]);
    let json = |text: &str| Some((text.to_owned(), Form::Json));
    let text = |text: &str| Some((text.to_owned(), Form::Text));
    assert_eq!(
        rows(&table),
        [vec![text("x\n"), json("1.50"), None], vec![None, json("[1, 2]"), json("null")], vec![None, None, None]]
    );
}

#[test]
fn mistakes_are_placed_and_quote_no_value() {
    assert_eq!(failure(b"a,b\n1,2\ns3cret\n", CSV), "line 3 has 1 fields, there are 2 columns");
    assert_eq!(failure(b"a,a\n1,2\n", CSV), "the column `a` is there twice");
    assert_eq!(failure(b"a\n\xff\n", CSV), "line 2 is not UTF-8");
    for bad in ["{\"a\": 1}", "[\"s3cret\"]", "[{\"a\": 1}", "[] x", "[{\"a\" 1}]"] {
        let message = failure(bad.as_bytes(), Format::Json);
        assert!(message.starts_with("no JSON list of maps, from line 1"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
    assert!(matches!(parse(&b""[..], LARGEST + 1, CSV), Err(Error::TooLarge)));
}

#[test]
fn a_file_without_rows_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, format) in [("a.csv", "a,b\n", CSV), ("b.csv", "", CSV), ("c.json", "[]", Format::Json)] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert!(matches!(read(&Readable::of_test(&path), format), Err(Error::Empty)), "{name}");
    }
    assert!(matches!(read(&Readable::of_test(folder.path()), CSV), Err(Error::NoFile)));
}

proptest! {
    /// The library writes, the table reads back.
    #[test]
    fn every_cell_reads_back(
        rows in prop::collection::vec(prop::collection::vec("[a-c,\"\n é]{0,9}|[x]{60,200}", 3), 1..40),
    ) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let expected: Vec<_> = rows.iter().map(|row| texts(&row.iter().map(String::as_str).collect::<Vec<_>>())).collect();
        prop_assert_eq!(super::tests::rows(&table(&text, CSV)), expected);
    }

    /// Half a byte for each byte of the file, whatever the rows are like.
    #[test]
    fn a_table_takes_at_most_one_and_a_half_times_its_file(
        columns in 1usize..5, cell in "[a-z]{0,5}|[a-z]{100,300}", count in 100usize..300,
    ) {
        prop_assume!(columns > 1 || !cell.is_empty());
        let line = |cell: &str| format!("{}\n", vec![cell; columns].join(","));
        let names: Vec<_> = (0..columns).map(|number| format!("c{number}")).collect();
        let text = format!("{}\n{}", names.join(","), line(&cell).repeat(count));
        let table = table(&text, CSV);
        prop_assert!(table.size() <= text.len() * 3 / 2 + 64, "{} for {}", table.size(), text.len());
    }
}

use super::*;
use crate::config::template::variables::Form;
use proptest::prelude::*;
use serde_json::Value;

fn find(pointers: &[&str], message: &str) -> Vec<Option<String>> {
    let mut set = Pointers::default();
    pointers.iter().for_each(|pointer| set.add(pointer).unwrap());
    let mut found = vec![None; pointers.len()];
    set.scan(message.as_bytes(), &mut |number, raw| {
        assert!(found[number].is_none(), "found once");
        found[number] = Some(format!("{raw:?}"));
    });
    found
}

fn json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Quarters read back exactly.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        "[a-c~/\"\\\\\u{1}é0 ]{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c~/\"0]{0,2}", inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

fn pointer() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-c\"0-2]{0,2}|~0|~1", 0..4)
        .prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect())
}

proptest! {
    /// The oracle builds the whole tree.
    #[test]
    fn every_pointer_finds_what_the_library_finds(
        document in json(), pointers in prop::collection::vec(pointer(), 1..8), pretty: bool,
    ) {
        let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
        let names: Vec<&str> = pointers.iter().map(String::as_str).collect();
        for (pointer, found) in pointers.iter().zip(find(&names, &text)) {
            let expected = document.pointer(pointer);
            let found: Option<Value> = found.map(|raw| serde_json::from_str(&raw).unwrap());
            prop_assert_eq!(found.as_ref(), expected, "{} in {}", pointer, text);
        }
    }

    #[test]
    fn texts_read_as_the_library_reads_them(text: String) {
        let json = Value::from(text.as_str()).to_string();
        let ascii = json.chars().map(|char| {
            let mut units = [0; 2];
            let escape = |unit: &u16| format!("\\u{unit:04X}");
            if char.is_ascii() { char.to_string() } else { char.encode_utf16(&mut units).iter().map(escape).collect() }
        });
        for json in [json.clone(), ascii.collect::<String>()] {
            prop_assert_eq!(Raw::new(json.as_bytes()).with_text(str::to_owned), Some(text.clone()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in "([\\[\\]{}\",:\\\\a01 \n]|null|é){0,40}") {
        let pointers = ["", "/a", "/0", "/a/0", "/a/a", "/0/a"];
        let mut set = Pointers::default();
        pointers.iter().for_each(|pointer| set.add(pointer).unwrap());
        set.scan(bytes.as_bytes(), &mut |_, raw| {
            let _read = (raw.with_text(str::len), raw.with_any(|text, _| text.len()), raw.number());
        });
    }
}

#[test]
fn pointers_are_rfc_6901s() {
    let message = r#"{"foo":["bar","baz"],"":0,"a/b":1,"m~n":8,"k\"l":6,"\u0061":9}"#;
    let found = find(&["", "/foo/0", "/", "/a~1b", "/m~0n", "/k\"l", "/a", "/foo/00", "/foo/2", "/foo/-"], message);
    let expected = [Some(message), Some("\"bar\""), Some("0"), Some("1"), Some("8"), Some("6"), Some("9")];
    let expected: Vec<_> = expected.into_iter().chain([None; 3]).map(|raw| raw.map(str::to_owned)).collect();
    assert_eq!(found, expected);
    for bad in ["a", "/~", "/a~2", "/~0~"] {
        assert_eq!(Pointers::default().add(bad), Err(Error), "{bad}");
    }
}

#[test]
fn of_a_key_that_is_there_twice_the_first_counts() {
    assert_eq!(find(&["/a", "/b"], r#"{"a":1,"a":2,"b":3}"#), [Some("1".to_owned()), Some("3".to_owned())]);
}

#[test]
fn what_stands_before_a_fault_is_found() {
    assert_eq!(find(&["/a", "/b"], r#"{"a":1,"b""#), [Some("1".to_owned()), None]);
    assert_eq!(find(&["/a"], "a=1"), [None]);
}

#[test]
fn a_message_may_be_deeper_than_any_stack() {
    let deep = format!("{{\"x\":{}{},\"a\":1}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(find(&["/a"], &deep), [Some("1".to_owned())]);
}

#[test]
fn malformed_values_have_no_text() {
    for bad in [&b"\"\\x\""[..], b"\"\xff\"", b"\"", b"nul", b"[1", b"[}"] {
        assert_eq!(Raw::new(bad).with_any(|text, _| text.len()), None, "{bad:?}");
    }
    assert_eq!(Raw::new(b"1.5e3").with_any(|text, form| (text.to_owned(), form)), Some(("1.5e3".into(), Form::Json)));
    assert_eq!((Raw::new(b"1.5e3").number(), Raw::new(b"\"1\"").number()), (Some(1500.0), None));
}

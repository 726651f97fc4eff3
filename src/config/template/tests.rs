use super::*;
use crate::config::template::variables::Slot;
use proptest::prelude::*;

fn rendered(text: &str, values: &Values) -> String {
    let mut out = String::new();
    Template::parse(text).unwrap().render(values, &mut out).unwrap();
    out
}

fn with_variable(text: &str, form: Form) -> Values {
    let mut variables = Variables::new(2);
    variables.set(Slot::new(0), |out| {
        out.push_str(text);
        Some(form)
    });
    Values { variables, ..Values::default() }
}

/// `{{ token }}` is slot 0, `{{ other }}` is slot 1 and has no value.
fn named(text: &str) -> Template {
    Template::compile(text, &mut |name| {
        Ok(match name {
            "token" => Some(Placeholder::Variable(Slot::new(0))),
            "other" => Some(Placeholder::Variable(Slot::new(1))),
            _ => None,
        })
    })
    .unwrap()
}

#[test]
fn placeholders_are_replaced() {
    let values = Values { vu: 7, iteration: 2, index: 99, ..Values::default() };
    assert_eq!(rendered("vu {{ vu }} of {{iteration}}: {{ index }}", &values), "vu 7 of 2: 99");
    assert_eq!(rendered(r"\{{ vu }}", &values), "{{ vu }}");
}

#[test]
fn mistakes_are_named() {
    assert_eq!(Template::parse("{{ vuu }}"), Err(Error::Unknown { name: "vuu".into() }));
    assert_eq!(Template::parse("a {{ vu"), Err(Error::Unclosed));
    for bad in ["random(2,1)", "random(1)", "random(a,b)", "random()", "random(1,99999999999999999999)"] {
        assert_eq!(Template::parse(&format!("{{{{ {bad} }}}}")), Err(Error::Random(bad.into())), "{bad}");
    }
}

#[test]
fn a_text_without_placeholders_is_constant() {
    assert_eq!(Template::parse("plain").unwrap().constant(), Some("plain"));
    assert_eq!(Template::parse("{{ vu }}").unwrap().constant(), None);
}

#[test]
fn random_numbers_and_identifiers_are_the_seeds() {
    let of = |seed, iteration| {
        let values = Values { draws: Draws::new(seed, 1, iteration), ..Values::default() };
        rendered("{{ uuid }} {{ random(-5, 5) }} {{random(0,9223372036854775807)}}", &values)
    };
    assert_eq!(of(1, 0), of(1, 0));
    assert_ne!(of(1, 0), of(2, 0));
    assert_ne!(of(1, 0), of(1, 1));
    let uuid = of(1, 0)[..36].to_owned();
    let groups: Vec<_> = uuid.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert!(uuid.chars().all(|char| char == '-' || char.is_ascii_hexdigit()), "{uuid}");
    assert!(uuid[14..].starts_with('4') && ['8', '9', 'a', 'b'].contains(&uuid.chars().nth(19).unwrap()), "{uuid}");
}

#[test]
fn a_value_is_encoded_for_its_place() {
    let values = with_variable("a\"b c", Form::Text);
    let of = |encoding| {
        let mut out = String::new();
        named("<{{ token }}>").encoded(encoding).render(&values, &mut out).unwrap();
        out
    };
    assert_eq!(of(Encoding::Plain), "<a\"b c>");
    assert_eq!(of(Encoding::JsonText), r#"<a\"b c>"#);
    assert_eq!(of(Encoding::Component), "%3Ca%22b%20c%3E");
    assert_eq!(of(Encoding::Form), "%3Ca%22b+c%3E");
}

#[test]
fn what_is_encoded_stays_so_in_a_larger_template() {
    let mut whole = Template::literal("?a=");
    whole.push(named("{{ token }}").encoded(Encoding::Component), Encoding::Plain);
    let mut out = String::new();
    whole.render(&with_variable("b&c", Form::Text), &mut out).unwrap();
    assert_eq!(out, "?a=b%26c");
}

#[test]
fn a_missing_value_is_an_error_with_its_name() {
    let values = with_variable("x", Form::Json);
    let template = named("{{ token }}{{ other }}");
    assert_eq!(template.render(&values, &mut String::new()), Err(RenderError::Missing("other")));
    assert_eq!(template.is_complete(&values), Err(RenderError::Missing("other")));
    assert_eq!(template.is_complete(&values).unwrap_err().to_string(), "`{{ other }}` has no value");
    assert_eq!((named("{{ token }}").form(&values), template.form(&values)), (Form::Json, Form::Text));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _outcome = Template::parse(&text);
    }

    #[test]
    fn source_reads_back_to_the_same_template(text in "([a-z ]|\\{\\{ (vu|index|seq|uuid|random\\(1,2\\)) \\}\\}){0,8}") {
        let template = Template::parse(&text).unwrap();
        prop_assert_eq!(Template::parse(&template.source()).unwrap(), template);
    }
}

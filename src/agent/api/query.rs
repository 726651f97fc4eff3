//! The query of a request: each parameter once, and none that is not known.

use std::collections::BTreeMap;

use url::form_urlencoded;

use crate::agent::api::problem::Problem;

/// The parameters, of which `known` may be given.
pub(super) fn parameters(query: Option<&str>, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if !known.contains(&name.as_ref()) {
            let message = format!("unknown parameter {name:?}; there are: {}", known.join(", "));
            return Err(Problem::invalid(message));
        }
        if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(Problem::invalid(format!("parameter {name:?} is given twice")));
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_and_given_once() {
        let read = |query| parameters(query, &["limit", "before"]);
        assert!(read(None).unwrap().is_empty());
        let both = read(Some("before=a%20b&limit=5")).unwrap();
        assert_eq!((both["before"].as_str(), both["limit"].as_str()), ("a b", "5"));
        for bad in ["limits=5", "limit=5&limit=6"] {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }
}

//! What a profile takes from around it: variables and files, as its text names them.

use std::collections::BTreeSet;

use serde_json::Value;

/// What is named in a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Variables without a default that the profile does not set itself.
    pub variables: BTreeSet<String>,
    /// Files that hold messages and bodies.
    pub files: BTreeSet<String>,
    /// Tables behind `data:`, which may hold passwords.
    pub data: BTreeSet<String>,
    /// Files that are secrets or certificates: `${file:…}`, `caFile`, `keyFile` and the like.
    pub secrets: BTreeSet<String>,
}

impl Inputs {
    /// Of a profile as typed, with the variables that its pods will have.
    #[must_use]
    pub fn of(typed: &Value, given: &[(String, String)]) -> Self {
        let mut inputs = Self::default();
        inputs.walk(typed, "", given);
        let mut tables = Self::default();
        tables.walk(&typed["data"], "", given);
        inputs.files = &inputs.files - &tables.files;
        inputs.data = tables.files;
        let own = |env: &Value| env.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let scenarios = typed["scenarios"].as_object().into_iter().flat_map(|map| map.values());
        for name in scenarios.map(|scenario| &scenario["env"]).chain([&typed["env"]]).flat_map(own) {
            inputs.variables.remove(&name);
        }
        inputs
    }

    fn walk(&mut self, value: &Value, key: &str, given: &[(String, String)]) {
        match value {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| self.walk(value, key, given)),
            Value::Array(elements) => elements.iter().for_each(|value| self.walk(value, key, given)),
            Value::String(text) => {
                self.references(text);
                // A path with a variable that is not given is known in the pod only.
                let Some(path) = filled(text, given).filter(|path| !path.is_empty()) else { return };
                match key {
                    "file" => _ = self.files.insert(path),
                    _ if key.ends_with("File") => _ = self.secrets.insert(path),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn references(&mut self, text: &str) {
        for (at, _) in text.match_indices("${") {
            // `$${` stands for itself.
            if text[..at].ends_with('$') {
                continue;
            }
            let Some(inside) = text[at + 2..].split('}').next() else { continue };
            if let Some(path) = inside.strip_prefix("file:") {
                self.secrets.insert(path.to_owned());
            } else if !inside.contains(":-") {
                self.variables.insert(inside.to_owned());
            }
        }
    }
}

/// A path with its variables filled in; none if one of them is neither given nor has a default.
fn filled(text: &str, given: &[(String, String)]) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, behind) = after.split_once('}')?;
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        let value = given.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        out.push_str(before);
        out.push_str(value.or(default)?);
        rest = behind;
    }
    Some(out + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let typed = json!({
            "env": { "OWN": 1 },
            "scenarios": { "a": { "env": { "THEIRS": "${FROM}" }, "flow": [{ "http": { "url": "${OWN}${THEIRS}${URL:-x}$${NOT}" } }] } },
            "data": { "users": { "file": "users.csv" } },
            "flow": [{ "websocket": { "headers": { "authorization": "Bearer ${file:token}" }, "steps": [{ "send": { "file": "a/b.bin" } }] } }],
            "tls": { "caFile": "ca.pem", "keyFile": "${KEY}" },
        });
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let expected = Inputs {
            variables: set(&["FROM", "KEY"]),
            files: set(&["a/b.bin"]),
            data: set(&["users.csv"]),
            secrets: set(&["ca.pem", "token"]),
        };
        assert_eq!(Inputs::of(&typed, &[]), expected);
    }

    #[test]
    fn paths_have_their_variables_as_the_pod_will_have_them() {
        let given = [("A".to_owned(), "one".to_owned())];
        for (text, expected) in [
            ("plain.csv", Some("plain.csv")),
            ("${A}.csv", Some("one.csv")),
            ("d/${A:-two}/${B:-three}.csv", Some("d/one/three.csv")),
            ("${B}.csv", None),
            ("${A", None),
        ] {
            assert_eq!(filled(text, &given).as_deref(), expected, "{text}");
        }
    }
}

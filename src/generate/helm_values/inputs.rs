//! What a profile takes from around it: variables and files, as its text names them.

use std::collections::BTreeSet;

use serde_json::Value;

/// What is named in a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Variables without a default that the profile does not set itself.
    pub variables: BTreeSet<String>,
    /// Files that hold messages, bodies and data.
    pub files: BTreeSet<String>,
    /// Files that are secrets or certificates: `${file:…}`, `caFile`, `keyFile` and the like.
    pub secrets: BTreeSet<String>,
}

impl Inputs {
    /// Of a profile as typed.
    #[must_use]
    pub fn of(typed: &Value) -> Self {
        let mut inputs = Self::default();
        inputs.walk(typed, "");
        let own = |env: &Value| env.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let scenarios = typed["scenarios"].as_object().into_iter().flat_map(|map| map.values());
        for name in scenarios.map(|scenario| &scenario["env"]).chain([&typed["env"]]).flat_map(own) {
            inputs.variables.remove(&name);
        }
        inputs
    }

    fn walk(&mut self, value: &Value, key: &str) {
        match value {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| self.walk(value, key)),
            Value::Array(elements) => elements.iter().for_each(|value| self.walk(value, key)),
            Value::String(text) => {
                self.references(text);
                // A path with variables is known in the pod only.
                if !text.contains("${") && !text.is_empty() {
                    match key {
                        "file" => _ = self.files.insert(text.clone()),
                        _ if key.ends_with("File") => _ = self.secrets.insert(text.clone()),
                        _ => {}
                    }
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
            files: set(&["a/b.bin", "users.csv"]),
            secrets: set(&["ca.pem", "token"]),
        };
        assert_eq!(Inputs::of(&typed), expected);
    }
}

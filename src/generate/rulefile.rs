//! Rules as data, and as the files that Prometheus and its operator read.

use std::fmt::Write as _;

/// Pairs of name and text, in the order in which they are written.
pub type Pairs = Vec<(&'static str, String)>;

/// Rules that are evaluated one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Unique in its file.
    pub name: String,
    /// Recording rules come before the alerts that read them.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it leaves.
    pub kind: RuleKind,
    /// PromQL; may have several lines.
    pub expr: String,
    /// Labels of the recorded series or of the alert.
    pub labels: Pairs,
}

/// What a rule leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// A series of this name.
    Record(String),
    /// An alert.
    Alert {
        /// CamelCase.
        name: String,
        /// How long the expression must hold; empty: not at all.
        wait: &'static str,
        /// For people.
        annotations: Pairs,
    },
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For `rule_files` of Prometheus.
    Rules,
    /// A `PrometheusRule` for the operator.
    PrometheusRule,
}

/// How often rules are evaluated: a run's end must be seen well before its pods are gone.
pub const INTERVAL: &str = "10s";

impl Rule {
    /// The alert's name, if it is one.
    #[must_use]
    pub fn alert(&self) -> Option<&str> {
        match &self.kind {
            RuleKind::Alert { name, .. } => Some(name),
            RuleKind::Record(_) => None,
        }
    }
}

/// A text as a YAML scalar: JSON strings are YAML.
#[must_use]
pub fn scalar(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "_-/".contains(char);
    let word = text.starts_with(|char: char| char.is_ascii_alphabetic()) && text.chars().all(plain);
    // YAML 1.1 reads these as booleans and nothing.
    let special = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&&*text.to_ascii_lowercase());
    if word && !special { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// The file, under `comment` (lines without `#`). `name` is that of the operator's object.
#[must_use]
pub fn render(groups: &[Group], format: Format, name: &str, comment: &str) -> String {
    let mut text: String = comment.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect();
    let indent = match format {
        Format::Rules => "",
        Format::PrometheusRule => {
            let _infallible = write!(
                text,
                "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: {}\nspec:\n",
                scalar(&object_name(name))
            );
            "  "
        }
    };
    for line in body(groups).lines() {
        text.push_str(if line.is_empty() { "" } else { indent });
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A name that Kubernetes takes: lower case letters, digits and `-`, a letter or digit at both ends.
fn object_name(name: &str) -> String {
    let mapped = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
    let name: String = format!("rampd-{name}").chars().map(mapped).take(63).collect();
    name.trim_end_matches('-').to_owned()
}

fn body(groups: &[Group]) -> String {
    let mut text = "groups:\n".to_owned();
    for group in groups {
        let _infallible = write!(text, "  - name: {}\n    interval: {INTERVAL}\n    rules:\n", scalar(&group.name));
        for rule in &group.rules {
            write_rule(&mut text, rule);
        }
    }
    text
}

fn write_rule(text: &mut String, rule: &Rule) {
    let mut field = |name: &str, value: &str| {
        let _infallible = writeln!(text, "{name}{value}");
    };
    match &rule.kind {
        RuleKind::Record(name) => field("      - record: ", &scalar(name)),
        RuleKind::Alert { name, .. } => field("      - alert: ", &scalar(name)),
    }
    field("        expr: |-", "");
    for line in rule.expr.lines() {
        field("          ", line);
    }
    let mut pairs = |title: &str, pairs: &Pairs| {
        if !pairs.is_empty() {
            field("        ", title);
        }
        for (name, value) in pairs {
            field(&format!("          {name}: "), &scalar(value));
        }
    };
    match &rule.kind {
        RuleKind::Record(_) => pairs("labels:", &rule.labels),
        RuleKind::Alert { wait, annotations, .. } => {
            pairs("labels:", &rule.labels);
            pairs("annotations:", annotations);
            if !wait.is_empty() {
                field("        for: ", wait);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bare_and_all_else_is_quoted() {
        for (text, expected) in
            [("critical", "critical"), ("a:b", "\"a:b\""), ("yes", "\"yes\""), ("10", "\"10\""), ("", "\"\"")]
        {
            assert_eq!(scalar(text), expected);
        }
        assert_eq!(scalar("p(99)<200 \"x\""), r#""p(99)<200 \"x\"""#);
    }

    #[test]
    fn the_operators_object_holds_the_same_rules() {
        let rule = Rule { kind: RuleKind::Record("a:b".to_owned()), expr: "1\n+ 1".to_owned(), labels: Pairs::new() };
        let groups = [Group { name: "g".to_owned(), rules: vec![rule] }];
        let plain = render(&groups, Format::Rules, "Some name_", "why");
        let object = render(&groups, Format::PrometheusRule, "Some name_", "why");
        assert!(object.contains("  name: rampd-some-name\n"), "{object}");
        let inside = object.split_once("spec:\n").unwrap().1;
        let bare: String = inside.lines().map(|line| line.strip_prefix("  ").unwrap().to_owned() + "\n").collect();
        assert_eq!(plain, format!("# why\n{bare}"));
    }
}

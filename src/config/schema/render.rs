//! Tables to JSON Schema. Only what older drafts have too is used, as not every editor knows the latest.

use std::collections::BTreeMap;

use serde_json::{Map as Object, Value, json};

use super::{
    describe::description,
    shape::{Key, Map, Rule, Shape},
};
use crate::catalogue::{METRICS, Source};

/// A text with a variable may become anything.
const VARIABLE: &str = r"\$\{";
const DURATION: &str = r"^\s*(0|((([0-9]+\.?[0-9]*)|(\.[0-9]+))(ns|us|µs|ms|s|m|h|d))+)\s*$";
const SIZE: &str = r"^\s*[0-9]+\s*(B|KiB|MiB|GiB|kB|MB|GB)?\s*$";

/// The whole document.
pub(super) fn document(profile: &'static Map) -> Value {
    let mut definitions = Definitions::default();
    let root = definitions.map(profile);
    let mut all: Object<String, Value> = definitions.maps.into_iter().collect();
    all.insert("variable".to_owned(), json!({ "type": "string", "pattern": VARIABLE }));
    all.insert(
        "duration".to_owned(),
        json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": text(DURATION) }] }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rampd profile",
        "description": "Who runs when, what each of them does, and which thresholds must hold.",
        "$ref": root["$ref"],
        "$defs": all,
    })
}

/// The expression, or a variable.
fn text(pattern: &str) -> String {
    format!("{pattern}|{VARIABLE}")
}

#[derive(Default)]
struct Definitions {
    maps: BTreeMap<String, Value>,
}

impl Definitions {
    fn shape(&mut self, shape: &'static Shape) -> Value {
        let variable = json!({ "$ref": "#/$defs/variable" });
        match shape {
            Shape::Text => json!({ "type": "string" }),
            Shape::Pattern(pattern) => json!({ "type": "string", "pattern": text(pattern) }),
            Shape::Words(words) => json!({ "anyOf": [{ "enum": words }, variable] }),
            Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
            Shape::Flag => json!({ "anyOf": [{ "type": "boolean" }, variable] }),
            Shape::Number(pattern) => {
                json!({ "anyOf": [{ "type": "number" }, { "type": "string", "pattern": text(pattern) }] })
            }
            Shape::Decimal(least, most) => {
                let mut number = json!({ "type": "number" });
                for (name, bound) in [("minimum", least), ("maximum", most)] {
                    if let Some(bound) = bound {
                        number[name] = json!(bound);
                    }
                }
                number
            }
            Shape::Whole(least, most) => {
                json!({ "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, variable] })
            }
            Shape::Duration => json!({ "$ref": "#/$defs/duration" }),
            Shape::Size => {
                json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": text(SIZE) }] })
            }
            Shape::Nothing => json!({ "type": "null" }),
            Shape::Anything => json!(true),
            Shape::List(least, of) => json!({ "type": "array", "items": self.shape(of), "minItems": least }),
            Shape::MapOf(least, names, of) => {
                let mut map = json!({ "type": "object", "additionalProperties": self.shape(of) });
                if *least > 0 {
                    map["minProperties"] = json!(least);
                }
                if !names.is_empty() {
                    map["propertyNames"] = json!({ "pattern": names });
                }
                map
            }
            Shape::MapExcept(reserved, names, of) => json!({
                "type": "object",
                "additionalProperties": self.shape(of),
                "propertyNames": { "pattern": names, "not": { "enum": reserved } },
            }),
            Shape::MapWith(known, names, of) => {
                let mut map = self.object(known, known.keys.iter());
                map["additionalProperties"] = self.shape(of);
                map["propertyNames"] = json!({ "pattern": names });
                map
            }
            Shape::ByMetric(of) => {
                let of = self.shape(of);
                json!({ "type": "object", "properties": metrics(&of), "additionalProperties": of })
            }
            Shape::Map(map) => self.map(map),
            Shape::OneOf(shapes) => {
                json!({ "anyOf": shapes.iter().map(|shape| self.shape(shape)).collect::<Vec<_>>() })
            }
        }
    }

    /// A reference to the map's definition, which is made once.
    fn map(&mut self, map: &'static Map) -> Value {
        if !self.maps.contains_key(map.name) {
            // A map may hold itself, as `repeat` does: the name is taken before it is known what it stands for.
            self.maps.insert(map.name.to_owned(), Value::Null);
            let definition = self.definition(map);
            self.maps.insert(map.name.to_owned(), definition);
        }
        json!({ "$ref": format!("#/$defs/{}", map.name) })
    }

    fn definition(&mut self, map: &'static Map) -> Value {
        let mut object = self.object(map, map.keys.iter());
        let mut conditions = Vec::new();
        for rule in map.rules {
            match rule {
                Rule::Step => {
                    object["minProperties"] = json!(1);
                    object["maxProperties"] = json!(1);
                }
                Rule::AnyOf(keys) => {
                    let any: Vec<_> = keys.iter().map(|key| has(map, key)).collect();
                    conditions.push(json!({ "anyOf": any }));
                }
                Rule::Exclusive(keys) => {
                    let pairs = keys.iter().enumerate().flat_map(|(at, first)| {
                        keys[at + 1..].iter().map(move |second| json!({ "allOf": [has(map, first), has(map, second)] }))
                    });
                    conditions.push(json!({ "not": { "anyOf": pairs.collect::<Vec<_>>() } }));
                }
                Rule::Needs(key, other) => {
                    conditions.push(json!({ "anyOf": [{ "not": has(map, key) }, has(map, other)] }));
                }
                Rule::By(discriminator, variants) => {
                    let variants = variants.iter().map(|(value, keys)| {
                        let mut variant = self.object(map, map.keys.iter().chain(*keys));
                        variant["properties"][discriminator]["anyOf"] =
                            json!([{ "const": value }, { "$ref": "#/$defs/variable" }]);
                        variant
                    });
                    object = json!({ "anyOf": variants.collect::<Vec<_>>() });
                }
            }
        }
        if !conditions.is_empty() {
            object["allOf"] = conditions.into();
        }
        object
    }

    fn object(&mut self, map: &'static Map, keys: impl Iterator<Item = &'static Key> + Clone) -> Value {
        let properties: Object<_, _> = keys.clone().map(|key| (key.name.to_owned(), self.property(map, key))).collect();
        let required: Vec<_> = keys.filter(|key| key.required).map(|key| key.name).collect();
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        object
    }

    /// A key without a value counts as absent, so that an optional one may be empty.
    fn property(&mut self, map: &'static Map, key: &'static Key) -> Value {
        let mut value = self.shape(&key.shape);
        let step = map.rules.iter().any(|rule| matches!(rule, Rule::Step));
        if !key.required && !step && value != json!(true) {
            value = match value["anyOf"].take() {
                Value::Array(mut any) => {
                    any.push(json!({ "type": "null" }));
                    json!({ "anyOf": any })
                }
                _ => json!({ "anyOf": [self.shape(&key.shape), { "type": "null" }] }),
            };
        }
        if value == json!(true) {
            value = json!({});
        }
        if let (Some(object), Some(about)) = (value.as_object_mut(), description(map, key)) {
            object.insert("description".to_owned(), json!(about));
        }
        value
    }
}

/// The key is there, and not empty unless that is a value.
fn has(map: &Map, name: &str) -> Value {
    let may_be_empty = |shape: &Shape| match shape {
        Shape::Anything => true,
        Shape::OneOf(shapes) => shapes.iter().any(|shape| matches!(shape, Shape::Nothing)),
        _ => false,
    };
    if map.keys.iter().any(|key| key.name == name && may_be_empty(&key.shape)) {
        return json!({ "required": [name] });
    }
    json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } })
}

/// The metrics of the load by name, for completion; others are those of a profile's own.
fn metrics(thresholds: &Value) -> Value {
    let property = |source: Source| {
        let family = match source {
            Source::Family(family) | Source::Ratio { hits: family, .. } => family,
        };
        let mut property = thresholds.clone();
        property["description"] = json!(family.help());
        property
    };
    METRICS.iter().map(|metric| (metric.name.to_owned(), property(metric.source))).collect::<Object<_, _>>().into()
}

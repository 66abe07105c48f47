//! The JSON Schema of rule documents, for editors and for forms.
//!
//! What there is to say about fields stands in [`table`]; this turns it into JSON Schema 2020-12. A new field is one line there, and a test
//! compares the tables with what the reader knows.

mod table;

use serde_json::{Map, Value, json};

use crate::names::MAX_NAME_BYTES;
use crate::resources::Resource;
use crate::units::{DATA_UNITS, TIME_UNITS, Unit};

/// A field of an object.
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
    need: Need,
    doc: &'static str,
}

/// Whether a field must be there.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Need {
    /// It may be left out.
    Optional,
    /// It must be there.
    Required,
    /// It must be there, unless the document extends others that may say it.
    Alone,
    /// At least one of the fields with this need must be there.
    OneOf,
}

/// An object with fixed fields.
pub(super) struct Object {
    /// Its name among the definitions of the schema.
    name: &'static str,
    doc: &'static str,
    fields: &'static [Field],
    /// A field for each resource, besides.
    resources: Resources,
}

/// What an object says of each resource.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Resources {
    /// Nothing.
    None,
    /// What to set it to; at least one.
    Targets,
    /// The least and the most.
    Bounds,
}

/// What a field holds.
pub(super) enum Kind {
    /// The number 1.
    Version,
    Text,
    /// A text with something in it.
    NonEmpty,
    /// An expression that gives this.
    Expression(&'static str),
    /// The name of a rule.
    RuleName,
    /// A name without dots.
    Part,
    /// The label of a Prometheus series.
    Label,
    /// A number, truth value or text, in the syntax of literals.
    Constant,
    /// A number in any unit.
    Number,
    /// A number in this unit.
    Quantity(Unit),
    /// A duration, or the name of a parameter that holds one.
    Hold,
    /// From 0 to this.
    Share(f64),
    /// The unit of a metric or attribute.
    WireUnit,
    /// A whole number in a range.
    Whole(i64, i64),
    /// True or false.
    Truth,
    /// One of a few words.
    Choice(&'static dyn Words),
    /// Two constants.
    Range,
    /// An object.
    Object(&'static Object),
    /// Names with values of one kind.
    Map(&'static Kind),
    /// A list of values of one kind.
    List(&'static Kind),
    /// One, or a list.
    OneOrMore(&'static Kind),
    /// The same, where it is seen later which names there are.
    MapOfAny(&'static Kind),
    /// A constant, or an object.
    ConstantOr(&'static Object),
    /// A text, or an object.
    TextOr(&'static Object),
}

/// Words that a reader knows, from the reader's own tables.
pub(super) trait Words: Sync {
    fn words(&self) -> Vec<&'static str>;
}

impl<T: Sync, const N: usize> Words for [(&'static str, T); N] {
    fn words(&self) -> Vec<&'static str> {
        self.iter().map(|word| word.0).collect()
    }
}

/// The JSON Schema (2020-12) of rule documents.
///
/// It knows every field with its type and its explanation, and is no stricter than the reader: what reads also validates. What depends on
/// more than one value (names that must exist, a minimum above its maximum, expressions) only the reader and the compiler know.
///
/// The same text is in the repository, as `dras-core/schema/document.schema.json`.
///
/// ```
/// let schema = dras_core::rules::schema();
/// assert_eq!(schema["properties"]["version"]["const"], 1);
/// assert_eq!(schema["$defs"]["rule"]["required"][0], "name");
/// ```
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut root = object(&table::DOCUMENT, &mut definitions);
    let alone = inner_alone(&Kind::Object(&table::DOCUMENT)).unwrap_or_default();
    if let Value::Object(root) = &mut root {
        root.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        root.insert("title".to_owned(), json!("Rule document of dras"));
        root.insert("if".to_owned(), json!({ "required": ["extends"] }));
        root.insert("else".to_owned(), alone);
        root.insert("dependentRequired".to_owned(), json!({ "remove": ["extends"] }));
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    root
}

/// What is required inside a field where the document extends nothing.
fn inner_alone(kind: &Kind) -> Option<Value> {
    match kind {
        // Of values that are no objects, `required` and `properties` ask nothing.
        Kind::Object(object) | Kind::ConstantOr(object) | Kind::TextOr(object) => {
            let fields = object.fields.iter().filter(|f| f.need == Need::Alone);
            let names: Vec<&str> = fields.map(|f| f.name).collect();
            let deeper = object
                .fields
                .iter()
                .filter_map(|f| Some((f.name.to_owned(), inner_alone(&f.kind)?)));
            let deeper: Map<String, Value> = deeper.collect();
            let mut asked = Map::new();
            if !names.is_empty() {
                asked.insert("required".to_owned(), json!(names));
            }
            if !deeper.is_empty() {
                asked.insert("properties".to_owned(), Value::Object(deeper));
            }
            (!asked.is_empty()).then_some(Value::Object(asked))
        }
        Kind::Map(values) => inner_alone(values).map(|inner| json!({ "additionalProperties": inner })),
        Kind::List(elements) => inner_alone(elements).map(|inner| json!({ "items": inner })),
        _ => None,
    }
}

fn object(object: &'static Object, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in object.fields {
        let mut value = kind(&field.kind, definitions);
        if let Value::Object(value) = &mut value {
            // The field says more than what it holds.
            value.insert("description".to_owned(), describe(field).into());
        }
        properties.insert(field.name.to_owned(), value);
    }
    for resource in Resource::ALL {
        let value = match object.resources {
            Resources::None => break,
            Resources::Targets => json!({ "type": "string" }),
            Resources::Bounds if resource.unit() == Unit::BYTES => reference(&table::MEMORY_BOUNDS, definitions),
            Resources::Bounds => reference(&table::SUBTASK_BOUNDS, definitions),
        };
        properties.insert(resource.name().to_owned(), value);
        properties[resource.name()]["description"] = match object.resources {
            Resources::Targets => format!("{} (expression: {})", resource.doc(), resource.unit().describe()).into(),
            _ => resource.doc().into(),
        };
    }
    let needed = |need: Need| -> Vec<&str> {
        let fields = object.fields.iter().filter(|f| f.need == need);
        fields.map(|f| f.name).collect()
    };
    let (required, one_of) = (needed(Need::Required), needed(Need::OneOf));
    let mut schema = json!({
        "description": object.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !one_of.is_empty() {
        let choices: Vec<Value> = one_of.iter().map(|name| json!({ "required": [name] })).collect();
        schema["anyOf"] = json!(choices);
    }
    if object.resources == Resources::Targets {
        schema["minProperties"] = json!(1);
    }
    schema
}

fn describe(field: &Field) -> String {
    let what = match &field.kind {
        Kind::Expression(gives) => format!("expression: {gives}"),
        Kind::Quantity(unit) => unit.describe(),
        Kind::Hold => "a duration, or the name of a parameter".to_owned(),
        Kind::Share(most) => format!("a share, 0 … {most} or \"0%\" … \"{}%\"", most * 100.0),
        Kind::Constant | Kind::ConstantOr(_) => {
            "a constant: 0.8, \"80%\", \"5m\", \"2GiB\", \"1000/s\", true, \"'text'\"".to_owned()
        }
        _ => return field.doc.to_owned(),
    };
    format!("{} ({what})", field.doc)
}

fn reference(of: &'static Object, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(of.name) {
        // Entered first, so that an object may hold its like.
        definitions.insert(of.name.to_owned(), Value::Null);
        let schema = object(of, definitions);
        definitions.insert(of.name.to_owned(), schema);
    }
    json!({ "$ref": format!("#/$defs/{}", of.name) })
}

fn kind(of: &'static Kind, definitions: &mut Map<String, Value>) -> Value {
    match of {
        Kind::Version => json!({ "const": 1 }),
        Kind::Text | Kind::Expression(_) => json!({ "type": "string" }),
        Kind::NonEmpty => json!({ "type": "string", "pattern": "\\S" }),
        Kind::RuleName => json!({ "type": "string", "pattern": RULE_NAME, "maxLength": MAX_NAME_BYTES }),
        Kind::Part => json!({ "type": "string", "pattern": PART, "maxLength": MAX_NAME_BYTES }),
        Kind::Label => json!({ "type": "string", "pattern": PART }),
        Kind::Constant => constant(),
        Kind::Number => number_or_literal(),
        Kind::Quantity(unit) => quantity(*unit),
        Kind::Hold => json!({ "type": "string", "pattern": format!("{}|{NAME}", pattern(Unit::SECONDS)) }),
        Kind::Share(most) => {
            json!({ "anyOf": [{ "type": "number", "minimum": 0, "maximum": most }, text(&pattern(Unit::NUMBER))] })
        }
        Kind::WireUnit => {
            json!({ "type": "string", "pattern": "^\\s*[A-Za-z1%]+\\s*(/\\s*[A-Za-z1%]+\\s*)?$", "examples": table::UNITS })
        }
        Kind::Whole(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Choice(words) => json!({ "enum": words.words() }),
        Kind::Range => json!({ "type": "array", "items": number_or_literal(), "minItems": 2, "maxItems": 2 }),
        Kind::Object(object) => reference(object, definitions),
        Kind::Map(values) => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME, "maxLength": MAX_NAME_BYTES },
            "additionalProperties": kind(values, definitions),
        }),
        Kind::List(elements) => json!({ "type": "array", "items": kind(elements, definitions) }),
        Kind::OneOrMore(element) => {
            let element = kind(element, definitions);
            json!({ "anyOf": [element, { "type": "array", "items": element, "minItems": 1, "uniqueItems": true }] })
        }
        Kind::MapOfAny(values) => json!({ "type": "object", "additionalProperties": kind(values, definitions) }),
        Kind::ConstantOr(object) => json!({ "anyOf": [constant(), reference(object, definitions)] }),
        Kind::TextOr(object) => json!({ "anyOf": [{ "type": "string" }, reference(object, definitions)] }),
    }
}

const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$";
/// As a name, with hyphens where a letter can be.
const RULE_NAME: &str = "^[A-Za-z_-][A-Za-z0-9_-]*(\\.[A-Za-z_-][A-Za-z0-9_-]*)*$";
const PART: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// The digits of a literal. What the reader refuses among these, such as `1..2`, it says better than a pattern could.
const DIGITS: &str = "[0-9.][0-9_.]*([eE][+-]?[0-9]+)?";

/// Literals of this unit, as a regular expression.
fn pattern(unit: Unit) -> String {
    let names = |table: &[(&'static str, f64)]| table.iter().map(|u| u.0).collect::<Vec<_>>().join("|");
    match unit {
        Unit::NUMBER => format!("^-?{DIGITS}%?$"),
        Unit::SECONDS => format!("^-?({DIGITS}({}))+$", names(TIME_UNITS)),
        Unit::BYTES => format!("^-?{DIGITS}({})$", names(DATA_UNITS)),
        _ => format!("^-?{DIGITS}\\S*$"),
    }
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn quantity(unit: Unit) -> Value {
    if unit.is_number() {
        json!({ "anyOf": [{ "type": "number" }, text(&pattern(unit))] })
    } else {
        text(&pattern(unit))
    }
}

fn number_or_literal() -> Value {
    json!({ "anyOf": [{ "type": "number" }, text("^-?[0-9.]\\S*$")] })
}

fn constant() -> Value {
    json!({ "anyOf": [{ "type": ["number", "boolean"] }, text("^-?[0-9.]\\S*$|^'[\\s\\S]*'$|^\"[\\s\\S]*\"$")] })
}

//! What does not fit a JSON Schema, in sentences. Where values could be secrets they are never repeated.

use std::fmt::Write as _;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::nearest;

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer into what was checked.
    pub pointer: String,
    /// The rule of the schema that it breaks: `required`, `oneOf`.
    pub rule: String,
    pub message: String,
    pub suggestion: Option<String>,
}

impl Misfit {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), rule: String::new(), message: message.into(), suggestion: None }
    }

    fn suggest_some(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }
}

/// Everything about a value that does not fit a schema. `schema` is what the validator was made of.
pub fn misfits(validator: &Validator, schema: &Value, value: &Value, show_values: bool) -> Vec<Misfit> {
    let told = validator.iter_errors(value).flat_map(|error| {
        let rule = error.kind().keyword().to_owned();
        tell(&error, schema, show_values).into_iter().map(move |misfit| Misfit { rule: rule.clone(), ..misfit })
    });
    let mut told: Vec<Misfit> = told.collect();
    told.dedup();
    told
}

/// Everything about a connection's settings that does not fit the connector's schema, as sentences.
pub fn settings_misfits(schema: &Value, settings: &Value) -> Vec<String> {
    match jsonschema::validator_for(schema) {
        Ok(validator) => {
            misfits(&validator, schema, settings, false).into_iter().map(|misfit| misfit.message).collect()
        }
        Err(_) => vec!["The connector's own schema cannot be read.".to_owned()],
    }
}

fn tell(error: &ValidationError<'_>, schema: &Value, show_values: bool) -> Vec<Misfit> {
    let pointer = error.instance_path().as_str().to_owned();
    let at = place(&pointer);
    let keyword = schema.pointer(error.schema_path().as_str());
    let misfit = |message: String| Misfit::new(pointer.clone(), message);
    let value = || match error.instance().as_ref() {
        Value::String(text) if show_values => format!("`{}`", clip(text)),
        Value::Number(number) if show_values => format!("`{number}`"),
        Value::Bool(flag) if show_values => format!("`{flag}`"),
        other => kind_of(other).to_owned(),
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = siblings(error, schema);
            unexpected
                .iter()
                .map(|name| {
                    let inner = format!("{pointer}/{}", step(name));
                    let message = format!("{at} has no setting `{}`.", clip(name));
                    let meant = nearest::nearest(name, known.iter().map(String::as_str));
                    let all = nearest::list(known.iter().map(String::as_str), 20);
                    let suggestion = meant.map_or_else(|| format!("It has {all}."), str::to_owned);
                    let misfit = Misfit::new(inner, message);
                    if known.is_empty() { misfit } else { misfit.suggest_some(Some(suggestion)) }
                })
                .collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let mut missing = misfit(format!("{at} lacks `{name}`."));
            missing.suggestion = described(error, schema, name);
            vec![missing]
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let message = format!("{at} is {}; it is one of {}.", value(), nearest::list(options.iter().copied(), 20));
            let meant = match error.instance().as_ref() {
                Value::String(text) => nearest::nearest(text, options.iter().copied()).map(str::to_owned),
                Value::Null if options.contains(&"null") => Some("\"null\"".to_owned()),
                _ => None,
            };
            let any = || format!("One of {}.", nearest::list(options.iter().copied(), 20));
            vec![misfit(message).suggest_some(Some(meant.unwrap_or_else(any)))]
        }
        ValidationErrorKind::Type { .. } => {
            let wanted = keyword.map(wanted_types).unwrap_or_default();
            vec![misfit(format!("{at} is {}; it must be {wanted}.", value()))]
        }
        ValidationErrorKind::Constant { expected_value } => {
            vec![
                misfit(format!("{at} is {}; it must be `{expected_value}`.", value()))
                    .suggest_some(Some(expected_value.to_string())),
            ]
        }
        ValidationErrorKind::MinItems { .. } => vec![misfit(format!("{at} is empty; it names at least one."))],
        ValidationErrorKind::MaxItems { limit } => vec![misfit(format!("{at} has more than {limit} entries."))],
        ValidationErrorKind::UniqueItems => vec![misfit(format!("{at} names the same thing twice."))],
        ValidationErrorKind::MinLength { limit } => {
            vec![misfit(format!("{at} is too short: it has at least {limit} characters."))]
        }
        ValidationErrorKind::MaxLength { limit } => {
            vec![misfit(format!("{at} is too long: it has at most {limit} characters."))]
        }
        ValidationErrorKind::Minimum { limit } => vec![misfit(format!("{at} is less than {limit}."))],
        ValidationErrorKind::Maximum { limit } => vec![misfit(format!("{at} is more than {limit}."))],
        _ => vec![misfit(format!("{at} does not fit."))],
    }
}

/// The named place, for a sentence.
fn place(pointer: &str) -> String {
    if pointer.is_empty() {
        return "The whole".to_owned();
    }
    let mut text = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            let _ = write!(text, "[{part}]");
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    format!("`{}`", clip(&text))
}

/// Settings that stand beside the keyword that failed.
fn siblings(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let path = error.schema_path().as_str();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = schema.pointer(&format!("{parent}/properties")).and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// What the schema says of a missing setting.
fn described(error: &ValidationError<'_>, schema: &Value, name: &str) -> Option<String> {
    let path = error.schema_path().as_str();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let text = schema.pointer(&format!("{parent}/properties/{name}/description"))?.as_str()?;
    Some(text.to_owned())
}

fn wanted_types(keyword: &Value) -> String {
    let name = |kind: &str| match kind {
        "array" => "a list",
        "object" => "an object",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "null",
    };
    match keyword {
        Value::String(one) => name(one).to_owned(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(name).collect::<Vec<_>>().join(" or "),
        _ => "of another type".to_owned(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// One step of a JSON pointer, escaped.
pub fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Somebody's text, short enough for a sentence.
pub fn clip(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}

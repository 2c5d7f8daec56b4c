//! The shape of a plan: one JSON Schema for model, server, command line and page, and sentences for what does not fit it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::Problem;
use crate::catalog::nearest;

/// `tools/schema/plan.v1.json`, as text.
pub const SCHEMA_TEXT: &str = include_str!("../../tools/schema/plan.v1.json");

static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(SCHEMA_TEXT).unwrap_or_default());
static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| jsonschema::validator_for(&SCHEMA).ok());

/// The schema of plans, version 1.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// Everything about a draft that does not fit the schema.
pub(super) fn problems(draft: &Value) -> Vec<Problem> {
    let Some(validator) = VALIDATOR.as_ref() else {
        return vec![Problem::new("", "shape", "The schema of plans cannot be read.")];
    };
    let mut found: Vec<Problem> = validator.iter_errors(draft).flat_map(|error| tell(&error, &SCHEMA, true)).collect();
    found.dedup();
    found
}

/// Everything about a connection's settings that does not fit the connector's schema, as sentences. Values are never
/// repeated: they could be secrets.
pub fn settings_problems(schema: &Value, settings: &Value) -> Vec<String> {
    match jsonschema::validator_for(schema) {
        Ok(validator) => {
            let told = validator.iter_errors(settings).flat_map(|error| tell(&error, schema, false));
            let mut told: Vec<String> = told.map(|problem| problem.message).collect();
            told.dedup();
            told
        }
        Err(_) => vec!["The connector's own schema cannot be read.".to_owned()],
    }
}

fn tell(error: &ValidationError<'_>, schema: &Value, show_values: bool) -> Vec<Problem> {
    let pointer = error.instance_path().as_str().to_owned();
    let at = place(&pointer);
    let keyword = schema.pointer(error.schema_path().as_str());
    let problem = |message: String| Problem::new(pointer.clone(), "shape", message);
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
                    let inner = format!("{pointer}/{}", super::problem::step(name));
                    let message = format!("{at} has no setting `{}`.", clip(name));
                    let meant = nearest::nearest(name, known.iter().map(String::as_str));
                    let all = nearest::list(known.iter().map(String::as_str), 20);
                    let suggestion = meant.map_or_else(|| format!("It has {all}."), str::to_owned);
                    let problem = Problem::new(inner, "shape", message);
                    if known.is_empty() { problem } else { problem.suggest(suggestion) }
                })
                .collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let mut missing = problem(format!("{at} lacks `{name}`."));
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
            vec![problem(message).suggest_some(meant)]
        }
        ValidationErrorKind::Type { .. } => {
            let wanted = keyword.map(wanted_types).unwrap_or_default();
            vec![problem(format!("{at} is {}; it must be {wanted}.", value()))]
        }
        ValidationErrorKind::Constant { expected_value } => {
            vec![
                problem(format!("{at} is {}; it must be `{expected_value}`.", value()))
                    .suggest(expected_value.to_string()),
            ]
        }
        ValidationErrorKind::MinItems { .. } => vec![problem(format!("{at} is empty; it names at least one."))],
        ValidationErrorKind::MaxItems { limit } => vec![problem(format!("{at} has more than {limit} entries."))],
        ValidationErrorKind::UniqueItems => vec![problem(format!("{at} names the same thing twice."))],
        ValidationErrorKind::MinLength { limit } => {
            vec![problem(format!("{at} is too short: it has at least {limit} characters."))]
        }
        ValidationErrorKind::MaxLength { limit } => {
            vec![problem(format!("{at} is too long: it has at most {limit} characters."))]
        }
        ValidationErrorKind::Minimum { limit } => vec![problem(format!("{at} is less than {limit}."))],
        ValidationErrorKind::Maximum { limit } => vec![problem(format!("{at} is more than {limit}."))],
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::OneOfMultipleValid { .. }
            if pointer == "/schedule" =>
        {
            vec![
                problem("`schedule` takes either `cron` (with `timezone`) or `every`, one of the two.".to_owned())
                    .suggest("{cron: \"0 2 * * *\", timezone: UTC}"),
            ]
        }
        _ => vec![problem(format!("{at} does not fit."))],
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

/// Text of a draft, short enough for a sentence.
pub(super) fn clip(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}

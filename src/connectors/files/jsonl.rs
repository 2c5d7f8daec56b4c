//! JSON lines: one object per line, numbers kept as they are written.

use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{self, Scalar};
use crate::connectors::LogicalType;

/// The members of one line, in order, values raw. A member named twice is an error: which one counts is anybody's guess.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &'de RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if members.iter().any(|(seen, _)| *seen == name) {
                        return Err(serde::de::Error::custom("a member is named twice"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A raw member as a column's type. `ours`: the file was written by this product, which stores JSON texts that begin
/// with a quote inside a JSON string.
pub(super) fn parse<'a>(raw: &'a RawValue, logical: &LogicalType, ours: bool) -> Result<Scalar<'a>, &'static str> {
    let text = raw.get();
    if text == "null" {
        return Ok(Scalar::Null);
    }
    if *logical == LogicalType::Json {
        return if ours && text.starts_with('"') {
            unquote(text).map(Scalar::OwnedText)
        } else {
            Ok(Scalar::Text(text))
        };
    }
    match text.as_bytes().first() {
        Some(b'"') => {
            let unquoted = unquote(text)?;
            match scalar::parse(&unquoted, logical)? {
                Scalar::Text(_) | Scalar::OwnedText(_) => Ok(Scalar::OwnedText(unquoted)),
                Scalar::Boolean(value) => Ok(Scalar::Boolean(value)),
                Scalar::Integer(value) => Ok(Scalar::Integer(value)),
                Scalar::Float(value) => Ok(Scalar::Float(value)),
                Scalar::Decimal(value) => Ok(Scalar::Decimal(value)),
                Scalar::Binary(value) => Ok(Scalar::Binary(value)),
                Scalar::Count(value) => Ok(Scalar::Count(value)),
                Scalar::Null => Ok(Scalar::Null),
            }
        }
        // In a text column the JSON text stands for the value: `{"a":1}`, `12.50`, `true`.
        _ => scalar::parse(text, logical),
    }
}

fn unquote(text: &str) -> Result<String, &'static str> {
    serde_json::from_str(text).map_err(|_| "is text with an escape that stands for no character")
}

/// Writes a text as a JSON string.
pub(super) fn write_string(to: &mut Vec<u8>, text: &str) {
    // Writing a string to a vector cannot fail.
    let _ = serde_json::to_writer(to, text);
}

/// Whether a text can stand raw in a line: valid JSON, in one line, and not a JSON string, whose quotes the reader would
/// take off.
pub(super) fn stands_raw(text: &str) -> bool {
    !text.contains(['\n', '\r'])
        && !text.trim_start().starts_with('"')
        && text.trim() == text
        && text != "null"
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

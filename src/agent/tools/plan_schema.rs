//! `{"$ref": "plan"}` in a tool's file stands for the plan's own schema, so that model, server and page read one text.

use serde_json::{Map, Value};

/// Puts the plan's schema in the place of the reference, and its definitions where `#/$defs/…` finds them: at the root.
pub(in crate::agent) fn embed(parameters: &mut Value) -> Result<(), serde_json::Error> {
    let mut definitions = Map::new();
    replace(parameters, &mut definitions)?;
    if !definitions.is_empty()
        && let Value::Object(root) = parameters
    {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Ok(())
}

fn replace(value: &mut Value, definitions: &mut Map<String, Value>) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(members) if members.get("$ref").is_some_and(|name| name == "plan") => {
            let mut schema: Map<String, Value> = serde_json::from_str(crate::plan::shape::SCHEMA_TEXT)?;
            schema.retain(|name, _| !matches!(name.as_str(), "$schema" | "$id"));
            if let Some(Value::Object(found)) = schema.remove("$defs") {
                definitions.extend(found);
            }
            *value = Value::Object(schema);
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                replace(member, definitions)?;
            }
        }
        Value::Array(items) => {
            for item in items {
                replace(item, definitions)?;
            }
        }
        _ => {}
    }
    Ok(())
}

//! The shape of a plan: one JSON Schema for model, server, command line and page.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::Problem;
use crate::catalog::misfit::misfits;

pub(super) use crate::catalog::misfit::clip;

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
    let told = misfits(validator, &SCHEMA, draft, true).into_iter().map(|misfit| {
        if misfit.pointer == "/schedule" && misfit.rule == "oneOf" {
            let message = "`schedule` takes either `cron` (with `timezone`) or `every`, one of the two.";
            return Problem::new("/schedule", "shape", message).suggest("{cron: \"0 2 * * *\", timezone: UTC}");
        }
        Problem::new(misfit.pointer, "shape", misfit.message).suggest_some(misfit.suggestion)
    });
    told.collect()
}

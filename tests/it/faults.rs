//! What goes wrong between real systems, and what must be left standing then. Each test goes the product's whole way: plan,
//! confirmation, run, receipt.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod broken_files;
mod crash;
mod cursors;
mod disk;
mod empty;
mod memory;
mod names;
mod unruly;
mod values;
mod wide;
mod wire;

use serde_json::{Value, json};
use towpath::plan::{self, Draft, Problem, ProposeError};

use crate::yard::{Yard, spec};

/// A plan of one stream whose part is completed by these settings. The destination is a [`System::goal`].
///
/// [`System::goal`]: crate::systems::System::goal
fn of(source: &str, destination: &str, (stream, target): (&str, &str), settings: &Value) -> Value {
    let mut part = json!({"stream": stream, "target": target});
    part.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let (connection, namespace) = destination.split_once('/').unwrap_or((destination, ""));
    let mut plan = spec(source, connection, part);
    if !namespace.is_empty() {
        plan["destination"]["namespace"] = namespace.into();
    }
    plan
}

/// What a plan is refused with.
async fn problems(yard: &Yard, spec: Value) -> Vec<Problem> {
    match plan::propose(&yard.workspace, Draft::from_model(spec), None, None).await {
        Ok(proposed) => panic!("the plan passed: {:?}", proposed.view),
        Err(ProposeError::Problems(problems)) => problems,
        Err(ProposeError::Store(error)) => panic!("{error:?}"),
    }
}

/// Every way to read and write, by name; a merge goes by `id`, a cursor is `changed`.
fn modes() -> [(&'static str, Value); 5] {
    [
        ("replace", json!({"read": "full", "write": "replace"})),
        ("append", json!({"read": "full", "write": "append"})),
        ("merge", json!({"read": "full", "write": "merge", "key": ["id"]})),
        (
            "increments",
            json!({"read": "incremental", "cursor": "changed", "null_cursor": "include", "write": "append"}),
        ),
        (
            "merged_increments",
            json!({"read": "incremental", "cursor": "changed", "null_cursor": "include", "write": "merge", "key": ["id"]}),
        ),
    ]
}

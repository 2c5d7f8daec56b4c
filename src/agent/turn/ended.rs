//! Runs that a talk led to and that have ended meanwhile: each leaves one notice for minds to read, before what the person
//! says next. It is looked up when they say it, so that no notice is lost with a process and none comes twice.

use serde_json::{Value, json};

use super::{Agent, TurnError};
use crate::agent::guard::{secrets, untrusted};
use crate::agent::prompt::{self, EndedRun};
use crate::events::StreamProgress;
use crate::ids::ConversationId;
use crate::store;
use crate::store::runs::RunRow;

/// How many of the newest ended runs of a talk are looked at.
const NEWEST: i64 = 8;

impl Agent {
    /// Leaves a notice for each run of this talk that has ended and has none.
    pub(super) async fn tell_of_ended_runs(&self, conversation: ConversationId) -> Result<(), TurnError> {
        let (db, talk) = (self.workspace.store.pool(), conversation.to_string());
        let ended = store::runs::ended_in(db, &self.workspace.id.0, &talk, NEWEST).await?;
        for run in ended.iter().rev() {
            if !store::messages::noticed(db, &talk, &prompt::run_ended_mark(&run.id)).await? {
                self.notice(conversation, &text(run)).await?;
            }
        }
        Ok(())
    }
}

fn text(run: &RunRow) -> String {
    let streams: std::collections::BTreeMap<String, StreamProgress> =
        serde_json::from_str(&run.progress).unwrap_or_default();
    let sum = |rows: fn(&StreamProgress) -> u64| streams.values().map(rows).sum::<u64>();
    let error: Option<Value> = run.error.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let part = |name: &str| error.as_ref().and_then(|error| error.get(name)).and_then(Value::as_str);
    let told = part("message").map(|message| {
        let clean = |text: &str| secrets::redact(text).text;
        // Sentences name tables, columns and values: what they say is a system's, whoever put the words together.
        let told = json!({"message": clean(message), "hint": part("hint").map(clean), "stream": part("stream")});
        untrusted::wrap("run", &told.to_string())
    });
    prompt::run_ended(&EndedRun {
        run: &run.id,
        phase: &run.phase,
        pipeline: &json!(run.pipeline_name).to_string(),
        rows: [sum(|s| s.rows_read), sum(|s| s.rows_written), sum(|s| s.rows_quarantined)],
        error: part("kind").zip(told.as_deref()),
    })
}

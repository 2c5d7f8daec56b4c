//! What a turn has used, offered and left untold; and its trace in the store.

use std::collections::HashMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{Agent, TurnError};
use crate::agent::model::Usage;
use crate::agent::tool::ToolSpec;
use crate::events::{ActionState, Event, Outcome, ProblemView, TurnOutcome};
use crate::ids::{ActionId, ConversationId, PlanId};
use crate::store;
use crate::store::turns::TurnRow;

/// Bytes of a call's arguments that the trace keeps.
const TRACED: usize = 2048;
/// A call that failed may be tried this many times more with the same arguments.
const RETRIES: u32 = 1;

/// Why a turn stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Done,
    Cancelled,
    /// A bound was reached; the sentence is for the person.
    Limit(&'static str),
    Failed(String),
}

/// How a turn went.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnSummary {
    pub outcome: TurnOutcome,
    /// What the person was told when it failed.
    pub message: Option<String>,
    /// Name of the mind that took it.
    pub mind: String,
    pub rounds: u32,
    pub tool_calls: u32,
    pub usage: Usage,
    pub milliseconds: u64,
    /// What now waits for the person, in order.
    pub offered: Vec<Offer>,
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    Plan { plan: PlanId, digest: String },
    Action { action: ActionId, name: String, on: Option<String> },
    Question { about: String },
}

#[derive(Debug)]
pub(super) struct Ledger {
    row: TurnRow,
    begun: Instant,
    pub(super) rounds: u32,
    /// Rounds in a row whose calls were not JSON.
    pub(super) malformed: u32,
    usage: Usage,
    calls: Vec<Value>,
    /// Calls already made in this turn, and how often they failed.
    made: HashMap<String, Made>,
    offered: Vec<Offer>,
    /// Problems of the last refused plan that the person has not been told.
    rejected: Vec<ProblemView>,
    /// A tool has shown the person something, such as a diagnosis.
    told: bool,
}

#[derive(Clone, Copy, Debug)]
enum Made {
    Answered,
    Failed(u32),
}

/// One call, for the trace.
pub(super) struct Traced<'a> {
    pub(super) tool: &'a str,
    pub(super) arguments: &'a Value,
    pub(super) outcome: Outcome,
    pub(super) milliseconds: u64,
    pub(super) bytes: usize,
}

impl Ledger {
    pub(super) async fn begin(
        agent: &Agent,
        conversation: ConversationId,
        system: &str,
        specs: &[ToolSpec],
    ) -> Result<Self, TurnError> {
        let mut digest = Sha256::new();
        digest.update(system);
        digest.update(serde_json::to_vec(specs).unwrap_or_default());
        let row = TurnRow {
            id: uuid::Uuid::now_v7().to_string(),
            conversation: conversation.to_string(),
            model: agent.model.name().to_owned(),
            prompt_digest: hex::encode(digest.finalize()),
            started_at: store::stamp(agent.workspace.clock.now()),
            finished_at: None,
            outcome: None,
            trace: "{}".to_owned(),
        };
        store::turns::begin(agent.workspace.store.pool(), &row).await?;
        Ok(Self {
            row,
            begun: Instant::now(),
            rounds: 0,
            malformed: 0,
            usage: Usage::default(),
            calls: Vec::new(),
            made: HashMap::new(),
            offered: Vec::new(),
            rejected: Vec::new(),
            told: false,
        })
    }

    pub(super) fn used(&mut self, usage: Usage) {
        self.usage.prompt_tokens += usage.prompt_tokens;
        self.usage.completion_tokens += usage.completion_tokens;
    }

    pub(super) fn tokens(&self) -> u64 {
        self.usage.prompt_tokens + self.usage.completion_tokens
    }

    pub(super) fn calls(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// Whether this very call was made before in this turn and need not be made again.
    pub(super) fn repeats(&self, tool: &str, arguments: &Value) -> bool {
        match self.made.get(&key(tool, arguments)) {
            None => false,
            Some(Made::Answered) => true,
            Some(Made::Failed(times)) => *times > RETRIES,
        }
    }

    pub(super) fn made(&mut self, call: &Traced<'_>) {
        let entry = self.made.entry(key(call.tool, call.arguments));
        let made = entry.or_insert(Made::Failed(0));
        *made = match (call.outcome, *made) {
            (Outcome::Failed, Made::Failed(times)) => Made::Failed(times + 1),
            _ => Made::Answered,
        };
        let written = call.arguments.to_string();
        let arguments = if written.len() <= TRACED { call.arguments.clone() } else { json!({"bytes": written.len()}) };
        self.calls.push(json!({
            "round": self.rounds, "tool": call.tool, "arguments": arguments, "outcome": call.outcome,
            "milliseconds": call.milliseconds, "bytes": call.bytes,
        }));
    }

    /// Takes note of what a person is shown.
    pub(super) fn shown(&mut self, event: &Event) {
        self.told = true;
        match event {
            Event::PlanProposed { plan, digest, .. } => {
                self.rejected.clear();
                self.offered.retain(|offer| !matches!(offer, Offer::Plan { .. }));
                self.offered.push(Offer::Plan { plan: *plan, digest: digest.clone() });
            }
            Event::Action { id, action, state: ActionState::Offered, on, .. } => {
                self.rejected.clear();
                self.offered.push(Offer::Action { action: *id, name: action.clone(), on: on.clone() });
            }
            Event::Question { about, .. } => {
                self.rejected.clear();
                self.offered.push(Offer::Question { about: about.clone() });
            }
            Event::PlanRejected { .. } | Event::OutOfScope { .. } => self.rejected.clear(),
            _ => {}
        }
    }

    /// Whether the person was shown anything by a tool in this turn, or will be told what stood in the way of a plan.
    pub(super) fn told(&self) -> bool {
        self.told || !self.rejected.is_empty()
    }

    pub(super) fn rejected(&mut self, problems: Vec<ProblemView>) {
        if !problems.is_empty() {
            self.rejected = problems;
        }
    }

    /// What stood in the way of a plan, where the turn ends without one.
    pub(super) fn untold_problems(&mut self) -> Vec<ProblemView> {
        std::mem::take(&mut self.rejected)
    }

    pub(super) async fn finish(
        self,
        agent: &Agent,
        mind: &str,
        outcome: TurnOutcome,
        message: Option<String>,
    ) -> Result<TurnSummary, TurnError> {
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let trace = json!({
            "rounds": self.rounds, "calls": self.calls, "usage": self.usage, "milliseconds": milliseconds,
            "message": message,
        });
        let word = match outcome {
            TurnOutcome::Done => "done",
            TurnOutcome::Cancelled => "cancelled",
            TurnOutcome::Failed => "failed",
        };
        let row = TurnRow {
            model: mind.to_owned(),
            finished_at: Some(store::stamp(agent.workspace.clock.now())),
            outcome: Some(word.to_owned()),
            trace: trace.to_string(),
            ..self.row.clone()
        };
        store::turns::finish(agent.workspace.store.pool(), &row).await?;
        Ok(TurnSummary {
            outcome,
            message,
            mind: mind.to_owned(),
            rounds: self.rounds,
            tool_calls: self.calls(),
            usage: self.usage,
            milliseconds,
            offered: self.offered,
        })
    }
}

/// The same call, however its members are ordered.
pub(super) fn key(tool: &str, arguments: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut pairs: Vec<_> = members.iter().collect();
                pairs.sort_by_key(|(name, _)| name.as_str());
                Value::Object(pairs.into_iter().map(|(name, member)| (name.clone(), sorted(member))).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            scalar => scalar.clone(),
        }
    }
    format!("{tool} {}", sorted(arguments))
}

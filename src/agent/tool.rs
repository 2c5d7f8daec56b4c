//! What a tool is: a file in `tools/` that a mind reads, and a handler that has no way to start, stop or delete anything.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::events::{Event, ProblemView};
use crate::ids::ConversationId;
use crate::plan::spec::PlanSpec;
use crate::workspace::Workspace;

/// Read from `tools/<name>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSpec {
    pub name: String,
    /// What the page shows while it runs.
    pub title: String,
    pub description: String,
    pub effect: Effect,
    /// JSON Schema of the arguments.
    pub parameters: Value,
    pub examples: Vec<Value>,
    pub counterexamples: Vec<Value>,
}

/// How far a call reaches. There is deliberately no `Execute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Looks at what the workspace has stored.
    Read,
    /// Asks a user's system, read-only.
    Connect,
    /// Puts something before the person, who decides.
    Propose,
}

#[async_trait]
pub trait Tool: Send + Sync {
    fn spec(&self) -> &ToolSpec;

    /// Whether answers hold text of users' systems. They reach the mind wrapped.
    fn untrusted(&self) -> bool {
        self.spec().effect == Effect::Connect
    }

    /// `arguments` has already passed `spec().parameters`.
    async fn call(&self, cx: &ToolContext, arguments: Value) -> Result<ToolOutput, ToolError>;
}

/// What a call may touch.
#[derive(Clone, Debug)]
pub struct ToolContext {
    pub workspace: Workspace,
    pub conversation: ConversationId,
    pub cancel: CancellationToken,
    /// What a second reader found in the person's words, for a call that puts a plan forward.
    pub heard: Option<Arc<PlanSpec>>,
}

/// What a call gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolOutput {
    /// For the mind: a JSON value, written within the byte budget.
    pub content: Value,
    /// For the page, with `tool_ended`.
    pub view: Option<Value>,
    /// What else the person is shown: a question, a plan, a diagnosis.
    pub events: Vec<Event>,
    /// Nothing more to say in this turn: the person's answer is awaited.
    pub ends_turn: bool,
    /// What stood in the way of a plan. The person is told when the turn ends without one.
    pub rejected: Vec<ProblemView>,
}

/// Who can mend it.
#[derive(Debug)]
pub enum ToolError {
    /// The mind can: it is told this sentence.
    TellModel(String),
    /// Nobody in this turn.
    EndTurn(anyhow::Error),
}

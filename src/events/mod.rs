//! What the server tells its clients. These types are the wire: nothing inside the house is serialised for a browser's
//! sake, and only these have a TypeScript twin (`web-chat/src/protocol.ts`).
//!
//! An event belongs to a topic (a conversation or a run), is appended to the store under the topic's next sequence
//! number, and only then fanned out. A client that reconnects with the last number it saw misses nothing and sees
//! nothing twice.

pub mod bus;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::ids::{ActionId, PipelineId, PlanId, RunId};

/// One event as it travels: its place in the topic, when it happened, and what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Envelope {
    /// Place in the topic, from 1, without gaps.
    pub seq: u64,
    /// When the event was appended.
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub event: Event,
}

/// Everything a client can be told. The set is closed; a client ignores a type that it does not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// What the person said, after secrets were taken out.
    UserSaid {
        message: u32,
        text: String,
        #[serde(default)]
        attachments: Vec<AttachmentView>,
    },
    /// More of the agent's message `message`.
    TextDelta {
        message: u32,
        text: String,
    },
    MessageEnded {
        message: u32,
    },
    /// `title` says in words what the tool is about to do.
    ToolStarted {
        call: String,
        tool: String,
        title: String,
    },
    ToolEnded {
        call: String,
        tool: String,
        outcome: Outcome,
        milliseconds: u64,
        #[serde(default)]
        view: Option<Value>,
    },
    /// The agent needs one thing from the person before it can go on.
    Question {
        about: String,
        text: String,
        options: Vec<QuestionOption>,
    },
    /// A validated plan waits for a person. `digest` covers everything in `view`.
    PlanProposed {
        plan: PlanId,
        digest: String,
        view: Box<PlanView>,
    },
    /// What stands in the way of a plan.
    PlanRejected {
        problems: Vec<ProblemView>,
    },
    PlanConfirmed {
        plan: PlanId,
        digest: String,
        by: String,
        pipeline: PipelineId,
        run: Option<RunId>,
    },
    PlanDismissed {
        plan: PlanId,
    },
    /// A secret was found in what the person typed and was removed before it was stored or shown to a model.
    SecretRedacted {
        kinds: Vec<String>,
        text: String,
    },
    /// Why something failed, likeliest cause first.
    Diagnosis {
        causes: Vec<CauseView>,
        #[serde(default)]
        run: Option<RunId>,
    },
    /// Something done for the person, or offered and waiting for a yes.
    Action {
        id: ActionId,
        action: String,
        state: ActionState,
        #[serde(default)]
        on: Option<String>,
        text: String,
        #[serde(default)]
        view: Option<Value>,
    },
    /// The request is not this product's work.
    OutOfScope {
        text: String,
    },
    RunMoved {
        run: RunId,
        #[serde(default)]
        pipeline: Option<PipelineId>,
        phase: RunPhase,
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        hint: Option<String>,
    },
    RunProgress {
        run: RunId,
        stream: String,
        progress: StreamProgress,
    },
    RunLog {
        run: RunId,
        level: LogLevel,
        stage: String,
        #[serde(default)]
        stream: Option<String>,
        message: String,
    },
    RunFinished {
        run: RunId,
        phase: RunPhase,
        #[serde(default)]
        receipt: Option<Value>,
    },
    TurnEnded {
        outcome: TurnOutcome,
        #[serde(default)]
        message: Option<String>,
    },
}

/// How a tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    /// The call was wrong or the answer is no; the model was told why.
    Refused,
    /// Something broke on our side.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    Done,
    /// Waits for a person's confirmation.
    Offered,
    Declined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    Done,
    Cancelled,
    Failed,
}

/// Where a run stands, in the words that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    Queued,
    Initializing,
    Analyzing,
    Transferring,
    /// A change-data-capture run that has caught up and stays.
    Streaming,
    Retrying,
    Cancelling,
    Completed,
    Failed,
    Cancelled,
}

impl RunPhase {
    /// Nothing follows this phase.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// How far one stream of a run has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamProgress {
    /// Rows read from the source since the run began.
    pub rows_read: u64,
    /// Rows that are durable at the destination.
    pub rows_written: u64,
    /// Bytes of those rows in memory form.
    pub bytes: u64,
    pub rows_quarantined: u64,
    pub rows_per_second: f64,
    /// 0 to 100, where the source could say how much there is.
    #[serde(default)]
    pub percent: Option<f64>,
    #[serde(default)]
    pub eta_seconds: Option<u64>,
    pub done: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttachmentView {
    /// A run of a pipeline; the newest failed one where only the pipeline is named.
    Run {
        #[serde(default)]
        run: Option<RunId>,
        #[serde(default)]
        pipeline: Option<String>,
    },
    /// Text from a log or an error message, as the person pasted it.
    ErrorExcerpt { text: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuestionOption {
    /// What the chip shows.
    pub label: String,
    /// What is said when it is chosen.
    pub say: String,
    #[serde(default)]
    pub detail: Option<String>,
}

/// One thing wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemView {
    /// JSON pointer into the plan, empty for the whole.
    pub pointer: String,
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub suggestion: Option<String>,
}

/// A plan as a person reads it before saying yes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    pub name: String,
    /// The plan itself, version 1.
    pub spec: Value,
    pub source: EndpointView,
    pub destination: EndpointView,
    pub streams: Vec<StreamView>,
    pub effects: Vec<EffectView>,
    /// Absent when the plan runs on demand.
    #[serde(default)]
    pub schedule: Option<ScheduleView>,
    pub assumptions: Vec<AssumptionView>,
    pub warnings: Vec<ProblemView>,
    /// Existing tables whose data would be replaced or dropped. Each wants its own acknowledgement.
    pub destructive: Vec<String>,
    #[serde(default)]
    pub rows: Option<u64>,
    #[serde(default)]
    pub bytes: Option<u64>,
    #[serde(default)]
    pub estimated_seconds: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointView {
    pub connection: String,
    pub connector: String,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamView {
    pub stream: String,
    pub target: String,
    /// `full`, `incremental` or `cdc`.
    pub read: String,
    /// `replace`, `append` or `merge`.
    pub write: String,
    #[serde(default)]
    pub cursor: Option<String>,
    #[serde(default)]
    pub key: Vec<String>,
    #[serde(default)]
    pub filter: Option<String>,
    pub columns: Vec<ColumnView>,
    pub evidence: Vec<EvidenceView>,
    #[serde(default)]
    pub rows: Option<u64>,
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// Where one column goes and what becomes of its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColumnView {
    pub source: String,
    pub source_type: String,
    pub target: String,
    pub target_type: String,
    /// `exact`, `lossless` or `lossy`.
    pub verdict: String,
    /// The representation used, or what is lost.
    #[serde(default)]
    pub note: Option<String>,
    /// `mask: hash`, `cast`, …
    #[serde(default)]
    pub change: Option<String>,
}

/// Something measured on the live source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    pub code: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// `read`, `create`, `alter`, `append`, `merge`, `replace` or `drop`.
    pub kind: String,
    pub object: String,
    pub text: String,
    pub destructive: bool,
    #[serde(default)]
    pub rows: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    pub text: String,
    /// The next three times that it fires.
    pub next: Vec<DateTime<Utc>>,
    pub timezone: String,
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssumptionView {
    pub slot: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CauseView {
    /// A code of the diagnosis vocabulary.
    pub code: String,
    pub title: String,
    /// 0 to 1.
    pub confidence: f64,
    pub explanation: String,
    pub evidence: Vec<String>,
    pub fixes: Vec<FixView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FixView {
    pub text: String,
    /// What an operator would type, where there is such a thing.
    #[serde(default)]
    pub command: Option<String>,
    /// What to say to the agent to have it done.
    #[serde(default)]
    pub say: Option<String>,
}

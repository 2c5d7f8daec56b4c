//! What a mind is to the agent: it is given messages and tools, and streams text and tool calls.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::tool::ToolSpec;

/// A mind: an OpenAI-compatible endpoint, or the embedded planner.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// `builtin`, or the endpoint's model name; for events and traces.
    fn name(&self) -> &str;

    /// Starts one reply. It ends with [`Delta::Done`]; a stream that ends otherwise broke off.
    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError>;
}

/// Everything a mind is given for one reply.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    pub system: String,
    pub messages: Vec<Message>,
    pub tools: Arc<[ToolSpec]>,
    /// The time now, for relative dates; also stated in `system`.
    pub now: chrono::DateTime<chrono::Utc>,
    pub cancel: CancellationToken,
}

/// One message of a talk, as minds see it. Secrets have been taken out; text of users' systems is wrapped as untrusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    User {
        text: String,
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    Assistant {
        text: String,
        #[serde(default)]
        calls: Vec<ToolCall>,
    },
    Tool {
        call: String,
        tool: String,
        /// JSON text, or a sentence when the call was refused.
        content: String,
        refused: bool,
    },
    /// Something that happened outside the mind's reach and that it should know: a plan was confirmed, dismissed, a run ended.
    Notice { text: String },
}

/// What a person attached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attachment {
    Run {
        #[serde(default)]
        run: Option<crate::ids::RunId>,
        #[serde(default)]
        pipeline: Option<String>,
    },
    ErrorExcerpt {
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// As the mind wrote them; not checked yet. A string when they were not valid JSON.
    pub arguments: Value,
}

/// One step of a reply. Calls arrive whole, never in shards.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    Text(String),
    Call(ToolCall),
    Done { finish: Finish, usage: Option<Usage> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Stop,
    ToolCalls,
    Length,
    /// The endpoint's own filter kept the reply back.
    Withheld,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

pub type DeltaStream = BoxStream<'static, Result<Delta, ModelError>>;

/// Why a mind gave no reply.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("the model asks for a pause")]
    Throttled { retry_after: Option<Duration> },
    #[error("the talk is too long for the model")]
    TooLong,
    #[error("the model's endpoint refused the key")]
    Unauthorized,
    /// The endpoint answers and does not want this request: a wrong address or a model that it does not have.
    #[error("the model's endpoint refused the request with status {status}")]
    Refused { status: u16 },
    #[error("the model's endpoint does not answer")]
    Unreachable(#[source] anyhow::Error),
    #[error("the model's endpoint gave an answer that could not be read")]
    Malformed(#[source] anyhow::Error),
}

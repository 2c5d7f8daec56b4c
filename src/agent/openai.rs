//! A mind behind any OpenAI-compatible endpoint: hosted, Ollama, vLLM, llama.cpp. The only file that knows the client
//! library; messages and their wire form are our own.

mod retry;
mod shards;
mod wire;

use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt as _};
use serde_json::Value;

use super::model::{ChatModel, ChatRequest, Delta, DeltaStream, ModelError};
use crate::secrets::Secret;
use shards::Assembler;

/// Where the endpoint is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct OpenAiConfig {
    /// Up to and including the version: `http://localhost:11434/v1`.
    pub base_url: String,
    pub model: String,
    /// Absent for local endpoints.
    pub key: Option<Secret>,
    /// The endpoint's own default when absent.
    pub temperature: Option<f64>,
    /// Longest reply in tokens; the endpoint's own default when absent.
    pub max_tokens: Option<u32>,
    /// How long a reply may take to begin (a local endpoint loads its model then), retries within one attempt included.
    pub first_byte: Duration,
    /// How long a reply that has begun may be silent.
    pub silence: Duration,
    /// Further attempts after the first, each with a longer pause before it.
    pub retries: u32,
    /// The longest pause between attempts.
    pub longest_pause: Duration,
}

impl OpenAiConfig {
    pub fn new(base_url: impl Into<String>, model: impl Into<String>, key: Option<Secret>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            key,
            temperature: None,
            max_tokens: None,
            first_byte: Duration::from_secs(120),
            silence: Duration::from_secs(90),
            retries: 2,
            longest_pause: Duration::from_secs(20),
        }
    }
}

/// The mind itself.
pub struct OpenAi {
    client: Client<OpenAIConfig>,
    config: OpenAiConfig,
}

impl std::fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAi").field("config", &self.config).finish_non_exhaustive()
    }
}

impl OpenAi {
    /// A mind at this endpoint. Nothing is asked of it yet. Fails when no HTTP client can be set up.
    pub fn new(config: OpenAiConfig) -> Result<Self, ModelError> {
        let http = crate::net::client(config.silence).map_err(|error| ModelError::Unreachable(error.into()))?;
        // Every field is given, so that nothing is read from the environment behind the configuration's back.
        let endpoint = OpenAIConfig::new()
            .with_api_base(config.base_url.trim_end_matches('/'))
            .with_api_key(config.key.as_ref().map_or("none", Secret::expose))
            .with_org_id("")
            .with_project_id("");
        Ok(Self { client: Client::build(http, endpoint), config })
    }

    /// Opens a stream and waits for its first chunk: until then nothing was said and the attempt can be made again.
    async fn open(&self, body: &Value) -> Result<(Value, Chunks), ModelError> {
        let chat = self.client.chat();
        let opened = tokio::time::timeout(self.config.first_byte, async {
            let mut chunks: Chunks = chat.create_stream_byot::<_, Value>(body).await?;
            Ok::<_, OpenAIError>((chunks.next().await, chunks))
        });
        match opened.await {
            Err(_) => Err(ModelError::Unreachable(anyhow::anyhow!("no reply within {:?}", self.config.first_byte))),
            Ok(Err(error)) => Err(fault(error)),
            Ok(Ok((None, _))) => Err(ModelError::Unreachable(anyhow::anyhow!("the reply ended before it began"))),
            Ok(Ok((Some(Err(error)), _))) => Err(fault(error)),
            Ok(Ok((Some(Ok(first)), chunks))) => match wire::fault_in(&first) {
                Some(error) => Err(error),
                None => Ok((first, chunks)),
            },
        }
    }
}

type Chunks = BoxStream<'static, Result<Value, OpenAIError>>;

#[async_trait]
impl ChatModel for OpenAi {
    fn name(&self) -> &str {
        &self.config.model
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        let body = wire::body(&self.config, &request);
        let mut attempt = 0;
        loop {
            let opened = tokio::select! {
                biased;
                () = request.cancel.cancelled() => return Err(cancelled()),
                opened = self.open(&body) => opened,
            };
            let error = match opened {
                Ok((first, chunks)) => return Ok(deltas(first, chunks)),
                Err(error) => error,
            };
            let Some(pause) = retry::pause(&error, attempt, &self.config) else { return Err(error) };
            attempt += 1;
            tracing::info!(
                model.name = self.config.model,
                attempt,
                pause_ms = pause.as_millis(),
                "asking the model again"
            );
            tokio::select! {
                () = request.cancel.cancelled() => return Err(cancelled()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

fn cancelled() -> ModelError {
    ModelError::Unreachable(anyhow::anyhow!("cancelled"))
}

/// Chunks as the endpoint cuts them, put together to whole calls.
fn deltas(first: Value, chunks: Chunks) -> DeltaStream {
    let chunks = futures::stream::once(async { Ok(first) }).chain(chunks);
    let state = (chunks.boxed(), Assembler::default(), false);
    let steps = futures::stream::unfold(state, |(mut chunks, mut assembler, done)| async move {
        if done {
            return None;
        }
        let (out, done) = match chunks.next().await {
            Some(Ok(chunk)) => match wire::fault_in(&chunk) {
                Some(error) => (vec![Err(error)], true),
                None => (assembler.take(&chunk).map(Delta::Text).map(Ok).into_iter().collect(), false),
            },
            Some(Err(error)) => (vec![Err(fault(error))], true),
            None => (std::mem::take(&mut assembler).finish(), true),
        };
        Some((futures::stream::iter(out), (chunks, assembler, done)))
    });
    steps.flatten().boxed()
}

/// What the library's error means to the agent.
fn fault(error: OpenAIError) -> ModelError {
    match error {
        OpenAIError::ApiError(told) => {
            let text = [Some(told.api_error.message), told.api_error.code, told.api_error.r#type];
            let text = text.into_iter().flatten().collect::<Vec<_>>().join(" ");
            wire::fault_of(Some(told.status_code.as_u16()), &text)
        }
        // The library gives the body of an error that is not written as it expects, without the status.
        OpenAIError::JSONDeserialize(_, body) => wire::fault_of(None, &body),
        other => ModelError::Unreachable(other.into()),
    }
}

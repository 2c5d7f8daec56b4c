//! A mind behind any OpenAI-compatible endpoint: hosted, Ollama, vLLM, llama.cpp. The only file that knows the client
//! library; messages and their wire form are our own.

mod door;
mod plain;
mod retry;
mod shards;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt as _};
use serde_json::Value;

use super::model::{ChatModel, ChatRequest, Delta, DeltaStream, ModelError};
use crate::secrets::Secret;
use door::{Door, NoReply, Refusal};
use retry::{Again, Fault};
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
    /// How long a reply may take to begin (a local endpoint loads its model then). An attempt that took as long is the last.
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
            first_byte: Duration::from_mins(2),
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
    /// The endpoint has shown that it has no tool calls; see `plain`.
    plain: AtomicBool,
}

impl std::fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAi").field("config", &self.config).finish_non_exhaustive()
    }
}

impl OpenAi {
    /// A mind at this endpoint. Nothing is asked of it yet. Fails when no HTTP client can be set up.
    pub fn new(config: OpenAiConfig) -> Result<Self, ModelError> {
        // The door watches over silence once a reply has begun; before that the attempt's own limit holds.
        let patience = config.first_byte.max(config.silence);
        let http = crate::net::client(patience).map_err(|error| ModelError::Unreachable(error.into()))?;
        let door = Door::new(http.clone(), config.silence);
        // Every field is given, so that nothing is read from the environment behind the configuration's back.
        let endpoint = OpenAIConfig::new()
            .with_api_base(config.base_url.trim_end_matches('/'))
            .with_api_key(config.key.as_ref().map_or("none", Secret::expose))
            .with_org_id("")
            .with_project_id("");
        Ok(Self {
            client: Client::build(http, endpoint).with_http_service(door),
            config,
            plain: AtomicBool::new(false),
        })
    }

    /// Opens a stream and waits until something is said: until then the attempt can be made again.
    async fn open(&self, body: &Value, now: DateTime<Utc>) -> Result<(Vec<Value>, Chunks), Fault> {
        let chat = self.client.chat();
        let opened = tokio::time::timeout(self.config.first_byte, async {
            let fault = |error| fault(error, now);
            let mut chunks: Chunks = chat.create_stream_byot::<_, Value>(body).await.map_err(fault)?;
            let mut heard = Vec::new();
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(fault)?;
                if let Some(error) = wire::fault_in(&chunk) {
                    return Err(error.into());
                }
                let says = wire::says_something(&chunk);
                heard.push(chunk);
                if says || heard.len() >= MOST_UNSAID {
                    return Ok((heard, chunks));
                }
            }
            Err(ModelError::Unreachable(anyhow::anyhow!("the reply ended before it began")).into())
        });
        opened.await.unwrap_or_else(|_| {
            let late = anyhow::anyhow!("no reply within {:?}", self.config.first_byte);
            Err(Fault::last(ModelError::Unreachable(late)))
        })
    }
}

/// How many chunks that say nothing an endpoint may send before its reply counts as begun.
const MOST_UNSAID: usize = 1000;

type Chunks = BoxStream<'static, Result<Value, OpenAIError>>;

#[async_trait]
impl ChatModel for OpenAi {
    fn name(&self) -> &str {
        &self.config.model
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        let mut plain = self.plain.load(Ordering::Relaxed);
        let mut body = if plain { plain::body(&self.config, &request) } else { wire::body(&self.config, &request) };
        let begun = tokio::time::Instant::now();
        let mut attempt = 0;
        loop {
            let opened = tokio::select! {
                biased;
                () = request.cancel.cancelled() => return Err(cancelled()),
                opened = self.open(&body, request.now + begun.elapsed()) => opened,
            };
            let fault = match opened {
                Ok((heard, chunks)) if plain => return Ok(written(deltas(heard, chunks))),
                Ok((heard, chunks)) => return Ok(deltas(heard, chunks)),
                Err(fault) if fault.without_tools && !plain => {
                    tracing::info!(
                        model.name = self.config.model,
                        "the endpoint has no tool calls; they are written down"
                    );
                    plain = true;
                    self.plain.store(true, Ordering::Relaxed);
                    body = plain::body(&self.config, &request);
                    continue;
                }
                Err(fault) => fault,
            };
            let Some(pause) = retry::pause(&fault, attempt, &self.config) else { return Err(fault.error) };
            attempt += 1;
            tracing::info!(
                model.name = self.config.model,
                attempt,
                pause_ms = pause.as_millis(),
                "asking the model again"
            );
            tokio::select! {
                biased;
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
fn deltas(heard: Vec<Value>, chunks: Chunks) -> DeltaStream {
    let chunks = futures::stream::iter(heard.into_iter().map(Ok)).chain(chunks);
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
            Some(Err(error)) => (vec![Err(broke_off(error))], true),
            None => (std::mem::take(&mut assembler).finish(), true),
        };
        Some((futures::stream::iter(out), (chunks, assembler, done)))
    });
    steps.flatten().boxed()
}

/// A reply that is one JSON text, taken apart once it has arrived.
fn written(mut deltas: DeltaStream) -> DeltaStream {
    let whole = async move {
        let mut text = String::new();
        let mut out = Vec::new();
        while let Some(delta) = deltas.next().await {
            match delta {
                Ok(Delta::Text(piece)) => text.push_str(&piece),
                Ok(Delta::Call(call)) => out.push(Ok(Delta::Call(call))),
                Ok(Delta::Done { finish, usage }) => {
                    let read = plain::read(&text);
                    let finish = plain::finish(&read, finish);
                    let read: Vec<_> = read.into_iter().map(Ok).collect();
                    out.splice(0..0, read);
                    out.push(Ok(Delta::Done { finish, usage }));
                }
                Err(error) => out = vec![Err(error)],
            }
        }
        futures::stream::iter(out)
    };
    futures::stream::once(whole).flatten().boxed()
}

/// What an attempt's error means, and whether to ask again.
fn fault(error: OpenAIError, now: DateTime<Utc>) -> Fault {
    let error = match error {
        OpenAIError::Boxed(error) => error,
        OpenAIError::JSONDeserialize(_, body) => return wire::fault_of(None, &body).into(),
        other => return ModelError::Unreachable(other.into()).into(),
    };
    match error.downcast::<Refusal>() {
        Ok(refusal) => {
            let Refusal { status, asked, body } = *refusal;
            let mut fault = Fault::from(wire::fault_of(Some(status), &body));
            let wait = asked.wait(now);
            if let ModelError::Throttled { retry_after: known @ None } = &mut fault.error {
                *known = wait;
            }
            fault.without_tools = plain::refuses_tools(status, &body);
            fault.again = match fault.again {
                Again::After(_) if asked.never || fault.without_tools => Again::Never,
                Again::After(known) => Again::After(known.or(wait)),
                Again::Never => Again::Never,
            };
            fault
        }
        Err(error) if error.is::<NoReply>() => ModelError::Malformed(anyhow::Error::from_boxed(error)).into(),
        Err(error) => ModelError::Unreachable(anyhow::Error::from_boxed(error)).into(),
    }
}

/// What an error in the middle of a reply means: something was said, so nothing is asked again.
fn broke_off(error: OpenAIError) -> ModelError {
    match error {
        OpenAIError::JSONDeserialize(_, body) => wire::fault_of(None, &body),
        other => ModelError::Unreachable(other.into()),
    }
}

//! One reply of a mind: text goes out as it comes, calls are collected whole.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Stop, Turn, TurnError};
use crate::agent::model::{ChatRequest, Delta, Finish, Message, ModelError, ToolCall, Usage};
use crate::agent::tool::ToolSpec;
use crate::agent::{prompt, transcript};
use crate::events::Event;
use crate::plan;

/// Text is sent on at the latest after this long or this much, so that a fast mind does not write an event per syllable.
const FLUSH_AFTER: Duration = Duration::from_millis(80);
const FLUSH_BYTES: usize = 160;
/// Longest text of one reply, in bytes.
const LONGEST: usize = 256 * 1024;

/// How often a talk is shortened for a model that finds it too long.
const SHORTENED: u32 = 3;
/// Bytes of one token, about, where an endpoint does not count.
const TOKEN: usize = 4;

/// What has arrived of a reply.
#[derive(Default)]
struct Arrived {
    text: String,
    calls: Vec<ToolCall>,
    finish: Option<Finish>,
    /// Bytes of `text` already sent on.
    sent: usize,
}

impl Arrived {
    /// Whether the reply came to its end and holds nothing.
    fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.calls.is_empty() && self.finish == Some(Finish::Stop)
    }
}

/// What a request and its reply took, by their length.
fn estimate(asked: usize, arrived: &Arrived) -> Usage {
    let tokens = |bytes: usize| u64::try_from(bytes.div_ceil(TOKEN)).unwrap_or(u64::MAX);
    let calls = arrived.calls.iter().map(|call| call.name.len() + call.arguments.to_string().len());
    let said = arrived.text.len() + calls.sum::<usize>();
    Usage { prompt_tokens: tokens(asked), completion_tokens: tokens(said) }
}

/// Bytes that a request takes.
fn request_weight(system: &str, messages: &[Message], specs: &[ToolSpec]) -> usize {
    let tools = specs.iter().map(|spec| spec.description.len() + spec.parameters.to_string().len());
    system.len() + transcript::weight(messages) + tools.sum::<usize>()
}

enum Broken {
    Cancelled,
    OutOfTime,
    Model(ModelError),
}

impl Turn<'_> {
    /// Asks the mind for one reply and remembers it. Gives its calls, or why the turn stops here.
    pub(super) async fn think(&mut self) -> Result<Result<Vec<ToolCall>, Stop>, TurnError> {
        let mut shortened = 0;
        self.nudged = false;
        loop {
            self.ledger.rounds += 1;
            let number = transcript::next_number(&self.agent.workspace.store, self.conversation).await?;
            let mut arrived = Arrived::default();
            let ended = self.listen(number, &mut arrived).await?;
            self.flush(number, &mut arrived).await?;
            if arrived.sent > 0 {
                self.emit(Event::MessageEnded { message: number }).await?;
            }
            let spoke = !arrived.text.is_empty();
            match ended {
                Ok(()) => {
                    if arrived.is_empty() && !self.ledger.told() {
                        // Asked once more, with a word about it; a mind that is silent again has nothing to say.
                        if std::mem::replace(&mut self.nudged, true)
                            && let Some(stop) = self.fall_back(prompt::NOTHING_SAID).await?
                        {
                            return Ok(Err(stop));
                        }
                        continue;
                    }
                    let finish = arrived.finish;
                    let calls = self.name_calls(arrived.calls);
                    self.remember(Message::Assistant { text: arrived.text, calls: calls.clone() }).await?;
                    let failed = |sentence: &str| Ok(Err(Stop::Failed(sentence.to_owned())));
                    return match finish {
                        Some(Finish::Length) if calls.is_empty() => failed(prompt::REPLY_CUT),
                        Some(Finish::Withheld) => failed(prompt::REPLY_WITHHELD),
                        _ => Ok(Ok(calls)),
                    };
                }
                Err(broken) => {
                    // What the person has seen stays in the talk; calls that came with it are not carried out.
                    if spoke {
                        self.remember(Message::Assistant { text: arrived.text, calls: Vec::new() }).await?;
                    }
                    match broken {
                        Broken::Cancelled => return Ok(Err(Stop::Cancelled)),
                        Broken::OutOfTime => return Ok(Err(Stop::Limit(prompt::LIMIT_TIME))),
                        Broken::Model(ModelError::TooLong) if shortened < SHORTENED => {
                            shortened += 1;
                            self.window = self.window.min(transcript::weight(&self.messages)) / 2;
                        }
                        Broken::Model(error) => {
                            tracing::warn!(model.name = self.mind.name(), error = ?error, "the model gave no reply");
                            if let Some(stop) = self.fall_back(&prompt::model_failed(&error)).await? {
                                return Ok(Err(stop));
                            }
                        }
                    }
                }
            }
        }
    }

    async fn listen(&mut self, number: u32, arrived: &mut Arrived) -> Result<Result<(), Broken>, TurnError> {
        let messages = self.shown().await;
        let asked = request_weight(&self.system, &messages, &self.specs);
        let request = ChatRequest {
            system: self.system.clone(),
            messages,
            tools: Arc::clone(&self.specs),
            now: self.agent.workspace.clock.now(),
            cancel: self.cancel.clone(),
        };
        let started = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Ok(Err(Broken::Cancelled)),
            started = timeout_at(self.deadline, self.mind.stream(request)) => started,
        };
        let mut stream = match started {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Ok(Err(Broken::Model(error))),
            Err(_) => return Ok(Err(Broken::OutOfTime)),
        };
        let mut flushed = Instant::now();
        loop {
            let waits = arrived.text.len() > arrived.sent;
            let delta = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(Err(Broken::Cancelled)),
                delta = timeout_at(self.deadline, stream.next()) => delta,
                // A mind that pauses in mid-sentence does not hold back what it has said.
                () = sleep_until(flushed + FLUSH_AFTER), if waits => {
                    self.flush(number, arrived).await?;
                    flushed = Instant::now();
                    continue;
                }
            };
            match delta {
                Err(_) => return Ok(Err(Broken::OutOfTime)),
                Ok(Some(Err(error))) => return Ok(Err(Broken::Model(error))),
                Ok(None) => {
                    let error = anyhow::anyhow!("the reply ended without its end marker");
                    return Ok(Err(Broken::Model(ModelError::Unreachable(error))));
                }
                Ok(Some(Ok(Delta::Text(text)))) => {
                    if arrived.text.len() + text.len() <= LONGEST {
                        arrived.text.push_str(&text);
                    }
                    let waiting = arrived.text.len() - arrived.sent;
                    if waiting >= FLUSH_BYTES || flushed.elapsed() >= FLUSH_AFTER {
                        self.flush(number, arrived).await?;
                        flushed = Instant::now();
                    }
                }
                Ok(Some(Ok(Delta::Call(call)))) => arrived.calls.push(call),
                Ok(Some(Ok(Delta::Done { finish, usage }))) => {
                    arrived.finish = Some(finish);
                    // Limits hold for endpoints that do not count as well.
                    self.ledger.used(usage.unwrap_or_else(|| estimate(asked, arrived)));
                    return Ok(Ok(()));
                }
            }
        }
    }

    async fn flush(&self, number: u32, arrived: &mut Arrived) -> Result<(), TurnError> {
        let waiting = arrived.text.get(arrived.sent..).unwrap_or_default();
        if !waiting.is_empty() {
            self.emit(Event::TextDelta { message: number, text: waiting.to_owned() }).await?;
            arrived.sent = arrived.text.len();
        }
        Ok(())
    }

    /// What the mind is shown of the talk. The embedded planner has no limit and reads it whole.
    async fn shown(&self) -> Vec<Message> {
        let mut messages = if self.planner() || transcript::fits(&self.messages, self.window) {
            self.messages.clone()
        } else {
            // A plan that cannot be read back is not on offer, and then there is nothing to say about it.
            let offered = plan::on_offer(&self.agent.workspace, self.conversation).await.ok().flatten();
            let offered = offered.map(|offered| serde_json::json!(offered.spec).to_string());
            transcript::fitted(&self.messages, self.window, offered.as_deref())
        };
        if self.nudged {
            messages.push(Message::Notice { text: prompt::EMPTY_REPLY.trim().to_owned() });
        }
        messages
    }

    /// Whether the embedded planner takes this turn.
    pub(super) fn planner(&self) -> bool {
        self.mind.name() == "builtin"
    }

    /// Hands the turn to the fallback mind and says so, after what is wrong with this one; `Some` when there is none left.
    pub(super) async fn fall_back(&mut self, sentence: &str) -> Result<Option<Stop>, TurnError> {
        let agent = self.agent;
        let Some(fallback) = agent.fallback.as_ref().filter(|_| !self.fell_back) else {
            return Ok(Some(Stop::Failed(sentence.to_owned())));
        };
        self.mind = fallback;
        self.fell_back = true;
        self.nudged = false;
        let text = format!("{sentence} {}", prompt::FALLBACK.trim());
        let number = self.remember(Message::Assistant { text: text.clone(), calls: Vec::new() }).await?;
        self.emit(Event::TextDelta { message: number, text }).await?;
        self.emit(Event::MessageEnded { message: number }).await?;
        Ok(None)
    }

    /// Calls get identities that are unique in the talk, whatever the endpoint sent: results are joined by them.
    fn name_calls(&self, calls: Vec<ToolCall>) -> Vec<ToolCall> {
        let mut taken: HashSet<String> = self
            .messages
            .iter()
            .filter_map(|message| match message {
                Message::Assistant { calls, .. } => Some(calls.iter().map(|call| call.id.clone())),
                _ => None,
            })
            .flatten()
            .collect();
        let round = self.messages.len();
        calls
            .into_iter()
            .enumerate()
            .map(|(at, mut call)| {
                if call.id.is_empty() || call.id.len() > 64 || !taken.insert(call.id.clone()) {
                    call.id = format!("call_{round}_{at}");
                    taken.insert(call.id.clone());
                }
                call
            })
            .collect()
    }
}

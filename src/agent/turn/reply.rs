//! One reply of a mind: text goes out as it comes, calls are collected whole.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Stop, Turn, TurnError};
use crate::agent::model::{ChatRequest, Delta, Finish, Message, ModelError, ToolCall};
use crate::agent::{prompt, transcript};
use crate::events::Event;

/// Text is sent on at the latest after this long or this much, so that a fast mind does not write an event per syllable.
const FLUSH_AFTER: Duration = Duration::from_millis(80);
const FLUSH_BYTES: usize = 160;
/// Longest text of one reply, in bytes.
const LONGEST: usize = 256 * 1024;

/// What has arrived of a reply.
#[derive(Default)]
struct Arrived {
    text: String,
    calls: Vec<ToolCall>,
    finish: Option<Finish>,
    /// Bytes of `text` already sent on.
    sent: usize,
}

enum Broken {
    Cancelled,
    OutOfTime,
    Model(ModelError),
}

impl Turn<'_> {
    /// Asks the mind for one reply and remembers it. Gives its calls, or why the turn stops here.
    pub(super) async fn think(&mut self) -> Result<Result<Vec<ToolCall>, Stop>, TurnError> {
        let mut shortened = false;
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
                    let cut = arrived.finish == Some(Finish::Length);
                    let calls = self.name_calls(arrived.calls);
                    self.remember(Message::Assistant { text: arrived.text, calls: calls.clone() }).await?;
                    if cut && calls.is_empty() {
                        return Ok(Err(Stop::Failed(prompt::REPLY_CUT.trim().to_owned())));
                    }
                    return Ok(Ok(calls));
                }
                Err(broken) => {
                    // What the person has seen stays in the talk; calls that came with it are not carried out.
                    if spoke {
                        self.remember(Message::Assistant { text: arrived.text, calls: Vec::new() }).await?;
                    }
                    match broken {
                        Broken::Cancelled => return Ok(Err(Stop::Cancelled)),
                        Broken::OutOfTime => return Ok(Err(Stop::Limit(prompt::LIMIT_TIME))),
                        Broken::Model(ModelError::TooLong) if !shortened => {
                            shortened = true;
                            self.window /= 3;
                        }
                        Broken::Model(error) => {
                            if let Some(stop) = self.fall_back(&error).await? {
                                return Ok(Err(stop));
                            }
                        }
                    }
                }
            }
        }
    }

    async fn listen(&mut self, number: u32, arrived: &mut Arrived) -> Result<Result<(), Broken>, TurnError> {
        let request = ChatRequest {
            system: self.system.clone(),
            messages: transcript::window(&self.messages, self.window),
            tools: self.specs.clone(),
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
                    self.ledger.used(usage);
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

    /// Hands the turn to the fallback mind and says so; `Some` when there is none left.
    async fn fall_back(&mut self, error: &ModelError) -> Result<Option<Stop>, TurnError> {
        tracing::warn!(model.name = self.mind.name(), error = ?error, "the model gave no reply");
        let sentence = prompt::model_failed(error);
        let agent = self.agent;
        let Some(fallback) = agent.fallback.as_ref().filter(|_| !self.fell_back) else {
            return Ok(Some(Stop::Failed(sentence)));
        };
        self.mind = fallback;
        self.fell_back = true;
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

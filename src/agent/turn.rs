//! One turn: what a person said goes to a mind with its tools, round after round, until the mind has nothing more to do,
//! a tool leaves the next word to the person, or a limit is reached.

mod act;
mod ended;
mod hear;
mod ledger;
mod reply;
mod second;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use hear::Said;
pub use ledger::{Offer, TurnSummary};

use super::guard::untrusted::Taint;
use super::model::{Attachment, ChatModel, Message};
use super::prompt;
use super::registry::Registry;
use super::tool::ToolSpec;
use super::transcript::{self, TranscriptError};
use crate::events::bus::{Bus, BusError, Emitter, Topic};
use crate::events::{Event, TurnOutcome};
use crate::ids::ConversationId;
use crate::workspace::Workspace;
use ledger::{Ledger, Stop};
use second::Heard;

/// Who answers in a talk. Cheap to clone.
#[derive(Clone)]
pub struct Agent {
    pub workspace: Workspace,
    pub bus: Bus,
    pub model: Arc<dyn ChatModel>,
    /// Takes a turn when `model` cannot be reached, and says so.
    pub fallback: Option<Arc<dyn ChatModel>>,
    pub tools: Registry,
    pub limits: Limits,
}

/// How far one turn may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Replies of the mind.
    pub rounds: u32,
    pub tool_calls: u32,
    /// Prompt and completion tokens together, as the endpoint counts them.
    pub tokens: u64,
    pub wall: Duration,
    /// For one tool call.
    pub tool: Duration,
    /// Bytes of the talk that a mind is shown.
    pub window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rounds: 16,
            tool_calls: 40,
            tokens: 400_000,
            wall: Duration::from_mins(5),
            tool: Duration::from_secs(90),
            window: 160 * 1024,
        }
    }
}

/// Why a turn could not be taken at all; everything that a person should be told ends the turn with a sentence instead.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the workspace's own store did not answer")]
    Store(#[from] sqlx::Error),
}

impl Agent {
    /// Hears what a person said and answers it.
    pub async fn run_turn(
        &self,
        conversation: ConversationId,
        said: Said,
        cancel: CancellationToken,
    ) -> Result<TurnSummary, TurnError> {
        self.hear(conversation, said).await?;
        self.answer(conversation, cancel).await
    }

    /// Answers what was heard last.
    pub async fn answer(
        &self,
        conversation: ConversationId,
        cancel: CancellationToken,
    ) -> Result<TurnSummary, TurnError> {
        let mut turn = Turn::begin(self, conversation, cancel).await?;
        let stop = loop {
            if let Some(stop) = turn.out_of_bounds() {
                break stop;
            }
            let calls = match turn.think().await? {
                Ok(calls) if calls.is_empty() => break Stop::Done,
                Ok(calls) => calls,
                Err(stop) => break stop,
            };
            if let Some(stop) = turn.act(calls).await? {
                break stop;
            }
        };
        turn.end(stop).await
    }

    /// Leaves a line in the talk for minds to read: something happened outside their reach.
    pub async fn notice(&self, conversation: ConversationId, text: &str) -> Result<(), TranscriptError> {
        let message = Message::Notice { text: text.to_owned() };
        transcript::append(&self.workspace.store, conversation, &message, self.workspace.clock.now()).await?;
        Ok(())
    }
}

/// A turn under way.
struct Turn<'a> {
    agent: &'a Agent,
    conversation: ConversationId,
    cancel: CancellationToken,
    emitter: Emitter,
    /// The mind that takes this turn: the agent's, or its fallback from the moment the former could not be reached.
    mind: &'a Arc<dyn ChatModel>,
    fell_back: bool,
    /// The mind's last reply was empty, and it is told so.
    nudged: bool,
    /// What a second reader found in what the person said.
    heard: Heard,
    system: String,
    specs: Arc<[ToolSpec]>,
    messages: Vec<Message>,
    window: usize,
    taint: Taint,
    ledger: Ledger,
    deadline: Instant,
}

impl<'a> Turn<'a> {
    async fn begin(
        agent: &'a Agent,
        conversation: ConversationId,
        cancel: CancellationToken,
    ) -> Result<Self, TurnError> {
        let messages = transcript::load(&agent.workspace.store, conversation).await?;
        let system = prompt::system(agent.workspace.clock.now());
        let specs = agent.tools.specs();
        let ledger = Ledger::begin(agent, conversation, &system, &specs).await?;
        let mut turn = Self {
            agent,
            conversation,
            cancel,
            emitter: Emitter::new(agent.bus.clone(), Topic::Conversation(conversation)),
            mind: &agent.model,
            fell_back: false,
            nudged: false,
            heard: Heard::default(),
            system,
            specs,
            taint: Taint::default(),
            window: agent.limits.window,
            ledger,
            deadline: Instant::now() + agent.limits.wall,
            messages: Vec::new(),
        };
        for message in &messages {
            turn.weigh(message);
        }
        turn.messages = messages;
        Ok(turn)
    }

    fn out_of_bounds(&self) -> Option<Stop> {
        let limits = &self.agent.limits;
        if self.cancel.is_cancelled() {
            return Some(Stop::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Some(Stop::Limit(prompt::LIMIT_TIME));
        }
        if self.ledger.rounds >= limits.rounds {
            return Some(Stop::Limit(prompt::LIMIT_ROUNDS));
        }
        if self.ledger.calls() >= limits.tool_calls {
            return Some(Stop::Limit(prompt::LIMIT_CALLS));
        }
        if self.ledger.tokens() >= limits.tokens {
            return Some(Stop::Limit(prompt::LIMIT_TOKENS));
        }
        None
    }

    /// Adds a message to the talk, for good and for this turn's mind.
    async fn remember(&mut self, message: Message) -> Result<u32, TurnError> {
        let store = &self.agent.workspace.store;
        let number = transcript::append(store, self.conversation, &message, self.agent.workspace.clock.now()).await?;
        self.weigh(&message);
        self.messages.push(message);
        Ok(number)
    }

    /// Keeps apart what the person said and what systems said; see [`Taint`].
    fn weigh(&mut self, message: &Message) {
        match message {
            Message::User { text, attachments } => {
                self.taint.person_said(text);
                for attached in attachments {
                    if let Attachment::ErrorExcerpt { text } = attached {
                        self.taint.system_said(&text.as_str().into());
                    }
                }
            }
            // What a question offers is before the person's eyes when the next answer comes.
            Message::Assistant { calls, .. } => {
                for call in calls.iter().filter(|call| call.name == "ask_user") {
                    self.taint.person_said(&call.arguments.to_string());
                }
            }
            Message::Tool { tool, content, refused: false, .. } => {
                let speaks = self.agent.tools.get(tool).is_some_and(|tool| tool.untrusted());
                if speaks && let Ok(answer) = serde_json::from_str(super::guard::untrusted::unwrap(content)) {
                    self.taint.system_said(&answer);
                }
            }
            Message::Notice { text } => {
                for told in super::guard::untrusted::inside(text) {
                    self.taint.system_said(&told.into());
                }
            }
            Message::Tool { .. } => {}
        }
    }

    async fn emit(&self, event: Event) -> Result<(), TurnError> {
        self.emitter.emit(event).await?;
        Ok(())
    }

    async fn end(mut self, stop: Stop) -> Result<TurnSummary, TurnError> {
        let (outcome, message) = match stop {
            Stop::Done => (TurnOutcome::Done, None),
            Stop::Cancelled => (TurnOutcome::Cancelled, None),
            Stop::Limit(sentence) => (TurnOutcome::Failed, Some(sentence.trim().to_owned())),
            Stop::Failed(sentence) => (TurnOutcome::Failed, Some(sentence)),
        };
        let problems = self.ledger.untold_problems();
        if outcome == TurnOutcome::Done && !problems.is_empty() {
            self.emit(Event::PlanRejected { problems }).await?;
        }
        self.emit(Event::TurnEnded { outcome, message: message.clone() }).await?;
        self.ledger.finish(self.agent, self.mind.name(), outcome, message).await
    }
}

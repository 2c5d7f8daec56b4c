//! Talks: what a person says goes to the agent, and what a person decides is carried out. A clear yes or no under an offer is
//! read here and never by a mind; see [`crate::agent::consent`].

mod decide;
mod error;
mod start;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

pub use decide::{Acted, Confirmation};
pub use error::TalkError;
pub use start::{RunRefused, StartRun};

use crate::agent::consent::{self, Consent};
use crate::agent::model::Message;
use crate::agent::transcript;
use crate::agent::{Agent, Said, TurnSummary};
use crate::events::bus::{Bus, Emitter, Topic};
use crate::events::{AttachmentView, Event, QuestionOption, TurnOutcome};
use crate::ids::{ActionId, Actor, ConversationId};
use crate::plan;
use crate::store;
use crate::workspace::Workspace;

/// The talks of a workspace. Cheap to clone.
#[derive(Clone)]
pub struct Talk {
    workspace: Workspace,
    agent: Agent,
    bus: Bus,
    starter: Arc<dyn StartRun>,
    /// Talks in which a turn goes on, with what cancels it.
    turns: Arc<Mutex<HashMap<ConversationId, CancellationToken>>>,
}

/// What came of something that was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The agent took a turn.
    Answered(TurnSummary),
    /// It was a yes to the plan on offer.
    Confirmed(Confirmation),
    /// It was a yes to the action on offer.
    Acted(Acted),
    /// It was a no.
    Dismissed,
    /// It was a yes, but what would be destroyed has to be named.
    NamesWanted(Vec<String>),
}

/// What a clear yes or no would be about.
enum OnOffer {
    Plan(Box<plan::Offered>),
    Action(ActionId),
}

impl Talk {
    pub fn new(workspace: Workspace, agent: Agent, bus: Bus, starter: Arc<dyn StartRun>) -> Self {
        Self { workspace, agent, bus, starter, turns: Arc::default() }
    }

    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Begins a talk. Without a title it is called by what is said first.
    pub async fn open_conversation(&self, title: Option<&str>) -> Result<ConversationId, TalkError> {
        let id = ConversationId::new();
        let at = store::stamp(self.workspace.clock.now());
        let title = crate::agent::guard::secrets::redact(title.unwrap_or_default().trim()).text;
        let db = self.workspace.store.pool();
        store::conversations::insert(db, &self.workspace.id.0, &id.to_string(), &title, &at).await?;
        Ok(id)
    }

    /// Says something in a talk and waits until the turn has ended. What happens meanwhile is told by the bus; a caller who
    /// goes away does not end the turn, `cancel` and [`Talk::cancel_turn`] do. One turn at a time: while one goes on,
    /// [`TalkError::Busy`].
    pub async fn say(
        &self,
        conversation: ConversationId,
        text: String,
        attachments: Vec<AttachmentView>,
        actor: Actor,
        cancel: CancellationToken,
    ) -> Result<Outcome, TalkError> {
        if text.trim().is_empty() && attachments.is_empty() {
            return Err(TalkError::Empty);
        }
        self.known(conversation).await?;
        let slot = self.take_turn(conversation, cancel)?;
        let said = Said { text, attachments: attachments.into_iter().map(Into::into).collect() };
        let talk = self.clone();
        let turn = crate::tasks::spawn("turn", async move {
            let outcome = talk.hear(conversation, said, actor, slot.cancel.clone()).await;
            if let Err(error) = &outcome {
                tracing::error!(%conversation, error = ?error, "a turn broke");
                let ended = Event::TurnEnded { outcome: TurnOutcome::Failed, message: Some(error.to_string()) };
                // The bus may be what broke; then there is nothing left to tell it with.
                let _ = talk.emitter(conversation).emit(ended).await;
            }
            drop(slot);
            outcome
        });
        turn.await.map_err(|_| TalkError::Broke)?
    }

    /// Ends the turn that goes on in a talk. `false` when none does.
    pub fn cancel_turn(&self, conversation: ConversationId) -> bool {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.get(&conversation).map(CancellationToken::cancel).is_some()
    }

    async fn hear(
        &self,
        conversation: ConversationId,
        said: Said,
        actor: Actor,
        cancel: CancellationToken,
    ) -> Result<Outcome, TalkError> {
        // What stood on offer when this was said.
        let offer = if said.attachments.is_empty() { self.on_offer(conversation).await? } else { None };
        let heard = self.agent.hear(conversation, said).await?;
        let Some(offer) = offer else { return self.answer(conversation, cancel).await };
        let destructive = match &offer {
            OnOffer::Plan(plan) => plan.view.destructive.as_slice(),
            OnOffer::Action(_) => &[],
        };
        let outcome = match (consent::read(&heard.text, destructive), &offer) {
            (Consent::Neither, _) => return self.answer(conversation, cancel).await,
            (Consent::Unnamed(missing), OnOffer::Plan(_)) => self.want_names(conversation, missing).await?,
            (Consent::Yes, OnOffer::Plan(plan)) => {
                let run = plan.spec.schedule.is_none();
                let acknowledged = plan.view.destructive.as_slice();
                let confirmed = self.confirm(Some(conversation), plan.plan, &plan.digest, acknowledged, run, actor);
                Outcome::Confirmed(confirmed.await?)
            }
            (Consent::Yes | Consent::Unnamed(_), OnOffer::Action(id)) => {
                Outcome::Acted(self.confirm_action(conversation, *id, actor).await?)
            }
            (Consent::No, OnOffer::Plan(plan)) => {
                self.dismiss(Some(conversation), plan.plan, actor).await?;
                Outcome::Dismissed
            }
            (Consent::No, OnOffer::Action(id)) => {
                self.dismiss_action(conversation, *id, actor).await?;
                Outcome::Dismissed
            }
        };
        self.emit(conversation, Event::TurnEnded { outcome: TurnOutcome::Done, message: None }).await?;
        Ok(outcome)
    }

    async fn answer(&self, conversation: ConversationId, cancel: CancellationToken) -> Result<Outcome, TalkError> {
        Ok(Outcome::Answered(self.agent.answer(conversation, cancel).await?))
    }

    /// What a yes typed now would be about: the offer, unless a mind has asked something else since.
    async fn on_offer(&self, conversation: ConversationId) -> Result<Option<OnOffer>, TalkError> {
        let workspace = &self.workspace;
        let offer = match plan::on_offer(workspace, conversation).await? {
            Some(plan) => OnOffer::Plan(Box::new(plan)),
            None => {
                let db = workspace.store.pool();
                let row = store::actions::on_offer(db, &workspace.id.0, &conversation.to_string()).await?;
                let Some(id) = row.and_then(|row| row.id.parse().ok()) else { return Ok(None) };
                OnOffer::Action(id)
            }
        };
        let said = transcript::load(&workspace.store, conversation).await?;
        let since = said.iter().rev().take_while(|message| !makes_an_offer(message));
        let asked =
            |message: &Message| matches!(message, Message::Assistant { text, .. } if text.contains(['?', '？']));
        Ok(if since.into_iter().any(asked) { None } else { Some(offer) })
    }

    /// Says which tables have to be named, and how.
    async fn want_names(&self, conversation: ConversationId, missing: Vec<String>) -> Result<Outcome, TalkError> {
        let names = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let say = format!("yes, replace {}", missing.join(" and "));
        let text = format!("This plan replaces the rows of {names}. To confirm that, say: {say}.");
        let option =
            |label: &str, say: &str| QuestionOption { label: label.to_owned(), say: say.to_owned(), detail: None };
        let options = vec![option("Replace", &say), option("Cancel", "no")];
        self.emit(conversation, Event::Question { about: "goal".to_owned(), text: text.clone(), options }).await?;
        self.agent.notice(conversation, &text).await?;
        Ok(Outcome::NamesWanted(missing))
    }

    async fn known(&self, conversation: ConversationId) -> Result<(), TalkError> {
        let db = self.workspace.store.pool();
        let row = store::conversations::get(db, &self.workspace.id.0, &conversation.to_string()).await?;
        row.map(|_| ()).ok_or(TalkError::NoConversation)
    }

    fn emitter(&self, conversation: ConversationId) -> Emitter {
        Emitter::new(self.bus.clone(), Topic::Conversation(conversation))
    }

    async fn emit(&self, conversation: ConversationId, event: Event) -> Result<(), TalkError> {
        self.emitter(conversation).emit(event).await?;
        Ok(())
    }

    fn take_turn(&self, conversation: ConversationId, cancel: CancellationToken) -> Result<Slot, TalkError> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.contains_key(&conversation) {
            return Err(TalkError::Busy);
        }
        let cancel = cancel.child_token();
        turns.insert(conversation, cancel.clone());
        Ok(Slot { turns: Arc::clone(&self.turns), conversation, cancel })
    }
}

/// Whether this put a plan or an action before the person.
fn makes_an_offer(message: &Message) -> bool {
    let offers = ["propose_plan", "revise_plan", "offer_action"];
    matches!(message, Message::Tool { tool, refused: false, .. } if offers.contains(&tool.as_str()))
}

/// The one turn that a talk has; given back when dropped.
struct Slot {
    turns: Arc<Mutex<HashMap<ConversationId, CancellationToken>>>,
    conversation: ConversationId,
    cancel: CancellationToken,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.conversation);
    }
}

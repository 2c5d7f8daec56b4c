//! What a person decides: a plan is confirmed or dismissed, an offered action carried out or declined. Each is recorded,
//! told to the talk, and left as a notice for minds to read.

use serde_json::json;

use super::{Talk, TalkError};
use crate::agent::tools::{OfferedAction, Verb};
use crate::events::{ActionState, Event};
use crate::ids::{ActionId, Actor, ConversationId, PipelineId, PlanId, RunId};
use crate::plan::{self, Withdrawal};
use crate::runner::{Cause, CauseKind};
use crate::store;

/// A confirmed plan: its pipeline, and the run that began with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    pub plan: PlanId,
    pub pipeline: PipelineId,
    pub name: String,
    pub run: Option<RunId>,
}

/// A confirmed action that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    pub action: ActionId,
    pub verb: Verb,
    pub pipeline: PipelineId,
    /// The run that was started or stopped.
    pub run: Option<RunId>,
}

impl Talk {
    /// Confirms a plan by the digest that the person saw, and starts it when `run` is set. A plan that was proposed in a
    /// talk tells that talk, whichever way it is confirmed; `conversation` given, it must be that one.
    pub async fn confirm(
        &self,
        conversation: Option<ConversationId>,
        plan: PlanId,
        digest: &str,
        acknowledged: &[String],
        run: bool,
        actor: Actor,
    ) -> Result<Confirmation, TalkError> {
        let talk = self.talk_of(conversation, plan).await?;
        let kept = plan::confirm(&self.workspace, plan, digest, acknowledged, actor.clone()).await?;
        let confirmed_digest = kept.plan.digest().to_owned();
        let cause = Cause { kind: CauseKind::Confirm, by: actor.clone(), conversation: talk };
        let started = if run { Some(self.starter.start(kept.pipeline, kept.plan, cause).await) } else { None };
        let (started, refused) = match started {
            None => (None, None),
            Some(Ok(run)) => (Some(run), None),
            Some(Err(refused)) => (None, Some(refused)),
        };
        let confirmation = Confirmation { plan, pipeline: kept.pipeline, name: kept.name, run: started };
        if let Some(talk) = talk {
            let event = Event::PlanConfirmed {
                plan,
                digest: confirmed_digest,
                by: actor.0.clone(),
                pipeline: kept.pipeline,
                run: started,
            };
            self.emit(talk, event).await?;
            let what = match started {
                Some(run) => format!("run {run} has been queued"),
                None => "nothing was started yet".to_owned(),
            };
            let notice = format!("The person confirmed the plan: pipeline `{}`; {what}.", confirmation.name);
            self.agent.notice(talk, &notice).await?;
        }
        // The plan is confirmed either way; that its run did not start is told as what it is.
        match refused {
            Some(refused) => Err(refused.into()),
            None => Ok(confirmation),
        }
    }

    /// Turns a plan down.
    pub async fn dismiss(
        &self,
        conversation: Option<ConversationId>,
        plan: PlanId,
        actor: Actor,
    ) -> Result<(), TalkError> {
        let talk = self.talk_of(conversation, plan).await?;
        if !plan::withdraw(&self.workspace, plan, Withdrawal::Dismissed).await? {
            return Err(TalkError::NoPlan);
        }
        self.workspace.record(&actor, "plan.dismissed", &format!("plan:{plan}"), &json!({})).await?;
        if let Some(talk) = talk {
            self.emit(talk, Event::PlanDismissed { plan }).await?;
            self.agent.notice(talk, "The person dismissed the plan.").await?;
        }
        Ok(())
    }

    /// Carries out an offered action, once.
    pub async fn confirm_action(
        &self,
        conversation: ConversationId,
        action: ActionId,
        actor: Actor,
    ) -> Result<Acted, TalkError> {
        let offered = self.decide(conversation, action, "done", &actor).await?;
        let run = match self.carry_out(&offered, conversation, &actor).await {
            Ok(run) => run,
            Err(error) => {
                // Nothing was done, so the offer stands as before.
                store::actions::reopen(self.workspace.store.pool(), &self.workspace.id.0, &action.to_string()).await?;
                return Err(error);
            }
        };
        let object = format!("pipeline:{}", offered.pipeline);
        let detail = json!({"action": action, "name": offered.name, "run": run});
        self.workspace.record(&actor, &format!("action.{}", offered.verb.word()), &object, &detail).await?;
        let text = done(offered.verb, &offered.name);
        let event = Event::Action {
            id: action,
            action: offered.verb.word().to_owned(),
            state: ActionState::Done,
            on: Some(offered.name.clone()),
            text: text.clone(),
            view: Some(json!({"run": run})),
        };
        self.emit(conversation, event).await?;
        self.agent.notice(conversation, &format!("The person said yes. {text}")).await?;
        Ok(Acted { action, verb: offered.verb, pipeline: offered.pipeline, run })
    }

    /// Declines an offered action.
    pub async fn dismiss_action(
        &self,
        conversation: ConversationId,
        action: ActionId,
        actor: Actor,
    ) -> Result<(), TalkError> {
        let offered = self.decide(conversation, action, "declined", &actor).await?;
        let event = Event::Action {
            id: action,
            action: offered.verb.word().to_owned(),
            state: ActionState::Declined,
            on: Some(offered.name.clone()),
            text: "Nothing was done.".to_owned(),
            view: None,
        };
        self.emit(conversation, event).await?;
        let notice = format!("The person declined `{}` on `{}`.", offered.verb.word(), offered.name);
        self.agent.notice(conversation, &notice).await?;
        Ok(())
    }

    /// The talk that a plan was proposed in.
    async fn talk_of(
        &self,
        conversation: Option<ConversationId>,
        plan: PlanId,
    ) -> Result<Option<ConversationId>, TalkError> {
        let stored = plan::stored(&self.workspace, plan).await?.ok_or(TalkError::NoPlan)?;
        if conversation.is_some() && stored.conversation != conversation {
            return Err(TalkError::NoPlan);
        }
        Ok(stored.conversation)
    }

    /// Records the decision, once, and gives what was offered.
    async fn decide(
        &self,
        conversation: ConversationId,
        action: ActionId,
        state: &str,
        actor: &Actor,
    ) -> Result<OfferedAction, TalkError> {
        let (db, workspace, id) = (self.workspace.store.pool(), &self.workspace.id.0, action.to_string());
        let row = store::actions::get(db, workspace, &id).await?;
        let here = conversation.to_string();
        let row = row.filter(|row| row.conversation.as_deref() == Some(here.as_str())).ok_or(TalkError::NoAction)?;
        let offered = serde_json::from_str(&row.object).map_err(|_| TalkError::NoAction)?;
        let at = store::stamp(self.workspace.clock.now());
        if !store::actions::decide(db, workspace, &id, state, &actor.0, &at).await? {
            return Err(TalkError::Decided);
        }
        Ok(offered)
    }

    async fn carry_out(
        &self,
        offered: &OfferedAction,
        conversation: ConversationId,
        actor: &Actor,
    ) -> Result<Option<RunId>, TalkError> {
        let (db, id) = (self.workspace.store.pool(), offered.pipeline.to_string());
        let live = store::pipelines::get(db, &self.workspace.id.0, &id).await?;
        if live.is_none_or(|row| row.deleted_at.is_some()) {
            return Err(TalkError::PipelineGone(offered.name.clone()));
        }
        let at = store::stamp(self.workspace.clock.now());
        match offered.verb {
            Verb::StopRun => {
                let run = offered.run.ok_or(TalkError::NoAction)?;
                self.starter.cancel(run, actor).await?;
                Ok(Some(run))
            }
            Verb::RetryRun | Verb::RunNow => {
                let by = actor.clone();
                let cause = Cause { kind: CauseKind::Manual, by, conversation: Some(conversation) };
                Ok(Some(self.starter.rerun(offered.pipeline, cause).await?))
            }
            Verb::PauseSchedule | Verb::ResumeSchedule => {
                let paused = offered.verb == Verb::PauseSchedule;
                store::pipelines::set_paused(db, &id, paused, &at).await?;
                Ok(None)
            }
            Verb::DeletePipeline => {
                let alive = store::runs::alive(db, &id).await?.and_then(|run| run.parse().ok());
                if let Some(run) = alive {
                    self.starter.cancel(run, actor).await?;
                }
                store::pipelines::drop_schedule(db, &id).await?;
                store::pipelines::delete(db, &id, &at).await?;
                Ok(alive)
            }
        }
    }
}

fn done(verb: Verb, name: &str) -> String {
    match verb {
        Verb::StopRun => format!("The run of `{name}` is being stopped."),
        Verb::RetryRun | Verb::RunNow => format!("A run of `{name}` has been queued."),
        Verb::PauseSchedule => format!("The schedule of `{name}` is paused."),
        Verb::ResumeSchedule => format!("The schedule of `{name}` is on again."),
        Verb::DeletePipeline => format!("The pipeline `{name}` is deleted; its data stays."),
    }
}

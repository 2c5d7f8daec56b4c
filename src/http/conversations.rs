//! Talks with the agent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Caller, Scope};
use super::error::{Answer, ApiError};
use super::extract::{Body, List, Named, Params};
use super::live::{self, After, Frames, Refused};
use crate::app::{App, DELETION};
use crate::events::bus::Topic;
use crate::events::{AttachmentView, Envelope, Event};
use crate::ids::{ActionId, ConversationId, PlanId};
use crate::plan;
use crate::store;
use crate::store::conversations::ConversationRow;

/// Talks that are listed at most.
const LISTED: i64 = 200;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// Longest message, in characters.
const LONGEST_MESSAGE: usize = 50_000;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConversationView {
    #[schema(value_type = String)]
    id: ConversationId,
    title: String,
    created_at: String,
    updated_at: String,
    /// The plan that waits for a person in this talk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pending_plan: Option<PlanId>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    #[serde(default)]
    title: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Say {
    text: String,
    #[serde(default)]
    attachments: Vec<AttachmentView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Turn {
    /// Everything that happened in the turn.
    events: Vec<Envelope>,
}

/// What a client sends over the socket.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Frame {
    Say {
        text: String,
        #[serde(default)]
        attachments: Vec<AttachmentView>,
    },
    Confirm {
        plan_id: PlanId,
        digest: String,
        #[serde(default)]
        acknowledged: Vec<String>,
    },
    Dismiss {
        plan_id: PlanId,
    },
    CancelTurn,
    ConfirmAction {
        action_id: ActionId,
    },
    DismissAction {
        action_id: ActionId,
    },
}

async fn view(app: &App, row: ConversationRow) -> Answer<ConversationView> {
    let id: ConversationId =
        row.id.parse().map_err(|_| ApiError::internal(anyhow::anyhow!("a conversation's id is not one")))?;
    let pending_plan = plan::on_offer(&app.workspace, id).await?.map(|offer| offer.plan);
    Ok(ConversationView { id, title: row.title, created_at: row.created_at, updated_at: row.updated_at, pending_plan })
}

async fn find(app: &App, id: ConversationId) -> Answer<ConversationRow> {
    let workspace = &app.workspace;
    let row = store::conversations::get(workspace.store.pool(), &workspace.id.0, &id.to_string()).await?;
    row.ok_or_else(|| ApiError::not_found("conversation", id))
}

fn title(title: Title) -> Answer<String> {
    let title = title.title.unwrap_or_default().trim().to_owned();
    if title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!("A title has at most {LONGEST_TITLE} characters, on one line.")));
    }
    Ok(title)
}

/// GET /api/v1/conversations
pub(crate) async fn list(State(api): State<Api>) -> Answer<Json<List<ConversationView>>> {
    let workspace = &api.app.workspace;
    let rows = store::conversations::list(workspace.store.pool(), &workspace.id.0, None, LISTED).await?;
    let mut items = Vec::new();
    for row in rows {
        items.push(view(&api.app, row).await?);
    }
    Ok(Json(List::whole(items)))
}

/// POST /api/v1/conversations
pub(crate) async fn open(
    State(api): State<Api>,
    Body(asked): Body<Title>,
) -> Answer<(StatusCode, Json<ConversationView>)> {
    let title = title(asked)?;
    let id = api.app.talk.open_conversation(Some(title.as_str()).filter(|title| !title.is_empty())).await?;
    let row = find(&api.app, id).await?;
    Ok((StatusCode::CREATED, Json(view(&api.app, row).await?)))
}

/// GET /api/v1/conversations/{id}
pub(crate) async fn show(State(api): State<Api>, Named(id): Named<ConversationId>) -> Answer<Json<ConversationView>> {
    let row = find(&api.app, id).await?;
    Ok(Json(view(&api.app, row).await?))
}

/// PATCH /api/v1/conversations/{id}
pub(crate) async fn rename(
    State(api): State<Api>,
    Named(id): Named<ConversationId>,
    Body(asked): Body<Title>,
) -> Answer<Json<ConversationView>> {
    let title = title(asked)?;
    let workspace = &api.app.workspace;
    let now = store::stamp(workspace.clock.now());
    let pool = workspace.store.pool();
    if !store::conversations::rename(pool, &workspace.id.0, &id.to_string(), &title, &now).await? {
        return Err(ApiError::not_found("conversation", id));
    }
    show(State(api), Named(id)).await
}

/// DELETE /api/v1/conversations/{id}
pub(crate) async fn remove(State(api): State<Api>, Named(id): Named<ConversationId>) -> Answer<StatusCode> {
    find(&api.app, id).await?;
    api.app.talk.cancel_turn(id);
    let workspace = &api.app.workspace;
    store::conversations::delete(workspace.store.pool(), &workspace.id.0, &id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// GET /api/v1/conversations/{id}/events
pub(crate) async fn events(
    State(api): State<Api>,
    Named(id): Named<ConversationId>,
    Params(after): Params<After>,
) -> Answer<Json<List<Envelope>>> {
    find(&api.app, id).await?;
    let items = api.app.bus.replay(Topic::Conversation(id), after.after.unwrap_or(0)).await?;
    Ok(Json(List::whole(items)))
}

/// POST /api/v1/conversations/{id}/messages
pub(crate) async fn say(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<ConversationId>,
    headers: HeaderMap,
    Body(said): Body<Say>,
) -> Answer<Response> {
    find(&api.app, id).await?;
    let topic = Topic::Conversation(id);
    let last = api.app.bus.last(topic).await?;
    let streamed = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/event-stream"));
    if !streamed {
        speak(&api, &caller, id, said.text, said.attachments).await?;
        let events = api.app.bus.replay(topic, last).await?;
        return Ok(Json(Turn { events }).into_response());
    }
    let events = api.app.bus.subscribe(topic, last).await?;
    // The turn goes on when its listener goes away: what was begun is finished and stands in the log.
    let turn = {
        let api = api.clone();
        api.app.tasks.clone().spawn("turn", async move { speak(&api, &caller, id, said.text, said.attachments).await })
    };
    // A refusal before anything happened is the answer itself.
    let mut events = events.peekable();
    let mut turn = turn;
    let begun = tokio::select! {
        event = std::pin::Pin::new(&mut events).peek() => event.is_some(),
        done = &mut turn => {
            done.map_err(ApiError::internal)??;
            true
        }
    };
    if !begun {
        return Err(ApiError::internal(anyhow::anyhow!("the events of a turn cannot be read")));
    }
    // The answer ends with the turn, and not only when something else happens after it.
    let events = events
        .flat_map(|event| {
            let over = matches!(event, Ok(Envelope { event: Event::TurnEnded { .. }, .. }));
            stream::iter([Some(event)].into_iter().chain(over.then_some(None)))
        })
        .take_while(|event| std::future::ready(event.is_some()))
        .filter_map(std::future::ready);
    Ok(live::sent(&api, events))
}

/// Says something in the caller's name.
async fn speak(
    api: &Api,
    caller: &Caller,
    id: ConversationId,
    text: String,
    attachments: Vec<AttachmentView>,
) -> Answer<()> {
    if text.trim().is_empty() && attachments.is_empty() {
        return Err(ApiError::bad_request("There is nothing in the message."));
    }
    if text.chars().count() > LONGEST_MESSAGE {
        return Err(ApiError::bad_request(format!("A message has at most {LONGEST_MESSAGE} characters."))
            .suggest("Attach the part that matters of a long log."));
    }
    api.app.say(id, text, attachments, caller).await
}

/// GET /api/v1/conversations/{id}/stream
pub(crate) async fn stream(
    State(api): State<Api>,
    Named(id): Named<ConversationId>,
    Params(after): Params<After>,
    headers: HeaderMap,
) -> Answer<Response> {
    find(&api.app, id).await?;
    live::stream(&api, &headers, Topic::Conversation(id), after).await
}

/// GET /api/v1/conversations/{id}/ws
pub(crate) async fn socket(
    State(api): State<Api>,
    caller: Caller,
    Named(id): Named<ConversationId>,
    Params(after): Params<After>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    find(&api.app, id).await?;
    let frames: Frames = {
        let api = api.clone();
        Arc::new(move |text| {
            let (api, caller) = (api.clone(), caller.clone());
            // A task of its own: what was begun is finished when the socket closes.
            let done = api.app.tasks.clone().spawn("frame", async move { take(&api, &caller, id, &text).await });
            stream::once(done)
                .filter_map(|done| {
                    std::future::ready(match done {
                        Ok(Ok(())) => None,
                        Ok(Err(error)) => Some(Refused::from(error)),
                        Err(error) => Some(Refused::from(ApiError::internal(error))),
                    })
                })
                .boxed()
        })
    };
    Ok(live::socket(&api, upgrade, Topic::Conversation(id), after, frames))
}

/// Does what a frame asks. Listening needs less than asking, so each frame is held against the caller's scope.
async fn take(api: &Api, caller: &Caller, id: ConversationId, text: &str) -> Answer<()> {
    let frame: Frame = serde_json::from_str(text).map_err(|error| {
        ApiError::bad_request("The frame cannot be read.")
            .suggest(
                "Frames are JSON with a `type`: say, confirm, dismiss, cancel_turn, confirm_action, dismiss_action.",
            )
            .because(error)
    })?;
    api.rate.take(caller.rate())?;
    let app = &api.app;
    match frame {
        Frame::Say { text, attachments } => {
            caller.must(Scope::Operate)?;
            speak(api, caller, id, text, attachments).await
        }
        Frame::Confirm { plan_id, digest, acknowledged } => {
            caller.must(Scope::Edit)?;
            let by = caller.actor.clone();
            app.talk.confirm(Some(id), plan_id, &digest, &acknowledged, true, by).await?;
            Ok(())
        }
        Frame::Dismiss { plan_id } => {
            caller.must(Scope::Edit)?;
            Ok(app.talk.dismiss(Some(id), plan_id, caller.actor.clone()).await?)
        }
        Frame::CancelTurn => {
            caller.must(Scope::Operate)?;
            app.talk.cancel_turn(id);
            Ok(())
        }
        Frame::ConfirmAction { action_id } => {
            let workspace = &app.workspace;
            let action = store::actions::get(workspace.store.pool(), &workspace.id.0, &action_id.to_string()).await?;
            let action = action.ok_or_else(|| ApiError::not_found("offer", action_id))?;
            caller.must(if action.action == DELETION { Scope::Edit } else { Scope::Operate })?;
            app.talk.confirm_action(id, action_id, caller.actor.clone()).await?;
            Ok(())
        }
        Frame::DismissAction { action_id } => {
            caller.must(Scope::Operate)?;
            Ok(app.talk.dismiss_action(id, action_id, caller.actor.clone()).await?)
        }
    }
}

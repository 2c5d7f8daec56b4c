//! What a mind can do: look, measure, and put something before a person. One file per tool, each with its twin in
//! `tools/NAME.json`; none starts, stops, changes or deletes anything.

mod ask_user;
pub(super) mod budget;
mod check_connection;
mod decline_request;
mod diagnose;
mod explain_pipeline;
mod inspect_stream;
mod list_connections;
mod list_runs;
mod list_streams;
mod offer;
mod offer_action;
mod pipeline;
pub(super) mod plan_schema;
mod preview_rows;
mod preview_schedule;
mod probe;
mod profile_cursor;
mod propose_mapping;
mod propose_modes;
mod propose_plan;
mod read_run_log;
mod revise_plan;
mod search_catalog;
mod state_problem;

use serde_json::Value;

use super::guard::untrusted;
use super::registry::{Loader, Registry, SpecError};
use super::tool::ToolError;
use crate::events::{ActionState, Event};
use crate::ids::ActionId;
use crate::plan::Problem;
use crate::workspace::{WorkspaceError, WorkspaceErrorKind};

pub use offer_action::{OfferedAction, Verb};
pub(super) use revise_plan::merge;

/// A tool's answer as a mind reads it: without secrets, within the budget, and wrapped where it holds text of systems.
pub(super) fn answer(tool: &str, mut content: Value, untrusted: bool) -> String {
    untrusted::cleanse(&mut content);
    let text = budget::fit(content, "Ask for less: name what you look for.").to_string();
    if untrusted { untrusted::wrap(tool, &text) } else { text }
}

pub(super) fn all() -> Result<Registry, SpecError> {
    let loader = Loader::default()
        .with(list_connections::ListConnections)?
        .with(search_catalog::SearchCatalog)?
        .with(check_connection::CheckConnection)?
        .with(list_streams::ListStreams)?
        .with(inspect_stream::InspectStream)?
        .with(profile_cursor::ProfileCursor)?
        .with(preview_rows::PreviewRows)?
        .with(propose_mapping::ProposeMapping)?
        .with(propose_modes::ProposeModes)?
        .with(propose_plan::ProposePlan)?
        .with(revise_plan::RevisePlan)?
        .with(ask_user::AskUser)?
        .with(state_problem::StateProblem)?
        .with(preview_schedule::PreviewSchedule)?
        .with(list_runs::ListRuns)?
        .with(read_run_log::ReadRunLog)?
        .with(diagnose::Diagnose)?
        .with(explain_pipeline::ExplainPipeline)?
        .with(offer_action::OfferAction)?
        .with(decline_request::DeclineRequest)?;
    Ok(loader.done())
}

/// A failure of the workspace, for the mind; one of our own store ends the turn.
impl From<WorkspaceError> for ToolError {
    fn from(error: WorkspaceError) -> Self {
        if error.kind == WorkspaceErrorKind::Store {
            return Self::EndTurn(error.into());
        }
        tracing::info!(kind = error.kind.code(), cause = ?error.source, "a tool was refused");
        Self::TellModel([Some(error.message), error.hint].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

impl From<sqlx::Error> for ToolError {
    fn from(error: sqlx::Error) -> Self {
        Self::EndTurn(error.into())
    }
}

impl From<Problem> for ToolError {
    fn from(problem: Problem) -> Self {
        Self::TellModel([Some(problem.message), problem.suggestion].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

/// Something that was shown to the person at their wish.
fn shown(action: &str, on: Option<String>, text: String) -> Event {
    Event::Action { id: ActionId::new(), action: action.to_owned(), state: ActionState::Done, on, text, view: None }
}

#[cfg(test)]
mod tests;

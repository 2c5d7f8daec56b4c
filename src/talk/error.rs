//! Why something said or decided in a talk came to nothing.

use super::start::RunRefused;
use crate::agent::TurnError;
use crate::agent::transcript::TranscriptError;
use crate::events::bus::BusError;
use crate::plan::ConfirmError;
use crate::workspace::WorkspaceError;

/// For a person, and for the layer that answers them.
#[derive(Debug, thiserror::Error)]
pub enum TalkError {
    #[error("there is no such talk")]
    NoConversation,
    #[error("nothing was said")]
    Empty,
    #[error("the agent is still answering in this talk")]
    Busy,
    #[error("there is no such plan in this talk")]
    NoPlan,
    #[error("there is no such offer in this talk")]
    NoAction,
    /// It was carried out, declined or overtaken before.
    #[error("this offer no longer waits for an answer")]
    Decided,
    #[error("the pipeline `{0}` is gone")]
    PipelineGone(String),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Run(#[from] RunRefused),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error("the talk could not be read or written")]
    Turn(#[source] Box<TurnError>),
    #[error("something broke while this was answered")]
    Broke,
}

impl TalkError {
    /// The stable code, as sent.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoConversation => "conversation_not_found",
            Self::Empty => "nothing_said",
            Self::Busy => "turn_in_progress",
            Self::NoPlan => "plan_not_found",
            Self::NoAction => "action_not_found",
            Self::Decided => "action_decided",
            Self::PipelineGone(_) => "pipeline_gone",
            Self::Confirm(error) => error.code(),
            Self::Run(refused) => refused.code,
            Self::Workspace(error) => error.kind.code(),
            Self::Turn(_) | Self::Broke => "internal",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoConversation => Some("Begin a new talk.".to_owned()),
            Self::Busy => Some("Wait until it has answered, or cancel the turn.".to_owned()),
            Self::NoPlan | Self::NoAction | Self::Decided | Self::PipelineGone(_) => {
                Some("Ask again and answer the new offer.".to_owned())
            }
            Self::Confirm(error) => error.hint(),
            Self::Run(refused) => refused.hint.clone(),
            Self::Workspace(error) => error.hint.clone(),
            Self::Empty | Self::Turn(_) | Self::Broke => None,
        }
    }
}

impl From<TurnError> for TalkError {
    fn from(error: TurnError) -> Self {
        Self::Turn(Box::new(error))
    }
}

impl From<TranscriptError> for TalkError {
    fn from(error: TranscriptError) -> Self {
        TurnError::from(error).into()
    }
}

impl From<BusError> for TalkError {
    fn from(error: BusError) -> Self {
        TurnError::from(error).into()
    }
}

impl From<sqlx::Error> for TalkError {
    fn from(error: sqlx::Error) -> Self {
        TurnError::from(error).into()
    }
}

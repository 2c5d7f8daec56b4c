//! The life of a run: one pure function says where it can go. Storage compares and sets what it answers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::connectors::ErrorKind;
use crate::events::RunPhase;

/// Attempts in a row without a checkpoint, after which a run fails.
pub const MAX_ATTEMPTS: u32 = 5;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum RunState {
    Queued,
    /// Opens source and destination.
    Initializing {
        attempt: u32,
    },
    /// Looks at the streams as they are now and holds them against the plan.
    Analyzing {
        attempt: u32,
    },
    Transferring {
        attempt: u32,
    },
    /// Waits before the next attempt.
    BackingOff {
        attempt: u32,
        until: DateTime<Utc>,
        error: RunError,
    },
    Cancelling,
    Completed,
    Failed {
        error: RunError,
    },
    Cancelled,
}

/// What went wrong, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunError {
    /// The code of an [`ErrorKind`].
    pub kind: String,
    pub message: String,
    #[serde(default)]
    pub hint: Option<String>,
    #[serde(default)]
    pub stream: Option<String>,
}

/// Something that moves a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// An attempt begins.
    Started,
    /// Source and destination are open.
    Opened,
    /// Every stream still fits the plan.
    Analyzed,
    /// A checkpoint landed: what came before is safe, so the attempts are counted anew.
    Progressed,
    /// Every stream reached its end and the receipt is written.
    Finished,
    Failed {
        kind: ErrorKind,
        error: RunError,
        /// When to try again, should it be worth it.
        retry_at: DateTime<Utc>,
    },
    CancelRequested,
    /// The work has ceased, as was asked.
    Stopped,
    /// A process took up a run that another one left behind.
    Resumed,
    /// The process shuts down and leaves the run to the next one.
    Released,
}

/// A happening that cannot be in that state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {} cannot take {happening}", phase_word(*.phase))]
pub struct IllegalMove {
    pub phase: RunPhase,
    pub happening: &'static str,
}

impl RunState {
    /// Where a run goes from here. Final states are final; the same state again means that nothing moves.
    pub fn next(self, happening: Happening) -> Result<Self, IllegalMove> {
        use Happening as H;
        Ok(match (self, happening) {
            (Self::Queued, H::Started) => Self::Initializing { attempt: 1 },
            (Self::Queued, H::Failed { error, .. }) => Self::Failed { error },
            (Self::Queued, H::CancelRequested) => Self::Cancelled,
            (Self::Queued, H::Resumed | H::Released) => Self::Queued,

            (Self::Initializing { attempt }, H::Opened) => Self::Analyzing { attempt },
            (Self::Analyzing { attempt }, H::Analyzed) => Self::Transferring { attempt },
            (Self::Transferring { .. }, H::Progressed) => Self::Transferring { attempt: 1 },
            (Self::Transferring { .. }, H::Finished) => Self::Completed,
            (Self::BackingOff { attempt, .. }, H::Started) => Self::Initializing { attempt: attempt + 1 },
            (waiting @ Self::BackingOff { .. }, H::Resumed | H::Released) => waiting,

            (
                Self::Initializing { attempt } | Self::Analyzing { attempt } | Self::Transferring { attempt },
                H::Failed { kind, error, retry_at },
            ) => {
                if kind.is_transient() && attempt < MAX_ATTEMPTS {
                    Self::BackingOff { attempt, until: retry_at, error }
                } else {
                    Self::Failed { error }
                }
            }
            (
                Self::Initializing { attempt } | Self::Analyzing { attempt } | Self::Transferring { attempt },
                H::Resumed,
            ) => {
                if attempt < MAX_ATTEMPTS {
                    Self::Initializing { attempt: attempt + 1 }
                } else {
                    Self::Failed { error: RunError::interrupted() }
                }
            }
            (Self::Initializing { .. } | Self::Analyzing { .. } | Self::Transferring { .. }, H::Released) => {
                Self::Queued
            }
            (
                Self::Initializing { .. }
                | Self::Analyzing { .. }
                | Self::Transferring { .. }
                | Self::BackingOff { .. }
                | Self::Cancelling,
                H::CancelRequested,
            ) => Self::Cancelling,

            // The last commit was faster than the cancel.
            (Self::Cancelling, H::Finished) => Self::Completed,
            (Self::Cancelling, H::Stopped | H::Resumed | H::Released | H::Failed { .. }) => Self::Cancelled,
            (Self::Cancelling, H::Started | H::Opened | H::Analyzed | H::Progressed) => Self::Cancelling,

            (state, happening) => {
                return Err(IllegalMove { phase: state.phase(), happening: happening.name() });
            }
        })
    }

    /// The word that people see.
    pub fn phase(&self) -> RunPhase {
        match self {
            Self::Queued => RunPhase::Queued,
            Self::Initializing { .. } => RunPhase::Initializing,
            Self::Analyzing { .. } => RunPhase::Analyzing,
            Self::Transferring { .. } => RunPhase::Transferring,
            Self::BackingOff { .. } => RunPhase::Retrying,
            Self::Cancelling => RunPhase::Cancelling,
            Self::Completed => RunPhase::Completed,
            Self::Failed { .. } => RunPhase::Failed,
            Self::Cancelled => RunPhase::Cancelled,
        }
    }

    /// Which attempt it is since the last checkpoint, where there is one.
    pub fn attempt(&self) -> Option<u32> {
        match self {
            Self::Initializing { attempt }
            | Self::Analyzing { attempt }
            | Self::Transferring { attempt }
            | Self::BackingOff { attempt, .. } => Some(*attempt),
            Self::Queued | Self::Cancelling | Self::Completed | Self::Failed { .. } | Self::Cancelled => None,
        }
    }

    /// What went wrong, if something did.
    pub fn error(&self) -> Option<&RunError> {
        match self {
            Self::BackingOff { error, .. } | Self::Failed { error } => Some(error),
            _ => None,
        }
    }
}

impl RunError {
    fn interrupted() -> Self {
        Self {
            kind: ErrorKind::Exhausted.code().to_owned(),
            message: format!(
                "The program ended {MAX_ATTEMPTS} times in the middle of this run, and no checkpoint landed in between."
            ),
            hint: Some(
                "Look for a shortage of memory in the system's log, lower the plan's `batch_bytes`, then run it again."
                    .to_owned(),
            ),
            stream: None,
        }
    }
}

impl Happening {
    fn name(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Opened => "opened",
            Self::Analyzed => "analyzed",
            Self::Progressed => "progressed",
            Self::Finished => "finished",
            Self::Failed { .. } => "failed",
            Self::CancelRequested => "cancel_requested",
            Self::Stopped => "stopped",
            Self::Resumed => "resumed",
            Self::Released => "released",
        }
    }
}

/// A phase as the wire and the store spell it.
pub fn phase_word(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Queued => "queued",
        RunPhase::Initializing => "initializing",
        RunPhase::Analyzing => "analyzing",
        RunPhase::Transferring => "transferring",
        RunPhase::Streaming => "streaming",
        RunPhase::Retrying => "retrying",
        RunPhase::Cancelling => "cancelling",
        RunPhase::Completed => "completed",
        RunPhase::Failed => "failed",
        RunPhase::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed(kind: ErrorKind) -> Happening {
        Happening::Failed { kind, error: error(kind), retry_at: DateTime::default() }
    }

    fn error(kind: ErrorKind) -> RunError {
        RunError { kind: kind.code().to_owned(), message: "It broke.".to_owned(), hint: None, stream: None }
    }

    fn backing_off(attempt: u32) -> RunState {
        RunState::BackingOff { attempt, until: DateTime::default(), error: error(ErrorKind::Unreachable) }
    }

    #[test]
    fn every_move_that_a_run_makes() {
        use Happening as H;
        use RunState as S;
        let table = [
            (S::Queued, H::Started, Some(S::Initializing { attempt: 1 })),
            (S::Initializing { attempt: 2 }, H::Opened, Some(S::Analyzing { attempt: 2 })),
            (S::Analyzing { attempt: 2 }, H::Analyzed, Some(S::Transferring { attempt: 2 })),
            (S::Transferring { attempt: 4 }, H::Progressed, Some(S::Transferring { attempt: 1 })),
            (S::Transferring { attempt: 4 }, H::Finished, Some(S::Completed)),
            (S::Transferring { attempt: 4 }, failed(ErrorKind::Unreachable), Some(backing_off(4))),
            (
                S::Transferring { attempt: 5 },
                failed(ErrorKind::Unreachable),
                Some(S::Failed { error: error(ErrorKind::Unreachable) }),
            ),
            (S::Analyzing { attempt: 1 }, failed(ErrorKind::Auth), Some(S::Failed { error: error(ErrorKind::Auth) })),
            (backing_off(4), H::Started, Some(S::Initializing { attempt: 5 })),
            (backing_off(4), H::CancelRequested, Some(S::Cancelling)),
            (S::Transferring { attempt: 1 }, H::Resumed, Some(S::Initializing { attempt: 2 })),
            (S::Transferring { attempt: 5 }, H::Resumed, Some(S::Failed { error: RunError::interrupted() })),
            (S::Transferring { attempt: 3 }, H::Released, Some(S::Queued)),
            (S::Transferring { attempt: 1 }, H::CancelRequested, Some(S::Cancelling)),
            (S::Cancelling, H::Stopped, Some(S::Cancelled)),
            (S::Cancelling, H::Resumed, Some(S::Cancelled)),
            (S::Cancelling, H::Finished, Some(S::Completed)),
            (S::Queued, H::CancelRequested, Some(S::Cancelled)),
            (S::Queued, H::Finished, None),
            (S::Initializing { attempt: 1 }, H::Finished, None),
            (S::Analyzing { attempt: 1 }, H::Finished, None),
            (backing_off(1), H::Finished, None),
            (S::Completed, H::Started, None),
            (S::Cancelled, H::Finished, None),
        ];
        for (from, happening, to) in table {
            assert_eq!(from.clone().next(happening.clone()).ok(), to, "{from:?} + {happening:?}");
        }
    }

    fn happenings() -> impl Strategy<Value = Happening> {
        prop_oneof![
            Just(Happening::Started),
            Just(Happening::Opened),
            Just(Happening::Analyzed),
            Just(Happening::Progressed),
            Just(Happening::Finished),
            Just(failed(ErrorKind::Unreachable)),
            Just(failed(ErrorKind::BadData)),
            Just(Happening::CancelRequested),
            Just(Happening::Stopped),
            Just(Happening::Resumed),
            Just(Happening::Released),
        ]
    }

    proptest! {
        #[test]
        fn no_sequence_leaves_a_final_state_nor_counts_too_far(sequence in prop::collection::vec(happenings(), 0..60)) {
            let mut state = RunState::Queued;
            for happening in sequence {
                let before = state.clone();
                match state.clone().next(happening) {
                    Ok(next) => {
                        prop_assert!(!before.phase().is_final());
                        prop_assert!(next.attempt().is_none_or(|attempt| (1..=MAX_ATTEMPTS).contains(&attempt)));
                        state = next;
                    }
                    Err(refused) => prop_assert_eq!(refused.phase, before.phase()),
                }
                let text = serde_json::to_string(&state).unwrap();
                prop_assert_eq!(&serde_json::from_str::<RunState>(&text).unwrap(), &state);
            }
        }
    }
}

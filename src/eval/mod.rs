//! Evaluations: talks from files, said to the production's own turn, and held against what must be true after each. Only
//! two things are swapped: connections answer from a world's file in place of live systems, and a confirmed plan's run
//! is recorded and not carried out.

mod canary;
mod case;
mod check;
mod conduct;
mod expected;
mod play;
mod recorder;
mod report;
#[cfg(test)]
mod tests;
mod transcript;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;

use crate::agent::Registry;
use crate::agent::model::ChatModel;
use crate::tasks;
use case::{Attached, Case};
use world::World;
use world::ground::Ground;

pub use report::{CaseReport, Report, Share, TurnReport};

/// What to evaluate.
#[derive(Clone)]
pub struct EvalOptions {
    /// A folder of cases, or one file of them.
    pub cases: PathBuf,
    /// A folder of worlds; `worlds` beside or in the folder of cases when absent.
    pub worlds: Option<PathBuf>,
    /// The mind that takes the turns.
    pub model: Arc<dyn ChatModel>,
    /// Only cases with this tag.
    pub tag: Option<String>,
    /// Only the case of this id.
    pub case: Option<String>,
    /// How many cases are played at once; at least one.
    pub at_once: usize,
}

/// Why there is no report. The sentences name file and case.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("`{}` cannot be read.", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("`{}` is not as it should be: {what}", .file.display())]
    Malformed { file: PathBuf, what: String },
    #[error("Case `{case}` in `{}`: {what}.", .file.display())]
    Case { file: PathBuf, case: String, what: String },
    #[error("World `{world}`: {what}")]
    World { world: String, what: String },
    #[error("There are no cases: {0}.")]
    Nothing(String),
    #[error("A folder for an evaluation cannot be made.")]
    Folder(#[source] std::io::Error),
    #[error("The tools cannot be loaded.")]
    Tools(#[from] crate::agent::registry::SpecError),
    #[error("A store of an evaluation does not answer.")]
    Store(#[from] sqlx::Error),
    #[error(transparent)]
    Workspace(#[from] crate::workspace::WorkspaceError),
    #[error(transparent)]
    Talk(#[from] crate::talk::TalkError),
    #[error(transparent)]
    Bus(#[from] crate::events::bus::BusError),
    #[error(transparent)]
    Transcript(#[from] crate::agent::transcript::TranscriptError),
}

impl EvalError {
    fn malformed(file: PathBuf, what: &str) -> Self {
        // Parsers show the place with an excerpt below; the first line says what and where.
        Self::Malformed { file, what: what.lines().take(12).collect::<Vec<_>>().join("\n") }
    }
}

/// Plays every case and reports. An error means that a file is wrong or the machine fails; what the agent does wrong is in
/// the report.
pub async fn run(options: EvalOptions) -> Result<Report, EvalError> {
    let mut cases = case::load(&options.cases)?;
    cases.retain(|case| options.tag.as_ref().is_none_or(|tag| case.tags.contains(tag)));
    cases.retain(|case| options.case.as_ref().is_none_or(|id| case.id == *id));
    if cases.is_empty() {
        let of = options.tag.iter().map(|tag| format!(" with the tag `{tag}`"));
        let named = options.case.iter().map(|id| format!(" of the id `{id}`"));
        let which: String = of.chain(named).collect();
        return Err(EvalError::Nothing(format!("`{}` has none{which}", options.cases.display())));
    }
    let folder = match &options.worlds {
        Some(folder) => folder.clone(),
        None => worlds(&options.cases),
    };
    let grounds = grounds(&folder, &cases).await?;
    let tools = Registry::standard()?;
    let played = futures::stream::iter(cases.into_iter().filter_map(|case| {
        let ground = Arc::clone(grounds.get(&case.world)?);
        Some(one(ground, case, Arc::clone(&options.model), tools.clone()))
    }))
    .buffered(options.at_once.max(1))
    .collect::<Vec<_>>()
    .await;
    Ok(Report { model: options.model.name().to_owned(), cases: played })
}

/// One case in a task of its own: what breaks there is told of that case and spoils no other.
async fn one(ground: Arc<Ground>, case: Case, mind: Arc<dyn ChatModel>, tools: Registry) -> CaseReport {
    let mut broken = CaseReport::new(&case);
    let played = tasks::spawn("case", async move { play::play(&ground, &case, mind, tools).await }).await;
    broken.broke = Some(match played {
        Ok(Ok(report)) => return report,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    });
    broken
}

/// The folder `worlds` beside the cases, or in their folder.
fn worlds(cases: &Path) -> PathBuf {
    let cases = std::fs::canonicalize(cases).unwrap_or_else(|_| cases.to_owned());
    let folder = if cases.is_dir() { cases.as_path() } else { cases.parent().unwrap_or(&cases) };
    let inside = folder.join("worlds");
    if inside.is_dir() { inside } else { folder.parent().unwrap_or(folder).join("worlds") }
}

/// Every world that the cases stand on, laid out.
async fn grounds(folder: &Path, cases: &[Case]) -> Result<BTreeMap<String, Arc<Ground>>, EvalError> {
    let mut grounds: BTreeMap<String, Arc<Ground>> = BTreeMap::new();
    for case in cases {
        if !grounds.contains_key(&case.world) {
            let world = World::load(folder, &case.world)?;
            grounds.insert(case.world.clone(), Arc::new(Ground::lay(world).await?));
        }
        let Some(ground) = grounds.get(&case.world) else { continue };
        for attached in case.turns.iter().flat_map(|turn| &turn.attach) {
            if let Attached::Run(pipeline) = attached
                && !ground.world.runs.iter().any(|run| run.pipeline == *pipeline)
            {
                let what = format!("the world has no run of `{pipeline}`");
                return Err(EvalError::Case { file: case.file.clone(), case: case.id.clone(), what });
            }
        }
    }
    Ok(grounds)
}

//! Evaluation of a mind: talks with expectations, held through the production turn — the same agent loop, tools, validation
//! and rule of confirmation. Two things are swapped: connections answer from a world file, and a confirmed plan's run is
//! recorded, not carried out.

mod case;
mod compare;
mod conduct;
mod drive;
mod install;
mod judge;
mod recorder;
mod report;
mod spelling;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use crate::agent::model::ChatModel;

pub use case::{Case, CaseError, Turn};
pub use report::{CaseReport, Report, TurnReport};
pub use world::World;

/// What to evaluate.
#[derive(Clone)]
pub struct EvalOptions {
    /// A folder of case files, or one file.
    pub cases: PathBuf,
    /// The folder of world files; `worlds` beside the cases when absent.
    pub worlds: Option<PathBuf>,
    pub model: Arc<dyn ChatModel>,
    /// Only cases with this tag.
    pub tag: Option<String>,
    /// Only cases whose id holds this.
    pub only: Option<String>,
}

/// Runs every case and judges every turn. The error is that of a file that cannot be read; a case that breaks fails.
pub async fn run(options: EvalOptions) -> Result<Report, CaseError> {
    let cases = case::read(&options.cases)?;
    let folder = options.worlds.clone().unwrap_or_else(|| beside(&options.cases));
    let mut worlds = world::Worlds::new(folder);
    let mut reports = Vec::new();
    let wanted = |case: &Case| {
        options.tag.as_ref().is_none_or(|tag| case.tags.contains(tag)) && options.only.as_ref().is_none_or(|only| case.id.contains(only.as_str()))
    };
    for case in cases.into_iter().filter(wanted) {
        let world = worlds.get(&case.world)?;
        reports.push(Box::pin(drive::case(&case, &world, &options.model)).await);
    }
    Ok(Report::new(options.model.name().to_owned(), reports))
}

/// `worlds` beside a folder of cases, or beside the folder that a case file stands in.
fn beside(cases: &std::path::Path) -> PathBuf {
    let folder = if cases.is_file() { cases.parent().unwrap_or(cases) } else { cases };
    let inside = folder.join("worlds");
    if inside.is_dir() { inside } else { folder.parent().unwrap_or(folder).join("worlds") }
}

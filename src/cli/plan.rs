//! `towpath plan`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::card;
use super::failure::{Exit, Failure};
use super::terminal::Terminal;
use crate::app::App;
use crate::http::error::ApiError;
use crate::plan::{Draft, ValidatedPlan};

#[derive(Debug, Subcommand)]
pub(super) enum Plan {
    /// Check a plan against the live systems and list everything that is wrong
    Validate {
        /// YAML or JSON; `-` reads standard input
        file: PathBuf,
    },
    /// Check a plan and show what it would do
    Preview {
        /// YAML or JSON; `-` reads standard input
        file: PathBuf,
    },
    /// Print the JSON Schema of plans
    Schema,
}

pub(super) async fn run(command: Plan, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        Plan::Validate { file } => {
            let plan = validated(app, draft(&file)?).await?;
            terminal.result(
                &json!({"valid": true, "digest": plan.digest(), "warnings": plan.view().warnings}),
                |terminal, _| {
                    terminal.line(&format!("{} The plan is valid.", terminal.good("✔")));
                    for warning in &plan.view().warnings {
                        terminal.line(&format!("  {} {}", terminal.warn("!"), warning.message));
                    }
                },
            )
        }
        Plan::Preview { file } => {
            let plan = validated(app, draft(&file)?).await?;
            terminal.result(&json!({"digest": plan.digest(), "view": plan.view()}), |terminal, _| {
                card::show(terminal, plan.view(), plan.digest());
            })
        }
        Plan::Schema => Ok(()),
    }
}

/// Reads a plan from a file, or from standard input where the file is `-`.
pub(super) fn draft(file: &Path) -> Result<Draft, Failure> {
    let read =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    let text = read.map_err(|error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, "unreadable_file", format!("`{}` cannot be read: {error}.", file.display()))
    })?;
    Draft::from_text(&text).map_err(|problems| ApiError::invalid_plan(&problems).into())
}

async fn validated(app: &App, draft: Draft) -> Result<ValidatedPlan, Failure> {
    draft.validate(&app.workspace).await.map_err(|problems| ApiError::invalid_plan(&problems).into())
}

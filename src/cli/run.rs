//! `towpath run`: a plan from a file, or one that was proposed before, confirmed and seen through.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::failure::{Exit, Failure};
use super::terminal::Terminal;
use super::{card, operator, plan as plan_command, progress, receipt};
use crate::app::App;
use crate::events::{PlanView, RunPhase};
use crate::http::runs;
use crate::ids::{PlanId, RunId};
use crate::plan::{self, Withdrawal};

#[derive(Debug, Args)]
#[command(after_help = "In scripts, two steps: `towpath --json ask \"…\"` prints a plan's id and digest; \
    `towpath run --confirm PLAN --digest DIGEST` confirms it.")]
pub(super) struct Run {
    /// A plan, YAML or JSON; `-` reads standard input
    #[arg(required_unless_present = "confirm", conflicts_with = "confirm")]
    file: Option<PathBuf>,
    /// A plan that was proposed before
    #[arg(long, value_name = "PLAN", requires = "digest")]
    confirm: Option<PlanId>,
    /// The digest of what was looked at
    #[arg(long)]
    digest: Option<String>,
    /// Do not ask; the file is what was agreed to
    #[arg(long)]
    yes: bool,
    /// A table whose rows may be replaced; repeat for each
    #[arg(long, value_name = "TARGET")]
    acknowledge: Vec<String>,
}

pub(super) async fn run(command: Run, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let (plan, digest, acknowledged) = match (command.confirm, command.file) {
        (Some(plan), _) => (plan, command.digest.unwrap_or_default(), command.acknowledge),
        (None, Some(file)) => {
            let draft = plan_command::draft(&file)?;
            let proposed = plan::propose(&app.workspace, draft, None, None).await?;
            if !terminal.json {
                card::show(terminal, &proposed.view, &proposed.digest);
            }
            if command.digest.as_ref().is_some_and(|digest| *digest != proposed.digest) {
                plan::withdraw(&app.workspace, proposed.plan, Withdrawal::Dismissed).await?;
                let detail = format!("The plan's digest is `{}`, not the one given.", proposed.digest);
                return Err(Failure::new(Exit::NotConfirmed, "stale_confirmation", detail)
                    .suggest("Look at it with `towpath plan preview`, and give the digest that it prints."));
            }
            let agreed = if command.yes || command.digest.is_some() {
                Ok(command.acknowledge)
            } else {
                agree(terminal, &proposed.view, command.acknowledge)
            };
            match agreed {
                Ok(acknowledged) => (proposed.plan, proposed.digest, acknowledged),
                Err(refused) => {
                    plan::withdraw(&app.workspace, proposed.plan, Withdrawal::Dismissed).await?;
                    return Err(refused
                        .suggest("In a script, say `--yes`, and `--acknowledge TARGET` for each table replaced."));
                }
            }
        }
        (None, None) => return Err(Failure::usage("There is no plan to run.")),
    };
    let started = confirm(app, plan, &digest, &acknowledged).await?;
    see_through(app, terminal, started).await
}

/// Asks a person to agree to a plan that is on the screen. Tables whose rows would be replaced are asked for one by one;
/// gives the ones that were accepted.
pub(super) fn agree(terminal: &Terminal, view: &PlanView, given: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut acknowledged = given;
    for target in view.destructive.iter().filter(|target| !acknowledged.contains(target)).cloned().collect::<Vec<_>>() {
        terminal.agrees(&format!("  Replace the rows of {}?", terminal.bold(&target)), false)?;
        acknowledged.push(target);
    }
    terminal.agrees(&format!("  {}", terminal.bold("Run this plan?")), true)?;
    Ok(acknowledged)
}

/// Confirms a plan in the operator's name and starts it.
pub(super) async fn confirm(app: &App, plan: PlanId, digest: &str, acknowledged: &[String]) -> Result<RunId, Failure> {
    let done = app.talk.confirm(None, plan, digest, acknowledged, true, operator()).await?;
    done.run
        .ok_or_else(|| Failure::new(Exit::Failed, "not_started", "The plan is confirmed, and its run did not start."))
}

/// Shows a run until it ends, then its receipt. A run that failed, or was cancelled, is the command's failure.
pub(super) async fn see_through(app: &App, terminal: &Terminal, run: RunId) -> Result<(), Failure> {
    let phase = progress::follow(terminal, &app.bus, run).await?;
    if phase != RunPhase::Completed {
        let found = runs::find(app, run).await?;
        let detail = match &found.error {
            Some(error) => error.message.clone(),
            None => format!("The run ended as: {}.", progress::word(phase).to_lowercase()),
        };
        let failure = Failure::new(Exit::RunFailed, "run_failed", detail);
        return Err(match found.error.and_then(|error| error.hint) {
            Some(hint) => failure.suggest(hint),
            None => failure.suggest(format!("`towpath runs logs {run}` has what happened.")),
        });
    }
    let text = runs::receipt_of(app, run).await?;
    if terminal.json {
        terminal.line(&text);
    } else {
        receipt::show(terminal, &serde_json::from_str::<Value>(&text)?);
    }
    Ok(())
}

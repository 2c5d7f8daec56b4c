//! `towpath pipelines`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::failure::{Exit, Failure};
use super::terminal::{
    Align::{Left, Right},
    Terminal, printable,
};
use super::{operator, run, runs};
use crate::app::App;
use crate::http::pipelines::{self, Import, ImportOutcome, PipelineView};
use crate::runner::CauseKind;
use crate::store;

#[derive(Debug, Subcommand)]
pub(super) enum Pipelines {
    /// List pipelines with their last run
    List,
    /// Show one, by name or id
    Show { pipeline: String },
    /// Delete one; what it has written stays
    Rm {
        pipeline: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print pipelines as JSON to import elsewhere; all of them when none is named
    Export { pipeline: Option<String> },
    /// Propose exported pipelines here; each wants a confirmation
    Import {
        /// As exported; `-` reads standard input
        file: PathBuf,
    },
    /// Run one now and see it through
    Run { pipeline: String },
    /// Let a schedule rest
    Pause { pipeline: String },
    /// Let a schedule go on
    Resume { pipeline: String },
}

pub(super) async fn run(command: Pipelines, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        Pipelines::List => {
            let found = pipelines::views(app).await?;
            terminal.result(&found, |terminal, found| list(terminal, found))
        }
        Pipelines::Show { pipeline } => {
            let row = pipelines::named(app, &pipeline).await?;
            let found = pipelines::view(app, row).await?;
            terminal.result(&found, show)
        }
        Pipelines::Rm { pipeline, yes } => {
            let row = pipelines::named(app, &pipeline).await?;
            if !yes {
                terminal.agrees(&format!("Delete `{}`? What it has written stays.", row.name), false)?;
            }
            pipelines::delete(app, pipelines::id_of(&row)?, &operator()).await?;
            terminal.result(&json!({"deleted": row.id}), |terminal, _| {
                terminal.line(&format!("`{}` is deleted.", row.name));
            })
        }
        Pipelines::Export { pipeline } => {
            let rows = match pipeline {
                Some(pipeline) => vec![pipelines::named(app, &pipeline).await?],
                None => store::pipelines::all(app.workspace.store.pool(), &app.workspace.id.0).await?,
            };
            let export = pipelines::exported(app, rows).await?;
            terminal.line(&serde_json::to_string_pretty(&export)?);
            Ok(())
        }
        Pipelines::Import { file } => import(&file, app, terminal).await,
        Pipelines::Run { pipeline } => {
            let row = pipelines::named(app, &pipeline).await?;
            let started = pipelines::start(app, pipelines::id_of(&row)?, CauseKind::Manual, operator()).await?;
            run::see_through(app, terminal, started).await
        }
        Pipelines::Pause { pipeline } => pause(&pipeline, true, app, terminal).await,
        Pipelines::Resume { pipeline } => pause(&pipeline, false, app, terminal).await,
    }
}

fn list(terminal: &Terminal, found: &[PipelineView]) {
    if found.is_empty() {
        terminal.line("There are no pipelines yet. Say what should move: `towpath ask \"…\"`.");
        return;
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|pipeline| {
            let schedule = match &pipeline.schedule {
                Some(schedule) if pipeline.paused => terminal.warn(&format!("{} (paused)", schedule.text)),
                Some(schedule) => schedule.text.clone(),
                None => terminal.dim("on demand"),
            };
            let last = pipeline
                .last_run
                .as_ref()
                .map_or_else(|| terminal.dim("never"), |run| runs::phase(terminal, run.phase));
            vec![
                terminal.bold(&printable(&pipeline.name)),
                format!("{} → {}", pipeline.source.connection, pipeline.destination.connection),
                pipeline.streams.len().to_string(),
                schedule,
                last,
            ]
        })
        .collect();
    terminal.table(&[Left, Left, Right, Left, Left], &["NAME", "FROM → TO", "STREAMS", "RUNS", "LAST RUN"], &rows);
}

fn show(terminal: &Terminal, pipeline: &PipelineView) {
    list(terminal, std::slice::from_ref(pipeline));
    terminal.line("");
    let rows: Vec<Vec<String>> = pipeline
        .streams
        .iter()
        .map(|stream| {
            vec![printable(&stream.stream), printable(&stream.target), stream.read.clone(), stream.write.clone()]
        })
        .collect();
    terminal.table(&[Left; 4], &["STREAM", "TARGET", "READ", "WRITE"], &rows);
    terminal.line(&terminal.dim(&format!("  {}  version {}", pipeline.id, pipeline.version)));
}

async fn import(file: &std::path::Path, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let text = if file == std::path::Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        Failure::new(Exit::NotFound, "unreadable_file", format!("`{}` cannot be read: {error}.", file.display()))
    })?;
    let import: Import = serde_json::from_str(&text).map_err(|_| {
        Failure::usage(format!("`{}` is not an export of pipelines.", file.display()))
            .suggest("`towpath pipelines export` writes one.")
    })?;
    let imported = pipelines::imported(app, import).await?;
    let refused = imported.plans.iter().filter(|plan| matches!(plan, ImportOutcome::Refused { .. })).count();
    terminal.result(&imported, |terminal, imported| {
        for plan in &imported.plans {
            match plan {
                ImportOutcome::Proposed(plan) => {
                    terminal.line(&format!("{} {}", terminal.good("proposed"), printable(&plan.view.name)));
                    terminal.line(&format!("  towpath run --confirm {} --digest {}", plan.plan, plan.digest));
                }
                ImportOutcome::Refused { problems } => {
                    terminal.line(&terminal.bad("not valid"));
                    for problem in problems {
                        terminal.line(&format!("  {} {}", terminal.dim(&problem.pointer), problem.message));
                    }
                }
            }
        }
    })?;
    if refused > 0 {
        return Err(Failure::new(
            Exit::InvalidPlan,
            "invalid_plan",
            format!("{refused} of the pipelines cannot be used here as they are."),
        ));
    }
    Ok(())
}

async fn pause(word: &str, paused: bool, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let row = pipelines::named(app, word).await?;
    pipelines::set_paused(app, pipelines::id_of(&row)?, paused, &operator()).await?;
    terminal.result(&json!({"pipeline": row.id, "paused": paused}), |terminal, _| {
        terminal.line(&format!("`{}` {}.", row.name, if paused { "rests" } else { "goes on" }));
    })
}

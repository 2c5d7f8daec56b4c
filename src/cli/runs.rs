//! `towpath runs`

use clap::Subcommand;
use serde_json::{Value, json};

use super::failure::Failure;
use super::terminal::{
    Align::{Left, Right},
    Terminal, count, printable, size,
};
use super::{operator, progress, receipt};
use crate::app::App;
use crate::events::RunPhase;
use crate::http::error::ApiError;
use crate::http::pipelines;
use crate::http::runs::{self, LogLine};
use crate::ids::RunId;
use crate::runner::quarantine::{self, QuarantineRecord};
use crate::runner::record::RunRecord;
use crate::runner::trace::{self, Trace};
use crate::store;
use crate::store::quarantine::QuarantineQuery;
use crate::store::runs::RunQuery;

#[derive(Debug, Subcommand)]
pub(super) enum Runs {
    /// List runs, the newest first
    List {
        /// Of one pipeline, by name or id
        #[arg(long)]
        pipeline: Option<String>,
        /// In one phase, such as failed
        #[arg(long)]
        state: Option<String>,
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Show one
    Show { run: RunId },
    /// Print what one said
    Logs {
        run: RunId,
        /// Only debug, info, warn or error
        #[arg(long)]
        level: Option<String>,
    },
    /// Stop one; what it has committed stays
    Cancel { run: RunId },
    /// Print the proof that one left
    Receipt { run: RunId },
    /// Say where one row is: at the source, set aside, at the target, and why
    Trace {
        run: RunId,
        /// COLUMN=VALUE, once for each column of the key; a value alone where the key has one column
        #[arg(long, required = true)]
        key: Vec<String>,
        /// Which stream, when the run moves several
        #[arg(long)]
        stream: Option<String>,
    },
    /// List the rows that one set aside, with the reasons
    Quarantine {
        run: RunId,
        /// Write what can be written of them now, after a mend
        #[arg(long)]
        replay: bool,
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
}

pub(super) async fn run(command: Runs, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        Runs::List { pipeline, state, limit } => {
            let pipeline = match pipeline {
                Some(word) => Some(pipelines::named(app, &word).await?.id),
                None => None,
            };
            let found =
                runs::search(app, RunQuery { pipeline, phase: state, after: None, limit: limit.clamp(1, 1000) })
                    .await?;
            terminal.result(&found.items, |terminal, found| {
                if found.is_empty() {
                    terminal.line("There are no such runs. `towpath pipelines list` shows what can be run.");
                } else {
                    list(terminal, found);
                }
            })
        }
        Runs::Show { run } => {
            let found = runs::find(app, run).await?;
            terminal.result(&found, show)
        }
        Runs::Logs { run, level } => {
            runs::find(app, run).await?;
            let (pool, id) = (app.workspace.store.pool(), run.to_string());
            let mut lines: Vec<LogLine> = Vec::new();
            loop {
                let last = lines.last().map_or(0, |line| line.seq);
                let page = store::run_logs::after(pool, &id, last, level.as_deref(), 1000).await?;
                if page.is_empty() {
                    break;
                }
                lines.extend(page.into_iter().map(LogLine::from));
            }
            terminal.result(&lines, |terminal, lines| {
                for line in lines {
                    log_line(terminal, line);
                }
            })
        }
        Runs::Cancel { run } => {
            runs::find(app, run).await?;
            app.cancel_run(run, &operator()).await?;
            let found = runs::find(app, run).await?;
            terminal.result(&json!({"run": run, "phase": found.phase}), |terminal, _| {
                terminal.line(progress::word(found.phase));
            })
        }
        Runs::Trace { run, key, stream } => {
            runs::find(app, run).await?;
            let found = trace::trace(&app.workspace, run, stream.as_deref(), &key).await.map_err(ApiError::from)?;
            terminal.result(&found, traced)
        }
        Runs::Quarantine { run, replay: true, .. } => replay(run, app, terminal).await,
        Runs::Quarantine { run, replay: false, limit } => {
            runs::find(app, run).await?;
            let query = QuarantineQuery {
                run: Some(run.to_string()),
                pipeline: None,
                after: None,
                limit: limit.clamp(1, 1000),
            };
            let found = quarantine::list(&app.workspace, &query).await?;
            terminal.result(&found, |terminal, found| set_aside(terminal, found))
        }
        Runs::Receipt { run } => {
            let text = runs::receipt_of(app, run).await?;
            if terminal.json {
                // As it was signed, to the byte.
                terminal.line(&text);
            } else {
                receipt::show(terminal, &serde_json::from_str::<Value>(&text)?);
            }
            Ok(())
        }
    }
}

/// A phase in its colour.
pub(super) fn phase(terminal: &Terminal, phase: RunPhase) -> String {
    let word = progress::word(phase);
    match phase {
        RunPhase::Completed => terminal.good(word),
        RunPhase::Failed => terminal.bad(word),
        RunPhase::Cancelled | RunPhase::Cancelling | RunPhase::Retrying => terminal.warn(word),
        _ => terminal.accent(word),
    }
}

fn list(terminal: &Terminal, found: &[RunRecord]) {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|run| {
            vec![
                run.id.to_string(),
                printable(&run.pipeline_name),
                phase(terminal, run.phase),
                count(run.rows_written),
                size(run.bytes),
                run.queued_at.get(..19).unwrap_or_default().replace('T', " "),
                run.trigger.clone(),
            ]
        })
        .collect();
    let head = ["RUN", "PIPELINE", "", "ROWS", "SIZE", "QUEUED (UTC)", "BY"];
    terminal.table(&[Left, Left, Left, Right, Right, Left, Left], &head, &rows);
}

fn show(terminal: &Terminal, run: &RunRecord) {
    list(terminal, std::slice::from_ref(run));
    terminal.line("");
    let rows: Vec<Vec<String>> = run
        .streams
        .iter()
        .map(|(name, stream)| {
            let state = if stream.done { terminal.good("done") } else { String::new() };
            vec![printable(name), count(stream.rows_written), size(stream.bytes), count(stream.rows_quarantined), state]
        })
        .collect();
    terminal.table(&[Left, Right, Right, Right, Left], &["STREAM", "ROWS", "SIZE", "SET ASIDE", ""], &rows);
    if let Some(error) = &run.error {
        terminal.line("");
        terminal.line(&format!("  {} {}", terminal.bad("error:"), printable(&error.message)));
        if let Some(hint) = &error.hint {
            terminal.line(&format!("    {} {}", terminal.dim("hint:"), printable(hint)));
        }
    }
}

fn set_aside(terminal: &Terminal, found: &[QuarantineRecord]) {
    if found.is_empty() {
        terminal.line("This run set no row aside.");
        return;
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|row| {
            let state = if row.replayed_at.is_some() { terminal.good("written since") } else { String::new() };
            vec![printable(&row.stream), printable(&row.position), row.code.clone(), printable(&row.reason), state]
        })
        .collect();
    terminal.table(&[Left; 5], &["STREAM", "WHERE", "CODE", "WHY", ""], &rows);
}

fn traced(terminal: &Terminal, found: &Trace) {
    let source = &found.source;
    let filter = source.filter.as_ref().filter(|_| source.rows > 0);
    let filter = filter.map(|filter| format!("{} through the filter {filter}", count(source.passing)));
    let cursor = source.cursor.as_ref().map(|cursor| format!("{} {}", cursor.column, cursor.value));
    let at_source = [Some(format!("{} with this key", rows(source.rows))), filter, cursor];
    let at_source = at_source.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let mut lines = vec![vec!["source".to_owned(), printable(&found.stream), printable(&at_source)]];
    for row in &found.set_aside {
        let state = if row.replayed_at.is_some() { "written since" } else { "set aside" };
        let told = format!("{state} by run {}: {} ({})", row.run, row.reason, row.position);
        lines.push(vec!["quarantine".to_owned(), String::new(), printable(&told)]);
    }
    let target = || printable(&found.target);
    match found.at_target.as_deref() {
        None => lines.push(vec!["target".to_owned(), target(), "not looked at".to_owned()]),
        Some([]) => lines.push(vec!["target".to_owned(), target(), "no row with this key".to_owned()]),
        Some(held) => lines.extend(held.iter().map(|row| {
            let by = row.run.as_deref().unwrap_or("no run of ours");
            let at = row.synced_at.as_deref().unwrap_or("an unknown time");
            vec!["target".to_owned(), target(), printable(&format!("written by {by}, which began at {at}"))]
        })),
    }
    terminal.table(&[Left; 3], &["", "", ""], &lines);
    for note in &found.notes {
        terminal.line(&format!("  {}", terminal.dim(&printable(note))));
    }
    terminal.line("");
    terminal.line(&printable(&found.conclusion));
}

fn rows(number: u64) -> String {
    if number == 1 { "1 row".to_owned() } else { format!("{} rows", count(number)) }
}

/// Writes what can be written of the rows that a run set aside, and says of the others why not.
async fn replay(run: RunId, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    runs::find(app, run).await?;
    let done = quarantine::replay_run(&app.workspace, run).await.map_err(ApiError::from)?;
    let detail = json!({"written": done.written, "left": done.left.len()});
    app.record(&operator(), "quarantine.replayed", &format!("run:{run}"), detail).await?;
    terminal.result(&done, |terminal, done| {
        terminal.line(&format!("{} written, {} left.", count(done.written), count(done.left.len() as u64)));
        for row in &done.left {
            terminal.line(&format!("  {}  {}", terminal.dim(&row.id), printable(&row.reason)));
        }
    })
}

fn log_line(terminal: &Terminal, line: &LogLine) {
    let level = match line.level.as_str() {
        "error" => terminal.bad("error"),
        "warn" => terminal.warn("warn "),
        level => terminal.dim(&format!("{level:<5}")),
    };
    let at = line.at.get(11..23).unwrap_or(&line.at);
    let stream = line.stream.as_deref().map(|stream| format!("{}: ", printable(stream))).unwrap_or_default();
    terminal.line(&format!("{} {level} {:<12} {stream}{}", terminal.dim(at), line.stage, printable(&line.message)));
}

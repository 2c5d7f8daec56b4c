//! `towpath eval`: how well requests are understood.

use std::path::PathBuf;

use clap::Args;

use super::failure::{Exit, Failure};
use super::terminal::Terminal;
use crate::app;
use crate::config::{self, Config, Environment};
use crate::eval::{self, EvalError, EvalOptions};

#[derive(Debug, Args)]
pub(super) struct Eval {
    /// Folder of cases, or one file
    #[arg(long, value_name = "DIR")]
    cases: PathBuf,
    /// Folder of worlds [default: `worlds` in or beside the folder of cases]
    #[arg(long, value_name = "DIR")]
    worlds: Option<PathBuf>,
    /// `builtin`, or `openai:MODEL` of the endpoint in the settings [default: `TOWPATH_MODEL`]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Fail when fewer cases pass, 0 to 1
    #[arg(long, value_name = "RATE")]
    min_pass: Option<f64>,
    /// Only cases with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only the case of this id
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// Tell of every turn what was said, called and shown
    #[arg(long, short)]
    verbose: bool,
    /// Cases played at once [default: two for each processor]
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// With `--json`: the file that the report goes to, in place of standard output
    #[arg(value_name = "REPORT", requires = "json")]
    report: Option<PathBuf>,
}

pub(super) async fn run(
    eval: Eval,
    mut config: Config,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if let Some(rate) = eval.min_pass.filter(|rate| !(0.0..=1.0).contains(rate)) {
        return Err(Failure::usage(format!("`--min-pass` is a share from 0 to 1; {rate} is none.")));
    }
    if let Some(model) = &eval.model {
        config.model = config::model_named(model, environment)?;
    }
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let options = EvalOptions {
        cases: eval.cases,
        worlds: eval.worlds,
        model: app::model(&config)?,
        tag: eval.tag,
        case: eval.case,
        at_once: eval.at_once.unwrap_or(processors * 2),
    };
    let report = eval::run(options).await?;
    match &eval.report {
        Some(file) => {
            let text = serde_json::to_string_pretty(&report.to_json())?;
            std::fs::write(file, text).map_err(|error| {
                Failure::new(Exit::Failed, "report", format!("`{}` cannot be written.", file.display())).because(error)
            })?;
            terminal.line(report.to_text(eval.verbose).trim_end());
        }
        None => terminal.result(&report.to_json(), |terminal, _| {
            terminal.line(report.to_text(eval.verbose).trim_end());
        })?,
    }
    let never = [report.fabricated(), report.unconfirmed(), report.leaked()];
    if never.iter().any(|count| *count > 0) {
        let [fabricated, unconfirmed, leaked] = never;
        let told = format!("Fabricated {fabricated}, unconfirmed {unconfirmed}, leaked {leaked}: each must be 0.");
        return Err(Failure::new(Exit::Failed, "misconduct", told));
    }
    let rate = report.cases_passed().rate();
    match eval.min_pass.filter(|least| rate < *least) {
        Some(least) => {
            let told = format!("{:.1} % of the cases pass; {:.1} % are wanted.", rate * 100.0, least * 100.0);
            Err(Failure::new(Exit::Failed, "below_min_pass", told))
        }
        None => Ok(()),
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        let (exit, code) = match &error {
            EvalError::Unreadable(..) | EvalError::Nothing(_) => (Exit::NotFound, "evaluation_files"),
            EvalError::Malformed { .. } | EvalError::Case { .. } | EvalError::World { .. } => {
                (Exit::Usage, "evaluation_files")
            }
            _ => (Exit::Failed, "evaluation"),
        };
        Self::new(exit, code, error.to_string()).because(error)
    }
}

//! The command line. Every command works on the same data folder as a server does, with or without one running; results
//! go to standard output, everything else to standard error.

mod ask;
mod card;
mod catalog;
mod chat;
mod connections;
mod demo;
mod doctor;
mod eval;
mod failure;
mod keys;
mod pipelines;
mod plan;
mod progress;
mod receipt;
mod run;
mod runs;
mod secrets;
mod serve;
mod terminal;
mod turn;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, Environment, VARIABLES};
use crate::http::access::{Caller, Scope, Via};
use crate::ids::Actor;
use failure::{EXIT_CODES, Exit, Failure};
use terminal::Terminal;

/// Say in plain English what data should move; check the plan, confirm it, and get a receipt of what arrived.
#[derive(Debug, Parser)]
#[command(name = "towpath", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Cli {
    /// Folder of the store, the key file and the locks [default: `TOWPATH_DATA`, or `~/.local/share/towpath`]
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Results as JSON on standard output, failures as problem documents on standard error
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: a sample shop, a sentence, a plan, a run, a receipt, then the page
    Demo(demo::Demo),
    /// Serve the page and the API
    #[command(after_help = settings())]
    Serve(serve::Serve),
    /// Print an address that signs a browser in to the server that runs on this data folder
    SignIn,
    /// Say one sentence, get a plan, confirm it, see it run
    Ask(ask::Ask),
    /// Talk
    Chat,
    /// Run a plan from a file, or confirm and run one that was proposed
    Run(run::Run),
    /// Check and preview plans in files
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Systems that data comes from and goes to
    #[command(subcommand)]
    Connections(connections::Connections),
    /// Search the systems that this program can connect to
    Catalog(catalog::Catalog),
    /// Confirmed plans that the workspace keeps
    #[command(subcommand)]
    Pipelines(pipelines::Pipelines),
    /// Runs, their logs and receipts
    #[command(subcommand)]
    Runs(runs::Runs),
    /// API keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Measure how well requests are understood
    Eval(eval::Eval),
    /// Look for what could stand in the way
    Doctor,
    /// The key that seals stored secrets
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Print a script that completes commands in a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

fn settings() -> String {
    let width = VARIABLES.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let lines = VARIABLES.iter().map(|(name, default, meaning)| format!("  {name:<width$}  {meaning} [{default}]\n"));
    format!("Settings from the environment:\n{}", lines.collect::<String>())
}

/// The program, from arguments to exit code.
pub fn main() -> ExitCode {
    crate::net::install_tls();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = !error.use_stderr();
            // Nobody reads on: that is no failure.
            let _ = error.print();
            return ExitCode::from(if asked { Exit::Ok } else { Exit::Usage } as u8);
        }
    };
    let environment = Environment::of_process();
    let terminal = Terminal::new(cli.json, environment.get("NO_COLOR").is_some());
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(4 << 20)
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(Box::pin(dispatch(cli, &environment, &terminal))));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(&terminal);
            ExitCode::from(failure.exit as u8)
        }
    }
}

async fn dispatch(cli: Cli, environment: &Environment, terminal: &Terminal) -> Result<(), Failure> {
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "towpath", &mut std::io::stdout());
        return Ok(());
    }
    if let Command::Plan(plan::Plan::Schema) = cli.command {
        terminal.line(crate::plan::shape::SCHEMA_TEXT);
        return Ok(());
    }
    let demo = matches!(cli.command, Command::Demo(_)) && environment.get("TOWPATH_DATA").is_none();
    let data = cli.data.or_else(|| demo.then(|| demo::FOLDER.into()));
    let mut config = Config::read(environment, data)?;
    // What a command has to say is its result; the log is for when something is looked into.
    if environment.get("TOWPATH_LOG").is_none() && !matches!(cli.command, Command::Serve(_)) {
        // With `--json`, standard error holds one problem document and nothing else.
        if cli.json { "off" } else { "error" }.clone_into(&mut config.log.filter);
    }
    crate::telemetry::start(&config.log);
    match cli.command {
        Command::Demo(command) => return Box::pin(demo::run(command, config, environment, terminal)).await,
        Command::Serve(command) => return Box::pin(serve::run(command, config, terminal)).await,
        Command::Doctor => return Box::pin(doctor::run(config, terminal)).await,
        Command::Eval(command) => return Box::pin(eval::run(command, config, environment, terminal)).await,
        Command::Secrets(command) => return Box::pin(secrets::run(command, config, terminal)).await,
        _ => {}
    }
    let app = App::open(config).await?;
    let done = Box::pin(within(cli.command, &app, environment, terminal)).await;
    app.shut_down().await;
    done
}

/// Commands that need the workspace and no server.
async fn within(command: Command, app: &App, environment: &Environment, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        Command::SignIn => serve::sign_in(app, terminal).await,
        Command::Ask(command) => ask::run(command, app, terminal).await,
        Command::Chat => chat::run(app, terminal).await,
        Command::Run(command) => run::run(command, app, terminal).await,
        Command::Plan(command) => plan::run(command, app, terminal).await,
        Command::Connections(command) => connections::run(command, app, environment, terminal).await,
        Command::Catalog(command) => catalog::run(command, app, terminal),
        Command::Pipelines(command) => pipelines::run(command, app, terminal).await,
        Command::Runs(command) => runs::run(command, app, terminal).await,
        Command::Keys(command) => keys::run(command, app, terminal).await,
        Command::Demo(_)
        | Command::Serve(_)
        | Command::Doctor
        | Command::Eval(_)
        | Command::Secrets(_)
        | Command::Completions { .. } => Ok(()),
    }
}

/// Whoever sits at the command line of this machine.
fn operator() -> Actor {
    Actor("operator".to_owned())
}

/// The same as a caller: who can read the data folder and its key may do everything.
fn caller() -> Caller {
    Caller { actor: operator(), scope: Scope::Admin, via: Via::Terminal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_in_the_help() {
        for (name, ..) in VARIABLES {
            assert!(settings().contains(name));
        }
    }
}

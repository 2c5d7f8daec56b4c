//! `towpath demo`: the whole way, on a sample that is made on the spot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::failure::{Exit, Failure};
use super::terminal::{Terminal, count};
use super::turn::{self, Offer};
use super::{ask, operator, run, serve};
use crate::app::{App, FolderLock};
use crate::catalog::Role;
use crate::config::{Config, Environment};
use crate::http::serve::{ListenError, Listener};
use crate::sample;
use crate::workspace::NewConnection;

/// What the person of the demo says.
const SENTENCE: &str = "Transfer customers and orders from the shop to the warehouse";
/// Everybody's sample is the same.
const SEED: u64 = 42;
/// The demo's own folder, where none is given.
pub(super) const FOLDER: &str = ".demo";

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Take yes for the answer
    #[arg(long)]
    yes: bool,
    /// End after the receipt, without serving the page
    #[arg(long)]
    exit: bool,
}

pub(super) async fn run(
    command: Demo,
    mut config: Config,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.json {
        return Err(Failure::usage("The demo is for people.").suggest("Leave `--json` out."));
    }
    let yes = command.yes || environment.is_on("DEMO_YES") || !terminal.interactive;
    let exit = command.exit || environment.is_on("DEMO_EXIT");
    config.data = std::path::absolute(&config.data)?;
    let listener = if exit { None } else { Some(listen(&mut config).await?) };
    let url = listener.as_ref().map_or_else(|| "towpath demo".to_owned(), Listener::url);
    let lock = FolderLock::take(&config.data, &url)?;
    terminal.line("");
    terminal.line(&format!("  {}  {}", terminal.bold("Towpath"), terminal.dim("say what data should move")));
    terminal.line("");
    let shop = sample(&config.data, terminal).await?;
    let app = App::open(config).await?;
    let told = Box::pin(tell(&app, &shop, yes, terminal)).await;
    match (told, listener) {
        (Ok(()), Some(listener)) => {
            terminal.line("");
            Box::pin(serve::serve(app, listener, lock, terminal)).await
        }
        (told, _) => {
            app.shut_down().await;
            told
        }
    }
}

/// Takes the port before anything else is done; another one where it is in use.
async fn listen(config: &mut Config) -> Result<Listener, Failure> {
    match Listener::bind(&config.server).await {
        Err(ListenError::Bind(address, _)) => {
            config.server.listen = (address.ip(), 0).into();
            Ok(Listener::bind(&config.server).await?)
        }
        bound => Ok(bound?),
    }
}

/// Makes the sample, unless it was made before.
async fn sample(data: &Path, terminal: &Terminal) -> Result<PathBuf, Failure> {
    let shop = data.join("shop.db");
    if shop.exists() {
        terminal.line(&format!("  The sample shop is in {} already.", terminal.dim(&shop.display().to_string())));
        return Ok(shop);
    }
    std::fs::create_dir_all(data)?;
    terminal.line(&terminal.dim("  Making a sample shop …"));
    let (folder, started) = (data.to_owned(), std::time::Instant::now());
    let made = crate::tasks::spawn_blocking("sample", move || sample::generate(&folder, SEED, |_, _| ())).await;
    let made =
        made.map_err(anyhow::Error::from).and_then(|made| made.map_err(anyhow::Error::from)).map_err(|error| {
            Failure::new(Exit::Failed, "sample", "The sample shop cannot be made; is the disk full?").because(error)
        })?;
    let _ = made;
    terminal.line(&format!(
        "  ShopFlow: a sample shop in {} {}",
        terminal.dim(&shop.display().to_string()),
        terminal.dim(&format!("({:.1} s)", started.elapsed().as_secs_f64()))
    ));
    Ok(shop)
}

/// The connections, the sentence, the plan, the yes, the run, the receipt.
async fn tell(app: &App, shop: &Path, yes: bool, terminal: &Terminal) -> Result<(), Failure> {
    let data = &app.config.data;
    let (warehouse, lake) = (data.join("warehouse.duckdb"), data.join("lake"));
    for connection in [
        local("shop", "The shop", "sqlite", json!({"path": shop}), Some(vec![Role::Source])),
        local("warehouse", "The warehouse", "duckdb", json!({"path": warehouse}), None),
        local("lake", "The lake", "files", json!({"path": lake, "write": {"format": "parquet"}}), None),
    ] {
        connect(app, connection).await?;
    }
    for (name, what) in [
        ("shop", "a SQLite database: customers, products, orders, order_items"),
        ("warehouse", "a DuckDB file"),
        ("lake", "a folder of Parquet files"),
    ] {
        terminal.line(&format!("    {:<10} {}", terminal.bold(name), terminal.dim(what)));
    }
    terminal.line("");
    terminal.line(&format!("{} {}", terminal.accent("you ›"), terminal.bold(SENTENCE)));
    terminal.line("");
    let conversation = app.talk.open_conversation(None).await?;
    let turn = turn::say(app, terminal, conversation, SENTENCE).await?;
    let Some(offer) = &turn.plan else {
        let detail = turn
            .problems
            .first()
            .map_or_else(|| "The sentence led to no plan.".to_owned(), |problem| problem.message.clone());
        return Err(Failure::new(Exit::Failed, "no_plan", detail)
            .suggest(format!("Remove `{}` and start again.", data.display())));
    };
    let acknowledged = agree(offer, yes, terminal)?;
    ask::confirm(app, terminal, offer, acknowledged).await?;
    terminal.line("");
    let rows: u64 = offer.view.streams.iter().filter_map(|stream| stream.rows).sum();
    if rows > 0 {
        terminal.line(&format!(
            "  {} {} rows stand in the warehouse, counted on both sides.",
            terminal.good("✔"),
            count(rows)
        ));
    }
    Ok(())
}

fn agree(offer: &Offer, yes: bool, terminal: &Terminal) -> Result<Vec<String>, Failure> {
    if !yes {
        return run::agree(terminal, &offer.view, Vec::new());
    }
    for target in &offer.view.destructive {
        terminal.line(&format!(
            "  The rows of {} from last time are replaced: yes, because nobody is asked here.",
            terminal.bold(target)
        ));
    }
    terminal.line("  Run this plan? yes, because nobody is asked here.");
    terminal.line("");
    Ok(offer.view.destructive.clone())
}

/// Adds a connection, unless it is there, and checks it.
async fn connect(app: &App, new: NewConnection) -> Result<(), Failure> {
    let (name, connector) = (new.name.clone(), new.connector.clone());
    if !app.workspace.connections().await?.iter().any(|connection| connection.name == name) {
        app.workspace.add_connection(new).await?;
        app.record(&operator(), "connection.added", &format!("connection:{name}"), json!({"connector": connector}))
            .await?;
    }
    app.workspace.check_connection(&name).await?;
    Ok(())
}

/// A connection of the demo; none of them has secrets.
fn local(name: &str, label: &str, connector: &str, config: Value, roles: Option<Vec<Role>>) -> NewConnection {
    let config = match config {
        Value::Object(config) => config,
        _ => Map::new(),
    };
    NewConnection {
        name: name.to_owned(),
        label: Some(label.to_owned()),
        connector: connector.to_owned(),
        config,
        secrets: BTreeMap::new(),
        roles,
    }
}

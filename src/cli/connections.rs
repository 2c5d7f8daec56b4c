//! `towpath connections`. Secrets come from a prompt or from the environment, never from arguments: those stay in the
//! shell's history and are seen by every process of the machine.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use url::Url;

use super::failure::{Exit, Failure};
use super::operator;
use super::terminal::{Align, Terminal, count, printable};
use crate::app::App;
use crate::catalog::Role;
use crate::config::Environment;
use crate::http::connections::{ConnectionView, StreamItem, describe};
use crate::secrets::Secret;
use crate::workspace::{ConnectionState, NewConnection, WorkspaceError};

#[derive(Debug, Subcommand)]
pub(super) enum Connections {
    /// Add a connection and check it
    #[command(after_help = "Examples:\n  \
        towpath connections add shop postgres --url postgres://app@db.local/shop --secret password\n  \
        towpath connections add shop postgres --set host=db.local --set user=app --secret password=env:PGPASSWORD\n  \
        towpath connections add lake files --set path=/data/lake --set write.format=parquet")]
    Add(Box<Add>),
    /// List connections
    List,
    /// Sign in to the system and say how it went
    Check { name: String },
    /// List what can be seen in the system, or the columns of one stream
    Discover {
        name: String,
        stream: Option<String>,
        /// Part of a name
        #[arg(long)]
        search: Option<String>,
    },
    /// Remove a connection that no pipeline uses
    Rm { name: String },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Letters, digits, `_` and `-`
    name: String,
    /// See `towpath catalog`
    connector: String,
    /// A setting, as NAME=VALUE or GROUP.NAME=VALUE; JSON where it is not text
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// An address without a password, such as `postgres://user@host/database`
    #[arg(long)]
    url: Option<String>,
    /// A secret setting: NAME asks for it, NAME=env:VARIABLE takes it from the environment
    #[arg(long, value_name = "NAME[=env:VARIABLE]")]
    secret: Vec<String>,
    /// What people call it
    #[arg(long)]
    label: Option<String>,
    /// Use it only as this; both where the connector can
    #[arg(long, value_parser = ["source", "destination"])]
    role: Vec<String>,
    /// Add it without asking the system
    #[arg(long)]
    no_check: bool,
}

pub(super) async fn run(
    command: Connections,
    app: &App,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<(), Failure> {
    match command {
        Connections::Add(new) => add(*new, app, environment, terminal).await,
        Connections::List => list(app, terminal).await,
        Connections::Check { name } => check(&name, app, terminal).await,
        Connections::Discover { name, stream: Some(stream), .. } => {
            let found = describe(&app.workspace, &name, &stream).await?;
            terminal.result(&found, |terminal, found| {
                let rows: Vec<Vec<String>> = found
                    .columns
                    .iter()
                    .map(|column| {
                        let mut marks = Vec::new();
                        marks.extend(found.primary_key.contains(&column.name).then_some("key"));
                        marks.extend(column.indexed.then_some("indexed"));
                        marks.extend((!column.nullable).then_some("not null"));
                        vec![printable(&column.name), printable(&column.native_type), terminal.dim(&marks.join(", "))]
                    })
                    .collect();
                terminal.table(&[Align::Left; 3], &["COLUMN", "TYPE", ""], &rows);
            })
        }
        Connections::Discover { name, stream: None, search } => discover(&name, search.as_deref(), app, terminal).await,
        Connections::Rm { name } => {
            app.workspace.remove_connection(&name).await?;
            app.record(&operator(), "connection.removed", &format!("connection:{name}"), json!({})).await?;
            terminal.result(&json!({"removed": name}), |terminal, _| terminal.line(&format!("`{name}` is removed.")))
        }
    }
}

async fn add(new: Add, app: &App, environment: &Environment, terminal: &Terminal) -> Result<(), Failure> {
    let about = app.workspace.catalog.named(&new.connector);
    let secret_fields = about.map(|about| about.secret_fields).unwrap_or_default();
    let mut config = match &new.url {
        Some(url) => from_url(url)?,
        None => Map::new(),
    };
    for pair in &new.set {
        let (name, value) = setting(pair)?;
        if secret_fields.contains(&name) {
            return Err(Failure::usage(format!("`{name}` is a secret and cannot be given as an argument."))
                .suggest(format!("Write `--secret {name}` to be asked for it, or `--secret {name}=env:VARIABLE`.")));
        }
        insert(&mut config, &name, value);
    }
    let mut secrets = BTreeMap::new();
    for wanted in &new.secret {
        let (name, secret) = secret(wanted, environment, terminal)?;
        secrets.insert(name, secret);
    }
    let roles = new.role.iter().map(|role| if role == "source" { Role::Source } else { Role::Destination }).collect();
    let connection = app
        .workspace
        .add_connection(NewConnection {
            name: new.name,
            label: new.label,
            connector: new.connector,
            config,
            secrets,
            roles: (!new.role.is_empty()).then_some(roles),
        })
        .await?;
    let name = connection.name.clone();
    let detail = json!({"connector": connection.connector});
    app.record(&operator(), "connection.added", &format!("connection:{name}"), detail).await?;
    if new.no_check {
        return terminal.result(&ConnectionView::from(connection), |terminal, view| {
            terminal.line(&format!("`{}` is added.", view.name));
        });
    }
    terminal.note(&format!("`{name}` is added."));
    check(&name, app, terminal).await.map_err(|failure| {
        failure.suggest(format!(
            "It is kept: `towpath connections check {name}` tries again, `towpath connections rm {name}` removes it."
        ))
    })
}

fn setting(pair: &str) -> Result<(String, Value), Failure> {
    let (name, value) =
        pair.split_once('=').ok_or_else(|| Failure::usage(format!("`--set {pair}` wants NAME=VALUE.")))?;
    let typed = match serde_json::from_str::<Value>(value) {
        Ok(typed @ (Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_))) => typed,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.trim().to_owned(), typed))
}

/// Puts a setting in its place: `write.format` is the `format` of `write`.
fn insert(config: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        Some((group, name)) => {
            let group = config.entry(group).or_insert_with(|| Value::Object(Map::new()));
            if !group.is_object() {
                *group = Value::Object(Map::new());
            }
            if let Value::Object(group) = group {
                insert(group, name, value);
            }
        }
        None => {
            config.insert(name.to_owned(), value);
        }
    }
}

/// Settings out of an address: host, port, user, database, and what stands after `?`.
fn from_url(text: &str) -> Result<Map<String, Value>, Failure> {
    let url = Url::parse(text).map_err(|_| {
        Failure::usage("`--url` cannot be read.").suggest("Write it as postgres://user@host:port/database.")
    })?;
    let secret = |name: &str| matches!(name, "password" | "passwd" | "pwd" | "secret" | "token" | "sslpassword");
    if url.password().is_some() || url.query_pairs().any(|(name, _)| secret(&name.to_lowercase())) {
        return Err(Failure::usage("`--url` holds a password, which arguments show to every process of this machine.")
            .suggest(
                "Leave it out of the address and add `--secret password`, or `--secret password=env:PGPASSWORD`. \
                      Change the password if it was a real one: it is in the shell's history.",
            ));
    }
    let mut config = Map::new();
    let decoded = |text: &str| percent_decoded(text);
    if let Some(host) = url.host_str() {
        config.insert("host".to_owned(), json!(host));
    }
    if let Some(port) = url.port() {
        config.insert("port".to_owned(), json!(port));
    }
    if !url.username().is_empty() {
        config.insert("user".to_owned(), json!(decoded(url.username())));
    }
    let database = url.path().trim_start_matches('/');
    if !database.is_empty() {
        config.insert("database".to_owned(), json!(decoded(database)));
    }
    for (name, value) in url.query_pairs() {
        let (name, value) = setting(&format!("{name}={value}"))?;
        config.insert(name, value);
    }
    Ok(config)
}

fn percent_decoded(text: &str) -> String {
    // The part of an address where `%` is the only thing with a meaning, read by the reader of forms.
    let protected = text.replace('+', "%2B");
    url::form_urlencoded::parse(protected.as_bytes())
        .next()
        .map_or_else(|| text.to_owned(), |(name, _)| name.into_owned())
}

fn secret(wanted: &str, environment: &Environment, terminal: &Terminal) -> Result<(String, Secret), Failure> {
    let Some((name, origin)) = wanted.split_once('=') else {
        if !terminal.interactive {
            return Err(Failure::usage(format!("There is nobody to ask for `{wanted}`."))
                .suggest(format!("Write `--secret {wanted}=env:VARIABLE` and set the variable.")));
        }
        let text = rpassword::prompt_password(format!("{wanted}: "))?;
        return Ok((wanted.to_owned(), Secret::new(text)));
    };
    let Some(variable) = origin.strip_prefix("env:") else {
        return Err(Failure::usage(format!("The value of `{name}` is a secret and cannot be given as an argument."))
            .suggest(format!("Write `--secret {name}` to be asked for it, or `--secret {name}=env:VARIABLE`.")));
    };
    match environment.get(variable) {
        Some(text) => Ok((name.to_owned(), Secret::new(text))),
        None => Err(Failure::usage(format!("The variable `{variable}` is not set, so there is no `{name}`."))),
    }
}

async fn list(app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let found: Vec<ConnectionView> = app.workspace.connections().await?.into_iter().map(Into::into).collect();
    terminal.result(&found, |terminal, found| {
        if found.is_empty() {
            terminal.line("There are no connections yet. Add one: `towpath connections add --help`.");
            return;
        }
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|connection| {
                let roles: Vec<&str> = connection.roles.iter().map(|role| role.word()).collect();
                let state = match connection.status.state {
                    ConnectionState::Ok => terminal.good("ok"),
                    ConnectionState::Failed => terminal.bad("failed"),
                    ConnectionState::Unknown => terminal.dim("not checked"),
                };
                let message = connection.status.message.as_deref().map(printable).unwrap_or_default();
                vec![
                    terminal.bold(&connection.name),
                    connection.connector.clone(),
                    roles.join(", "),
                    state,
                    terminal.dim(&message),
                ]
            })
            .collect();
        terminal.table(&[Align::Left; 5], &["NAME", "CONNECTOR", "USED AS", "", ""], &rows);
    })
}

async fn check(name: &str, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let outcome = app.workspace.check_connection(name).await?;
    let status = &outcome.status;
    let message = status.message.clone().unwrap_or_default();
    if status.state == ConnectionState::Failed {
        let failure = Failure::new(Exit::Unreachable, "check_failed", message);
        return Err(match &status.hint {
            Some(hint) => failure.suggest(hint.clone()),
            None => failure,
        });
    }
    let told = json!({"name": name, "state": status.state, "message": message, "milliseconds": outcome.milliseconds});
    terminal.result(&told, |terminal, _| terminal.line(&format!("{} {}", terminal.good("✔"), printable(&message))))
}

async fn discover(name: &str, search: Option<&str>, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let source = app.workspace.source(name).await?;
    let found = source.list().await.map_err(|error| WorkspaceError::connector(name, error))?;
    let search = search.unwrap_or_default().to_lowercase();
    let found: Vec<StreamItem> =
        found.into_iter().filter(|stream| stream.stream.to_lowercase().contains(&search)).map(Into::into).collect();
    terminal.result(&found, |terminal, found| {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|stream| {
                let note = if stream.readable { "" } else { "not readable" };
                vec![printable(&stream.stream), stream.rows.map_or_else(|| "?".to_owned(), count), terminal.warn(note)]
            })
            .collect();
        terminal.table(&[Align::Left, Align::Right, Align::Left], &["STREAM", "ROWS", ""], &rows);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::from([("PGPASSWORD", "s3cret")])
    }

    #[test]
    fn an_address_becomes_settings() {
        let config = from_url("postgres://app%40x@db.local:5433/my%20shop?sslmode=require&pool=4").unwrap();
        assert_eq!(
            Value::Object(config),
            json!({"host": "db.local", "port": 5433, "user": "app@x", "database": "my shop", "sslmode": "require", "pool": 4})
        );
    }

    #[test]
    fn a_password_in_an_argument_is_refused_and_not_repeated() {
        for url in ["postgres://app:s3cret@db/shop", "postgres://app@db/shop?Password=s3cret"] {
            let failure = from_url(url).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!format!("{failure:?}").contains("s3cret"));
        }
        let terminal = Terminal::new(true, true);
        let failure = secret("password=s3cret", &environment(), &terminal).unwrap_err();
        assert!(!format!("{failure:?}").contains("s3cret"));
        assert_eq!(secret("password=env:PGPASSWORD", &environment(), &terminal).unwrap().1.expose(), "s3cret");
        assert!(secret("password=env:NOT_SET", &environment(), &terminal).is_err());
    }

    #[test]
    fn settings_keep_their_types() {
        assert_eq!(setting("port=5432").unwrap().1, json!(5432));
        assert_eq!(setting("path=/data/lake").unwrap().1, json!("/data/lake"));
        assert_eq!(setting("columns=[\"a\"]").unwrap().1, json!(["a"]));
        assert_eq!(setting("null=null").unwrap().1, json!("null"));
        assert!(setting("port").is_err());
        let mut config = Map::new();
        insert(&mut config, "write.format", json!("csv"));
        insert(&mut config, "write.compression", json!("gzip"));
        insert(&mut config, "path", json!("/data"));
        let expected = json!({"write": {"format": "csv", "compression": "gzip"}, "path": "/data"});
        assert_eq!(Value::Object(config), expected);
    }
}

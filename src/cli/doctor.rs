//! `towpath doctor`: what could stand in the way, found before it does.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::failure::{Exit, Failure};
use super::terminal::Terminal;
use crate::app::{App, FolderLock};
use crate::config::{Config, ModelChoice};
use crate::net;
use crate::store::Backend;

/// Less room than this is a warning.
const ROOM: u64 = 2 << 30;
/// A part that does not answer within this time is told as silent.
const ANSWER_TIME: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// Works without it.
    Note,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn new(what: &'static str, state: State, text: impl Into<String>) -> Self {
        Self { what, state, text: text.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

pub(super) async fn run(config: Config, terminal: &Terminal) -> Result<(), Failure> {
    let mut findings = vec![folder(&config.data), room(&config.data).await, key(&config)];
    findings.push(duckdb().await);
    findings.push(model(&config).await);
    findings.push(docker().await);
    findings.push(clock());
    findings.push(server(&config.data));
    match App::open(config).await {
        Ok(app) => {
            let backend = match app.workspace.store.backend() {
                Backend::Sqlite => "SQLite",
                Backend::Postgres => "PostgreSQL",
            };
            findings.push(Finding::new("store", State::Ok, format!("{backend}, migrated")));
            findings.push(connections(&app).await);
            app.shut_down().await;
        }
        Err(error) => {
            let mut finding = Finding::new("store", State::Bad, error.to_string());
            finding.hint = error.hint();
            findings.push(finding);
        }
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    terminal.result(&findings, |terminal, findings| {
        for finding in findings {
            let mark = match finding.state {
                State::Ok => terminal.good("✔"),
                State::Note => terminal.warn("–"),
                State::Bad => terminal.bad("✘"),
            };
            terminal.line(&format!("  {mark} {:<12} {}", finding.what, finding.text));
            if let Some(hint) = &finding.hint {
                terminal.line(&format!("    {:<12} {}", "", terminal.dim(hint)));
            }
        }
    })?;
    if bad > 0 {
        return Err(Failure::new(Exit::Failed, "unwell", format!("{bad} of these stand in the way.")));
    }
    Ok(())
}

fn folder(data: &Path) -> Finding {
    let shown = data.display();
    let probe = data.join(".doctor");
    let writable = std::fs::create_dir_all(data)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    match writable {
        Ok(()) => Finding::new("data folder", State::Ok, format!("{shown}")),
        Err(error) => Finding::new("data folder", State::Bad, format!("`{shown}` cannot be written: {error}"))
            .hint("Choose another with --data or TOWPATH_DATA."),
    }
}

/// Free room, as `df` tells it: the standard library has no word for it.
async fn room(data: &Path) -> Finding {
    let asked = tokio::process::Command::new("df").arg("-Pk").arg(data).output();
    let free = match tokio::time::timeout(ANSWER_TIME, asked).await {
        Ok(Ok(told)) => String::from_utf8_lossy(&told.stdout)
            .lines()
            .nth(1)
            .and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024),
        _ => None,
    };
    match free {
        Some(free) if free < ROOM => {
            Finding::new("disk", State::Bad, format!("only {} free", super::terminal::size(free)))
                .hint("Runs stop when the disk is full; make room first.")
        }
        Some(free) => Finding::new("disk", State::Ok, format!("{} free", super::terminal::size(free))),
        None => Finding::new("disk", State::Note, "free room cannot be told here"),
    }
}

fn key(config: &Config) -> Finding {
    use std::os::unix::fs::MetadataExt as _;
    let file = config.key_file();
    let shown = file.display();
    if config.secret_key.is_some() {
        return Finding::new("secret key", State::Ok, "from TOWPATH_SECRET_KEY");
    }
    match std::fs::metadata(&file) {
        Ok(found) if found.mode() & 0o077 != 0 => {
            Finding::new("secret key", State::Bad, format!("`{shown}` can be read by others"))
                .hint(format!("Run: chmod 600 {shown}"))
        }
        Ok(_) => Finding::new("secret key", State::Ok, format!("{shown}, mode 0600")),
        Err(_) => Finding::new("secret key", State::Ok, "made at the first start"),
    }
}

async fn duckdb() -> Finding {
    let asked = crate::tasks::spawn_blocking("doctor", || {
        let connection = duckdb::Connection::open_in_memory()?;
        connection.query_row("select version()", [], |row| row.get::<_, String>(0))
    });
    match asked.await {
        Ok(Ok(version)) => Finding::new("DuckDB", State::Ok, version),
        _ => Finding::new("DuckDB", State::Bad, "the library does not work")
            .hint("Put libduckdb.so beside the program, or build with the feature `duckdb-bundled`."),
    }
}

async fn model(config: &Config) -> Finding {
    let ModelChoice::OpenAi { name, base_url, key } = &config.model else {
        return Finding::new("model", State::Ok, "builtin: the embedded planner, no network");
    };
    let bad = |text: String| {
        Finding::new("model", State::Bad, text).hint("Correct TOWPATH_OPENAI_BASE_URL, or set TOWPATH_MODEL=builtin.")
    };
    let Ok(client) = net::client(ANSWER_TIME) else { return bad("no HTTP client can be made".to_owned()) };
    let mut request = client.get(format!("{base_url}/models")).timeout(ANSWER_TIME);
    if let Some(key) = key {
        request = request.bearer_auth(key.expose());
    }
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Finding::new("model", State::Ok, format!("{name} at {base_url}")),
        Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
            Finding::new("model", State::Bad, format!("{base_url} refuses the key")).hint("Set TOWPATH_OPENAI_KEY.")
        }
        Ok(answer) => Finding::new(
            "model",
            State::Note,
            format!("{base_url} answers {} when asked for its models", answer.status()),
        ),
        Err(_) => bad(format!("{base_url} does not answer")),
    }
}

async fn docker() -> Finding {
    let asked = tokio::process::Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    match tokio::time::timeout(ANSWER_TIME, asked).await {
        Ok(Ok(told)) if told.status.success() => {
            Finding::new("Docker", State::Ok, String::from_utf8_lossy(&told.stdout).trim().to_owned())
        }
        Ok(Ok(_)) => {
            Finding::new("Docker", State::Note, "installed, and its server does not answer; only images need it")
        }
        _ => Finding::new("Docker", State::Note, "not here; only images need it"),
    }
}

fn clock() -> Finding {
    let now = crate::clock::Clock::System.now();
    // Before this program was written: schedules would not fire and sessions would never end.
    if now.timestamp() < 1_750_000_000 {
        return Finding::new("clock", State::Bad, format!("{now} is in the past")).hint("Set the machine's time.");
    }
    Finding::new("clock", State::Ok, now.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn server(data: &Path) -> Finding {
    match FolderLock::held_by_server(data) {
        Some(url) => Finding::new("server", State::Ok, format!("runs at {url}")),
        None => Finding::new("server", State::Note, "none runs on this folder"),
    }
}

async fn connections(app: &App) -> Finding {
    match app.workspace.connections().await {
        Ok(found) if found.is_empty() => {
            Finding::new("connections", State::Note, "none yet").hint("Add one: towpath connections add --help")
        }
        Ok(found) => {
            Finding::new("connections", State::Ok, format!("{}; check one with towpath connections check", found.len()))
        }
        Err(error) => Finding::new("connections", State::Bad, error.to_string()),
    }
}

//! One open database per file and process. DuckDB locks its file against other processes and must not open it twice in
//! one, so sources, destinations and probes share an instance; it is closed a moment after the last of them is done
//! with it, so that other programs get their turn and a row of questions does not open it each time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duckdb::{AccessMode, Connection};

use super::{Config, failure};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::tasks;

/// Megabytes that DuckDB may use where a connection says nothing and nobody has asked for more. It is what DuckDB keeps in
/// memory for as long as it can, needed or not.
const MEMORY: u64 = 160;

/// How long a file stays open after its last use.
const LINGER: Duration = Duration::from_millis(500);

static OPEN: LazyLock<Mutex<HashMap<PathBuf, Entry>>> = LazyLock::new(Mutex::default);

struct Entry {
    root: Connection,
    leases: usize,
    /// Grows with each lease, so that a closing that was planned before sees that it is out of date.
    taken: u64,
    /// Which file it was when it was opened; the path may name another by now.
    identity: Option<(u64, u64)>,
    writable: bool,
    writing: Arc<Mutex<()>>,
    /// Megabytes that DuckDB may use, where no connection has said how many.
    memory: u64,
}

/// Keeps a database open. Opening and closing happen under one lock: to close a file drops every lock that this process
/// holds on it, so it must not meet an opening.
pub(super) struct Lease {
    path: PathBuf,
    writable: bool,
    writing: Arc<Mutex<()>>,
    /// The connection says how much memory DuckDB may use.
    told: bool,
}

fn open_databases() -> MutexGuard<'static, HashMap<PathBuf, Entry>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lease {
    /// Opens the file, or joins those who have it open. `create`: makes it if it is missing.
    pub(super) fn take(config: &Config, create: bool) -> Result<Self, ConnectorError> {
        let path = canonical(&config.path, create)?;
        let mut open = open_databases();
        if open.get(&path).is_some_and(|entry| entry.leases == 0 && entry.identity != identity(&path)) {
            drop(open.remove(&path));
        }
        if !open.contains_key(&path) {
            let (root, writable) = open_file(&path)?;
            let identity = identity(&path);
            let entry =
                Entry { root, leases: 0, taken: 0, identity, writable, writing: Arc::default(), memory: MEMORY };
            open.insert(path.clone(), entry);
        }
        let Some(entry) = open.get_mut(&path) else {
            return Err(ConnectorError::new(ErrorKind::Bug, "A DuckDB file was closed while it was opened."));
        };
        entry.leases += 1;
        entry.taken += 1;
        let told = config.memory_limit.is_some();
        let lease = Self { path, writable: entry.writable, writing: Arc::clone(&entry.writing), told };
        // From here on a failure gives the lease back, which takes the lock itself.
        let settings = settings(config, entry.memory);
        let applied = entry.root.execute_batch(&settings);
        drop(open);
        applied.map_err(|error| {
            ConnectorError::new(ErrorKind::Config, "DuckDB does not take `memory_limit` or `threads` as they are set.")
                .because(error)
        })?;
        Ok(lease)
    }

    /// A connection of one's own to the shared database.
    pub(super) fn connect(&self) -> Result<Connection, ConnectorError> {
        let open = open_databases();
        let Some(entry) = open.get(&self.path) else {
            return Err(ConnectorError::new(ErrorKind::Bug, "A DuckDB file was closed under a lease."));
        };
        let connection = entry.root.try_clone().map_err(|error| failure::opening(&self.path, error))?;
        // Instants are moved as UTC. A build without time zones knows nothing else and refuses the setting.
        let _ = connection.execute_batch("set TimeZone = 'UTC'");
        Ok(connection)
    }

    /// Lets DuckDB use so many megabytes until the file is closed, unless the connection has said how many it may.
    pub(super) fn allow(&self, megabytes: u64) -> Result<(), ConnectorError> {
        let mut open = open_databases();
        let Some(entry) = open.get_mut(&self.path).filter(|entry| !self.told && entry.memory < megabytes) else {
            return Ok(());
        };
        entry.memory = megabytes;
        let applied = entry.root.execute_batch(&format!("set global memory_limit = '{megabytes}MB'"));
        drop(open);
        applied.map_err(|error| failure::opening(&self.path, error))
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Commits to one file go one after the other: DuckDB refuses what would wait elsewhere.
    pub(super) fn writing(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.writing)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut open = open_databases();
        let Some(entry) = open.get_mut(&self.path) else { return };
        entry.leases = entry.leases.saturating_sub(1);
        if entry.leases > 0 {
            return;
        }
        let (path, taken) = (std::mem::take(&mut self.path), entry.taken);
        if tokio::runtime::Handle::try_current().is_err() {
            drop(open.remove(&path));
            return;
        }
        drop(open);
        tasks::spawn("duckdb linger", async move {
            tokio::time::sleep(LINGER).await;
            tasks::spawn_blocking("duckdb close", move || {
                let mut open = open_databases();
                if open.get(&path).is_some_and(|entry| entry.leases == 0 && entry.taken == taken) {
                    // Closes, and checkpoints, before the lock is given up.
                    drop(open.remove(&path));
                }
            });
        });
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|_| (0, 0))
}

/// Whether the file is open, with a lease out or not.
pub(super) fn is_open(path: &Path) -> bool {
    canonical(path, true).is_ok_and(|path| open_databases().contains_key(&path))
}

/// Whether a lease on the file is out.
pub(super) fn is_used(path: &Path) -> bool {
    canonical(path, true).is_ok_and(|path| open_databases().get(&path).is_some_and(|entry| entry.leases > 0))
}

fn canonical(path: &Path, create: bool) -> Result<PathBuf, ConnectorError> {
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    if !create {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("There is no file `{}`.", path.display())));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let missing = || ConnectorError::new(ErrorKind::NotFound, format!("There is no folder `{}`.", folder.display()));
    let folder = folder.canonicalize().map_err(|error| missing().because(error))?;
    let name = path
        .file_name()
        .ok_or_else(|| ConnectorError::new(ErrorKind::Config, format!("`{}` names no file.", path.display())))?;
    Ok(folder.join(name))
}

/// Opens for reading and writing, or for reading alone where the file may not be written.
fn open_file(path: &Path) -> Result<(Connection, bool), ConnectorError> {
    let open = |mode| -> duckdb::Result<Connection> {
        let config = duckdb::Config::default()
            .access_mode(mode)?
            // Extensions are not fetched behind anyone's back.
            .with("autoinstall_known_extensions", "false")?
            .with("autoload_known_extensions", "false")?;
        Connection::open_with_flags(path, config)
    };
    match open(AccessMode::ReadWrite) {
        Ok(connection) => Ok((connection, true)),
        Err(error) => match failure::opening(path, error) {
            refused if refused.kind == ErrorKind::Permission && path.exists() => match open(AccessMode::ReadOnly) {
                Ok(connection) => Ok((connection, false)),
                Err(_) => Err(refused),
            },
            refused => Err(refused),
        },
    }
}

fn settings(config: &Config, memory: u64) -> String {
    let memory = config.memory_limit.clone().unwrap_or_else(|| format!("{memory}MB"));
    let threads = config.threads.map(|threads| format!("set global threads = {};", threads.max(1))).unwrap_or_default();
    format!("set global memory_limit = {}; {threads}", super::literal(&memory))
}

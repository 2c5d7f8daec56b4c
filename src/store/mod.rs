//! The only SQL over our own tables, for SQLite and PostgreSQL alike: one portable text, lower-case, `$1` parameters,
//! `bigint` and `text` columns, times as RFC 3339 UTC text, JSON as text. One file per table, free functions on an
//! executor.

pub mod actions;
pub mod audit;
pub mod checkpoints;
pub mod connections;
pub mod conversations;
pub mod events;
pub mod keys;
pub mod messages;
pub mod pipelines;
pub mod plans;
#[cfg(test)]
pub(crate) mod poke;
pub mod quarantine;
pub mod run_logs;
pub mod runs;
pub mod schedules;
pub mod sessions;
pub mod turns;
pub mod workspace_keys;
pub mod workspaces;

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, Executor, SqlStr, Transaction};

/// A handle to the store, for `begin()` and as an executor (`store.pool()`); queries are functions of the files below.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    backend: Backend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A transaction on the store.
pub type Tx = Transaction<'static, Any>;
/// A row of the store.
pub type Row = AnyRow;

/// In order; a migration that has shipped is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[(1, "workspace", include_str!("../../migrations/0001_workspace.sql"))];

/// A time as it is stored: RFC 3339, UTC, always with microseconds, so that it sorts as text.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl Store {
    /// Opens (and makes, and migrates) the SQLite store in a data directory.
    pub async fn open_folder(folder: &Path) -> Result<Self, sqlx::Error> {
        std::fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
        Self::open(&format!("sqlite://{}?mode=rwc", folder.join("towpath.db").display())).await
    }

    /// Opens and migrates the store at `sqlite://…` or `postgres://…`.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        let backend = if url.starts_with("sqlite:") { Backend::Sqlite } else { Backend::Postgres };
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if backend == Backend::Sqlite {
                        connection.execute("pragma journal_mode = wal").await?;
                        connection.execute("pragma synchronous = full").await?;
                        connection.execute("pragma busy_timeout = 10000").await?;
                        connection.execute("pragma foreign_keys = on").await?;
                    }
                    Ok(())
                })
            })
            .connect(url)
            .await?;
        let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false)
        });
        Migrator::with_migrations(migrations.collect())
            .run(&pool)
            .await
            .map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
        Ok(Self { pool, backend })
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that will write. On SQLite it takes the write lock at once, so that a read-then-write
    /// transaction cannot fail half-way with "database is locked".
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        match self.backend {
            Backend::Sqlite => self.pool.begin_with("begin immediate").await,
            Backend::Postgres => self.pool.begin().await,
        }
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A stored time read back; `None` when the text is none.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

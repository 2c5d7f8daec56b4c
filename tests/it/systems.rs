//! Systems by kind, so that one test goes through all of them: real ones, filled and looked at natively.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::mysql;
use crate::objects::{Bucket, Cloud};
use crate::postgres::Database;
use crate::yard::Yard;

/// Of targets in folders.
const NAMESPACE: &str = "lake";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MySql,
    Sqlite,
    DuckDb,
    Csv,
    Jsonl,
    Parquet,
    /// Parquet objects.
    S3,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] =
        [Self::Postgres, Self::MySql, Self::Sqlite, Self::DuckDb, Self::Csv, Self::Jsonl, Self::Parquet];
    pub(crate) const DATABASES: [Self; 4] = [Self::Postgres, Self::MySql, Self::Sqlite, Self::DuckDb];

    pub(crate) fn merges(self) -> bool {
        Self::DATABASES.contains(&self)
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            _ => "parquet",
        }
    }
}

/// One system, known to the yard under its name.
pub(crate) struct System {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    place: Place,
}

enum Place {
    Server(Box<Database>),
    MySql(Box<mysql::Database>),
    File(PathBuf),
    Folder(PathBuf),
    Bucket(Box<Bucket>),
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// One text per row, NULL as `-`.
fn shown(columns: &[&str]) -> String {
    let cells = columns.iter().map(|column| format!("coalesce(cast({} as varchar), '-')", quoted(column)));
    cells.collect::<Vec<_>>().join(" || '|' || ")
}

impl System {
    pub(crate) async fn create(yard: &Yard, name: &str, kind: Kind) -> Self {
        Self::create_in(yard, &yard.folder, name, kind).await
    }

    /// The same with its files in a folder of their own.
    pub(crate) async fn create_in(yard: &Yard, folder: &Path, name: &str, kind: Kind) -> Self {
        let (place, connector, config) = match kind {
            Kind::Postgres => {
                let database = Box::new(Database::create().await);
                let config = database.config();
                (Place::Server(database), "postgres", config)
            }
            Kind::MySql => {
                let database = Box::new(mysql::Database::create().await);
                let config = database.config();
                (Place::MySql(database), "mysql", config)
            }
            Kind::Sqlite => {
                let path = folder.join(format!("{name}.db"));
                let connection = rusqlite::Connection::open(&path).unwrap();
                connection.execute_batch("pragma journal_mode = wal").unwrap();
                let config = json!({"path": path});
                (Place::File(path), "sqlite", config)
            }
            Kind::DuckDb => {
                let path = folder.join(format!("{name}.duckdb"));
                towpath::connectors::duckdb::with_native(&path, |_| ()).unwrap();
                let config = json!({"path": path});
                (Place::File(path), "duckdb", config)
            }
            Kind::Csv | Kind::Jsonl | Kind::Parquet => {
                let path = folder.join(name);
                std::fs::create_dir_all(&path).unwrap();
                let config = json!({"path": path, "write": {"format": kind.ending()}});
                (Place::Folder(path), "files", config)
            }
            Kind::S3 => {
                let bucket = Box::new(Bucket::create(Cloud::S3).await);
                let mut config = bucket.config();
                config.as_object_mut().unwrap().remove("secret_access_key");
                (Place::Bucket(bucket), "s3", config)
            }
        };
        let secrets: &[_] = if kind == Kind::S3 { &[("secret_access_key", "test")] } else { &[] };
        yard.connect_with(name, connector, config, secrets).await;
        Self { kind, name: name.to_owned(), place }
    }

    /// A file or folder that [`Self::create_in`] made in an earlier process.
    pub(crate) fn known(folder: &Path, name: &str, kind: Kind) -> Self {
        let place = match kind {
            Kind::Postgres | Kind::MySql | Kind::S3 => panic!("a server is not found by its folder"),
            Kind::Sqlite => Place::File(folder.join(format!("{name}.db"))),
            Kind::DuckDb => Place::File(folder.join(format!("{name}.duckdb"))),
            Kind::Csv | Kind::Jsonl | Kind::Parquet => Place::Folder(folder.join(name)),
        };
        Self { kind, name: name.to_owned(), place }
    }

    /// The name of a table of this system as its source lists it.
    pub(crate) fn stream(&self, table: &str) -> String {
        match &self.place {
            Place::Server(_) => format!("public.{table}"),
            Place::MySql(database) => database.stream(table),
            _ => table.to_owned(),
        }
    }

    pub(crate) fn database(&self) -> &Database {
        match &self.place {
            Place::Server(database) => database,
            _ => panic!("{:?} has no server", self.kind),
        }
    }

    /// Where its server listens.
    pub(crate) fn address(&self) -> (String, u16) {
        match &self.place {
            Place::Server(database) => database.address(),
            Place::MySql(database) => database.address(),
            _ => panic!("{:?} has no server", self.kind),
        }
    }

    /// Its connector, and the settings of a connection by way of this port.
    pub(crate) fn at(&self, port: u16) -> (&'static str, serde_json::Value) {
        match &self.place {
            Place::Server(database) => ("postgres", database.config_at("127.0.0.1", port)),
            Place::MySql(database) => ("mysql", database.config_at("127.0.0.1", port)),
            _ => panic!("{:?} has no server", self.kind),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match &self.place {
            Place::File(path) | Place::Folder(path) => path,
            Place::Server(_) | Place::MySql(_) | Place::Bucket(_) => panic!("a server has no path"),
        }
    }

    /// How a plan names it as its destination; a folder wants a namespace, which stands after a slash.
    pub(crate) fn goal(&self) -> String {
        if matches!(self.place, Place::Folder(_) | Place::Bucket(_)) {
            format!("{}/{NAMESPACE}", self.name)
        } else {
            self.name.clone()
        }
    }

    /// Runs statements natively; a folder has none.
    pub(crate) async fn run(&self, sql: &str) {
        match &self.place {
            Place::Server(database) => database.run(sql).await,
            Place::MySql(database) => database.run(sql).await,
            Place::File(path) if self.kind == Kind::Sqlite => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            Place::File(path) => {
                towpath::connectors::duckdb::with_native(path, |connection| connection.execute_batch(sql))
                    .unwrap()
                    .unwrap();
            }
            Place::Folder(_) | Place::Bucket(_) => panic!("{:?} runs no SQL", self.kind),
        }
    }

    /// Adds rows, written as SQL tuples, to a table with these columns; makes it if it is not there. A folder gets one
    /// more file.
    pub(crate) async fn fill(&self, table: &str, columns: &str, rows: &[String]) {
        let table_name = quoted(table);
        let mut sql = format!("create table if not exists {table_name} ({columns});");
        for rows in rows.chunks(2_000) {
            let _ = write!(sql, "insert into {table_name} values {};", rows.join(", "));
        }
        let Place::Folder(path) = &self.place else { return self.run(&sql).await };
        let folder = path.join(table);
        std::fs::create_dir_all(&folder).unwrap();
        let number = std::fs::read_dir(&folder).unwrap().count() + 1;
        let file = folder.join(format!("data-{number:04}.{}", self.kind.ending()));
        let options = match self.kind {
            Kind::Csv => "format csv, header true",
            Kind::Jsonl => "format json",
            _ => "format parquet",
        };
        let connection = duckdb::Connection::open_in_memory().unwrap();
        connection.execute_batch(&sql).unwrap();
        connection.execute_batch(&format!("copy {table_name} to '{}' ({options})", file.display())).unwrap();
    }

    /// All rows that stand in a table, each as one text, sorted; `None` when there is no such table. Of a folder, one that
    /// was written to as a destination.
    pub(crate) async fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<String>> {
        let (list, name) = (shown(columns), quoted(table));
        let mut rows = match &self.place {
            Place::Server(database) => {
                let there = format!("select to_regclass('{}') is not null", name.replace('\'', "''"));
                if database.text(&there).await != "true" {
                    return None;
                }
                let rows = database.client().await.query(&format!("select {list} from {name}"), &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Place::MySql(database) => {
                let there = format!(
                    "select count(*) from information_schema.tables where table_schema = database() and table_name = '{}'",
                    table.replace('\'', "''")
                );
                if database.text(&there).await == "0" {
                    return None;
                }
                database.rows(&format!("select {} from {name}", list.replace("as varchar", "as char"))).await
            }
            Place::File(path) if self.kind == Kind::Sqlite => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                if !connection.table_exists(None, table).unwrap() {
                    return None;
                }
                let mut statement = connection.prepare(&format!("select {list} from {name}")).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Place::File(path) => towpath::connectors::duckdb::with_native(path, |connection| {
                let there = format!("select 1 from duckdb_tables() where table_name = '{}'", table.replace('\'', "''"));
                connection.prepare(&there).unwrap().query([]).unwrap().next().unwrap()?;
                Some(duckdb_rows(connection, &format!("select {list} from {name}")))
            })
            .unwrap()?,
            Place::Folder(path) => {
                let folder = path.join(NAMESPACE).join(table);
                if !folder.exists() {
                    return None;
                }
                let parts = std::fs::read_dir(&folder).unwrap().flatten().filter(|entry| {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    name.starts_with("part-")
                });
                if parts.count() == 0 {
                    return Some(Vec::new());
                }
                let files = format!("{}/part-*.{}", folder.display(), self.kind.ending());
                let read = match self.kind {
                    Kind::Csv => format!("read_csv('{files}', all_varchar = true, header = true)"),
                    Kind::Jsonl => format!("read_json('{files}', format = 'newline_delimited')"),
                    _ => format!("read_parquet('{files}', union_by_name = true)"),
                };
                duckdb_rows(&duckdb::Connection::open_in_memory().unwrap(), &format!("select {list} from {read}"))
            }
            Place::Bucket(bucket) => {
                let folder = tempfile::tempdir().unwrap();
                if bucket.download(&format!("{NAMESPACE}/{table}"), folder.path()).await? == 0 {
                    return Some(Vec::new());
                }
                let read = format!("read_parquet('{}/part-*', union_by_name = true)", folder.path().display());
                duckdb_rows(&duckdb::Connection::open_in_memory().unwrap(), &format!("select {list} from {read}"))
            }
        };
        rows.sort();
        Some(rows)
    }
}

fn duckdb_rows(connection: &duckdb::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

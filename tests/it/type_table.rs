//! `docs/types.md`: what becomes of every type of every source at every destination, as the connectors themselves say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use towpath::connectors::{ColumnType, Destination, Fidelity, Source, native};

use crate::postgres::Database;

/// A type of a source: as it is declared, and as the source's connector understands it.
type Declared = (String, ColumnType);

const POSTGRES: &[&str] = &[
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "numeric(12,2)",
    "numeric(60,30)",
    "money",
    "text",
    "varchar(20)",
    "char(5)",
    "\"char\"",
    "name",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "xml",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "bit(3)",
    "varbit",
    "integer[]",
    "text[]",
    "numeric(5,1)[]",
    "mood",
    "positive",
    "pair",
    "hstore",
    "citext",
    "int4range",
    "numrange",
    "tstzrange",
    "nummultirange",
    "point",
    "polygon",
    "tsvector",
    "tsquery",
    "oid",
    "pg_lsn",
];
const POSTGRES_TYPES: &str = "
create extension hstore; create extension citext;
create type mood as enum ('sad', 'ok');
create type pair as (a int, b text);
create domain positive as integer check (value > 0);";
const MYSQL: &[&str] = &[
    "tinyint(1)",
    "tinyint",
    "tinyint unsigned",
    "smallint",
    "smallint unsigned",
    "mediumint",
    "int",
    "int unsigned",
    "bigint",
    "bigint unsigned",
    "float",
    "double",
    "decimal(12,2)",
    "decimal(65,30)",
    "bit(1)",
    "bit(12)",
    "year",
    "date",
    "time",
    "time(6)",
    "datetime",
    "datetime(6)",
    "timestamp null",
    "char(5)",
    "varchar(20)",
    "text",
    "longtext",
    "binary(4)",
    "varbinary(20)",
    "blob",
    "enum('sad', 'ok')",
    "set('a', 'b')",
    "json",
    "inet6",
    "uuid",
    "point",
    "geometry",
];
const SQLITE: &[&str] = &[
    "integer",
    "bigint",
    "boolean",
    "real",
    "double",
    "numeric",
    "decimal(12,2)",
    "text",
    "varchar(20)",
    "blob",
    "date",
    "time",
    "datetime",
    "timestamp",
    "json",
    "uuid",
];
const DUCKDB: &[&str] = &[
    "boolean",
    "tinyint",
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "utinyint",
    "usmallint",
    "uinteger",
    "ubigint",
    "uhugeint",
    "float",
    "double",
    "decimal(12,2)",
    "decimal(38,10)",
    "varchar",
    "blob",
    "bit",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamp_s",
    "timestamp_ms",
    "timestamp_ns",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "integer[]",
    "integer[3]",
    "struct(a integer, b varchar)",
    "map(varchar, integer)",
    "enum('sad', 'ok')",
    "union(a integer, b varchar)",
];
const FILES: &[&str] = &[
    "boolean",
    "int",
    "bigint",
    "double",
    "decimal(12,2)",
    "text",
    "binary",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "json",
];

fn table(types: &[&str]) -> String {
    let columns: Vec<String> = types.iter().enumerate().map(|(at, word)| format!("c{at:02} {word}")).collect();
    format!("create table samples ({})", columns.join(", "))
}

async fn declared(source: &dyn Source, stream: &str, types: &[&str]) -> Vec<Declared> {
    let schema = source.describe(stream).await.unwrap();
    assert_eq!(schema.columns.len(), types.len(), "every type is there");
    let in_order = schema.columns.into_iter().zip(types).enumerate();
    in_order
        .map(|(at, (column, word))| {
            assert_eq!(column.name, format!("c{at:02}"));
            ((*word).to_owned(), column.data_type)
        })
        .collect()
}

fn connector(id: &str) -> Arc<dyn towpath::connectors::DynConnector> {
    native().into_iter().find(|connector| connector.about().id == id).unwrap()
}

fn destination(id: &str, settings: Value) -> Arc<dyn Destination> {
    connector(id).destination(settings).unwrap()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// One family's table, with its notes below it, each told once.
fn section(page: &mut String, name: &str, types: &[Declared], destinations: &[(&str, Arc<dyn Destination>)]) {
    let heads: Vec<&str> = destinations.iter().map(|(head, _)| *head).collect();
    writeln!(page, "\n## From {name}\n\n| type | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()))
        .unwrap();
    let mut notes: Vec<String> = Vec::new();
    for (declared, data_type) in types {
        let cells: Vec<String> = destinations
            .iter()
            .map(|(_, destination)| match destination.land(data_type) {
                Err(_) => "refused".to_owned(),
                Ok(landing) => {
                    let mut text = format!("`{}`", cell(&landing.target_type));
                    match landing.fidelity {
                        Fidelity::Exact => {}
                        Fidelity::Lossless => text.push_str(" ≈"),
                        Fidelity::Lossy => text.push_str(" **lossy**"),
                    }
                    if let Some(note) = landing.note {
                        let at = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                            notes.push(note);
                            notes.len() - 1
                        });
                        write!(text, " ({})", at + 1).unwrap();
                    }
                    text
                }
            })
            .collect();
        writeln!(page, "| `{}` | {} |", cell(declared), cells.join(" | ")).unwrap();
    }
    if !notes.is_empty() {
        page.push('\n');
        for (at, note) in notes.iter().enumerate() {
            writeln!(page, "{}. {}", at + 1, cell(note)).unwrap();
        }
    }
}

const INTRODUCTION: &str = "# What becomes of each type

This page is made by a test from what the connectors themselves answer, for tables of every type on the real systems.

A bare type means that the copy is exact. `≈` is lossless: every value can be got back, in the representation that is named.
**lossy** means that some values would change; a plan with such a column is refused unless it asks for the cast by name.
\"refused\" has no place there at all: leave the column out, or cast it. A value that its column's type cannot hold at the
destination, such as a date beyond a calendar, is set aside with its place and the reason, and never altered.
";

/// `UPDATE=1` writes the page; otherwise the two are the same.
#[tokio::test]
async fn the_committed_table_is_what_the_connectors_say() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let database = Database::create().await;
    database.run(&format!("{POSTGRES_TYPES} {}", table(POSTGRES))).await;
    rusqlite::Connection::open(at("source.db")).unwrap().execute_batch(&table(SQLITE)).unwrap();
    {
        let duck = duckdb::Connection::open(at("source.duckdb")).unwrap();
        duck.execute_batch(&table(DUCKDB)).unwrap();
    }
    let given: BTreeMap<String, &str> =
        FILES.iter().enumerate().map(|(index, word)| (format!("c{index:02}"), *word)).collect();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let files = json!({"path": at("empty"), "streams": [{"name": "samples", "files": "*.csv", "schema": given}]});

    let mysql = crate::mysql::Database::create().await;
    mysql.run(&table(MYSQL)).await;
    let destinations: Vec<(&str, Arc<dyn Destination>)> = vec![
        ("PostgreSQL", database.destination()),
        ("MySQL", mysql.destination()),
        ("SQLite", destination("sqlite", json!({"path": at("target.db")}))),
        ("DuckDB", destination("duckdb", json!({"path": at("target.duckdb")}))),
        ("Parquet", destination("files", json!({"path": at("lake"), "write": {"format": "parquet"}}))),
        ("CSV", destination("files", json!({"path": at("lake"), "write": {"format": "csv"}}))),
        ("JSON lines", destination("files", json!({"path": at("lake"), "write": {"format": "jsonl"}}))),
    ];
    let source = |id: &str, settings: Value| connector(id).source(settings).unwrap();
    let sources: Vec<(&str, Vec<Declared>)> = vec![
        ("PostgreSQL", declared(&*database.source(), "public.samples", POSTGRES).await),
        ("MySQL and MariaDB", declared(&*mysql.source(), &format!("{}.samples", mysql.name), MYSQL).await),
        ("SQLite", declared(&*source("sqlite", json!({"path": at("source.db")})), "samples", SQLITE).await),
        ("DuckDB", declared(&*source("duckdb", json!({"path": at("source.duckdb")})), "main.samples", DUCKDB).await),
        ("files, by given or inferred types", declared(&*source("files", files), "samples", FILES).await),
    ];
    let mut page = INTRODUCTION.to_owned();
    for (name, types) in &sources {
        section(&mut page, name, types, &destinations);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/types.md");
    #[expect(clippy::disallowed_methods, reason = "how the page is brought up to date")]
    if std::env::var("UPDATE").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "run this test with UPDATE=1 and commit docs/types.md");
}

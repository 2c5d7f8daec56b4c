//! The real process, killed at random points and taken up again: what stands at the end is what the source has.
//!
//! The test starts its own binary with a filter for [`child`], which is ignored otherwise, kills it by SIGKILL after a
//! random wait, and lets the next process find what is on disk. Seeds are printed.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rusqlite::Connection;
use serde_json::{Value, json};
use towpath::events::RunPhase;
use towpath::ids::{PipelineId, RunId};

use crate::postgres::Database;
use crate::yard::{Yard, spec};

const FOLDER: &str = "TOWPATH_KILL_FOLDER";
const PIPELINE: &str = "TOWPATH_KILL_PIPELINE";
/// Kills of a test; three pairs of systems make more than twenty in each mode.
const KILLS: usize = 7;
/// Kills of one run, below the number of attempts that a run has without progress.
const KILLS_OF_A_RUN: usize = 3;
const ROWS: i64 = 4_000;
/// Rows that come between two rounds.
const GROWTH: i64 = 3_000;

/// Takes up what was left, or starts a run, and brings it to its end unless it is killed before.
#[tokio::test]
#[ignore = "a process for the tests below"]
#[expect(clippy::disallowed_methods, reason = "its parent says in the environment what it is to do")]
async fn child() {
    let (Ok(folder), Ok(pipeline)) = (std::env::var(FOLDER), std::env::var(PIPELINE)) else { return };
    let yard = Yard::open(folder.as_ref()).await;
    let pipeline: PipelineId = pipeline.parse().unwrap();
    let left = towpath::store::runs::alive(yard.workspace.store.pool(), &pipeline.to_string()).await.unwrap();
    let run: RunId = if let Some(run) = left {
        println!("\nMARK {run}");
        yard.runner.recover().await;
        run.parse().unwrap()
    } else {
        let run = yard.start(pipeline).await;
        println!("\nMARK {run}");
        run
    };
    // Each commit is told, so that the parent can strike between two of them.
    let told = async {
        let mut last = 0;
        loop {
            let rows =
                towpath::store::checkpoints::of_run(yard.workspace.store.pool(), &run.to_string()).await.unwrap();
            let epoch = rows.first().map_or(0, |row| row.epoch);
            if epoch > last {
                println!("MARK epoch {epoch}");
                last = epoch;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        _ = yard.runner.wait(run) => {}
        () = told => {}
    }
}

/// A child that has begun, and what else it says.
fn spawn(folder: &std::path::Path, pipeline: PipelineId) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(PIPELINE, pipeline.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // From here on the run is under way.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let marked = lines.any(|line| line.unwrap().starts_with("MARK"));
    assert!(marked, "the child ended before it did anything");
    (child, lines)
}

/// Waits for a moment to strike: after some commits, or after some time.
fn lie_in_wait(luck: &mut StdRng, longest: Duration, mut lines: Lines<BufReader<ChildStdout>>) {
    if luck.random() {
        for _ in 0..luck.random_range(1..6) {
            if !lines.any(|line| line.is_ok_and(|line| line.starts_with("MARK"))) {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(luck.random_range(0..15)));
    } else {
        std::thread::sleep(longest.mul_f64(luck.random()));
    }
}

/// Where rows come from and go to, with a native look at both.
enum Ends {
    Sqlite { shop: Box<Connection>, target: Box<Connection> },
    DuckDb { shop: Box<Connection>, warehouse: std::path::PathBuf },
    Postgres { shop: Database, target: Database },
}

/// One row as every system shows it.
const SHOWN: &str =
    "cast(id as varchar(20)) || '|' || coalesce(name, '-') || '|' || coalesce(cast(changed as varchar(20)), '-')";

impl Ends {
    async fn write(&self, sql: &str) {
        match self {
            Self::Sqlite { shop, .. } | Self::DuckDb { shop, .. } => shop.execute_batch(sql).unwrap(),
            Self::Postgres { shop, .. } => shop.run(sql).await,
        }
    }

    async fn source(&self) -> Vec<String> {
        let sql = format!("select {SHOWN} from items order by 1");
        match self {
            Self::Sqlite { shop, .. } | Self::DuckDb { shop, .. } => sqlite(shop, &sql),
            Self::Postgres { shop, .. } => postgres(shop, &sql).await,
        }
    }

    async fn target(&self) -> Vec<String> {
        let sql = format!("select {SHOWN} from items order by 1");
        let mut rows = match self {
            Self::Sqlite { target, .. } => sqlite(target, &sql),
            Self::DuckDb { warehouse, .. } => {
                let connection = duckdb::Connection::open(warehouse).unwrap();
                let mut statement = connection.prepare(&sql).unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres { target, .. } => postgres(target, &sql).await,
        };
        rows.sort();
        rows
    }
}

fn sqlite(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

async fn postgres(database: &Database, sql: &str) -> Vec<String> {
    let rows = database.client().await.query(sql, &[]).await.unwrap();
    let mut rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    rows.sort();
    rows
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    SqliteToSqlite,
    SqliteToDuckDb,
    PostgresToPostgres,
}

async fn ends(pair: Pair, yard: &Yard) -> Ends {
    match pair {
        Pair::SqliteToSqlite => {
            let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
            Ends::Sqlite { shop: Box::new(shop), target: Box::new(target) }
        }
        Pair::SqliteToDuckDb => {
            let shop = Box::new(yard.sqlite("shop").await);
            let warehouse = yard.folder.join("warehouse.duckdb");
            yard.connect("target", "duckdb", json!({"path": warehouse})).await;
            Ends::DuckDb { shop, warehouse }
        }
        Pair::PostgresToPostgres => {
            let (shop, target) = (Database::create().await, Database::create().await);
            yard.connect("shop", "postgres", shop.config()).await;
            yard.connect("target", "postgres", target.config()).await;
            Ends::Postgres { shop, target }
        }
    }
}

/// New rows with ties and missing cursors; with `update` some old ones change too.
fn growth(from: i64, rows: i64, update: bool) -> String {
    let values: Vec<String> = (from + 1..=from + rows)
        .map(|id| match id % 11 {
            0 => format!("({id}, null, null)"),
            _ => format!("({id}, 'name {id}', {})", id / 5),
        })
        .collect();
    let mut sql = format!("insert into items values {};", values.join(", "));
    if update && from > 0 {
        let changed = (from + rows) / 5;
        sql.push_str(&format!("update items set name = 'changed {from}', changed = {changed} where id % 13 = 5;"));
    }
    sql
}

async fn killed_and_whole(pair: Pair, mode: Value) {
    let seed: u64 = rand::random();
    println!("{pair:?} {mode} seed {seed}");
    let mut luck = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::open(folder.path()).await;
    let ends = ends(pair, &yard).await;
    ends.write("create table items (id bigint primary key, name text, changed bigint);").await;
    ends.write(&growth(0, ROWS, false)).await;
    let stream = if pair == Pair::PostgresToPostgres { "public.items" } else { "items" };
    let mut part = json!({"stream": stream, "target": "items"});
    part.as_object_mut().unwrap().extend(mode.as_object().unwrap().clone());
    let mut plan = spec("shop", "target", part);
    // Small batches make many commits, and so many places to die at.
    plan["options"] = json!({"batch_rows": 25});
    let pipeline = yard.pipeline(plan).await;
    let update = mode["write"] != "append";
    let (mut kills, mut rows, mut longest, mut round, mut midway) = (0, ROWS, Duration::from_millis(600), 0, 0);
    while kills < KILLS {
        round += 1;
        assert!(round < 20, "the children end too fast to be killed");
        for _ in 0..KILLS_OF_A_RUN {
            let started = Instant::now();
            let (mut child, lines) = spawn(folder.path(), pipeline);
            lie_in_wait(&mut luck, longest, lines);
            // It may have ended by itself; then there is nothing to kill.
            let over = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            if over {
                longest = longest.mul_f64(0.7).max(Duration::from_millis(20)).min(started.elapsed());
                break;
            }
            kills += 1;
            // A process that takes over waits for the lease; here it is as if it had.
            yard.let_leases_end().await;
        }
        yard = Yard::open(folder.path()).await;
        yard.runner.recover().await;
        let left = towpath::store::runs::alive(yard.workspace.store.pool(), &pipeline.to_string()).await.unwrap();
        if let Some(run) = left {
            let run = run.parse().unwrap();
            let phase = yard.runner.wait(run).await;
            assert_eq!(phase, RunPhase::Completed, "{:?}", yard.show(run).await);
            let receipt = yard.receipt(run).await["streams"][0].clone();
            assert_eq!(receipt["verdict"], "counted", "{receipt}");
            midway += usize::from(receipt["notes"].to_string().contains("interrupted"));
        }
        let receipt = yard.completed(pipeline).await;
        assert_eq!(receipt["verdict"], "counted", "{receipt}");
        yard.tasks.shut_down().await;
        yard.workspace.store.close().await;
        yard = Yard::open(folder.path()).await;
        let (source, target) = (ends.source().await, ends.target().await);
        assert_eq!(source.len(), target.len(), "seed {seed}, round {round}");
        assert!(source == target, "seed {seed}, round {round}: other rows");
        ends.write(&growth(rows, GROWTH, update)).await;
        rows += GROWTH;
    }
    println!("{pair:?} {mode}: {kills} kills in {round} rounds, {midway} of them between two commits of a run");
}

fn replace() -> Value {
    json!({"read": "full", "write": "replace"})
}

fn append() -> Value {
    json!({"read": "incremental", "cursor": "changed", "null_cursor": "include", "write": "append"})
}

fn merge() -> Value {
    json!({"read": "incremental", "cursor": "changed", "null_cursor": "include", "write": "merge", "key": ["id"]})
}

#[tokio::test]
async fn sqlite_to_sqlite_by_replace() {
    killed_and_whole(Pair::SqliteToSqlite, replace()).await;
}

#[tokio::test]
async fn sqlite_to_sqlite_by_append() {
    killed_and_whole(Pair::SqliteToSqlite, append()).await;
}

#[tokio::test]
async fn sqlite_to_sqlite_by_merge() {
    killed_and_whole(Pair::SqliteToSqlite, merge()).await;
}

#[tokio::test]
async fn sqlite_to_duckdb_by_replace() {
    killed_and_whole(Pair::SqliteToDuckDb, replace()).await;
}

#[tokio::test]
async fn sqlite_to_duckdb_by_append() {
    killed_and_whole(Pair::SqliteToDuckDb, append()).await;
}

#[tokio::test]
async fn sqlite_to_duckdb_by_merge() {
    killed_and_whole(Pair::SqliteToDuckDb, merge()).await;
}

#[tokio::test]
async fn postgres_to_postgres_by_replace() {
    killed_and_whole(Pair::PostgresToPostgres, replace()).await;
}

#[tokio::test]
async fn postgres_to_postgres_by_append() {
    killed_and_whole(Pair::PostgresToPostgres, append()).await;
}

#[tokio::test]
async fn postgres_to_postgres_by_merge() {
    killed_and_whole(Pair::PostgresToPostgres, merge()).await;
}

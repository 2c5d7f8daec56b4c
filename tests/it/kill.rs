//! The real process, killed at random points and taken up again: what stands at the end is what the source has.
//!
//! The test starts its own binary with a filter for [`child`], which is ignored otherwise, kills it by SIGKILL after a
//! random wait, and lets the next process find what is on disk. Seeds are printed.
#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "a test may panic, and the seed must be seen")]

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use towpath::events::RunPhase;
use towpath::ids::{PipelineId, RunId};

use crate::server::chaos;
use crate::systems::{Kind, System};
use crate::yard::{Yard, spec};

const FOLDER: &str = "TOWPATH_KILL_FOLDER";
const PIPELINE: &str = "TOWPATH_KILL_PIPELINE";
/// Kills of a test; the pairs of systems make more than twenty in each mode.
const KILLS: usize = 6;
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

/// One row as every system shows it.
const SHOWN: [&str; 3] = ["id", "name", "changed"];

/// Looks at a system and lets go of it, so that another process can have it.
async fn look(system: &System) -> Vec<String> {
    let rows = system.rows("items", &SHOWN).await.unwrap_or_default();
    while system.kind == Kind::DuckDb && towpath::connectors::duckdb::is_open(system.path()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rows
}

async fn change(system: &System, sql: &str) {
    system.run(sql).await;
    look(system).await;
}

/// Runs of the pipeline that came to their end.
async fn completed_runs(yard: &Yard, pipeline: PipelineId) -> usize {
    let sql = "select count(*) from runs where pipeline = $1 and phase = 'completed'";
    let found = sqlx::query_scalar::<_, i64>(sql).bind(pipeline.to_string());
    usize::try_from(found.fetch_one(yard.workspace.store.pool()).await.unwrap()).unwrap()
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
        let change = format!("update items set name = 'changed {from}', changed = {changed} where id % 13 = 5;");
        sql.push_str(&change);
    }
    sql
}

async fn killed_and_whole(from: Kind, to: Kind, name: &str, mode: Value) {
    let seed: u64 = rand::random();
    println!("{from:?} to {to:?} by {name}, seed {seed}");
    let mut luck = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::open(folder.path()).await;
    let (shop, target) = (System::create(&yard, "shop", from).await, System::create(&yard, "target", to).await);
    change(&shop, "create table items (id bigint primary key, name text, changed bigint);").await;
    change(&shop, &growth(0, ROWS, false)).await;
    let goal = target.goal();
    let (connection, namespace) = goal.split_once('/').unwrap_or((&goal, ""));
    let mut part = json!({"stream": shop.stream("items"), "target": "items"});
    part.as_object_mut().unwrap().extend(mode.as_object().unwrap().clone());
    let mut plan = spec("shop", connection, part);
    if !namespace.is_empty() {
        plan["destination"]["namespace"] = namespace.into();
    }
    // Small batches make many commits, and so many places to die at.
    plan["options"] = json!({"batch_rows": 25});
    let pipeline = yard.pipeline(plan).await;
    let (adds, update) = (name == "append", mode["write"] != "append");
    let (mut kills, mut rows, mut longest, mut round, mut midway) = (0, ROWS, Duration::from_millis(600), 0, 0);
    // What must stand there: with a full append, every source that was, once for each run that ended well.
    let (mut due, mut ended) = (Vec::new(), 0);
    let many = chaos(KILLS);
    while kills < many {
        round += 1;
        assert!(round < 20 * many, "the children end too fast to be killed");
        let before = due.len();
        for _ in 0..KILLS_OF_A_RUN {
            let started = Instant::now();
            let (mut child, lines) = spawn(folder.path(), pipeline);
            lie_in_wait(&mut luck, longest, lines);
            // It may have ended by itself; then there is nothing to kill.
            let over = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            let stand = look(&target).await.len();
            assert!(stand >= before, "seed {seed}, round {round}: {stand} rows stand where {before} stood");
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
        let runs = completed_runs(&yard, pipeline).await;
        yard.tasks.shut_down().await;
        yard.workspace.store.close().await;
        yard = Yard::open(folder.path()).await;
        let source = look(&shop).await;
        if adds {
            due.extend((ended..runs).flat_map(|_| source.clone()));
            due.sort();
        } else {
            due = source;
        }
        ended = runs;
        let stand = look(&target).await;
        assert_eq!(due.len(), stand.len(), "seed {seed}, round {round}");
        assert!(due == stand, "seed {seed}, round {round}: other rows");
        change(&shop, &growth(rows, GROWTH, update)).await;
        rows += GROWTH;
    }
    println!(
        "TALLY kills of the process, {from:?} to {to:?} by {name}: {kills}\n\
         {from:?} to {to:?} by {name}: {kills} kills in {round} rounds, {midway} of them between two commits of a run"
    );
}

async fn by_replace(from: Kind, to: Kind) {
    killed_and_whole(from, to, "replace", json!({"read": "full", "write": "replace"})).await;
}

async fn by_append(from: Kind, to: Kind) {
    killed_and_whole(from, to, "append", json!({"read": "full", "write": "append"})).await;
}

async fn by_merge(from: Kind, to: Kind) {
    killed_and_whole(from, to, "merge", json!({"read": "full", "write": "merge", "key": ["id"]})).await;
}

async fn by_increments(from: Kind, to: Kind) {
    let mode = json!({"read": "incremental", "cursor": "changed", "null_cursor": "include", "write": "append"});
    killed_and_whole(from, to, "increments", mode).await;
}

async fn by_merged_increments(from: Kind, to: Kind) {
    let mut mode = json!({"read": "incremental", "cursor": "changed", "null_cursor": "include", "write": "merge"});
    mode["key"] = json!(["id"]);
    killed_and_whole(from, to, "merged increments", mode).await;
}

macro_rules! every_mode {
    ($pair:ident, $from:expr, $to:expr, [$($mode:ident),+]) => {
        mod $pair {
            use super::*;
            $(
                #[tokio::test]
                async fn $mode() {
                    super::$mode($from, $to).await;
                }
            )+
        }
    };
}

every_mode!(
    sqlite_to_sqlite,
    Kind::Sqlite,
    Kind::Sqlite,
    [by_replace, by_append, by_merge, by_increments, by_merged_increments]
);
every_mode!(
    sqlite_to_duckdb,
    Kind::Sqlite,
    Kind::DuckDb,
    [by_replace, by_append, by_merge, by_increments, by_merged_increments]
);
every_mode!(
    postgres_to_postgres,
    Kind::Postgres,
    Kind::Postgres,
    [by_replace, by_append, by_merge, by_increments, by_merged_increments]
);
every_mode!(
    mysql_to_mysql,
    Kind::MySql,
    Kind::MySql,
    [by_replace, by_append, by_merge, by_increments, by_merged_increments]
);
every_mode!(sqlite_to_s3, Kind::Sqlite, Kind::S3, [by_replace, by_append, by_increments]);
every_mode!(duckdb_to_parquet, Kind::DuckDb, Kind::Parquet, [by_replace, by_append, by_increments]);

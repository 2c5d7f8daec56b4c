//! A disk that is full: the destination's, and the one that the store is on. The real program in a process of its own, on
//! a small file system that is its own (a mount of its namespace), which then grows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use towpath::events::RunPhase;
use towpath::ids::PipelineId;

use super::of;
use crate::systems::{Kind, System};
use crate::yard::{Yard, spec};

const ROOM: &str = "TOWPATH_DISK_ROOM";
const FOLDER: &str = "TOWPATH_DISK_FOLDER";
const KIND: &str = "TOWPATH_DISK_KIND";
const MODE: &str = "TOWPATH_DISK_MODE";
const PHASE: &str = "TOWPATH_DISK_PHASE";

/// Rows before the disk is full, and rows that do not fit.
const FEW: i64 = 100;
const MANY: i64 = 40_000;

/// Where there may be no mounts, files are kept from growing instead.
const SCRIPT: &str = r#"
if unshare -rm true 2>/dev/null; then
    exec unshare -rm sh -ec '
        mount -t tmpfs -o size=4m tmpfs "$TOWPATH_DISK_ROOM"
        TOWPATH_DISK_PHASE=full "$@"
        mount -o remount,size=400m "$TOWPATH_DISK_ROOM"
        TOWPATH_DISK_PHASE=room "$@"' sh "$@"
fi
trap '' XFSZ
(ulimit -S -f 6000; TOWPATH_DISK_PHASE=full "$@") && TOWPATH_DISK_PHASE=room exec "$@"
"#;

fn run(test: &str, kind: Kind, mode: &str) {
    let (room, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = Command::new("sh")
        .args(["-ec", SCRIPT, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(ROOM, room.path())
        .env(FOLDER, folder.path())
        .env(KIND, format!("{kind:?}"))
        .env(MODE, mode)
        .output()
        .unwrap();
    let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{kind:?} by {mode}: {said}");
    assert_eq!(said.matches("test result: ok. 1 passed").count(), 2, "{said}");
}

#[expect(clippy::disallowed_methods, reason = "its parent says in the environment what it is to do")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn grow(path: &Path, from: i64, to: i64) {
    let shop = rusqlite::Connection::open(path).unwrap();
    shop.execute_batch(&format!(
        "create table if not exists items (id integer primary key, name text);
         with recursive n (i) as (select {from} + 1 union all select i + 1 from n where i < {to})
         insert into items select i, hex(randomblob(100)) from n"
    ))
    .unwrap();
}

fn mode(name: &str) -> Value {
    match name {
        "replace" | "append" => json!({"read": "full", "write": name}),
        "increments" => json!({"read": "incremental", "cursor": "id", "write": "append"}),
        _ => json!({"read": "incremental", "cursor": "id", "write": "merge", "key": ["id"]}),
    }
}

/// What the child remembers between its two lives.
fn pipeline_file() -> PathBuf {
    Path::new(&told(FOLDER)).join("pipeline")
}

#[tokio::test]
#[ignore = "a process for the tests below"]
async fn destination() {
    let (room, folder) = (PathBuf::from(told(ROOM)), PathBuf::from(told(FOLDER)));
    let name = told(MODE);
    let kind = Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == told(KIND)).unwrap();
    let yard = Yard::open(&folder).await;
    let shop = folder.join("shop.db");
    if told(PHASE) == "full" {
        grow(&shop, 0, FEW);
        yard.connect("shop", "sqlite", json!({"path": shop})).await;
        let target = System::create_in(&yard, &room, "target", kind).await;
        let mut plan = of("shop", &target.goal(), ("items", "items"), &mode(&name));
        plan["options"] = json!({"batch_rows": 500});
        let pipeline = yard.pipeline(plan).await;
        std::fs::write(pipeline_file(), pipeline.to_string()).unwrap();
        yard.completed(pipeline).await;
        let before = target.rows("items", &["id"]).await.unwrap();
        assert_eq!(before.len(), 100);

        grow(&shop, FEW, MANY);
        let (run, phase) = yard.run(pipeline).await;
        let error = yard.show(run).await.error.unwrap();
        assert_eq!((phase, error.kind.as_str()), (RunPhase::Failed, "exhausted"), "{error:?}");
        assert!(error.message.contains("full") && error.hint.is_some(), "{error:?}");
        assert_eq!(error.stream.as_deref(), Some("items"));
        let mut ids: Vec<i64> =
            target.rows("items", &["id"]).await.unwrap().iter().map(|id| id.parse().unwrap()).collect();
        ids.sort_unstable();
        let whole = i64::try_from(ids.len()).unwrap();
        // Increments may have been committed up to somewhere; whatever stands is a beginning of the source.
        assert!(ids == (1..=whole).collect::<Vec<_>>() && (FEW..MANY).contains(&whole), "{whole} rows stand");
        assert!(whole == FEW || !matches!(name.as_str(), "replace" | "append"), "{whole} rows stand");
        return;
    }
    let target = System::known(&room, "target", kind);
    let pipeline: PipelineId = std::fs::read_to_string(pipeline_file()).unwrap().parse().unwrap();
    let receipt = yard.completed(pipeline).await;
    assert_eq!(receipt["verdict"], "counted", "{receipt}");
    let ids = target.rows("items", &["id"]).await.unwrap();
    let distinct: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), usize::try_from(MANY).unwrap());
    let twice = if name == "append" { FEW } else { 0 };
    assert_eq!(ids.len(), usize::try_from(MANY + twice).unwrap());
}

#[test]
fn a_full_disk_under_sqlite() {
    for mode in ["replace", "increments", "merged"] {
        run("faults::disk::destination", Kind::Sqlite, mode);
    }
}

#[test]
fn a_full_disk_under_duckdb() {
    for mode in ["replace", "increments", "merged"] {
        run("faults::disk::destination", Kind::DuckDb, mode);
    }
}

#[test]
fn a_full_disk_under_files() {
    for (kind, mode) in
        [(Kind::Parquet, "replace"), (Kind::Parquet, "increments"), (Kind::Csv, "increments"), (Kind::Jsonl, "append")]
    {
        run("faults::disk::destination", kind, mode);
    }
}

/// The store's disk fills up while a run is under way; the run goes on once there is room.
#[tokio::test]
#[ignore = "a process for the test below"]
async fn store() {
    let (room, folder) = (PathBuf::from(told(ROOM)), PathBuf::from(told(FOLDER)));
    let (shop, target, ballast) = (folder.join("shop.db"), folder.join("target.db"), room.join("ballast"));
    if told(PHASE) == "full" {
        grow(&shop, 0, MANY);
        let yard = Yard::open(&room).await;
        yard.connect("shop", "sqlite", json!({"path": shop})).await;
        yard.connect("target", "sqlite", json!({"path": target})).await;
        let mut part = mode(&told(MODE));
        part["stream"] = "items".into();
        let mut plan = spec("shop", "target", part);
        plan["options"] = json!({"batch_rows": 20});
        let pipeline = yard.pipeline(plan).await;
        std::fs::write(pipeline_file(), pipeline.to_string()).unwrap();
        let run = yard.start(pipeline).await;
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let kept = towpath::store::checkpoints::of_run(yard.workspace.store.pool(), &run.to_string()).await;
            if kept.is_ok_and(|kept| kept.iter().any(|kept| kept.epoch > 2)) {
                break;
            }
        }
        // As much as there is room for, to the last byte. (Where files are only kept from growing, the store has room.)
        let mut file = std::fs::File::create(&ballast).unwrap();
        let mut size = 1 << 16;
        while size > 0 {
            if std::io::Write::write_all(&mut file, &vec![1; size]).is_err() {
                size /= 2;
            }
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        if let Err(error) = yard.runner.rerun(pipeline, crate::yard::cause()).await {
            assert!(error.to_string().contains("store") || error.to_string().contains("has a run"), "{error}");
        }
        return;
    }
    std::fs::remove_file(&ballast).unwrap();
    let yard = Yard::open(&room).await;
    let pipeline: PipelineId = std::fs::read_to_string(pipeline_file()).unwrap().parse().unwrap();
    yard.let_leases_end().await;
    let left = towpath::store::runs::alive(yard.workspace.store.pool(), &pipeline.to_string()).await.unwrap();
    yard.runner.recover().await;
    if let Some(run) = left {
        let run = run.parse().unwrap();
        assert_eq!(yard.runner.wait(run).await, RunPhase::Completed, "{:?}", yard.show(run).await.error);
    }
    yard.completed(pipeline).await;
    let target = rusqlite::Connection::open(&target).unwrap();
    let counts: (i64, i64) = target
        .query_row("select count(*), count(distinct id) from items", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(counts, (MANY, MANY));
}

#[test]
fn a_full_disk_under_the_store() {
    for mode in ["increments", "replace"] {
        run("faults::disk::store", Kind::Sqlite, mode);
    }
}

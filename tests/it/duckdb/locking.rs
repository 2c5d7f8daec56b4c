//! One file, many users: of this process and of others.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures::StreamExt as _;
use serde_json::json;
use towpath::connectors::duckdb::DuckDb;
use towpath::connectors::{DynConnector as _, ErrorKind, Item, TargetName};

use super::{native, open_destination, open_source};
use crate::copying::{copy, whole};

const HELD: &str = "TOWPATH_TEST_HELD_FILE";
const FIRST: &str = "TOWPATH_TEST_FIRST_STATEMENT";

/// Not a test: another process, which opens the file named in the environment, runs a statement and waits to be killed.
#[test]
#[ignore = "the other process of the tests below"]
#[expect(clippy::disallowed_methods, reason = "the parent passes the path in the environment")]
#[expect(clippy::print_stdout, reason = "tells the parent that the file is open")]
fn hold() {
    let held = duckdb::Connection::open(std::env::var(HELD).unwrap()).unwrap();
    held.execute_batch(&std::env::var(FIRST).unwrap_or_default()).unwrap();
    println!("\nheld");
    std::thread::sleep(std::time::Duration::from_mins(1));
}

/// Starts that process. Answers it, and whether it got the file.
fn other_program(path: &Path, first: &str) -> (Child, bool) {
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "duckdb::locking::hold", "--ignored", "--nocapture"])
        .env(HELD, path)
        .env(FIRST, first)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let held = lines.any(|line| line.unwrap() == "held");
    (other, held)
}

fn end(mut other: Child) {
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_file_that_another_program_holds_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("held.duckdb");
    let (other, held) = other_program(&path, "");
    assert!(held);
    for error in [
        open_source(&path).unwrap().check().await.unwrap_err(),
        open_destination(&path).unwrap().check().await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.message.contains("held.duckdb") && error.message.contains(&other.id().to_string()), "{error}");
    }
    end(other);
    open_destination(&path).unwrap().check().await.unwrap();
}

#[tokio::test]
async fn source_and_destination_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.duckdb");
    native::run(&path, "create table a as select range as id from range(50000)").unwrap();
    let target = TargetName { namespace: Some("copies".to_owned()), name: "b".to_owned() };
    let copied = copy(&open_source(&path).unwrap(), "a", &open_destination(&path).unwrap(), &target).await.unwrap();
    assert_eq!(copied.delivered, 50_000);
    assert_eq!(
        native::ask(&path, "select cast(count(*) as varchar) from copies.b").unwrap(),
        [[Some("50000".to_owned())]]
    );
}

#[tokio::test]
async fn the_file_is_free_soon_after_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("free.duckdb");
    open_destination(&path).unwrap().check().await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let (other, held) = other_program(&path, "");
        end(other);
        if held {
            return;
        }
    }
    panic!("five seconds after its last use the file is still locked");
}

#[tokio::test]
async fn what_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.duckdb");
    std::fs::write(&path, "these are notes, ".repeat(4000)).unwrap();
    assert_eq!(open_source(&path).unwrap().check().await.unwrap_err().kind, ErrorKind::BadData);
    let missing = folder.path().join("missing.duckdb");
    assert_eq!(open_source(&missing).unwrap().check().await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(!missing.exists(), "asking a source made a file");
    let nowhere = folder.path().join("no/such/folder.duckdb");
    assert_eq!(open_destination(&nowhere).unwrap().check().await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_file_cut_short_never_looks_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (good, cut) = (folder.path().join("good.duckdb"), folder.path().join("cut.duckdb"));
    native::run(&good, "create table t as select range as id, hash(range)::varchar || repeat('x', 50) as note from range(100000); checkpoint").unwrap();
    let bytes = std::fs::read(&good).unwrap();
    for part in 0..8 {
        std::fs::write(&cut, &bytes[..bytes.len() * part / 8 + 100]).unwrap();
        let source = open_source(&cut).unwrap();
        let Ok(mut items) = source.read(whole("t", vec!["id".to_owned(), "note".to_owned()])).await else { continue };
        let mut rows = 0;
        while let Some(Ok(item)) = items.next().await {
            match item {
                Item::Batch(batch) => rows += batch.records.num_rows(),
                Item::End(_) => assert_eq!(rows, 100_000, "cut to {part} eighths, it ended early"),
                _ => {}
            }
        }
    }
}

/// Resident memory of this process, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_large_table_is_read_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.duckdb");
    // Made by another process: what it took to make the table is not what it takes to read it.
    let table =
        "create table t as select range as id, repeat(md5(range::varchar), 6) as note from range(1500000); checkpoint";
    let (other, made) = other_program(&path, table);
    assert!(made);
    end(other);
    // It follows what the connection allows, and not the table.
    for limit in [64, 256] {
        let source = DuckDb.source(json!({"path": path, "memory_limit": format!("{limit}MB")})).unwrap();
        let before = resident();
        let mut items = source.read(whole("t", vec!["id".to_owned(), "note".to_owned()])).await.unwrap();
        let (mut bytes, mut highest) = (0, 0);
        while let Some(item) = items.next().await {
            if let Item::Batch(batch) = item.unwrap() {
                bytes += batch.records.get_array_memory_size();
                highest = highest.max(resident());
            }
        }
        assert!(bytes > 280 << 20, "the table is too small to prove anything: {bytes}");
        let used = highest.saturating_sub(before);
        assert!(used < limit + 100, "up to {used} MiB while reading under a limit of {limit} MB");
    }
}

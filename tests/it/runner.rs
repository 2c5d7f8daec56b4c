//! Confirmed plans carried out over real systems and the real store.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use rusqlite::Connection;
use serde_json::{Value, json};
use towpath::clock::Clock;
use towpath::events::bus::Topic;
use towpath::events::{Event, RunPhase};
use towpath::ids::{Actor, ConversationId, RunId};
use towpath::runner::{CancelError, Cause, CauseKind, StartError, quarantine, receipt};
use towpath::store::quarantine::QuarantineQuery;
use towpath::store::{self, Store};
use towpath::workspace::keys::WorkspaceKeys;

use crate::postgres::Database;
use crate::server::postgres_url;
use crate::yard::{Yard, cause, person, spec};

fn seed(shop: &Connection, rows: i64) {
    shop.execute_batch(
        "create table if not exists items (id integer primary key, name text, price text, changed integer)",
    )
    .unwrap();
    let from: i64 = shop.query_row("select coalesce(max(id), 0) from items", [], |row| row.get(0)).unwrap();
    let mut insert = shop.prepare("insert into items values (?1, ?2, ?3, ?4)").unwrap();
    shop.execute_batch("begin").unwrap();
    for id in from + 1..=from + rows {
        let changed = (id % 7 != 0).then_some(id / 3);
        insert.execute(rusqlite::params![id, format!("Ünïcode {id}"), format!("{}.50", id % 100), changed]).unwrap();
    }
    shop.execute_batch("commit").unwrap();
}

fn items(mode: &Value) -> Value {
    let mut stream = json!({"stream": "items", "target": "items"});
    stream.as_object_mut().unwrap().extend(mode.as_object().unwrap().clone());
    stream
}

fn count(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn rows_move_and_the_receipt_proves_it() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 1_000);
    let mut plan =
        spec("shop", "target", items(&json!({"read": "full", "write": "replace", "mask": {"name": "hash"}})));
    plan["options"] = json!({"verify": "checksums", "batch_rows": 100});
    let pipeline = yard.pipeline(plan).await;
    let conversation = ConversationId::new();
    let cause = Cause { conversation: Some(conversation), kind: CauseKind::Confirm, by: person() };
    let run = yard.runner.rerun(pipeline, cause).await.unwrap();
    assert_eq!(yard.runner.wait(run).await, RunPhase::Completed, "{:?}", yard.show(run).await.error);

    assert_eq!(count(&target, "select count(*) from items where _towpath_run_id is not null"), 1_000);
    assert_eq!(count(&target, "select count(distinct name) from items where length(name) = 64"), 1_000);
    let signed = yard.receipt(run).await;
    assert_eq!(signed["streams"][0]["verdict"], "proven", "{signed}");
    assert_eq!(signed["streams"][0]["rows_written"], 1_000);
    let keys = WorkspaceKeys::open(&yard.workspace).await.unwrap();
    assert!(receipt::is_genuine(&signed, &keys.receipt));

    let shown = yard.show(run).await;
    assert_eq!((shown.rows_written, shown.trigger.as_str(), shown.attempt), (1_000, "confirm", 1));
    assert!(shown.streams["items"].done && shown.started_at.is_some() && shown.finished_at.is_some());
    let lines = store::run_logs::after(yard.workspace.store.pool(), &run.to_string(), 0, None, 100).await.unwrap();
    assert!(lines.iter().any(|line| line.message.contains("1000 rows")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.message.contains("Ünïcode")));
    for topic in [Topic::Run(run), Topic::Conversation(conversation)] {
        let events = yard.bus.replay(topic, 0).await.unwrap();
        let phases: Vec<RunPhase> = events
            .iter()
            .filter_map(|envelope| match &envelope.event {
                Event::RunMoved { phase, .. } => Some(*phase),
                _ => None,
            })
            .collect();
        let expected = [
            RunPhase::Queued,
            RunPhase::Initializing,
            RunPhase::Analyzing,
            RunPhase::Transferring,
            RunPhase::Completed,
        ];
        assert_eq!(phases, expected);
        assert!(matches!(&events.last().unwrap().event, Event::RunFinished { receipt: Some(_), .. }));
    }
}

#[tokio::test]
async fn increments_follow_the_source_in_append_and_merge() {
    for write in [json!({"write": "append"}), json!({"write": "merge", "key": ["id"]})] {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
        seed(&shop, 100);
        let mut mode = json!({"read": "incremental", "cursor": "changed", "null_cursor": "include"});
        mode.as_object_mut().unwrap().extend(write.as_object().unwrap().clone());
        let mut plan = spec("shop", "target", items(&mode));
        plan["options"] = json!({"verify": "checksums", "batch_rows": 10});
        let pipeline = yard.pipeline(plan).await;
        yard.completed(pipeline).await;
        seed(&shop, 57);
        shop.execute_batch("insert into items values (1000, 'tie', '1', 52), (1001, 'missing', '1', null)").unwrap();
        let second = yard.completed(pipeline).await;
        assert_eq!(count(&target, "select count(*) from items"), 159, "{second}");
        assert_eq!(count(&target, "select count(distinct id) from items"), 159);
        let third = yard.completed(pipeline).await;
        assert_eq!(count(&target, "select count(*) from items"), 159, "{third}");
    }
}

#[tokio::test]
async fn a_pipeline_has_one_run_at_a_time_and_a_cancel_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, _target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 200_000);
    let pipeline = yard.pipeline(spec("shop", "target", items(&json!({"read": "full", "write": "replace"})))).await;
    let run = yard.start(pipeline).await;
    match yard.runner.rerun(pipeline, cause()).await {
        Err(StartError::AlreadyRunning { run: other }) => assert_eq!(other, run),
        other => panic!("{other:?}"),
    }
    let mut events = yard.bus.subscribe(Topic::Run(run), 0).await.unwrap();
    while let Some(envelope) = events.next().await {
        if matches!(envelope.unwrap().event, Event::RunMoved { phase: RunPhase::Transferring, .. }) {
            break;
        }
    }
    let asked = Instant::now();
    yard.runner.cancel(run, &Actor("bob".to_owned())).await.unwrap();
    assert_eq!(yard.runner.wait(run).await, RunPhase::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(matches!(yard.runner.cancel(run, &person()).await, Err(CancelError::AlreadyEnded { .. })));
    assert!(matches!(yard.runner.cancel(RunId::new(), &person()).await, Err(CancelError::NotFound)));
    // The next run starts at once, and nothing of the cancelled one is in its way.
    assert_eq!(yard.completed(pipeline).await["rows_written"], 200_000);
}

#[tokio::test]
async fn a_run_that_nobody_carries_out_is_taken_up_once_or_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 50);
    let pipeline = yard.pipeline(spec("shop", "target", items(&json!({"read": "full", "write": "append"})))).await;
    // The program shuts down while the run is under way.
    let run = yard.start(pipeline).await;
    yard.tasks.shut_down().await;
    let (one, two) = (Yard::open(folder.path()).await, Yard::open(folder.path()).await);
    tokio::join!(one.runner.recover(), two.runner.recover());
    assert_eq!(one.runner.wait(run).await, RunPhase::Completed);
    one.tasks.shut_down().await;
    two.tasks.shut_down().await;
    assert_eq!(count(&target, "select count(*) from items"), 50);

    // Queued by a process that died at once.
    let third = Yard::open(folder.path()).await;
    let plan = towpath::plan::confirmed(&third.workspace, pipeline).await.unwrap();
    let run = third.runner.start(pipeline, plan, cause()).await.unwrap();
    third.tasks.shut_down().await;
    let fourth = Yard::open(folder.path()).await;
    if !fourth.show(run).await.phase.is_final() {
        fourth.let_leases_end().await;
        fourth.runner.cancel(run, &person()).await.unwrap();
        assert_eq!(fourth.show(run).await.phase, RunPhase::Cancelled);
    }
    fourth.runner.recover().await;
    assert_eq!(fourth.tasks.running(), 0);
}

#[tokio::test]
async fn a_row_that_does_not_fit_is_set_aside_and_replayed_after_the_plan_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    set_aside_and_replayed(Yard::open(folder.path()).await).await;
}

#[tokio::test]
async fn the_same_with_the_store_on_postgres() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create().await);
    let mut url = url::Url::parse(&postgres_url()).unwrap();
    url.set_path(&database.name);
    let store = Store::open(url.as_str()).await.unwrap();
    let yard = Yard::over(folder.path(), store.clone(), Clock::System);
    set_aside_and_replayed(yard).await;
    store.close().await;
}

async fn set_aside_and_replayed(yard: Yard) {
    let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 20);
    shop.execute_batch("update items set price = '1.999' where id = 5").unwrap();
    let with_cast = |cast: &str| {
        let mode = json!({"read": "incremental", "cursor": "id", "write": "append", "cast": {"price": cast}});
        let mut plan = spec("shop", "target", items(&mode));
        plan["quarantine"] = json!({"max_rows": 3});
        plan
    };
    let pipeline = yard.pipeline(with_cast("decimal(10,2)")).await;
    let (run, phase) = yard.run(pipeline).await;
    assert_eq!(phase, RunPhase::Completed, "{:?}", yard.show(run).await.error);
    assert_eq!(count(&target, "select count(*) from items"), 19);
    let kept = quarantine::list(&yard.workspace, &QuarantineQuery { limit: 10, ..QuarantineQuery::default() }).await;
    let [row] = kept.unwrap().try_into().unwrap();
    let row: quarantine::QuarantineRecord = row;
    assert_eq!((row.run, row.code.as_str(), row.stream.as_str()), (run, "bad_cast", "items"));
    assert!(row.reason.contains("`price`") && row.row.as_ref().unwrap().contains("1.999"), "{row:?}");

    let refused = quarantine::replay(&yard.workspace, &row.id).await.unwrap_err();
    assert!(matches!(refused, quarantine::ReplayError::StillUnfit { .. }), "{refused}");
    yard.revise(pipeline, with_cast("decimal(10,3)")).await;
    let done = quarantine::replay_run(&yard.workspace, run).await.unwrap();
    assert_eq!((done.written, done.left.len()), (1, 0), "{done:?}");
    assert_eq!(count(&target, "select count(*) from items where id = 5 and name = 'Ünïcode 5'"), 1);
    let again = quarantine::replay(&yard.workspace, &row.id).await.unwrap_err();
    assert!(matches!(again, quarantine::ReplayError::AlreadyReplayed { .. }));
    assert_eq!(count(&target, "select count(*) from items"), 20);
}

#[tokio::test]
async fn too_many_rejected_rows_fail_the_run_and_leave_the_target_alone() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 20);
    shop.execute_batch("update items set price = 'x' where id > 10").unwrap();
    let mut plan = spec("shop", "target", items(&json!({"write": "append", "cast": {"price": "decimal(10,2)"}})));
    plan["quarantine"] = json!({"max_rows": 9});
    let pipeline = yard.pipeline(plan).await;
    let (run, phase) = yard.run(pipeline).await;
    assert_eq!(phase, RunPhase::Failed);
    let error = yard.show(run).await.error.unwrap();
    assert!(error.message.contains("More than 9 rows") && error.hint.is_some(), "{error:?}");
    assert_eq!(count(&target, "select count(*) from items"), 0);
    let left = quarantine::replay_run(&yard.workspace, run).await.unwrap();
    assert!(left.written == 0 && left.left[0].reason.contains("never committed"), "{left:?}");
}

#[tokio::test]
async fn a_source_that_lost_a_column_stops_the_run_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, _target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 5);
    let pipeline = yard.pipeline(spec("shop", "target", items(&json!({"write": "append"})))).await;
    yard.completed(pipeline).await;
    shop.execute_batch("alter table items add column colour text default 'red'").unwrap();
    let evolved = yard.completed(pipeline).await;
    assert!(evolved["notes"].to_string().contains("`colour`"), "{evolved}");
    shop.execute_batch("alter table items drop column name").unwrap();
    let (run, phase) = yard.run(pipeline).await;
    let error = yard.show(run).await.error.unwrap();
    assert_eq!((phase, error.stream.as_deref()), (RunPhase::Failed, Some("items")));
    assert!(error.message.contains("`name` is gone"), "{error:?}");
}

#[tokio::test]
async fn runs_that_do_not_fit_into_memory_wait_and_complete_and_can_be_cancelled_while_they_wait() {
    let folder = tempfile::tempdir().unwrap();
    // The least there is: room for one run with batches of this size.
    let yard = Yard::open(folder.path()).await;
    let shop = yard.sqlite("shop").await;
    seed(&shop, 30_000);
    // Read slowly, so that the first run is still there when the others come.
    let slow = json!({"path": folder.path().join("shop.db"), "max_read_mib_per_second": 1});
    yard.connect("slow", "sqlite", slow).await;
    let mut pipelines = Vec::new();
    for name in ["one", "two", "three"] {
        yard.sqlite(name).await;
        let mut plan = spec("slow", name, items(&json!({"read": "full", "write": "replace"})));
        plan["name"] = name.into();
        plan["options"] = json!({"batch_bytes": "64MiB", "batch_rows": 1000});
        pipelines.push(yard.pipeline(plan).await);
    }
    let small = towpath::runner::Runner::new(yard.workspace.clone(), yard.bus.clone(), yard.tasks.clone(), Some(1));
    let mut runs = Vec::new();
    for pipeline in pipelines {
        runs.push(small.rerun(pipeline, cause()).await.unwrap());
    }
    let waits = async |run: &RunId| {
        let pool = yard.workspace.store.pool();
        let lines = store::run_logs::after(pool, &run.to_string(), 0, None, 100).await.unwrap();
        lines.iter().any(|line| line.message.contains("waits for its turn"))
    };
    let waiting = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut found = Vec::new();
        for run in &runs {
            if waits(run).await {
                found.push(*run);
            }
        }
        if found.len() == 2 {
            break found;
        }
        let ended = runs.iter().map(|run| yard.show(*run));
        let ended = futures::future::join_all(ended).await;
        assert!(!ended.iter().all(|run| run.phase.is_final()), "three runs were never more than one too many");
    };
    small.cancel(waiting[1], &person()).await.unwrap();
    assert_eq!(small.wait(waiting[1]).await, RunPhase::Cancelled);
    for run in runs.iter().filter(|run| **run != waiting[1]) {
        assert_eq!(small.wait(*run).await, RunPhase::Completed, "{:?}", yard.show(*run).await.error);
    }
}

#[tokio::test]
async fn a_source_that_is_read_at_a_pace_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    seed(&shop, 5_000);
    let path = folder.path().join("shop.db");
    let limits = json!({"path": path, "max_read_mib_per_second": 4, "max_read_connections": 1});
    yard.connect("spared", "sqlite", limits).await;
    let mut plan = spec("spared", "target", items(&json!({"read": "full", "write": "replace"})));
    plan["options"] = json!({"batch_rows": 500, "parallelism": 8});
    let receipt = yard.completed(yard.pipeline(plan).await).await;
    assert_eq!((receipt["rows_written"].as_i64(), count(&target, "select count(*) from items")), (Some(5_000), 5_000));

    let new = |limit: Value| towpath::workspace::NewConnection {
        name: "wrong".to_owned(),
        label: None,
        connector: "sqlite".to_owned(),
        config: json!({"path": path, "max_read_connections": limit}).as_object().unwrap().clone(),
        secrets: std::collections::BTreeMap::new(),
        roles: None,
    };
    for limit in [json!(0), json!("few")] {
        let refused = yard.workspace.add_connection(new(limit)).await.unwrap_err();
        assert!(refused.message.contains("max_read_connections"), "{}", refused.message);
    }
}

//! Writing: what is durable when, what is refused, and what a broken wire does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use towpath::connectors::{
    Batch, Change, Column, Deletes, ErrorKind, LogicalType, Operation, TargetColumn, WriteMode, schema,
};

use Operation::{Delete, Insert, Update};

use super::proxy::{Break, start};
use super::{Database, column, commit, destination, landed, target, write, write_request};

fn columns() -> Vec<Column> {
    vec![column("id", LogicalType::Int64), column("word", LogicalType::Text)]
}

fn rows(rows: &[(Option<i64>, &str)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(rows.iter().map(|row| row.0).collect::<Vec<_>>()));
    let words: ArrayRef = Arc::new(StringArray::from(rows.iter().map(|row| row.1).collect::<Vec<_>>()));
    RecordBatch::try_new(schema::arrow_schema(&columns()), vec![ids, words]).unwrap()
}

const STANDS: &str = "select coalesce(string_agg(id || '=' || word, ' ' order by id, word), '') from copy.t";

fn merge(deletes: Deletes) -> WriteMode {
    WriteMode::Merge { key: vec!["id".to_owned()], deletes }
}

#[tokio::test]
async fn nothing_stands_before_its_commit_and_a_repeated_commit_changes_nothing() {
    let database = Database::create().await;
    let to = database.destination();
    let open = async || to.open(write_request("t", landed(&*to, &columns()), WriteMode::Append, "run1")).await.unwrap();
    let mut writer = open().await;
    assert_eq!(writer.committed().await.unwrap(), None);
    write(&mut writer, &rows(&[(Some(1), "a")])).await;
    assert_eq!(database.text(STANDS).await, "");
    drop(writer);
    // Killed between write and commit: nothing stands, and the next writer finds nothing.
    let mut writer = open().await;
    assert_eq!(writer.committed().await.unwrap(), None);
    write(&mut writer, &rows(&[(Some(1), "a")])).await;
    let first = writer.commit(commit(1, false)).await.unwrap();
    assert_eq!((first.rows, first.epoch.0, first.checkpoint.clone()), (1, 1, Some(json!({"at": 1}))));
    write(&mut writer, &rows(&[(Some(1), "a")])).await;
    assert_eq!(writer.commit(commit(1, false)).await.unwrap(), first, "an epoch once committed");
    assert_eq!(database.text(STANDS).await, "1=a");
    drop(writer);
    let mut writer = open().await;
    assert_eq!(writer.committed().await.unwrap(), Some(first.clone()));
    write(&mut writer, &rows(&[(Some(1), "a")])).await;
    assert_eq!(writer.commit(commit(1, false)).await.unwrap(), first, "nor by another writer of the run");
    write(&mut writer, &rows(&[(Some(2), "b")])).await;
    let last = writer.commit(commit(2, true)).await.unwrap();
    assert_eq!((last.rows, last.last), (2, true));
    assert_eq!(database.text(STANDS).await, "1=a 2=b");
    drop(writer);
    let state = "select state_key || run || epoch || last || checkpoint || target || rows from copy._towpath_state";
    assert_eq!(database.text(state).await, "pipeline/trun12true{\"at\":2}copy.t2");
    // A new run sees what the last one left, and counts from nothing.
    let request = write_request("t", landed(&*to, &columns()), WriteMode::Append, "run2");
    let mut writer = to.open(request.clone()).await.unwrap();
    assert_eq!(writer.committed().await.unwrap(), Some(last));
    write(&mut writer, &rows(&[(Some(3), "c")])).await;
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 1);
    drop(writer);
    database.run("drop table copy.t").await;
    assert_eq!(to.open(request).await.unwrap().committed().await.unwrap(), None, "the table has vanished");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    let database = Database::create().await;
    for mode in [WriteMode::Append, merge(Deletes::Ignore), WriteMode::Replace] {
        let armed = Arc::new(AtomicBool::new(false));
        let port = start(database.address(), Break::Unanswered(b"commit\0", Arc::clone(&armed))).await;
        let wired = destination(database.config_at("127.0.0.1", port));
        let request = write_request("t", landed(&*wired, &columns()), mode, "run");
        let mut writer = wired.open(request).await.unwrap();
        write(&mut writer, &rows(&[(Some(1), "a")])).await;
        armed.store(true, Ordering::SeqCst);
        assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Unreachable);
        assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 1);
        drop(writer);
        assert_eq!(database.text(STANDS).await, "1=a");
        database.run("drop table copy.t, copy._towpath_state").await;
    }
}

#[tokio::test]
async fn rows_of_a_wire_that_broke_before_the_commit_are_gone_and_that_is_said() {
    let database = Database::create().await;
    let armed = Arc::new(AtomicBool::new(true));
    let words = b"insert into \"copy\".\"_towpath_state\"";
    let port = start(database.address(), Break::Unanswered(words, armed)).await;
    let wired = destination(database.config_at("127.0.0.1", port));
    let request = write_request("t", landed(&*wired, &columns()), WriteMode::Append, "run");
    let mut writer = wired.open(request).await.unwrap();
    write(&mut writer, &rows(&[(Some(1), "a")])).await;
    assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(writer.write(Batch::rows(rows(&[]))).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(database.text(STANDS).await, "");
}

#[tokio::test]
async fn rows_that_cannot_be_held_come_back_and_the_others_stand() {
    let database = Database::create().await;
    database
        .run(
            "create schema copy; create table copy.t (id bigint not null check (id <> 13), word varchar(4), n numeric(5,2), \
             small smallint, j jsonb)",
        )
        .await;
    let to = database.destination();
    let columns = vec![
        column("id", LogicalType::Int64),
        column("word", LogicalType::Text),
        column("n", LogicalType::Decimal { precision: 10, scale: 3 }),
        column("small", LogicalType::Int32),
        column("j", LogicalType::Json),
    ];
    let good = |id: i64| (Some(id), "ok", 1_000, 1, "{}");
    let mut cells = vec![good(1); 1000];
    for (index, cell) in cells.iter_mut().enumerate() {
        cell.0 = Some(1000 + i64::try_from(index).unwrap());
    }
    cells[10] = (None, "ok", 1_000, 1, "{}");
    cells[11] = (Some(13), "ok", 1_000, 1, "{}");
    cells[12] = (Some(1), "nu\0l", 1_000, 1, "{}");
    cells[13] = (Some(1), "long!", 1_000, 1, "{}");
    cells[500] = (Some(1), "ok", 1_001, 1, "{}");
    cells[501] = (Some(1), "ok", 1_000_000, 1, "{}");
    cells[502] = (Some(1), "ok", 1_000, 40_000, "{}");
    cells[999] = (Some(1), "ok", 1_000, 1, "{not json");
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(cells.iter().map(|cell| cell.0).collect::<Vec<_>>())),
        Arc::new(StringArray::from(cells.iter().map(|cell| cell.1).collect::<Vec<_>>())),
        Arc::new(
            Decimal128Array::from(cells.iter().map(|cell| cell.2).collect::<Vec<i128>>())
                .with_precision_and_scale(10, 3)
                .unwrap(),
        ),
        Arc::new(Int32Array::from(cells.iter().map(|cell| cell.3).collect::<Vec<_>>())),
        Arc::new(StringArray::from(cells.iter().map(|cell| cell.4).collect::<Vec<_>>())),
    ];
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
    let request = write_request("t", landed(&*to, &columns), WriteMode::Append, "run");
    let mut writer = to.open(request).await.unwrap();
    let rejected = write(&mut writer, &records).await;
    let mut told: Vec<(String, String)> = rejected.iter().map(|row| (row.position.clone(), row.code.clone())).collect();
    told.sort();
    let expected = [
        ("row 1000 of batch 1", "invalid_value"),
        ("row 11 of batch 1", "missing_value"),
        ("row 12 of batch 1", "constraint_broken"),
        ("row 13 of batch 1", "invalid_encoding"),
        ("row 14 of batch 1", "text_too_long"),
        ("row 501 of batch 1", "precision_lost"),
        ("row 502 of batch 1", "numeric_overflow"),
        ("row 503 of batch 1", "numeric_overflow"),
    ];
    assert_eq!(told, expected.map(|(position, code)| (position.to_owned(), code.to_owned())));
    assert!(rejected.iter().all(|row| row.row.as_ref().unwrap().contains("\"word\"")));
    assert!(rejected.iter().all(|row| !row.reason.contains("long!") && !row.reason.contains("not json")));
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 992);
    assert_eq!(database.text("select count(*) from copy.t").await, "992");
}

#[tokio::test]
async fn merging_keeps_one_row_per_key_and_the_newest_wins() {
    let database = Database::create().await;
    let to = database.destination();
    for vouched in [true, false] {
        if !vouched {
            database.run("drop table copy.t; create table copy.t (word text, id bigint)").await;
        }
        let run = format!("run{vouched}");
        let request = write_request("t", landed(&*to, &columns()), merge(Deletes::Ignore), &run);
        let mut writer = to.open(request).await.unwrap();
        write(&mut writer, &rows(&[(Some(1), "a"), (Some(2), "b"), (Some(1), "c")])).await;
        let rejected = write(&mut writer, &rows(&[(Some(2), "d"), (None, "x"), (Some(3), "e")])).await;
        assert_eq!(rejected.len(), 1);
        assert_eq!(rejected[0].code, "missing_key");
        assert_eq!(database.text(STANDS).await, "");
        let committed = writer.commit(commit(1, true)).await.unwrap();
        assert_eq!(committed.rows, 5, "rows before merging");
        assert_eq!(database.text(STANDS).await, "1=c 2=d 3=e");
    }
    let indexes = "select count(*) from pg_indexes where schemaname = 'copy' and indexname like '\\_towpath\\_key\\_%'";
    assert_eq!(database.text(indexes).await, "0");
}

#[tokio::test]
async fn deletes_are_marked_or_made() {
    let database = Database::create().await;
    let mut columns = columns();
    columns.push(column(towpath::connectors::DELETED_COLUMN, LogicalType::Boolean));
    let to = database.destination();
    for (deletes, expected) in [
        (Deletes::Soft, "1=null=true 2=b=false 3=c2=true 4=d=true"),
        (Deletes::Hard, "2=b=false"),
        (Deletes::Ignore, "1=null=null 2=b=false 3=c2=false 4=d=false"),
    ] {
        let request = write_request("t", landed(&*to, &columns), merge(deletes), &format!("{deletes:?}"));
        let mut writer = to.open(request).await.unwrap();
        let batch = |cells: &[(i64, Option<&str>, Operation, u8)]| {
            let arrays: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from(cells.iter().map(|cell| cell.0).collect::<Vec<_>>())),
                Arc::new(StringArray::from(cells.iter().map(|cell| cell.1).collect::<Vec<_>>())),
                Arc::new(BooleanArray::from(cells.iter().map(|_| Some(false)).collect::<Vec<_>>())),
            ];
            let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
            let change = |cell: &(i64, Option<&str>, Operation, u8)| Change {
                operation: cell.2,
                position: vec![cell.3].into_boxed_slice(),
            };
            Batch { records, changes: Some(cells.iter().map(change).collect()) }
        };
        database.run("insert into copy.t (id) values (1)").await;
        let first =
            [(2, Some("b"), Insert, 1), (3, Some("c"), Insert, 2), (4, Some("d"), Insert, 3), (5, None, Delete, 4)];
        assert_eq!(writer.write(batch(&first)).await.unwrap(), vec![]);
        let second = [(3, None, Delete, 7), (3, Some("c2"), Update, 6), (1, None, Delete, 8), (4, None, Delete, 9)];
        assert_eq!(writer.write(batch(&second)).await.unwrap(), vec![]);
        writer.commit(commit(1, true)).await.unwrap();
        drop(writer);
        let stands = "select string_agg(id || '=' || coalesce(word, 'null') || '=' || coalesce(_towpath_deleted::text, 'null'), \
             ' ' order by id) from copy.t";
        assert_eq!(database.text(stands).await, expected, "{deletes:?}");
        database.run("drop table copy.t").await;
    }
}

#[tokio::test]
async fn a_table_is_widened_and_a_type_that_cannot_hold_is_named() {
    let database = Database::create().await;
    database
        .run("create schema copy; create table copy.t (id int, extra text, twice int generated always as (id * 2) stored, at timestamptz)")
        .await;
    let to = database.destination();
    let open = async |columns: Vec<TargetColumn>| to.open(write_request("t", columns, WriteMode::Append, "run")).await;
    drop(open(landed(&*to, &columns())).await.unwrap());
    assert_eq!(database.text("select count(*) from information_schema.columns where table_name = 't'").await, "5");
    let described = to.describe(&target("t")).await.unwrap().unwrap();
    assert_eq!((described.rows, described.ours, described.columns.len()), (Some(0), false, 5));
    assert_eq!(to.describe(&target("none")).await.unwrap(), None);
    for (name, logical) in [("twice", LogicalType::Int32), ("id", LogicalType::Text), ("at", LogicalType::Date)] {
        let error = open(landed(&*to, &[column(name, logical)])).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::BadData);
        assert!(error.message.contains(&format!("`{name}`")), "{}", error.message);
    }
    let cast = |target_type: &str| {
        vec![TargetColumn { column: column("id", LogicalType::Text), target_type: target_type.to_owned() }]
    };
    for wrong in ["int); drop table copy.t; --", "nonsense", "int default 5"] {
        assert_eq!(open(cast(wrong)).await.err().unwrap().kind, ErrorKind::BadData, "{wrong}");
    }
    let mut writer = open(cast("int")).await.unwrap();
    let schema = schema::arrow_schema(&[column("id", LogicalType::Text)]);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["12", "twelve", "2147483648"]));
    let rejected = write(&mut writer, &RecordBatch::try_new(schema, vec![words]).unwrap()).await;
    let codes: Vec<&str> = rejected.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, ["invalid_value", "numeric_overflow"]);
    writer.commit(commit(1, true)).await.unwrap();
    assert_eq!(database.text("select string_agg(twice::text, ',') from copy.t").await, "24");
}

#[tokio::test]
async fn two_writers_of_one_state_key_exclude_each_other() {
    let database = Database::create().await;
    let to = database.destination();
    let request = write_request("t", landed(&*to, &columns()), WriteMode::Append, "run");
    let mut first = to.open(request.clone()).await.unwrap();
    let other = write_request("u", landed(&*to, &columns()), WriteMode::Append, "run");
    drop(to.open(other).await.unwrap());
    let waiting = towpath::tasks::spawn("test_second_writer", {
        let to = Arc::clone(&to);
        async move { to.open(request).await.map(|_| ()) }
    });
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    write(&mut first, &rows(&[(Some(1), "a")])).await;
    first.commit(commit(1, true)).await.unwrap();
    drop(first);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batch_refused_at_its_first_row_is_saved_but_for_that_row() {
    let database = Database::create().await;
    let to = database.destination();
    let columns = vec![column("id", LogicalType::Int64), column("doc", LogicalType::Json)];
    let wide = format!("\"{}\"", "x".repeat(256 * 1024));
    let ids: ArrayRef = Arc::new((0..64).map(Some).collect::<Int64Array>());
    let docs: ArrayRef = Arc::new(
        (0..64).map(|id| Some(if id == 0 { wide.replacen('"', "", 1) } else { wide.clone() })).collect::<StringArray>(),
    );
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), vec![ids, docs]).unwrap();
    let mut writer = to.open(write_request("t", landed(&*to, &columns), WriteMode::Append, "run")).await.unwrap();
    let rejected = write(&mut writer, &records).await;
    assert_eq!(rejected.iter().map(|row| row.position.as_str()).collect::<Vec<_>>(), ["row 1 of batch 1"]);
    writer.commit(commit(1, true)).await.unwrap();
    assert_eq!(database.text("select count(*) from copy.t where id > 0").await, "63");
}

#[tokio::test]
async fn a_row_wider_than_a_page_is_refused_alone() {
    let database = Database::create().await;
    let to = database.destination();
    let columns: Vec<Column> = (0..1500).map(|index| column(&format!("c{index}"), LogicalType::Int64)).collect();
    let arrays: Vec<ArrayRef> =
        columns.iter().map(|_| Arc::new(Int64Array::from(vec![None, Some(1), None])) as ArrayRef).collect();
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
    let mut writer = to.open(write_request("t", landed(&*to, &columns), WriteMode::Append, "run")).await.unwrap();
    let rejected = write(&mut writer, &records).await;
    assert_eq!(rejected.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["row_too_big"]);
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 2);
}

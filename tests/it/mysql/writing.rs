//! Rows that stand once, whole and as they came, whatever breaks and whatever the table is like.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use towpath::connectors::{Batch, Column, Deletes, ErrorKind, LogicalType, WriteMode, schema};

use super::{Database, destination};
use crate::postgres::proxy::{self, Break};
use crate::postgres::{column, commit, landed, write};

const STANDS: &str = "select coalesce(group_concat(concat(id, '=', word) order by id), '') from t";

fn columns() -> Vec<Column> {
    vec![column("id", LogicalType::Int64), column("word", LogicalType::Text)]
}

fn rows(rows: &[(i64, &str)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)));
    RecordBatch::try_new(schema::arrow_schema(&columns()), vec![ids, words]).unwrap()
}

fn merge() -> WriteMode {
    WriteMode::Merge { key: vec!["id".to_owned()], deletes: Deletes::Ignore }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    let database = Database::create().await;
    for mode in [WriteMode::Append, merge(), WriteMode::Replace] {
        let armed = Arc::new(AtomicBool::new(false));
        let port = proxy::start(database.address(), Break::Unanswered(b"\x03commit", Arc::clone(&armed))).await;
        let wired = destination(database.config_at("127.0.0.1", port));
        let request = database.write_request("t", landed(&*wired, &columns()), mode, "run");
        let mut writer = wired.open(request).await.unwrap();
        write(&mut writer, &rows(&[(1, "a")])).await;
        armed.store(true, Ordering::SeqCst);
        assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Unreachable);
        assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 1);
        drop(writer);
        assert_eq!(database.text(STANDS).await, "1=a");
        database.run("drop table t, _towpath_state").await;
    }
}

#[tokio::test]
async fn rows_of_a_wire_that_broke_before_the_commit_are_gone_and_that_is_said() {
    let database = Database::create().await;
    let armed = Arc::new(AtomicBool::new(false));
    let port = proxy::start(database.address(), Break::Unanswered(b"for update", Arc::clone(&armed))).await;
    let wired = destination(database.config_at("127.0.0.1", port));
    let request = database.write_request("t", landed(&*wired, &columns()), WriteMode::Append, "run");
    let mut writer = wired.open(request).await.unwrap();
    write(&mut writer, &rows(&[(1, "a")])).await;
    armed.store(true, Ordering::SeqCst);
    assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(writer.write(Batch::rows(rows(&[]))).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(database.text("select count(*) from t").await, "0");
}

#[tokio::test]
async fn rows_that_cannot_be_held_come_back_and_the_others_stand() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id bigint not null unique check (id <> 13), word varchar(4), n decimal(5,2), small smallint, \
             kind enum('a','b'), c char(3), f float)",
        )
        .await;
    let to = database.destination();
    let columns = vec![
        column("id", LogicalType::Int64),
        column("word", LogicalType::Text),
        column("n", LogicalType::Decimal { precision: 10, scale: 3 }),
        column("small", LogicalType::Int64),
        column("kind", LogicalType::Enum),
        column("c", LogicalType::Text),
        column("f", LogicalType::Float32),
    ];
    let ids = [Some(1), Some(1), None, Some(13), Some(4), Some(5), Some(6), Some(7), Some(8), Some(9), Some(10)];
    let words = ["ok", "dup", "null", "chk", "long!", "ok", "ok", "ok", "ok", "ok", "ok"];
    let n = [0, 0, 0, 0, 0, 1_005, 1_000_000, 0, 0, 0, 999_990];
    let small = [0, 0, 0, 0, 0, 0, 0, 40_000, 0, 0, 0];
    let kinds = ["a", "a", "a", "a", "a", "a", "a", "a", "z", "a", "b"];
    let padded = ["x", "x", "x", "x", "x", "x", "x", "x", "x", "x ", "xyz"];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(StringArray::from(words.to_vec())),
        Arc::new(Decimal128Array::from(n.to_vec()).with_precision_and_scale(10, 3).unwrap()),
        Arc::new(Int64Array::from(small.to_vec())),
        Arc::new(StringArray::from(kinds.to_vec())),
        Arc::new(StringArray::from(padded.to_vec())),
        Arc::new(arrow::array::Float32Array::from(vec![0.1; 11])),
    ];
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
    let request = database.write_request("t", landed(&*to, &columns), WriteMode::Append, "run");
    let mut writer = to.open(request).await.unwrap();
    let rejected = write(&mut writer, &records).await;
    let told: Vec<(String, &str)> =
        rejected.iter().map(|row| (row.position.split(' ').nth(1).unwrap().to_owned(), row.code.as_str())).collect();
    let due = [
        ("2", "duplicate_key"),
        ("3", "missing_value"),
        ("4", "constraint_broken"),
        ("5", "text_too_long"),
        ("6", "rounded"),
        ("7", "numeric_overflow"),
        ("8", "numeric_overflow"),
        ("9", "invalid_value"),
        ("10", "trailing_spaces"),
    ];
    assert_eq!(told, due.map(|(row, code)| (row.to_owned(), code)), "{rejected:?}");
    assert!(rejected.iter().all(|row| row.row.is_some() && row.reason.ends_with('.')), "{rejected:?}");
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 2);
    assert_eq!(
        database.text("select group_concat(concat(id, word, n, small, kind, c) order by id) from t").await,
        "1ok0.000ax,10ok999.990bxyz"
    );
}

#[tokio::test]
async fn a_word_of_a_swap_that_stands_is_carried_out() {
    let database = Database::create().await;
    let to = database.destination();
    for before in [true, false] {
        database.run("drop table if exists t, _towpath_state; create table t (id bigint, word longtext); insert into t values (9, 'old')").await;
        let request = database.write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run");
        let mut writer = to.open(request.clone()).await.unwrap();
        write(&mut writer, &rows(&[(1, "new")])).await;
        writer.commit(commit(1, false)).await.unwrap();
        assert_eq!(database.text(STANDS).await, "9=old");
        drop(writer);
        let staging = database.text("select table_name from information_schema.tables where table_schema = database() and table_name like '%stage%'").await;
        // As a run that was killed after its last commit leaves it, before the tables were renamed or after.
        database.run(&format!("update _towpath_state set last = 1, swap = '{staging}'")).await;
        if !before {
            database.run(&format!("rename table t to gone, {staging} to t")).await;
        }
        let kept = to.open(request).await.unwrap().committed().await.unwrap().unwrap();
        assert!(kept.last && kept.rows == 1, "{kept:?}");
        assert_eq!(database.text(STANDS).await, "1=new");
        assert_eq!(database.text("select coalesce(max(swap), '-') from _towpath_state").await, "-");
        database.run("drop table if exists gone").await;
    }
}

#[tokio::test]
async fn a_table_that_others_hang_on_stays_and_takes_the_rows() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id bigint primary key, word varchar(10) default 'x', extra int default 5); insert into t values (9, 'old', 1); \
             create table child (of_t bigint, foreign key (of_t) references t (id)); create table log (id bigint); \
             create trigger noted after insert on t for each row insert into log values (new.id)",
        )
        .await;
    let to = database.destination();
    let request = database.write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run");
    let mut writer = to.open(request).await.unwrap();
    write(&mut writer, &rows(&[(1, "new"), (2, "new")])).await;
    assert_eq!(database.text(STANDS).await, "9=old");
    writer.commit(commit(1, true)).await.unwrap();
    assert_eq!(database.text(STANDS).await, "1=new,2=new");
    assert_eq!(database.text("select count(*) from log where id in (1, 2)").await, "2");
    let left = "select count(*) from information_schema.tables where table_schema = database() and table_name like '\\_towpath\\_stage%' escape '\\'";
    assert_eq!(database.text(left).await, "0");
    drop(writer);
    database.run("insert into child values (1)").await;
    let request = database.write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run2");
    let mut writer = to.open(request).await.unwrap();
    write(&mut writer, &rows(&[(2, "newer")])).await;
    assert_eq!(writer.commit(commit(1, true)).await.unwrap_err().kind, ErrorKind::Permission);
    assert_eq!(database.text(STANDS).await, "1=new,2=new");
}

#[tokio::test]
async fn a_replaced_table_keeps_its_keys_and_grants() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id bigint auto_increment primary key, word varchar(20) not null default '', key by_word (word)) \
             comment = 'of the shop'; insert into t values (9, 'old'); create view seen as select word from t",
        )
        .await;
    let to = database.destination();
    let mut made = landed(&*to, &columns());
    made[1].target_type = "varchar(20)".to_owned();
    let request = database.write_request("t", made, WriteMode::Replace, "run");
    let mut writer = to.open(request).await.unwrap();
    write(&mut writer, &rows(&[(0, "zero"), (5, "five")])).await;
    writer.commit(commit(1, true)).await.unwrap();
    assert_eq!(database.text(STANDS).await, "0=zero,5=five");
    assert_eq!(database.text("select count(*) from seen where word = 'five'").await, "1");
    let keys = "select group_concat(distinct index_name order by index_name) from information_schema.statistics where table_schema = database() and table_name = 't'";
    assert_eq!(database.text(keys).await, "by_word,PRIMARY");
}

#[tokio::test]
async fn what_cannot_be_exact_is_refused_before_the_first_row() {
    let database = Database::create().await;
    database
        .run(
            "create table plain (id bigint, word text) engine = MyISAM; create view v as select 1 as id, 'a' as word; \
             create table folded (id bigint, word varchar(20) collate utf8mb4_unicode_ci primary key); \
             create table computed (id bigint, word varchar(20) as ('x')); create table narrow (id int, word date)",
        )
        .await;
    let to = database.destination();
    let by_word = WriteMode::Merge { key: vec!["word".to_owned()], deletes: Deletes::Ignore };
    for (name, mode, word) in [
        ("plain", WriteMode::Append, "MyISAM"),
        ("v", WriteMode::Append, "view"),
        ("v", WriteMode::Replace, "view"),
        ("folded", by_word, "collation"),
        ("computed", WriteMode::Append, "computed"),
        ("narrow", WriteMode::Append, "without loss"),
    ] {
        let request = database.write_request(name, landed(&*to, &columns()), mode, "run");
        let error = to.open(request).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::BadData, "{name}: {error:?}");
        assert!(error.message.contains(word) && error.advice.is_some(), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn keys_of_text_are_told_apart_to_the_last_space() {
    let database = Database::create().await;
    let to = database.destination();
    let by_word = WriteMode::Merge { key: vec!["word".to_owned()], deletes: Deletes::Ignore };
    let request = database.write_request("t", landed(&*to, &columns()), by_word, "run");
    let mut writer = to.open(request).await.unwrap();
    let long = "k".repeat(768);
    let first = rows(&[(1, "a"), (2, "A"), (3, "a "), (4, "á"), (5, ""), (6, &long)]);
    let rejected = write(&mut writer, &first).await;
    assert_eq!(rejected.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["text_too_long"]);
    assert_eq!(write(&mut writer, &rows(&[(30, "a "), (7, "z")])).await, vec![]);
    writer.commit(commit(1, true)).await.unwrap();
    assert_eq!(database.text("select group_concat(id order by id) from t").await, "1,2,4,5,7,30");
}

#[tokio::test]
async fn a_merge_into_a_table_with_another_unique_key_never_touches_another_row() {
    let database = Database::create().await;
    database
        .run("create table t (id bigint primary key, word varchar(20) collate utf8mb4_nopad_bin unique, kept int default 3); \
              insert into t values (1, 'a', 4), (2, 'b', 4)")
        .await;
    let to = database.destination();
    let request = database.write_request("t", landed(&*to, &columns()), merge(), "run");
    let mut writer = to.open(request).await.unwrap();
    let rejected = write(&mut writer, &rows(&[(1, "c"), (3, "b"), (4, "d")])).await;
    assert_eq!(rejected.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["duplicate_key"]);
    writer.commit(commit(1, true)).await.unwrap();
    assert_eq!(database.text("select group_concat(concat(id, word, kept) order by id) from t").await, "1c4,2b4,4d3");
}

#[tokio::test]
async fn numbers_that_the_server_has_no_form_for_are_put_aside() {
    let database = Database::create().await;
    let to = database.destination();
    let columns = vec![column("id", LogicalType::Int64), column("n", LogicalType::Float64)];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
        Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, -0.0, 5e-324])),
    ];
    let records = RecordBatch::try_new(schema::arrow_schema(&columns), arrays).unwrap();
    let request = database.write_request("t", landed(&*to, &columns), WriteMode::Append, "run");
    let mut writer = to.open(request).await.unwrap();
    let rejected = write(&mut writer, &records).await;
    assert_eq!(rejected.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["not_finite", "not_finite"]);
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 2);
    assert_eq!(database.text("select group_concat(n order by id) from t").await, "0,5e-324");
}

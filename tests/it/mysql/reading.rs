//! One state of the table, to its true end, whatever others do meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use futures::StreamExt as _;
use mysql_async::prelude::Queryable as _;
use towpath::connectors::filter::{Comparison, Filter, Literal, Operand};
use towpath::connectors::{ErrorKind, Item, NullCursor, ReadMode};

use super::{Database, source};
use crate::postgres::proxy::{self, Break};
use crate::postgres::{Said, listen, read_all, request};

/// About 90 MB, which is enough for several connections.
const ROWS: i64 = 120_000;

async fn large() -> Database {
    let database = Database::create().await;
    database
        .run(&format!(
            "create table large (id bigint primary key, v bigint not null, filler varchar(700) not null); \
             insert into large select seq, 1, repeat('x', 700) from seq_1_to_{ROWS}; analyze table large"
        ))
        .await;
    database
}

/// Rows, distinct ids and the sum of `v`.
fn summed(said: &Said) -> (i64, usize, i64) {
    let (mut ids, mut sum) = (std::collections::HashSet::new(), 0);
    for batch in &said.batches {
        ids.extend(batch.column(0).as_primitive::<Int64Type>().values().iter().copied());
        sum += batch.column(1).as_primitive::<Int64Type>().values().iter().sum::<i64>();
    }
    (i64::try_from(said.rows()).unwrap(), ids.len(), sum)
}

#[tokio::test]
async fn several_connections_read_one_state_of_the_table() {
    let database = large().await;
    let source = database.source();
    let mut request = request(&*source, &database.stream("large")).await;
    request.parallelism = 3;
    let stop = AtomicBool::new(false);
    // Always one up and one down, far apart.
    let writer = async {
        let mut client = database.client().await;
        let mut moved = 0;
        while !stop.load(Ordering::SeqCst) {
            let (up, down) = (moved % 1000 + 1, ROWS - moved % 1000);
            let both = format!(
                "begin; update large set v = v + 1 where id = {up}; update large set v = v - 1 where id = {down}; commit"
            );
            client.query_drop(both).await.unwrap();
            moved += 1;
        }
        moved
    };
    let reader = async {
        let mut connections = 0;
        let mut all = Vec::new();
        for _ in 0..3 {
            let items = source.read(request.clone()).await.unwrap();
            let count = format!("select count(*) from information_schema.processlist where db = '{}'", database.name);
            connections = connections.max(database.text(&count).await.parse::<usize>().unwrap());
            all.push(listen(items).await);
        }
        stop.store(true, Ordering::SeqCst);
        (all, connections)
    };
    let (moved, (all, connections)) = tokio::join!(writer, reader);
    // The writer, who asks, and the reader's own.
    assert!(connections >= 5 && moved > 10, "{connections} connections, {moved} moves");
    for said in all {
        assert!(said.error.is_none() && said.end.is_some(), "{:?}", said.error);
        assert_eq!(summed(&said), (ROWS, usize::try_from(ROWS).unwrap(), ROWS));
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_locked_is_read_alone() {
    let database = large().await;
    let mut busy = database.client().await;
    busy.query_drop("begin; update large set v = 1000 where id = 5; insert into large values (0, 1000, '')")
        .await
        .unwrap();
    let source = database.source();
    let mut request = request(&*source, &database.stream("large")).await;
    request.parallelism = 3;
    let said = listen(source.read(request).await.unwrap()).await;
    assert!(said.error.is_none(), "{:?}", said.error);
    assert_eq!(summed(&said), (ROWS, usize::try_from(ROWS).unwrap(), ROWS));
    busy.query_drop("rollback").await.unwrap();
}

#[tokio::test]
async fn a_wire_that_is_cut_is_no_end() {
    let database = Database::create().await;
    database
        .run("create table t (id int primary key, w text); insert into t select seq, repeat('y', 100) from seq_1_to_5000")
        .await;
    for bytes in [5_000, 40_000, 300_000, 520_000] {
        let port = proxy::start(database.address(), Break::AfterBytes(bytes)).await;
        let source = source(database.config_at("127.0.0.1", port));
        let request = request(&*database.source(), &database.stream("t")).await;
        let error = match source.read(request).await {
            Ok(items) => {
                let said = listen(items).await;
                assert!(said.end.is_none(), "{bytes}");
                said.error.unwrap()
            }
            Err(error) => error,
        };
        assert_eq!(error.kind, ErrorKind::Unreachable, "{bytes}: {error:?}");
    }
}

#[tokio::test]
async fn a_reader_that_the_server_ends_says_so() {
    let database = large().await;
    for statement in ["kill", "kill query"] {
        let source = database.source();
        let mut items = source.read(request(&*source, &database.stream("large")).await).await.unwrap();
        assert!(items.next().await.unwrap().is_ok());
        let reader = format!(
            "select id from information_schema.processlist where db = '{}' and id <> connection_id()",
            database.name
        );
        let ids: Vec<u64> = database.rows(&reader).await;
        for id in ids {
            database.run(&format!("{statement} {id}")).await;
        }
        let said = listen(items).await;
        assert!(said.end.is_none(), "{statement}");
        let error = said.error.unwrap();
        assert!(error.kind.is_transient(), "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn rows_of_a_read_that_nobody_listens_to_are_not_sent() {
    let database = Database::create().await;
    database.run("create table t (id int primary key)").await;
    database.run("create view slow as select seq as id, sleep(0.2) as s from seq_1_to_1000").await;
    let source = database.source();
    let items = source.read(request(&*source, &database.stream("slow")).await).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(items);
    let busy = format!(
        "select count(*) from information_schema.processlist where db = '{}' and id <> connection_id()",
        database.name
    );
    for _ in 0..50 {
        if database.text(&busy).await == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server still reads for nobody");
}

/// Rows that a read puts aside, by code, and how many come.
async fn aside(config: serde_json::Value, stream: &str) -> (Vec<String>, usize) {
    let said = read_all(&*source(config), stream).await;
    assert!(said.error.is_none(), "{:?}", said.error);
    let mut codes: Vec<String> = said.rejected.iter().map(|row| row.code.clone()).collect();
    codes.sort();
    assert_eq!(said.end.as_ref().map(|end| usize::try_from(end.rows).unwrap()), Some(said.rows()));
    (codes, said.rows())
}

#[tokio::test]
async fn what_no_calendar_clock_or_boolean_has_is_put_aside_or_read_as_asked() {
    let database = Database::create().await;
    database
        .run(
            "set sql_mode = 'ALLOW_INVALID_DATES'; create table odd (id int primary key, d date, at datetime, z timestamp null, \
             c time(6), b tinyint(1)); insert into odd values (1, '0000-00-00', null, null, null, 1), \
             (2, '2024-00-00', null, null, null, 0), (3, '2023-02-31', null, null, null, null), \
             (4, null, '0000-00-00 00:00:00', null, null, null), (5, null, null, '0000-00-00 00:00:00', null, null), \
             (6, null, null, null, '-838:59:59.999999', null), (7, null, null, null, '24:00:01', null), \
             (8, null, null, null, '23:59:59.999999', 2), (9, '9999-12-31', '0001-01-01 00:00:00', null, '00:00:00', 1)",
        )
        .await;
    let stream = database.stream("odd");
    let mut config = database.config();
    let (codes, rows) = aside(config.clone(), &stream).await;
    let zero = "zero_date";
    assert_eq!(codes, ["not_boolean", "not_time_of_day", "not_time_of_day", zero, zero, zero, zero, zero]);
    assert_eq!(rows, 1);
    config["zero_dates"] = "null".into();
    config["time_columns"] = "text".into();
    config["tinyint1"] = "integer".into();
    assert_eq!(aside(config.clone(), &stream).await, (vec![], 9));
    let said = read_all(&*source(config), &stream).await;
    assert_eq!(said.column(4)[5..8], ["-838:59:59.999999", "24:00:01.000000", "23:59:59.999999"]);
    assert_eq!(said.column(5)[7], "2");
}

#[tokio::test]
async fn texts_compare_by_their_bytes_and_an_index_is_used_all_the_same() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id int primary key, w varchar(20) collate utf8mb4_unicode_ci, n varchar(20) character set latin1, \
             key (w)); insert into t values (1, 'active', 'é'), (2, 'ACTIVE', 'E'), (3, 'active ', 'e'), (4, 'áctive', null)",
        )
        .await;
    let source = database.source();
    let equal = |column: &str, text: &str| Filter::Compare {
        left: Operand::Column(column.to_owned()),
        op: Comparison::Equal,
        right: Operand::Literal(Literal::Text(text.to_owned())),
    };
    for (filter, due) in [
        (equal("w", "active"), 1),
        (equal("w", "ACTIVE"), 1),
        (equal("n", "é"), 1),
        (equal("n", "李"), 0),
        (Filter::Not(Box::new(equal("w", "active"))), 3),
        (Filter::Not(Box::new(equal("n", "é"))), 2),
    ] {
        assert_eq!(source.count(&database.stream("t"), Some(&filter)).await.unwrap(), due, "{filter:?}");
    }
}

#[tokio::test]
async fn a_position_of_an_unsigned_or_collated_column_keeps_its_place() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id int primary key, big bigint unsigned, w varchar(2000) collate utf8mb4_unicode_ci, y year, \
             b bit(40)); insert into t values (1, 18446744073709551614, repeat('a', 1500), 0, 1), \
             (2, 18446744073709551615, concat(repeat('a', 1500), 'b'), 1901, 2), \
             (3, 1, concat(repeat('a', 1500), 'B'), 2155, 1099511627775)",
        )
        .await;
    let source = database.source();
    for (cursor, last) in [("big", "2"), ("w", "2"), ("y", "3"), ("b", "3")] {
        let mut request = request(&*source, &database.stream("t")).await;
        request.columns = vec!["id".to_owned()];
        request.batch_rows = 1;
        request.mode = ReadMode::Incremental { cursor: cursor.to_owned(), lookback: None, nulls: NullCursor::Error };
        let said = listen(source.read(request.clone()).await.unwrap()).await;
        assert_eq!((said.rows(), said.error.is_none()), (3, true), "{cursor}: {:?}", said.error);
        request.after = said.end.unwrap().cursor;
        let again = listen(source.read(request).await.unwrap()).await;
        assert_eq!(again.column(0), [last], "{cursor}");
    }
}

#[tokio::test]
async fn a_view_a_dotted_name_and_another_engine_are_read() {
    let database = Database::create().await;
    database
        .run(
            "create table \"a.b\" (id int) engine = MyISAM; insert into \"a.b\" values (1), (2); \
             create view v as select id + 1 as next from \"a.b\"",
        )
        .await;
    let source = database.source();
    for (table, due) in [("a.b", ["1", "2"]), ("v", ["2", "3"])] {
        let said = read_all(&*source, &database.stream(table)).await;
        assert_eq!((said.column(0).as_slice(), said.error.is_none()), (due.map(str::to_owned).as_slice(), true));
    }
    let mut items = source.read(request(&*source, &database.stream("v")).await).await.unwrap();
    while let Some(item) = items.next().await {
        if let Item::End(end) = item.unwrap() {
            assert_eq!(end.rows, 2);
        }
    }
}

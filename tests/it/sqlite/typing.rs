//! Columns that hold anything: what fits its declaration is delivered as it is, what does not is set aside.

use futures::StreamExt as _;
use rusqlite::Connection;
use serde_json::json;
use towpath::connectors::sqlite::Sqlite;
use towpath::connectors::{DynConnector as _, Item, LogicalType, RejectedRow, TargetName, Unit};

use super::{open_destination, open_source};
use crate::copying::{copy, whole};

fn shown(batch: &arrow::array::RecordBatch) -> Vec<Vec<String>> {
    let options = arrow::util::display::FormatOptions::default().with_null("NULL");
    (0..batch.num_rows())
        .map(|row| {
            let cell = |array| {
                let formatter = arrow::util::display::ArrayFormatter::try_new(array, &options).unwrap();
                formatter.value(row).to_string()
            };
            batch.columns().iter().map(|array| cell(array.as_ref())).collect()
        })
        .collect()
}

/// Rows of table `t` and what was set aside.
async fn read(config: serde_json::Value) -> (Vec<Vec<String>>, Vec<RejectedRow>) {
    let source = Sqlite.source(config).unwrap();
    let names = source.describe("t").await.unwrap().columns.into_iter().map(|column| column.name).collect();
    let (mut rows, mut rejected) = (Vec::new(), Vec::new());
    let mut items = source.read(whole("t", names)).await.unwrap();
    while let Some(item) = items.next().await {
        match item.unwrap() {
            Item::Batch(batch) => rows.extend(shown(&batch.records)),
            Item::Rejected(row) => rejected.push(row),
            Item::End(end) => assert_eq!(end.rows, rows.len() as u64),
            _ => {}
        }
    }
    (rows, rejected)
}

#[tokio::test]
async fn what_does_not_fit_is_set_aside_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let misfits = [
        ("INTEGER", "'abc'"),
        ("INTEGER", "1.5"),
        ("INTEGER", "1e30"),
        ("DECIMAL(4,2)", "12.345"),
        ("DECIMAL(4,2)", "123.4"),
        ("DECIMAL(4,2)", "'12,50'"),
        ("NUMERIC", "x'00'"),
        ("BOOLEAN", "7"),
        ("BOOLEAN", "'perhaps'"),
        ("DATE", "'yesterday'"),
        ("DATE", "'2024-02-30'"),
        ("DATE", "'2024-02-28 12:00:00'"),
        ("TIMESTAMP", "'2024-02-28 12:00:00.1234567'"),
        ("TIMESTAMP", "2460000.5"),
        ("TIMESTAMP", "1700000000000"),
        ("TIME", "'25:00:00'"),
        ("TEXT", "x'ff'"),
        ("TEXT", "cast(x'ff41' as text)"),
        ("BLOB", "'text'"),
        ("JSON", "'{broken'"),
        ("UUID", "'not-one'"),
        ("REAL", "'fast'"),
    ];
    for (declared, value) in misfits {
        let _ = std::fs::remove_file(&path);
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!("create table t (v {declared}); insert into t values (null), ({value})"))
            .unwrap();
        let (rows, rejected) = read(json!({"path": path})).await;
        assert_eq!(rows, [["NULL"]], "{declared} {value}");
        assert_eq!(rejected.len(), 1, "{declared} {value}");
        assert_eq!(
            (rejected[0].code.as_str(), rejected[0].position.as_str()),
            ("type_conversion_failed", "row 2 of `t`")
        );
        assert!(rejected[0].row.is_some());
    }
}

#[tokio::test]
async fn what_fits_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let fits = [
        ("DECIMAL(12,2)", "0.1", "0.10"),
        ("DECIMAL(12,2)", "9999999999.99", "9999999999.99"),
        ("DECIMAL(12,2)", "7", "7.00"),
        ("DECIMAL_TEXT(38,10)", "'1234567890123456789012345678.0123456789'", "1234567890123456789012345678.0123456789"),
        ("NUMERIC", "0.1", "0.1"),
        ("NUMERIC_TEXT", "'123456789012345678901234567890.5'", "123456789012345678901234567890.5"),
        ("INTEGER", "9223372036854775807", "9223372036854775807"),
        ("REAL", "3", "3.0"),
        ("BOOLEAN", "'TRUE'", "true"),
        ("DATE", "'2024-02-29'", "2024-02-29"),
        ("TIMESTAMP", "'2024-02-29T01:02:03.000004+02:00'", "2024-02-28T23:02:03.000004"),
        ("TIMESTAMP(9)", "'2024-02-29 01:02:03.000000004'", "2024-02-29T01:02:03.000000004"),
        ("DATETIME", "1700000000", "2023-11-14T22:13:20"),
        ("TIME", "'23:59:59.999999'", "23:59:59.999999"),
        ("STRING", "7", "7"),
        ("JSON", "'{\"a\": 1.10}'", "{\"a\": 1.10}"),
        ("UUID", "'AAAAAAAA-0000-4000-8000-000000000001'", "aaaaaaaa-0000-4000-8000-000000000001"),
        ("", "5", "5"),
    ];
    for (number, (declared, value, expected)) in fits.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&format!("create table t (v {declared}); insert into t values ({value})")).unwrap();
        let (rows, rejected) = read(json!({"path": path})).await;
        assert_eq!((rows, rejected), (vec![vec![expected.to_owned()]], Vec::new()), "{declared} {value}");
    }
    let path = folder.path().join("ms.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("create table t (v DATETIME); insert into t values (1700000000123)")
        .unwrap();
    let (rows, _) = read(json!({"path": path, "integer_time": "milliseconds"})).await;
    assert_eq!(rows, [["2023-11-14T22:13:20.123"]]);
}

#[tokio::test]
async fn tables_of_every_kind_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kinds.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "create table plain (id INTEGER primary key, a DECIMAL(9,3), b INTEGER generated always as (id * 2) stored);
             create table pair (x TEXT, y TEXT, primary key (y, x)) without rowid;
             create view seen as select id, a, id + 0.5 as half from plain;
             create table _towpath_state (x);
             insert into plain (id, a) values (1, 1.5), (2, null);",
        )
        .unwrap();
    let source = open_source(&path).unwrap();
    let names: Vec<String> = source.list().await.unwrap().into_iter().map(|stream| stream.stream).collect();
    assert_eq!(names, ["pair", "plain", "seen"]);
    let plain = source.describe("plain").await.unwrap();
    assert_eq!(plain.primary_key, ["id"]);
    assert!(!plain.columns[0].nullable && plain.columns[0].indexed && plain.columns[2].generated);
    assert_eq!(plain.columns[1].data_type.logical, LogicalType::Decimal { precision: 9, scale: 3 });
    assert_eq!(source.describe("pair").await.unwrap().primary_key, ["y", "x"]);
    let seen = source.describe("seen").await.unwrap();
    assert_eq!(seen.columns[2].data_type.logical, LogicalType::Float64);
    let id = ["id".to_owned()];
    assert!(source.profile_key("plain", &id).await.unwrap().enforced);
    assert_eq!(source.profile_key("seen", &id).await.unwrap().duplicates, 0);
}

#[tokio::test]
async fn a_table_of_the_users_takes_no_value_that_it_would_bend() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
    Connection::open(&from)
        .unwrap()
        .execute_batch(
            "create table t (id INTEGER, code TEXT, price DECIMAL_TEXT(30,2));
             insert into t values (1, 'A7', '0.10'), (2, '007', '1.00'), (3, '7', '1.00'),
                                  (4, 'B', '1234567890123456789012345678.90');",
        )
        .unwrap();
    // A column of NUMERIC affinity would make 007 a 7 and round the long price.
    let native = Connection::open(&to).unwrap();
    native.execute_batch("create table t (ID INTEGER, code STRING, price DECIMAL(30,2))").unwrap();
    let target = TargetName { namespace: None, name: "t".to_owned() };
    let copied = copy(&open_source(&from).unwrap(), "t", &open_destination(&to).unwrap(), &target).await.unwrap();
    let codes: Vec<&str> = copied.unwritten.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, ["type_conversion_failed", "numeric_overflow"]);
    let ids: String = native.query_row("select group_concat(id) from t", [], |row| row.get(0)).unwrap();
    assert_eq!(ids, "1,3");
}

#[tokio::test]
async fn a_replaced_table_keeps_its_surroundings() {
    use towpath::connectors::{Commit, Epoch, TargetColumn, WriteMode, WriteRequest};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("to.db");
    let native = Connection::open(&path).unwrap();
    native
        .execute_batch(
            "create table t (id INTEGER primary key, at TIMESTAMP);
             create index by_at on t (at);
             create view v as select count(*) as n from t;
             create table child (t_id INTEGER references t (id) on delete cascade);
             insert into t values (1, '2024-01-01 00:00:00');
             insert into child values (1);",
        )
        .unwrap();
    let destination = open_destination(&path).unwrap();
    let moment = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false };
    let column = |name: &str, logical: LogicalType| {
        let data_type = towpath::connectors::ColumnType::new(logical, "test", "");
        let target_type = destination.land(&data_type).unwrap().target_type;
        TargetColumn { column: towpath::connectors::Column::new(name, data_type, true), target_type }
    };
    let request = WriteRequest {
        target: TargetName { namespace: None, name: "t".to_owned() },
        columns: vec![column("id", LogicalType::Int64), column("at", moment)],
        mode: WriteMode::Replace,
        state_key: "k".to_owned(),
        run: "r".to_owned(),
        parallelism: 1,
    };
    let mut writer = destination.open(request).await.unwrap();
    writer.commit(Commit { epoch: Epoch(1), checkpoint: None, last: true }).await.unwrap();
    let ask = |sql: &str| native.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(ask("select n from v"), 0);
    assert_eq!(ask("select count(*) from child"), 1);
    assert_eq!(ask("select count(*) from sqlite_schema where name = 'by_at' and tbl_name = 't'"), 1);
}

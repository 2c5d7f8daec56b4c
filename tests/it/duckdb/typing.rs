//! Types of DuckDB, and tables of the user's as targets.

use towpath::connectors::{LogicalType, TargetName, Unit};

use super::{native, open_destination, open_source};
use crate::copying::copy;

#[tokio::test]
async fn types_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("types.duckdb");
    native::run(
        &path,
        "create schema \"odd.one\"; create table \"odd.one\".\"t.x\" (i INTEGER primary key, h HUGEINT, e ENUM('a', 'b'),
         l INTEGER[], d DOUBLE[], s STRUCT(a VARCHAR), m MAP(INTEGER, INTEGER), ts TIMESTAMPTZ, b BIT);
         comment on column \"odd.one\".\"t.x\".h is 'wide'; create view main.v as select i from \"odd.one\".\"t.x\";",
    )
    .unwrap();
    let source = open_source(&path).unwrap();
    let names: Vec<String> = source.list().await.unwrap().into_iter().map(|stream| stream.stream).collect();
    assert_eq!(names, ["v", "\"odd.one\".\"t.x\""]);
    let schema = source.describe("\"odd.one\".\"t.x\"").await.unwrap();
    assert_eq!(schema.primary_key, ["i"]);
    assert_eq!(schema.columns[1].comment.as_deref(), Some("wide"));
    let logical: Vec<LogicalType> = schema.columns.into_iter().map(|column| column.data_type.logical).collect();
    assert_eq!(
        logical,
        [
            LogicalType::Int32,
            LogicalType::Decimal { precision: 39, scale: 0 },
            LogicalType::Enum,
            LogicalType::Json,
            LogicalType::Array,
            LogicalType::Json,
            LogicalType::Other,
            LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true },
            LogicalType::Other,
        ]
    );
    assert_eq!(source.describe("main.v").await.unwrap().columns.len(), 1);
}

#[tokio::test]
async fn a_table_of_the_users_takes_no_value_that_it_would_bend() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.duckdb"), folder.path().join("to.duckdb"));
    native::run(
        &from,
        "create table t (id INTEGER, price DECIMAL(12,4), code VARCHAR, mood VARCHAR);
         insert into t values (1, 1.5, '7', 'ok'), (2, 1.2345, '8', 'ok'), (3, 2, 'x', 'ok'), (4, 2, '9', 'none')",
    )
    .unwrap();
    native::run(&to, "create table T (ID BIGINT, price DECIMAL(6,1), code INTEGER, mood ENUM('ok'), own INTEGER)")
        .unwrap();
    let target = TargetName { namespace: None, name: "t".to_owned() };
    let copied = copy(&open_source(&from).unwrap(), "t", &open_destination(&to).unwrap(), &target).await.unwrap();
    let places: Vec<&str> = copied.unwritten.iter().map(|row| row.position.as_str()).collect();
    assert_eq!(places, ["row 2 of batch 1", "row 3 of batch 1", "row 4 of batch 1"]);
    assert!(copied.unwritten.iter().all(|row| row.code == "type_conversion_failed" && row.row.is_some()));
    assert_eq!(
        native::ask(&to, "select id::varchar, price::varchar, code::varchar from t").unwrap(),
        [[Some("1".to_owned()), Some("1.5".to_owned()), Some("7".to_owned())]]
    );
}

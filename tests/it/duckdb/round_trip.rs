//! DuckDB to DuckDB: what arrives is what was there, in a column of the same type.

use proptest::prelude::*;
use towpath::connectors::TargetName;

use super::{native, open_destination, open_source};
use crate::copying::copy;

/// Every type, with values made from a row number, and the ends of each range.
const EVERYTHING: &str = "
create table t as select
    i,
    i % 3 = 0 as bool,
    (i % 256 - 128)::tinyint as tiny,
    (hash(i) % 65536)::usmallint as usmall,
    hash(i) as ubig,
    (hash(i)::hugeint * 9000000000000000000 * (case i % 2 when 0 then 1 else -1 end))::hugeint as huge,
    (hash(i)::uhugeint * 18000000000000000000::uhugeint)::uhugeint as uhuge,
    (hash(i) % 1000000007)::float / 7 as f,
    ((hash(i) % 1000000007)::double / 7)::double as d,
    ((hash(i) % 100000000000)::decimal(18,0) / 100)::decimal(12,2) as dec,
    (hash(i)::decimal(38,4) + 0.1234)::decimal(38,4) as wide,
    'text ' || chr((hash(i) % 50000 + 33)::int) || '''\"\\' as txt,
    unhex(md5(i::varchar)) as blob,
    md5(i::varchar)::uuid as uuid,
    ('{\"k\": [' || i || ', null, 1.10]}')::json as json,
    date '0001-01-01' + (hash(i) % 3000000)::int as day,
    time '00:00:00' + to_microseconds((hash(i) % 86400000000)::bigint) as clock,
    make_timestamp((hash(i) % 4000000000000000)::bigint - 2000000000000000) as ts,
    make_timestamp((hash(i) % 4000000000000000)::bigint)::timestamp_s as ts_s,
    make_timestamp((hash(i) % 4000000000000000)::bigint)::timestamp_ms as ts_ms,
    make_timestamp_ns((hash(i) % 4000000000000000000)::bigint) as ts_ns,
    make_timestamp((hash(i) % 4000000000000000)::bigint)::timestamptz as tz,
    to_days((i % 1000)::int) + to_microseconds((hash(i) % 100000000000)::bigint) as span,
    (case i % 3 when 0 then 'happy' when 1 then 'so, so' else 'it''s' end)::enum('happy', 'so, so', 'it''s') as mood,
    (i % 1024)::int::bit as bits,
    [i, null, i + 1] as list,
    ['a,b', 'q\"' || i, '', null, ' x '] as texts,
    [i / 7, 'nan'::double, null] as floats,
    {'a': i, 'b b': {'c': ['x', null]}} as struct,
    {'f': i::double / 3, 't': 'it''s'} as loose,
    map {'k' || i: i} as map,
    map {i: 'v'} as numbered,
    [[i], []] as nested,
    date '2024-01-01' + i::int as \"odd \"\"name\"
from range(2000) r(i);
insert into t (i, day, ts, ts_ns, tz, d, clock, list, struct) values
    (-1, 'infinity', 'infinity', 'infinity', 'infinity', 'inf', '24:00:00', [], {'a': null, 'b b': null}),
    (-2, '-infinity', '-infinity', '-infinity', '-infinity', 'nan', '00:00:00', null, null),
    (-3, '5881580-07-10', '290000-01-01', '1677-09-22', '0044-03-15 (BC)', '-0.0', null, [null], null);
";

fn differences(from: &std::path::Path, to: &std::path::Path) -> Vec<Vec<Option<String>>> {
    let attach = format!("attach '{}' as other", to.display());
    native::with(from, |connection| {
        connection.execute_batch(&attach)?;
        let mut statement = connection.prepare(
            "(select 'lost ' || i::varchar from (from t except all from other.t)) union all \
             (select 'new ' || i::varchar from (from other.t except all from t)) limit 5",
        )?;
        let rows = statement.query_map([], |row| Ok(vec![row.get(0)?]))?;
        let found = rows.collect::<Result<Vec<_>, _>>()?;
        drop(statement);
        connection.execute_batch("detach other")?;
        Ok(found)
    })
    .unwrap()
}

#[tokio::test]
async fn every_type_arrives_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.duckdb"), folder.path().join("to.duckdb"));
    native::run(&from, EVERYTHING).unwrap();
    let target = TargetName { namespace: None, name: "t".to_owned() };
    let copied = copy(&open_source(&from).unwrap(), "t", &open_destination(&to).unwrap(), &target).await.unwrap();
    assert_eq!((copied.unread, copied.unwritten), (Vec::new(), Vec::new()));
    assert_eq!(copied.delivered, 2003);
    let types = "select column_name, data_type from duckdb_columns() where table_name = 't' order by column_index";
    assert_eq!(native::ask(&from, types).unwrap(), native::ask(&to, types).unwrap());
    // The file is attached natively, so the connector has to have let go of it.
    while towpath::connectors::duckdb::is_open(&to) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(differences(&from, &to), Vec::<Vec<Option<String>>>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn texts_and_numbers_arrive_as_they_were(
        rows in prop::collection::vec((any::<Option<String>>(), any::<Option<i64>>(), any::<Option<f64>>(), any::<Option<Vec<u8>>>()), 1..40)
    ) {
        use arrow::array::{ArrayRef, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
        use std::sync::Arc;

        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from.duckdb"), folder.path().join("to.duckdb"));
        let batch = RecordBatch::try_from_iter([
            ("t", Arc::new(rows.iter().map(|row| row.0.clone()).collect::<StringArray>()) as ArrayRef),
            ("i", Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()) as ArrayRef),
            ("d", Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()) as ArrayRef),
            ("b", Arc::new(rows.iter().map(|row| row.3.as_deref()).collect::<BinaryArray>()) as ArrayRef),
        ])
        .unwrap();
        native::run(&from, "create table t (t VARCHAR, i BIGINT, d DOUBLE, b BLOB)").unwrap();
        native::with(&from, |connection| {
            let mut appender = connection.appender("t")?;
            appender.append_record_batch(batch.clone())?;
            Ok(appender.flush()?)
        })
        .unwrap();
        let target = TargetName { namespace: None, name: "t".to_owned() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let source = open_source(&from).unwrap();
        let destination = open_destination(&to).unwrap();
        let copied = runtime.block_on(copy(&source, "t", &destination, &target)).unwrap();
        prop_assert_eq!((copied.unread, copied.unwritten), (Vec::new(), Vec::new()));
        let dump = "select t, i::varchar, d::varchar, b::varchar from t";
        prop_assert_eq!(native::ask(&from, dump).unwrap(), native::ask(&to, dump).unwrap());
    }
}

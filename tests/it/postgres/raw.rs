//! Rows that pass from server to server as they are, over several connections, and metadata columns that are added at the end.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use futures::StreamExt as _;
use towpath::connectors::{
    Column, Destination, Item, LogicalType, RUN_ID_COLUMN, RawRows, SYNCED_AT_COLUMN, Source, TargetColumn, Unit,
    WriteMode, Writer, schema,
};

use super::{Database, column, commit, landed, request, write, write_request};

const MESSY: &str = "create schema messy; create type messy.mood as enum ('sad', 'über'); create table messy.events (
        id bigint, amount numeric(38,10), ratio numeric, at timestamptz, day date, uid uuid, payload jsonb, raw bytea,
        tags text[], ip inet, mood messy.mood, span interval, code char(5), word varchar(20), flag boolean);
    insert into messy.events select n,
        case n % 4 when 0 then 'NaN' when 1 then null else n / 7.0 end,
        case n % 5 when 0 then 'NaN' when 1 then 'Infinity' when 2 then '-Infinity' else n * 1e30 + 0.10 end,
        case n % 3 when 0 then 'infinity' when 1 then '-infinity' else timestamptz '0044-03-15 12:00:00.000001Z BC' end,
        case n % 3 when 0 then 'infinity' when 1 then null else date '2024-02-29' end, md5(n::text)::uuid,
        jsonb_build_object('n', n, 'big', 1e40), decode(md5(n::text), 'hex'), array['a,b', null, '\"q\"', 'ü'],
        '10.0.0.0/8', (enum_range(null::messy.mood))[1 + n % 2], '1 mon -3 days 00:00:00.1', 'ab', '🚀 ' || n, n % 2 = 0
    from generate_series(1, ROWS) n";

const SOURCE_COLUMNS: &str = "id, amount, ratio, at, day, uid, payload, raw, tags, ip, mood, span, code, word, flag";

fn metadata() -> Vec<Column> {
    let at = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };
    vec![column(RUN_ID_COLUMN, LogicalType::Text), column(SYNCED_AT_COLUMN, at)]
}

fn tail(run: &str, rows: usize) -> Vec<ArrayRef> {
    let at = TimestampMicrosecondArray::from_value(1_700_000_000_000_001, rows).with_timezone("UTC");
    vec![Arc::new(StringArray::from_iter_values(std::iter::repeat_n(run, rows))), Arc::new(at)]
}

fn tail_row(run: &str) -> RecordBatch {
    RecordBatch::try_new(schema::arrow_schema(&metadata()), tail(run, 1)).unwrap()
}

/// The source's columns and the metadata's, landing at the destination.
async fn targets(source: &dyn Source, stream: &str, to: &dyn Destination) -> Vec<TargetColumn> {
    let mut columns = source.describe(stream).await.unwrap().columns;
    columns.extend(metadata());
    landed(to, &columns)
}

/// Every raw row of a stream.
async fn raw(source: &dyn Source, stream: &str, writer: &dyn Writer, parallelism: usize) -> Vec<RawRows> {
    let mut request = request(source, stream).await;
    request.parallelism = parallelism;
    let mut items =
        source.read_raw(&request, &writer.takes_raw().unwrap()).await.unwrap().expect("the types are the same");
    let (mut came, mut end) = (Vec::new(), None);
    while let Some(item) = items.next().await {
        match item.unwrap() {
            Item::Raw(rows) => came.push(rows),
            Item::End(said) => end = Some(said.rows),
            Item::Expected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(end, Some(came.iter().map(RawRows::rows).sum()));
    came
}

async fn digest(database: &Database, columns: &str, table: &str) -> String {
    database
        .text(&format!("select md5(string_agg(t::text, chr(10) order by id)) from (select {columns} from {table}) t"))
        .await
}

#[tokio::test]
async fn messy_rows_pass_exactly_with_one_replacement_after_the_other() {
    let database = Database::create().await;
    database.run(&MESSY.replace("ROWS", "60000")).await;
    let (from, to) = (database.source(), database.destination());
    let columns = targets(&*from, "messy.events", &*to).await;
    let whole = digest(&database, &SOURCE_COLUMNS.replace("mood", "mood::text as mood"), "messy.events").await;
    for (run, tables) in [("run1", 1), ("run2", 1)] {
        let mut writer = to.open(write_request("t", columns.clone(), WriteMode::Replace, run)).await.unwrap();
        let rows = raw(&*from, "messy.events", &*writer, 2).await;
        assert!(rows.len() > 1);
        for rows in rows {
            assert_eq!(writer.write_raw(rows, &tail_row(run)).await.unwrap(), vec![]);
        }
        assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 60_000);
        assert_eq!(digest(&database, SOURCE_COLUMNS, "copy.t").await, whole);
        let stamped = format!(
            "select count(*) from copy.t where _towpath_run_id = '{run}' and _towpath_synced_at = '2023-11-14 22:13:20.000001Z'"
        );
        assert_eq!(database.text(&stamped).await, "60000");
        assert_eq!(to.counts(&super::target("t"), run).await.unwrap(), (60_000, 60_000));
        let left = "select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'copy' \
                    and relkind = 'r' and left(relname, 14) <> '_towpath_state'";
        assert_eq!(database.text(left).await, tables.to_string(), "nothing of ours is left beside it");
        let defaults = "select count(*) from pg_attrdef where adrelid = 'copy.t'::regclass";
        assert_eq!(database.text(defaults).await, "0", "later rows bring their own");
    }
}

#[tokio::test]
async fn raw_rows_that_a_table_refuses_come_back_as_the_server_writes_them() {
    let database = Database::create().await;
    database.run(&MESSY.replace("ROWS", "1000")).await;
    let (from, to) = (database.source(), database.destination());
    let columns = targets(&*from, "messy.events", &*to).await;
    let open = async |run| to.open(write_request("t", columns.clone(), WriteMode::Append, run)).await.unwrap();
    drop(open("run1").await);
    database.run("alter table copy.t add check (id not in (17, 500))").await;
    let mut writer = open("run1").await;
    let mut refused = Vec::new();
    for rows in raw(&*from, "messy.events", &*writer, 1).await {
        refused.extend(writer.write_raw(rows, &tail_row("run1")).await.unwrap());
    }
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 998);
    let of: Vec<_> = refused.iter().map(|row| (row.position.as_str(), row.code.as_str())).collect();
    assert_eq!(of, [("row 17 of batch 1", "constraint_broken"), ("row 500 of batch 1", "constraint_broken")]);
    let shown: serde_json::Value = serde_json::from_str(refused[1].row.as_ref().unwrap()).unwrap();
    assert_eq!(
        [&shown["id"], &shown["amount"], &shown["ratio"], &shown["ip"], &shown["day"]],
        ["500", "NaN", "NaN", "10.0.0.0/8", "2024-02-29"].map(serde_json::Value::from).each_ref()
    );
    assert_eq!(database.text("select count(*) from copy.t where _towpath_run_id = 'run1'").await, "998");
}

#[tokio::test]
async fn other_types_at_the_target_are_no_raw_copy() {
    let database = Database::create().await;
    database.run("create table public.t (id bigint, n numeric(10,2)); insert into t values (1, 1.5)").await;
    let (from, to) = (database.source(), database.destination());
    let mut columns = targets(&*from, "public.t", &*to).await;
    columns[1].target_type = "numeric(12,3)".to_owned();
    let writer = to.open(write_request("t", columns, WriteMode::Replace, "run")).await.unwrap();
    let asked = request(&*from, "public.t").await;
    assert!(from.read_raw(&asked, &writer.takes_raw().unwrap()).await.unwrap().is_none());
}

fn columns() -> Vec<Column> {
    let mut columns = vec![column("id", LogicalType::Int64), column("word", LogicalType::Text)];
    columns.extend(metadata());
    columns
}

/// Enough bytes that they are shared among connections.
fn batch(first: i64, run: &str) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 20_000));
    let words: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..20_000).map(|n| format!("a word and another {n}"))));
    RecordBatch::try_new(schema::arrow_schema(&columns()), [vec![ids, words], tail(run, 20_000)].concat()).unwrap()
}

#[tokio::test]
async fn what_several_connections_wrote_stands_with_the_commit_or_not_at_all() {
    let database = Database::create().await;
    let to = database.destination();
    let open =
        async || to.open(write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run1")).await.unwrap();
    let mut writer = open().await;
    assert_eq!(write(&mut writer, &batch(0, "run1")).await, vec![]);
    let busy = "select count(*) from pg_stat_activity where application_name = 'towpath' and datname = current_database() \
                and state = 'idle in transaction'";
    assert_eq!(database.text(busy).await, "2", "the rows are shared");
    drop(writer);
    let mut writer = open().await;
    assert_eq!(writer.committed().await.unwrap(), None);
    write(&mut writer, &batch(0, "run1")).await;
    let first = writer.commit(commit(1, false)).await.unwrap();
    assert_eq!(first.rows, 20_000);
    write(&mut writer, &batch(20_000, "run1")).await;
    drop(writer);
    // Killed in the second epoch: the first one stands, alone.
    let mut writer = open().await;
    assert_eq!(writer.committed().await.unwrap(), Some(first));
    write(&mut writer, &batch(20_000, "run1")).await;
    assert_eq!(writer.commit(commit(2, true)).await.unwrap().rows, 40_000);
    let found = "select count(*) || ' ' || count(distinct id) || ' ' || max(_towpath_run_id) from copy.t";
    assert_eq!(database.text(found).await, "40000 40000 run1");
}

#[tokio::test]
async fn a_second_epoch_over_several_connections_is_whole_too() {
    let database = Database::create().await;
    let to = database.destination();
    let mut writer = to.open(write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run1")).await.unwrap();
    for epoch in 1..=3 {
        let first = i64::try_from(epoch - 1).unwrap() * 20_000;
        write(&mut writer, &batch(first, "run1")).await;
        writer.commit(commit(epoch, epoch == 3)).await.unwrap();
    }
    let found = "select count(*) || ' ' || count(distinct id) || ' ' || count(_towpath_synced_at) from copy.t";
    assert_eq!(database.text(found).await, "60000 60000 60000");
}

#[tokio::test]
async fn rows_with_another_metadata_value_keep_it() {
    let database = Database::create().await;
    let to = database.destination();
    let mut writer = to.open(write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run1")).await.unwrap();
    write(&mut writer, &batch(0, "a")).await;
    write(&mut writer, &batch(20_000, "b")).await;
    assert_eq!(writer.commit(commit(1, true)).await.unwrap().rows, 40_000);
    let found = "select string_agg(r || n, ' ' order by r) from (select _towpath_run_id r, count(*) n from copy.t group by 1) t";
    assert_eq!(database.text(found).await, "a20000 b20000");
}

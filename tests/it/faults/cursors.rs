//! Reading on: every row once, however fine, tied, late, missing or oddly sorted its cursor is.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use towpath::connectors::{Cursor, Item, NullCursor, ReadMode, ReadRequest, Source};
use towpath::events::RunPhase;

use super::{of, problems};
use crate::systems::{Kind, System};
use crate::yard::Yard;

fn by(cursor: &str, write: &str, nulls: &str) -> Value {
    let mut mode = json!({"read": "incremental", "cursor": cursor, "null_cursor": nulls, "write": write});
    if write == "merge" {
        mode["key"] = json!(["id"]);
    }
    mode
}

/// Values of one type in order; the last but one is the highest of the first run, and tied.
const FINE: [(Kind, &str, [&str; 5]); 19] = [
    (
        Kind::Postgres,
        "timestamptz",
        [
            "'2024-10-27 00:30:00.123455+00'",
            "'2024-10-27 02:30:00.123456+02'",
            "'2024-10-27 02:30:00.123456+01'",
            "'2024-10-27 02:30:00.123457+01'",
            "'2024-10-27 02:30:00.123458+01'",
        ],
    ),
    (
        Kind::Postgres,
        "timestamp",
        [
            "'2024-03-31 01:59:59.999999'",
            "'2024-03-31 02:00:00'",
            "'2024-03-31 02:30:00.000001'",
            "'2024-03-31 02:59:59.999999'",
            "'2024-03-31 03:00:00'",
        ],
    ),
    (
        Kind::Postgres,
        "numeric(38,20)",
        [
            "'-1.00000000000000000001'",
            "'0'",
            "'123456789012345678.00000000000000000001'",
            "'123456789012345678.00000000000000000002'",
            "'123456789012345678.00000000000000000003'",
        ],
    ),
    (
        Kind::Postgres,
        "bigint",
        ["-9223372036854775807", "9007199254740992", "9007199254740993", "9223372036854775806", "9223372036854775807"],
    ),
    (
        Kind::MySql,
        "timestamp(6) null",
        [
            "'2024-10-27 00:30:00.123455'",
            "'2024-10-27 00:30:00.123456'",
            "'2024-10-27 01:30:00.123456'",
            "'2024-10-27 01:30:00.123457'",
            "'2024-10-27 01:30:00.123458'",
        ],
    ),
    (
        Kind::MySql,
        "datetime(6)",
        [
            "'2024-03-31 01:59:59.999999'",
            "'2024-03-31 02:00:00'",
            "'2024-03-31 02:30:00.000001'",
            "'2024-03-31 02:59:59.999999'",
            "'2024-03-31 03:00:00'",
        ],
    ),
    (
        Kind::MySql,
        "decimal(65,30)",
        [
            "-1.000000000000000000000000000001",
            "0",
            "12345678901234567890123456789012345.000000000000000000000000000001",
            "12345678901234567890123456789012345.000000000000000000000000000002",
            "12345678901234567890123456789012345.000000000000000000000000000003",
        ],
    ),
    (
        Kind::MySql,
        "bigint unsigned",
        ["0", "9007199254740992", "9007199254740993", "18446744073709551614", "18446744073709551615"],
    ),
    (Kind::MySql, "varchar(20) collate utf8mb4_unicode_ci", ["'A'", "'Z'", "'a'", "'é'", "'éa'"]),
    (Kind::Postgres, "text collate \"und-x-icu\"", ["'A'", "'Z'", "'a'", "'é'", "'éa'"]),
    (
        Kind::Sqlite,
        "timestamp",
        [
            "'2024-10-27 00:30:00'",
            "'2024-10-27T00:30:00.1'",
            "'2024-10-27 00:30:00.123456'",
            "'2024-10-27 00:30:00.123457'",
            "'2024-10-27 00:30:01'",
        ],
    ),
    (Kind::Sqlite, "decimal(12,2)", ["'-1.50'", "9.5", "'10.01'", "10.02", "'10.10'"]),
    (Kind::Sqlite, "text collate nocase", ["'A'", "'Z'", "'a'", "'é'", "'éa'"]),
    (
        Kind::DuckDb,
        "timestamp_ns",
        [
            "'2024-10-27 00:30:00.123456788'",
            "'2024-10-27 00:30:00.123456789'",
            "'2024-10-27 00:30:00.12345679'",
            "'2024-10-27 00:30:00.123456791'",
            "'2024-10-27 00:30:00.123456792'",
        ],
    ),
    (
        Kind::DuckDb,
        "timestamptz",
        [
            "'2024-10-27 00:30:00.123455+00'",
            "'2024-10-27 02:30:00.123456+02'",
            "'2024-10-27 02:30:00.123456+01'",
            "'2024-10-27 02:30:00.123457+01'",
            "'2024-10-27 02:30:00.123458+01'",
        ],
    ),
    (
        Kind::DuckDb,
        "decimal(38,20)",
        [
            "'-1.00000000000000000001'",
            "'0'",
            "'123456789012345678.00000000000000000001'",
            "'123456789012345678.00000000000000000002'",
            "'123456789012345678.00000000000000000003'",
        ],
    ),
    (
        Kind::Parquet,
        "timestamp_ns",
        [
            "'2024-10-27 00:30:00.123456788'",
            "'2024-10-27 00:30:00.123456789'",
            "'2024-10-27 00:30:00.12345679'",
            "'2024-10-27 00:30:00.123456791'",
            "'2024-10-27 00:30:00.123456792'",
        ],
    ),
    (
        Kind::Csv,
        "timestamp",
        [
            "'2024-10-27 00:30:00'",
            "'2024-10-27 00:30:00.1'",
            "'2024-10-27 00:30:00.123456'",
            "'2024-10-27 00:30:00.123457'",
            "'2024-10-27 00:30:01'",
        ],
    ),
    (
        Kind::Jsonl,
        "bigint",
        ["-9223372036854775807", "9007199254740992", "9007199254740993", "9223372036854775806", "9223372036854775807"],
    ),
];

#[tokio::test]
async fn no_digit_of_a_cursor_is_lost_and_its_ties_come_once() {
    for (kind, spelled, values) in FINE {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let shop = System::create(&yard, "shop", kind).await;
        if kind == Kind::Postgres {
            let name = &shop.database().name;
            shop.run(&format!("alter database {name} set timezone = 'Europe/Amsterdam'")).await;
        }
        let target = System::create(&yard, "target", Kind::Sqlite).await;
        let columns = format!("id bigint, mark {spelled}");
        let rows: Vec<String> = values[..4].iter().enumerate().map(|(id, value)| format!("({id}, {value})")).collect();
        shop.fill("items", &columns, &rows).await;
        shop.fill("items", &columns, &[format!("(4, {})", values[3])]).await;
        let mut pipelines = Vec::new();
        for write in ["append", "merge"] {
            let pipeline = yard
                .pipeline(of("shop", "target", (&shop.stream("items"), write), &by("mark", write, "exclude")))
                .await;
            let what = format!("{kind:?} {spelled} by {write}");
            assert_eq!(yard.completed(pipeline).await["rows_written"], 5, "{what}");
            let again = yard.completed(pipeline).await;
            // Merging takes the ties again, which changes nothing; appending drops them.
            let ties = if write == "append" { 0 } else { 2 };
            assert_eq!((&again["rows_written"], &again["rows_read"]), (&ties.into(), &2.into()), "{what}: {again}");
            pipelines.push((write, pipeline));
        }
        shop.fill("items", &columns, &[format!("(5, {})", values[3]), format!("(6, {})", values[4])]).await;
        for (write, pipeline) in pipelines {
            for _ in 0..2 {
                yard.completed(pipeline).await;
                let ids = target.rows(write, &["id"]).await.unwrap();
                assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6"], "{kind:?} {spelled} by {write}");
            }
        }
    }
}

/// A day as cursor, and more rows on it than in any batch; more come on the same day after the run.
#[tokio::test]
async fn a_hundred_thousand_rows_of_one_day_come_once_each() {
    for (kind, to) in [(Kind::Postgres, Kind::DuckDb), (Kind::Sqlite, Kind::Postgres), (Kind::DuckDb, Kind::Sqlite)] {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let shop = System::create(&yard, "shop", kind).await;
        let target = System::create(&yard, "target", to).await;
        shop.fill("items", "id bigint primary key, day date", &[]).await;
        let more = |from: i64, to: i64| match kind {
            Kind::Postgres => format!("insert into items select i, '2024-02-29' from generate_series({from}, {to}) i"),
            Kind::Sqlite => format!(
                "with recursive n (i) as (select {from} union all select i + 1 from n where i < {to}) \
                 insert into items select i, '2024-02-29' from n"
            ),
            _ => format!("insert into items select range, '2024-02-29' from range({from}, {to} + 1)"),
        };
        shop.run(&more(1, 100_000)).await;
        let mut pipelines = Vec::new();
        for write in ["append", "merge"] {
            let plan = of("shop", "target", (&shop.stream("items"), write), &by("day", write, "error"));
            let pipeline = yard.pipeline(plan).await;
            assert_eq!(yard.completed(pipeline).await["rows_written"], 100_000, "{kind:?} by {write}");
            pipelines.push((write, pipeline));
        }
        shop.run(&more(100_001, 100_500)).await;
        for (write, pipeline) in pipelines {
            let receipt = yard.completed(pipeline).await;
            if write == "append" {
                assert_eq!(receipt["rows_written"], 500, "{kind:?}: {receipt}");
            }
            let ids = target.rows(write, &["id"]).await.unwrap();
            let distinct: HashSet<&String> = ids.iter().collect();
            assert_eq!((ids.len(), distinct.len()), (100_500, 100_500), "{kind:?} by {write}");
        }
    }
}

#[tokio::test]
async fn rows_without_a_cursor_are_treated_as_the_plan_says() {
    for kind in Kind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let shop = System::create(&yard, "shop", kind).await;
        let target = System::create(&yard, "target", Kind::Sqlite).await;
        let columns = "id bigint, changed bigint";
        for (nulls, first, then) in [("include", 3, 5), ("exclude", 2, 3)] {
            shop.fill(nulls, columns, &["(1, 10), (2, null), (3, 11)".to_owned()]).await;
            let plan = of("shop", "target", (&shop.stream(nulls), nulls), &by("changed", "append", nulls));
            let pipeline = yard.pipeline(plan).await;
            assert_eq!(yard.completed(pipeline).await["rows_written"], first, "{kind:?} {nulls}");
            shop.fill(nulls, columns, &["(4, null), (5, 12)".to_owned()]).await;
            yard.completed(pipeline).await;
            yard.completed(pipeline).await;
            let stand = target.rows(nulls, &["id"]).await.unwrap();
            assert_eq!(stand.len(), then, "{kind:?} {nulls}: {stand:?}");
        }
        // One that is there is told before anything runs; one that comes later fails its run.
        let plan = |table| of("shop", "target", (&shop.stream(table), "error"), &by("changed", "append", "error"));
        let told = problems(&yard, plan("include")).await;
        assert!(
            told.iter().any(|p| p.pointer == "/streams/0/null_cursor" && p.suggestion.is_some()),
            "{kind:?} {told:?}"
        );
        shop.fill("full", columns, &["(1, 10)".to_owned()]).await;
        let pipeline = yard.pipeline(plan("full")).await;
        shop.fill("full", columns, &["(2, null)".to_owned()]).await;
        let (run, phase) = yard.run(pipeline).await;
        let error = yard.show(run).await.error.unwrap();
        assert_eq!((phase, error.kind.as_str()), (RunPhase::Failed, "bad_data"), "{kind:?}: {error:?}");
        assert!(error.message.contains("`changed`") && error.hint.is_some(), "{kind:?}: {error:?}");
        assert_eq!(target.rows("error", &["id"]).await.unwrap_or_default(), Vec::<String>::new(), "{kind:?}");
    }
}

/// Reads on from a position; answers the ids and the next position.
async fn increment(source: &dyn Source, stream: &str, after: Option<Cursor>) -> (Vec<i64>, Option<Cursor>) {
    let request = ReadRequest {
        stream: stream.to_owned(),
        columns: vec!["id".to_owned(), "mark".to_owned()],
        filter: None,
        mode: ReadMode::Incremental { cursor: "mark".to_owned(), lookback: None, nulls: NullCursor::Error },
        after,
        batch_rows: 1000,
        batch_bytes: 1 << 20,
        parallelism: 1,
    };
    let mut items = source.read(request).await.unwrap();
    let mut ids = Vec::new();
    while let Some(item) = items.next().await {
        match item.unwrap() {
            Item::Batch(batch) => {
                let cells = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(batch.records.column(0));
                ids.extend(cells.values().iter().copied());
            }
            Item::End(end) => return (ids, end.cursor),
            _ => {}
        }
    }
    panic!("the read broke off");
}

/// Writers draw a number, wait, and commit, while a reader goes on and on: no number is passed over. The bound and the rows
/// come from one snapshot, and whoever was still at work is waited for.
#[tokio::test]
async fn nothing_is_passed_over_while_others_write() {
    for kind in Kind::DATABASES {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let shop = System::create(&yard, "shop", kind).await;
        let columns = if kind == Kind::Postgres { "id bigserial, mark bigint" } else { "id bigint, mark bigint" };
        shop.fill("items", columns, &["(1, 1)".to_owned()]).await;
        let source = yard.workspace.source("shop").await.unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let writers = async {
            let writer = |number: i64| {
                let (shop, stop) = (&shop, &stop);
                async move {
                    let mut made = 0;
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        let pause = rand::random_range(0.0..0.02);
                        if kind == Kind::Postgres {
                            // The number is drawn first and becomes visible last.
                            shop.run(&format!(
                                "begin; insert into items (id) values (default) returning pg_sleep({pause}); \
                                 update items set mark = id where mark is null and xmin = pg_current_xact_id()::xid; commit"
                            ))
                            .await;
                        } else {
                            shop.run("insert into items select max(id) + 1, max(mark) + 1 from items").await;
                            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
                        }
                        made += 1;
                    }
                    made * i64::from(number > 0)
                }
            };
            let many = if kind == Kind::Postgres { 4 } else { 1 };
            futures::future::join_all((1..=many).map(writer)).await.into_iter().sum::<i64>()
        };
        let reader = async {
            let (mut seen, mut after) = (HashSet::new(), None);
            for _ in 0..60 {
                let (ids, next) = increment(source.as_ref(), &shop.stream("items"), after.take()).await;
                seen.extend(ids);
                after = next;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            (seen, after)
        };
        let (made, (mut seen, after)) = tokio::join!(writers, reader);
        let (ids, _) = increment(source.as_ref(), &shop.stream("items"), after).await;
        seen.extend(ids);
        let there = shop.rows("items", &["id"]).await.unwrap();
        let passed: Vec<&String> = there.iter().filter(|id| !seen.contains(&id.parse().unwrap())).collect();
        assert!(passed.is_empty() && made > 20, "{kind:?}: of {} rows {passed:?} were passed over", there.len());
    }
}

//! Incremental reads: ties, NULLs, precision, order, late commits.

use std::time::Duration;

use towpath::connectors::{Cursor, ErrorKind, NullCursor, ReadMode, Source};

use super::{Database, Said, listen, request};

async fn read(source: &dyn Source, cursor: &str, after: Option<&Cursor>, nulls: NullCursor) -> Said {
    read_back(source, cursor, after, nulls, None).await
}

async fn read_back(
    source: &dyn Source,
    cursor: &str,
    after: Option<&Cursor>,
    nulls: NullCursor,
    lookback: Option<Duration>,
) -> Said {
    let mut asked = request(source, "public.t").await;
    asked.mode = ReadMode::Incremental { cursor: cursor.to_owned(), lookback, nulls };
    asked.after = after.cloned();
    asked.batch_rows = 2;
    match source.read(asked).await {
        Ok(items) => listen(items).await,
        Err(error) => Said { error: Some(error), ..Said::default() },
    }
}

fn cursor(said: &Said) -> Cursor {
    said.end.as_ref().unwrap_or_else(|| panic!("{:?}", said.error)).cursor.clone().unwrap()
}

#[tokio::test]
async fn ties_come_again_and_nothing_before_them_does() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id int, at timestamptz); insert into t values (4, '2024-01-01 00:00:00.000002+00'), \
             (1, '2024-01-01 00:00:00.000001+00'), (2, '2024-01-01 00:00:00.000002+00'), (3, null)",
        )
        .await;
    let source = database.source();
    let first = read(&*source, "at", None, NullCursor::Include).await;
    let mut ids = first.column(0);
    assert_eq!(ids.remove(0), "3", "rows without a value come first");
    assert_eq!(ids.remove(0), "1");
    ids.sort();
    assert_eq!(ids, ["2", "4"]);
    let second = read(&*source, "at", Some(&cursor(&first)), NullCursor::Exclude).await;
    let mut ids = second.column(0);
    ids.sort();
    assert_eq!(ids, ["2", "4"], "a microsecond apart is apart");
    database.run("insert into t values (5, '2024-01-01 00:00:00.000002+00'), (6, '2023-01-01')").await;
    let third = read(&*source, "at", Some(&cursor(&second)), NullCursor::Include).await;
    assert_eq!(third.column(0)[0], "3", "in every run");
    assert_eq!(third.rows(), 4);
    database.run("delete from t").await;
    let empty = read(&*source, "at", Some(&cursor(&third)), NullCursor::Include).await;
    assert_eq!((empty.rows(), cursor(&empty)), (0, cursor(&third)), "an empty run keeps its place");
    assert_eq!(read(&*source, "at", None, NullCursor::Include).await.end.unwrap().cursor, None);
}

#[tokio::test]
async fn a_read_goes_on_from_each_of_its_checkpoints() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id int primary key, k text collate \"en-x-icu\"); \
             insert into t select i, case when i > 3 then (array['a','B','ä','Z','_','é','b','A','z'])[i % 9 + 1] || i / 9 end \
             from generate_series(1, 60) i",
        )
        .await;
    let source = database.source();
    let whole = read(&*source, "k", None, NullCursor::Include).await;
    assert_eq!(whole.rows(), 60);
    let mut values = whole.column(1);
    values.drain(..3);
    assert!(values.is_sorted(), "text is ordered by its bytes: {values:?}");
    assert!(whole.checkpoints.len() > 20);
    let all = whole.column(0);
    for checkpoint in &whole.checkpoints {
        let rest = read(&*source, "k", Some(checkpoint), NullCursor::Include).await;
        let ids = rest.column(0);
        // What was delivered, and what comes from here on, overlap in ties alone.
        let missing: Vec<&String> = all.iter().filter(|id| !ids.contains(id)).collect();
        let value = checkpoint.0["value"].as_str().unwrap();
        for id in missing {
            let place = all.iter().position(|found| found == id).unwrap();
            assert!(place < 3 || whole.column(1)[place].as_str() < value, "row {id} lost at {value}");
        }
        assert!(rest.column(1).iter().all(|found| found.as_str() >= value));
        assert_eq!(cursor(&rest), cursor(&whole));
    }
}

#[tokio::test]
async fn every_orderable_type_is_a_cursor_with_all_its_digits() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id int, big bigint, n numeric(38,18), u uuid, d date, c char(6), v varchar(9), ts timestamp); \
             insert into t select i, 9223372036854775000 + i, 12345678901234567890.000000000000000001 * 1 + i * 0.000000000000000001, \
             ('00000000-0000-0000-0000-0000000000' || lpad(to_hex(i), 2, '0'))::uuid, date '0044-03-15 BC' + i, \
             chr(64 + i), chr(64 + i) || ' ', timestamp '0001-01-01 00:00:00 BC' + i * interval '1 microsecond' \
             from generate_series(1, 9) i",
        )
        .await;
    let source = database.source();
    for column in ["id", "big", "n", "u", "d", "c", "v", "ts"] {
        let first = read(&*source, column, None, NullCursor::Error).await;
        assert_eq!(first.column(0), (1..=9).map(|id| id.to_string()).collect::<Vec<_>>(), "{column}");
        let again = read(&*source, column, Some(&cursor(&first)), NullCursor::Error).await;
        assert_eq!(again.column(0), ["9"], "{column}: {:?}", cursor(&first));
        let middle = read(&*source, column, Some(&first.checkpoints[1]), NullCursor::Error).await;
        assert_eq!(middle.column(0), ["4", "5", "6", "7", "8", "9"], "{column}");
    }
}

#[tokio::test]
async fn infinity_does_not_end_a_stream_for_good() {
    let database = Database::create().await;
    database
        .run("create table t (id int, at timestamptz); insert into t values (1, '-infinity'), (2, '2024-01-01'), (3, 'infinity')")
        .await;
    let source = database.source();
    let first = read(&*source, "at", None, NullCursor::Include).await;
    assert_eq!(first.column(0), ["1", "2", "3"]);
    database.run("insert into t values (4, '2024-01-02')").await;
    let second = read(&*source, "at", Some(&cursor(&first)), NullCursor::Include).await;
    assert_eq!(second.column(0), ["2", "4", "3"]);
}

#[tokio::test]
async fn a_lookback_and_the_policy_for_nulls_are_kept() {
    let database = Database::create().await;
    database
        .run(
            "create table t (id int, at timestamptz, d date); insert into t select i, timestamptz '2024-01-01 00:00+00' \
             + i * interval '1 minute', date '2024-01-01' + i from generate_series(0, 9) i",
        )
        .await;
    let source = database.source();
    let first = read(&*source, "at", None, NullCursor::Error).await;
    let again = read_back(&*source, "at", Some(&cursor(&first)), NullCursor::Error, Some(Duration::from_mins(3))).await;
    assert_eq!(again.column(0), ["6", "7", "8", "9"]);
    // In the middle of a run, what the lookback brings has come already.
    let within = read_back(
        &*source,
        "at",
        Some(again.checkpoints.first().unwrap()),
        NullCursor::Error,
        Some(Duration::from_mins(3)),
    )
    .await;
    assert_eq!(within.column(0), ["7", "8", "9"]);
    let first = read(&*source, "d", None, NullCursor::Error).await;
    let days = read_back(&*source, "d", Some(&cursor(&first)), NullCursor::Error, Some(Duration::from_hours(25))).await;
    assert_eq!(days.column(0), ["7", "8", "9"], "a day begun counts whole");
    let first = read(&*source, "id", None, NullCursor::Error).await;
    let number =
        read_back(&*source, "id", Some(&cursor(&first)), NullCursor::Error, Some(Duration::from_secs(1))).await;
    assert_eq!(number.error.unwrap().kind, ErrorKind::Config);
    database.run("insert into t values (10, null, null)").await;
    assert_eq!(read(&*source, "at", None, NullCursor::Error).await.error.unwrap().kind, ErrorKind::BadData);
    assert_eq!(read(&*source, "at", None, NullCursor::Exclude).await.rows(), 10);
    assert_eq!(read(&*source, "nothing", None, NullCursor::Exclude).await.error.unwrap().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_row_committed_late_is_not_lost() {
    let database = Database::create().await;
    database
        .run("create table t (id bigserial, at timestamptz default clock_timestamp()); insert into t default values")
        .await;
    let source = database.source();
    let mut seen: Vec<i64> = Vec::new();
    let mut at = None;
    let mut gather = |said: &Said| {
        seen.extend(said.column(0).iter().map(|id| id.parse::<i64>().unwrap()));
        seen.sort_unstable();
        seen.dedup();
        seen.clone()
    };
    for round in 0..5_i64 {
        // A draws its number first and commits last.
        let (a, b) = (database.client().await, database.client().await);
        a.batch_execute("begin; insert into t default values").await.unwrap();
        b.batch_execute("insert into t default values").await.unwrap();
        let reading = read(&*source, "id", at.as_ref(), NullCursor::Error);
        let late = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            a.batch_execute("commit").await.unwrap();
        };
        let (said, ()) = tokio::join!(reading, late);
        at = Some(cursor(&said));
        let expected: Vec<i64> = (1..=1 + (round + 1) * 2).collect();
        assert_eq!(gather(&said), expected, "round {round}");
    }
}

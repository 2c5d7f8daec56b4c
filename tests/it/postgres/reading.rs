//! Full reads: one snapshot, whole or not at all, bounded batches; and who may read what.

use serde_json::json;
use towpath::connectors::filter::{Comparison, Filter, Literal, Operand};
use towpath::connectors::{ErrorKind, ReadMode};

use super::proxy::{Break, start};
use super::{Database, listen, read_all, request, source};

const NUMBERS: &str = "create table t (id int primary key, word text); \
     insert into t select i, repeat(md5(i::text), 8) from generate_series(1, 20000) i; analyze t";

#[tokio::test]
async fn a_cut_connection_is_an_error_wherever_it_is_cut() {
    let database = Database::create().await;
    database.run(NUMBERS).await;
    let whole = 20_000 * (256 + 14);
    for bytes in [20_000, 100_001, whole / 2, whole - 40_000, whole - 1_000] {
        let port = start(database.address(), Break::AfterBytes(bytes)).await;
        let source = source(database.config_at("127.0.0.1", port));
        let asked = request(&*database.source(), "public.t").await;
        let said = match source.read(asked).await {
            Ok(items) => listen(items).await,
            Err(error) => super::Said { error: Some(error), ..super::Said::default() },
        };
        assert_eq!(said.end, None, "cut after {bytes} bytes");
        assert_eq!(said.error.unwrap().kind, ErrorKind::Unreachable, "cut after {bytes} bytes");
    }
}

#[tokio::test]
async fn a_reader_that_the_server_ends_is_an_error() {
    let database = Database::create().await;
    database.run(NUMBERS).await;
    let source = database.source();
    let mut asked = request(&*source, "public.t").await;
    asked.batch_rows = 10;
    let mut items = source.read(asked).await.unwrap();
    // Nothing more is taken than what fits the channel, so that the server still has rows to send.
    assert!(futures::StreamExt::next(&mut items).await.unwrap().is_ok());
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity \
         where application_name = 'towpath' and datname = current_database()";
    database.run(ended).await;
    let said = listen(items).await;
    assert_eq!(said.end, None);
    assert_eq!(said.error.unwrap().kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_dropped_reader_leaves_the_server() {
    let database = Database::create().await;
    database.run("create view slow as select pg_sleep(0.01)::text as nap, i from generate_series(1, 1000000) i").await;
    let source = database.source();
    let items = source.read(request(&*source, "public.slow").await).await.unwrap();
    drop(items);
    let busy =
        "select count(*) from pg_stat_activity where application_name = 'towpath' and datname = current_database()";
    for _ in 0..50 {
        if database.text(busy).await == "0" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the server still reads for nobody");
}

#[tokio::test]
async fn ranges_under_one_snapshot_have_every_row_once_while_others_write() {
    let database = Database::create().await;
    database
        .run(
            "create table big (id int primary key, filler text) partition by range (id); \
             create table big1 partition of big for values from (0) to (60000); \
             create table big2 partition of big for values from (60000) to (1000000); \
             alter table big1 alter filler set storage plain; alter table big2 alter filler set storage plain; \
             insert into big select i, repeat('x', 1500) from generate_series(1, 120000) i; analyze big",
        )
        .await;
    let source = database.source();
    let mut asked = request(&*source, "public.big").await;
    asked.columns = vec!["id".to_owned()];
    asked.parallelism = 4;
    let items = source.read(asked).await.unwrap();
    let writer = database.client().await;
    writer
        .batch_execute(
            "delete from big where id % 7 = 0; update big set id = id + 500000 where id % 11 = 0; \
             insert into big select i, 'late' from generate_series(300000, 310000) i",
        )
        .await
        .unwrap();
    let said = listen(items).await;
    assert_eq!(said.end.as_ref().map(|end| end.rows), Some(120_000), "{:?}", said.error);
    let mut ids: Vec<i64> = said.column(0).iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=120_000).collect::<Vec<i64>>());
}

#[tokio::test]
async fn batches_are_bounded_by_rows_and_by_bytes() {
    let database = Database::create().await;
    database
        .run("create table w as select i as id, repeat('y', 1000 * (i % 200)) as wide from generate_series(1, 500) i")
        .await;
    let source = database.source();
    let mut asked = request(&*source, "public.w").await;
    (asked.batch_rows, asked.batch_bytes) = (7, 300_000);
    let said = listen(source.read(asked).await.unwrap()).await;
    assert_eq!((said.rows(), said.end.as_ref().unwrap().rows), (500, 500));
    for batch in &said.batches {
        let bytes = arrow::array::AsArray::as_string::<i32>(batch.column(1)).values().len();
        assert!(batch.num_rows() <= 7 && (bytes <= 300_000 || batch.num_rows() == 1), "{} {bytes}", batch.num_rows());
    }
    let sample = source.sample("public.w", 3).await.unwrap();
    assert_eq!(sample.num_rows(), 3);
}

#[tokio::test]
async fn filters_are_applied_as_sql_means_them() {
    let database = Database::create().await;
    database
        .run(
            "create table f (id int, \"we\"\"ird\" text, n numeric(8,2), r real, at timestamptz, u uuid, ok bool); insert into f values \
             (1, 'O''Hara', 1.10, 0.1, '2024-01-01 00:00+00', '00000000-0000-0000-0000-000000000001', true), \
             (2, '50%_\\x', 2.20, 0.2, '2024-01-02 00:00+00', null, false), (3, null, null, null, null, null, null), \
             (4, 'OHARA', 1.1, 0.3, '2024-01-01 05:30+05:30', null, null)",
        )
        .await;
    let source = database.source();
    let compare = |column: &str, op, value| Filter::Compare {
        left: Operand::Column(column.to_owned()),
        op,
        right: Operand::Literal(value),
    };
    let like = |pattern: &str, insensitive, negated| Filter::Like {
        column: "we\"ird".to_owned(),
        pattern: pattern.to_owned(),
        insensitive,
        negated,
    };
    let text = |text: &str| Literal::Text(text.to_owned());
    let number = |text: &str| Literal::Number(text.to_owned());
    let at = Literal::Timestamp("2024-01-01T00:00:00Z".to_owned());
    let expected: &[(Filter, &[&str])] = &[
        (compare("we\"ird", Comparison::Equal, text("O'Hara")), &["1"]),
        (compare("we\"ird", Comparison::Equal, text("'; drop table f; --")), &[]),
        (compare("n", Comparison::Equal, number("1.1")), &["1", "4"]),
        (compare("r", Comparison::Equal, number("0.1")), &["1"]),
        (compare("n", Comparison::DistinctFrom, number("1.1")), &["2", "3"]),
        (compare("at", Comparison::LessOrEqual, at.clone()), &["1", "4"]),
        (compare("at", Comparison::Greater, Literal::Date("2024-01-01".to_owned())), &["2"]),
        (compare("u", Comparison::Equal, text("00000000-0000-0000-0000-000000000001")), &["1"]),
        (compare("ok", Comparison::Equal, Literal::Boolean(false)), &["2"]),
        (like("50\\%\\_\\\\x", false, false), &["2"]),
        (like("o_ara", true, false), &["4"]),
        (like("O%", false, true), &["2"]),
        (Filter::IsNull { column: "n".to_owned(), negated: false }, &["3"]),
        (Filter::Not(Box::new(compare("id", Comparison::Less, number("3")))), &["3", "4"]),
        (
            Filter::And(vec![
                Filter::In { column: "id".to_owned(), values: vec![number("1"), number("-4")], negated: true },
                Filter::Or(vec![
                    Filter::Between { column: "at".to_owned(), low: at.clone(), high: at.clone(), negated: false },
                    Filter::IsNull { column: "at".to_owned(), negated: false },
                ]),
            ]),
            &["3", "4"],
        ),
    ];
    for (filter, ids) in expected {
        let mut asked = request(&*source, "public.f").await;
        asked.filter = Some(filter.clone());
        let said = listen(source.read(asked).await.unwrap()).await;
        assert_eq!(said.column(0), *ids, "{filter:?}");
        assert_eq!(source.count("public.f", Some(filter)).await.unwrap(), ids.len() as u64);
    }
    assert_eq!(source.count("public.f", None).await.unwrap(), 4);
}

#[tokio::test]
async fn refusals_say_what_kind_they_are() {
    let database = Database::create().await;
    let role = format!("{}_reader", database.name);
    database
        .run(&format!(
            "create table a (x int, secret text); create table b (x int); insert into a values (1, 's'); \
             create role {role} login; grant select (x) on a to {role}"
        ))
        .await;
    let mut config = database.config();
    config["user"] = role.clone().into();
    let limited = source(config.clone());
    let listed = limited.list().await.unwrap();
    assert_eq!(listed.iter().map(|stream| stream.readable).collect::<Vec<_>>(), [true, false]);
    assert_eq!(limited.describe("public.a").await.unwrap().columns.len(), 1);
    assert_eq!(read_all(&*limited, "public.a").await.column(0), ["1"]);
    assert_eq!(limited.describe("public.b").await.unwrap_err().kind, ErrorKind::Permission);
    assert_eq!(limited.describe("public.c").await.unwrap_err().kind, ErrorKind::NotFound);
    let mut asked = request(&*limited, "public.a").await;
    asked.columns.push("secret".to_owned());
    assert_eq!(limited.read(asked).await.err().unwrap().kind, ErrorKind::NotFound);
    config["database"] = "no_such_database".into();
    assert_eq!(source(config).check().await.unwrap_err().kind, ErrorKind::NotFound);
    let mut nobody = database.config();
    nobody["port"] = 1.into();
    assert_eq!(source(nobody).check().await.unwrap_err().kind, ErrorKind::Unreachable);
    let mut asked = request(&*database.source(), "public.a").await;
    asked.mode = ReadMode::Cdc;
    assert_eq!(database.source().read(asked).await.err().unwrap().kind, ErrorKind::Unsupported);
    let message = database.source().check().await.unwrap().message;
    assert!(message.starts_with("PostgreSQL ") && message.ends_with("2 tables readable"), "{message}");
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_black_hole_is_given_up_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = json!({"host": "127.0.0.1", "port": port, "database": "d", "user": "u", "connect_timeout": 1});
    let error = source(config).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.contains("within 1 s"), "{}", error.message);
}

#[tokio::test]
async fn profiles_measure_cursors_keys_and_the_log() {
    let database = Database::create().await;
    database
        .run(
            "create table p (id int primary key, a int, b int, at timestamptz, word text); create index on p (at); \
             insert into p select i, i / 2, i % 2, case when i > 3 then timestamptz '2024-01-01 00:00+00' + i / 10 * interval '1 s' end, \
             chr(64 + i % 58) from generate_series(1, 1000) i; create view v as select * from p",
        )
        .await;
    let source = database.source();
    let at = source.profile_cursor("public.p", "at").await.unwrap();
    assert_eq!((at.rows, at.nulls, at.distinct, at.indexed, at.sampled), (1000, 3, Some(101), true, false));
    assert_eq!(at.minimum.as_deref(), Some("2024-01-01 00:00:00+00"));
    assert_eq!(at.maximum.as_deref(), Some("2024-01-01 00:01:40+00"));
    // By bytes: upper case before lower case.
    let word = source.profile_cursor("public.p", "word").await.unwrap();
    assert_eq!((word.minimum.as_deref(), word.maximum.as_deref()), (Some("@"), Some("y")));
    let key = async |stream: &str, columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        source.profile_key(stream, &columns).await.unwrap()
    };
    assert!(key("public.p", &["id"]).await.enforced);
    let pair = key("public.p", &["a", "b"]).await;
    assert_eq!((pair.rows, pair.nulls, pair.duplicates, pair.enforced), (1000, 0, 0, false));
    assert_eq!(key("public.v", &["a"]).await.duplicates, 499);
    assert_eq!(key("public.p", &["at"]).await.nulls, 3);
    let log = source.cdc_readiness("public.p").await.unwrap();
    assert!(!log.ready && log.reason.unwrap().contains("this version does not read"));
    let log = source.cdc_readiness("public.v").await.unwrap();
    assert!(log.reason.unwrap().contains("only permanent tables"));
}

#[tokio::test]
async fn wide_tables_and_strange_names_are_read() {
    let database = Database::create().await;
    let columns: Vec<String> = (0..1598).map(|index| format!("c{index} int")).collect();
    let long = "ä".repeat(31) + "x";
    database
        .run(&format!(
            "create table wide ({}); insert into wide (c0, c1597) values (1, 2); create schema \"Sel\"\"ect\"; \
             create table \"Sel\"\"ect\".\"{long}\" (\"from\" int, \"{long}\" int); \
             insert into \"Sel\"\"ect\".\"{long}\" values (3, 4)",
            columns.join(", ")
        ))
        .await;
    let (said, _) = super::copy(&*database.source(), "public.wide", &*database.destination(), "wide").await;
    assert_eq!((said.rows(), said.batches[0].num_columns()), (1, 1598));
    assert_eq!(database.text("select c0 + c1597 from copy.wide").await, "3");
    let stream = format!("Sel\"ect.{long}");
    super::copy(&*database.source(), &stream, &*database.destination(), &long).await;
    assert_eq!(database.text(&format!("select \"from\" + \"{long}\" from copy.\"{long}\"")).await, "7");
}

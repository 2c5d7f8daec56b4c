//! Every type, PostgreSQL to PostgreSQL, exact to the byte of the row's text; and values against the server's own arithmetic.

use arrow::array::AsArray as _;
use arrow::datatypes::{Date32Type, Decimal128Type, Time64MicrosecondType, TimestampMicrosecondType};
use towpath::connectors::{Fidelity, LogicalType};

use super::{Database, copy, read_all, target};

const MESSY: &str = r#"
create extension hstore; create extension citext;
create type mood as enum ('sad', 'ok', 'hap''py');
create type pair as (a int, b text);
create type floatrange as range (subtype = float8);
create domain positive as integer check (value > 0);
create domain money_like as numeric(8,3);
create domain moods as mood;
create table "Messy Table" (
  id bigint generated always as identity primary key,
  b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision,
  n numeric, n122 numeric(12,2), n38 numeric(38,10), n60 numeric(60,30), nneg numeric(3,-2), nfrac numeric(2,4),
  t text, v varchar(20), c char(5), c1 "char", nm name, ci citext,
  by bytea, u uuid, j json, jb jsonb, d date, tm time, tm3 time(3), ttz timetz, ts timestamp, ts0 timestamp(0),
  tz timestamptz, iv interval, ivd interval day to second(2), e mood, ia integer[], ta text[], n2 numeric(5,1)[], ma mood[],
  ip inet, ci4 cidr, mac macaddr, mac8 macaddr8, mo money, bi bit(3), bv bit varying(9), x xml, tv tsvector, tq tsquery,
  r4 int4range, rz tstzrange, mr nummultirange, fr floatrange, h hstore, p pair, pt point, pg polygon, o oid, lsn pg_lsn,
  dom positive, dm money_like, de moods,
  g integer generated always as (i2::int * 2) stored,
  "select" text, "Mixed""Quote" text, "dot.ted" text
);
insert into "Messy Table" (b) values (null);
insert into "Messy Table" values (default, true, -32768, -2147483648, -9223372036854775808, '-0', '-0',
  'NaN', -9999999999.99, '-1234567890123456789012345678.0123456789', '123456789012345678901234567890.123456789012345678901234567891', 12300, 0.0012,
  E'tab\t nl\n back\\ quote\' "dq" \U0001F600', 'x', 'ab', 'z', 'name', 'CaseD', '\x00ff10', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
  '{"b": 1,   "a": [1, 2.50, null], "a": "\u0000"}', '{"b": 1.10, "a": 123456789012345678901234567890.5}', '-infinity', '24:00:00', '12:34:56.789', '23:59:59.999999-12:30',
  'infinity', '2024-02-29 12:00:00', '-infinity', '-1 year 2 mons -3 days 04:05:06.000007', '1 02:03:04.56', 'hap''py', '{1,NULL,3}', '{"a,b","NULL",NULL,"q\"t","\\",""}', '{}', '{sad,ok}',
  '192.168.1.1', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '-12345.67', b'101', b'1', '<a>é</a>', 'a fat cat:3', 'fat & (rat | cat)',
  '[1,10)', '(2024-01-01 00:00:00+00,)', '{[1,2),(3.5,4]}', '[0.1,0.2]', 'a=>1, "b c"=>NULL', row(1, 'x,"y"'), '(1.5,-2)', '((0,0),(1,1),(1,0))', 4294967295, '16/B374D848',
  7, 1.5, 'sad', default, 'kw', 'q', 'd');
insert into "Messy Table" values (default, false, 32767, 2147483647, 9223372036854775807, 'NaN', 'NaN',
  'Infinity', 0, '0.0000000001', 0.000000000000000000000000000001, -99900, -0.0099,
  '', '', '', '', '', '', '', '00000000-0000-0000-0000-000000000000', 'null', 'null', '4714-11-24 BC', '00:00:00', '00:00:00', '00:00:00+00',
  '0001-01-01 00:00:00 BC', 'infinity', '4714-11-24 00:00:00+00 BC', '178000000 years', '-1 days', 'ok', '{{1,2},{3,4}}', '[2:3]={x,y}', '{1.0,NULL}', '{}',
  '::1/64', '2001:db8::/32', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00:00:00', '92233720368547758.07', b'000', b'', '', '', '',
  'empty', 'empty', '{}', 'empty', '', row(null, null), '(Infinity,NaN)', '((0,0))', 0, '0/0', 1, 0.001, 'ok', default, '', '', '');
insert into "Messy Table" (f4, f8, n, n122, t, v, d, ts, tz, tm, u, i4) values
  ('Infinity', '-Infinity', '-Infinity', 1.10, repeat('äöü€', 5000), repeat('€', 20), '5874897-12-31', '294246-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999+00', '23:59:59.999999', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1),
  (1.17549435e-38, 5e-324, 0.000000000000000000000000000000000000000000000001, 0.01, E'\u0001', 'b', '1969-12-31', '1969-12-31 23:59:59.999999', '1970-01-01 00:00:00.000001+00', '00:00:00.000001', gen_random_uuid(), null),
  (3.4028235e38, 1.7976931348623157e308, 1e130, -0.01, 'x', 'c', '2000-01-01', '2000-01-01', '2000-01-01 00:00:00+00', '12:00', gen_random_uuid(), 2),
  (0.1, 0.1, 100.00, 1, 'y', 'd', '1999-12-31', '1999-12-31 23:59:59.5', '2038-01-19 03:14:08+00', '01:02:03', gen_random_uuid(), 3);
"#;

const DIGEST: &str = "select md5(string_agg(r, E'\\n' order by r)) || count(*) from (select t::text as r from";

#[tokio::test]
async fn a_messy_table_arrives_exact_to_the_byte() {
    let (from, to) = (Database::create().await, Database::create().await);
    from.run(MESSY).await;
    let (source, destination) = (from.source(), to.destination());
    let (said, committed) = copy(&*source, "public.Messy Table", &*destination, "Messy Table").await;
    assert_eq!(said.rejected, vec![]);
    assert_eq!((said.end.as_ref().unwrap().rows, committed.rows), (7, 7));
    let original = from.text(&format!("{DIGEST} \"Messy Table\" t) x")).await;
    let copied = to.text(&format!("{DIGEST} copy.\"Messy Table\" t) x")).await;
    if original != copied {
        let described = source.describe("public.Messy Table").await.unwrap();
        for column in described.columns {
            let name = format!("\"{}\"", column.name.replace('"', "\"\""));
            let digest = format!("select string_agg(coalesce({name}::text, 'null'), E'|' order by id) from");
            let (a, b) = (
                from.text(&format!("{digest} \"Messy Table\"")).await,
                to.text(&format!("{digest} copy.\"Messy Table\"")).await,
            );
            assert_eq!(a, b, "column {name}");
        }
    }
    assert_eq!(original, copied);
    // Built-in types are spelled as they were.
    let spelled = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) \
         from pg_attribute where attnum > 0 and attrelid =";
    let built_in = " and atttypid < 10000";
    let original = from.text(&format!("{spelled} '\"Messy Table\"'::regclass {built_in}")).await;
    let copied = to.text(&format!("{spelled} 'copy.\"Messy Table\"'::regclass {built_in}")).await;
    for column in original.split(", ") {
        assert!(copied.contains(column), "{column}");
    }
    // What stands can be read back as what was sent.
    let columns = source.describe("public.Messy Table").await.unwrap().columns;
    let back = super::listen(destination.read_back(&target("Messy Table"), &columns, None).await.unwrap()).await;
    assert_eq!(back.end.as_ref().map(|end| end.rows), Some(7), "{:?}", back.error);
    let (sent, stands) = (&said.batches[0], &back.batches[0]);
    for (index, column) in columns.iter().enumerate() {
        assert_eq!(sent.column(index), stands.column(index), "{}", column.name);
    }
}

#[tokio::test]
async fn values_are_what_the_server_says_they_are() {
    let database = Database::create().await;
    database
        .run(
            "create table v (d date, ts timestamp, tz timestamptz, tm time, n numeric(30,6), u uuid, iv interval, ip inet); \
             insert into v select '1899-02-28'::date + i * 337, timestamp '1582-10-04 11:11:11.000011' + i * interval '41 days 1.000001 s', \
             timestamptz '1883-11-18 12:03:57.999999+00' + i * interval '97 days', time '00:00' + i * interval '1.234567 s', \
             (i - 200) * 12345.678901, md5(i::text)::uuid, i * interval '1 mon 1.5 s', '10.0.0.0'::inet + i from generate_series(0, 400) i",
        )
        .await;
    let said = read_all(&*database.source(), "public.v").await;
    let batch = &said.batches[0];
    let client = database.client().await;
    client.batch_execute("set timezone = 'Asia/Kathmandu'").await.unwrap();
    let rows = client
        .query(
            "select d - date '1970-01-01', (extract(epoch from ts) * 1000000)::int8, (extract(epoch from tz) * 1000000)::int8, \
             (extract(epoch from tm) * 1000000)::int8, n::text, u::text, iv::text, host(ip) from v order by d",
            &[],
        )
        .await
        .unwrap();
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(batch.column(0).as_primitive::<Date32Type>().value(index), row.get::<_, i32>(0));
        assert_eq!(batch.column(1).as_primitive::<TimestampMicrosecondType>().value(index), row.get::<_, i64>(1));
        assert_eq!(batch.column(2).as_primitive::<TimestampMicrosecondType>().value(index), row.get::<_, i64>(2));
        assert_eq!(batch.column(3).as_primitive::<Time64MicrosecondType>().value(index), row.get::<_, i64>(3));
        assert_eq!(batch.column(4).as_primitive::<Decimal128Type>().value_as_string(index), row.get::<_, String>(4));
        for text in 5..8 {
            assert_eq!(batch.column(text).as_string::<i32>().value(index), row.get::<_, &str>(text));
        }
    }
    assert_eq!(rows.len(), 401);
}

#[tokio::test]
async fn what_a_type_cannot_hold_is_put_aside_with_its_row() {
    let database = Database::create().await;
    database
        .run(
            "create table odd (id int, n numeric(12,2), ts timestamp); \
             insert into odd values (1, 1.5, '2024-01-01'), (2, 'NaN', '2024-01-01'), (3, 2.5, '294276-12-31 23:59:59.999999')",
        )
        .await;
    let said = read_all(&*database.source(), "public.odd").await;
    assert_eq!(said.column(0), ["1"]);
    assert_eq!(said.end.as_ref().unwrap().rows, 1);
    let codes: Vec<&str> = said.rejected.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, ["not_a_number", "time_out_of_range"]);
    let row: serde_json::Value = serde_json::from_str(said.rejected[0].row.as_ref().unwrap()).unwrap();
    assert_eq!((&row["id"], &row["n"]), (&"2".into(), &"NaN".into()));
    assert!(said.rejected[0].reason.contains("`n`"));
    // Read as decimal text, NaN is a value like others.
    let mut config = database.config();
    config["numeric_columns"] = "text".into();
    let source = super::source(config);
    assert_eq!(source.describe("public.odd").await.unwrap().columns[1].data_type.logical, LogicalType::Numeric);
    let (said, _) = copy(&*source, "public.odd", &*database.destination(), "odd").await;
    assert_eq!(said.column(1), ["1.50", "NaN"]);
    assert_eq!(database.text("select string_agg(n::text, ' ' order by id) from copy.odd").await, "1.50 NaN");
    let spelled = "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'copy.odd'::regclass \
         and attname = 'n'";
    assert_eq!(database.text(spelled).await, "numeric(12,2)");
}

#[tokio::test]
async fn what_is_described_has_types_keys_comments_and_indexes() {
    let database = Database::create().await;
    database
        .run(
            "create type mood as enum ('a'); create domain ids as bigint; \
             create table parent (id ids, at timestamptz not null, note varchar(9), m mood, twice int generated always as (3) stored, \
               primary key (id, at)) partition by range (at); \
             create table child partition of parent for values from ('2024-01-01') to ('2025-01-01'); \
             comment on table parent is 'Orders; drop table x'; comment on column parent.note is 'a note'; create index on parent (note); \
             create view seen as select id, note from parent; create materialized view kept as select 1 as one; \
             create table hidden (x int)",
        )
        .await;
    let source = database.source();
    let listed = source.list().await.unwrap();
    let names: Vec<&str> = listed.iter().map(|summary| summary.stream.as_str()).collect();
    assert_eq!(names, ["public.hidden", "public.kept", "public.parent", "public.seen"]);
    assert!(listed.iter().all(|summary| summary.readable));
    let parent = source.describe("public.parent").await.unwrap();
    assert_eq!(parent.primary_key, ["id", "at"]);
    assert_eq!(parent.summary.comment.as_deref(), Some("Orders; drop table x"));
    let column = |name| parent.column(name).unwrap();
    assert_eq!(column("id").data_type.spelled, "bigint");
    assert!(column("id").indexed && column("note").indexed && !column("at").indexed);
    assert!(column("twice").generated && !column("at").nullable);
    assert_eq!(column("note").comment.as_deref(), Some("a note"));
    assert_eq!(column("m").data_type.logical, LogicalType::Enum);
    assert_eq!(column("m").data_type.spelled, "public.mood");
    let landing = database.destination().land(&column("m").data_type).unwrap();
    assert_eq!((landing.target_type.as_str(), landing.fidelity), ("text", Fidelity::Lossless));
    assert!(landing.note.unwrap().contains("public.mood"));
}

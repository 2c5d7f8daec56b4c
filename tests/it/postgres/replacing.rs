//! Replace: the old table stands until the last commit, and what hangs on it survives.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use towpath::connectors::{Column, ErrorKind, LogicalType, WriteMode, schema};

use super::{Database, column, commit, landed, write, write_request};

fn columns() -> Vec<Column> {
    vec![column("id", LogicalType::Int32)]
}

fn ids(ids: &[i32]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int32Array::from(ids.to_vec()));
    RecordBatch::try_new(schema::arrow_schema(&columns()), vec![ids]).unwrap()
}

const STANDS: &str = "select coalesce(string_agg(id::text, ' ' order by id), '') from copy.t";
const STAGES: &str = "select count(*) from pg_class where relname like '\\_towpath\\_stage%' and relkind = 'r'";

async fn replace(database: &Database, run: &str, rows: &[i32]) -> Result<(), towpath::connectors::ConnectorError> {
    let to = database.destination();
    let request = write_request("t", landed(&*to, &columns()), WriteMode::Replace, run);
    let mut writer = to.open(request).await?;
    assert_eq!(write(&mut writer, &ids(rows)).await, vec![]);
    writer.commit(commit(1, true)).await.map(|_| ())
}

#[tokio::test]
async fn the_old_table_stands_until_the_last_commit() {
    let database = Database::create().await;
    replace(&database, "run1", &[1, 2]).await.unwrap();
    assert_eq!(database.text(STANDS).await, "1 2");
    let to = database.destination();
    let request = write_request("t", landed(&*to, &columns()), WriteMode::Replace, "run2");
    let mut writer = to.open(request.clone()).await.unwrap();
    assert_eq!(writer.committed().await.unwrap().unwrap().run, "run1");
    write(&mut writer, &ids(&[3])).await;
    writer.commit(commit(1, false)).await.unwrap();
    write(&mut writer, &ids(&[4])).await;
    assert_eq!(database.text(STANDS).await, "1 2");
    drop(writer);
    // A run that goes on finds its committed rows, and only those.
    let mut writer = to.open(request.clone()).await.unwrap();
    let committed = writer.committed().await.unwrap().unwrap();
    assert_eq!((committed.run.as_str(), committed.epoch.0, committed.rows, committed.last), ("run2", 1, 1, false));
    write(&mut writer, &ids(&[5])).await;
    let last = writer.commit(commit(2, true)).await.unwrap();
    assert_eq!((database.text(STANDS).await.as_str(), last.rows), ("3 5", 2));
    assert_eq!(writer.commit(commit(2, true)).await.unwrap(), last, "repeated at once");
    drop(writer);
    let mut writer = to.open(request).await.unwrap();
    write(&mut writer, &ids(&[5])).await;
    assert_eq!(writer.commit(commit(2, true)).await.unwrap(), last, "repeated");
    drop(writer);
    assert_eq!(database.text(STANDS).await, "3 5");
    assert_eq!(database.text(STAGES).await, "0");
}

#[tokio::test]
async fn an_abandoned_attempt_leaves_nothing_to_the_next_run() {
    let database = Database::create().await;
    let to = database.destination();
    let open =
        async |run: &str| to.open(write_request("t", landed(&*to, &columns()), WriteMode::Replace, run)).await.unwrap();
    let mut writer = open("run1").await;
    write(&mut writer, &ids(&[1])).await;
    writer.commit(commit(1, false)).await.unwrap();
    drop(writer);
    assert_eq!(to.describe(&super::target("t")).await.unwrap(), None, "nothing is visible yet");
    let mut writer = open("run2").await;
    assert_eq!(writer.committed().await.unwrap(), None);
    write(&mut writer, &ids(&[2])).await;
    writer.commit(commit(1, true)).await.unwrap();
    drop(writer);
    assert_eq!(database.text(STANDS).await, "2");
    assert_eq!(database.text(STAGES).await, "0");
    // A run without rows replaces too: the source is empty.
    let mut writer = open("run3").await;
    writer.commit(commit(1, true)).await.unwrap();
    drop(writer);
    assert_eq!(database.text(STANDS).await, "");
    database.run("drop table copy.t").await;
    assert_eq!(open("run4").await.committed().await.unwrap(), None);
}

#[tokio::test]
async fn grants_comments_keys_and_index_names_survive() {
    let database = Database::create().await;
    let role = format!("{}_analyst", database.name);
    database
        .run(&format!(
            "create role {role}; create schema copy; create table copy.t (id int primary key, unused text); alter table copy.t drop unused; \
             create index by_half on copy.t ((id / 2)); comment on table copy.t is 'It''s ours'; \
             comment on column copy.t.id is 'the id'; grant select, insert on copy.t to {role} with grant option; grant select on copy.t to public"
        ))
        .await;
    let about = "select jsonb_build_object('acl', c.relacl::text, 'comment', obj_description(c.oid), 'column', col_description(c.oid, \
         (select attnum from pg_attribute where attrelid = c.oid and attname = 'id')), 'indexes', \
         (select array_agg(pg_get_indexdef(indexrelid) order by 1) from pg_index where indrelid = c.oid)) \
         from pg_class c where c.oid = 'copy.t'::regclass";
    let before = database.text(about).await;
    let oid = database.text("select 'copy.t'::regclass::oid").await;
    replace(&database, "run1", &[1, 2]).await.unwrap();
    assert_eq!(database.text(about).await, before);
    assert_ne!(database.text("select 'copy.t'::regclass::oid").await, oid, "exchanged");
    replace(&database, "run2", &[1, 2, 3]).await.unwrap();
    assert_eq!(database.text(about).await, before);
    assert_eq!(database.text(STANDS).await, "1 2 3");
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn a_table_with_dependents_stays_and_is_refilled() {
    let database = Database::create().await;
    for dependent in [
        "create view copy.seen as select id from copy.t",
        "create materialized view copy.kept as select id from copy.t",
        "create table copy.other (t_id int references copy.t)",
        "create function copy.f() returns trigger language plpgsql as 'begin return new; end'; \
         create trigger tr before insert on copy.t for each row execute function copy.f()",
        "alter table copy.t enable row level security; create policy p on copy.t using (true)",
        "create publication pub for table copy.t",
        "grant select (id) on copy.t to public",
        "create table copy.heir () inherits (copy.t)",
    ] {
        let setup = format!(
            "create schema copy; create table copy.t (id int primary key); insert into copy.t values (1); {dependent}"
        );
        database.run(&setup).await;
        let oid = database.text("select 'copy.t'::regclass::oid").await;
        replace(&database, "run1", &[2, 3]).await.unwrap_or_else(|error| panic!("{dependent}: {error:?}"));
        assert_eq!(database.text(STANDS).await, "2 3", "{dependent}");
        assert_eq!(database.text("select 'copy.t'::regclass::oid").await, oid, "{dependent}");
        assert_eq!(database.text(STAGES).await, "0", "{dependent}");
        database.run("drop publication if exists pub; drop schema copy cascade").await;
    }
    // A row that others still refer to cannot go; then nothing goes.
    database
        .run(
            "create schema copy; create table copy.t (id int primary key); insert into copy.t values (1); \
             create table copy.other (t_id int references copy.t); insert into copy.other values (1)",
        )
        .await;
    assert_eq!(replace(&database, "run1", &[2]).await.unwrap_err().kind, ErrorKind::BadData);
    assert_eq!(database.text(STANDS).await, "1");
    // A serial column's sequence belongs to the old table and is needed by the new one.
    database.run("drop schema copy cascade; create schema copy; create table copy.t (id serial)").await;
    replace(&database, "run1", &[7]).await.unwrap();
    assert_eq!(database.text(STANDS).await, "7");
}

#[tokio::test]
async fn other_columns_and_types_replace_the_old_ones_unless_something_hangs_on_them() {
    let database = Database::create().await;
    database
        .run("create schema copy; create table copy.t (id text, gone int); insert into copy.t values ('x', 1)")
        .await;
    replace(&database, "run1", &[1]).await.unwrap();
    let shape = "select string_agg(attname || ' ' || atttypid::regtype, ', ') from pg_attribute \
         where attrelid = 'copy.t'::regclass and attnum > 0 and not attisdropped";
    assert_eq!(database.text(shape).await, "id integer");
    database
        .run(
            "drop table copy.t; create table copy.t (id timestamptz, gone int); insert into copy.t values (now(), 1); \
             create view copy.seen as select * from copy.t",
        )
        .await;
    let error = replace(&database, "run2", &[1]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadData);
    assert!(error.message.contains("`id`"), "{}", error.message);
    assert_eq!(database.text("select count(*) from copy.t where gone = 1").await, "1");
}

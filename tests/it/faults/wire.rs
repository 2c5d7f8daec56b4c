//! A database that goes away in the middle, as source and as destination, at random points: the run comes back and ends
//! with exactly the source's rows, or fails and says so. It never takes the break for the end.
#![expect(clippy::print_stdout, reason = "the seed must be seen")]

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use towpath::events::RunPhase;

use super::unruly::{Manner, Unruly};
use super::{modes, of};
use crate::postgres::Database;
use crate::server::chaos;
use crate::systems::{Kind, System};
use crate::yard::{Yard, person};

const ROWS: usize = 3_000;
const SHOWN: [&str; 3] = ["id", "name", "changed"];

fn rows() -> Vec<String> {
    (1..=ROWS)
        .map(|id| {
            format!("({id}, '{id:060}', {})", if id % 11 == 0 { "null".to_owned() } else { (id / 5).to_string() })
        })
        .collect()
}

async fn fill(shop: &System) -> Vec<String> {
    shop.fill("items", "id bigint primary key, name text, changed bigint", &rows()).await;
    shop.rows("items", &SHOWN).await.unwrap()
}

fn at(system: &System, port: u16) -> (&'static str, Value) {
    let (connector, mut config) = system.at(port);
    config["silence_timeout"] = 1.into();
    config["connect_timeout"] = 3.into();
    (connector, config)
}

/// One run of each mode over a wire to a server that breaks three times.
async fn broken_and_whole(server: Kind, unruly_source: bool) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut luck = StdRng::seed_from_u64(seed);
    let mut cases = Vec::new();
    for (name, mode) in modes() {
        for _ in 0..chaos(2) {
            let breaks: Vec<(u64, Manner)> = (0..3)
                .map(|_| {
                    let manner = match luck.random_range(0..5) {
                        0 | 1 => Manner::Cut,
                        2 | 3 => Manner::Reset,
                        _ => Manner::Stall,
                    };
                    (luck.random_range(2_000..if unruly_source { 300_000 } else { 500_000 }), manner)
                })
                .collect();
            cases.push(one((name, mode.clone()), breaks, server, unruly_source));
        }
    }
    // The server waits with the dropping of a database for sessions of others: they go when all is over.
    let (met, _systems): (Vec<usize>, Vec<_>) = futures::future::join_all(cases).await.into_iter().unzip();
    let met: usize = met.into_iter().sum();
    let end = if unruly_source { "source" } else { "destination" };
    println!("TALLY breaks of the wire to the {end}: {met}");
    assert!(met >= 10, "seed {seed}: only {met} breaks were met");
}

/// Answers how many breaks the run met, and the systems.
async fn one(
    (name, mode): (&str, Value),
    breaks: Vec<(u64, Manner)>,
    server: Kind,
    unruly_source: bool,
) -> (usize, (System, System, tempfile::TempDir)) {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let count = breaks.len();
    let what = format!("{name}, {breaks:?}");
    let (shop, target) = (
        System::create(&yard, "shop", if unruly_source { server } else { Kind::Sqlite }).await,
        System::create(&yard, "target", if unruly_source { Kind::Sqlite } else { server }).await,
    );
    let due = fill(&shop).await;
    let system = if unruly_source { &shop } else { &target };
    let wire = Unruly::start(system.address(), Vec::new()).await;
    let (connector, config) = at(system, wire.port);
    yard.connect("unruly", connector, config).await;
    let (from, to) = if unruly_source { ("unruly", "target") } else { ("shop", "unruly") };
    let mut plan = of(from, to, (&shop.stream("items"), "items"), &mode);
    plan["options"] = json!({"batch_rows": 100});
    let pipeline = yard.pipeline(plan).await;
    wire.set(breaks);
    let (run, phase) = yard.run(pipeline).await;
    let shown = yard.show(run).await;
    assert_eq!(phase, RunPhase::Completed, "{what}: {:?}", shown.error);
    let receipt = yard.receipt(run).await["streams"][0].clone();
    assert_eq!(receipt["verdict"], "counted", "{what}: {receipt}");
    let stand = target.rows("items", &SHOWN).await.unwrap();
    assert!(stand == due, "{what}: {} rows of {}", stand.len(), due.len());
    (count - wire.left(), (shop, target, folder))
}

#[tokio::test]
async fn a_source_that_breaks_off_is_read_to_its_true_end() {
    broken_and_whole(Kind::Postgres, true).await;
}

#[tokio::test]
async fn a_destination_that_breaks_off_holds_every_row_once() {
    broken_and_whole(Kind::Postgres, false).await;
}

#[tokio::test]
async fn a_mysql_source_that_breaks_off_is_read_to_its_true_end() {
    broken_and_whole(Kind::MySql, true).await;
}

#[tokio::test]
async fn a_mysql_destination_that_breaks_off_holds_every_row_once() {
    broken_and_whole(Kind::MySql, false).await;
}

#[tokio::test]
async fn a_silent_wire_is_given_up_and_a_busy_server_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) =
        (System::create(&yard, "shop", Kind::Postgres).await, System::create(&yard, "target", Kind::Sqlite).await);
    // Nothing comes for four seconds: the server is at work, as it says when it is asked.
    shop.run("create view slow as select i as id, 'a'::text as name from generate_series(1, 3) i, lateral (select pg_sleep(1.4 + i * 0)) s order by 1")
        .await;
    let wire = Unruly::start(shop.database().address(), Vec::new()).await;
    let (connector, config) = at(&shop, wire.port);
    yard.connect("unruly", connector, config).await;
    let mut plan = of("unruly", "target", ("public.slow", "items"), &json!({"read": "full", "write": "append"}));
    plan["options"] = json!({"verify": "none"});
    let pipeline = yard.pipeline(plan).await;
    let (run, phase) = yard.run(pipeline).await;
    assert_eq!(phase, RunPhase::Completed, "{:?}", yard.show(run).await.error);
    let lines =
        towpath::store::run_logs::after(yard.workspace.store.pool(), &run.to_string(), 0, None, 100).await.unwrap();
    assert!(!lines.iter().any(|line| line.message.contains("failed")), "{lines:?}");
    assert_eq!(target.rows("items", &["id"]).await.unwrap(), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_run_over_a_silent_wire_is_cancelled_within_five_seconds() {
    for (server, unruly_source) in
        [(Kind::Postgres, true), (Kind::Postgres, false), (Kind::MySql, true), (Kind::MySql, false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::open(folder.path()).await;
        let (from, to) = if unruly_source { (server, Kind::Sqlite) } else { (Kind::Sqlite, server) };
        let (shop, target) = (System::create(&yard, "shop", from).await, System::create(&yard, "target", to).await);
        let due = fill(&shop).await;
        let system = if unruly_source { &shop } else { &target };
        let wire = Unruly::start(system.address(), Vec::new()).await;
        let (connector, mut config) = at(system, wire.port);
        config["silence_timeout"] = 60.into();
        yard.connect("unruly", connector, config).await;
        let (source, destination) = if unruly_source { ("unruly", "target") } else { ("shop", "unruly") };
        let pipeline = yard.pipeline(of(source, destination, (&shop.stream("items"), "items"), &modes()[0].1)).await;
        wire.set(vec![(120_000, Manner::Stall)]);
        let run = yard.start(pipeline).await;
        while wire.left() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!yard.show(run).await.phase.is_final());
        let asked = Instant::now();
        yard.runner.cancel(run, &person()).await.unwrap();
        assert_eq!(yard.runner.wait(run).await, RunPhase::Cancelled);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        // The next run is not in the way of what hung, and brings everything.
        wire.set(Vec::new());
        yard.completed(pipeline).await;
        assert!(target.rows("items", &SHOWN).await.unwrap() == due);
    }
}

#[tokio::test]
async fn a_destination_that_never_answers_fails_the_run_in_time_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) =
        (System::create(&yard, "shop", Kind::Sqlite).await, System::create(&yard, "target", Kind::Postgres).await);
    let due = fill(&shop).await;
    let wire = Unruly::start(target.database().address(), Vec::new()).await;
    let (connector, mut config) = at(&target, wire.port);
    config["connect_timeout"] = 1.into();
    yard.connect("unruly", connector, config).await;
    let pipeline = yard.pipeline(of("shop", "unruly", ("items", "items"), &modes()[1].1)).await;
    // Every connection falls silent after a few bytes.
    wire.set(vec![(1_500, Manner::Stall); 200]);
    let began = Instant::now();
    let (run, phase) = yard.run(pipeline).await;
    assert_eq!(phase, RunPhase::Failed);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    let error = yard.show(run).await.error.unwrap();
    assert_eq!(error.kind, "unreachable");
    assert!(error.hint.is_some() && !error.message.contains("items'"), "{error:?}");
    wire.set(Vec::new());
    yard.completed(pipeline).await;
    assert!(target.rows("items", &SHOWN).await.unwrap() == due);
}

/// Ends every session of ours in a database, whatever it is doing.
async fn terminate(database: &Database) -> i64 {
    let ended = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where application_name = 'towpath' and datname = current_database()";
    database.client().await.query_one(ended, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn sessions_that_the_server_ends_at_random_lose_no_row() {
    let mut cases = Vec::new();
    for (name, mode) in modes() {
        cases.push(async move {
            let folder = tempfile::tempdir().unwrap();
            let yard = Yard::open(folder.path()).await;
            let (shop, target) = (
                System::create(&yard, "shop", Kind::Postgres).await,
                System::create(&yard, "target", Kind::Postgres).await,
            );
            let due = fill(&shop).await;
            let mut plan = of("shop", "target", ("public.items", "items"), &mode);
            plan["options"] = json!({"batch_rows": 50});
            let pipeline = yard.pipeline(plan).await;
            let run = yard.start(pipeline).await;
            let mut struck = 0;
            for round in 0..4 {
                tokio::time::sleep(Duration::from_millis(rand::rng().random_range(20..400))).await;
                struck += terminate(if round % 2 == 0 { shop.database() } else { target.database() }).await;
            }
            assert_eq!(yard.runner.wait(run).await, RunPhase::Completed, "{name}: {:?}", yard.show(run).await.error);
            assert!(target.rows("items", &SHOWN).await.unwrap() == due, "{name}");
            (struck, (shop, target, folder))
        });
    }
    let (struck, _systems): (Vec<i64>, Vec<_>) = futures::future::join_all(cases).await.into_iter().unzip();
    let struck: i64 = struck.into_iter().sum();
    assert!(struck > 3, "only {struck} sessions were struck");
}

#[tokio::test]
async fn ranges_whose_snapshot_is_lost_are_read_anew_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::open(folder.path()).await;
    let (shop, target) =
        (System::create(&yard, "shop", Kind::Postgres).await, System::create(&yard, "target", Kind::DuckDb).await);
    // Above the size from which a table is cut into ranges.
    shop.run("create table items as select i as id, repeat(md5(i::text), 8) as name from generate_series(1, 260000) i")
        .await;
    let mut plan = of("shop", "target", ("public.items", "items"), &json!({"read": "full", "write": "replace"}));
    plan["options"] = json!({"parallelism": 4, "batch_rows": 2_000});
    let pipeline = yard.pipeline(plan).await;
    // The one that exported the snapshot stays idle in its transaction; then a reader.
    let exporter = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'towpath' \
         and datname = current_database() and query like '%pg_export_snapshot%'";
    let reader = "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity where \
         application_name = 'towpath' and datname = current_database() and query like 'copy%ctid%' limit 1) s";
    let run = yard.start(pipeline).await;
    for strike in [exporter, reader] {
        let client = shop.database().client().await;
        for _ in 0..2_000 {
            let struck: i64 = client.query_one(strike, &[]).await.unwrap().get(0);
            if struck > 0 {
                break;
            }
            assert!(!yard.show(run).await.phase.is_final(), "the run ended before it was struck");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(yard.runner.wait(run).await, RunPhase::Completed, "{:?}", yard.show(run).await.error);
    let lines =
        towpath::store::run_logs::after(yard.workspace.store.pool(), &run.to_string(), 0, None, 100).await.unwrap();
    assert!(lines.iter().any(|line| line.message.starts_with("Attempt 1 failed")), "{lines:?}");
    let ids = target.rows("items", &["id"]).await.unwrap();
    let distinct: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (260_000, 260_000));
}

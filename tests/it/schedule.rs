//! Schedules over the real store: fired once, made up for once, passed over when they must be.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use towpath::clock::Clock;
use towpath::events::RunPhase;
use towpath::ids::{PipelineId, RunId};
use towpath::plan::spec::{EverySpec, ScheduleSpec};
use towpath::runner::record;
use towpath::schedule::{self, Fired, Scheduler};
use towpath::store::runs::RunQuery;
use towpath::store::{self, Store};

use crate::postgres::Database;
use crate::server::postgres_url;
use crate::yard::{Yard, spec};

const START: &str = "2026-11-20T10:00:30Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn yard(folder: &std::path::Path, store: Store, clock: &Clock) -> (Yard, PipelineId) {
    let yard = Yard::over(folder, store, clock.clone());
    let (shop, _target) = (yard.sqlite("shop").await, yard.sqlite("target").await);
    shop.execute_batch("create table items (id integer primary key); insert into items values (1), (2)").unwrap();
    let mut plan: Value = spec("shop", "target", json!({"stream": "items", "read": "full", "write": "replace"}));
    plan["schedule"] = json!({"cron": "*/5 * * * *"});
    let pipeline = yard.pipeline(plan).await;
    (yard, pipeline)
}

fn scheduler(yard: &Yard) -> Scheduler {
    Scheduler::new(yard.workspace.clone(), yard.runner.clone(), yard.tasks.clone())
}

async fn ended(yard: &Yard, fired: &Fired) {
    let Fired::Started { run, .. } = fired else { panic!("{fired:?}") };
    assert_eq!(yard.runner.wait(*run).await, RunPhase::Completed);
    assert_eq!(yard.show(*run).await.trigger, "schedule");
}

async fn next_fire(yard: &Yard, pipeline: PipelineId) -> Option<String> {
    let row = store::schedules::get(yard.workspace.store.pool(), &pipeline.to_string()).await.unwrap();
    row.and_then(|row| row.next_fire)
}

/// Makes a run look as if it had not ended yet, or as if it had.
async fn set_ended(yard: &Yard, run: RunId, ended: bool) {
    sqlx::query("update runs set finished_at = $2 where id = $1")
        .bind(run.to_string())
        .bind(ended.then(|| START.to_owned()))
        .execute(yard.workspace.store.pool())
        .await
        .unwrap();
}

/// The whole story, on both kinds of store.
async fn story(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(at(START));
    let (yard, pipeline) = yard(folder.path(), store, &clock).await;
    let scheduler = scheduler(&yard);
    assert_eq!(scheduler.fire_due().await.unwrap(), []);
    clock.set(at("2026-11-20T10:05:00Z"));
    let [fired] = scheduler.fire_due().await.unwrap().try_into().unwrap();
    ended(&yard, &fired).await;
    assert_eq!(scheduler.fire_due().await.unwrap(), [], "once is enough");
    assert_eq!(next_fire(&yard, pipeline).await.as_deref(), Some("2026-11-20T10:10:00.000000Z"));

    // Nobody was there for an hour: one run stands for all.
    clock.set(at("2026-11-20T11:07:00Z"));
    let [fired] = scheduler.fire_due().await.unwrap().try_into().unwrap();
    ended(&yard, &fired).await;
    assert_eq!(next_fire(&yard, pipeline).await.as_deref(), Some("2026-11-20T11:10:00.000000Z"));
    let Fired::Started { run, .. } = fired else { unreachable!() };
    let lines = store::run_logs::tail(yard.workspace.store.pool(), &run.to_string(), 50).await.unwrap();
    assert!(lines.iter().any(|line| line.message.contains("11 fires")), "{lines:?}");

    // A run that has not ended: the fire is passed over, and said.
    let (run, _) = yard.run(pipeline).await;
    set_ended(&yard, run, false).await;
    clock.set(at("2026-11-20T11:10:00Z"));
    let fired = scheduler.fire_due().await.unwrap();
    assert_eq!(fired, [Fired::StillRunning { pipeline, run }]);
    let audit = store::audit::list(yard.workspace.store.pool(), "main", None, 10).await.unwrap();
    assert!(audit.iter().any(|row| row.action == "schedule.skipped" && row.actor == schedule::ACTOR), "{audit:?}");
    set_ended(&yard, run, true).await;

    // Paused: fires pass, and none is made up for.
    let stamp = store::stamp(clock.now());
    store::pipelines::set_paused(yard.workspace.store.pool(), &pipeline.to_string(), true, &stamp).await.unwrap();
    clock.set(at("2026-11-20T12:01:00Z"));
    assert_eq!(scheduler.fire_due().await.unwrap(), [Fired::Passed { pipeline }]);
    store::pipelines::set_paused(yard.workspace.store.pool(), &pipeline.to_string(), false, &stamp).await.unwrap();
    assert_eq!(scheduler.fire_due().await.unwrap(), []);

    // Another schedule, and none.
    let every = ScheduleSpec::Every(EverySpec { every: "PT6H".to_owned() });
    schedule::set(&yard.workspace, pipeline, Some(&every)).await.unwrap();
    assert_eq!(next_fire(&yard, pipeline).await.as_deref(), Some("2026-11-20T18:01:00.000000Z"));
    clock.set(at("2026-11-21T08:00:00Z"));
    let [fired] = scheduler.fire_due().await.unwrap().try_into().unwrap();
    ended(&yard, &fired).await;
    assert_eq!(next_fire(&yard, pipeline).await.as_deref(), Some("2026-11-21T12:01:00.000000Z"), "the rhythm is kept");
    schedule::set(&yard.workspace, pipeline, None).await.unwrap();
    clock.set(at("2026-11-25T08:00:00Z"));
    assert_eq!(scheduler.fire_due().await.unwrap(), []);
    yard.tasks.shut_down().await;
}

#[tokio::test]
async fn a_schedule_lives_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    story(Store::open_folder(folder.path()).await.unwrap()).await;
}

#[tokio::test]
async fn a_schedule_lives_on_postgres() {
    let database = Database::create().await;
    let url = url::Url::parse(&postgres_url()).unwrap();
    let mut url = url;
    url.set_path(&database.name);
    story(Store::open(url.as_str()).await.unwrap()).await;
}

#[tokio::test]
async fn two_processes_fire_a_schedule_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(at(START));
    let (one, pipeline) = yard(folder.path(), Store::open_folder(folder.path()).await.unwrap(), &clock).await;
    let two = Yard::over(folder.path(), Store::open_folder(folder.path()).await.unwrap(), clock.clone());
    let (first, second) = (scheduler(&one), scheduler(&two));
    for minute in 1..=10 {
        clock.set(at(START) + chrono::Duration::minutes(5 * minute));
        let (a, b) = tokio::join!(first.fire_due(), second.fire_due());
        let fired: Vec<Fired> = a.unwrap().into_iter().chain(b.unwrap()).collect();
        let started: Vec<&Fired> = fired.iter().filter(|fired| matches!(fired, Fired::Started { .. })).collect();
        assert_eq!(started.len(), 1, "{fired:?}");
        ended(&one, started[0]).await;
    }
    let query = RunQuery { pipeline: Some(pipeline.to_string()), limit: 100, ..RunQuery::default() };
    assert_eq!(record::list(&one.workspace, &query).await.unwrap().len(), 10);
    one.tasks.shut_down().await;
    two.tasks.shut_down().await;
}

//! Plans, pipelines, schedules, runs and what runs leave.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use towpath::store::checkpoints::{self, CheckpointRow};
use towpath::store::pipelines::{self, PipelineRow};
use towpath::store::plans::{self, PlanRow};
use towpath::store::quarantine::{self, QuarantineQuery, QuarantineRow};
use towpath::store::run_logs::{self, LogRow};
use towpath::store::runs::{self, Advance, NewRun, RunQuery};
use towpath::store::{Store, schedules};

use super::{MAIN, at};

on_both!(
    a_plan_is_offered_superseded_and_confirmed_once,
    a_pipeline_is_raised_only_from_the_version_that_was_seen,
    a_due_fire_is_taken_once,
    a_pipeline_has_one_run_alive,
    a_run_moves_only_from_the_version_that_was_seen,
    a_lease_belongs_to_one,
    ended_runs_are_found_by_their_talk,
    checkpoints_and_logs_keep_their_order,
    rejected_rows_after_a_commit_are_forgotten,
);

fn plan_row(id: &str, conversation: Option<&str>) -> PlanRow {
    PlanRow {
        id: id.to_owned(),
        conversation: conversation.map(str::to_owned),
        pipeline: None,
        digest: "d".to_owned(),
        document: r#"{"spec":{"name":"Bücher"}}"#.to_owned(),
        state: "proposed".to_owned(),
        confirmation: None,
        created_at: at(1),
    }
}

/// A plan and its pipeline of the same identity.
async fn pipeline(store: &Store, id: &str) -> PipelineRow {
    plans::insert(store.pool(), MAIN, &plan_row(id, None)).await.unwrap();
    let row = PipelineRow {
        id: id.to_owned(),
        name: format!("Pipeline {id}"),
        plan: id.to_owned(),
        version: 1,
        paused: false,
        deleted_at: None,
        created_at: at(1),
        updated_at: at(1),
    };
    pipelines::insert(store.pool(), MAIN, &row).await.unwrap();
    row
}

fn new_run(id: &str, pipeline: &str, conversation: Option<&str>) -> NewRun {
    NewRun {
        id: id.to_owned(),
        workspace: MAIN.to_owned(),
        pipeline: pipeline.to_owned(),
        plan: pipeline.to_owned(),
        cause: "confirm".to_owned(),
        caused_by: "ann".to_owned(),
        conversation: conversation.map(str::to_owned),
        state: "{}".to_owned(),
        phase: "queued".to_owned(),
        queued_at: at(1),
        lease_owner: "one".to_owned(),
        lease_until: at(5),
    }
}

fn ended(minute: u32) -> Advance {
    Advance {
        state: "{}".to_owned(),
        phase: "failed".to_owned(),
        error: Some(r#"{"kind":"auth"}"#.to_owned()),
        receipt: None,
        started_at: Some(at(2)),
        finished_at: Some(at(minute)),
    }
}

async fn a_plan_is_offered_superseded_and_confirmed_once(store: Store) {
    let db = store.pool();
    plans::insert(db, MAIN, &plan_row("1", Some("talk"))).await.unwrap();
    assert_eq!(plans::offered(db, MAIN, "talk").await.unwrap(), Some(plan_row("1", Some("talk"))));
    assert_eq!(plans::offered(db, "other", "talk").await.unwrap(), None);
    assert_eq!(plans::supersede_offered(db, MAIN, "talk").await.unwrap(), 1);
    assert_eq!(plans::offered(db, MAIN, "talk").await.unwrap(), None);
    plans::insert(db, MAIN, &plan_row("2", Some("talk"))).await.unwrap();
    let confirmed = (0..6).map(|_| plans::confirm(db, MAIN, "2", "p", "sealed"));
    let confirmed = futures::future::join_all(confirmed).await;
    assert_eq!(confirmed.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 1);
    assert!(!plans::withdraw(db, MAIN, "2", "dismissed").await.unwrap());
    assert!(!plans::confirm(db, MAIN, "1", "p", "sealed").await.unwrap());
    let row = plans::get(db, MAIN, "2").await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.pipeline.as_deref()), ("confirmed", Some("p")));
    plans::reseal(db, "2", "anew").await.unwrap();
    assert_eq!(plans::confirmations(db, MAIN).await.unwrap(), [("2".to_owned(), "anew".to_owned())]);
}

async fn a_pipeline_is_raised_only_from_the_version_that_was_seen(store: Store) {
    let db = store.pool();
    let row = pipeline(&store, "a").await;
    pipelines::add_version(db, "a", 1, "a", &at(1)).await.unwrap();
    assert_eq!(pipelines::get(db, MAIN, "a").await.unwrap(), Some(row.clone()));
    let raised = PipelineRow { version: 2, updated_at: at(2), ..row.clone() };
    assert!(pipelines::raise(db, &raised, 1).await.unwrap());
    assert!(!pipelines::raise(db, &raised, 1).await.unwrap());
    pipelines::add_version(db, "a", 2, "a", &at(2)).await.unwrap();
    let versions = pipelines::versions(db, "a").await.unwrap();
    assert_eq!(versions.len(), 2);
    assert!(pipelines::set_paused(db, "a", true, &at(3)).await.unwrap());
    assert!(pipelines::rename(db, "a", "Umbenannt", &at(4)).await.unwrap());
    let now = pipelines::by_name(db, MAIN, "Umbenannt").await.unwrap().unwrap();
    assert_eq!((now.paused, now.version), (true, 2));
    assert_eq!(pipelines::documents(db, MAIN).await.unwrap().len(), 1);
    assert!(pipelines::delete(db, "a", &at(5)).await.unwrap());
    assert!(pipelines::by_name(db, MAIN, "Umbenannt").await.unwrap().is_none());
    assert!(pipelines::all(db, MAIN).await.unwrap().iter().all(|row| row.deleted_at.is_some()));
}

async fn a_due_fire_is_taken_once(store: Store) {
    let db = store.pool();
    for id in ["a", "b"] {
        pipeline(&store, id).await;
    }
    pipelines::write_schedule(db, "a", "{}", Some(&at(5)), &at(1)).await.unwrap();
    pipelines::write_schedule(db, "b", "{}", Some(&at(3)), &at(1)).await.unwrap();
    let due = schedules::due(db, MAIN, &at(6), 9).await.unwrap();
    assert_eq!(due.iter().map(|row| row.pipeline.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(schedules::due(db, MAIN, &at(4), 9).await.unwrap().len(), 1);
    let (seen, next) = (at(5), at(20));
    let takes = (0..6).map(|_| schedules::take(db, "a", &seen, Some(&next), true));
    let takes = futures::future::join_all(takes).await;
    assert_eq!(takes.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
    let row = schedules::get(db, "a").await.unwrap().unwrap();
    assert_eq!((row.next_fire, row.last_fire, row.paused), (Some(at(20)), Some(at(5)), false));
    assert!(schedules::take(db, "b", &at(3), None, false).await.unwrap());
    assert_eq!(schedules::get(db, "b").await.unwrap().unwrap().last_fire, None);
    pipelines::write_schedule(db, "b", "{}", Some(&at(30)), &at(2)).await.unwrap();
    assert_eq!(schedules::get(db, "b").await.unwrap().unwrap().next_fire, Some(at(30)));
    pipelines::drop_schedule(db, "b").await.unwrap();
    assert_eq!(schedules::get(db, "b").await.unwrap(), None);
}

async fn a_pipeline_has_one_run_alive(store: Store) {
    let db = store.pool();
    pipeline(&store, "p").await;
    let started: Vec<NewRun> = (0..6).map(|number| new_run(&format!("r{number}"), "p", None)).collect();
    let inserts = futures::future::join_all(started.iter().map(|run| runs::insert(db, run))).await;
    assert_eq!(inserts.into_iter().filter(|inserted| *inserted.as_ref().unwrap()).count(), 1);
    let alive = runs::alive(db, "p").await.unwrap().unwrap();
    assert!(runs::advance(db, &alive, 1, &ended(3)).await.unwrap());
    assert_eq!(runs::alive(db, "p").await.unwrap(), None);
    assert!(runs::insert(db, &new_run("later", "p", None)).await.unwrap());
    assert_eq!(runs::count_by_phase(db, MAIN).await.unwrap(), [("failed".to_owned(), 1), ("queued".to_owned(), 1)]);
}

async fn a_run_moves_only_from_the_version_that_was_seen(store: Store) {
    let db = store.pool();
    pipeline(&store, "p").await;
    runs::insert(db, &new_run("r", "p", None)).await.unwrap();
    let to = |receipt: Option<&str>| Advance { receipt: receipt.map(str::to_owned), ..ended(3) };
    let steps = [to(None), to(None), to(None)];
    let moves = futures::future::join_all(steps.iter().map(|to| runs::advance(db, "r", 1, to))).await;
    assert_eq!(moves.into_iter().filter(|moved| *moved.as_ref().unwrap()).count(), 1);
    assert!(runs::advance(db, "r", 2, &to(Some(r#"{"rows":1}"#))).await.unwrap());
    assert!(runs::advance(db, "r", 3, &to(None)).await.unwrap());
    let row = runs::get(db, MAIN, "r").await.unwrap().unwrap();
    assert_eq!((row.version, row.has_receipt, row.started_at), (4, true, Some(at(2))));
    assert_eq!(runs::receipt(db, MAIN, "r").await.unwrap().as_deref(), Some(r#"{"rows":1}"#));
}

async fn a_lease_belongs_to_one(store: Store) {
    let db = store.pool();
    pipeline(&store, "p").await;
    runs::insert(db, &new_run("r", "p", None)).await.unwrap();
    assert!(!runs::claim(db, "r", "two", &at(4), &at(9)).await.unwrap());
    assert!(runs::claim(db, "r", "one", &at(4), &at(6)).await.unwrap());
    assert!(runs::abandoned(db, MAIN, &at(5)).await.unwrap().is_empty());
    assert_eq!(runs::abandoned(db, MAIN, &at(7)).await.unwrap().len(), 1);
    assert!(runs::claim(db, "r", "two", &at(7), &at(9)).await.unwrap());
    runs::release(db, "r", "one").await.unwrap();
    assert_eq!(runs::get(db, MAIN, "r").await.unwrap().unwrap().lease_owner.as_deref(), Some("two"));
    runs::release(db, "r", "two").await.unwrap();
    assert!(runs::advance(db, "r", 1, &ended(8)).await.unwrap());
    assert!(!runs::claim(db, "r", "one", &at(9), &at(10)).await.unwrap());
}

async fn ended_runs_are_found_by_their_talk(store: Store) {
    let db = store.pool();
    for (number, talk) in [(1, Some("here")), (2, Some("there")), (3, Some("here")), (4, None), (5, Some("here"))] {
        let id = format!("r{number}");
        pipeline(&store, &id).await;
        runs::insert(db, &new_run(&id, &id, talk)).await.unwrap();
        if number != 5 {
            runs::advance(db, &id, 1, &ended(number)).await.unwrap();
        }
    }
    let found = runs::ended_in(db, MAIN, "here", 9).await.unwrap();
    assert_eq!(found.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["r3", "r1"]);
    assert_eq!(runs::ended_in(db, MAIN, "here", 1).await.unwrap().len(), 1);
    assert!(runs::ended_in(db, "other", "here", 9).await.unwrap().is_empty());
    runs::set_progress(db, "r3", r#"{"s":{}}"#).await.unwrap();
    let query =
        RunQuery { phase: Some("failed".to_owned()), after: Some("r4".to_owned()), limit: 2, ..RunQuery::default() };
    let listed = runs::list(db, MAIN, &query).await.unwrap();
    assert_eq!(listed.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["r3", "r2"]);
    assert_eq!((listed[0].progress.as_str(), listed[0].pipeline_name.as_str()), (r#"{"s":{}}"#, "Pipeline r3"));
    assert_eq!(runs::receipt(db, MAIN, "r3").await.unwrap(), None);
}

async fn checkpoints_and_logs_keep_their_order(store: Store) {
    let db = store.pool();
    pipeline(&store, "p").await;
    runs::insert(db, &new_run("r", "p", None)).await.unwrap();
    for epoch in 1..=3 {
        let row = CheckpointRow {
            stream: "orders".to_owned(),
            epoch,
            cursor: Some("c".to_owned()),
            last: epoch == 3,
            rows: epoch * 10,
            at: at(1),
        };
        checkpoints::put(db, "r", &row).await.unwrap();
    }
    let kept = checkpoints::of_run(db, "r").await.unwrap();
    assert_eq!((kept.len(), kept[0].epoch, kept[0].rows, kept[0].last), (1, 3, 30, true));
    let line = |level: &str, message: String| LogRow {
        seq: 0,
        at: at(1),
        level: level.to_owned(),
        stage: "read".to_owned(),
        stream: None,
        message,
    };
    let lines: Vec<LogRow> =
        (0..10).map(|number| line(if number % 5 == 0 { "warn" } else { "info" }, format!("line {number}"))).collect();
    for done in futures::future::join_all(lines.iter().map(|line| run_logs::append(db, "r", line))).await {
        done.unwrap();
    }
    let all = run_logs::after(db, "r", 0, None, 99).await.unwrap();
    assert_eq!(all.iter().map(|line| line.seq).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(run_logs::after(db, "r", 0, Some("warn"), 99).await.unwrap().len(), 2);
    assert_eq!(run_logs::tail(db, "r", 3).await.unwrap(), all[7..]);
}

async fn rejected_rows_after_a_commit_are_forgotten(store: Store) {
    let db = store.pool();
    pipeline(&store, "p").await;
    runs::insert(db, &new_run("r", "p", None)).await.unwrap();
    for epoch in 1..=3 {
        let row = QuarantineRow {
            id: format!("q{epoch}"),
            run: "r".to_owned(),
            pipeline: "p".to_owned(),
            stream: "orders".to_owned(),
            epoch,
            position: "line 7".to_owned(),
            code: "bad_value".to_owned(),
            reason: "no number".to_owned(),
            row_text: Some("{\"a\":\"é\"}".to_owned()),
            at: at(1),
            replayed_at: None,
        };
        quarantine::insert(db, MAIN, &row).await.unwrap();
    }
    quarantine::mark_replayed(db, "q3", &at(2)).await.unwrap();
    quarantine::clear(db, "r", "orders", 1).await.unwrap();
    let query = QuarantineQuery { run: Some("r".to_owned()), limit: 9, ..QuarantineQuery::default() };
    let left = quarantine::list(db, MAIN, &query).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["q3", "q1"]);
    quarantine::set_reason(db, "q1", "other", "still no number").await.unwrap();
    let waiting = quarantine::waiting(db, MAIN, "r").await.unwrap();
    assert_eq!((waiting.len(), waiting[0].reason.as_str()), (1, "still no number"));
    assert_eq!(quarantine::get(db, MAIN, "q3").await.unwrap().unwrap().replayed_at, Some(at(2)));
}

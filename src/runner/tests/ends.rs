//! How runs end: by the source's word and nothing else, within seconds when cancelled, after a bounded number of tries.

use std::time::Duration;

use tokio::time::Instant;

use crate::connectors::LogicalType;
use crate::events::{Event, RunPhase};
use crate::plan::resolution::ResolvedWrite;
use crate::plan::spec::SchemaPolicy;
use crate::runner::fake::{CommitFault, POISON, STREAM, SourceFault, World, column, merge_by_id};
use crate::runner::state::RunState;

fn fill(world: &World, rows: i64) {
    for id in 1..=rows {
        world.source.insert(id, Some(id), "p");
    }
}

fn phases(world: &World) -> Vec<RunPhase> {
    let events = world.journal.events.lock().unwrap();
    events
        .iter()
        .filter_map(|event| match event {
            Event::RunMoved { phase, .. } => Some(*phase),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_run_goes_through_its_phases_and_says_so() {
    let world = World::incremental(ResolvedWrite::Append);
    fill(&world, 10);
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Completed);
    let expected = [RunPhase::Initializing, RunPhase::Analyzing, RunPhase::Transferring, RunPhase::Completed];
    assert_eq!(phases(&world), expected);
    let events = world.journal.events.lock().unwrap().clone();
    let Some(Event::RunFinished { receipt: Some(receipt), .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(*receipt, world.journal.receipt(run).unwrap());
    let last = events.iter().rev().find_map(|event| match event {
        Event::RunProgress { progress, .. } => Some(progress.clone()),
        _ => None,
    });
    let last = last.unwrap();
    assert!(last.done && last.rows_read == 10 && last.rows_written == 10 && last.percent == Some(100.0));
    let checkpoint = world.journal.checkpoint_of(run, STREAM).unwrap();
    assert!(checkpoint.last && checkpoint.rows == 10 && checkpoint.epoch.0 > 1);
}

#[tokio::test]
async fn a_read_that_never_says_that_it_ended_never_completes() {
    for fault in [SourceFault::EndSilently(2), SourceFault::LieAtEnd, SourceFault::Cut(2)] {
        for world in
            [World::full(ResolvedWrite::Replace), World::full(ResolvedWrite::Append), World::full(merge_by_id())]
        {
            fill(&world, 10);
            world.source.faults.lock().unwrap().extend([fault; 5]);
            let (run, phase) = world.run().await;
            assert_eq!(phase, RunPhase::Failed, "{fault:?}");
            let RunState::Failed { error } = world.journal.state(run) else { panic!() };
            assert_eq!((error.kind.as_str(), error.stream.as_deref()), ("unreachable", Some(STREAM)));
            assert_eq!(world.destination.rows(STREAM), []);
            assert_eq!(phases(&world).iter().filter(|phase| **phase == RunPhase::Retrying).count(), 4);
        }
    }
}

#[tokio::test]
async fn a_checkpoint_that_lands_counts_the_attempts_anew() {
    let world = World::incremental(ResolvedWrite::Append);
    fill(&world, 60);
    // Each attempt brings a little and breaks: more often than a run without progress may.
    world.source.faults.lock().unwrap().extend([SourceFault::Cut(4); 12]);
    let (_, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Completed);
    assert_eq!(world.destination.rows(STREAM).len(), 60);
}

#[tokio::test]
async fn a_cancel_ends_a_run_within_five_seconds_whatever_hangs() {
    for elsewhere in [false, true] {
        for (read, commit) in [(Some(SourceFault::Hang(3)), None), (None, Some(CommitFault::Hang))] {
            let world = World::incremental(ResolvedWrite::Append);
            fill(&world, 20);
            world.source.faults.lock().unwrap().extend(read);
            world.destination.faults.lock().unwrap().extend(commit);
            let run = world.journal.queue();
            let cancel = async {
                while world.journal.state(run).phase() != RunPhase::Transferring {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                if elsewhere {
                    world.journal.cancel_elsewhere(run);
                } else {
                    world.signals.cancel.cancel();
                }
                Instant::now()
            };
            let (phase, asked) = tokio::join!(world.drive(run), cancel);
            assert_eq!(phase.unwrap(), RunPhase::Cancelled);
            assert!(asked.elapsed() < Duration::from_secs(5));
            let moved = phases(&world);
            assert_eq!(moved.last(), Some(&RunPhase::Cancelled));
        }
    }
}

#[tokio::test]
async fn a_cancel_ends_the_wait_between_attempts() {
    let mut world = World::full(ResolvedWrite::Replace);
    world.wait = Duration::from_mins(1);
    fill(&world, 4);
    world.source.faults.lock().unwrap().extend([SourceFault::Cut(0); 5]);
    let run = world.journal.queue();
    let cancel = async {
        while world.journal.state(run).phase() != RunPhase::Retrying {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.signals.cancel.cancel();
    };
    let (phase, ()) = tokio::join!(world.drive(run), cancel);
    assert_eq!(phase.unwrap(), RunPhase::Cancelled);
}

#[tokio::test]
async fn a_shut_down_leaves_the_run_to_the_next_process() {
    let mut world = World::incremental(ResolvedWrite::Append);
    fill(&world, 20);
    world.source.faults.lock().unwrap().push_back(SourceFault::Hang(5));
    let run = world.journal.queue();
    let shut_down = async {
        while world.journal.state(run).phase() != RunPhase::Transferring {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.signals.shut_down.cancel();
    };
    let (phase, ()) = tokio::join!(world.drive(run), shut_down);
    assert_eq!(phase.unwrap(), RunPhase::Queued);
    world.signals = crate::runner::execution::Signals::default();
    assert_eq!(world.drive(run).await.unwrap(), RunPhase::Completed);
    assert_eq!(world.destination.rows(STREAM).len(), 20);
}

#[tokio::test]
async fn rejected_rows_are_kept_and_the_rest_arrives() {
    let mut world = World::full(ResolvedWrite::Replace);
    fill(&world, 8);
    world.source.insert(9, Some(9), POISON);
    world.source.faults.lock().unwrap().push_back(SourceFault::Reject);
    world.resolution.quarantine_max_rows = 2;
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Completed);
    let kept = world.journal.quarantined(run);
    let codes: Vec<&str> = kept.iter().map(|(_, row)| row.code.as_str()).collect();
    assert_eq!(codes, ["malformed_row", "poison"]);
    let stream = &world.journal.receipt(run).unwrap()["streams"][0];
    assert_eq!(
        (&stream["rows_read"], &stream["rows_written"], &stream["rows_quarantined"]),
        (&10.into(), &8.into(), &2.into())
    );
    assert_eq!(stream["verdict"], "counted");
}

#[tokio::test]
async fn more_rejected_rows_than_allowed_fail_the_run_before_they_are_committed() {
    let mut world = World::full(ResolvedWrite::Append);
    fill(&world, 8);
    for id in 9..=11 {
        world.source.insert(id, Some(id), POISON);
    }
    world.resolution.quarantine_max_rows = 2;
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Failed);
    assert_eq!(world.destination.rows(STREAM), []);
    let RunState::Failed { error } = world.journal.state(run) else { panic!() };
    assert!(error.message.contains("More than 2 rows"), "{}", error.message);
    assert!(!world.journal.quarantined(run).is_empty(), "they are evidence");
}

#[tokio::test]
async fn rows_rejected_in_a_commit_that_never_happened_are_not_kept_twice() {
    let world = World::full(ResolvedWrite::Append);
    fill(&world, 8);
    world.source.insert(9, Some(9), POISON);
    world.destination.faults.lock().unwrap().extend([CommitFault::Before, CommitFault::Before]);
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Completed);
    assert_eq!(world.journal.quarantined(run).len(), 1);
}

#[tokio::test]
async fn a_source_that_changed_is_followed_or_refused_before_a_row_is_read() {
    let mut world = World::full(ResolvedWrite::Replace);
    fill(&world, 3);
    world.source.columns.lock().unwrap().push(column("extra", LogicalType::Text));
    assert_eq!(world.run().await.1, RunPhase::Completed);
    assert!(world.destination.column_names(STREAM).contains(&"extra".to_owned()));
    world.stream().schema_policy = SchemaPolicy::Freeze;
    assert_eq!(world.run().await.1, RunPhase::Completed);
    assert!(!world.destination.column_names(STREAM).contains(&"extra".to_owned()));
    world.stream().schema_policy = SchemaPolicy::Pause;
    let reads = world.source.requests.lock().unwrap().len();
    assert_eq!(world.run().await.1, RunPhase::Failed);
    world.source.columns.lock().unwrap().truncate(1);
    world.stream().schema_policy = SchemaPolicy::Evolve;
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Failed);
    let RunState::Failed { error } = world.journal.state(run) else { panic!() };
    assert_eq!(error.kind, "bad_data");
    assert_eq!(world.source.requests.lock().unwrap().len(), reads);
    assert_eq!(world.destination.rows(STREAM).len(), 3, "what stood there stands");
}

#[tokio::test]
async fn a_table_that_vanished_is_read_from_its_beginning() {
    let world = World::incremental(ResolvedWrite::Append);
    fill(&world, 6);
    world.run().await;
    world.destination.drop_table(STREAM);
    assert_eq!(world.run().await.1, RunPhase::Completed);
    assert_eq!(world.destination.rows(STREAM).len(), 6);
}

#[tokio::test]
async fn other_settings_start_anew_and_the_same_ones_go_on() {
    let mut world = World::incremental(merge_by_id());
    fill(&world, 6);
    world.run().await;
    world.run().await;
    world.stream().columns.pop();
    world.stream().schema_policy = SchemaPolicy::Freeze;
    world.run().await;
    let requests = world.source.requests.lock().unwrap();
    let after: Vec<Option<i64>> =
        requests.iter().map(|request| request.after.as_ref().and_then(|cursor| cursor.0.as_i64())).collect();
    assert_eq!(after, [None, Some(6), None]);
}

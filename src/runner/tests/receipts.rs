//! What a receipt says, and that it never says what is not so.

use serde_json::{Value, json};

use crate::connectors::filter::{Filter, Literal};
use crate::events::RunPhase;
use crate::ids::RunId;
use crate::plan::resolution::ResolvedWrite;
use crate::plan::spec::Verify;
use crate::runner::fake::{CommitFault, STREAM, World, merge_by_id};
use crate::runner::receipt::is_genuine;
use crate::runner::state::RunState;
use crate::workspace::keys::SigningKey;

fn stream(world: &World, run: RunId) -> Value {
    world.journal.receipt(run).unwrap()["streams"][0].clone()
}

fn fill(world: &World, rows: i64) {
    for id in 1..=rows {
        world.source.insert(id, Some(id), "p");
    }
}

#[tokio::test]
async fn counts_are_right_across_retries_and_runs() {
    let world = World::incremental(ResolvedWrite::Append);
    fill(&world, 10);
    world.destination.faults.lock().unwrap().extend([CommitFault::None, CommitFault::After, CommitFault::Before]);
    let (run, _) = world.run().await;
    let first = stream(&world, run);
    assert_eq!(
        (&first["rows_read"], &first["rows_written"], &first["rows_unchanged"]),
        (&json!(10), &json!(10), &json!(0))
    );
    assert_eq!((&first["verdict"], &first["cursor_to"]), (&json!("proven"), &json!(10)));
    assert!(first["notes"][0].as_str().unwrap().contains("interrupted"));
    world.source.insert(11, Some(10), "tie");
    let (run, _) = world.run().await;
    let second = stream(&world, run);
    assert_eq!(
        (&second["rows_read"], &second["rows_written"], &second["rows_unchanged"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!((&second["target_rows_before"], &second["target_rows_after"]), (&json!(10), &json!(11)));
    assert_eq!(second["cursor_from"], 10);
    assert!(is_genuine(&world.journal.receipt(run).unwrap(), &SigningKey::new([2; 32])));
}

#[tokio::test]
async fn a_destination_that_loses_a_row_fails_the_run() {
    for verify in [Verify::Counts, Verify::Checksums] {
        for write in [ResolvedWrite::Append, ResolvedWrite::Replace, merge_by_id()] {
            let mut world = World::full(write);
            world.resolution.verify = verify;
            fill(&world, 10);
            *world.destination.forgetful.lock().unwrap() = true;
            let (run, phase) = world.run().await;
            assert_eq!(phase, RunPhase::Failed);
            assert_eq!(stream(&world, run)["verdict"], "mismatch");
            assert_eq!(world.journal.receipt(run).unwrap()["outcome"], "failed");
            let RunState::Failed { error } = world.journal.state(run) else { panic!() };
            assert!(error.message.contains("9 rows of this run where 10"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn a_destination_that_changes_values_fails_a_run_with_checksums_and_names_the_column() {
    let mut world = World::full(ResolvedWrite::Replace);
    fill(&world, 10);
    *world.destination.meddling.lock().unwrap() = true;
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Failed);
    let part = stream(&world, run);
    assert_eq!(part["checksum"]["differing"], json!(["payload"]));
    let RunState::Failed { error } = world.journal.state(run) else { panic!() };
    assert!(error.message.contains("`payload`"), "{}", error.message);
    // Counts alone do not see it, and say no more than they know.
    world.resolution.verify = Verify::Counts;
    let (run, phase) = world.run().await;
    assert_eq!((phase, &stream(&world, run)["verdict"]), (RunPhase::Completed, &json!("counted")));
    world.resolution.verify = Verify::None;
    let (run, phase) = world.run().await;
    assert_eq!((phase, &stream(&world, run)["verdict"]), (RunPhase::Completed, &json!("unverified")));
}

#[tokio::test]
async fn no_rows_have_a_reason() {
    let world = World::incremental(ResolvedWrite::Append);
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Completed);
    assert_eq!(stream(&world, run)["zero_rows_reason"], format!("`{STREAM}` is empty."));
    fill(&world, 3);
    world.run().await;
    world.source.rows.lock().unwrap().clear();
    let (run, _) = world.run().await;
    assert_eq!(stream(&world, run)["zero_rows_reason"], "The source has nothing new since the last run.");
    assert_eq!(world.destination.rows(STREAM).len(), 3, "an empty read changes nothing");

    let mut world = World::full(ResolvedWrite::Replace);
    let filter = Filter::In { column: "id".to_owned(), values: vec![Literal::Number("0".to_owned())], negated: false };
    world.stream().filter = Some(filter);
    let (run, _) = world.run().await;
    assert_eq!(stream(&world, run)["zero_rows_reason"], format!("`{STREAM}` is empty."));
    let world = World::full(ResolvedWrite::Replace);
    let (run, _) = world.run().await;
    assert_eq!(stream(&world, run)["verdict"], "proven");
}

#[tokio::test]
async fn a_merge_counts_distinct_keys() {
    let mut world = World::full(merge_by_id());
    fill(&world, 10);
    world.source.insert(10, Some(11), "again");
    let (run, phase) = world.run().await;
    assert_eq!(phase, RunPhase::Completed);
    let part = stream(&world, run);
    assert_eq!(
        (&part["rows_written"], &part["target_rows_after"], &part["verdict"]),
        (&json!(11), &json!(10), &json!("counted"))
    );
    assert!(part["notes"].to_string().contains("10 distinct keys"), "{part}");
    world.resolution.verify = Verify::Counts;
    assert_eq!(world.run().await.1, RunPhase::Completed);
}

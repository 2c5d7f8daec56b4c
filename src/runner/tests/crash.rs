//! Wherever the process dies, and whatever the ends do, what arrives is what was there, once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::connectors::NullCursor;
use crate::events::RunPhase;
use crate::plan::resolution::{ResolvedRead, ResolvedWrite};
use crate::runner::fake::{CommitFault, Row, STREAM, SourceFault, World, merge_by_id};
use crate::runner::state::RunState;

/// One run: rows that come before it, what goes wrong during it.
#[derive(Clone, Debug)]
struct Chapter {
    /// Steps from the highest cursor value so far (0: a tie with it), or no value; and whether the row is an update.
    rows: Vec<(Option<i64>, bool)>,
    deaths: Vec<i64>,
    commits: Vec<CommitFault>,
    reads: Vec<SourceFault>,
}

fn chapters() -> impl Strategy<Value = Vec<Chapter>> {
    let rows = prop::collection::vec((prop::option::weighted(0.85, 0_i64..3), prop::bool::weighted(0.2)), 0..14);
    let deaths = prop::collection::vec(0_i64..60, 0..3);
    let commit = prop_oneof![Just(CommitFault::None), Just(CommitFault::Before), Just(CommitFault::After)];
    let read = prop_oneof![
        (0_usize..8).prop_map(SourceFault::Cut),
        (0_usize..8).prop_map(SourceFault::EndSilently),
        Just(SourceFault::LieAtEnd),
    ];
    let chapter = (rows, deaths, prop::collection::vec(commit, 0..2), prop::collection::vec(read, 0..2))
        .prop_map(|(rows, deaths, commits, reads)| Chapter { rows, deaths, commits, reads });
    prop::collection::vec(chapter, 1..5)
}

/// Lives through the chapters, and answers what stood at the source at the end of each.
async fn live(world: &World, chapters: &[Chapter]) -> Result<Vec<Vec<Row>>, TestCaseError> {
    let (mut highest, mut next_id) = (0, 0);
    let mut history = Vec::new();
    for chapter in chapters {
        for (place, (step, update)) in chapter.rows.iter().enumerate() {
            let at = step.map(|step| highest + step);
            highest = at.unwrap_or(highest).max(highest);
            let mut rows = world.source.rows.lock().unwrap();
            // An update moves an existing row to a new cursor value, as `updated_at` does.
            let count = rows.len();
            match rows.get_mut(if count > 0 { place % count } else { 0 }) {
                Some(row) if *update && at.is_some_and(|at| Some(at) > row.at) => {
                    row.at = at;
                    row.payload.push('!');
                }
                _ => {
                    next_id += 1;
                    rows.push(Row { at, id: next_id, payload: format!("p{}", next_id % 3) });
                }
            }
        }
        world.destination.faults.lock().unwrap().extend(&chapter.commits);
        world.source.faults.lock().unwrap().extend(&chapter.reads);
        let (run, phase) = world.run_dying(&chapter.deaths).await;
        prop_assert_eq!(phase, RunPhase::Completed, "{:?}", world.journal.state(run));
        let receipt = world.journal.receipt(run).unwrap();
        let verdict = receipt["streams"][0]["verdict"].as_str().unwrap().to_owned();
        prop_assert!(verdict == "proven" || verdict == "counted", "{}", receipt);
        world.destination.faults.lock().unwrap().clear();
        world.source.faults.lock().unwrap().clear();
        let mut rows = world.source.rows.lock().unwrap().clone();
        rows.sort();
        history.push(rows);
    }
    Ok(history)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

/// Every version of every row that an incremental reader saw: a row is seen anew when its cursor moved.
fn versions(history: &[Vec<Row>]) -> Vec<Row> {
    let mut seen: BTreeMap<(i64, Option<i64>), Row> = BTreeMap::new();
    for row in history.iter().flatten() {
        seen.insert((row.id, row.at), row.clone());
    }
    let mut rows: Vec<Row> = seen.into_values().collect();
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_full_replace_is_the_source(chapters in chapters()) {
        block_on(async {
            let world = World::full(ResolvedWrite::Replace);
            let history = live(&world, &chapters).await?;
            prop_assert_eq!(&world.destination.rows(STREAM), history.last().unwrap());
            Ok(())
        })?;
    }

    #[test]
    fn a_full_append_is_every_source_that_was(chapters in chapters()) {
        block_on(async {
            let world = World::full(ResolvedWrite::Append);
            let history = live(&world, &chapters).await?;
            let mut all: Vec<Row> = history.into_iter().flatten().collect();
            all.sort();
            prop_assert_eq!(world.destination.rows(STREAM), all);
            Ok(())
        })?;
    }

    #[test]
    fn a_full_merge_is_the_source(chapters in chapters()) {
        block_on(async {
            let world = World::full(merge_by_id());
            let history = live(&world, &chapters).await?;
            prop_assert_eq!(&world.destination.rows(STREAM), history.last().unwrap());
            Ok(())
        })?;
    }

    #[test]
    fn an_incremental_append_is_every_version_once(chapters in chapters()) {
        block_on(async {
            let world = World::incremental(ResolvedWrite::Append);
            let history = live(&world, &chapters).await?;
            prop_assert_eq!(world.destination.rows(STREAM), versions(&history));
            Ok(())
        })?;
    }

    #[test]
    fn an_incremental_append_without_its_cursor_among_the_columns_is_every_version_once(chapters in chapters()) {
        block_on(async {
            let mut world = World::incremental(ResolvedWrite::Append);
            world.stream().columns.retain(|column| column.target != "at");
            world.stream().schema_policy = crate::plan::spec::SchemaPolicy::Freeze;
            let (mut highest, mut count) = (0, 0);
            for chapter in &chapters {
                for (step, _) in &chapter.rows {
                    highest += step.unwrap_or(0);
                    count += 1;
                    world.source.insert(count, step.map(|_| highest), "p");
                }
                let (run, phase) = world.run_dying(&chapter.deaths).await;
                prop_assert_eq!(phase, RunPhase::Completed);
                let receipt = world.journal.receipt(run).unwrap();
                prop_assert_eq!(receipt["streams"][0]["verdict"].as_str(), Some("proven"));
            }
            let total = i64::try_from(world.destination.count_ids(STREAM)).unwrap();
            prop_assert_eq!(total, count);
            Ok(())
        })?;
    }

    #[test]
    fn an_incremental_merge_is_the_source(chapters in chapters()) {
        block_on(async {
            let world = World::incremental(merge_by_id());
            let history = live(&world, &chapters).await?;
            prop_assert_eq!(&world.destination.rows(STREAM), history.last().unwrap());
            Ok(())
        })?;
    }

    #[test]
    fn a_policy_without_missing_cursors_never_brings_them(chapters in chapters()) {
        block_on(async {
            let mut world = World::incremental(ResolvedWrite::Append);
            if let ResolvedRead::Incremental { nulls, .. } = &mut world.stream().read {
                *nulls = NullCursor::Exclude;
            }
            let history = live(&world, &chapters).await?;
            let mut expected = versions(&history);
            expected.retain(|row| row.at.is_some());
            prop_assert_eq!(world.destination.rows(STREAM), expected);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_run_that_brings_the_process_down_each_time_ends() {
    let world = World::full(ResolvedWrite::Replace);
    world.source.insert(1, Some(1), "a");
    let (run, phase) = world.run_dying(&[8, 8, 8, 8, 8]).await;
    assert_eq!(phase, RunPhase::Failed);
    let RunState::Failed { error } = world.journal.state(run) else { panic!() };
    assert_eq!(error.kind, "exhausted");
}

//! Replace: the old rows stand until the last commit, and a broken-off replace leaves no trace.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};

use super::destination::target;
use super::writing::{Hand, commit, metadata, none_rejected, plain, standard_columns, whole_batch, write};
use super::{Violation, ensure};
use crate::connectors::{Epoch, LogicalType, WriteMode};

pub(super) async fn every_check(hand: &Hand<'_>) -> Result<(), Violation> {
    swapped(hand).await.map_err(|v| v.in_check("replace"))?;
    abandoned(hand).await.map_err(|v| v.in_check("abandoned replace"))?;
    other_columns(hand).await.map_err(|v| v.in_check("replace with other columns"))
}

async fn swapped(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_replace");
    let mut writer = hand.standard(&target, WriteMode::Replace, ("replace", "run-1")).await?;
    write(&mut writer, &[(1, Some("old")), (2, Some("old"))], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 2), true).await?;
    drop(writer);
    let old = [(1, Some("old")), (2, Some("old"))];
    hand.stands(&target, &old, "after the first replace").await?;

    let mut writer = hand.standard(&target, WriteMode::Replace, ("replace", "run-2")).await?;
    write(&mut writer, &[(3, Some("new"))], "run-2").await?;
    commit(&mut writer, ("run-2", 1, 1), false).await?;
    hand.stands(&target, &old, "after an epoch that is not the last").await?;
    hand.counts(&target, None, 2, "after an epoch that is not the last").await?;
    let back: usize =
        hand.read_back(&target, &standard_columns(), None).await?.iter().map(arrow::array::RecordBatch::num_rows).sum();
    ensure(back == 2, || format!("before the last commit, read_back gives {back} rows, not the old 2"))?;

    // The process is killed in the second epoch and comes back.
    write(&mut writer, &[(4, Some("lost"))], "run-2").await?;
    drop(writer);
    let mut writer = hand.standard(&target, WriteMode::Replace, ("replace", "run-2")).await?;
    let kept = writer.committed().await?;
    ensure(kept.as_ref().is_some_and(|kept| kept.epoch == Epoch(1) && kept.run == "run-2" && !kept.last), || {
        format!("opened again, committed() says {kept:?}, due was epoch 1 of run-2")
    })?;
    write(&mut writer, &[(9, Some("twice"))], "run-2").await?;
    commit(&mut writer, ("run-2", 1, 1), false).await?;
    write(&mut writer, &[(4, Some("new")), (5, None)], "run-2").await?;
    hand.stands(&target, &old, "before the last commit").await?;
    commit(&mut writer, ("run-2", 2, 3), true).await?;
    let new = [(3, Some("new")), (4, Some("new")), (5, None)];
    hand.stands(&target, &new, "after the last commit").await?;
    commit(&mut writer, ("run-2", 2, 3), true).await?;
    drop(writer);

    // The answer to the last commit was lost and the run comes back to ask.
    let mut writer = hand.standard(&target, WriteMode::Replace, ("replace", "run-2")).await?;
    let kept = writer.committed().await?;
    ensure(kept.as_ref().is_some_and(|kept| kept.epoch == Epoch(2) && kept.last), || {
        format!("after the end, committed() says {kept:?}")
    })?;
    commit(&mut writer, ("run-2", 2, 3), true).await?;
    drop(writer);
    hand.stands(&target, &new, "after the last commit again").await?;
    hand.counts(&target, Some("run-2"), 3, "after the last commit").await?;
    hand.counts(&target, Some("run-1"), 0, "after the last commit").await?;

    let mut writer = hand.standard(&target, WriteMode::Replace, ("replace", "run-3")).await?;
    commit(&mut writer, ("run-3", 1, 0), true).await?;
    hand.stands(&target, &[], "after a replace by nothing").await?;
    let state = hand.destination.describe(&target).await?;
    ensure(state.is_some_and(|state| state.rows.is_none_or(|rows| rows == 0)), || {
        "after a replace by nothing, the target is not described as empty".to_owned()
    })
}

/// A run that never came back has left staged rows; the next run starts from nothing.
async fn abandoned(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_abandoned");
    let mut writer = hand.standard(&target, WriteMode::Replace, ("abandoned", "run-1")).await?;
    write(&mut writer, &[(1, Some("staged"))], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 1), false).await?;
    drop(writer);
    hand.stands(&target, &[], "while a first replace is unfinished").await?;
    let mut writer = hand.standard(&target, WriteMode::Replace, ("abandoned", "run-2")).await?;
    let seen = writer.committed().await?;
    ensure(seen.is_none(), || format!("the staged rows of run-1 are cleared, but committed() says {seen:?}"))?;
    write(&mut writer, &[(2, Some("whole"))], "run-2").await?;
    commit(&mut writer, ("run-2", 1, 1), true).await?;
    hand.stands(&target, &[(2, Some("whole"))], "after the next run").await
}

async fn other_columns(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_reshaped");
    let mut writer = hand.standard(&target, WriteMode::Replace, ("reshaped", "run-1")).await?;
    write(&mut writer, &[(1, Some("old"))], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 1), true).await?;
    drop(writer);
    let [run, synced] = metadata();
    let columns = vec![plain("id", LogicalType::Text), plain("total", LogicalType::Int64), run, synced];
    let mut writer = hand.open(&target, WriteMode::Replace, ("reshaped", "run-2"), &columns).await?;
    let arrays: Vec<ArrayRef> =
        vec![Arc::new(arrow::array::StringArray::from(vec!["x"])), Arc::new(Int64Array::from(vec![7]))];
    ensure(arrays.iter().all(|array| array.len() == 1), || "the suite made a bad batch".to_owned())?;
    none_rejected(&writer.write(whole_batch(&columns, arrays, "run-2")?).await?)?;
    commit(&mut writer, ("run-2", 1, 1), true).await?;
    let rows = hand.harness.native(&target, &["id", "total"]).await?;
    let due = vec![vec![Some("x".to_owned()), Some("7".to_owned())]];
    ensure(rows.as_ref() == Some(&due), || format!("replaced with other columns, the target holds {rows:?}"))?;
    let state = hand.destination.describe(&target).await?;
    let names: Vec<String> = state.into_iter().flat_map(|state| state.columns).map(|column| column.name).collect();
    ensure(!names.iter().any(|name| name == "name"), || format!("a replaced column still stands: {names:?}"))
}

//! What every destination owes: nothing visible before its commit, each epoch once, each state key its own.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};

use super::writing::{Hand, batch, commit, keyed_batch, none_rejected, plain, standard_columns, whole_batch, write};
use super::{DestinationHarness, Violation, ensure, landing, replacing};
use crate::connectors::{
    Batch, Change, Column, Commit, DELETED_COLUMN, Deletes, Epoch, ErrorKind, LogicalType, Operation, TargetName,
    WriteMode,
};

pub(super) async fn every_check(harness: &dyn DestinationHarness) -> Result<(), Violation> {
    let hand = Hand { harness, destination: harness.destination()? };
    let abilities = hand.destination.abilities();
    hand.destination.check().await.map_err(|error| Violation::from(error).in_check("check"))?;
    refused(harness).await.map_err(|v| v.in_check("refused credential"))?;
    landing::every_type(&hand).await?;
    if abilities.append {
        nothing_there(&hand).await.map_err(|v| v.in_check("missing target"))?;
        append(&hand).await.map_err(|v| v.in_check("append"))?;
        state_keys(&hand).await.map_err(|v| v.in_check("state keys"))?;
        vanished(&hand).await.map_err(|v| v.in_check("vanished target"))?;
        more_columns(&hand).await.map_err(|v| v.in_check("missing columns"))?;
        odd_names(&hand).await.map_err(|v| v.in_check("odd names"))?;
        namespaces(&hand).await.map_err(|v| v.in_check("namespaces"))?;
        side_by_side(&hand).await.map_err(|v| v.in_check("two writers at once"))?;
    }
    if abilities.replace {
        replacing::every_check(&hand).await?;
    }
    if abilities.merge {
        merge(&hand).await.map_err(|v| v.in_check("merge"))?;
        composite_key(&hand).await.map_err(|v| v.in_check("merge by two columns"))?;
        if harness.takes_changes() {
            for deletes in [Deletes::Ignore, Deletes::Soft, Deletes::Hard] {
                changes(&hand, deletes).await.map_err(|v| v.in_check("change batches"))?;
            }
        }
    }
    Ok(())
}

pub(super) fn target(name: &str) -> TargetName {
    TargetName { namespace: None, name: name.to_owned() }
}

async fn refused(harness: &dyn DestinationHarness) -> Result<(), Violation> {
    let Some(destination) = harness.refused()? else { return Ok(()) };
    match destination.check().await {
        Err(error) if error.kind == ErrorKind::Auth => Ok(()),
        Err(error) => Err(Violation::new(format!("a wrong credential failed with `{}`, not `auth`", error.kind))),
        Ok(_) => Err(Violation::new("a wrong credential passed the check")),
    }
}

async fn nothing_there(hand: &Hand<'_>) -> Result<(), Violation> {
    let state = hand.destination.describe(&target("contract_never_made")).await?;
    ensure(state.is_none(), || format!("a target that nobody made is described as {state:?}"))
}

async fn append(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_append");
    let mut writer = hand.standard(&target, WriteMode::Append, ("append", "run-1")).await?;
    let first = writer.committed().await?;
    ensure(first.is_none(), || format!("before any commit, committed() says {first:?}"))?;
    write(&mut writer, &[(1, Some("Ada")), (2, None)], "run-1").await?;
    write(&mut writer, &[(3, Some(""))], "run-1").await?;
    hand.stands(&target, &[], "before the commit").await?;
    commit(&mut writer, ("run-1", 1, 3), false).await?;
    let stand = [(1, Some("Ada")), (2, None), (3, Some(""))];
    hand.stands(&target, &stand, "after the first commit").await?;

    // The same epoch again, as after a lost answer: what was buffered for it is dropped.
    write(&mut writer, &[(9, Some("twice"))], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 3), false).await?;
    hand.stands(&target, &stand, "after the same commit again").await?;

    // Nothing written, but the position moved.
    commit(&mut writer, ("run-1", 2, 3), false).await?;
    write(&mut writer, &[(4, Some("lost"))], "run-1").await?;
    drop(writer);
    hand.stands(&target, &stand, "after a writer was dropped without a commit").await?;

    // Another process would see the same.
    let again = Hand { harness: hand.harness, destination: hand.harness.destination()? };
    let mut writer = again.standard(&target, WriteMode::Append, ("append", "run-1")).await?;
    let kept = writer.committed().await?;
    ensure(kept.as_ref().is_some_and(|kept| kept.epoch == Epoch(2) && kept.rows == 3 && kept.run == "run-1"), || {
        format!("opened again, committed() says {kept:?}, due was epoch 2 of run-1")
    })?;
    write(&mut writer, &[(9, None)], "run-1").await?;
    commit(&mut writer, ("run-1", 2, 3), false).await?;
    hand.stands(&target, &stand, "after an old epoch was committed by the resumed run").await?;
    write(&mut writer, &[(4, Some("kept")), (5, Some("😀"))], "run-1").await?;
    commit(&mut writer, ("run-1", 3, 5), true).await?;
    drop(writer);

    // A later run counts its own rows and epochs.
    let mut writer = hand.standard(&target, WriteMode::Append, ("append", "run-2")).await?;
    let kept = writer.committed().await?;
    ensure(kept.as_ref().is_some_and(|kept| kept.run == "run-1" && kept.last), || {
        format!("the next run is told {kept:?}, due was the end of run-1")
    })?;
    write(&mut writer, &[(1, Some("again"))], "run-2").await?;
    commit(&mut writer, ("run-2", 1, 1), true).await?;
    let stand = [(1, Some("Ada")), (1, Some("again")), (2, None), (3, Some("")), (4, Some("kept")), (5, Some("😀"))];
    hand.stands(&target, &stand, "after the second run").await?;
    hand.counts(&target, None, 6, "after the second run").await?;
    hand.counts(&target, Some("run-1"), 5, "after the second run").await?;
    hand.counts(&target, Some("run-2"), 1, "after the second run").await?;
    hand.counts(&target, Some("run-3"), 0, "after the second run").await?;
    let back = hand.read_back(&target, &standard_columns(), Some("run-2")).await?;
    let due = batch(&[(1, Some("again"))], "run-2")?.records;
    let same = matches!(back.as_slice(), [only] if only.columns() == due.columns());
    ensure(same, || format!("read_back of run-2 gave {back:?}, due was {due:?}"))?;

    let state = hand.destination.describe(&target).await?;
    let Some(state) = state else { return Err(Violation::new("the target is not described")) };
    ensure(state.ours, || "a target made here is not described as ours".to_owned())?;
    ensure(state.rows.is_none_or(|rows| rows > 0), || "a filled target is described as empty".to_owned())?;
    let names: Vec<&str> = state.columns.iter().map(|column| column.name.as_str()).collect();
    let made = standard_columns();
    ensure(made.iter().all(|column| names.contains(&column.name.as_str())), || {
        format!("the target is described with the columns {names:?}")
    })
}

async fn state_keys(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_keys");
    let mut one = hand.standard(&target, WriteMode::Append, ("keys'one", "run-1")).await?;
    write(&mut one, &[(1, None)], "run-1").await?;
    commit(&mut one, ("run-1", 1, 1), true).await?;
    drop(one);
    let mut two = hand.standard(&target, WriteMode::Append, ("keys'two", "run-1")).await?;
    let seen = two.committed().await?;
    ensure(seen.is_none(), || format!("another state key sees {seen:?}"))?;
    write(&mut two, &[(2, None)], "run-1").await?;
    commit(&mut two, ("run-1", 1, 1), true).await?;
    hand.stands(&target, &[(1, None), (2, None)], "after two pipelines wrote").await
}

async fn vanished(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_vanished");
    let mut writer = hand.standard(&target, WriteMode::Append, ("vanished", "run-1")).await?;
    write(&mut writer, &[(1, None)], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 1), true).await?;
    drop(writer);
    hand.harness.vanish(&target).await?;
    let mut writer = hand.standard(&target, WriteMode::Append, ("vanished", "run-2")).await?;
    let seen = writer.committed().await?;
    ensure(seen.is_none(), || format!("the target is gone, but committed() says {seen:?}"))?;
    write(&mut writer, &[(2, Some("anew"))], "run-2").await?;
    commit(&mut writer, ("run-2", 1, 1), true).await?;
    hand.stands(&target, &[(2, Some("anew"))], "after the target was made anew").await
}

async fn more_columns(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_wider");
    let mut writer = hand.standard(&target, WriteMode::Append, ("wider", "run-1")).await?;
    write(&mut writer, &[(1, Some("old"))], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 1), true).await?;
    drop(writer);
    let mut columns = standard_columns();
    columns.insert(2, plain("extra", LogicalType::Text));
    let mut writer = hand.open(&target, WriteMode::Append, ("wider", "run-2"), &columns).await?;
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![2])),
        Arc::new(StringArray::from(vec!["new"])),
        Arc::new(StringArray::from(vec!["more"])),
    ];
    none_rejected(&writer.write(whole_batch(&columns, arrays, "run-2")?).await?)?;
    commit(&mut writer, ("run-2", 1, 1), true).await?;
    drop(writer);
    // A plan that names fewer columns leaves the others NULL.
    let mut writer = hand.standard(&target, WriteMode::Append, ("wider", "run-3")).await?;
    write(&mut writer, &[(3, None)], "run-3").await?;
    commit(&mut writer, ("run-3", 1, 1), true).await?;
    let rows = hand.harness.native(&target, &["id", "extra"]).await?.unwrap_or_default();
    let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    let due = [r#"[Some("1"), None]"#, r#"[Some("2"), Some("more")]"#, r#"[Some("3"), None]"#];
    ensure(rows == due, || format!("after a column was added, the target holds {rows:?}"))
}

async fn odd_names(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("Contract \"odd\" – tâble 'x'");
    let mut columns = standard_columns();
    for name in ["select", "two words", "q\"uo'te", "ümläut 李"] {
        columns.insert(2, plain(name, LogicalType::Text));
    }
    let mut writer = hand.open(&target, WriteMode::Append, ("odd", "run-1"), &columns).await?;
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let arrays =
        vec![Arc::new(Int64Array::from(vec![1])) as ArrayRef, text("n"), text("a"), text("b"), text("c"), text("d")];
    let written = whole_batch(&columns, arrays, "run-1")?;
    let due = written.records.clone();
    none_rejected(&writer.write(written).await?)?;
    commit(&mut writer, ("run-1", 1, 1), true).await?;
    let back = hand.read_back(&target, &columns, None).await?;
    let same = matches!(back.as_slice(), [only] if only.columns() == due.columns());
    ensure(same, || format!("read_back gave {back:?}, due was {due:?}"))?;
    hand.stands(&target, &[(1, Some("n"))], "under an odd name").await
}

async fn namespaces(hand: &Hand<'_>) -> Result<(), Violation> {
    let abilities = hand.destination.abilities();
    if !abilities.has_namespaces || !abilities.creates_namespaces {
        return Ok(());
    }
    let target = TargetName { namespace: Some("contract_space".to_owned()), name: "t".to_owned() };
    let mut writer = hand.standard(&target, WriteMode::Append, ("spaces", "run-1")).await?;
    write(&mut writer, &[(1, None)], "run-1").await?;
    commit(&mut writer, ("run-1", 1, 1), true).await?;
    let names = hand.destination.namespaces().await?;
    ensure(names.iter().any(|name| name == "contract_space"), || format!("the new namespace is not among {names:?}"))?;
    hand.counts(&target, Some("run-1"), 1, "in a new namespace").await?;
    hand.stands(&target, &[(1, None)], "in a new namespace").await
}

/// Two streams of one run write at the same time; neither waits for the other's end.
async fn side_by_side(hand: &Hand<'_>) -> Result<(), Violation> {
    let (left, right) = (target("contract_left"), target("contract_right"));
    let mut one = hand.standard(&left, WriteMode::Append, ("left", "run-1")).await?;
    let mut two = hand.standard(&right, WriteMode::Append, ("right", "run-1")).await?;
    for epoch in 1..=3_u64 {
        let id = i64::try_from(epoch).unwrap_or_default();
        write(&mut one, &[(id, None)], "run-1").await?;
        write(&mut two, &[(id, None)], "run-1").await?;
        let (first, second) = futures::join!(
            commit(&mut one, ("run-1", epoch, epoch), epoch == 3),
            commit(&mut two, ("run-1", epoch, epoch), epoch == 3)
        );
        first?;
        second?;
    }
    hand.stands(&left, &[(1, None), (2, None), (3, None)], "side by side").await?;
    hand.stands(&right, &[(1, None), (2, None), (3, None)], "side by side").await
}

fn by(key: &[&str], deletes: Deletes) -> WriteMode {
    WriteMode::Merge { key: key.iter().map(|&column| column.to_owned()).collect(), deletes }
}

async fn merge(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_merge");
    let mode = || by(&["id"], Deletes::Ignore);
    let mut writer = hand.standard(&target, mode(), ("merge", "run-1")).await?;
    write(&mut writer, &[(1, Some("a")), (2, Some("b")), (1, Some("a2"))], "run-1").await?;
    write(&mut writer, &[(2, Some("b2")), (3, Some("c")), (4, None)], "run-1").await?;
    hand.stands(&target, &[], "before the commit").await?;
    commit(&mut writer, ("run-1", 1, 6), false).await?;
    let stand = [(1, Some("a2")), (2, Some("b2")), (3, Some("c")), (4, None)];
    hand.stands(&target, &stand, "after one epoch with repeated keys").await?;
    commit(&mut writer, ("run-1", 1, 6), false).await?;
    hand.stands(&target, &stand, "after the same commit again").await?;
    write(&mut writer, &[(3, None), (5, Some("e"))], "run-1").await?;
    commit(&mut writer, ("run-1", 2, 8), true).await?;
    drop(writer);
    let mut writer = hand.standard(&target, mode(), ("merge", "run-2")).await?;
    write(&mut writer, &[(1, Some("a3"))], "run-2").await?;

    // A key that is NULL identifies nothing.
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(6)]));
    let rejected = writer.write(keyed_batch(ids, &[(0, Some("keyless")), (6, Some("f"))], "run-2")?).await?;
    ensure(rejected.len() == 1, || format!("of a row without key and one with, {} were rejected", rejected.len()))?;
    commit(&mut writer, ("run-2", 1, 2), true).await?;
    let stand = [(1, Some("a3")), (2, Some("b2")), (3, None), (4, None), (5, Some("e")), (6, Some("f"))];
    hand.stands(&target, &stand, "after the second run").await?;
    hand.counts(&target, None, 6, "after the second run").await?;
    hand.counts(&target, Some("run-2"), 2, "after the second run").await
}

async fn composite_key(hand: &Hand<'_>) -> Result<(), Violation> {
    let target = target("contract_composite");
    let mut columns = standard_columns();
    columns.insert(2, plain("note", LogicalType::Text));
    let row = |id: i64, name: &str, note: &str| -> Result<Batch, Violation> {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![id])),
            Arc::new(StringArray::from(vec![name])),
            Arc::new(StringArray::from(vec![note])),
        ];
        whole_batch(&columns, arrays, "run-1")
    };
    let mut writer = hand.open(&target, by(&["name", "id"], Deletes::Ignore), ("composite", "run-1"), &columns).await?;
    for (id, name, note) in [(1, "a", "x"), (1, "b", "x"), (2, "a", "x"), (1, "A", "x")] {
        none_rejected(&writer.write(row(id, name, note)?).await?)?;
    }
    commit(&mut writer, ("run-1", 1, 4), false).await?;
    none_rejected(&writer.write(row(1, "b", "y")?).await?)?;
    commit(&mut writer, ("run-1", 2, 5), true).await?;
    let mut rows = hand.harness.native(&target, &["id", "name", "note"]).await?.unwrap_or_default();
    rows.sort();
    let due = [["1", "A", "x"], ["1", "a", "x"], ["1", "b", "y"], ["2", "a", "x"]]
        .map(|row| row.map(|cell| Some(cell.to_owned())).to_vec());
    ensure(rows == due, || format!("merged by two columns, the target holds {rows:?}"))
}

/// Log position decides, not the order of arrival; deletes do what the plan says.
async fn changes(hand: &Hand<'_>, deletes: Deletes) -> Result<(), Violation> {
    let target = target(&format!("contract_changes_{deletes:?}").to_lowercase());
    let mut columns: Vec<Column> = standard_columns();
    if deletes == Deletes::Soft {
        columns.push(plain(DELETED_COLUMN, LogicalType::Boolean));
    }
    let mut writer = hand.open(&target, by(&["id"], deletes), ("changes", "run-1"), &columns).await?;
    let change = |operation, position: u8| Change { operation, position: vec![position].into() };
    let epochs = [
        vec![
            (1, Some("one"), change(Operation::Insert, 1)),
            (2, Some("two"), change(Operation::Insert, 2)),
            (3, Some("newer"), change(Operation::Update, 9)),
            (3, Some("older"), change(Operation::Insert, 3)),
        ],
        vec![
            (1, None, change(Operation::Delete, 10)),
            (2, None, change(Operation::Delete, 11)),
            (2, Some("back"), change(Operation::Insert, 12)),
        ],
    ];
    let mut total = 0;
    for (number, epoch) in (1..).zip(epochs) {
        let ids: ArrayRef = Arc::new(epoch.iter().map(|(id, _, _)| Some(*id)).collect::<Int64Array>());
        let names: ArrayRef = Arc::new(epoch.iter().map(|(_, name, _)| *name).collect::<StringArray>());
        total += u64::try_from(epoch.len()).unwrap_or_default();
        let mut arrays = vec![ids, names];
        if deletes == Deletes::Soft {
            let rows = epoch.len();
            let rest = whole_batch(&columns, arrays.clone(), "run-1")?;
            arrays = rest.records.columns().to_vec();
            arrays.pop();
            arrays.push(Arc::new(BooleanArray::from(vec![None; rows])));
        }
        let mut batch = whole_batch(&columns, arrays, "run-1")?;
        batch.changes = Some(epoch.into_iter().map(|(_, _, change)| change).collect());
        none_rejected(&writer.write(batch).await?)?;
        let commit = Commit { epoch: Epoch(number), checkpoint: None, last: number == 2 };
        let answer = writer.commit(commit).await?;
        ensure(answer.rows == total, || format!("{total} changes were written, the commit says {}", answer.rows))?;
    }
    let stand: &[(i64, Option<&str>)] = match deletes {
        Deletes::Hard => &[(2, Some("back")), (3, Some("newer"))],
        Deletes::Ignore | Deletes::Soft => &[(1, Some("one")), (2, Some("back")), (3, Some("newer"))],
    };
    hand.stands(&target, stand, &format!("with deletes {deletes:?}")).await?;
    if deletes == Deletes::Soft {
        let flags = [plain("id", LogicalType::Int64), plain(DELETED_COLUMN, LogicalType::Boolean)];
        for batch in hand.read_back(&target, &flags, None).await? {
            for row in super::source::rows(
                &batch
                    .with_schema(crate::connectors::schema::arrow_schema(&flags))
                    .map_err(|error| Violation::new(format!("read_back gave other fields: {error}")))?,
            )? {
                let gone = row.first() == Some(&super::Value::Integer(1));
                let marked = row.get(1) == Some(&super::Value::Boolean(true));
                ensure(gone == marked, || format!("the soft-delete mark is wrong: {row:?}"))?;
            }
        }
    }
    Ok(())
}

//! Asks the destination what it holds and compares it with what was written.

use futures::StreamExt as _;

use super::analysis::Prepared;
use super::checksum::Checksum;
use super::failure::Failure;
use super::receipt::{ChecksumReceipt, RangeReceipt, StreamReceipt, Verdict};
use super::sync::{Ends, Transferred};
use crate::connectors::{ErrorKind, Item, WriteMode};
use crate::plan::resolution::{ResolvedRead, ResolvedWrite};
use crate::plan::spec::Verify;

/// A stream's part of the receipt. A verdict of [`Verdict::Mismatch`] must fail the run.
pub(super) async fn verify(ends: &Ends, prepared: &Prepared, done: &Transferred) -> Result<StreamReceipt, Failure> {
    let tally = &done.checkpoint.tally;
    let mut receipt = StreamReceipt {
        stream: prepared.stream.stream.clone(),
        target: prepared.stream.target.to_string(),
        read: read_word(&prepared.stream.read).to_owned(),
        write: write_word(&prepared.stream.write).to_owned(),
        rows_read: tally.read,
        rows_filtered: None,
        rows_written: tally.written,
        rows_quarantined: tally.quarantined,
        rows_unchanged: tally.unchanged,
        target_rows_before: tally.before,
        target_rows_after: None,
        bytes: tally.bytes,
        cursor_from: tally.cursor_from.clone(),
        cursor_to: done.checkpoint.source.as_ref().map(|cursor| cursor.0.clone()),
        checksum: None,
        verdict: Verdict::Unverified,
        zero_rows_reason: None,
        notes: prepared.notes.clone(),
    };
    if tally.resumed {
        receipt.notes.push("The run was interrupted and went on from its last checkpoint.".to_owned());
    }
    if tally.read != tally.written + tally.quarantined + tally.unchanged {
        receipt.verdict = Verdict::Mismatch;
        receipt.notes.push("Rows read are not the sum of rows written, set aside and unchanged.".to_owned());
        return Ok(receipt);
    }
    if tally.read == 0 {
        why_no_rows(ends, prepared, &mut receipt).await;
    }
    if ends.verify == Verify::None {
        receipt.notes.push("The plan asks for no verification.".to_owned());
        return Ok(receipt);
    }
    count(ends, prepared, done, &mut receipt).await?;
    if ends.verify == Verify::Checksums && receipt.verdict == Verdict::Counted {
        compare(ends, prepared, done, &mut receipt).await?;
    }
    Ok(receipt)
}

/// What a mismatch says to a person.
pub(super) fn mismatch(receipt: &StreamReceipt) -> Failure {
    let detail = receipt.notes.last().map_or("", String::as_str);
    let message = format!("`{}` did not arrive as it was sent. {detail}", receipt.stream);
    Failure::new(ErrorKind::BadData, message)
        .advise("Look at the receipt, check what else writes to the table, then run it again; report this if it stays.")
        .in_stream(&receipt.stream)
}

async fn count(
    ends: &Ends,
    prepared: &Prepared,
    done: &Transferred,
    receipt: &mut StreamReceipt,
) -> Result<(), Failure> {
    let target = &prepared.stream.target;
    let (here, all) = match ends.destination.counts(target, &prepared.write.run).await {
        // Nothing was written, and so nothing was created.
        Err(error) if error.kind == ErrorKind::NotFound => (0, 0),
        other => other?,
    };
    receipt.target_rows_after = Some(all);
    let written = receipt.rows_written;
    let mut wrong = |expected: u64| {
        receipt.verdict = Verdict::Mismatch;
        receipt.notes.push(format!("The destination holds {here} rows of this run where {expected} were written."));
    };
    if done.committed_rows != written {
        wrong(written);
        return Ok(());
    }
    match &prepared.write.mode {
        WriteMode::Replace | WriteMode::Append if here != written => wrong(written),
        WriteMode::Replace if all != written => {
            receipt.verdict = Verdict::Mismatch;
            receipt.notes.push(format!("The table holds {all} rows where it was replaced by {written}."));
        }
        WriteMode::Replace | WriteMode::Append => receipt.verdict = Verdict::Counted,
        // A row that the destination refused may have had its key to itself.
        WriteMode::Merge { .. } => match done.checkpoint.tally.keys {
            Some(keys) if here > keys || here + done.checkpoint.tally.refused < keys => wrong(keys),
            Some(keys) => {
                receipt.verdict = Verdict::Counted;
                if keys < written {
                    receipt
                        .notes
                        .push(format!("The {written} rows have {keys} distinct keys; the newest of each stands."));
                }
            }
            // Every row has its own key then, and none was lost.
            None if here == written => receipt.verdict = Verdict::Counted,
            None if here > written => wrong(written),
            None => receipt.notes.push(format!(
                "{here} rows of this run stand for {written} written ones; their distinct keys were too many to count."
            )),
        },
    }
    Ok(())
}

async fn compare(
    ends: &Ends,
    prepared: &Prepared,
    done: &Transferred,
    receipt: &mut StreamReceipt,
) -> Result<(), Failure> {
    let tally = &done.checkpoint.tally;
    let Some(sent) = &done.checkpoint.checksum else { return Ok(()) };
    if tally.refused > 0 {
        receipt.notes.push("Checksums were not compared: the destination refused rows.".to_owned());
        return Ok(());
    }
    if matches!(&prepared.write.mode, WriteMode::Merge { .. }) && tally.keys != Some(tally.written) {
        receipt.notes.push("Checksums were not compared: some rows were superseded by newer ones.".to_owned());
        return Ok(());
    }
    let run = Some(prepared.write.run.as_str());
    let mut rows = ends.destination.read_back(&prepared.stream.target, &prepared.written, run).await?;
    let mut arrived = Checksum::new(&prepared.written, key_of(prepared));
    loop {
        match rows.next().await {
            Some(Ok(Item::Batch(batch))) => arrived.add(&prepared.written, &batch.records),
            Some(Ok(Item::End(_))) => break,
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Failure::new(ErrorKind::Unreachable, "The destination stopped in the middle.")),
        }
    }
    let differing: Vec<String> = sent.differing(&arrived, &prepared.written).into_iter().map(str::to_owned).collect();
    let equal = sent.agrees(&arrived);
    receipt.verdict = if equal { Verdict::Proven } else { Verdict::Mismatch };
    let ranges: Vec<RangeReceipt> = sent
        .differing_ranges(&arrived, &prepared.written)
        .into_iter()
        .map(|one| RangeReceipt {
            column: one.column.to_owned(),
            range: one.range,
            differing: one.columns.into_iter().map(str::to_owned).collect(),
        })
        .collect();
    if !equal {
        let place = ranges_in_words(&ranges);
        receipt.notes.push(match differing.as_slice() {
            [] => format!("Every column holds the values that were sent, but in other rows{place}."),
            [column] => format!("The column `{column}` does not hold the values that were sent{place}."),
            columns => format!("The columns `{}` do not hold the values that were sent{place}.", columns.join("`, `")),
        });
    }
    let (source, destination) = (sent.shown(), arrived.shown());
    receipt.checksum = Some(ChecksumReceipt { source, destination, equal, differing, ranges });
    Ok(())
}

/// The target's names of the columns by which rows are merged.
pub(super) fn key_of(prepared: &Prepared) -> &[String] {
    match &prepared.write.mode {
        WriteMode::Merge { key, .. } => key,
        WriteMode::Replace | WriteMode::Append => &[],
    }
}

/// Where to look, in words; empty when it cannot be told.
fn ranges_in_words(ranges: &[RangeReceipt]) -> String {
    const SHOWN: usize = 5;
    let Some(first) = ranges.first() else { return String::new() };
    let each = ranges.iter().take(SHOWN).map(|one| match &one.range {
        Some((from, to)) if from == to => from.clone(),
        Some((from, to)) => format!("{from} to {to}"),
        None => "NULL".to_owned(),
    });
    let more = ranges.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} further ranges") } else { String::new() };
    format!(", where `{}` is {}{more}", first.column, each.collect::<Vec<_>>().join(", "))
}

/// Says why a run read nothing. That it cannot be said is no failure.
async fn why_no_rows(ends: &Ends, prepared: &Prepared, receipt: &mut StreamReceipt) {
    let stream = &prepared.stream.stream;
    if receipt.cursor_from.is_some() {
        receipt.zero_rows_reason = Some("The source has nothing new since the last run.".to_owned());
        return;
    }
    match ends.source.count(stream, None).await {
        Ok(0) => receipt.zero_rows_reason = Some(format!("`{stream}` is empty.")),
        Ok(rows) if prepared.read.filter.is_some() => {
            receipt.rows_filtered = Some(rows);
            receipt.zero_rows_reason = Some(format!("The plan's filter left out all {rows} rows of `{stream}`."));
        }
        Ok(rows) => {
            receipt.zero_rows_reason =
                Some(format!("The {rows} rows of `{stream}` have no cursor value, or came after the read began."));
        }
        Err(error) => {
            tracing::warn!(%stream, cause = ?error, "the source could not be counted");
            receipt.zero_rows_reason = Some("The source showed no row, and could not be asked why.".to_owned());
        }
    }
}

pub(super) fn read_word(read: &ResolvedRead) -> &'static str {
    match read {
        ResolvedRead::Full => "full",
        ResolvedRead::Incremental { .. } => "incremental",
        ResolvedRead::Cdc => "cdc",
    }
}

pub(super) fn write_word(write: &ResolvedWrite) -> &'static str {
    match write {
        ResolvedWrite::Replace => "replace",
        ResolvedWrite::Append => "append",
        ResolvedWrite::Merge { .. } => "merge",
    }
}

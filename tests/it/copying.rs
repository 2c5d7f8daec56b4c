//! Moves one stream from a source to a destination, as plainly as the contract allows.

use std::sync::Arc;

use futures::StreamExt as _;
use towpath::connectors::{
    Commit, Destination, Epoch, Item, ReadMode, ReadRequest, RejectedRow, Source, TargetColumn, TargetName, WriteMode,
    WriteRequest,
};

/// What a copy left behind.
pub(crate) struct Copied {
    pub(crate) delivered: u64,
    /// By the source.
    pub(crate) unread: Vec<RejectedRow>,
    /// By the destination.
    pub(crate) unwritten: Vec<RejectedRow>,
}

pub(crate) fn whole(stream: &str, columns: Vec<String>) -> ReadRequest {
    ReadRequest {
        stream: stream.to_owned(),
        columns,
        filter: None,
        mode: ReadMode::Full,
        after: None,
        batch_rows: 1000,
        batch_bytes: 1 << 20,
        parallelism: 1,
    }
}

/// A full read into an append, in one epoch.
pub(crate) async fn copy(
    source: &Arc<dyn Source>,
    stream: &str,
    destination: &Arc<dyn Destination>,
    target: &TargetName,
) -> anyhow::Result<Copied> {
    let schema = source.describe(stream).await?;
    let columns = schema
        .columns
        .iter()
        .map(|column| {
            let target_type = destination.land(&column.data_type)?.target_type;
            Ok(TargetColumn { column: column.clone(), target_type })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let names = schema.columns.iter().map(|column| column.name.clone()).collect();
    let mut writer = destination
        .open(WriteRequest {
            target: target.clone(),
            columns,
            mode: WriteMode::Append,
            state_key: "copy".to_owned(),
            run: "run".to_owned(),
            parallelism: 2,
        })
        .await?;
    let mut copied = Copied { delivered: 0, unread: Vec::new(), unwritten: Vec::new() };
    let mut items = source.read(whole(stream, names)).await?;
    let mut ended = None;
    while let Some(item) = items.next().await {
        match item? {
            Item::Batch(batch) => {
                copied.delivered += batch.records.num_rows() as u64;
                copied.unwritten.extend(writer.write(batch).await?);
            }
            Item::Rejected(row) => copied.unread.push(row),
            Item::End(end) => ended = Some(end.rows),
            _ => {}
        }
    }
    anyhow::ensure!(ended == Some(copied.delivered), "the end says {ended:?}, {} came", copied.delivered);
    writer.commit(Commit { epoch: Epoch(1), checkpoint: None, last: true }).await?;
    Ok(copied)
}

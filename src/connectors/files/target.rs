//! What a destination of files says of a target: how many rows it holds, and which.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::layout::FileStream;
use super::scan::{self, Found, Halt, Limits, Reading};
use super::{CsvConfig, survey};
use crate::connectors::{Batch, Column, ConnectorError, End, ErrorKind, Item, ItemStream, RUN_ID_COLUMN};
use crate::tasks;

const LIMITS: Limits = Limits { rows: 8192, bytes: 8 * 1024 * 1024 };

/// Rows that stand in a stream's files, all or those that `run` wrote.
pub(in crate::connectors) fn count(
    stream: &FileStream,
    csv: &CsvConfig,
    run: Option<&str>,
) -> Result<u64, ConnectorError> {
    if run.is_none()
        && let Some(rows) = survey::estimate_rows(stream)?
    {
        return Ok(rows);
    }
    let columns = survey::columns(stream, csv)?;
    let wanted: Vec<Column> = columns.iter().filter(|column| column.name == RUN_ID_COLUMN).cloned().collect();
    let mut rows = 0;
    let reading = Reading { stream, known: &columns, columns: &wanted, csv, limits: LIMITS };
    let outcome = scan::scan(&reading, &mut |found| {
        match found {
            Found::Batch(batch) => rows += rows_of_run(&batch, run),
            Found::Rejected(row) => return Err(unreadable(stream, &row.position).into()),
        }
        Ok(())
    });
    match outcome {
        Err(Halt::Failed(error)) => Err(error),
        Ok(()) | Err(Halt::Enough) => Ok(rows),
    }
}

/// The rows of a stream's files, all or those that `run` wrote; no stream holds no rows.
pub(in crate::connectors) fn read_back(
    stream: Option<FileStream>,
    csv: CsvConfig,
    columns: Vec<Column>,
    run: Option<String>,
) -> ItemStream {
    let (sender, receiver) = mpsc::channel(2);
    // Ends by itself when the receiving side is dropped.
    drop(tasks::spawn_blocking("read_back_files", move || {
        let outcome = send_back(stream.as_ref(), &csv, &columns, run.as_deref(), &sender);
        if let Err(Halt::Failed(error)) = outcome {
            let _ = sender.blocking_send(Err(error));
        }
    }));
    ReceiverStream::new(receiver).boxed()
}

fn rows_of_run(batch: &RecordBatch, run: Option<&str>) -> u64 {
    let Some(run) = run else { return batch.num_rows() as u64 };
    let Some(values) = batch.column_by_name(RUN_ID_COLUMN) else { return 0 };
    let texts = values.as_string::<i32>();
    (0..texts.len()).filter(|row| !texts.is_null(*row) && texts.value(*row) == run).count() as u64
}

fn unreadable(stream: &FileStream, position: &str) -> ConnectorError {
    let name = &stream.stream;
    ConnectorError::new(ErrorKind::BadData, format!("What was written to `{name}` cannot be read back: {position}."))
}

fn send_back(
    stream: Option<&FileStream>,
    csv: &CsvConfig,
    columns: &[Column],
    run: Option<&str>,
    sender: &mpsc::Sender<Result<Item, ConnectorError>>,
) -> Result<(), Halt> {
    let send = |item| sender.blocking_send(Ok(item)).map_err(|_| Halt::Enough);
    let mut rows = 0;
    if let Some(stream) = stream {
        let known = survey::columns(stream, csv)?;
        let mut wanted = columns.to_vec();
        if let (Some(_), false, Some(column)) = (
            run,
            wanted.iter().any(|column| column.name == RUN_ID_COLUMN),
            known.iter().find(|column| column.name == RUN_ID_COLUMN),
        ) {
            wanted.push(column.clone());
        }
        let reading = Reading { stream, known: &known, columns: &wanted, csv, limits: LIMITS };
        scan::scan(&reading, &mut |found| match found {
            Found::Batch(batch) => {
                let batch = match run {
                    None => batch,
                    Some(run) => {
                        let texts = batch.column_by_name(RUN_ID_COLUMN).map(|values| values.as_string::<i32>().clone());
                        let keep = (0..batch.num_rows()).map(|row| {
                            texts.as_ref().is_some_and(|texts| !texts.is_null(row) && texts.value(row) == run)
                        });
                        arrow::compute::filter_record_batch(&batch, &keep.map(Some).collect()).map_err(bug)?
                    }
                };
                let records = batch.project(&(0..columns.len()).collect::<Vec<_>>()).map_err(bug)?;
                if records.num_rows() == 0 {
                    return Ok(());
                }
                rows += records.num_rows() as u64;
                send(Item::Batch(Batch::rows(records)))
            }
            Found::Rejected(row) => Err(unreadable(stream, &row.position).into()),
        })?;
    }
    send(Item::End(End { rows, cursor: None }))
}

fn bug(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "A batch of file rows could not be put together.").because(error)
}

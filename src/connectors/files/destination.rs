//! Files as a destination.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::layout::{self, FileStream};
use super::scan::{self, Found, Halt, Limits, Reading};
use super::source::blocking;
use super::state::State;
use super::writer::FileWriter;
use super::{Config, folder, lines};
use crate::connectors::{
    Batch, Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, End, ErrorKind, Fidelity,
    Folding, Item, ItemStream, Landing, RUN_ID_COLUMN, TargetName, TargetState, WriteRequest, Writer,
};
use crate::tasks;

const LIMITS: Limits = Limits { rows: 8192, bytes: 8 * 1024 * 1024 };

pub(super) struct FileDestination {
    config: Arc<Config>,
}

impl FileDestination {
    pub(super) fn new(config: Config) -> Self {
        Self { config: Arc::new(config) }
    }
}

#[async_trait]
impl Destination for FileDestination {
    fn abilities(&self) -> DestinationAbilities {
        DestinationAbilities {
            replace: true,
            append: true,
            merge: false,
            transactional: true,
            creates_namespaces: true,
            has_namespaces: true,
            namespace_optional: true,
            default_namespace: None,
            identifier_limit: 200,
            column_limit: None,
            folding: Folding::Sensitive,
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let path = self.config.path.clone();
        blocking(move || {
            std::fs::create_dir_all(&path).map_err(|error| super::compression::of_io(&path, error))?;
            folder::write_whole(&path.join("_towpath_check"), b"")?;
            std::fs::remove_file(path.join("_towpath_check"))
                .map_err(|error| super::compression::of_io(&path, error))?;
            Ok(Checked { message: format!("Folder `{}` can be written to.", path.display()) })
        })
        .await
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        let config = Arc::clone(&self.config);
        blocking(move || {
            if !config.path.exists() {
                return Ok(Vec::new());
            }
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&config.path)
                .map_err(|error| super::compression::of_io(&config.path, error))?
                .flatten()
            {
                let name = entry.file_name().to_string_lossy().into_owned();
                // A folder that holds a stream itself is a target, not a namespace.
                if entry.path().is_dir()
                    && !name.starts_with(['_', '.'])
                    && !entry.path().join(folder::SCHEMA_FILE).exists()
                {
                    found.push(name);
                }
            }
            found.sort();
            Ok(found)
        })
        .await
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let (config, target) = (Arc::clone(&self.config), target.clone());
        blocking(move || {
            let Some(stream) = at(&config, &target)? else { return Ok(None) };
            let columns = scan::columns(&stream, &config.csv)?;
            let ours = stream.folder.as_ref().is_some_and(|folder| folder.join(folder::SCHEMA_FILE).exists());
            Ok(Some(TargetState { target, rows: scan::estimate_rows(&stream)?, columns, ours }))
        })
        .await
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        let (target_type, note) = lines::land(self.config.write.format, &column.logical);
        let fidelity = if note.is_some() { Fidelity::Lossless } else { Fidelity::Exact };
        Ok(Landing { target_type, fidelity, note: note.map(str::to_owned) })
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        Ok(Box::new(FileWriter::open(self.config.path.clone(), self.config.write.clone(), request).await?))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        let (config, target, run) = (Arc::clone(&self.config), target.clone(), run.map(str::to_owned));
        blocking(move || {
            let Some(stream) = at(&config, &target)? else { return Ok(0) };
            let columns = scan::columns(&stream, &config.csv)?;
            let wanted: Vec<Column> = columns.iter().filter(|column| column.name == RUN_ID_COLUMN).cloned().collect();
            if run.is_none()
                && let Some(rows) = scan::estimate_rows(&stream)?
            {
                return Ok(rows);
            }
            let mut rows = 0;
            let reading =
                Reading { stream: &stream, known: &columns, columns: &wanted, csv: &config.csv, limits: LIMITS };
            finished(scan::scan(&reading, &mut |found| {
                match found {
                    Found::Batch(batch) => rows += rows_of_run(&batch, run.as_deref()),
                    Found::Rejected(row) => return Err(unreadable(&target, &row.position).into()),
                }
                Ok(())
            }))?;
            Ok(rows)
        })
        .await
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let (config, target, run, columns) =
            (Arc::clone(&self.config), target.clone(), run.map(str::to_owned), columns.to_vec());
        let (sender, receiver) = mpsc::channel(2);
        // Ends by itself when the receiving side is dropped.
        drop(tasks::spawn_blocking("read_back_files", move || {
            let outcome = send_back(&config, &target, &columns, run.as_deref(), &sender);
            if let Err(Halt::Failed(error)) = outcome {
                let _ = sender.blocking_send(Err(error));
            }
        }));
        Ok(ReceiverStream::new(receiver).boxed())
    }
}

/// The files that stand at a target, with what was committed but not renamed yet put right first.
fn at(config: &Config, target: &TargetName) -> Result<Option<FileStream>, ConnectorError> {
    let path: PathBuf = folder::of_target(&config.path, target)?;
    if !path.exists() {
        return Ok(None);
    }
    State::load(&path)?.settle(&path)?;
    let name = target.to_string();
    let plain = Config { streams: Vec::new(), ..config.clone() };
    Ok(layout::streams(&plain)?.into_iter().find(|stream| stream.stream == name && stream.folder.is_some()))
}

fn rows_of_run(batch: &arrow::array::RecordBatch, run: Option<&str>) -> u64 {
    let Some(run) = run else { return batch.num_rows() as u64 };
    let Some(values) = batch.column_by_name(RUN_ID_COLUMN) else { return 0 };
    let texts = values.as_string::<i32>();
    (0..texts.len()).filter(|row| !texts.is_null(*row) && texts.value(*row) == run).count() as u64
}

fn unreadable(target: &TargetName, position: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::BadData, format!("What was written to `{target}` cannot be read back: {position}."))
}

fn finished(outcome: Result<(), Halt>) -> Result<(), ConnectorError> {
    match outcome {
        Err(Halt::Failed(error)) => Err(error),
        Ok(()) | Err(Halt::Enough) => Ok(()),
    }
}

fn send_back(
    config: &Config,
    target: &TargetName,
    columns: &[Column],
    run: Option<&str>,
    sender: &mpsc::Sender<Result<Item, ConnectorError>>,
) -> Result<(), Halt> {
    let send = |item| sender.blocking_send(Ok(item)).map_err(|_| Halt::Enough);
    let mut rows = 0;
    if let Some(stream) = at(config, target)? {
        let known = scan::columns(&stream, &config.csv)?;
        let mut wanted = columns.to_vec();
        if let (Some(_), false, Some(column)) = (
            run,
            wanted.iter().any(|column| column.name == RUN_ID_COLUMN),
            known.iter().find(|column| column.name == RUN_ID_COLUMN),
        ) {
            wanted.push(column.clone());
        }
        let reading = Reading { stream: &stream, known: &known, columns: &wanted, csv: &config.csv, limits: LIMITS };
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
            Found::Rejected(row) => Err(unreadable(target, &row.position).into()),
        })?;
    }
    send(Item::End(End { rows, cursor: None }))
}

fn bug(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "A batch of file rows could not be put together.").because(error)
}

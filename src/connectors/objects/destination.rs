//! Objects as a destination.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};

use super::bucket::Bucket;
use super::recover::Target;
use super::state;
use super::writer::ObjectWriter;
use crate::connectors::files::layout::{self, FileStream};
use crate::connectors::files::source::blocking;
use crate::connectors::files::storage::Storage;
use crate::connectors::files::{CsvConfig, Format, WriteConfig, folder, lines, survey, target};
use crate::connectors::{
    Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, Folding, ItemStream, Landing,
    TargetName, TargetState, WriteRequest, Writer,
};

/// Folders whose own state is looked for at once.
const UNDER_WAY: usize = 16;

pub(super) struct ObjectDestination {
    bucket: Bucket,
    write: WriteConfig,
    csv: CsvConfig,
}

impl ObjectDestination {
    pub(super) fn new(bucket: Bucket, write: WriteConfig, csv: CsvConfig) -> Self {
        Self { bucket, write, csv }
    }

    /// What stands at a target, with what was committed and not completed put right first.
    async fn at(&self, target: &TargetName) -> Result<Option<(Target, FileStream)>, ConnectorError> {
        let folder = folder::below(target)?;
        let mut found = Target::load(&self.bucket, &folder).await?;
        found.settle().await?;
        let storage: Arc<dyn Storage> = Arc::new(self.bucket.clone());
        let stream = blocking(move || layout::of_folder(&storage, &folder)).await?;
        Ok(stream.filter(|stream| found.stands() || !stream.files.is_empty()).map(|stream| (found, stream)))
    }
}

/// The rows that were committed, when exactly the objects that were committed stand.
fn known_rows(target: &Target, stream: &FileStream) -> Option<u64> {
    let known = target.state.everything();
    let bytes: u64 = stream.files.iter().map(|file| file.bytes).sum();
    (known.files == stream.files.len() as u64 && known.bytes == bytes).then_some(known.rows)
}

/// Whether a part was written by a run: its name says so.
fn is_of_run(name: &str, run: &str) -> bool {
    let rest =
        name.strip_prefix("part-").and_then(|rest| rest.strip_prefix(run)).and_then(|rest| rest.strip_prefix('-'));
    rest.and_then(|rest| rest.split_once('-')).is_some_and(|(key, rest)| {
        let numbers = rest.split('.').next().unwrap_or_default();
        key.len() == 12
            && key.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !numbers.is_empty()
            && numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

fn of_run(mut stream: FileStream, run: &str) -> FileStream {
    stream.files.retain(|file| is_of_run(&file.shown(), run));
    stream
}

#[async_trait]
impl Destination for ObjectDestination {
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
        let probe = "_towpath_check".to_owned();
        self.bucket.put(&probe, Vec::new()).await?;
        self.bucket.delete(&[probe]).await?;
        Ok(Checked { message: format!("`{}` can be written to.", self.bucket.shown) })
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        let folders = self.bucket.folders().await?;
        // A folder that holds a stream itself is a target, not a namespace.
        let mut found: Vec<String> = futures::stream::iter(folders)
            .map(|folder| async move {
                let target = self.bucket.head(&state::object(&folder)).await?;
                Ok::<_, ConnectorError>(target.is_none().then_some(folder))
            })
            .buffer_unordered(UNDER_WAY)
            .try_filter_map(|folder| async move { Ok(folder) })
            .try_collect()
            .await?;
        found.sort();
        Ok(found)
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let Some((found, stream)) = self.at(target).await? else { return Ok(None) };
        let (csv, target) = (self.csv.clone(), target.clone());
        blocking(move || {
            let rows = match known_rows(&found, &stream) {
                Some(rows) => Some(rows),
                None => survey::estimate_rows(&stream)?,
            };
            let columns = survey::columns(&stream, &csv)?;
            Ok(Some(TargetState { target, rows, columns, ours: stream.ours }))
        })
        .await
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        Ok(lines::landing(self.write.format, &column.logical))
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        Ok(Box::new(ObjectWriter::open(self.bucket.clone(), self.write.clone(), request).await?))
    }

    /// Of one run, the rows are counted in its objects; of all, the committed count is taken where exactly the committed
    /// objects stand.
    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        let Some((found, stream)) = self.at(target).await? else { return Ok(0) };
        if let (None, Some(rows)) = (run, known_rows(&found, &stream)) {
            return Ok(rows);
        }
        let (csv, run) = (self.csv.clone(), run.map(str::to_owned));
        blocking(move || match run {
            None => target::count(&stream, &csv, None),
            Some(run) => {
                let mine = of_run(stream, &run);
                let parquet = mine.files.iter().all(|file| file.format == Format::Parquet);
                target::count(&mine, &csv, (!parquet).then_some(run.as_str()))
            }
        })
        .await
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let stream = self.at(target).await?.map(|(_, stream)| stream);
        let stream = match run {
            Some(run) => stream.map(|stream| of_run(stream, run)),
            None => stream,
        };
        Ok(target::read_back(stream, self.csv.clone(), columns.to_vec(), run.map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_of_its_own_run_alone() {
        let name = "part-run-1-0123456789ab-000001-0000.parquet";
        assert!(is_of_run(name, "run-1"));
        assert!(!is_of_run(name, "run"));
        assert!(!is_of_run("part-run-1-2-0123456789ab-000001-0000.parquet", "run-1"));
        assert!(!is_of_run("orders.parquet", "run-1"));
    }
}

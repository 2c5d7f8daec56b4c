//! Files as a destination.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::layout::{self, FileStream};
use super::local::Folder;
use super::source::blocking;
use super::state::State;
use super::storage::Storage;
use super::writer::FileWriter;
use super::{Config, folder, lines, survey, target};
use crate::connectors::{
    Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, Folding, ItemStream, Landing,
    TargetName, TargetState, WriteRequest, Writer,
};

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
            let columns = survey::columns(&stream, &config.csv)?;
            Ok(Some(TargetState { target, rows: survey::estimate_rows(&stream)?, columns, ours: stream.ours }))
        })
        .await
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        Ok(lines::landing(self.config.write.format, &column.logical))
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        Ok(Box::new(FileWriter::open(self.config.path.clone(), self.config.write.clone(), request).await?))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        let (config, target, run) = (Arc::clone(&self.config), target.clone(), run.map(str::to_owned));
        blocking(move || match at(&config, &target)? {
            Some(stream) => target::count(&stream, &config.csv, run.as_deref()),
            None => Ok(0),
        })
        .await
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let (config, target) = (Arc::clone(&self.config), target.clone());
        let csv = config.csv.clone();
        let stream = blocking(move || at(&config, &target)).await?;
        Ok(target::read_back(stream, csv, columns.to_vec(), run.map(str::to_owned)))
    }
}

/// The files that stand at a target, with what was committed but not renamed yet put right first.
fn at(config: &Config, target: &TargetName) -> Result<Option<FileStream>, ConnectorError> {
    let path: PathBuf = folder::of_target(&config.path, target)?;
    if !path.exists() {
        return Ok(None);
    }
    State::load(&path)?.settle(&path)?;
    let place: Arc<dyn Storage> = Arc::new(Folder::new(config.path.clone()));
    let below = path.strip_prefix(&config.path).ok().and_then(|below| below.to_str()).unwrap_or_default();
    layout::of_folder(&place, below)
}

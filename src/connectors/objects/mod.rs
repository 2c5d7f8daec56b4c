//! Object storage, both ways: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage. Formats and layout
//! are those of [`super::files`]; this module knows buckets.
//!
//! What is written lies at `{prefix}/{namespace}/{stream}/YYYY/MM/DD/part-{run}-{key}-{epoch}-{n}.{format}`, by the day on
//! which the run began. Parts are multipart uploads that stay incomplete, and so invisible, until they are committed: one
//! conditional put of the folder's `_towpath_state.json` is the commit ([`state`]), and then the uploads that it names are
//! completed. Whoever opens the folder after a crash completes what is left. A finished run leaves
//! `_towpath_manifest_{run}-{key}-{n}.json` with its objects, rows and bytes.

mod azure;
mod bucket;
mod destination;
mod failure;
mod gcs;
mod recover;
mod s3;
mod sink;
mod state;
mod writer;

use std::sync::Arc;

pub use azure::AzureBlob;
pub use gcs::Gcs;
pub use s3::S3;

use super::files::source::FileSource;
use super::files::{CsvConfig, StreamConfig, WriteConfig};
use super::{ConnectorError, Destination, ErrorKind, Source};
use bucket::Bucket;

/// Bytes of an upload's part. All but the last have exactly this size, as some services demand.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// What every object storage connection says of its objects.
struct Objects {
    streams: Vec<StreamConfig>,
    csv: CsvConfig,
    write: WriteConfig,
}

fn source(bucket: Bucket, objects: Objects) -> Arc<dyn Source> {
    Arc::new(FileSource::new(Arc::new(bucket), objects.streams, objects.csv))
}

fn destination(bucket: Bucket, objects: Objects) -> Arc<dyn Destination> {
    Arc::new(destination::ObjectDestination::new(bucket, objects.write, objects.csv))
}

/// A setting that must not be empty and must fit an address.
fn required(service: &str, name: &str, text: &str) -> Result<(), ConnectorError> {
    if text.trim().is_empty() || text.contains(|letter: char| letter.is_control() || letter == '/') {
        return Err(ConnectorError::new(
            ErrorKind::Config,
            format!("The setting `{name}` of a `{service}` connection is empty or has characters that no name has."),
        ));
    }
    Ok(())
}

/// What is wrong when neither a credential nor `anonymous` is given: this program lends nobody its own.
fn without_credential(service: &str, what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Config, format!("This `{service}` connection has no credential."))
        .advise(format!("Give {what}, or set `anonymous` for what everybody may read."))
}

fn unfit(service: &str, error: object_store::Error) -> ConnectorError {
    ConnectorError::new(ErrorKind::Config, format!("The settings of `{service}` do not fit together."))
        .advise("Check the endpoint's address and the credential's form.")
        .because(error)
}

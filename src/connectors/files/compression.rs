//! Packed and plain bytes, by a file's ending.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::layout::DataFile;
use super::storage::Storage;
use super::{Compression, Format};
use crate::connectors::{ConnectorError, ErrorKind};

/// Bytes held between the disk and a parser.
const BUFFER: usize = 256 * 1024;

/// What a file name says it holds: `orders.csv.gz` is packed CSV. `None` for anything else.
pub(super) fn of_name(name: &str) -> Option<(Format, Compression)> {
    let lower = name.to_lowercase();
    let (rest, compression) = if let Some(rest) = lower.strip_suffix(".gz") {
        (rest, Compression::Gzip)
    } else if let Some(rest) = lower.strip_suffix(".zst").or_else(|| lower.strip_suffix(".zstd")) {
        (rest, Compression::Zstd)
    } else {
        (lower.as_str(), Compression::None)
    };
    let format = match rest.rsplit_once('.')?.1 {
        "csv" | "tsv" => Format::Csv,
        "jsonl" | "ndjson" => Format::Jsonl,
        "parquet" if compression == Compression::None => Format::Parquet,
        _ => return None,
    };
    Some((format, compression))
}

/// The endings of a file of this kind.
pub(in crate::connectors) fn ending(format: Format, compression: Compression) -> String {
    let format_ending = match format {
        Format::Csv => "csv",
        Format::Jsonl => "jsonl",
        Format::Parquet => return "parquet".to_owned(),
    };
    match compression {
        Compression::None => format_ending.to_owned(),
        Compression::Gzip => format!("{format_ending}.gz"),
        Compression::Zstd => format!("{format_ending}.zst"),
    }
}

/// Opens a text file for reading, unpacked.
pub(super) fn reader(storage: &dyn Storage, file: &DataFile) -> Result<Box<dyn BufRead + Send>, ConnectorError> {
    let raw = BufReader::with_capacity(BUFFER, storage.open(file)?);
    Ok(match file.compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(raw))),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(|error| of_file(file, error))?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
    })
}

/// Text on its way out, packed.
pub(super) enum Packed<W: Write> {
    Plain(BufWriter<W>),
    Gzip(flate2::write::GzEncoder<BufWriter<W>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<W>>),
}

impl<W: Write> Packed<W> {
    pub(super) fn new(to: W, compression: Compression) -> std::io::Result<Self> {
        let raw = BufWriter::with_capacity(BUFFER, to);
        Ok(match compression {
            Compression::None => Self::Plain(raw),
            Compression::Gzip => Self::Gzip(flate2::write::GzEncoder::new(raw, flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(raw, 3)?),
        })
    }

    /// What is written to.
    pub(super) fn inner(&self) -> &W {
        match self {
            Self::Plain(raw) => raw.get_ref(),
            Self::Gzip(encoder) => encoder.get_ref().get_ref(),
            Self::Zstd(encoder) => encoder.get_ref().get_ref(),
        }
    }

    /// Hands on what is held back, and gives up what was written to.
    pub(super) fn finish(self) -> std::io::Result<W> {
        let raw = match self {
            Self::Plain(raw) => raw,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        raw.into_inner().map_err(std::io::IntoInnerError::into_error)
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(to) => to.write(bytes),
            Self::Zstd(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(to) => to.flush(),
            Self::Zstd(to) => to.flush(),
        }
    }
}

/// What became of reading a file.
pub(super) fn of_file(file: &DataFile, error: std::io::Error) -> ConnectorError {
    of_shown(&file.shown(), error)
}

/// What the operating system said of a file, for a person.
pub(super) fn of_io(path: &Path, error: std::io::Error) -> ConnectorError {
    of_shown(&path.display().to_string(), error)
}

pub(super) fn of_shown(shown: &str, error: std::io::Error) -> ConnectorError {
    use std::io::ErrorKind as Io;
    // A bucket or a server has said more than an I/O error can.
    let error = match error.downcast::<ConnectorError>() {
        Ok(told) => return told,
        Err(error) => error,
    };
    let (kind, message) = match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, format!("`{shown}` is not there.")),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (ErrorKind::Permission, format!("This account may not use `{shown}`."))
        }
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            (ErrorKind::Exhausted, format!("The disk that holds `{shown}` is full."))
        }
        Io::InvalidData | Io::InvalidInput | Io::UnexpectedEof => {
            (ErrorKind::BadData, format!("`{shown}` is damaged or cut short: its bytes cannot be unpacked."))
        }
        _ => (ErrorKind::Unreachable, format!("`{shown}` cannot be read or written.")),
    };
    ConnectorError::new(kind, message).because(error)
}

/// The first bytes of a text file, unpacked, for looking at its shape.
pub(super) fn head(
    storage: &dyn Storage,
    file: &DataFile,
    limit: u64,
) -> Result<Box<dyn BufRead + Send>, ConnectorError> {
    Ok(Box::new(BufReader::new(reader(storage, file)?.take(limit))))
}

//! Raw rows with the metadata columns behind each.

use arrow::array::RecordBatch;
use bytes::{BufMut as _, Bytes, BytesMut};

use super::codec::encode::{Encoding, encode};
use super::raw::row_length;
use super::table::Lane;
use crate::connectors::{ConnectorError, ErrorKind, RawPiece, RawRows};

/// Fields that follow a row's own: their number and their bytes.
#[derive(Debug)]
pub(super) struct Fields {
    count: usize,
    bytes: Bytes,
}

/// The values of these columns in one row of the tail, each with its length before it.
pub(super) fn fields(tail: &RecordBatch, lanes: &[&Lane]) -> Result<Fields, ConnectorError> {
    let picks = lanes
        .iter()
        .map(|lane| Some((tail.schema().index_of(&lane.name).ok()?, lane.encoding)))
        .collect::<Option<Vec<(usize, Encoding)>>>()
        .ok_or_else(|| ConnectorError::new(ErrorKind::Bug, "Raw rows came without their metadata columns."))?;
    let row = encode(tail, &picks, 0..1)?.row(0);
    // Behind the number of fields.
    Ok(Fields { count: lanes.len(), bytes: row.slice(2.min(row.len())..) })
}

/// Puts the fields behind each row, which has `own` fields itself.
pub(super) fn append(rows: RawRows, own: usize, tail: &Fields) -> Result<RawRows, ConnectorError> {
    let bug = || ConnectorError::new(ErrorKind::Bug, "Raw rows are not what their form says.");
    let count = i16::try_from(own + tail.count)
        .map_err(|_| ConnectorError::new(ErrorKind::BadData, "A table cannot have more than 1600 columns."))?;
    let piece = |piece: RawPiece| {
        let rows = usize::try_from(piece.rows).unwrap_or(usize::MAX);
        let mut out = BytesMut::with_capacity(piece.bytes.len() + rows.saturating_mul(tail.bytes.len()));
        let mut rest = piece.bytes.as_ref();
        while !rest.is_empty() {
            let length = row_length(rest, own).ok().flatten().ok_or_else(bug)?;
            let (row, behind) = rest.split_at_checked(length).ok_or_else(bug)?;
            out.put_i16(count);
            out.put_slice(row.get(2..).unwrap_or_default());
            out.put_slice(&tail.bytes);
            rest = behind;
        }
        Ok(RawPiece { bytes: out.freeze(), rows: piece.rows })
    };
    Ok(RawRows { pieces: rows.pieces.into_iter().map(piece).collect::<Result<_, ConnectorError>>()? })
}

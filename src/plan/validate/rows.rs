//! How much there is to read.

use std::time::Duration;

use super::stream::Work;
use crate::connectors::filter::Filter;
use crate::plan::filter;
use crate::plan::span::{count_words, size_words};

/// Counting must not keep a person waiting.
const COUNT_LIMIT: Duration = Duration::from_secs(5);
/// Streams with more rows than this are not counted for a preview.
const COUNTABLE: u64 = 20_000_000;

/// Rows and bytes to read, where they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Amount {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    /// `about 120,000 rows`, for sentences.
    pub words: String,
}

pub(super) async fn estimate(work: &mut Work<'_>, row_filter: Option<&Filter>) -> Amount {
    let stream = work.spec.stream.clone();
    let (held, held_bytes) = (work.schema.summary.rows, work.schema.summary.bytes);
    let countable = held.is_none_or(|rows| rows <= COUNTABLE);
    // A filter that could not be read has its own problem; counting all rows instead would mislead.
    let unread = work.spec.filter.is_some() && row_filter.is_none();
    let wanted = !unread && countable && (row_filter.is_some() || held.is_none());
    let counted = if wanted { count(work, row_filter).await } else { None };
    let rows = if row_filter.is_some() { counted } else { held.or(counted) };
    match (held, counted) {
        (Some(held), _) => work.measured("row_estimate", format!("`{stream}` has about {}.", rows_words(held))),
        (None, Some(counted)) if row_filter.is_none() => {
            work.measured("row_count", format!("`{stream}` has {}.", rows_words(counted)));
        }
        _ => work.measured("row_estimate", format!("How many rows `{stream}` has could not be told.")),
    }
    if row_filter.is_some() {
        match counted {
            Some(counted) => {
                work.measured("filter_rows", format!("The filter lets {} through now.", rows_words(counted)));
            }
            None => work.measured("filter_rows", "How many rows pass the filter was not counted."),
        }
    }
    if rows == Some(0) {
        let (place, message) = if row_filter.is_some() {
            ("/filter", format!("No row of `{stream}` passes the filter now."))
        } else {
            ("/stream", format!("`{stream}` has no rows now."))
        };
        work.warn(place, "no_rows", message);
    }
    let bytes = match (held_bytes, held, rows) {
        (Some(bytes), Some(held), Some(rows)) if held > 0 && rows < held => {
            u64::try_from(u128::from(bytes) * u128::from(rows) / u128::from(held)).ok()
        }
        (bytes, ..) => bytes,
    };
    let exact = counted.is_some() && (row_filter.is_some() || held.is_none());
    let words = match rows {
        Some(rows) if exact => rows_words(rows),
        Some(rows) => format!("about {}", rows_words(rows)),
        None => "all rows that pass".to_owned(),
    };
    let words = match bytes.filter(|bytes| *bytes > 0) {
        Some(bytes) if rows != Some(0) => format!("{words} ({})", size_words(bytes)),
        _ => words,
    };
    Amount { rows, bytes, words }
}

async fn count(work: &Work<'_>, row_filter: Option<&Filter>) -> Option<u64> {
    let absolute = row_filter.map(|row_filter| filter::at_time(row_filter, work.around.now, &work.schema.columns));
    let question = work.around.origin.source.count(&work.spec.stream, absolute.as_ref());
    match tokio::time::timeout(COUNT_LIMIT, question).await {
        Ok(Ok(rows)) => Some(rows),
        Ok(Err(error)) => {
            tracing::info!(stream = work.spec.stream, kind = %error.kind, cause = ?error.source, "count failed");
            None
        }
        Err(_) => None,
    }
}

/// `1 row`, `4,100 rows`.
pub(super) fn rows_words(rows: u64) -> String {
    format!("{} row{}", count_words(rows), if rows == 1 { "" } else { "s" })
}

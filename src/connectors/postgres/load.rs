//! Loading rows over one connection: a COPY, what follows it, and the search for the rows to blame when the server refuses.

use std::ops::Range;

use arrow::array::RecordBatch;
use bytes::Bytes;

use super::codec::encode::{Encoded, Encoding, encode};
use super::codec::{HEADER, TRAILER};
use super::connect::Session;
use super::failure::{blames_rows, failure, row_refusal};
use super::open::STAGE;
use super::sql::quote;
use crate::connectors::{ConnectorError, ErrorKind, RawRows};

/// What is done with one kind of rows.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) copy: String,
    pub(super) then: Vec<String>,
    /// Whether the statements must bring as many rows as were copied.
    pub(super) counted: bool,
    /// Whether rows go through [`STAGE`], which is emptied after them.
    pub(super) staged: bool,
    /// The target, for sentences.
    pub(super) shown: String,
    /// Names and types of the columns sent, for rows that are only known as bytes.
    pub(super) columns: Vec<(String, String)>,
}

/// Rows on their way to one connection.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    Batch { records: RecordBatch, picks: Vec<(usize, Encoding)>, rows: Vec<Range<usize>> },
    Raw { rows: RawRows, fields: usize },
}

/// A row that cannot be held.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its place in the parcel's batch.
    pub(super) row: usize,
    pub(super) code: &'static str,
    /// A sentence; the column is named by its place in the batch.
    pub(super) reason: String,
    pub(super) column: Option<usize>,
    /// The row's values as the server writes them, for a row of bytes.
    pub(super) text: Option<String>,
}

/// What a COPY and its statements came to.
enum Attempt {
    Done,
    /// A row is to blame.
    Refused(tokio_postgres::Error),
}

/// Loads a parcel, apart from the rows that cannot be held. After an error nothing is known about the session's transaction.
pub(super) async fn load(session: &Session, parcel: &Parcel, load: &Load) -> Result<Vec<Refused>, ConnectorError> {
    let loading = Loading { session, load };
    match parcel {
        Parcel::Batch { records, picks, rows } => {
            let encoded = encode(records, picks, rows.iter().flat_map(Clone::clone))?;
            loading.encoded(&encoded, false).await
        }
        Parcel::Raw { rows, fields } => {
            let count = rows.rows();
            let mut pieces = vec![Bytes::from_static(HEADER)];
            pieces.extend(rows.pieces.iter().map(|piece| piece.bytes.clone()));
            pieces.push(Bytes::copy_from_slice(&TRAILER));
            if loading.tried(pieces, count).await?.is_none() {
                return Ok(Vec::new());
            }
            let whole: Vec<u8> = rows.pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
            let encoded = Encoded::of_rows(whole.into(), *fields)
                .ok_or_else(|| ConnectorError::new(ErrorKind::Bug, "Raw rows are not what their form says."))?;
            loading.encoded(&encoded, true).await
        }
    }
}

struct Loading<'a> {
    session: &'a Session,
    load: &'a Load,
}

impl Loading<'_> {
    fn failed(&self, error: tokio_postgres::Error) -> ConnectorError {
        failure(format!("Writing to `{}` failed", self.load.shown), error)
    }

    async fn encoded(&self, encoded: &Encoded, raw: bool) -> Result<Vec<Refused>, ConnectorError> {
        let mut refused: Vec<Refused> = encoded
            .refused
            .iter()
            .map(|(row, column, refusal)| Refused {
                row: *row,
                code: refusal.code,
                reason: refusal.what.to_owned(),
                column: Some(*column),
                text: None,
            })
            .collect();
        // When the server refuses a part, each half is tried by itself, in order, until the rows to blame are alone.
        let mut parts = Vec::from([Range { start: 0, end: encoded.len() }]);
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let count = u64::try_from(part.len()).unwrap_or(u64::MAX);
            let Some(error) = self.tried(encoded.copy(part.clone()), count).await? else { continue };
            if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
            } else if let Some(row) = encoded.origins.get(part.start) {
                let (code, reason) = row_refusal(&error);
                let text = if raw { self.written(encoded.row(part.start)).await? } else { None };
                refused.push(Refused { row: *row, code, reason, column: None, text });
            }
        }
        Ok(refused)
    }

    /// Copies within a savepoint. Answers the error when a row is to blame; nothing of the attempt is left then.
    async fn tried(&self, pieces: Vec<Bytes>, rows: u64) -> Result<Option<tokio_postgres::Error>, ConnectorError> {
        let failed = |error| self.failed(error);
        self.session.batch_execute("savepoint towpath_rows").await.map_err(failed)?;
        match self.attempt(pieces, rows).await? {
            Attempt::Done => {
                self.session.batch_execute("release savepoint towpath_rows").await.map_err(failed)?;
                Ok(None)
            }
            Attempt::Refused(error) => {
                let undo = "rollback to savepoint towpath_rows; release savepoint towpath_rows";
                self.session.batch_execute(undo).await.map_err(failed)?;
                Ok(Some(error))
            }
        }
    }

    async fn attempt(&self, pieces: Vec<Bytes>, sent: u64) -> Result<Attempt, ConnectorError> {
        match self.copy_in(pieces).await {
            Ok((copied, brought)) => {
                if copied == sent && (!self.load.counted || brought == sent) {
                    return Ok(Attempt::Done);
                }
                let taken = if copied == sent { brought } else { copied };
                let shown = &self.load.shown;
                let message = format!("`{shown}` took {taken} of {sent} rows; a trigger or a rule drops rows.");
                Err(ConnectorError::new(ErrorKind::BadData, message)
                    .advise(format!("Disable what drops rows of `{shown}`, or choose another target.")))
            }
            Err(error) if blames_rows(&error) => Ok(Attempt::Refused(error)),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Rows that the COPY took, and rows that the statements after it brought.
    async fn copy_in(&self, pieces: Vec<Bytes>) -> Result<(u64, u64), tokio_postgres::Error> {
        let copied = self.session.copy_in(&self.load.copy, pieces).await?;
        let mut brought = copied;
        for statement in &self.load.then {
            brought = self.session.execute(statement.as_str(), &[]).await?;
        }
        if self.load.staged {
            self.session.batch_execute(&format!("truncate {STAGE}")).await?;
        }
        Ok((copied, brought))
    }

    /// A row of bytes as the server itself writes its values; `None` when it does not understand the row at all.
    async fn written(&self, row: Bytes) -> Result<Option<String>, ConnectorError> {
        let failed = |error| self.failed(error);
        let list =
            |of: &dyn Fn(&(String, String)) -> String| self.load.columns.iter().map(of).collect::<Vec<_>>().join(", ");
        let table = format!(
            "savepoint towpath_row; create temp table _towpath_refused ({})",
            list(&|(name, kind)| format!("{} {kind}", quote(name)))
        );
        self.session.batch_execute(&table).await.map_err(failed)?;
        let texts = format!(
            "select array[{}]::text[] from pg_temp._towpath_refused",
            list(&|(name, _)| format!("pg_catalog.format('%s', {})", quote(name)))
        );
        let nulls = format!(
            "select array[{}] from pg_temp._towpath_refused",
            list(&|(name, _)| format!("{} is not distinct from null", quote(name)))
        );
        let copy = "copy pg_temp._towpath_refused from stdin (format binary)";
        let show = async {
            let pieces = [Bytes::from_static(HEADER), row, Bytes::copy_from_slice(&TRAILER)];
            self.session.copy_in(copy, pieces).await?;
            let texts: Vec<String> = self.session.query_one(&texts, &[]).await?.try_get(0)?;
            let nulls: Vec<bool> = self.session.query_one(&nulls, &[]).await?.try_get(0)?;
            Ok::<_, tokio_postgres::Error>((texts, nulls))
        };
        let shown = show.await;
        self.session.batch_execute("rollback to savepoint towpath_row").await.map_err(failed)?;
        Ok(shown.ok().map(|(texts, nulls)| {
            let cells = self.load.columns.iter().zip(texts).zip(nulls).map(|(((name, _), text), null)| {
                (name.clone(), if null { serde_json::Value::Null } else { text.into() })
            });
            serde_json::Value::Object(cells.collect()).to_string()
        }))
    }
}

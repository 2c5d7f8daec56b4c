//! Rows into a table: as a file where the server takes one, otherwise as prepared inserts. Rows that cannot be held are found,
//! and the others are taken.

use std::ops::Range;

use arrow::array::{ArrayRef, RecordBatch};
use bytes::Bytes;
use futures::StreamExt as _;
use mysql_async::{Error, Value};

use super::connect::Session;
use super::encode::{self, Unfit};
use super::failure::{blames_rows, code, failure, row_refusal};
use super::sql::quoted_list;
use super::table::Lane;
use crate::connectors::{ConnectorError, ErrorKind};

/// Where rows go, and what follows.
pub(super) struct Load<'a> {
    pub(super) table: &'a str,
    /// Each with its column's place in the batch.
    pub(super) lanes: Vec<(usize, &'a Lane)>,
    /// Statements that bring the rows on from a stage; the stage is emptied after them.
    pub(super) then: &'a [String],
    pub(super) shown: &'a str,
}

/// A row that cannot be held.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its place in the batch.
    pub(super) row: usize,
    pub(super) code: &'static str,
    /// A sentence, or a clause about the column.
    pub(super) reason: String,
    /// The column's name at the target, when it alone is to blame.
    pub(super) column: Option<String>,
}

/// Parameters that one statement may have.
const MOST_PARAMETERS: usize = 65_535;
/// Rows of one insert.
const MOST_ROWS: usize = 512;
/// A piece of a file.
const PIECE: usize = 256 * 1024;

/// Loads rows of a batch within the open transaction, apart from those that cannot be held.
pub(super) async fn load(
    session: &mut Session,
    load: &Load<'_>,
    records: &RecordBatch,
    rows: &[usize],
) -> Result<Vec<Refused>, ConnectorError> {
    let arrays: Vec<&ArrayRef> = load.lanes.iter().filter_map(|(place, _)| records.columns().get(*place)).collect();
    if arrays.len() != load.lanes.len() {
        let message = format!("A batch for `{}` has other columns than were announced.", load.shown);
        return Err(ConnectorError::new(ErrorKind::Bug, message));
    }
    let mut loading = Loading { session, load, arrays, refused: Vec::new() };
    let fit = loading.fitting(rows);
    loading.all(&fit).await?;
    Ok(loading.refused)
}

struct Loading<'a> {
    session: &'a mut Session,
    load: &'a Load<'a>,
    arrays: Vec<&'a ArrayRef>,
    refused: Vec<Refused>,
}

/// What became of an attempt.
enum Attempt {
    Done,
    /// A row is to blame; the server said so, or said that it changed a value.
    Refused(Option<Error>),
}

impl Loading<'_> {
    fn failed(&self, error: Error) -> ConnectorError {
        failure(format!("Writing to `{}` failed", self.load.shown), error)
    }

    /// The rows whose every value the columns can hold, as far as can be told here.
    fn fitting(&mut self, rows: &[usize]) -> Vec<usize> {
        let mut fit = Vec::with_capacity(rows.len());
        for row in rows {
            match self.unfit(*row) {
                None => fit.push(*row),
                Some((column, unfit)) => self.refused.push(Refused {
                    row: *row,
                    code: unfit.code,
                    reason: unfit.what.to_owned(),
                    column: Some(column),
                }),
            }
        }
        fit
    }

    fn unfit(&self, row: usize) -> Option<(String, Unfit)> {
        self.load.lanes.iter().zip(&self.arrays).find_map(|((_, lane), array)| {
            encode::value(*array, row, &lane.check).err().map(|unfit| (lane.name.clone(), unfit))
        })
    }

    async fn all(&mut self, rows: &[usize]) -> Result<(), ConnectorError> {
        if rows.is_empty() {
            return Ok(());
        }
        let suits = self.session.server.takes_files && self.load.lanes.iter().all(|(_, lane)| lane.suits_file());
        if suits && matches!(self.tried(rows, true).await?, Attempt::Done) {
            return Ok(());
        }
        // When the server refuses a part, each half is tried by itself, in order, until the rows to blame are alone.
        let mut parts = vec![Range { start: 0, end: rows.len() }];
        while let Some(range) = parts.pop() {
            let part = rows.get(range.clone()).unwrap_or_default();
            let [first, rest @ ..] = part else { continue };
            let Attempt::Refused(error) = self.tried(part, false).await? else { continue };
            if !rest.is_empty() {
                let middle = range.start + part.len() / 2;
                parts.push(middle..range.end);
                parts.push(range.start..middle);
                continue;
            }
            let (code, reason) = error.as_ref().map_or_else(
                || {
                    (
                        "value_changed",
                        "The row was refused: the server would have changed one of its values.".to_owned(),
                    )
                },
                row_refusal,
            );
            self.refused.push(Refused { row: *first, code, reason, column: None });
        }
        Ok(())
    }

    /// Loads within a savepoint. When a row is to blame, nothing of the attempt is left.
    async fn tried(&mut self, rows: &[usize], as_file: bool) -> Result<Attempt, ConnectorError> {
        self.session.run("savepoint towpath_rows").await.map_err(|error| self.failed(error))?;
        let attempt = if as_file { self.send_file(rows).await } else { self.insert(rows).await };
        let attempt = match attempt {
            Ok(Attempt::Done) => self.bring_on().await,
            other => other,
        };
        match attempt {
            Ok(Attempt::Done) => {
                self.session.run("release savepoint towpath_rows").await.map_err(|error| self.failed(error))?;
                Ok(Attempt::Done)
            }
            Ok(Attempt::Refused(error)) => {
                self.undo().await?;
                Ok(Attempt::Refused(error))
            }
            Err(error) if blames_rows(&error) => {
                self.undo().await?;
                Ok(Attempt::Refused(Some(error)))
            }
            // Files may be forbidden after all, by the server or by something in between.
            Err(error) if as_file && matches!(code(&error), Some(1148 | 2068 | 3948 | 4166)) => {
                self.session.server.takes_files = false;
                self.undo().await?;
                Ok(Attempt::Refused(Some(error)))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    async fn undo(&mut self) -> Result<(), ConnectorError> {
        self.session.run("rollback to savepoint towpath_rows").await.map_err(|error| self.failed(error))
    }

    async fn bring_on(&mut self) -> Result<Attempt, Error> {
        if self.load.then.is_empty() {
            return Ok(Attempt::Done);
        }
        for statement in self.load.then {
            self.session.run(statement).await?;
            if self.changed_values().await? {
                return Ok(Attempt::Refused(None));
            }
        }
        self.session.run(&format!("delete from {}", self.load.table)).await?;
        Ok(Attempt::Done)
    }

    fn names(&self) -> String {
        quoted_list(self.load.lanes.iter().map(|(_, lane)| lane.name.as_str()))
    }

    async fn send_file(&mut self, rows: &[usize]) -> Result<Attempt, Error> {
        let mut pieces: Vec<Bytes> = Vec::new();
        let mut piece = Vec::with_capacity(PIECE + PIECE / 4);
        for row in rows {
            for (place, ((_, lane), array)) in self.load.lanes.iter().zip(&self.arrays).enumerate() {
                if place > 0 {
                    piece.push(b'\t');
                }
                if let Ok(value) = encode::value(*array, *row, &lane.check) {
                    value.write(&mut piece);
                }
            }
            piece.push(b'\n');
            if piece.len() >= PIECE {
                pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(PIECE + PIECE / 4)).into());
            }
        }
        pieces.push(piece.into());
        // In this mode a backslash is one character of a constant.
        let sql = format!(
            "load data local infile 'rows' into table {} character set binary fields terminated by '\t' escaped by '\\' \
             lines terminated by '\n' ({})",
            self.load.table,
            self.names()
        );
        let file = move || futures::stream::iter(pieces.into_iter().map(Ok)).boxed();
        let (brought, warnings) = self.session.load(&sql, file).await?;
        // With a local file the server makes warnings of errors: values cut, rows left out.
        let whole = usize::try_from(brought).ok() == Some(rows.len()) && warnings == 0;
        Ok(if whole { Attempt::Done } else { Attempt::Refused(None) })
    }

    async fn insert(&mut self, rows: &[usize]) -> Result<Attempt, Error> {
        let width = self.load.lanes.len().max(1);
        let most = (MOST_PARAMETERS / width).clamp(1, MOST_ROWS);
        // What one packet holds, with room for what goes with each value.
        let room = self.session.server.largest_packet / 2;
        let (mut values, mut count, mut bytes) = (Vec::new(), 0, 0);
        for row in rows {
            let mut of_row = Vec::with_capacity(width);
            for ((_, lane), array) in self.load.lanes.iter().zip(&self.arrays) {
                of_row.push(encode::value(*array, *row, &lane.check).map_or(Value::NULL, encode::Sent::parameter));
            }
            let size: usize =
                of_row.iter().map(|value| if let Value::Bytes(bytes) = value { bytes.len() + 16 } else { 16 }).sum();
            if count > 0 && (count == most || bytes + size > room) {
                if self.insert_some(std::mem::take(&mut values), count).await? {
                    return Ok(Attempt::Refused(None));
                }
                (count, bytes) = (0, 0);
            }
            values.append(&mut of_row);
            count += 1;
            bytes += size;
        }
        let changed = count > 0 && self.insert_some(values, count).await?;
        Ok(if changed { Attempt::Refused(None) } else { Attempt::Done })
    }

    /// Whether the server changed a value.
    async fn insert_some(&mut self, values: Vec<Value>, rows: usize) -> Result<bool, Error> {
        let places = format!("({})", vec!["?"; self.load.lanes.len()].join(", "));
        let sql =
            format!("insert into {} ({}) values {}", self.load.table, self.names(), vec![places; rows].join(", "));
        let brought = self.session.execute(&sql, values).await?;
        Ok(usize::try_from(brought).ok() != Some(rows) || self.changed_values().await?)
    }

    /// Whether the last statement warned of a value that it changed. Rounding is no error in any mode.
    async fn changed_values(&mut self) -> Result<bool, Error> {
        if self.session.warnings() == 0 {
            return Ok(false);
        }
        let may_round = self.load.lanes.iter().any(|(_, lane)| lane.check.may_round());
        let told: Vec<(String, u32, String)> = self.session.plain_rows("show warnings").await?;
        Ok(told.iter().any(|(level, code, _)| {
            let rounded = level == "Note" && may_round;
            !rounded && matches!(code, 1048 | 1062 | 1264 | 1265 | 1292 | 1300 | 1366 | 1406 | 1452)
        }))
    }
}

//! Rows out of SQLite: decoded, filtered and packed within the limits asked for.

use arrow::compute::filter_record_batch;
use rusqlite::{Connection, Row, types::ValueRef};
use serde_json::{Map, Value as Json};

use super::decode::{Cell, Filler, decode};
use super::tables::Table;
use super::{IntegerTime, failure, quoted};
use crate::connectors::filter::Filter;
use crate::connectors::{
    Batch, Column, ConnectorError, End, ErrorKind, Item, ReadMode, ReadRequest, RejectedRow, evaluate,
};

/// Columns of a result, as SQLite is built.
const MOST_COLUMNS: usize = 2_000;

/// Why reading ends before the end.
pub(super) enum Stop {
    /// Nobody listens any more, or enough was heard.
    Gone,
    Failed(ConnectorError),
}

impl From<ConnectorError> for Stop {
    fn from(error: ConnectorError) -> Self {
        Self::Failed(error)
    }
}

/// Takes what is read; says [`Stop::Gone`] when it wants no more.
pub(super) type Listener<'a> = dyn FnMut(Item) -> Result<(), Stop> + 'a;

/// What is read of a table, in which portions.
pub(super) struct Reader<'a> {
    pub(super) table: &'a Table,
    listener: &'a mut Listener<'a>,
    /// Asked for, then those that only the filter or the cursor needs.
    columns: Vec<Column>,
    wanted: Vec<usize>,
    filter: Option<&'a Filter>,
    batch_rows: usize,
    batch_bytes: usize,
    integers: IntegerTime,
    filler: Filler,
    /// Rows seen so far, to name those that have no row number.
    seen: u64,
    pub(super) delivered: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        table: &'a Table,
        request: &'a ReadRequest,
        integers: IntegerTime,
        listener: &'a mut Listener<'a>,
    ) -> Result<Self, ConnectorError> {
        let mut names: Vec<&str> = request.columns.iter().map(String::as_str).collect();
        let wanted = (0..names.len()).collect();
        let also = request.filter.iter().flat_map(Filter::columns).chain(match &request.mode {
            ReadMode::Incremental { cursor, .. } => Some(cursor.as_str()),
            ReadMode::Full | ReadMode::Cdc => None,
        });
        for name in also {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let columns = names.iter().map(|name| table.column(name).cloned()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            table,
            listener,
            filler: Filler::new(columns.clone())?,
            columns,
            wanted,
            filter: request.filter.as_ref(),
            batch_rows: request.batch_rows.max(1),
            batch_bytes: request.batch_bytes.max(1),
            integers,
            seen: 0,
            delivered: 0,
        })
    }

    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|candidate| candidate.name == column)
    }

    /// The select list: row number (or NULL) where there is room for it, then the columns. `alias` stands before each.
    pub(super) fn selected(&self, alias: &str, rowid: Option<&str>) -> String {
        let dot = if alias.is_empty() { String::new() } else { format!("{alias}.") };
        let rowid = (self.first() > 0).then(|| rowid.map_or("null".to_owned(), |rowid| format!("{dot}{rowid}")));
        let columns = self.columns.iter().map(|column| format!("{dot}{}", quoted(&column.name)));
        rowid.into_iter().chain(columns).collect::<Vec<_>>().join(", ")
    }

    /// Where the columns begin in a row: a table as wide as SQLite lets a result be leaves no room for the row number.
    fn first(&self) -> usize {
        usize::from(self.columns.len() < MOST_COLUMNS)
    }

    pub(super) fn say(&mut self, item: Item) -> Result<(), Stop> {
        (self.listener)(item)
    }

    /// Takes every row of a statement of [`Self::selected`] columns; `note` is told of each row and each time a portion went out.
    pub(super) fn drain(
        &mut self,
        connection: &Connection,
        sql: &str,
        parameters: impl rusqlite::Params,
        mut note: impl FnMut(&mut Self, Noted<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let name = self.table.name.clone();
        let told = failure::of(&name);
        let mut statement = connection.prepare(sql).map_err(told)?;
        let mut rows = statement.query(parameters).map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            let Some(cells) = self.decoded(row)? else { continue };
            let size: usize = cells.iter().map(Cell::size).sum();
            let full = self.filler.rows() >= self.batch_rows || self.filler.bytes() + size > self.batch_bytes;
            if self.filler.rows() > 0 && full {
                self.flush()?;
                note(self, Noted::Flushed)?;
            }
            note(self, Noted::Row(&cells))?;
            self.filler.push(cells);
        }
        if self.filler.rows() > 0 {
            self.flush()?;
            note(self, Noted::Flushed)?;
        }
        Ok(())
    }

    /// The row's cells; `None` when it was rejected, which the listener is told unless the filter drops the row anyway.
    fn decoded(&mut self, row: &Row<'_>) -> Result<Option<Vec<Cell>>, Stop> {
        self.seen += 1;
        let told = failure::of(&self.table.name);
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut misfit = None;
        for (index, column) in self.columns.iter().enumerate() {
            let value = row.get_ref(self.first() + index).map_err(told)?;
            let Some(cell) = decode(value, &column.data_type.logical, self.integers) else {
                misfit = Some((column.name.clone(), column.data_type.spelled.clone(), kind(value)));
                break;
            };
            cells.push(cell);
        }
        let Some((column, declared, kind)) = misfit else { return Ok(Some(cells)) };
        if self.filtered_out(row)? {
            return Ok(None);
        }
        let numbered = (self.first() > 0).then(|| row.get_ref(0)).transpose().map_err(told)?;
        let position = match numbered {
            Some(ValueRef::Integer(rowid)) => format!("row {rowid} of `{}`", self.table.name),
            _ => format!("row {} as read from `{}`", self.seen, self.table.name),
        };
        let declared = if declared.is_empty() { "without a type".to_owned() } else { format!("`{declared}`") };
        let rejected = RejectedRow {
            position,
            code: "type_conversion_failed".to_owned(),
            reason: format!("`{column}` is declared {declared} and holds {kind} that is none."),
            row: Some(self.as_json(row)),
        };
        self.say(Item::Rejected(rejected))?;
        Ok(None)
    }

    /// Whether the filter drops a row of which some column cannot be read. When the filter's own columns cannot be read,
    /// it is not dropped.
    fn filtered_out(&self, row: &Row<'_>) -> Result<bool, Stop> {
        let Some(filter) = self.filter else { return Ok(false) };
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        for name in filter.columns() {
            let Some(index) = self.position(name) else { return Ok(false) };
            let Some(column) = self.columns.get(index) else { return Ok(false) };
            let value = row.get_ref(self.first() + index).map_err(failure::of(&self.table.name))?;
            let Some(cell) = decode(value, &column.data_type.logical, self.integers) else { return Ok(false) };
            columns.push(column.clone());
            cells.push(cell);
        }
        if columns.is_empty() {
            return Ok(false);
        }
        let mut filler = Filler::new(columns)?;
        filler.push(cells);
        Ok(evaluate(filter, &filler.take()?)?.iter().next().flatten() != Some(true))
    }

    fn as_json(&self, row: &Row<'_>) -> String {
        let mut object = Map::new();
        for (index, column) in self.columns.iter().enumerate() {
            let value = match row.get_ref(self.first() + index) {
                Ok(ValueRef::Integer(value)) => Json::from(value),
                Ok(ValueRef::Real(value)) => Json::from(value),
                Ok(ValueRef::Text(bytes)) => Json::from(String::from_utf8_lossy(bytes)),
                Ok(ValueRef::Blob(bytes)) => Json::from(format!("X'{}'", hex::encode(bytes))),
                Ok(ValueRef::Null) | Err(_) => Json::Null,
            };
            object.insert(column.name.clone(), value);
        }
        Json::Object(object).to_string()
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let whole = self.filler.take()?;
        let broken = |error| {
            Stop::Failed(
                ConnectorError::new(ErrorKind::Bug, "A batch of SQLite rows cannot be filtered.").because(error),
            )
        };
        let kept = match self.filter {
            Some(filter) => filter_record_batch(&whole, &evaluate(filter, &whole)?).map_err(broken)?,
            None => whole,
        };
        let records = kept.project(&self.wanted).map_err(broken)?;
        if records.num_rows() == 0 {
            return Ok(());
        }
        self.delivered += u64::try_from(records.num_rows()).unwrap_or_default();
        self.say(Item::Batch(Batch::rows(records)))
    }
}

/// What a read tells whoever keeps its position.
pub(super) enum Noted<'a> {
    /// A row that was decoded, before the filter.
    Row(&'a [Cell]),
    /// Everything noted so far went out.
    Flushed,
}

fn kind(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "an integer",
        ValueRef::Real(_) => "a float",
        ValueRef::Text(_) => "a text",
        ValueRef::Blob(_) => "bytes",
    }
}

/// Every row, in the order in which the table holds them.
pub(super) fn whole(connection: &Connection, reader: &mut Reader<'_>) -> Result<(), Stop> {
    let sql = format!("select {} from {}", reader.selected("", reader.table.rowid), quoted(&reader.table.name));
    reader.drain(connection, &sql, [], |_, _| Ok(()))?;
    let rows = reader.delivered;
    reader.say(Item::End(End { rows, cursor: None }))
}

//! Reading on from a position. SQLite orders by what is stored, not by what it means: dates may be texts of several forms,
//! decimals floats. Where the stored order is shown to be the true one, SQLite sorts and searches (by an index, if there
//! is one); otherwise the cursor column alone is decoded into a temporary table, which is sorted and joined.

use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::affinity::Affinity;
use super::decode::{Cell, decode};
use super::read::{Noted, Reader, Stop};
use super::tables::Table;
use super::{IntegerTime, failure, quoted};
use crate::connectors::decimal::{Decimal, spell};
use crate::connectors::{
    Column, ConnectorError, Cursor, End, ErrorKind, Item, LogicalType, NullCursor, ReadMode, ReadRequest, Unit, moment,
};

/// A cursor as this connector keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    column: String,
    /// The last value; none yet when only NULLs were read.
    value: Option<Mark>,
    /// Made in the middle of a read: going on from here neither looks back nor repeats the NULLs.
    midway: bool,
}

/// A cursor value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    /// An integer, days, or ticks of the column's unit.
    Integer(i64),
    Decimal(String),
    Text(String),
}

/// How the rows are found and ordered.
enum Way {
    /// SQLite's own order, from this stored value on.
    Stored {
        from: Option<Value>,
        text: bool,
    },
    Decoded,
}

struct Reading<'a> {
    column: &'a Column,
    nulls: NullCursor,
    /// Where to start; [`Position::value`] less the lookback.
    from: Option<Mark>,
    skip_nulls: bool,
    last: Option<Mark>,
}

pub(super) fn run(
    connection: &Connection,
    reader: &mut Reader<'_>,
    request: &ReadRequest,
    integers: IntegerTime,
) -> Result<(), Stop> {
    let ReadMode::Incremental { cursor, lookback, nulls } = &request.mode else {
        return Err(Stop::Failed(ConnectorError::new(ErrorKind::Bug, "A read that is not incremental came here.")));
    };
    let table = reader.table;
    let column = table.column(cursor)?;
    if !column.data_type.logical.is_orderable() {
        let message = format!("`{cursor}` of `{}` cannot be a cursor: its values have no order.", table.name);
        return Err(Stop::Failed(ConnectorError::new(ErrorKind::Unsupported, message)));
    }
    let position = position(request.after.as_ref(), cursor)?;
    let midway = position.as_ref().is_some_and(|position| position.midway);
    let value = position.and_then(|position| position.value);
    let from = match (&value, lookback) {
        (Some(mark), Some(lookback)) if !midway => Some(earlier(mark, &column.data_type.logical, *lookback)?),
        _ => value.clone(),
    };
    let mut reading = Reading { column, nulls: *nulls, from, skip_nulls: midway, last: value };
    match way(connection, table, &reading, integers)? {
        Way::Stored { from, text } => stored(connection, reader, &mut reading, from, text)?,
        Way::Decoded => decoded(connection, reader, &mut reading, integers)?,
    }
    let end = Position { column: cursor.clone(), value: reading.last.clone(), midway: false };
    let cursor = if end.value.is_some() { Some(end.cursor()?) } else { None };
    let rows = reader.delivered;
    reader.say(Item::End(End { rows, cursor }))
}

fn position(after: Option<&Cursor>, column: &str) -> Result<Option<Position>, ConnectorError> {
    let Some(after) = after else { return Ok(None) };
    let position: Position = serde_json::from_value(after.0.clone()).map_err(|error| {
        ConnectorError::new(ErrorKind::Config, "The saved position is not one of this connector.").because(error)
    })?;
    if position.column != column {
        let message = format!("The saved position is one of `{}`, not of `{column}`.", position.column);
        return Err(ConnectorError::new(ErrorKind::Config, message).advise("Start this stream anew."));
    }
    Ok(Some(position))
}

impl Position {
    fn cursor(&self) -> Result<Cursor, ConnectorError> {
        let json = serde_json::to_value(self)
            .map_err(|error| ConnectorError::new(ErrorKind::Bug, "A position cannot be saved.").because(error))?;
        Ok(Cursor(json))
    }
}

/// The value less the lookback: seconds of a moment, whole days of a date (rounded up), units of an integer.
fn earlier(mark: &Mark, logical: &LogicalType, lookback: Duration) -> Result<Mark, ConnectorError> {
    let seconds = i64::try_from(lookback.as_secs()).unwrap_or(i64::MAX);
    let back = match logical {
        LogicalType::Timestamp { unit, .. } => seconds.saturating_mul(moment::per_second(*unit)),
        LogicalType::Date => seconds.div_euclid(86_400) + i64::from(seconds.rem_euclid(86_400) > 0),
        LogicalType::Int64 => seconds,
        _ if seconds == 0 => 0,
        _ => {
            return Err(ConnectorError::new(
                ErrorKind::Config,
                "A lookback needs a date, a timestamp or an integer as cursor.",
            ));
        }
    };
    Ok(match mark {
        Mark::Integer(value) => Mark::Integer(value.saturating_sub(back)),
        other => other.clone(),
    })
}

/// The mark that a row leaves; the infinities leave none, or nothing would ever come after them.
fn mark(cell: &Cell, logical: &LogicalType) -> Option<Mark> {
    match (cell, logical) {
        (Cell::Integer(days), LogicalType::Date) if *days == i128::from(i32::MAX) || *days == i128::from(i32::MIN) => {
            None
        }
        (Cell::Integer(ticks), LogicalType::Timestamp { .. })
            if *ticks == i128::from(i64::MAX) || *ticks == i128::from(i64::MIN) =>
        {
            None
        }
        (Cell::Integer(value), _) => i64::try_from(*value).ok().map(Mark::Integer),
        (Cell::Decimal128(value), LogicalType::Decimal { scale, .. }) => {
            Some(Mark::Decimal(spell(&value.to_string(), *scale)))
        }
        (Cell::Decimal256(value), LogicalType::Decimal { scale, .. }) => {
            Some(Mark::Decimal(spell(&value.to_string(), *scale)))
        }
        (Cell::Text(text), _) => Some(Mark::Text(text.clone())),
        _ => None,
    }
}

fn way(
    connection: &Connection,
    table: &Table,
    reading: &Reading<'_>,
    integers: IntegerTime,
) -> Result<Way, ConnectorError> {
    let stored = |from: Option<Value>, text| Way::Stored { from, text };
    Ok(match (&reading.column.data_type.logical, &reading.from) {
        (LogicalType::Int64, None) => stored(None, false),
        (LogicalType::Int64, Some(Mark::Integer(value))) => stored(Some(Value::Integer(*value)), false),
        (LogicalType::Text, None) if table.affinity(&reading.column.name) == Affinity::Text => stored(None, true),
        (LogicalType::Text, Some(Mark::Text(text))) if table.affinity(&reading.column.name) == Affinity::Text => {
            stored(Some(Value::Text(text.clone())), true)
        }
        (LogicalType::Date, from) => uniform(connection, table, reading.column, |form| {
            from.as_ref().map_or(Some(None), |from| form.date(from).map(Some))
        })?,
        (LogicalType::Timestamp { unit, .. }, from) => uniform(connection, table, reading.column, |form| {
            from.as_ref().map_or(Some(None), |from| form.timestamp(from, *unit, integers).map(Some))
        })?,
        _ => Way::Decoded,
    })
}

/// The one form in which a column's moments are written.
enum Form {
    Integers,
    /// A sample whose digits may vary and nothing else.
    Text(String),
}

/// [`Way::Stored`] when every value has the same form and the bound can be spelled in it.
fn uniform(
    connection: &Connection,
    table: &Table,
    column: &Column,
    bound: impl Fn(&Form) -> Option<Option<Value>>,
) -> Result<Way, ConnectorError> {
    let told = failure::of(&table.name);
    let (from, cell) = (quoted(&table.name), quoted(&column.name));
    let first = format!("select {cell} from {from} where {cell} is not null limit 1");
    let Some(first) =
        connection.prepare(&first).map_err(told)?.query_map([], |row| row.get::<_, Value>(0)).map_err(told)?.next()
    else {
        return Ok(Way::Decoded);
    };
    let (form, other) = match first.map_err(told)? {
        Value::Integer(_) => (
            Form::Integers,
            format!("select exists (select 1 from {from} where {cell} is not null and typeof({cell}) <> 'integer')"),
        ),
        Value::Text(sample) if Form::is_ordered(&sample) => (
            Form::Text(sample),
            format!(
                "select exists (select 1 from {from} where {cell} is not null \
                 and (typeof({cell}) <> 'text' or {cell} not glob ?1))"
            ),
        ),
        _ => return Ok(Way::Decoded),
    };
    let others: bool = match &form {
        Form::Integers => connection.query_row(&other, [], |row| row.get(0)),
        Form::Text(sample) => {
            let pattern: String =
                sample.chars().map(|c| if c.is_ascii_digit() { "[0-9]".to_owned() } else { c.to_string() }).collect();
            connection.query_row(&other, [pattern], |row| row.get(0))
        }
    }
    .map_err(told)?;
    if others {
        return Ok(Way::Decoded);
    }
    Ok(match bound(&form) {
        Some(from) => Way::Stored { from, text: matches!(form, Form::Text(_)) },
        None => Way::Decoded,
    })
}

impl Form {
    /// Whether texts of this form sort as they mean: a date, or a date and a time to the second or finer, in UTC.
    fn is_ordered(sample: &str) -> bool {
        if !sample.is_ascii() || moment::parse_timestamp(sample, Unit::Nanosecond).is_none() {
            return false;
        }
        let zone = sample
            .get(19..)
            .unwrap_or_default()
            .trim_start_matches('.')
            .trim_start_matches(|c: char| c.is_ascii_digit());
        sample.len() == 10 || (sample.len() >= 19 && matches!(zone, "" | "Z" | "+00:00"))
    }

    fn date(&self, mark: &Mark) -> Option<Value> {
        let (Mark::Integer(days), Self::Text(sample)) = (mark, self) else { return None };
        let text = moment::date_text(i32::try_from(*days).ok()?)?;
        (sample.len() == 10).then_some(Value::Text(text))
    }

    fn timestamp(&self, mark: &Mark, unit: Unit, integers: IntegerTime) -> Option<Value> {
        let Mark::Integer(ticks) = mark else { return None };
        match self {
            Self::Integers => {
                let per_second = match integers {
                    IntegerTime::Seconds => 1,
                    IntegerTime::Milliseconds => 1_000,
                };
                let scaled = i128::from(*ticks) * per_second;
                let unit = i128::from(moment::per_second(unit));
                (scaled % unit == 0).then(|| i64::try_from(scaled / unit).ok().map(Value::Integer))?
            }
            Self::Text(sample) => {
                let text = moment::timestamp_text(*ticks, unit, false)?;
                let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
                if sample.len() == 10 {
                    let midnight = whole.ends_with("00:00:00") && part.trim_end_matches('0').is_empty();
                    return midnight.then(|| Value::Text(whole.get(..10).unwrap_or_default().to_owned()));
                }
                let tail = sample.get(19..)?;
                let fraction = tail.strip_prefix('.').unwrap_or_default();
                let width = fraction.len() - fraction.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let (kept, lost) = if part.len() > width { part.split_at(width) } else { (part, "") };
                if !lost.trim_end_matches('0').is_empty() {
                    return None;
                }
                let point = if width > 0 { "." } else { "" };
                let zone = tail.trim_start_matches('.').trim_start_matches(|c: char| c.is_ascii_digit());
                let (day, clock) = (whole.get(..10)?, whole.get(11..)?);
                let between = sample.get(10..11)?;
                Some(Value::Text(format!("{day}{between}{clock}{point}{kept:0<width$}{zone}")))
            }
        }
    }
}

fn stored(
    connection: &Connection,
    reader: &mut Reader<'_>,
    reading: &mut Reading<'_>,
    from: Option<Value>,
    text: bool,
) -> Result<(), Stop> {
    let list = reader.selected("", reader.table.rowid);
    let (table, cell) = (quoted(&reader.table.name), quoted(&reading.column.name));
    let binary = if text { " collate binary" } else { "" };
    without_value(connection, reader, reading, &format!("select {list} from {table} where {cell} is null"))?;
    match from {
        None => {
            let sql = format!("select {list} from {table} where {cell} is not null order by {cell}{binary}");
            with_value(connection, reader, reading, &sql, [])
        }
        Some(from) => {
            let sql = format!("select {list} from {table} where {cell} >= ?1{binary} order by {cell}{binary}");
            with_value(connection, reader, reading, &sql, [from])
        }
    }
}

/// Classes of rows in the temporary table.
const NULL: u8 = 0;
const UNREADABLE: u8 = 1;
const VALUE: u8 = 2;

fn decoded(
    connection: &Connection,
    reader: &mut Reader<'_>,
    reading: &mut Reading<'_>,
    integers: IntegerTime,
) -> Result<(), Stop> {
    let name = reader.table.name.clone();
    let told = failure::of(&name);
    let spool = |sql: &str| connection.execute_batch(sql).map_err(told);
    // A view has no row numbers to come back by, so its rows are kept.
    let (rows, rowid) = if let Some(rowid) = reader.table.rowid {
        (quoted(&name), rowid)
    } else {
        spool(&format!("create temp table _towpath_rows as select * from {}", quoted(&name)))?;
        ("temp._towpath_rows".to_owned(), "rowid")
    };
    spool("create temp table _towpath_keys (class integer, key, row integer)")?;
    let logical = &reading.column.data_type.logical;
    let from = reading.from.as_ref().map(|from| key(from, logical)).transpose()?;
    {
        let sql = format!("select {rowid}, {} from {rows}", quoted(&reading.column.name));
        let mut scan = connection.prepare(&sql).map_err(told)?;
        let mut insert = connection.prepare("insert into temp._towpath_keys values (?1, ?2, ?3)").map_err(told)?;
        let mut found = scan.query([]).map_err(told)?;
        while let Some(row) = found.next().map_err(told)? {
            let number: i64 = row.get(0).map_err(told)?;
            let cell = decode(row.get_ref(1).map_err(told)?, logical, integers);
            match cell {
                Some(Cell::Null) => insert.execute(params![NULL, Value::Null, number]).map_err(told)?,
                None => insert.execute(params![UNREADABLE, Value::Null, number]).map_err(told)?,
                Some(cell) => {
                    let key = cell_key(&cell, logical)?;
                    if from.as_ref().is_some_and(|from| is_before(&key, from)) {
                        continue;
                    }
                    insert.execute(params![VALUE, key, number]).map_err(told)?
                }
            };
        }
    }
    let list = reader.selected("r", Some(rowid));
    let of_class = |class: u8, order: &str| {
        format!(
            "select {list} from temp._towpath_keys k join {rows} r on r.{rowid} = k.row where k.class = {class}{order}"
        )
    };
    without_value(connection, reader, reading, &of_class(NULL, ""))?;
    if !reading.skip_nulls {
        // They have no place in the order; each goes to quarantine.
        reader.drain(connection, &of_class(UNREADABLE, ""), [], |_, _| Ok(()))?;
    }
    with_value(connection, reader, reading, &of_class(VALUE, " order by k.key, k.row"), [])
}

fn is_before(key: &Value, from: &Value) -> bool {
    match (key, from) {
        (Value::Integer(key), Value::Integer(from)) => key < from,
        (Value::Blob(key), Value::Blob(from)) => key < from,
        (Value::Text(key), Value::Text(from)) => key.as_bytes() < from.as_bytes(),
        _ => false,
    }
}

fn key(mark: &Mark, logical: &LogicalType) -> Result<Value, ConnectorError> {
    Ok(match mark {
        Mark::Integer(value) => Value::Integer(*value),
        Mark::Text(text) => Value::Text(text.clone()),
        Mark::Decimal(text) => decimal_key(text, logical)?,
    })
}

fn cell_key(cell: &Cell, logical: &LogicalType) -> Result<Value, ConnectorError> {
    match (cell, mark(cell, logical)) {
        (_, Some(mark)) => key(&mark, logical),
        (Cell::Integer(value), None) => Ok(Value::Integer(if *value > 0 { i64::MAX } else { i64::MIN })),
        _ => Err(ConnectorError::new(ErrorKind::Bug, "A cursor value has no order.")),
    }
}

/// Thirty-two bytes that sort as the number does, at the column's scale.
fn decimal_key(text: &str, logical: &LogicalType) -> Result<Value, ConnectorError> {
    let LogicalType::Decimal { precision, scale } = logical else {
        return Err(ConnectorError::new(
            ErrorKind::Config,
            "The saved position is a decimal, the cursor column is none.",
        ));
    };
    let number = Decimal::parse(text).and_then(|number| number.to_i256(*precision, *scale));
    let number = number.ok_or_else(|| {
        ConnectorError::new(ErrorKind::Config, "The saved position does not fit the cursor column any more.")
    })?;
    let mut bytes = number.to_be_bytes();
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x80;
    }
    Ok(Value::Blob(bytes.to_vec()))
}

/// Rows whose cursor is NULL or cannot be read.
fn without_value(
    connection: &Connection,
    reader: &mut Reader<'_>,
    reading: &mut Reading<'_>,
    sql: &str,
) -> Result<(), Stop> {
    if reading.skip_nulls {
        return Ok(());
    }
    if reading.nulls == NullCursor::Exclude {
        return Ok(());
    }
    let refused = reading.nulls == NullCursor::Error;
    let (before, column) = (reader.delivered, reading.column.name.clone());
    reader.drain(connection, sql, [], |reader, noted| {
        if refused && matches!(noted, Noted::Flushed) && reader.delivered > before {
            let message = format!("`{}` has rows in which the cursor `{column}` is NULL.", reader.table.name);
            let advice = "Choose another cursor, or say in the plan whether such rows are included or excluded.";
            return Err(Stop::Failed(ConnectorError::new(ErrorKind::BadData, message).advise(advice)));
        }
        Ok(())
    })?;
    if reader.delivered > before {
        let position = Position { column, value: reading.from.clone(), midway: true };
        reader.say(Item::Checkpoint(position.cursor()?))?;
    }
    Ok(())
}

fn with_value(
    connection: &Connection,
    reader: &mut Reader<'_>,
    reading: &mut Reading<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<(), Stop> {
    let column = reading.column;
    let at = reader.position(&column.name).unwrap_or_default();
    let mut reached: Option<Mark> = None;
    reader.drain(connection, sql, parameters, |reader, noted| {
        match noted {
            Noted::Row(cells) => {
                if let Some(mark) = cells.get(at).and_then(|cell| mark(cell, &column.data_type.logical)) {
                    reached = Some(mark);
                }
            }
            Noted::Flushed => {
                if reached.is_some() {
                    let position = Position { column: column.name.clone(), value: reached.clone(), midway: true };
                    reader.say(Item::Checkpoint(position.cursor()?))?;
                }
            }
        }
        Ok(())
    })?;
    // With a lookback, the last row read may lie before the last value known.
    let further = match (&reached, &reading.last) {
        (Some(reached), Some(last)) => {
            !is_before(&key(reached, &column.data_type.logical)?, &key(last, &column.data_type.logical)?)
        }
        (reached, _) => reached.is_some(),
    };
    if further {
        reading.last = reached;
    }
    Ok(())
}

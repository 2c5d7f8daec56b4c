//! Incremental reads: everything from the last position on, ties included, in the order of the cursor column. Bound and rows
//! are one statement's, and so of one snapshot. A transaction that commits a value below the bound later is not waited for:
//! the server does not tell who has written to a table, so streams with such writers want a lookback.

use std::time::Duration;

use arrow::array::RecordBatch;

use super::Config;
use super::catalog::MyColumn;
use super::connect::Session;
use super::cursor::{Order, Position, value_at};
use super::failure::failure;
use super::read::{Outlet, Reading, Stop, conclude, expect, select};
use crate::connectors::{ConnectorError, Cursor, ErrorKind, Item, LogicalType, NullCursor};

/// What an incremental read is asked for.
pub(super) struct Wish<'a> {
    pub(super) cursor: &'a str,
    pub(super) lookback: Option<Duration>,
    pub(super) nulls: NullCursor,
    pub(super) after: Option<&'a Cursor>,
}

/// An incremental read as it was worked out.
pub(super) struct Plan {
    position: Position,
    order: Order,
    /// What rows must meet besides the filter.
    condition: String,
    /// Where the decoder's batches have the cursor.
    selected: (usize, LogicalType),
}

/// Works the read out. The reading selects the cursor as well, if it did not.
pub(super) async fn plan(
    session: &mut Session,
    catalog: &[MyColumn],
    reading: Reading,
    config: &Config,
    wish: Wish<'_>,
) -> Result<(Reading, Plan), ConnectorError> {
    let (stream, cursor) = (reading.stream.clone(), wish.cursor);
    let Some(column) = catalog.iter().find(|column| column.name == cursor) else {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{cursor}`.")));
    };
    let logical = column.data_type.logical(config);
    let order = Order::of(column, &logical).ok_or_else(|| unordered(column))?;
    let position = match wish.after {
        Some(after) => Position::parse(after, cursor)?,
        None => Position { column: cursor.to_owned(), value: None, within: false },
    };
    if wish.nulls == NullCursor::Error {
        refuse_nulls(session, &reading, &order, cursor).await?;
    }
    let with_nulls = wish.nulls == NullCursor::Include && !position.within;
    let condition = condition(&order, &position, wish.lookback, with_nulls)?;
    // Without it, texts that are alike for the first 1024 bytes would come in any order.
    let sorting = format!("set session max_sort_length = {}", order.sort_bytes.max(1024));
    session.run(&sorting).await.map_err(|error| failure(reading.doing(), error))?;
    let place = reading.columns.iter().position(|column| column.name == cursor);
    let (reading, place) = if let Some(place) = place {
        (reading, place)
    } else {
        let place = reading.columns.len();
        (reading.with_trailing(column, config), place)
    };
    Ok((reading, Plan { position, order, condition, selected: (place, logical) }))
}

pub(super) fn unordered(column: &MyColumn) -> ConnectorError {
    let spelled = column.data_type.shown();
    let message = format!("`{}` cannot be a cursor: `{spelled}` has no order to go by.", column.name);
    ConnectorError::new(ErrorKind::Unsupported, message)
}

/// The rows to deliver.
fn condition(
    order: &Order,
    position: &Position,
    lookback: Option<Duration>,
    with_nulls: bool,
) -> Result<String, ConnectorError> {
    let expression = &order.expression;
    let mut values = format!("not ({expression} <=> null)");
    if let Some(value) = &position.value {
        let from = match lookback {
            Some(lookback) if !position.within => {
                // Whole seconds, and none of them too few.
                let seconds = lookback.as_secs() + u64::from(lookback.subsec_nanos() > 0);
                order.literal_before(value, seconds).ok_or_else(|| {
                    let message = format!("`{}` is not a date or time, so it has no lookback.", position.column);
                    ConnectorError::new(ErrorKind::Config, message).advise("Take the lookback out of the plan.")
                })?
            }
            _ => order
                .literal(value)
                .ok_or_else(|| ConnectorError::new(ErrorKind::BadData, "The stored cursor is not one of MySQL's."))?,
        };
        values = format!("{expression} >= {from}");
    }
    Ok(if with_nulls { format!("({expression} <=> null or {values})") } else { format!("({values})") })
}

async fn refuse_nulls(
    session: &mut Session,
    reading: &Reading,
    order: &Order,
    cursor: &str,
) -> Result<(), ConnectorError> {
    let (table, condition, expression) = (&reading.table, &reading.condition, &order.expression);
    let query = format!("select 1 from {table} where {condition} and {expression} <=> null limit 1");
    let found: Option<u8> = session.first(&query, ()).await.map_err(|error| failure(reading.doing(), error))?;
    if found.is_none() {
        return Ok(());
    }
    Err(ConnectorError::new(
        ErrorKind::BadData,
        format!("`{}` has rows without a value in the cursor column `{cursor}`.", reading.stream),
    )
    .advise("Set `null_cursor` to `include` or `exclude`, or choose another cursor."))
}

pub(super) async fn run(mut session: Session, reading: Reading, mut plan: Plan, outlet: Outlet) {
    let outcome = deliver(&mut session, &reading, &mut plan, &outlet).await;
    // As before, when no row had a value.
    let end = plan.position.value.is_some().then(|| Position { within: false, ..plan.position }.cursor());
    conclude(&mut session, &reading, outcome, &outlet, end).await;
}

async fn deliver(session: &mut Session, reading: &Reading, plan: &mut Plan, outlet: &Outlet) -> Result<(), Stop> {
    expect(session, reading, &plan.condition, outlet).await?;
    let sql = reading.select(&plan.condition, &format!("order by {} asc", plan.order.expression));
    let mut decoder = reading.decoder()?;
    let mut position = plan.position.clone();
    let selected = plan.selected.clone();
    let mut after = |batch: &RecordBatch| {
        let on_the_way = advance(&mut position, batch, &selected);
        on_the_way.then(|| Item::Checkpoint(Position { within: true, ..position.clone() }.cursor()))
    };
    select(session, reading, &sql, (&mut decoder, &mut after), outlet).await?;
    if let Some(batch) = outlet.flush(reading, &mut decoder).await? {
        advance(&mut position, &batch, &selected);
    }
    plan.position = position;
    Ok(())
}

/// Moves the position to the last value in the batch. Says whether it is the batch's very last row, so that everything up to
/// it is delivered.
fn advance(position: &mut Position, batch: &RecordBatch, (index, logical): &(usize, LogicalType)) -> bool {
    let Some(array) = batch.columns().get(*index) else { return false };
    let last = batch.num_rows().saturating_sub(1);
    let found = (0..=last).rev().find_map(|row| Some((row, value_at(array, row, logical)?)));
    let Some((row, value)) = found else { return false };
    position.value = Some(value);
    row == last
}

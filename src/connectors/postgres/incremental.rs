//! Incremental reads: everything from the last position on, ties included, in the order of the cursor column.
//!
//! Rows at infinity are delivered in every run and never become a position: nothing would come after it.

use std::sync::Arc;
use std::time::Duration;

use super::catalog::{PgColumn, Relation};
use super::connect::Session;
use super::cursor::{Order, Position, value_at};
use super::failure::failure;
use super::read::{Outlet, Reading, Stop, conclude, copy_out, expect};
use super::settle::{Bound, settle};
use super::sql::quote;
use crate::connectors::{Batch, ConnectorError, Cursor, ErrorKind, Item, LogicalType, NullCursor};

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
    /// Where batches have the cursor; when they do not, the position is asked for beforehand.
    selected: Option<(usize, LogicalType)>,
}

pub(super) async fn plan(
    session: &Session,
    relation: &Relation,
    catalog: &[PgColumn],
    reading: &Reading,
    wish: Wish<'_>,
) -> Result<Plan, ConnectorError> {
    let (stream, cursor) = (&reading.stream, wish.cursor);
    let index = reading.all.iter().position(|column| column.name == cursor);
    let (Some(pg), Some(column)) =
        (index.and_then(|index| catalog.get(index)), index.and_then(|index| reading.all.get(index)))
    else {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{cursor}`.")));
    };
    let logical = column.data_type.logical.clone();
    let order = Order::of(pg, &logical).ok_or_else(|| {
        let message = format!("`{cursor}` cannot be a cursor: `{}` has no order to go by.", column.data_type.spelled);
        ConnectorError::new(ErrorKind::Unsupported, message)
    })?;
    let position = match wish.after {
        Some(after) => Position::parse(after, cursor)?,
        None => Position { column: cursor.to_owned(), value: None, within: false },
    };
    let bound = match wish.lookback {
        // Whoever looks back has decided how late a row may be.
        Some(_) => Bound::Open,
        None => settle(session, relation, &order).await?,
    };
    if wish.nulls == NullCursor::Error {
        refuse_nulls(session, reading, cursor).await?;
    }
    let with_nulls = wish.nulls == NullCursor::Include && !position.within;
    let condition = condition(&order, &position, wish.lookback, with_nulls, &bound).ok_or_else(|| {
        let message = format!("`{cursor}` is not a date or time, so it has no lookback.");
        ConnectorError::new(ErrorKind::Config, message).advise("Take the lookback out of the plan.")
    })?;
    let selected = reading.columns.iter().position(|column| column.name == cursor).map(|index| (index, logical));
    Ok(Plan { position, order, condition, selected })
}

/// The rows to deliver. `None` when a lookback is asked of a column without time.
fn condition(
    order: &Order,
    position: &Position,
    lookback: Option<Duration>,
    with_nulls: bool,
    bound: &Bound,
) -> Option<String> {
    let expression = &order.expression;
    let mut values = vec![format!("{expression} is not null")];
    if let Some(value) = &position.value {
        let from = match lookback {
            Some(lookback) if !position.within => {
                // Whole seconds, and none of them too few.
                let seconds = lookback.as_secs() + u64::from(lookback.subsec_nanos() > 0);
                order.literal_before(value, seconds)?
            }
            _ => order.literal(value),
        };
        values.push(format!("{expression} >= {from}"));
    }
    match bound {
        Bound::Open => {}
        Bound::Value(value) => values.push(format!("{expression} <= {}", order.literal(value))),
        Bound::Nothing => values.push("false".to_owned()),
    }
    let values = values.join(" and ");
    Some(if with_nulls { format!("({expression} is null or {values})") } else { format!("({values})") })
}

async fn refuse_nulls(session: &Session, reading: &Reading, cursor: &str) -> Result<(), ConnectorError> {
    let (table, condition, column) = (&reading.table, &reading.condition, quote(cursor));
    let query = format!("select exists (select from {table} where {condition} and {column} is null)");
    let found: bool = session.query_one(&query, &[]).await.map_err(|error| failure(reading.doing(), error))?.get(0);
    if !found {
        return Ok(());
    }
    Err(ConnectorError::new(
        ErrorKind::BadData,
        format!("`{}` has rows without a value in the cursor column `{cursor}`.", reading.stream),
    )
    .advise("Set `null_cursor` to `include` or `exclude`, or choose another cursor."))
}

pub(super) async fn run(session: Session, reading: Arc<Reading>, mut plan: Plan, outlet: Outlet) {
    let outcome = deliver(&session, &reading, &mut plan, &outlet).await;
    // As before, when no row had a value.
    let end = plan.position.value.is_some().then(|| Position { within: false, ..plan.position }.cursor());
    conclude(&session, &reading, outcome, &outlet, end).await;
}

async fn deliver(session: &Session, reading: &Reading, plan: &mut Plan, outlet: &Outlet) -> Result<(), Stop> {
    expect(session, reading, &plan.condition, outlet).await?;
    if plan.selected.is_none()
        && let Some(last) = last_value(session, reading, plan).await?
    {
        plan.position.value = Some(last);
    }
    let sql = reading.copy(&plan.condition, &format!("order by {} asc nulls first", plan.order.expression));
    let mut decoder = reading.decoder();
    let mut position = plan.position.clone();
    let selected = plan.selected.clone();
    let mut after = |batch: &Batch| {
        let on_the_way = advance(&mut position, batch, selected.as_ref()?);
        on_the_way.then(|| Item::Checkpoint(Position { within: true, ..position.clone() }.cursor()))
    };
    copy_out(session, reading, &sql, (&mut decoder, &mut after), outlet).await?;
    if let (Some(batch), Some(selected)) = (outlet.flush(&mut decoder).await?, &selected) {
        advance(&mut position, &batch, selected);
    }
    plan.position = position;
    Ok(())
}

/// Moves the position to the last value in the batch that it may stand at. Says whether it is the batch's very last row, so
/// that everything up to it is delivered.
fn advance(position: &mut Position, batch: &Batch, (index, logical): &(usize, LogicalType)) -> bool {
    let Some(array) = batch.records.columns().get(*index) else { return false };
    let last = batch.records.num_rows().saturating_sub(1);
    let found = (0..=last).rev().find_map(|row| Some((row, value_at(array, row, logical)?)));
    let Some((row, value)) = found else { return false };
    // A lookback begins below the position, which never goes back; as values ascend, an equal one means no way was made.
    position.value = Some(value);
    row == last
}

/// The position after this read, for a cursor column that batches do not carry.
async fn last_value(session: &Session, reading: &Reading, plan: &Plan) -> Result<Option<String>, Stop> {
    let (table, condition, and) = (&reading.table, &reading.condition, &plan.condition);
    let (expression, finite) = (&plan.order.expression, plan.order.finite());
    let query = format!(
        "select ({expression})::text as _towpath_value from {table} where {condition} and {and} and {finite} \
         order by {expression} desc limit 1"
    );
    let row = session.query_opt(&query, &[]).await.map_err(|error| failure(reading.doing(), error))?;
    Ok(row.and_then(|row| row.get(0)))
}

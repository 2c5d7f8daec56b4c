//! Evaluates a filter over a batch, with SQL's three-valued logic and exact numbers, for sources that have no SQL of their
//! own. Text compares by bytes.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Datum, Decimal256Array, RecordBatch, Scalar, StringArray,
};
use arrow::compute::kernels::cmp;
use arrow::compute::{CastOptions, and_kleene, cast_with_options, ilike, is_null, like, not, or_kleene};
use arrow::datatypes::{DataType, TimeUnit, i256};
use arrow::error::ArrowError;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::filter::{Comparison, Filter, Literal, Operand};
use super::schema::LOGICAL_KEY;
use super::{ConnectorError, ErrorKind, LogicalType};

/// For each row: true, false, or unknown (NULL). Only rows with true pass.
pub fn evaluate(filter: &Filter, batch: &RecordBatch) -> Result<BooleanArray, ConnectorError> {
    Ok(match filter {
        Filter::Compare { left: Operand::Column(column), op, right: Operand::Literal(value) } => {
            literal(batch, column, *op, value)?
        }
        Filter::Compare { left: Operand::Literal(value), op, right: Operand::Column(column) } => {
            literal(batch, column, mirrored(*op), value)?
        }
        Filter::Compare { left: Operand::Column(left), op, right: Operand::Column(right) } => {
            columns(batch, left, *op, right)?
        }
        Filter::Compare { left: Operand::Literal(left), op, right: Operand::Literal(right) } => {
            let order = literal_order(left, right)
                .ok_or_else(|| unsupported("The filter compares two constants of different types."))?;
            constant(batch, holds(*op, order))
        }
        Filter::In { column, values, negated } => {
            let mut found = constant(batch, false);
            for value in values {
                found = or_kleene(&found, &literal(batch, column, Comparison::Equal, value)?).map_err(broken)?;
            }
            negate(found, *negated)?
        }
        Filter::Between { column, low, high, negated } => {
            let low = literal(batch, column, Comparison::GreaterOrEqual, low)?;
            let high = literal(batch, column, Comparison::LessOrEqual, high)?;
            negate(and_kleene(&low, &high).map_err(broken)?, *negated)?
        }
        Filter::IsNull { column, negated } => negate(is_null(array(batch, column)?).map_err(broken)?, *negated)?,
        Filter::Like { column, pattern, insensitive, negated } => {
            let values = array(batch, column)?;
            if *values.data_type() != DataType::Utf8 {
                return Err(unsupported(&format!("LIKE wants text, and `{column}` is none.")));
            }
            let pattern = Scalar::new(StringArray::from(vec![pattern.as_str()]));
            let matched = if *insensitive { ilike(values, &pattern) } else { like(values, &pattern) };
            negate(matched.map_err(broken)?, *negated)?
        }
        Filter::And(parts) => fold(batch, parts, true, and_kleene)?,
        Filter::Or(parts) => fold(batch, parts, false, or_kleene)?,
        Filter::Not(part) => not(&evaluate(part, batch)?).map_err(broken)?,
    })
}

type Kleene = fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>;

fn fold(batch: &RecordBatch, parts: &[Filter], start: bool, join: Kleene) -> Result<BooleanArray, ConnectorError> {
    parts.iter().try_fold(constant(batch, start), |found, part| join(&found, &evaluate(part, batch)?).map_err(broken))
}

fn constant(batch: &RecordBatch, value: bool) -> BooleanArray {
    BooleanArray::from(vec![value; batch.num_rows()])
}

fn negate(found: BooleanArray, negated: bool) -> Result<BooleanArray, ConnectorError> {
    if negated { not(&found).map_err(broken) } else { Ok(found) }
}

fn unsupported(message: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unsupported, message)
}

fn broken(error: ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::BadData, "A filter cannot be evaluated on these values.").because(error)
}

fn array<'a>(batch: &'a RecordBatch, column: &str) -> Result<&'a ArrayRef, ConnectorError> {
    batch.column_by_name(column).ok_or_else(|| {
        ConnectorError::new(
            ErrorKind::NotFound,
            format!("The filter names `{column}`, which the stream does not have."),
        )
    })
}

fn logical(batch: &RecordBatch, column: &str) -> Option<LogicalType> {
    let field = batch.schema_ref().field_with_name(column).ok()?.clone();
    serde_json::from_str(field.metadata().get(LOGICAL_KEY)?).ok()
}

fn mirrored(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Equal | Comparison::NotEqual | Comparison::DistinctFrom | Comparison::NotDistinctFrom => op,
    }
}

fn apply(left: &dyn Datum, op: Comparison, right: &dyn Datum) -> Result<BooleanArray, ConnectorError> {
    match op {
        Comparison::Equal => cmp::eq(left, right),
        Comparison::NotEqual => cmp::neq(left, right),
        Comparison::Less => cmp::lt(left, right),
        Comparison::LessOrEqual => cmp::lt_eq(left, right),
        Comparison::Greater => cmp::gt(left, right),
        Comparison::GreaterOrEqual => cmp::gt_eq(left, right),
        Comparison::DistinctFrom => cmp::distinct(left, right),
        Comparison::NotDistinctFrom => cmp::not_distinct(left, right),
    }
    .map_err(broken)
}

fn holds(op: Comparison, order: Ordering) -> bool {
    match op {
        Comparison::Equal | Comparison::NotDistinctFrom => order.is_eq(),
        Comparison::NotEqual | Comparison::DistinctFrom => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn literal_order(left: &Literal, right: &Literal) -> Option<Ordering> {
    Some(match (left, right) {
        (Literal::Number(left), Literal::Number(right)) => number_order(left, right),
        (Literal::Text(left), Literal::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Literal::Boolean(left), Literal::Boolean(right)) => left.cmp(right),
        (Literal::Date(_) | Literal::Timestamp(_), Literal::Date(_) | Literal::Timestamp(_)) => {
            instant(left)?.cmp(&instant(right)?)
        }
        _ => return None,
    })
}

/// A date or time constant as an instant; without a zone it is taken as UTC.
fn instant(value: &Literal) -> Option<DateTime<Utc>> {
    match value {
        Literal::Date(text) => Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc()),
        Literal::Timestamp(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Some(at.to_utc()),
            Err(_) => Some(text.replace(' ', "T").parse::<NaiveDateTime>().ok()?.and_utc()),
        },
        _ => None,
    }
}

/// Compares row by row with a function that knows the order.
fn ordered(values: &ArrayRef, op: Comparison, order: impl Fn(usize) -> Ordering) -> BooleanArray {
    (0..values.len())
        .map(|row| {
            if values.is_null(row) {
                return match op {
                    Comparison::DistinctFrom => Some(true),
                    Comparison::NotDistinctFrom => Some(false),
                    _ => None,
                };
            }
            Some(holds(op, order(row)))
        })
        .collect()
}

fn literal(batch: &RecordBatch, column: &str, op: Comparison, value: &Literal) -> Result<BooleanArray, ConnectorError> {
    let values = array(batch, column)?;
    let mismatch = || unsupported(&format!("The filter compares `{column}` with a value of another type."));
    match (values.data_type(), value) {
        (DataType::Boolean, Literal::Boolean(value)) => {
            apply(values, op, &Scalar::new(BooleanArray::from(vec![*value])))
        }
        (DataType::Utf8, Literal::Number(number)) if logical(batch, column) == Some(LogicalType::Numeric) => {
            let texts = values.as_string::<i32>();
            Ok(ordered(values, op, |row| number_order(texts.value(row), number)))
        }
        (DataType::Utf8, Literal::Text(text) | Literal::Date(text) | Literal::Timestamp(text)) => {
            apply(values, op, &Scalar::new(StringArray::from(vec![text.as_str()])))
        }
        (kind, Literal::Number(number)) if kind.is_floating() => {
            let number: f64 = number.parse().map_err(|_| mismatch())?;
            apply(
                &convert(values, &DataType::Float64)?,
                op,
                &Scalar::new(arrow::array::Float64Array::from(vec![number])),
            )
        }
        (kind, Literal::Number(number)) if kind.is_integer() || kind.is_decimal() => {
            let (number, scale) = unscaled(number).ok_or_else(mismatch)?;
            let scale = scale.max(scale_of(kind));
            let number = rescaled(&number, scale).ok_or_else(mismatch)?;
            let right = Decimal256Array::from(vec![number]).with_precision_and_scale(76, scale).map_err(broken)?;
            apply(&convert(values, &DataType::Decimal256(76, scale))?, op, &Scalar::new(right))
        }
        (DataType::Date32, Literal::Date(date)) => {
            let days = date.parse::<NaiveDate>().map_err(|_| mismatch())?.to_epoch_days();
            apply(values, op, &Scalar::new(arrow::array::Date32Array::from(vec![days])))
        }
        (DataType::Date32, Literal::Timestamp(_)) => {
            moment(&convert(values, &DataType::Timestamp(TimeUnit::Microsecond, None))?, op, value).ok_or_else(mismatch)
        }
        (DataType::Timestamp(..), Literal::Timestamp(_) | Literal::Date(_)) => {
            moment(values, op, value).ok_or_else(mismatch)
        }
        (_, Literal::BeforeNow { .. }) => {
            Err(ConnectorError::new(ErrorKind::Bug, "A relative time reached a source before it was made absolute."))
        }
        _ => Err(mismatch()),
    }
}

/// A timestamp column against a literal, exact even where the literal is finer than the column.
fn moment(values: &ArrayRef, op: Comparison, value: &Literal) -> Option<BooleanArray> {
    let at = instant(value)?;
    let DataType::Timestamp(unit, _) = values.data_type() else { return None };
    let per_second: i128 = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let nanos = i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos());
    let counts = convert(values, &DataType::Int64).ok()?;
    let counts = counts.as_primitive::<arrow::datatypes::Int64Type>();
    Some(ordered(values, op, |row| (i128::from(counts.value(row)) * (1_000_000_000 / per_second)).cmp(&nanos)))
}

fn columns(batch: &RecordBatch, left: &str, op: Comparison, right: &str) -> Result<BooleanArray, ConnectorError> {
    let (one, other) = (array(batch, left)?, array(batch, right)?);
    let (kind, other_kind) = (one.data_type(), other.data_type());
    if kind == other_kind && logical(batch, left) != Some(LogicalType::Numeric) {
        return apply(one, op, other);
    }
    let exact = |kind: &DataType| kind.is_integer() || kind.is_decimal();
    let number = |kind: &DataType| exact(kind) || kind.is_floating();
    let common = match (kind, other_kind) {
        _ if exact(kind) && exact(other_kind) => DataType::Decimal256(76, scale_of(kind).max(scale_of(other_kind))),
        _ if number(kind) && number(other_kind) => DataType::Float64,
        (DataType::Date32 | DataType::Timestamp(..), DataType::Date32 | DataType::Timestamp(..)) => {
            DataType::Timestamp(TimeUnit::Nanosecond, None)
        }
        _ => {
            return Err(unsupported(&format!(
                "The filter compares `{left}` with `{right}`, whose types do not compare."
            )));
        }
    };
    apply(&convert(one, &common)?, op, &convert(other, &common)?)
}

fn convert(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, ConnectorError> {
    if values.data_type() == to {
        return Ok(Arc::clone(values));
    }
    cast_with_options(values, to, &CastOptions { safe: false, ..CastOptions::default() }).map_err(broken)
}

fn scale_of(kind: &DataType) -> i8 {
    match kind {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => (*scale).max(0),
        _ => 0,
    }
}

/// A decimal text as digits and scale.
fn unscaled(text: &str) -> Option<(String, i8)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    i256::from_string(&digits)?;
    Some((text.to_owned(), i8::try_from(fraction.len()).ok()?))
}

fn rescaled(text: &str, scale: i8) -> Option<i256> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let zeros = usize::try_from(scale).ok()?.checked_sub(fraction.len())?;
    i256::from_string(&format!("{whole}{fraction}{}", "0".repeat(zeros)))
}

/// Orders two unbounded numbers given as text; NaN is greater than all, as in PostgreSQL.
fn number_order(left: &str, right: &str) -> Ordering {
    let rank = |text: &str| match text {
        "NaN" => 3,
        "Infinity" => 2,
        "-Infinity" => 0,
        _ => 1,
    };
    rank(left).cmp(&rank(right)).then_with(|| {
        if rank(left) != 1 {
            return Ordering::Equal;
        }
        let parts = |text: &str| {
            let negative = text.starts_with('-');
            let digits = text.trim_start_matches(['-', '+']);
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let (whole, fraction) =
                (whole.trim_start_matches('0').to_owned(), fraction.trim_end_matches('0').to_owned());
            (negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction)
        };
        let ((negative, whole, fraction), (other_negative, other_whole, other_fraction)) = (parts(left), parts(right));
        let size = || {
            whole
                .len()
                .cmp(&other_whole.len())
                .then_with(|| whole.cmp(&other_whole))
                .then_with(|| fraction.cmp(&other_fraction))
        };
        match (negative, other_negative) {
            (false, false) => size(),
            (true, true) => size().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::schema::arrow_schema;
    use crate::connectors::{Column, ColumnType, Unit};

    fn batch() -> RecordBatch {
        let column = |name: &str, logical| Column::new(name, ColumnType::new(logical, "test", ""), true);
        let columns = [
            column("name", LogicalType::Text),
            column("amount", LogicalType::Decimal { precision: 10, scale: 2 }),
            column("free", LogicalType::Numeric),
            column("at", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }),
        ];
        let amounts = arrow::array::Decimal128Array::from(vec![Some(1050), Some(-1), None])
            .with_precision_and_scale(10, 2)
            .unwrap();
        let at =
            arrow::array::TimestampMicrosecondArray::from(vec![Some(1_000_000), None, Some(0)]).with_timezone("UTC");
        RecordBatch::try_new(
            arrow_schema(&columns),
            vec![
                Arc::new(StringArray::from(vec![Some("Ana"), None, Some("ana%")])),
                Arc::new(amounts),
                Arc::new(StringArray::from(vec![Some("-10.50"), Some("9"), Some("NaN")])),
                Arc::new(at),
            ],
        )
        .unwrap()
    }

    fn found(filter: &Filter) -> Vec<Option<bool>> {
        evaluate(filter, &batch()).unwrap().iter().collect()
    }

    fn compare(column: &str, op: Comparison, value: Literal) -> Filter {
        Filter::Compare { left: Operand::Column(column.to_owned()), op, right: Operand::Literal(value) }
    }

    #[test]
    fn unknown_is_neither_true_nor_false() {
        let is_ana = compare("name", Comparison::Equal, Literal::Text("Ana".to_owned()));
        assert_eq!(found(&is_ana), [Some(true), None, Some(false)]);
        assert_eq!(found(&Filter::Not(Box::new(is_ana.clone()))), [Some(false), None, Some(true)]);
        let unset = Filter::IsNull { column: "name".to_owned(), negated: false };
        assert_eq!(found(&Filter::Or(vec![is_ana, unset])), [Some(true), Some(true), Some(false)]);
        assert_eq!(
            found(&compare("name", Comparison::DistinctFrom, Literal::Text("Ana".to_owned()))),
            [Some(false), Some(true), Some(true)]
        );
    }

    #[test]
    fn numbers_compare_exactly_whatever_their_digits() {
        assert_eq!(
            found(&compare("amount", Comparison::Less, Literal::Number("10.5000001".to_owned()))),
            [Some(true), Some(true), None]
        );
        assert_eq!(
            found(&compare("amount", Comparison::Equal, Literal::Number("10.5".to_owned()))),
            [Some(true), Some(false), None]
        );
        assert_eq!(
            found(&compare("free", Comparison::Greater, Literal::Number("-10.5".to_owned()))),
            [Some(false), Some(true), Some(true)]
        );
    }

    #[test]
    fn text_matches_with_case_and_escapes() {
        let pattern = |pattern: &str, insensitive| Filter::Like {
            column: "name".to_owned(),
            pattern: pattern.to_owned(),
            insensitive,
            negated: false,
        };
        assert_eq!(found(&pattern("a%", false)), [Some(false), None, Some(true)]);
        assert_eq!(found(&pattern("a%", true)), [Some(true), None, Some(true)]);
        assert_eq!(found(&pattern("%\\%", false)), [Some(false), None, Some(true)]);
    }

    #[test]
    fn moments_compare_at_their_own_fineness() {
        let after = compare("at", Comparison::Greater, Literal::Timestamp("1970-01-01T00:00:00.9999999Z".to_owned()));
        assert_eq!(found(&after), [Some(true), None, Some(false)]);
        assert_eq!(
            found(&compare("at", Comparison::GreaterOrEqual, Literal::Date("1970-01-01".to_owned()))),
            [Some(true), None, Some(true)]
        );
    }
}

//! "Seven days ago" in a filter becomes a moment, counted from when the run began: every attempt reads the same rows.

use chrono::{DateTime, Duration, Months, SecondsFormat, Utc};

use super::failure::Failure;
use crate::connectors::filter::{Filter, Literal, Operand};
use crate::connectors::{ErrorKind, LogicalType, StreamSchema};

/// The filter with every relative moment made absolute.
pub(super) fn resolve(filter: &Filter, start: DateTime<Utc>, schema: &StreamSchema) -> Result<Filter, Failure> {
    let column = |name: &str| schema.column(name).map(|column| &column.data_type.logical);
    let all = |parts: &[Filter]| parts.iter().map(|part| resolve(part, start, schema)).collect::<Result<Vec<_>, _>>();
    Ok(match filter {
        Filter::Compare { left, op, right } => {
            let met = |other: &Operand| match other {
                Operand::Column(name) => column(name),
                Operand::Literal(_) => None,
            };
            Filter::Compare {
                left: operand(left, start, met(right))?,
                op: *op,
                right: operand(right, start, met(left))?,
            }
        }
        Filter::In { column: name, values, negated } => Filter::In {
            column: name.clone(),
            values: values.iter().map(|value| literal(value, start, column(name))).collect::<Result<_, _>>()?,
            negated: *negated,
        },
        Filter::Between { column: name, low, high, negated } => Filter::Between {
            column: name.clone(),
            low: literal(low, start, column(name))?,
            high: literal(high, start, column(name))?,
            negated: *negated,
        },
        Filter::IsNull { .. } | Filter::Like { .. } => filter.clone(),
        Filter::And(parts) => Filter::And(all(parts)?),
        Filter::Or(parts) => Filter::Or(all(parts)?),
        Filter::Not(part) => Filter::Not(Box::new(resolve(part, start, schema)?)),
    })
}

fn operand(operand: &Operand, start: DateTime<Utc>, met: Option<&LogicalType>) -> Result<Operand, Failure> {
    Ok(match operand {
        Operand::Literal(value) => Operand::Literal(literal(value, start, met)?),
        Operand::Column(name) => Operand::Column(name.clone()),
    })
}

/// `met`: the type of the column that the literal is compared with. A wall clock reading is taken to be in UTC.
fn literal(value: &Literal, start: DateTime<Utc>, met: Option<&LogicalType>) -> Result<Literal, Failure> {
    let Literal::BeforeNow { months, seconds, date_only } = value else { return Ok(value.clone()) };
    let at = start
        .checked_sub_months(Months::new(*months))
        .zip(i64::try_from(*seconds).ok().and_then(Duration::try_seconds))
        .and_then(|(at, span)| at.checked_sub_signed(span))
        .ok_or_else(|| Failure::new(ErrorKind::BadData, "The plan's filter reaches back further than time does."))?;
    Ok(if *date_only || met == Some(&LogicalType::Date) {
        Literal::Date(at.format("%Y-%m-%d").to_string())
    } else if matches!(met, Some(LogicalType::Timestamp { zoned: false, .. })) {
        Literal::Timestamp(at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
    } else {
        Literal::Timestamp(at.to_rfc3339_opts(SecondsFormat::Micros, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::filter::Comparison;
    use crate::connectors::{Column, ColumnType, StreamSummary, Unit};

    #[test]
    fn moments_take_the_form_of_the_column_they_meet() {
        let at = |zoned| LogicalType::Timestamp { unit: Unit::Microsecond, zoned };
        let column = |name: &str, logical| Column::new(name, ColumnType::new(logical, "memory", ""), true);
        let summary = StreamSummary {
            stream: "s".to_owned(),
            namespace: None,
            name: "s".to_owned(),
            rows: None,
            bytes: None,
            comment: None,
            readable: true,
        };
        let columns = vec![column("z", at(true)), column("n", at(false)), column("d", LogicalType::Date)];
        let schema = StreamSchema { summary, columns, primary_key: Vec::new() };
        let start = "2026-03-31T12:00:00Z".parse().unwrap();
        let since = |name: &str, months, seconds| Filter::Compare {
            left: Operand::Column(name.to_owned()),
            op: Comparison::GreaterOrEqual,
            right: Operand::Literal(Literal::BeforeNow { months, seconds, date_only: false }),
        };
        let resolved = |filter: &Filter| match resolve(filter, start, &schema).unwrap() {
            Filter::Compare { right: Operand::Literal(literal), .. } => literal,
            other => panic!("{other:?}"),
        };
        assert_eq!(resolved(&since("z", 0, 60)), Literal::Timestamp("2026-03-31T11:59:00.000000Z".to_owned()));
        assert_eq!(resolved(&since("n", 1, 0)), Literal::Timestamp("2026-02-28T12:00:00.000000".to_owned()));
        assert_eq!(resolved(&since("d", 0, 86_400)), Literal::Date("2026-03-30".to_owned()));
        let nested = Filter::Not(Box::new(Filter::And(vec![since("z", 0, 0), since("d", 0, 0)])));
        assert!(!format!("{:?}", resolve(&nested, start, &schema).unwrap()).contains("BeforeNow"));
        assert!(resolve(&since("z", 0, u64::MAX), start, &schema).is_err());
    }
}

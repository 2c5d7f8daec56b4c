//! Filters as conditions. Texts compare by their bytes, as filters mean them everywhere; an equality is asked by the column's
//! own collation as well, which holds for more rows and lets an index find them.

use super::Config;
use super::catalog::MyColumn;
use super::sql::{as_bytes, bytes_literal, text_literal};
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{ConnectorError, ErrorKind, LogicalType, Unit, moment};

/// A filter as a condition over these columns.
pub(super) fn condition(filter: &Filter, columns: &[MyColumn], config: &Config) -> Result<String, ConnectorError> {
    Renderer { columns, config }.filter(filter)
}

struct Renderer<'a> {
    columns: &'a [MyColumn],
    config: &'a Config,
}

/// A column that a filter names.
struct Side<'a> {
    column: &'a MyColumn,
    logical: LogicalType,
}

impl Side<'_> {
    fn is_text(&self) -> bool {
        matches!(
            self.logical,
            LogicalType::Text
                | LogicalType::Enum
                | LogicalType::Uuid
                | LogicalType::Json
                | LogicalType::Interval
                | LogicalType::Other
        )
    }

    /// As it is selected.
    fn plain(&self) -> String {
        self.column.data_type.projection(&self.column.name)
    }

    /// In a form in which it compares as filters mean it.
    fn compared(&self) -> String {
        if self.is_text() { as_bytes(&self.plain()) } else { self.plain() }
    }

    /// Whether its own comparison takes any text.
    fn has_collation(&self) -> bool {
        self.column.data_type.is_text()
    }
}

impl Renderer<'_> {
    fn filter(&self, filter: &Filter) -> Result<String, ConnectorError> {
        match filter {
            Filter::Compare { left, op, right } => self.compare(left, *op, right),
            Filter::In { column, values, negated } => {
                let side = self.side(column)?;
                if values.is_empty() {
                    return Ok(if *negated { "true" } else { "false" }.to_owned());
                }
                let list = |of: &dyn Fn(&Literal) -> Result<String, ConnectorError>| {
                    Ok::<_, ConnectorError>(values.iter().map(of).collect::<Result<Vec<_>, _>>()?.join(", "))
                };
                let exact = list(&|value| literal(value, Some(&side)))?;
                let found = format!("({} in ({exact}))", side.compared());
                let found = match list(&|value| plain_text(value)) {
                    Ok(plain) if side.has_collation() => format!("({} in ({plain}) and {found})", side.plain()),
                    _ => found,
                };
                Ok(if *negated { format!("(not {found})") } else { found })
            }
            Filter::Between { column, low, high, negated } => {
                let side = self.side(column)?;
                let (low, high) = (literal(low, Some(&side))?, literal(high, Some(&side))?);
                let not = if *negated { "not " } else { "" };
                Ok(format!("({} {not}between {low} and {high})", side.compared()))
            }
            Filter::IsNull { column, negated } => {
                // `is null` holds for a zero date, too.
                let not = if *negated { "not " } else { "" };
                Ok(format!("({not}({} <=> null))", self.side(column)?.plain()))
            }
            Filter::Like { column, pattern, insensitive, negated } => {
                let side = self.side(column)?;
                let text = if side.is_text() { side.plain() } else { format!("cast({} as char)", side.plain()) };
                let (text, pattern) = (format!("convert({text} using utf8mb4)"), checked_text(pattern)?);
                let not = if *negated { "not " } else { "" };
                Ok(if *insensitive {
                    format!("(lower({text}) collate utf8mb4_bin {not}like lower({pattern}) escape '\\')")
                } else {
                    format!("({text} collate utf8mb4_bin {not}like {pattern} escape '\\')")
                })
            }
            Filter::And(parts) => self.join(parts, " and ", "true"),
            Filter::Or(parts) => self.join(parts, " or ", "false"),
            Filter::Not(part) => Ok(format!("(not {})", self.filter(part)?)),
        }
    }

    fn join(&self, parts: &[Filter], with: &str, empty: &str) -> Result<String, ConnectorError> {
        if parts.is_empty() {
            return Ok(empty.to_owned());
        }
        let parts = parts.iter().map(|part| self.filter(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("({})", parts.join(with)))
    }

    fn compare(&self, left: &Operand, op: Comparison, right: &Operand) -> Result<String, ConnectorError> {
        let side = |operand: &Operand| match operand {
            Operand::Column(name) => self.side(name).map(Some),
            Operand::Literal(_) => Ok(None),
        };
        let (left_side, right_side) = (side(left)?, side(right)?);
        let spelled = |operand: &Operand, own: Option<&Side<'_>>, other: Option<&Side<'_>>| match (operand, own) {
            (Operand::Literal(value), _) => literal(value, other),
            (Operand::Column(_), Some(own)) => Ok(own.compared()),
            (Operand::Column(name), None) => Err(unknown(name)),
        };
        let exact_left = spelled(left, left_side.as_ref(), right_side.as_ref())?;
        let exact_right = spelled(right, right_side.as_ref(), left_side.as_ref())?;
        let (op, not) = match op {
            Comparison::Equal => ("=", ""),
            Comparison::NotEqual => ("<>", ""),
            Comparison::Less => ("<", ""),
            Comparison::LessOrEqual => ("<=", ""),
            Comparison::Greater => (">", ""),
            Comparison::GreaterOrEqual => (">=", ""),
            Comparison::DistinctFrom => ("<=>", "not "),
            Comparison::NotDistinctFrom => ("<=>", ""),
        };
        let exact = format!("({not}({exact_left} {op} {exact_right}))");
        let by_index = match (left, right, left_side.as_ref().or(right_side.as_ref())) {
            (Operand::Column(_), Operand::Literal(value), Some(side))
            | (Operand::Literal(value), Operand::Column(_), Some(side))
                if op == "=" && side.has_collation() =>
            {
                Some(format!("{} = {}", side.plain(), plain_text(value)?))
            }
            _ => None,
        };
        Ok(by_index.map_or(exact.clone(), |by_index| format!("({by_index} and {exact})")))
    }

    fn side(&self, name: &str) -> Result<Side<'_>, ConnectorError> {
        let column = self.columns.iter().find(|column| column.name == name).ok_or_else(|| unknown(name))?;
        Ok(Side { column, logical: column.data_type.logical(self.config) })
    }
}

fn unknown(name: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::NotFound, format!("The filter names `{name}`, which is no column that can be read."))
}

/// A constant as the server compares it with what it meets.
fn literal(value: &Literal, meets: Option<&Side<'_>>) -> Result<String, ConnectorError> {
    match value {
        Literal::Boolean(value) => Ok(if *value { "1" } else { "0" }.to_owned()),
        Literal::Number(text) => number(text, meets.map(|side| &side.logical)),
        Literal::Text(text) if meets.is_none_or(Side::is_text) => Ok(bytes_literal(text.as_bytes())),
        Literal::Text(text) => checked_text(text),
        Literal::Date(text) => {
            let day = moment::parse_date(text).and_then(moment::date_text).filter(|day| day.len() == 10);
            Ok(format!("date{}", text_literal(&day.ok_or_else(|| unfit("a date that MySQL holds"))?)))
        }
        Literal::Timestamp(text) => {
            let ticks = moment::parse_timestamp(text, Unit::Microsecond).ok_or_else(|| {
                ConnectorError::new(
                    ErrorKind::Unsupported,
                    "The filter holds a time finer than a microsecond, which MySQL would round.",
                )
            })?;
            let spelled = moment::timestamp_text(ticks, Unit::Microsecond, false).filter(|text| text.len() == 26);
            Ok(format!("timestamp{}", text_literal(&spelled.ok_or_else(|| unfit("a time that MySQL holds"))?)))
        }
        Literal::BeforeNow { .. } => {
            Err(ConnectorError::new(ErrorKind::Bug, "The filter holds a relative time that was not resolved."))
        }
    }
}

/// A text as the column's own collation compares it.
fn plain_text(value: &Literal) -> Result<String, ConnectorError> {
    match value {
        Literal::Text(text) => checked_text(text),
        _ => Err(unfit("a text")),
    }
}

fn number(text: &str, meets: Option<&LogicalType>) -> Result<String, ConnectorError> {
    if !is_number(text) {
        return Err(unfit("a number"));
    }
    if meets == Some(&LogicalType::Float32) {
        // The server compares as doubles, and 0.1 is not the same in both widths.
        let single: f32 = text.parse().map_err(|_| unfit("a number"))?;
        return Ok(format!("({:e})", f64::from(single)));
    }
    Ok(format!("({text})"))
}

fn checked_text(text: &str) -> Result<String, ConnectorError> {
    if text.contains('\0') { Err(unfit("a text without NUL")) } else { Ok(text_literal(text)) }
}

fn unfit(what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::BadData, format!("The filter holds a constant that is not {what}."))
}

fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = unsigned(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, "0"));
    digits(whole) && digits(fraction) && digits(&unsigned(exponent))
}

#[cfg(test)]
mod tests {
    use super::super::data_type::MyType;
    use super::*;

    fn render(filter: &Filter) -> Result<String, ConnectorError> {
        let config: Config = serde_json::from_value(serde_json::json!({"host": "h", "user": "u"})).unwrap();
        let column = |name: &str, spelled: &str| MyColumn::new(name, MyType::parse(spelled));
        condition(filter, &[column("na`me", "varchar(20)"), column("n", "float"), column("at", "datetime(6)")], &config)
    }

    fn compare(column: &str, op: Comparison, value: Literal) -> Filter {
        Filter::Compare { left: Operand::Column(column.to_owned()), op, right: Operand::Literal(value) }
    }

    #[test]
    fn names_and_constants_stay_what_they_are() {
        let text = Literal::Text("x'; drop table t; --\\".to_owned());
        let sql = render(&compare("na`me", Comparison::Equal, text)).unwrap();
        assert!(sql.starts_with("(`na``me` = 'x''; drop table t; --\\' and ("), "{sql}");
        assert!(sql.contains("= x'78273b"), "{sql}");
    }

    #[test]
    fn a_number_that_is_not_one_is_refused() {
        for text in ["1; drop table t", "", "1e", "0x10", "1.", ".5", "--1", "NaN"] {
            let values = vec![Literal::Number(text.to_owned())];
            let filter = Filter::In { column: "n".to_owned(), values, negated: false };
            assert_eq!(render(&filter).unwrap_err().kind, ErrorKind::BadData, "{text}");
        }
        assert!(is_number("-12.50e-3"));
    }

    #[test]
    fn unknown_columns_and_too_fine_times_are_refused() {
        let unknown = Filter::IsNull { column: "other".to_owned(), negated: false };
        assert_eq!(render(&unknown).unwrap_err().kind, ErrorKind::NotFound);
        let at = |text: &str| render(&compare("at", Comparison::Less, Literal::Timestamp(text.to_owned())));
        assert_eq!(at("2026-01-01T00:00:00.1234567Z").unwrap_err().kind, ErrorKind::Unsupported);
        assert!(at("2026-01-01T02:00:00.123456+02:00").unwrap().contains("timestamp'2026-01-01 00:00:00.123456'"));
    }

    #[test]
    fn a_single_is_compared_in_its_own_width() {
        let sql = render(&compare("n", Comparison::Equal, Literal::Number("0.1".to_owned()))).unwrap();
        assert_eq!(sql, "((`n` = (1.0000000149011612e-1)))");
    }
}

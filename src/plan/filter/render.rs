//! A filter as its canonical text, which reads back as the same filter.

use sqlparser::ast::{BinaryOperator, Expr};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::connectors::filter::{Comparison, Filter, Literal, Operand};

/// The filter as plans write it.
pub fn render(filter: &Filter) -> String {
    match filter {
        Filter::Compare { left, op, right } => {
            format!("{} {} {}", operand(left), comparison(*op), operand(right))
        }
        Filter::In { column, values, negated } => {
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("{} {}in ({})", name(column), not(*negated), values.join(", "))
        }
        Filter::Between { column, low, high, negated } => {
            format!("{} {}between {} and {}", name(column), not(*negated), literal(low), literal(high))
        }
        Filter::IsNull { column, negated } => format!("{} is {}null", name(column), not(*negated)),
        Filter::Like { column, pattern, insensitive, negated } => {
            let word = if *insensitive { "ilike" } else { "like" };
            format!("{} {}{word} {}", name(column), not(*negated), quoted(pattern))
        }
        Filter::And(parts) => joined(parts, " and "),
        Filter::Or(parts) => joined(parts, " or "),
        Filter::Not(part) => format!("not ({})", render(part)),
    }
}

fn joined(parts: &[Filter], word: &str) -> String {
    let part = |part: &Filter| match part {
        Filter::And(_) | Filter::Or(_) | Filter::Not(_) => format!("({})", render(part)),
        _ => render(part),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(word)
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::DistinctFrom => "is distinct from",
        Comparison::NotDistinctFrom => "is not distinct from",
    }
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Column(column) => name(column),
        Operand::Literal(value) => literal(value),
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Boolean(flag) => flag.to_string(),
        Literal::Number(number) => number.clone(),
        Literal::Text(text) | Literal::Date(text) | Literal::Timestamp(text) => quoted(text),
        Literal::BeforeNow { months, seconds, date_only } => {
            let base = if *date_only { "current_date" } else { "now()" };
            match interval(*months, *seconds) {
                None => base.to_owned(),
                Some(interval) => format!("{base} - interval '{interval}'"),
            }
        }
    }
}

fn interval(months: u32, seconds: u64) -> Option<String> {
    let mut parts = Vec::new();
    let mut push = |number: u64, unit: &str| {
        if number > 0 {
            parts.push(format!("{number} {unit}{}", if number == 1 { "" } else { "s" }));
        }
    };
    push(u64::from(months), "month");
    push(seconds / 86_400, "day");
    push(seconds % 86_400 / 3_600, "hour");
    push(seconds % 3_600 / 60, "minute");
    push(seconds % 60, "second");
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column's name, quoted where it would read as something else.
fn name(column: &str) -> String {
    if reads_as_itself(column) { column.to_owned() } else { format!("\"{}\"", column.replace('"', "\"\"")) }
}

/// Words that a person would stumble over as a name, even where the parser would not.
const RESERVED: [&str; 36] = [
    "all", "and", "any", "array", "as", "between", "by", "case", "cast", "distinct", "else", "end", "escape", "exists",
    "false", "from", "group", "having", "ilike", "in", "interval", "is", "like", "limit", "not", "now", "null", "or",
    "order", "select", "then", "true", "union", "unknown", "when", "where",
];

fn reads_as_itself(column: &str) -> bool {
    let plain = column
        .chars()
        .enumerate()
        .all(|(place, c)| c == '_' || c.is_ascii_alphabetic() || (place > 0 && c.is_ascii_digit()));
    let reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(column));
    if !plain || column.is_empty() || reserved {
        return false;
    }
    let identifier = |expr: &Expr| matches!(expr, Expr::Identifier(found) if found.value == column);
    let read = |text: String| {
        Parser::new(&GenericDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_expr()).ok()
    };
    // A keyword may read as a name in one place and not in another.
    let compared = matches!(
        read(format!("{column} = 1")),
        Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, .. }) if identifier(&left)
    );
    let listed = matches!(read(format!("{column} in (1)")), Some(Expr::InList { expr, .. }) if identifier(&expr));
    let tested = matches!(read(format!("not ({column} is null)")),
        Some(Expr::UnaryOp { expr, .. })
            if matches!(expr.as_ref(), Expr::Nested(inner) if matches!(inner.as_ref(), Expr::IsNull(at) if identifier(at))));
    let matched = matches!(read(format!("{column} like 'a'")), Some(Expr::Like { expr, .. }) if identifier(&expr));
    let right = matches!(
        read(format!("a = {column}")),
        Some(Expr::BinaryOp { right, op: BinaryOperator::Eq, .. }) if identifier(&right)
    );
    compared && listed && tested && matched && right
}

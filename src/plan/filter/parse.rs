//! Reads a filter against the columns of a stream.

use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use super::literal::{Class, Misfit, Raw, fit};
use super::tokens::{exact_number, with_predicates_closed};
use super::{ALLOWED, moment};
use crate::catalog::nearest;
use crate::connectors::Column;
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::plan::Problem;
use crate::plan::shape::clip;

/// Characters of a filter at most.
const LONGEST: usize = 20_000;
/// Names, keywords and operators of a filter at most: what bounds the depth of its tree.
const MOST_PARTS: usize = 1_500;

/// Reads a filter. `pointer` is where it stands in the plan, for the problems.
pub fn parse(text: &str, columns: &[Column], pointer: &str) -> Result<Filter, Vec<Problem>> {
    let mut reader = Reader { columns, pointer, problems: Vec::new() };
    let filter = reader.expression(text).and_then(|expr| reader.filter(&expr));
    match filter {
        Some(filter) if reader.problems.is_empty() => Ok(filter),
        _ if reader.problems.is_empty() => {
            Err(vec![Problem::new(pointer, "filter_syntax", "The filter cannot be read.").suggest(ALLOWED)])
        }
        _ => Err(reader.problems),
    }
}

struct Reader<'a> {
    columns: &'a [Column],
    pointer: &'a str,
    problems: Vec<Problem>,
}

/// One side of a comparison.
enum Side<'a> {
    Column(&'a Column),
    Constant(Raw),
}

impl<'a> Reader<'a> {
    fn refuse<T>(&mut self, code: &'static str, message: impl Into<String>, suggestion: Option<String>) -> Option<T> {
        self.problems.push(Problem::new(self.pointer, code, message).suggest_some(suggestion));
        None
    }

    fn syntax<T>(&mut self, message: impl Into<String>, suggestion: &str) -> Option<T> {
        self.refuse("filter_syntax", message, Some(suggestion.to_owned()))
    }

    fn unsupported<T>(&mut self, message: impl Into<String>) -> Option<T> {
        self.refuse("filter_unsupported", message, Some(ALLOWED.to_owned()))
    }

    /// The text as one expression, and nothing besides.
    fn expression(&mut self, text: &str) -> Option<Expr> {
        if text.len() > LONGEST {
            return self
                .syntax(format!("The filter is longer than {LONGEST} characters."), "Filter by a range instead.");
        }
        if text.trim().is_empty() {
            return self.syntax("The filter is empty.", "Leave `filter` out to move every row.");
        }
        if text.contains(['‘', '’', '“', '”']) {
            return self.syntax("The filter has typographic quotes.", "Write text in plain single quotes: 'active'.");
        }
        let dialect = GenericDialect {};
        let Ok(tokens) = Tokenizer::new(&dialect, text).tokenize() else {
            return self.syntax("The filter has a quote that is not closed, or a sign that is none.", ALLOWED);
        };
        let mut parts = 0_usize;
        for token in &tokens {
            match token {
                Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
                    return self.unsupported("The filter has a comment; leave it out.");
                }
                Token::SemiColon => return self.unsupported("The filter is one expression, without `;`."),
                Token::Placeholder(name) => {
                    return self
                        .unsupported(format!("The filter has a placeholder `{}`; write the value.", clip(name)));
                }
                Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) => {}
                _ => parts += 1,
            }
        }
        if parts > MOST_PARTS {
            return self.syntax("The filter has too many parts.", "Use IN with a list, or a range.");
        }
        let mut parser = Parser::new(&dialect).with_recursion_limit(48).with_tokens(with_predicates_closed(tokens));
        match parser.parse_expr() {
            Ok(expr) => match parser.peek_token().token {
                Token::EOF => Some(expr),
                rest => self.syntax(format!("The filter ends before `{}`.", clip(&rest.to_string())), ALLOWED),
            },
            Err(ParserError::RecursionLimitExceeded) => {
                self.syntax("The filter is nested too deeply.", "Take parentheses away.")
            }
            Err(ParserError::ParserError(said) | ParserError::TokenizerError(said)) => {
                self.syntax(format!("The filter cannot be read: {}.", clip(&said)), ALLOWED)
            }
        }
    }

    fn filter(&mut self, expr: &Expr) -> Option<Filter> {
        match expr {
            Expr::Nested(inner) => self.filter(inner),
            Expr::BinaryOp { op: BinaryOperator::And, .. } => self.joined(expr, &BinaryOperator::And).map(Filter::And),
            Expr::BinaryOp { op: BinaryOperator::Or, .. } => self.joined(expr, &BinaryOperator::Or).map(Filter::Or),
            Expr::BinaryOp { left, op, right } => match comparison(op) {
                Some(op) => self.compare(left, op, right),
                None => self.unsupported(format!("The filter uses `{op}`, which is not a comparison.")),
            },
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Some(Filter::Not(Box::new(self.filter(expr)?))),
            Expr::IsDistinctFrom(left, right) => self.compare(left, Comparison::DistinctFrom, right),
            Expr::IsNotDistinctFrom(left, right) => self.compare(left, Comparison::NotDistinctFrom, right),
            Expr::IsNull(of) | Expr::IsUnknown(of) => self.is_null(of, false),
            Expr::IsNotNull(of) | Expr::IsNotUnknown(of) => self.is_null(of, true),
            Expr::IsTrue(of) => self.is(of, Comparison::NotDistinctFrom, true),
            Expr::IsNotTrue(of) => self.is(of, Comparison::DistinctFrom, true),
            Expr::IsFalse(of) => self.is(of, Comparison::NotDistinctFrom, false),
            Expr::IsNotFalse(of) => self.is(of, Comparison::DistinctFrom, false),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let pattern = self.pattern(pattern, escape_char.as_ref().map(|escape| &escape.value));
                self.like(expr, pattern, false, *negated)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let pattern = self.pattern(pattern, escape_char.as_ref().map(|escape| &escape.value));
                self.like(expr, pattern, true, *negated)
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let column = self.column(expr)?;
                if Class::of(&column.data_type.logical) == Class::Boolean {
                    return Some(equals_true(column));
                }
                let message =
                    format!("`{}` ({}) is not true or false by itself.", column.name, column.data_type.spelled);
                self.refuse("filter_type", message, Some(format!("Compare it: {} = …", column.name)))
            }
            other => {
                let message = not_allowed(other);
                self.unsupported(message)
            }
        }
    }

    /// The operands of a chain of ANDs or ORs, from left to right; no recursion, for chains are long.
    fn joined(&mut self, expr: &Expr, by: &BinaryOperator) -> Option<Vec<Filter>> {
        let mut waiting = vec![expr];
        let mut parts = Vec::new();
        while let Some(next) = waiting.pop() {
            let mut bare = next;
            while let Expr::Nested(inner) = bare {
                bare = inner;
            }
            match bare {
                Expr::BinaryOp { left, op, right } if op == by => {
                    waiting.push(right);
                    waiting.push(left);
                }
                other => parts.push(self.filter(other)),
            }
        }
        parts.into_iter().collect()
    }

    fn compare(&mut self, left: &Expr, op: Comparison, right: &Expr) -> Option<Filter> {
        let (left, right) = (self.side(left), self.side(right));
        let (column, op, constant) = match (left?, right?) {
            (Side::Column(a), Side::Column(b)) => {
                let (class_a, class_b) = (Class::of(&a.data_type.logical), Class::of(&b.data_type.logical));
                if class_a == class_b && class_a != Class::Opaque {
                    let (left, right) = (Operand::Column(a.name.clone()), Operand::Column(b.name.clone()));
                    return Some(Filter::Compare { left, op, right });
                }
                let message = format!(
                    "`{}` ({}) and `{}` ({}) cannot be compared.",
                    a.name, a.data_type.spelled, b.name, b.data_type.spelled
                );
                return self.refuse("filter_type", message, None);
            }
            (Side::Column(column), Side::Constant(constant)) => (column, op, constant),
            (Side::Constant(constant), Side::Column(column)) => (column, turned(op), constant),
            (Side::Constant(_), Side::Constant(_)) => {
                return self.unsupported("A comparison in the filter names no column.");
            }
        };
        if constant == Raw::Null {
            return match op {
                Comparison::DistinctFrom => Some(Filter::IsNull { column: column.name.clone(), negated: true }),
                Comparison::NotDistinctFrom => Some(Filter::IsNull { column: column.name.clone(), negated: false }),
                op => {
                    let not = if op == Comparison::Equal { "" } else { "NOT " };
                    let message = format!("`{}` is compared with NULL, which is never true.", column.name);
                    self.refuse("filter_type", message, Some(format!("{} IS {not}NULL", column.name)))
                }
            };
        }
        let literal = self.fit(&constant, column)?;
        let (left, right) = (Operand::Column(column.name.clone()), Operand::Literal(literal));
        Some(Filter::Compare { left, op, right })
    }

    fn is_null(&mut self, of: &Expr, negated: bool) -> Option<Filter> {
        let column = self.column(of)?;
        Some(Filter::IsNull { column: column.name.clone(), negated })
    }

    fn is(&mut self, of: &Expr, op: Comparison, flag: bool) -> Option<Filter> {
        let column = self.column(of)?;
        let right = Operand::Literal(self.fit(&Raw::Boolean(flag), column)?);
        Some(Filter::Compare { left: Operand::Column(column.name.clone()), op, right })
    }

    fn in_list(&mut self, of: &Expr, list: &[Expr], negated: bool) -> Option<Filter> {
        let column = self.column(of)?;
        let values: Vec<Option<Literal>> = list.iter().map(|item| self.constant(item, column)).collect();
        Some(Filter::In { column: column.name.clone(), values: values.into_iter().collect::<Option<_>>()?, negated })
    }

    fn between(&mut self, of: &Expr, low: &Expr, high: &Expr, negated: bool) -> Option<Filter> {
        let column = self.column(of)?;
        let (low, high) = (self.constant(low, column), self.constant(high, column));
        Some(Filter::Between { column: column.name.clone(), low: low?, high: high?, negated })
    }

    fn constant(&mut self, expr: &Expr, column: &Column) -> Option<Literal> {
        match self.side(expr)? {
            Side::Constant(Raw::Null) => {
                let message = format!("A list or range of `{}` has NULL in it, which matches nothing.", column.name);
                self.refuse("filter_type", message, Some(format!("… OR {} IS NULL", column.name)))
            }
            Side::Constant(constant) => self.fit(&constant, column),
            Side::Column(_) => self.unsupported("IN and BETWEEN take constants, not columns."),
        }
    }

    fn like(&mut self, of: &Expr, pattern: Option<String>, insensitive: bool, negated: bool) -> Option<Filter> {
        let column = self.column(of)?;
        if Class::of(&column.data_type.logical) != Class::Text {
            let message = format!("`{}` ({}) is not text; LIKE works on text.", column.name, column.data_type.spelled);
            return self.refuse("filter_type", message, None);
        }
        Some(Filter::Like { column: column.name.clone(), pattern: pattern?, insensitive, negated })
    }

    /// A LIKE pattern, with `\` as its escape sign.
    fn pattern(&mut self, pattern: &Expr, escape: Option<&Value>) -> Option<String> {
        let text = match pattern {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => text,
                _ => return self.unsupported("LIKE takes one pattern in single quotes."),
            },
            _ => return self.unsupported("LIKE takes one pattern in single quotes."),
        };
        let escape = match escape {
            None => Some('\\'),
            Some(Value::SingleQuotedString(text)) if text.chars().count() == 1 => text.chars().next(),
            Some(_) => None,
        };
        let pattern = escape.and_then(|escape| with_backslash(text, escape));
        if pattern.is_none() {
            let suggestion = "After the escape sign comes `%`, `_` or the sign itself.";
            return self.syntax("The LIKE pattern escapes nothing.", suggestion);
        }
        pattern
    }

    fn fit(&mut self, constant: &Raw, column: &Column) -> Option<Literal> {
        match fit(constant, column) {
            Ok(literal) => Some(literal),
            Err(Misfit { message, suggestion }) => self.refuse("filter_type", message, suggestion),
        }
    }

    fn side(&mut self, expr: &Expr) -> Option<Side<'a>> {
        match moment::read(expr) {
            Some(Ok(moment)) => return Some(Side::Constant(moment)),
            Some(Err(message)) => {
                return self.refuse("filter_unsupported", message, Some("now() - interval '30 days'".to_owned()));
            }
            None => {}
        }
        let raw = match expr {
            Expr::Nested(inner) => return self.side(inner),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => return self.column(expr).map(Side::Column),
            Expr::Value(value) => self.value(&value.value, "")?,
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
                Expr::Value(value) if matches!(value.value, Value::Number(..)) => self.value(&value.value, "-")?,
                _ => return self.unsupported("`-` goes before a number only."),
            },
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => return self.side(expr),
            Expr::TypedString(typed) => {
                let Value::SingleQuotedString(text) = &typed.value.value else {
                    return self.unsupported("A date is written in single quotes.");
                };
                let kind = typed.data_type.to_string().to_ascii_lowercase();
                match kind.as_str() {
                    "date" => Raw::Date(text.clone()),
                    kind if kind.starts_with("timestamp") || kind == "datetime" => Raw::Timestamp(text.clone()),
                    kind => return self.unsupported(format!("`{}` constants are not known.", clip(kind))),
                }
            }
            other => {
                let message = not_allowed(other);
                return self.unsupported(message);
            }
        };
        Some(Side::Constant(raw))
    }

    fn value(&mut self, value: &Value, sign: &str) -> Option<Raw> {
        match value {
            Value::Number(text, _) => match exact_number(text) {
                Some(number) => Some(Raw::Number(format!("{sign}{number}"))),
                None => {
                    self.syntax(format!("`{}` is not a number that can be kept exactly.", clip(text)), "Write it out.")
                }
            },
            Value::SingleQuotedString(text) => Some(Raw::Text(text.clone())),
            Value::Boolean(flag) => Some(Raw::Boolean(*flag)),
            Value::Null => Some(Raw::Null),
            _ => self.unsupported("A constant of the filter is of a kind that is not known; use plain single quotes."),
        }
    }

    fn column(&mut self, expr: &Expr) -> Option<&'a Column> {
        match expr {
            Expr::Nested(inner) => self.column(inner),
            Expr::Identifier(name) => self.named(name),
            Expr::CompoundIdentifier(parts) => {
                let last = parts.last().map(|part| part.value.clone()).unwrap_or_default();
                let known = self.columns.iter().any(|column| column.name == last);
                let message = "A column is named by itself in the filter, without its table.";
                self.refuse("filter_unsupported", message, known.then_some(last))
            }
            other => {
                let message = not_allowed(other);
                self.unsupported(message)
            }
        }
    }

    fn named(&mut self, name: &Ident) -> Option<&'a Column> {
        let columns = self.columns;
        if let Some(column) = columns.iter().find(|column| column.name == name.value) {
            return Some(column);
        }
        if name.quote_style.is_none() {
            let mut alike = columns.iter().filter(|column| column.name.eq_ignore_ascii_case(&name.value));
            if let (Some(column), None) = (alike.next(), alike.next()) {
                return Some(column);
            }
        }
        let message = format!("The stream has no column `{}`, which the filter names.", clip(&name.value));
        let names = columns.iter().map(|column| column.name.as_str());
        let meant = if name.quote_style == Some('"') {
            // Likelier a text in the wrong quotes than a column.
            let same = names.clone().find(|column| nearest::fold(column) == nearest::fold(&name.value));
            same.map_or_else(|| format!("'{}'", name.value.replace('\'', "''")), |column| format!("\"{column}\""))
                .into()
        } else {
            nearest::nearest(&name.value, names).map(str::to_owned)
        };
        self.refuse("unknown_column", message, meant)
    }
}

fn equals_true(column: &Column) -> Filter {
    let right = Operand::Literal(Literal::Boolean(true));
    Filter::Compare { left: Operand::Column(column.name.clone()), op: Comparison::Equal, right }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// The comparison with its sides swapped.
pub(super) fn turned(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn not_allowed(expr: &Expr) -> String {
    match expr {
        Expr::Function(function) => {
            format!("The filter calls `{}`; functions are not allowed.", clip(&function.name.to_string()))
        }
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
            "The filter has a subquery, which is not allowed.".to_owned()
        }
        Expr::Cast { .. } | Expr::Convert { .. } => {
            "The filter has a cast, which is not allowed; constants take the type of their column.".to_owned()
        }
        Expr::BinaryOp { op, .. } => format!("The filter calculates with `{op}`, which is not allowed."),
        Expr::Value(_) => "A constant by itself is no filter.".to_owned(),
        other => format!("`{}` is not allowed in a filter.", clip(&other.to_string())),
    }
}

/// The pattern with `\` as its escape sign; `None` when the sign escapes what needs no escape, or stands last.
fn with_backslash(pattern: &str, escape: char) -> Option<String> {
    let mut text = String::new();
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        if sign == escape {
            let next = signs.next()?;
            if next != '%' && next != '_' && next != escape {
                return None;
            }
            if matches!(next, '%' | '_' | '\\') {
                text.push('\\');
            }
            text.push(next);
        } else {
            if sign == '\\' {
                text.push('\\');
            }
            text.push(sign);
        }
    }
    Some(text)
}

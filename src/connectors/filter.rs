//! Row filters as a tree. Plans parse a person's text into this; each source renders it in its own dialect or evaluates
//! it. Nothing here is ever pasted text.

use serde::{Deserialize, Serialize};

/// A boolean expression over the columns of one stream, with SQL's three-valued logic: a row passes only when it is true.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    Compare {
        left: Operand,
        op: Comparison,
        right: Operand,
    },
    In {
        column: String,
        values: Vec<Literal>,
        negated: bool,
    },
    Between {
        column: String,
        low: Literal,
        high: Literal,
        negated: bool,
    },
    IsNull {
        column: String,
        negated: bool,
    },
    /// `%` any run of characters, `_` one character, `\` escapes. `insensitive`: letters compare without case.
    Like {
        column: String,
        pattern: String,
        insensitive: bool,
        negated: bool,
    },
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    Column(String),
    Literal(Literal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Never unknown: NULL is distinct from a value and not distinct from NULL.
    DistinctFrom,
    NotDistinctFrom,
}

/// A constant, already checked against the type of the column that it meets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Literal {
    Boolean(bool),
    /// Exact decimal text.
    Number(String),
    Text(String),
    /// ISO 8601: `2026-01-31`.
    Date(String),
    /// RFC 3339 with offset for an instant, ISO 8601 without for a wall clock reading. At most nanoseconds.
    Timestamp(String),
    /// A moment relative to the start of the run; `seconds` and `months` are subtracted from it. Resolved by the runner
    /// into [`Literal::Timestamp`] or [`Literal::Date`] before a source sees it.
    BeforeNow {
        months: u32,
        seconds: u64,
        date_only: bool,
    },
}

impl Filter {
    /// Every column that the filter names.
    pub fn columns(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.visit(&mut |column| {
            if !found.contains(&column) {
                found.push(column);
            }
        });
        found
    }

    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        match self {
            Self::Compare { left, right, .. } => {
                for operand in [left, right] {
                    if let Operand::Column(column) = operand {
                        see(column);
                    }
                }
            }
            Self::In { column, .. }
            | Self::Between { column, .. }
            | Self::IsNull { column, .. }
            | Self::Like { column, .. } => see(column),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(part) => part.visit(see),
        }
    }
}

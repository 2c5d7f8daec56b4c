//! A condition as a tree, and as the text that plans hold.

/// A condition over columns. Values are already written as SQL literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Compare {
        column: String,
        operator: &'static str,
        value: String,
    },
    In {
        column: String,
        values: Vec<String>,
        negated: bool,
    },
    Between {
        column: String,
        low: String,
        high: String,
        negated: bool,
    },
    Null {
        column: String,
        negated: bool,
    },
    Like {
        column: String,
        pattern: String,
        insensitive: bool,
        negated: bool,
    },
    /// A boolean column.
    Flag {
        column: String,
        negated: bool,
    },
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

impl Expression {
    pub(crate) fn and(parts: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::And(flat) }
    }

    pub(crate) fn or(parts: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::Or(flat) }
    }

    /// The rows for which it is not so.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Compare { column, operator, value } => {
                let operator = match operator {
                    "=" => "<>",
                    "<>" => "=",
                    "<" => ">=",
                    "<=" => ">",
                    ">" => "<=",
                    _ => "<",
                };
                Self::Compare { column, operator, value }
            }
            Self::In { column, values, negated } => Self::In { column, values, negated: !negated },
            Self::Between { column, low, high, negated } => Self::Between { column, low, high, negated: !negated },
            Self::Null { column, negated } => Self::Null { column, negated: !negated },
            Self::Like { column, pattern, insensitive, negated } => {
                Self::Like { column, pattern, insensitive, negated: !negated }
            }
            Self::Flag { column, negated } => Self::Flag { column, negated: !negated },
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Every column that it names, once.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |column| {
            if !found.iter().any(|seen| seen == column) {
                found.push(column.to_owned());
            }
        });
        found
    }

    fn visit(&self, see: &mut dyn FnMut(&str)) {
        match self {
            Self::Compare { column, .. }
            | Self::In { column, .. }
            | Self::Between { column, .. }
            | Self::Null { column, .. }
            | Self::Like { column, .. }
            | Self::Flag { column, .. } => see(column),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(inner) => inner.visit(see),
        }
    }

    /// The text of a plan's filter.
    pub(crate) fn text(&self) -> String {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::Compare { column, operator, value } => format!("{} {operator} {value}", identifier(column)),
            Self::In { column, values, negated } => {
                format!("{} {}IN ({})", identifier(column), not(negated), values.join(", "))
            }
            Self::Between { column, low, high, negated } => {
                format!("{} {}BETWEEN {low} AND {high}", identifier(column), not(negated))
            }
            Self::Null { column, negated } => format!("{} IS {}NULL", identifier(column), not(negated)),
            Self::Like { column, pattern, insensitive, negated } => {
                format!(
                    "{} {}{} {}",
                    identifier(column),
                    not(negated),
                    if *insensitive { "ILIKE" } else { "LIKE" },
                    literal(pattern)
                )
            }
            Self::Flag { column, negated } => {
                format!("{} = {}", identifier(column), if *negated { "false" } else { "true" })
            }
            Self::And(parts) => parts
                .iter()
                .map(|part| if matches!(part, Self::Or(_)) { format!("({})", part.text()) } else { part.text() })
                .collect::<Vec<_>>()
                .join(" AND "),
            Self::Or(parts) => parts
                .iter()
                .map(|part| if matches!(part, Self::And(_)) { format!("({})", part.text()) } else { part.text() })
                .collect::<Vec<_>>()
                .join(" OR "),
            Self::Not(inner) => format!("NOT ({})", inner.text()),
        }
    }
}

/// A text as an SQL literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column's name as SQL writes it: quoted where it is not a plain lower-case word.
#[expect(clippy::too_many_lines, reason = "one list of words")]
pub(crate) fn identifier(name: &str) -> String {
    const RESERVED: &[&str] = &[
        "all",
        "and",
        "any",
        "as",
        "asc",
        "between",
        "by",
        "case",
        "cast",
        "check",
        "column",
        "constraint",
        "create",
        "cross",
        "current_date",
        "current_time",
        "current_timestamp",
        "current_user",
        "default",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "false",
        "fetch",
        "for",
        "foreign",
        "from",
        "full",
        "grant",
        "group",
        "having",
        "in",
        "inner",
        "intersect",
        "interval",
        "into",
        "is",
        "join",
        "key",
        "leading",
        "left",
        "like",
        "limit",
        "natural",
        "not",
        "null",
        "offset",
        "on",
        "or",
        "order",
        "outer",
        "primary",
        "references",
        "right",
        "select",
        "set",
        "some",
        "table",
        "then",
        "to",
        "trailing",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "when",
        "where",
        "window",
        "with",
        "date",
        "time",
        "timestamp",
    ];
    let plain = name.chars().next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !RESERVED.contains(&name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Is(&'static str),
    In {
        negated: bool,
    },
    Between {
        negated: bool,
    },
    Null {
        negated: bool,
    },
    Like {
        negated: bool,
    },
    Contains {
        negated: bool,
    },
    StartsWith {
        negated: bool,
    },
    EndsWith {
        negated: bool,
    },
    /// `older than`, `newer than`: `<` or `>` before now.
    Age(&'static str),
}

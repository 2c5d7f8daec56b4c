//! Text of statements: names and constants that cannot be mistaken for anything else.

use std::fmt::Write as _;

use crate::connectors::{ConnectorError, ErrorKind};

/// A name in backticks.
pub(super) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `` `database`.`table` ``.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    format!("{}.{}", quote(namespace), quote(name))
}

/// A text constant. Backslashes mean themselves: every session sets `NO_BACKSLASH_ESCAPES`.
pub(super) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Bytes as a constant, which compares by bytes.
pub(super) fn bytes_literal(bytes: &[u8]) -> String {
    let mut literal = String::with_capacity(bytes.len() * 2 + 3);
    literal.push_str("x'");
    for byte in bytes {
        let _ = write!(literal, "{byte:02x}");
    }
    literal.push('\'');
    literal
}

/// A text column or expression as its bytes in UTF-8, which compare and sort alike everywhere.
pub(super) fn as_bytes(expression: &str) -> String {
    format!("cast(convert({expression} using utf8mb4) as binary)")
}

/// Names in backticks, with commas between.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

/// Longest identifier, in characters.
pub(super) const IDENTIFIER_LIMIT: usize = 64;

/// Checks a name against what the server takes.
pub(super) fn check_name(name: &str) -> Result<(), ConnectorError> {
    let fits = !name.is_empty()
        && name.chars().count() <= IDENTIFIER_LIMIT
        && !name.ends_with(' ')
        && name.chars().all(|letter| letter != '\0' && u32::from(letter) <= 0xffff);
    if fits {
        return Ok(());
    }
    Err(ConnectorError::new(
        ErrorKind::BadData,
        format!(
            "`{name}` cannot be a name in MySQL: 1 to {IDENTIFIER_LIMIT} characters, none of them NUL or beyond U+FFFF, no \
             space at its end."
        ),
    )
    .advise("Rename it in the plan."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_constants_stay_what_they_are() {
        assert_eq!(quote("a`b"), "`a``b`");
        assert_eq!(text_literal("it's \\"), "'it''s \\'");
        assert_eq!(bytes_literal(b"\0'"), "x'0027'");
        for name in ["", "a ", "nul\0", "🛶", &"x".repeat(65)] {
            assert_eq!(check_name(name).unwrap_err().kind, ErrorKind::BadData, "{name}");
        }
        assert!(check_name(&"ü".repeat(64)).is_ok());
    }
}

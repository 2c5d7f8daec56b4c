//! From the server's and the driver's words to our kinds and sentences. The words themselves stay in the private cause:
//! they can quote values.

use std::fmt::Write as _;

use tokio_postgres::error::SqlState;

use super::Config;
use crate::connectors::{ConnectorError, ErrorKind};

/// A failure while `doing` something: a clause without a full stop, such as ``Reading `public.orders` failed``.
pub(super) fn failure(doing: impl std::fmt::Display, error: tokio_postgres::Error) -> ConnectorError {
    let (kind, what) = match error.code() {
        Some(state) => of_state(state),
        None => of_driver(&error),
    };
    ConnectorError::new(kind, format!("{doing}: {what}.")).because(error)
}

/// A failure to sign in.
pub(super) fn connect_failure(config: &Config, error: tokio_postgres::Error) -> ConnectorError {
    let place = format!("PostgreSQL at `{}:{}`", config.host, config.port);
    let (kind, message) = match error.code() {
        Some(&SqlState::INVALID_PASSWORD) => {
            (ErrorKind::Auth, format!("{place} refused the password of user `{}`.", config.user))
        }
        Some(state) if state.code().starts_with("28") => {
            (ErrorKind::Auth, format!("{place} does not let user `{}` in.", config.user))
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => {
            (ErrorKind::NotFound, format!("{place} has no database `{}`.", config.database))
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let message = format!("User `{}` may not connect to database `{}`.", config.user, config.database);
            (ErrorKind::Permission, message)
        }
        Some(state) => {
            let (kind, what) = of_state(state);
            (kind, format!("{place} refused the connection: {what}."))
        }
        None => {
            let text = error.to_string();
            // The driver has no code for these; its own fixed words tell them apart.
            if text.starts_with("invalid configuration") || text.contains("password missing") {
                (ErrorKind::Auth, format!("{place} asks for a password, and the connection has none."))
            } else if text.starts_with("authentication") {
                (ErrorKind::Auth, format!("{place} and this program could not agree on how to sign in."))
            } else if text.contains("TLS") {
                (ErrorKind::Config, format!("{place} and this program could not agree on TLS."))
            } else {
                (ErrorKind::Unreachable, format!("{place} does not answer."))
            }
        }
    };
    let error = ConnectorError::new(kind, message).because(error);
    if kind == ErrorKind::Config { error.advise("Check `sslmode` and `ssl_root_cert`.") } else { error }
}

/// There is nobody to sign in to.
pub(super) fn no_answer(config: &Config, error: std::io::Error) -> ConnectorError {
    let message = format!("PostgreSQL at `{}:{}` does not answer.", config.host, config.port);
    ConnectorError::new(ErrorKind::Unreachable, message).because(error)
}

/// The connection ended where an answer was due.
pub(super) fn broke_off(doing: impl std::fmt::Display) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unreachable, format!("{doing}: the connection to PostgreSQL broke off."))
}

fn of_driver(error: &tokio_postgres::Error) -> (ErrorKind, &'static str) {
    if error.is_closed() || has_io_cause(error) {
        (ErrorKind::Unreachable, "the connection to PostgreSQL broke off")
    } else {
        (ErrorKind::Bug, "the server's answer was not understood")
    }
}

fn has_io_cause(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The kind and a clause for a SQLSTATE, by itself or by its class.
fn of_state(state: &SqlState) -> (ErrorKind, &'static str) {
    match state.code() {
        "28P01" | "28000" => (ErrorKind::Auth, "the server refused this user"),
        "42501" => (ErrorKind::Permission, "this user lacks a privilege for it"),
        "25006" => (ErrorKind::Permission, "the server or its session is read-only"),
        "3D000" => (ErrorKind::NotFound, "the database does not exist"),
        "3F000" => (ErrorKind::NotFound, "the schema does not exist"),
        "42P01" => (ErrorKind::NotFound, "the table does not exist"),
        "42703" => (ErrorKind::NotFound, "a column does not exist"),
        "42704" => (ErrorKind::BadData, "a type does not exist"),
        "42846" => (ErrorKind::BadData, "one type cannot be cast to the other"),
        "42804" => (ErrorKind::BadData, "a column has another type than its values"),
        "42883" => (ErrorKind::BadData, "a type lacks the operator that this needs"),
        "53100" => (ErrorKind::Exhausted, "the server's disk is full"),
        "53200" => (ErrorKind::Exhausted, "the server is out of memory"),
        "53300" => (ErrorKind::Throttled, "the server has no connection to spare"),
        "53400" | "54000" => (ErrorKind::Exhausted, "a limit of the server is exceeded"),
        "54011" => (ErrorKind::BadData, "the table would have more columns than PostgreSQL allows (1600)"),
        "55P03" => (ErrorKind::Throttled, "a lock was not free in time"),
        "57014" => (ErrorKind::Throttled, "it took too long and was stopped"),
        "57P01" | "57P02" => (ErrorKind::Unreachable, "the server ended the connection"),
        "57P03" => (ErrorKind::Unreachable, "the server is starting or stopping"),
        "40001" | "40P01" => (ErrorKind::Throttled, "it collided with another transaction"),
        "55000" => (ErrorKind::BadData, "an object is not in the state that this needs"),
        "2BP01" => (ErrorKind::Permission, "other objects depend on it"),
        "22P05" | "22021" => (ErrorKind::BadData, "a text does not fit the database's encoding"),
        "0A000" => (ErrorKind::Unsupported, "this server does not support it"),
        code => match code.get(..2).unwrap_or_default() {
            "08" => (ErrorKind::Unreachable, "the connection to PostgreSQL broke off"),
            "22" => (ErrorKind::BadData, "a value does not fit its type"),
            "23" => (ErrorKind::BadData, "a row breaks a constraint of the table"),
            "53" | "54" => (ErrorKind::Exhausted, "the server lacks room"),
            "58" | "XX" => (ErrorKind::Unreachable, "the server met a fault of its own"),
            _ => (ErrorKind::Bug, "the server refused the statement"),
        },
    }
}

/// Whether one row among many can be to blame, so that the others may be saved by writing it apart.
pub(super) fn blames_rows(error: &tokio_postgres::Error) -> bool {
    // 21000: one statement would touch a row twice, which happens when two keys differ only to us. 54000: a row or a key
    // exceeds what a page holds.
    error.code().is_some_and(|state| {
        let code = state.code();
        code.starts_with("22") || code.starts_with("23") || code == "21000" || code == "54000"
    })
}

/// The stable code and the sentence for a row that the server refused.
pub(super) fn row_refusal(error: &tokio_postgres::Error) -> (&'static str, String) {
    let (code, what) = match error.code().map(SqlState::code).unwrap_or_default() {
        "22003" => ("numeric_overflow", "a number does not fit its column"),
        "22001" => ("text_too_long", "a text is longer than its column allows"),
        "22021" | "22P05" => ("invalid_encoding", "a text does not fit the database's encoding"),
        "22007" | "22008" | "22009" => ("invalid_time", "a date or time is not one that PostgreSQL holds"),
        "22026" => ("wrong_length", "a bit string has another length than its column"),
        "54000" => ("row_too_big", "it is wider than a page of the table or of an index"),
        "23502" => ("missing_value", "a column that must have a value has none"),
        "23503" => ("broken_reference", "it refers to a row that does not exist"),
        "23505" => ("duplicate_key", "another row has the same unique key"),
        "23514" => ("constraint_broken", "it breaks a check of the table"),
        code if code.starts_with("23") => ("constraint_broken", "it breaks a constraint of the table"),
        _ => ("invalid_value", "a value does not fit the type of its column"),
    };
    let detail = error.as_db_error();
    let column = detail.and_then(|error| error.column().map(str::to_owned).or_else(|| copied_column(error.where_()?)));
    let constraint = detail.and_then(|error| error.constraint());
    let mut sentence = format!("The row was refused: {what}");
    if let Some(column) = column {
        let _ = write!(sentence, " (column `{column}`)");
    }
    if let Some(constraint) = constraint {
        let _ = write!(sentence, " (constraint `{constraint}`)");
    }
    sentence.push('.');
    (code, sentence)
}

/// The column in `COPY orders, line 3, column amount`; what may follow a colon is a value and is left out.
fn copied_column(context: &str) -> Option<String> {
    let rest = context.lines().next()?.split(", column ").nth(1)?;
    Some(rest.split(':').next().unwrap_or(rest).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_taken_from_the_copy_context_and_the_value_is_not() {
        assert_eq!(copied_column("COPY orders, line 3, column amount: \"12x\"").as_deref(), Some("amount"));
        assert_eq!(copied_column("COPY orders, line 3, column amount").as_deref(), Some("amount"));
        assert_eq!(copied_column("COPY orders, line 3"), None);
    }

    #[test]
    fn states_become_the_kinds_that_the_runner_reacts_to() {
        for (state, kind) in [
            ("28P01", ErrorKind::Auth),
            ("42501", ErrorKind::Permission),
            ("3D000", ErrorKind::NotFound),
            ("53100", ErrorKind::Exhausted),
            ("57P01", ErrorKind::Unreachable),
            ("08006", ErrorKind::Unreachable),
            ("40P01", ErrorKind::Throttled),
            ("22P02", ErrorKind::BadData),
            ("42601", ErrorKind::Bug),
        ] {
            assert_eq!(of_state(&SqlState::from_code(state)).0, kind, "{state}");
        }
    }
}

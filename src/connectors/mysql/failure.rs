//! From the server's and the driver's words to our kinds and sentences. The words themselves stay in the private cause:
//! they can quote values.

use mysql_async::{DriverError, Error, IoError};

use super::Config;
use crate::connectors::{ConnectorError, ErrorKind};

/// A failure while `doing` something: a clause without a full stop, such as ``Reading `shop.orders` failed``.
pub(super) fn failure(doing: impl std::fmt::Display, error: Error) -> ConnectorError {
    let (kind, what) = match &error {
        Error::Server(server) => of_code(server.code),
        other => of_driver(other),
    };
    let failed = ConnectorError::new(kind, format!("{doing}: {what}.")).because(error);
    match kind {
        ErrorKind::Exhausted if failed.message.contains("packet") => {
            failed.advise("Raise `max_allowed_packet` on the server, then retry from the last checkpoint.")
        }
        _ => failed,
    }
}

/// The code that the server gave.
pub(super) fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Server(server) => Some(server.code),
        _ => None,
    }
}

/// A failure to sign in.
pub(super) fn connect_failure(config: &Config, error: Error) -> ConnectorError {
    let place = format!("MySQL at `{}:{}`", config.host, config.port);
    let database = config.database.as_deref().unwrap_or_default();
    let (kind, message) = match &error {
        Error::Server(server) => match server.code {
            1045 | 1698 => (ErrorKind::Auth, format!("{place} does not let user `{}` in.", config.user)),
            1130 => (ErrorKind::Auth, format!("{place} takes no connection of user `{}` from here.", config.user)),
            1044 => (ErrorKind::Permission, format!("User `{}` may not use the database `{database}`.", config.user)),
            1049 => (ErrorKind::NotFound, format!("{place} has no database `{database}`.")),
            code => {
                let (kind, what) = of_code(code);
                (kind, format!("{place} refused the connection: {what}."))
            }
        },
        error if is_about_tls(error) => {
            (ErrorKind::Config, format!("{place} and this program could not agree on TLS."))
        }
        Error::Driver(DriverError::UnknownAuthPlugin { .. } | DriverError::MysqlOldPasswordDisabled) => {
            (ErrorKind::Auth, format!("{place} asks to be signed in to in a way that this program does not know."))
        }
        Error::Driver(DriverError::CleartextPluginDisabled) => {
            (ErrorKind::Auth, format!("{place} asks for the password in the clear, which needs `sslmode: require`."))
        }
        _ => (ErrorKind::Unreachable, format!("{place} does not answer.")),
    };
    let error = ConnectorError::new(kind, message).because(error);
    if kind == ErrorKind::Config { error.advise("Check `sslmode` and `ssl_root_cert`.") } else { error }
}

/// Whether the two ends could not agree on how to encrypt, or one does not trust the other.
fn is_about_tls(error: &Error) -> bool {
    match error {
        Error::Io(IoError::Tls(_)) | Error::Driver(DriverError::NoClientSslFlagFromServer) => true,
        Error::Io(IoError::Io(error)) => {
            error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()).is_some()
        }
        _ => false,
    }
}

/// The connection ended where an answer was due.
pub(super) fn broke_off(doing: impl std::fmt::Display) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unreachable, format!("{doing}: the connection to MySQL broke off."))
}

fn of_driver(error: &Error) -> (ErrorKind, &'static str) {
    match error {
        Error::Io(_)
        | Error::Driver(
            DriverError::ConnectionClosed | DriverError::PacketOutOfOrder | DriverError::PoolDisconnected,
        ) => (ErrorKind::Unreachable, "the connection to MySQL broke off"),
        Error::Driver(DriverError::PacketTooLarge) => {
            (ErrorKind::Exhausted, "a row is larger than `max_allowed_packet`")
        }
        _ => (ErrorKind::Bug, "the server's answer was not understood"),
    }
}

/// The kind and a clause for a server's error number.
fn of_code(code: u16) -> (ErrorKind, &'static str) {
    match code {
        1045 | 1698 | 1820 | 1862 | 3118 => (ErrorKind::Auth, "the server refused this user"),
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 => (ErrorKind::Permission, "this user lacks a privilege for it"),
        1290 | 1792 | 1836 => (ErrorKind::Permission, "the server or its session is read-only"),
        1049 => (ErrorKind::NotFound, "the database does not exist"),
        1146 | 1051 | 1109 | 1932 => (ErrorKind::NotFound, "the table does not exist"),
        1054 => (ErrorKind::NotFound, "a column does not exist"),
        1040 | 1203 | 1226 => (ErrorKind::Throttled, "the server has no connection to spare"),
        1205 => (ErrorKind::Throttled, "a lock was not free in time"),
        1213 | 1020 => (ErrorKind::Throttled, "it collided with another transaction"),
        1317 | 1969 | 3024 => (ErrorKind::Throttled, "it took too long and was stopped"),
        1412 => (ErrorKind::Throttled, "the table was altered while it was read"),
        1053 | 1077 | 1079 => (ErrorKind::Unreachable, "the server is stopping"),
        1158..=1161 | 1927 | 3169 | 4031 => (ErrorKind::Unreachable, "the connection to MySQL broke off"),
        1021 | 1114 | 3675 => (ErrorKind::Exhausted, "the server's disk or the table is full"),
        1037 | 1038 | 1041 => (ErrorKind::Exhausted, "the server is out of memory"),
        1153 | 1301 => (ErrorKind::Exhausted, "a row is larger than `max_allowed_packet`"),
        1197 | 1206 | 1534 => (ErrorKind::Exhausted, "the transaction is larger than the server allows"),
        1113 | 1117 => (ErrorKind::BadData, "the table would have no columns, or more than MySQL allows (1017)"),
        1118 => (ErrorKind::BadData, "the columns are wider together than a row of MySQL may be"),
        1074 => (ErrorKind::BadData, "a column is longer than MySQL allows"),
        1071 => (ErrorKind::BadData, "the key is longer than an index of MySQL holds (3072 bytes)"),
        1170 => (ErrorKind::BadData, "a column is too long to be a key"),
        1425..=1427 => (ErrorKind::BadData, "a number has more digits than MySQL holds"),
        1060 => (ErrorKind::BadData, "two columns have names that MySQL does not tell apart"),
        1347 | 1288 | 1471 => (ErrorKind::BadData, "it is a view that cannot be written to"),
        1451 | 1217 | 1834 => (ErrorKind::Permission, "rows of other tables refer to it"),
        1235 => (ErrorKind::Unsupported, "this server does not support it"),
        1366 | 1300 | 1267 | 1271 => (ErrorKind::BadData, "a text does not fit the column's character set"),
        code if blames_row(code) => (ErrorKind::BadData, "a row does not fit the table"),
        1030 | 1105 | 1180 | 1296 => (ErrorKind::Unreachable, "the server met a fault of its own"),
        _ => (ErrorKind::Bug, "the server refused the statement"),
    }
}

/// Whether one row among many can be to blame, so that the others may be saved by writing it apart.
pub(super) fn blames_rows(error: &Error) -> bool {
    matches!(error, Error::Driver(DriverError::PacketTooLarge)) || code(error).is_some_and(blames_row)
}

fn blames_row(code: u16) -> bool {
    matches!(
        code,
        1048 | 1062
            | 1118
            | 1153
            | 1169
            | 1216
            | 1264
            | 1265
            | 1292
            | 1300
            | 1301
            | 1364
            | 1366
            | 1367
            | 1406
            | 1411
            | 1416
            | 1452
            | 1525
            | 1526
            | 1557
            | 1586
            | 1690
            | 1748
            | 1761
            | 1762
            | 3037
            | 3140
            | 3141
            | 3819
            | 4025
    )
}

/// The stable code and the sentence for a row that the server refused.
pub(super) fn row_refusal(error: &Error) -> (&'static str, String) {
    let (stable, what) = match code(error) {
        Some(1264 | 1690 | 1367) => ("numeric_overflow", "a number does not fit its column"),
        Some(1406) => ("text_too_long", "a value is longer than its column allows"),
        Some(1366 | 1300) => ("invalid_encoding", "a value does not fit the character set or the type of its column"),
        Some(1292 | 1411 | 1525) => ("invalid_time", "a date, time or number is not one that MySQL holds"),
        Some(1265) => ("invalid_value", "a value is not among those that its column allows"),
        Some(1048 | 1364) => ("missing_value", "a column that must have a value has none"),
        Some(1062 | 1169 | 1557 | 1586) => ("duplicate_key", "another row has the same unique key"),
        Some(1452 | 1216) => ("broken_reference", "it refers to a row that does not exist"),
        Some(3819 | 4025 | 3140 | 3141) => ("constraint_broken", "it breaks a check of the table"),
        Some(1118 | 1153 | 1301) | None => ("row_too_big", "it is larger than a row of the table or a packet may be"),
        Some(1526 | 1748) => ("no_partition", "the table has no partition for it"),
        Some(_) => ("invalid_value", "a value does not fit the type of its column"),
    };
    let column = match error {
        Error::Server(server) => named_column(&server.message),
        _ => None,
    };
    let place = column.map(|column| format!(" (column `{column}`)")).unwrap_or_default();
    (stable, format!("The row was refused: {what}{place}."))
}

/// The column in `Data too long for column 'name' at row 1` and `Column 'name' cannot be null`. Values, which messages hold as
/// well, are left out.
fn named_column(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("olumn '").or_else(|| message.split_once("olumn `"))?;
    let (name, _) = rest.split_once("' at row").or_else(|| rest.split_once("' cannot")).or_else(|| {
        // `db`.`table`.`column` at row 1
        rest.split_once("` at row")
    })?;
    Some(name.rsplit("`.`").next().unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_told_and_the_value_is_not() {
        assert_eq!(named_column("Data too long for column 'a b' at row 1").as_deref(), Some("a b"));
        assert_eq!(named_column("Column 'x' cannot be null").as_deref(), Some("x"));
        let quoted = "Incorrect integer value: 's3cret' for column `db`.`t`.`n` at row 1";
        assert_eq!(named_column(quoted).as_deref(), Some("n"));
        assert_eq!(named_column("Duplicate entry 's3cret' for key 'PRIMARY'"), None);
    }

    #[test]
    fn numbers_become_the_kinds_that_the_runner_reacts_to() {
        for (code, kind) in [
            (1045, ErrorKind::Auth),
            (1142, ErrorKind::Permission),
            (1049, ErrorKind::NotFound),
            (1205, ErrorKind::Throttled),
            (1213, ErrorKind::Throttled),
            (1114, ErrorKind::Exhausted),
            (1153, ErrorKind::Exhausted),
            (1927, ErrorKind::Unreachable),
            (1406, ErrorKind::BadData),
            (1064, ErrorKind::Bug),
        ] {
            assert_eq!(of_code(code).0, kind, "{code}");
        }
    }
}

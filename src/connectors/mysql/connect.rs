//! Signing in, and a session whose settings make values mean what the decoders take them to mean.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{BinaryProtocol, Conn, Error, OptsBuilder, Params, QueryResult, Value};

use super::failure::{connect_failure, failure};
use super::watch::Watch;
use super::{Config, SslMode, tls};
use crate::connectors::{ConnectorError, ErrorKind};
use crate::tasks;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Short questions, each with a time limit.
    Probe,
    Read,
    Write,
}

/// Seconds that one question of a probe may take.
pub(super) const PROBE_SECONDS: u32 = 20;

/// A row can be as large as this, whatever the server takes in the other direction.
const LARGEST_PACKET: usize = 1 << 30;

/// Names nothing that a server of either family and of these ten years does not know.
const SETTINGS: &str = "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
     ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES', \
     time_zone = '+00:00', autocommit = 1, sql_select_limit = 18446744073709551615, sql_safe_updates = 0, \
     sql_auto_is_null = 0, net_write_timeout = 3600, net_read_timeout = 60, wait_timeout = 28800";

/// What only some servers know; no matter where it is refused. `innodb_strict_mode` refuses to make a table of many texts,
/// whose rows would fit all the same.
const FURTHER_SETTINGS: [&str; 6] = [
    "set session innodb_strict_mode = off",
    "set session explicit_defaults_for_timestamp = on",
    "set session information_schema_stats_expiry = 0",
    "set session idle_transaction_timeout = 0",
    "set session idle_readonly_transaction_timeout = 0",
    "set session idle_write_transaction_timeout = 0",
];

/// What kind of server it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    pub(super) maria: bool,
    /// `10.11.19`.
    pub(super) version: String,
    /// Names of tables are told apart by case.
    pub(super) case_sensitive: bool,
    /// Files may be sent to it.
    pub(super) takes_files: bool,
    pub(super) largest_packet: usize,
}

impl Server {
    pub(super) fn family(&self) -> &'static str {
        if self.maria { "MariaDB" } else { "MySQL" }
    }

    /// A collation of utf8mb4 that compares by bytes, and trailing spaces too where the server has such a one.
    pub(super) fn collation(&self) -> &'static str {
        let major: u32 = self.version.split('.').next().and_then(|part| part.parse().ok()).unwrap_or_default();
        match (self.maria, major) {
            (true, 10..) => "utf8mb4_nopad_bin",
            (false, 8..) => "utf8mb4_0900_bin",
            _ => "utf8mb4_bin",
        }
    }
}

/// A connection with the settings that values are read and written under.
pub(super) struct Session {
    conn: Conn,
    pub(super) watch: Watch,
    pub(super) server: Server,
    /// The server is at work for it; when it is dropped meanwhile, that work is ended.
    busy: bool,
}

type Answer<T> = Result<T, Error>;

impl Session {
    pub(super) async fn open(config: &Config, purpose: Purpose) -> Result<Self, ConnectorError> {
        let conn = sign_in(config).await?;
        let config = Arc::new(config.clone());
        let watch = Watch { config, id: u64::from(conn.id()) };
        let mut session = Self { conn, watch, server: Server::default(), busy: false };
        session.prepare_session(purpose).await.map_err(|error| failure("The session could not be set up", error))?;
        Ok(session)
    }

    async fn prepare_session(&mut self, purpose: Purpose) -> Answer<()> {
        self.run("set names utf8mb4").await?;
        self.run(SETTINGS).await?;
        let question =
            "select version(), connection_id(), @@lower_case_table_names, @@local_infile, @@max_allowed_packet";
        let told: Option<(String, u64, u8, u8, u64)> = self.first(question, ()).await?;
        if let Some((version, id, folding, takes_files, largest)) = told {
            self.watch.id = id;
            self.server = Server {
                maria: version.contains("MariaDB"),
                version: version.split('-').next().unwrap_or_default().to_owned(),
                case_sensitive: folding == 0,
                takes_files: takes_files != 0,
                largest_packet: usize::try_from(largest).unwrap_or(usize::MAX),
            };
        }
        for setting in FURTHER_SETTINGS {
            self.run_if_known(setting).await?;
        }
        match purpose {
            Purpose::Probe => {
                self.run("set session lock_wait_timeout = 5").await?;
                self.run("set session transaction read only").await?;
                self.limit_statements(PROBE_SECONDS).await
            }
            Purpose::Read => {
                self.run("set session transaction isolation level repeatable read, read only").await?;
                self.limit_statements(0).await
            }
            Purpose::Write => {
                self.run("set session transaction isolation level read committed, read write").await?;
                self.run("set session lock_wait_timeout = 60").await?;
                self.limit_statements(0).await
            }
        }
    }

    async fn run_if_known(&mut self, sql: &str) -> Answer<()> {
        match self.run(sql).await {
            Ok(()) | Err(Error::Server(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Bounds each following statement that reads; 0 for no bound.
    pub(super) async fn limit_statements(&mut self, seconds: u32) -> Answer<()> {
        let setting = if self.server.maria {
            format!("set session max_statement_time = {seconds}")
        } else {
            format!("set session max_execution_time = {}", u64::from(seconds) * 1000)
        };
        self.run_if_known(&setting).await
    }

    /// Runs a statement that answers no rows.
    pub(super) async fn run(&mut self, sql: &str) -> Answer<()> {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        let done = watch.over(conn.query_drop(sql)).await?;
        *busy = false;
        done
    }

    /// Runs a statement that answers no rows. Answers how many it touched.
    pub(super) async fn execute(&mut self, sql: &str, parameters: Vec<Value>) -> Answer<u64> {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        let parameters = if parameters.is_empty() { Params::Empty } else { Params::Positional(parameters) };
        let done = watch.over(conn.exec_drop(sql, parameters)).await?;
        *busy = false;
        done.map(|()| self.conn.affected_rows())
    }

    pub(super) async fn rows<T, P>(&mut self, sql: &str, parameters: P) -> Answer<Vec<T>>
    where
        T: FromRow + Send + 'static,
        P: Into<Params> + Send,
    {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        let done = watch.over(conn.exec(sql, parameters)).await?;
        *busy = false;
        done
    }

    pub(super) async fn first<T, P>(&mut self, sql: &str, parameters: P) -> Answer<Option<T>>
    where
        T: FromRow + Send + 'static,
        P: Into<Params> + Send,
    {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        let done = watch.over(conn.exec_first(sql, parameters)).await?;
        *busy = false;
        done
    }

    /// Begins to read rows, as they come.
    pub(super) async fn stream(&mut self, sql: &str) -> Answer<Rows<'_>> {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        let result = watch.over(conn.exec_iter(sql.to_owned(), ())).await??;
        Ok(Rows { result, watch, busy })
    }

    /// As [`Session::rows`], in a way that leaves the last statement's warnings to be asked for.
    pub(super) async fn plain_rows<T>(&mut self, sql: &str) -> Answer<Vec<T>>
    where
        T: FromRow + Send + 'static,
    {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        let done = watch.over(conn.query(sql)).await?;
        *busy = false;
        done
    }

    /// Warnings that the last statement left.
    pub(super) fn warnings(&self) -> u16 {
        self.conn.get_warnings()
    }

    /// Runs a `LOAD DATA LOCAL INFILE` whose file is this. Answers how many rows it brought, and how many warnings.
    pub(super) async fn load(
        &mut self,
        sql: &str,
        file: impl FnOnce() -> mysql_async::InfileData + Send + Sync + 'static,
    ) -> Answer<(u64, u16)> {
        let Self { conn, watch, busy, .. } = self;
        *busy = true;
        conn.set_infile_handler(async move { Ok(file()) });
        let done = watch.over(conn.query_drop(sql)).await?;
        *busy = false;
        done.map(|()| (self.conn.affected_rows(), self.conn.get_warnings()))
    }
}

/// Rows on their way.
pub(super) struct Rows<'a> {
    result: QueryResult<'a, 'static, BinaryProtocol>,
    watch: &'a Watch,
    busy: &'a mut bool,
}

impl Rows<'_> {
    /// The next row; `None` when the server has said that it is done.
    pub(super) async fn next(&mut self) -> Answer<Option<Vec<Value>>> {
        let row = self.watch.over(self.result.next()).await??;
        if row.is_none() {
            *self.busy = false;
        }
        Ok(row.map(mysql_async::Row::unwrap))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without it, a server that sorts or scans notices a closed socket only when it next sends a row.
        if self.busy && tokio::runtime::Handle::try_current().is_ok() {
            let watch = self.watch.clone();
            tasks::spawn("mysql_kill", async move { watch.dismiss().await });
        }
    }
}

/// Opens a connection as the server has it, within the time that the settings give.
pub(super) async fn sign_in(config: &Config) -> Result<Conn, ConnectorError> {
    let limit = Duration::from_secs(u64::from(config.connect_timeout.max(1)));
    let connected = tokio::time::timeout(limit, connect(config)).await;
    connected.map_err(|_| {
        let message =
            format!("MySQL at `{}:{}` did not answer within {} s.", config.host, config.port, limit.as_secs());
        ConnectorError::new(ErrorKind::Unreachable, message)
    })?
}

async fn connect(config: &Config) -> Result<Conn, ConnectorError> {
    let options = OptsBuilder::default()
        .ip_or_hostname(config.host.clone())
        .tcp_port(config.port)
        .user(Some(config.user.clone()))
        .pass(config.password.as_ref().map(|password| password.expose().to_owned()))
        .db_name(config.database.clone())
        .prefer_socket(Some(false))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(15)))
        .client_found_rows(false)
        .max_allowed_packet(Some(LARGEST_PACKET))
        .wait_timeout(Some(28_800))
        .stmt_cache_size(Some(64));
    if config.sslmode == SslMode::Disable {
        return Conn::new(options).await.map_err(|error| connect_failure(config, error));
    }
    let encrypted = options.clone().enable_cleartext_plugin(true).ssl_opts(Some(tls::options(config)?));
    match Conn::new(encrypted).await {
        Err(Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer))
            if config.sslmode == SslMode::Prefer =>
        {
            Conn::new(options).await.map_err(|error| connect_failure(config, error))
        }
        connected => connected.map_err(|error| connect_failure(config, error)),
    }
}

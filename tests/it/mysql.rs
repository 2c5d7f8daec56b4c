//! The MySQL connector against a real MariaDB. Each test has a database of its own. The server lives in an odd zone, cuts
//! values in silence and speaks latin1 where a session does not ask for something else.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod contract;
mod reading;
mod roundtrip;
mod signing_in;
mod types;
mod writing;

use std::sync::Arc;

use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, OptsBuilder};
use serde_json::{Value, json};
use towpath::connectors::mysql::MySql;
use towpath::connectors::{Destination, DynConnector, Source, TargetName, WriteMode, WriteRequest};

use crate::server::mysql_url;

/// A database that goes when the test does.
pub(crate) struct Database {
    pub(crate) name: String,
    host: String,
    port: u16,
    user: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let url: url::Url = mysql_url().parse().unwrap();
        let database = Self {
            name: format!("towpath_test_{}", uuid::Uuid::now_v7().simple()),
            host: url.host_str().unwrap().to_owned(),
            port: url.port().unwrap(),
            user: url.username().to_owned(),
        };
        let make = format!("create database {} character set utf8mb4", database.name);
        database.connect(None).await.query_drop(make).await.unwrap();
        database
    }

    async fn connect(&self, name: Option<&str>) -> Conn {
        let options = OptsBuilder::default()
            .ip_or_hostname(&self.host)
            .tcp_port(self.port)
            .user(Some(&self.user))
            .prefer_socket(false)
            .db_name(name);
        let mut conn = Conn::new(options).await.unwrap();
        // Texts of tests are meant for any system.
        let setting = "set session sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES', time_zone = '+00:00'";
        conn.query_drop(setting).await.unwrap();
        conn.query_drop("set names utf8mb4").await.unwrap();
        conn
    }

    pub(crate) async fn client(&self) -> Conn {
        self.connect(Some(&self.name)).await
    }

    /// Runs statements in it.
    pub(crate) async fn run(&self, sql: &str) {
        let mut client = self.client().await;
        client.query_drop(sql).await.unwrap();
        client.disconnect().await.unwrap();
    }

    pub(crate) async fn rows<T: FromRow + Send + 'static>(&self, sql: &str) -> Vec<T> {
        let mut client = self.client().await;
        let rows = client.query(sql).await.unwrap();
        client.disconnect().await.unwrap();
        rows
    }

    /// The only value that a query answers, as text.
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.rows::<Option<String>>(&format!("select cast(({sql}) as char)")).await.remove(0).unwrap_or_default()
    }

    /// The settings of a connection to it.
    pub(crate) fn config(&self) -> Value {
        self.config_at(&self.host, self.port)
    }

    pub(crate) fn config_at(&self, host: &str, port: u16) -> Value {
        json!({"host": host, "port": port, "database": self.name, "user": self.user, "sslmode": "disable"})
    }

    pub(crate) fn address(&self) -> (String, u16) {
        (self.host.clone(), self.port)
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        source(self.config())
    }

    pub(crate) fn destination(&self) -> Arc<dyn Destination> {
        destination(self.config())
    }

    pub(crate) fn stream(&self, table: &str) -> String {
        format!("{}.{table}", self.name)
    }

    pub(crate) fn target(&self, name: &str) -> TargetName {
        TargetName { namespace: Some(self.name.clone()), name: name.to_owned() }
    }

    fn write_request(
        &self,
        name: &str,
        columns: Vec<towpath::connectors::TargetColumn>,
        mode: WriteMode,
        run: &str,
    ) -> WriteRequest {
        WriteRequest { target: self.target(name), ..crate::postgres::write_request(name, columns, mode, run) }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, host, port, user) = (self.name.clone(), self.host.clone(), self.port, self.user.clone());
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let database = std::mem::ManuallyDrop::new(Self { name: name.clone(), host, port, user });
                let mut client = database.connect(None).await;
                // Sessions that nobody closed yet would be waited for.
                let left = format!("select id from information_schema.processlist where db = '{name}'");
                for id in client.query::<u64, _>(left).await? {
                    let _ = client.query_drop(format!("kill {id}")).await;
                }
                client.query_drop(format!("drop database if exists {name}")).await
            })
        })
        .join();
        if !std::thread::panicking() {
            gone.unwrap().unwrap();
        }
    }
}

pub(crate) fn source(config: Value) -> Arc<dyn Source> {
    DynConnector::source(&MySql, config).unwrap()
}

pub(crate) fn destination(config: Value) -> Arc<dyn Destination> {
    DynConnector::destination(&MySql, config).unwrap()
}

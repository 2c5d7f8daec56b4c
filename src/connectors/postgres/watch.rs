//! Wires on which nothing moves. A connection that some box on the way holds open, or whose answer was lost, gives no
//! error: it would be waited for without end. Silence by itself proves nothing, since a server that sorts is silent too.
//! So after a while of it a second connection asks the server what the first one's process is doing.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement, ToStatement};

use super::connect::{Purpose, Session};
use crate::connectors::ErrorKind;

/// How often in a row the server must say that it waits for us while we wait for it: the first time, an answer may be on
/// its way.
const TIMES: u32 = 2;

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];
type Answer<T> = Result<T, tokio_postgres::Error>;

/// The driver's questions, each watched.
impl Session {
    pub(super) async fn batch_execute(&self, sql: &str) -> Answer<()> {
        self.watched(self.client().batch_execute(sql)).await
    }

    pub(super) async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Answer<u64> {
        self.watched(self.client().execute(sql, parameters)).await
    }

    pub(super) async fn query<T: ?Sized + ToStatement>(&self, sql: &T, parameters: Parameters<'_>) -> Answer<Vec<Row>> {
        self.watched(self.client().query(sql, parameters)).await
    }

    pub(super) async fn query_one<T: ?Sized + ToStatement>(&self, sql: &T, parameters: Parameters<'_>) -> Answer<Row> {
        self.watched(self.client().query_one(sql, parameters)).await
    }

    pub(super) async fn query_opt<T: ?Sized + ToStatement>(
        &self,
        sql: &T,
        parameters: Parameters<'_>,
    ) -> Answer<Option<Row>> {
        self.watched(self.client().query_opt(sql, parameters)).await
    }

    pub(super) async fn prepare(&self, sql: &str) -> Answer<Statement> {
        self.watched(self.client().prepare(sql)).await
    }

    /// Sends pieces of a COPY. Answers how many rows the server took.
    pub(super) async fn copy_in(&self, sql: &str, pieces: impl IntoIterator<Item = Bytes>) -> Answer<u64> {
        let mut sink = pin!(self.watched(self.client().copy_in::<_, Bytes>(sql)).await?);
        for piece in pieces {
            self.watched(sink.feed(piece)).await?;
        }
        self.watched(sink.finish()).await
    }

    /// Waits for an answer of the server. When the wire turns out to be dead the connection is given up, and the work
    /// ends with the driver's error for one that was closed.
    pub(super) async fn watched<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        // Most answers are there at once, and a timer for each row would cost more than the row.
        if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return done;
        }
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = self.silence() => {}
        }
        self.give_up();
        work.await
    }

    /// Ends when the wire is known to be dead.
    async fn silence(&self) {
        let patience = Duration::from_secs(u64::from(self.config.silence_timeout.max(1)));
        let mut times = 0;
        tokio::time::sleep(patience).await;
        loop {
            times = if self.is_waited_for().await { times + 1 } else { 0 };
            if times >= TIMES {
                return self.dismiss().await;
            }
            tokio::time::sleep(patience / 3).await;
        }
    }

    /// Ends the process at the other end, which would keep its locks until it hears that the wire is dead. No matter if that
    /// fails.
    async fn dismiss(&self) {
        let patience = Duration::from_secs(u64::from(self.config.connect_timeout.max(1)));
        let ended = async {
            let probe = Self::open(&self.config, Purpose::Probe).await.ok()?;
            probe.client().execute("select pg_terminate_backend($1)", &[&self.process]).await.ok()
        };
        let _ = tokio::time::timeout(patience, ended).await;
    }

    /// Whether the process at the other end waits for us, or is gone; the same of a server that does not answer at all.
    async fn is_waited_for(&self) -> bool {
        let probe = match Self::open(&self.config, Purpose::Probe).await {
            Ok(probe) => probe,
            Err(error) => return error.kind == ErrorKind::Unreachable,
        };
        let question = "select coalesce(state <> 'active' or wait_event_type = 'Client', false) from pg_stat_activity \
             where pid = $1 and backend_type = 'client backend'";
        let parameters: Parameters<'_> = &[&self.process];
        let asked = probe.client().query_opt(question, parameters);
        let patience = Duration::from_secs(u64::from(self.config.connect_timeout.max(1)));
        match tokio::time::timeout(patience, asked).await {
            Ok(Ok(Some(row))) => row.get(0),
            Ok(Ok(None)) | Err(_) => true,
            Ok(Err(error)) => error.is_closed(),
        }
    }
}

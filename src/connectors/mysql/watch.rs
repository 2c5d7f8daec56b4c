//! Wires on which nothing moves. A connection that some box on the way holds open, or whose answer was lost, gives no
//! error: it would be waited for without end. Silence by itself proves nothing, since a server that sorts is silent too.
//! So after a while of it a second connection asks the server what the first one's thread is doing.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error};

use super::Config;
use super::connect::sign_in;
use crate::connectors::ErrorKind;

/// How often in a row the server must say that it waits for us while we wait for it: the first time, an answer may be on
/// its way.
const TIMES: u32 = 2;

/// One connection, as the server knows it.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) config: Arc<Config>,
    /// `connection_id()`.
    pub(super) id: u64,
}

impl Watch {
    /// Waits for an answer of the server. An error when the wire turns out to be dead.
    pub(super) async fn over<F: Future>(&self, work: F) -> Result<F::Output, Error> {
        let mut work = pin!(work);
        // Most answers are there at once, and a timer for each row would cost more than the row.
        if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return Ok(done);
        }
        tokio::select! {
            biased;
            done = &mut work => Ok(done),
            () = self.silence() => Err(Error::from(io::Error::new(io::ErrorKind::TimedOut, "nothing moves on the wire"))),
        }
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

    /// Ends the thread at the other end, which would keep its locks until it hears that the wire is dead. No matter if that
    /// fails.
    pub(super) async fn dismiss(&self) {
        let patience = Duration::from_secs(u64::from(self.config.connect_timeout.max(1)));
        let ended = async {
            let mut probe = sign_in(&self.config).await.ok()?;
            probe.query_drop(format!("kill {}", self.id)).await.ok()?;
            probe.disconnect().await.ok()
        };
        let _ = tokio::time::timeout(patience, ended).await;
    }

    /// Whether the thread at the other end waits for us, or is gone; the same of a server that does not answer at all.
    async fn is_waited_for(&self) -> bool {
        let mut probe = match sign_in(&self.config).await {
            Ok(probe) => probe,
            Err(error) => return error.kind == ErrorKind::Unreachable,
        };
        let patience = Duration::from_secs(u64::from(self.config.connect_timeout.max(1)));
        match tokio::time::timeout(patience, self.doing(&mut probe)).await {
            Ok(Ok(Some((command, state)))) => {
                let state = state.unwrap_or_default().to_ascii_lowercase();
                command == "Sleep"
                    || ["writing to net", "reading from net", "to client"].iter().any(|word| state.contains(word))
            }
            Ok(Ok(None)) | Err(_) => true,
            Ok(Err(error)) => !matches!(error, Error::Server(_)),
        }
    }

    async fn doing(&self, probe: &mut Conn) -> Result<Option<(String, Option<String>)>, Error> {
        let question = "select command, state from information_schema.processlist where id = ?";
        probe.exec_first(question, (self.id,)).await
    }
}

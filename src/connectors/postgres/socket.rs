//! Sockets to a server: TCP that notices when the other end is gone, or a Unix socket.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::Config;
use super::failure::no_answer;
use crate::connectors::ConnectorError;

/// Quiet time before the other end is asked whether it is there, between questions, and how many go unanswered.
const IDLE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_secs(10);
const QUESTIONS: u32 = 3;
/// How long sent bytes may go unconfirmed.
const UNCONFIRMED: Duration = Duration::from_mins(1);

pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Connects; a name with several addresses is tried at each.
pub(super) async fn connect(config: &Config, limit: Duration) -> Result<Socket, ConnectorError> {
    let connecting = async {
        if config.host.starts_with('/') {
            let path = Path::new(&config.host).join(format!(".s.PGSQL.{}", config.port));
            return Ok(Socket::Unix(UnixStream::connect(path).await?));
        }
        let stream = TcpStream::connect((config.host.as_str(), config.port)).await?;
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        let alive = TcpKeepalive::new().with_time(IDLE).with_interval(BETWEEN).with_retries(QUESTIONS);
        socket.set_tcp_keepalive(&alive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(UNCONFIRMED))?;
        Ok(Socket::Tcp(stream))
    };
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let connected = tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(late()));
    connected.map_err(|error| no_answer(config, error))
}

macro_rules! either {
    ($self:ident, $stream:ident => $work:expr) => {
        match &mut *$self {
            Socket::Tcp($stream) => $work,
            Socket::Unix($stream) => $work,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, out))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

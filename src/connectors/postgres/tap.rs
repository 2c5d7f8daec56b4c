//! A stream between the socket and the driver that takes the data of a COPY out of the conversation. The server sends each row
//! as a message of its own, and the driver would hand each on by itself; here all that have come are one chunk.
//!
//! Frontend/backend protocol 3: a message is a letter, a length of four bytes that counts itself, and the rest. Before the
//! first of them stands, when TLS was asked for, one byte: `S` or `N`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::PollSender;

/// Bytes asked of the socket at once.
const READ: usize = 256 * 1024;
/// Letter and length.
const HEAD: usize = 5;

/// Where the data of the next COPY goes; shared by a session and its streams.
#[derive(Debug, Default)]
pub(super) struct Tap {
    to: Mutex<Option<mpsc::Sender<Bytes>>>,
}

impl Tap {
    /// The data of the next COPY comes here. It ends when the COPY ends, well or not.
    pub(super) fn open(&self) -> mpsc::Receiver<Bytes> {
        let (to, data) = mpsc::channel(2);
        *self.slot() = Some(to);
        data
    }

    pub(super) fn close(&self) {
        *self.slot() = None;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Bytes>>> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the bytes that come are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    /// First the answer whether there will be TLS.
    Answer,
    Messages,
    /// Not for us: another stream like this one stands above the encryption.
    Encrypted,
}

/// The stream. Dropping it closes the tap.
pub(super) struct Tapped<S> {
    inner: S,
    tap: Arc<Tap>,
    speech: Speech,
    incoming: BytesMut,
    /// Bytes of the message at hand that go on as they are.
    passing: usize,
    /// Open while data of a COPY comes.
    sender: Option<PollSender<Bytes>>,
    chunk: Option<Bytes>,
}

impl<S> Tapped<S> {
    /// `asks`: TLS will be asked for first.
    pub(super) fn new(inner: S, tap: Arc<Tap>, asks: bool) -> Self {
        let speech = if asks { Speech::Answer } else { Speech::Messages };
        Self { inner, tap, speech, incoming: BytesMut::new(), passing: 0, sender: None, chunk: None }
    }

    /// Decides what becomes of the bytes that are there. Says whether more are needed first.
    fn sort(&mut self) -> bool {
        match self.speech {
            Speech::Answer => match self.incoming.first() {
                Some(answer) => {
                    self.speech = if *answer == b'S' { Speech::Encrypted } else { Speech::Messages };
                    self.passing = 1;
                    false
                }
                None => true,
            },
            Speech::Encrypted => {
                self.passing = self.incoming.len();
                self.passing == 0
            }
            Speech::Messages => self.message(),
        }
    }

    fn message(&mut self) -> bool {
        let Some((letter, length)) = head(&self.incoming) else { return true };
        match letter {
            b'd' => {
                if self.sender.is_none() {
                    self.sender = self.tap.slot().take().map(PollSender::new);
                }
                if self.sender.is_some() {
                    self.chunk = self.data();
                    let short = self.chunk.is_none();
                    if short {
                        self.incoming.reserve((length + 1).saturating_sub(self.incoming.len()));
                    }
                    return short;
                }
            }
            // Notices, settings and notifications may come at any time.
            b'N' | b'S' | b'A' => {}
            // A COPY that ends or never begins.
            b'c' | b'E' => {
                self.sender = None;
                self.tap.close();
            }
            _ => {}
        }
        self.passing = length + 1;
        false
    }

    /// The contents of all whole data messages at the beginning of what is there.
    fn data(&mut self) -> Option<Bytes> {
        let (mut read, mut write) = (0, 0);
        while let Some((b'd', length)) = self.incoming.get(read..).and_then(head) {
            let end = read + 1 + length;
            if end > self.incoming.len() {
                break;
            }
            self.incoming.copy_within(read + HEAD..end, write);
            write += end - read - HEAD;
            read = end;
        }
        (read > 0).then(|| {
            let mut whole = self.incoming.split_to(read);
            whole.truncate(write);
            whole.freeze()
        })
    }
}

/// Letter and length, which counts itself, of the message that the bytes begin with.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let (letter, rest) = bytes.split_first()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    // A length that makes no sense goes on to the driver, which says so.
    Some((*letter, usize::try_from(i32::from_be_bytes(*length)).ok().filter(|length| *length >= 4).unwrap_or(4)))
}

impl<S> Drop for Tapped<S> {
    fn drop(&mut self) {
        self.tap.close();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if let Some(chunk) = this.chunk.take() {
                let Some(sender) = &mut this.sender else { continue };
                match sender.poll_reserve(cx) {
                    Poll::Ready(Ok(())) => {
                        // Nobody listening any more is no fault of the connection.
                        let _ = sender.send_item(chunk);
                    }
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => {
                        this.chunk = Some(chunk);
                        return Poll::Pending;
                    }
                }
                continue;
            }
            if this.passing > 0 && !this.incoming.is_empty() {
                let count = this.passing.min(this.incoming.len()).min(out.remaining());
                out.put_slice(this.incoming.get(..count).unwrap_or_default());
                this.incoming.advance(count);
                this.passing -= count;
                return Poll::Ready(Ok(()));
            }
            if this.passing == 0 && !this.sort() {
                continue;
            }
            if this.speech == Speech::Encrypted && this.incoming.is_empty() {
                return Pin::new(&mut this.inner).poll_read(cx, out);
            }
            if this.incoming.capacity() - this.incoming.len() < READ / 4 {
                this.incoming.reserve(READ);
            }
            if ready!(poll_read_buf(Pin::new(&mut this.inner), cx, &mut this.incoming))? == 0 {
                this.sender = None;
                this.tap.close();
                if this.incoming.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                // A message broken off; the driver says what that means.
                this.passing = this.incoming.len();
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl<S: TlsStream + Unpin> TlsStream for Tapped<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// Makes TLS streams with a tap above the encryption.
pub(super) struct TappedTls<T> {
    pub(super) inner: T,
    pub(super) tap: Arc<Tap>,
}

impl<S, T> MakeTlsConnect<S> for TappedTls<T>
where
    T: MakeTlsConnect<S>,
    T::TlsConnect: 'static,
    <T::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
{
    type Stream = Tapped<T::Stream>;
    type TlsConnect = TappedTls<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        Ok(TappedTls { inner: self.inner.make_tls_connect(domain)?, tap: Arc::clone(&self.tap) })
    }
}

impl<S, T> TlsConnect<S> for TappedTls<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = Tapped<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (connecting, tap) = (self.inner.connect(stream), self.tap);
        Box::pin(async move { Ok(Tapped::new(connecting.await?, tap, false)) })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio_test_stream::Pieces;

    use super::*;

    /// A stream that gives its bytes in pieces of a size.
    mod tokio_test_stream {
        use super::*;

        pub(super) struct Pieces {
            pub(super) bytes: Vec<u8>,
            pub(super) size: usize,
        }

        impl AsyncRead for Pieces {
            fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                let count = self.size.min(self.bytes.len()).min(out.remaining());
                let piece: Vec<u8> = self.bytes.drain(..count).collect();
                out.put_slice(&piece);
                Poll::Ready(Ok(()))
            }
        }
    }

    fn message(letter: u8, contents: &[u8]) -> Vec<u8> {
        let length = u32::try_from(contents.len() + 4).unwrap();
        [&[letter], length.to_be_bytes().as_slice(), contents].concat()
    }

    #[tokio::test]
    async fn data_goes_aside_and_all_else_goes_on_however_the_bytes_are_cut() {
        let long = vec![7; 3000];
        let spoken = [
            b"N".to_vec(),
            message(b'H', &[1]),
            message(b'd', b"one"),
            message(b'N', b"notice"),
            message(b'd', &long),
            message(b'd', b""),
            message(b'c', b""),
            message(b'd', b"later"),
        ]
        .concat();
        for size in [1, 2, 5, 7, 100, 10_000] {
            let tap = Arc::new(Tap::default());
            let mut data = tap.open();
            let mut stream = Tapped::new(Pieces { bytes: spoken.clone(), size }, Arc::clone(&tap), true);
            let listening = crate::tasks::spawn("test", async move {
                let mut gathered = Vec::new();
                while let Some(chunk) = data.recv().await {
                    gathered.extend_from_slice(&chunk);
                }
                gathered
            });
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            let on = [
                b"N".to_vec(),
                message(b'H', &[1]),
                message(b'N', b"notice"),
                message(b'c', b""),
                message(b'd', b"later"),
            ];
            assert_eq!(rest, on.concat(), "in pieces of {size}");
            assert_eq!(listening.await.unwrap(), [b"one", long.as_slice()].concat());
        }
    }

    #[tokio::test]
    async fn what_is_encrypted_is_left_alone_and_a_break_ends_the_data() {
        let tap = Arc::new(Tap::default());
        let mut stream = Tapped::new(Pieces { bytes: b"Sd\0\0\0\x05xd".to_vec(), size: 3 }, Arc::clone(&tap), true);
        let mut data = tap.open();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"Sd\0\0\0\x05xd");
        drop(stream);
        assert_eq!(data.recv().await, None);
        let tap = Arc::new(Tap::default());
        let mut data = tap.open();
        let broken = [message(b'd', b"whole"), vec![b'd', 0, 0]].concat();
        let mut rest = Vec::new();
        Tapped::new(Pieces { bytes: broken, size: 4 }, tap, false).read_to_end(&mut rest).await.unwrap();
        assert_eq!((data.recv().await.as_deref(), data.recv().await), (Some(b"whole".as_slice()), None));
        assert_eq!(rest, [b'd', 0, 0]);
    }
}

//! A wire to a server that breaks at given numbers of bytes, each time in its own manner.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// Closes both ends.
    Cut,
    /// Resets both ends.
    Reset,
    /// Passes nothing more, and leaves both ends open until the client gives up.
    Stall,
}

#[derive(Clone, Debug)]
pub(super) struct Unruly {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    passed: u64,
    /// Bytes since the last break, both ways together, and what happens then.
    breaks: VecDeque<(u64, Manner)>,
}

impl Unruly {
    pub(super) async fn start((host, port): (String, u16), breaks: Vec<(u64, Manner)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { passed: 0, breaks: breaks.into() }));
        let shared = Arc::clone(&state);
        towpath::tasks::spawn("test_proxy", async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                let state = Arc::clone(&shared);
                towpath::tasks::spawn("test_wire", async move {
                    match wire(client, server, &state).await {
                        (Some(Manner::Stall), (mut client, server)) => {
                            // Until the client gives up; the server hears of nothing before.
                            let mut lost = vec![0; 64 * 1024];
                            while matches!(client.read(&mut lost).await, Ok(1..)) {}
                            drop(server);
                        }
                        (Some(Manner::Reset), (client, server)) => {
                            for end in [client, server] {
                                end.set_zero_linger().unwrap();
                            }
                        }
                        (Some(Manner::Cut) | None, ends) => drop(ends),
                    }
                });
            }
        });
        Self { port: here, state }
    }

    /// Breaks that have not come about yet.
    pub(super) fn left(&self) -> usize {
        self.state.lock().unwrap().breaks.len()
    }

    /// Counts anew, towards these breaks.
    pub(super) fn set(&self, breaks: Vec<(u64, Manner)>) {
        *self.state.lock().unwrap() = State { passed: 0, breaks: breaks.into() };
    }
}

/// How many of these bytes may pass, and how it breaks after them.
fn allowed(state: &Mutex<State>, count: usize) -> (usize, Option<Manner>) {
    let mut state = state.lock().unwrap();
    let before = state.passed;
    state.passed += count as u64;
    match state.breaks.front().copied() {
        Some((at, manner)) if state.passed > at => {
            state.breaks.pop_front();
            state.passed = 0;
            (usize::try_from(at.saturating_sub(before)).unwrap().min(count), Some(manner))
        }
        _ => (count, None),
    }
}

/// Passes bytes until one end closes or the wire breaks.
async fn wire(
    mut client: TcpStream,
    mut server: TcpStream,
    state: &Mutex<State>,
) -> (Option<Manner>, (TcpStream, TcpStream)) {
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let manner = loop {
        let (count, from_client) = tokio::select! {
            count = client.read(&mut up) => (count.unwrap_or(0), true),
            count = server.read(&mut down) => (count.unwrap_or(0), false),
        };
        if count == 0 {
            break None;
        }
        let (pass, broken) = allowed(state, count);
        let sent =
            if from_client { server.write_all(&up[..pass]).await } else { client.write_all(&down[..pass]).await };
        if broken.is_some() || sent.is_err() {
            break broken;
        }
    };
    (manner, (client, server))
}

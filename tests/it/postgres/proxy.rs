//! A wire that breaks where a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// When to break.
#[derive(Clone, Debug)]
pub(crate) enum Break {
    /// After this many bytes from the server.
    AfterBytes(u64),
    /// When the client says this and the switch is on: it is passed on, its answer is not, and the switch goes off.
    Unanswered(&'static [u8], Arc<AtomicBool>),
}

/// Starts a wire to the server; answers its port.
pub(crate) async fn start((host, port): (String, u16), when: Break) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    towpath::tasks::spawn("test_proxy", async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
            towpath::tasks::spawn("test_wire", wire(client, server, when.clone()));
        }
    });
    here
}

async fn wire(client: TcpStream, server: TcpStream, when: Break) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let silent = Arc::new(AtomicBool::new(false));
    let passed = AtomicU64::new(0);
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            let said = &buffer[..count];
            if let Break::Unanswered(words, armed) = &when
                && said.windows(words.len()).any(|window| window == *words)
                && armed.swap(false, Ordering::SeqCst)
            {
                silent.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(said).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            if silent.load(Ordering::SeqCst) {
                break;
            }
            let before = passed.fetch_add(count as u64, Ordering::SeqCst);
            let mut send = &buffer[..count];
            if let Break::AfterBytes(limit) = &when
                && before + count as u64 > *limit
            {
                send = &send[..usize::try_from(limit.saturating_sub(before)).unwrap().min(count)];
                let _ = to_client.write_all(send).await;
                break;
            }
            if to_client.write_all(send).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = up => {}, () = down => {} }
}

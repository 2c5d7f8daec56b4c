//! Append, then fan out. What is in the log can be replayed; what was fanned out is in the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use tokio::sync::broadcast;

use super::{Envelope, Event};
use crate::clock::Clock;
use crate::ids::{ConversationId, RunId};
use crate::store::{self, Store};

/// How far a live client may fall behind before it is dropped. It can come back with the last number that it saw.
const BACKLOG: usize = 1024;
/// Events read from the log at a time.
const PAGE: i64 = 500;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    Conversation(ConversationId),
    Run(RunId),
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Conversation(id) => write!(f, "conversation:{id}"),
            Self::Run(id) => write!(f, "run:{id}"),
        }
    }
}

/// Why an event could not be appended or read.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("the event log cannot be written or read")]
    Store(#[from] sqlx::Error),
    #[error("a stored event cannot be read")]
    Malformed(#[from] serde_json::Error),
    /// The client was too slow; it should come back with the last number that it saw.
    #[error("fell behind the live events")]
    Lagged,
}

/// The house's event log and its listeners.
#[derive(Clone, Debug)]
pub struct Bus {
    store: Store,
    clock: Clock,
    topics: Arc<Mutex<HashMap<Topic, Arc<Channel>>>>,
}

#[derive(Debug)]
struct Channel {
    /// The last number appended, as far as this process knows. Held while appending, so that fan-out keeps the order.
    last: tokio::sync::Mutex<Option<i64>>,
    live: broadcast::Sender<Envelope>,
}

impl Bus {
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, topics: Arc::default() }
    }

    /// Appends to the log, then tells whoever listens.
    pub async fn append(&self, topic: Topic, event: Event) -> Result<Envelope, BusError> {
        let channel = self.channel(topic);
        let name = topic.to_string();
        let body = serde_json::to_string(&event)?;
        let at = self.clock.now();
        let mut last = channel.last.lock().await;
        let mut seq = match *last {
            Some(last) => last + 1,
            None => store::events::last(self.store.pool(), &name).await? + 1,
        };
        // Another process may append to the same topic (a run started from the command line): take the next free number.
        while !store::events::append(self.store.pool(), &name, seq, &at.to_rfc3339(), &body).await? {
            seq = store::events::last(self.store.pool(), &name).await? + 1;
        }
        *last = Some(seq);
        let envelope = Envelope { seq: seq.unsigned_abs(), at, event };
        // Nobody listening is no failure.
        let _ = channel.live.send(envelope.clone());
        Ok(envelope)
    }

    /// Everything in the log after a number.
    pub async fn replay(&self, topic: Topic, after: u64) -> Result<Vec<Envelope>, BusError> {
        let mut found = Vec::new();
        let mut seq = i64::try_from(after).unwrap_or(i64::MAX);
        loop {
            let page = store::events::after(self.store.pool(), &topic.to_string(), seq, PAGE).await?;
            let full = i64::try_from(page.len()).is_ok_and(|length| length == PAGE);
            for (number, at, body) in page {
                seq = number;
                found.push(envelope(number, &at, &body)?);
            }
            if !full {
                return Ok(found);
            }
        }
    }

    /// The last number of a topic, 0 when it has none.
    pub async fn last(&self, topic: Topic) -> Result<u64, BusError> {
        Ok(store::events::last(self.store.pool(), &topic.to_string()).await?.unsigned_abs())
    }

    /// Replay after a number, then live, without gap or repeat. Ends with [`BusError::Lagged`] for a client that cannot
    /// keep up.
    pub async fn subscribe(
        &self,
        topic: Topic,
        after: u64,
    ) -> Result<BoxStream<'static, Result<Envelope, BusError>>, BusError> {
        // Listening starts before the log is read, so nothing falls between; what comes twice is dropped by its number.
        let live = self.channel(topic).live.subscribe();
        let replayed = self.replay(topic, after).await?;
        let last = replayed.last().map_or(after, |envelope| envelope.seq);
        let bus = self.clone();
        let live = stream::unfold(
            (live, last, bus, Vec::new()),
            move |(mut live, last, bus, mut held): (_, u64, Self, Vec<Envelope>)| async move {
                loop {
                    if !held.is_empty() {
                        let next = held.remove(0);
                        let seq = next.seq;
                        return Some((Ok(next), (live, seq, bus, held)));
                    }
                    match live.recv().await {
                        Ok(envelope) if envelope.seq <= last => {}
                        Ok(envelope) if envelope.seq == last + 1 => {
                            let seq = envelope.seq;
                            return Some((Ok(envelope), (live, seq, bus, held)));
                        }
                        // A number was taken by another process: the log has what is missing.
                        Ok(_) => match bus.replay(topic, last).await {
                            Ok(missing) => held = missing,
                            Err(error) => return Some((Err(error), (live, last, bus, held))),
                        },
                        Err(broadcast::error::RecvError::Lagged(_)) => {
                            return Some((Err(BusError::Lagged), (live, last, bus, held)));
                        }
                        Err(broadcast::error::RecvError::Closed) => return None,
                    }
                }
            },
        );
        Ok(stream::iter(replayed.into_iter().map(Ok)).chain(live).boxed())
    }

    fn channel(&self, topic: Topic) -> Arc<Channel> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(topics.entry(topic).or_insert_with(|| {
            Arc::new(Channel { last: tokio::sync::Mutex::new(None), live: broadcast::channel(BACKLOG).0 })
        }))
    }
}

fn envelope(seq: i64, at: &str, body: &str) -> Result<Envelope, BusError> {
    let at = chrono::DateTime::parse_from_rfc3339(at).map(|at| at.to_utc()).unwrap_or_default();
    Ok(Envelope { seq: seq.unsigned_abs(), at, event: serde_json::from_str(body)? })
}

/// Given to workers: can speak on one topic, cannot listen.
#[derive(Clone, Debug)]
pub struct Emitter {
    bus: Bus,
    topic: Topic,
}

impl Emitter {
    pub fn new(bus: Bus, topic: Topic) -> Self {
        Self { bus, topic }
    }

    pub async fn emit(&self, event: Event) -> Result<u64, BusError> {
        Ok(self.bus.append(self.topic, event).await?.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::LogLevel;

    fn log(run: RunId, number: usize) -> Event {
        Event::RunLog {
            run,
            level: LogLevel::Info,
            stage: "test".to_owned(),
            stream: None,
            message: number.to_string(),
        }
    }

    #[tokio::test]
    async fn a_listener_that_joins_in_the_middle_sees_every_event_once() {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::new(Store::open_folder(folder.path()).await.unwrap(), Clock::System);
        let run = RunId::new();
        let topic = Topic::Run(run);
        for number in 0..20 {
            bus.append(topic, log(run, number)).await.unwrap();
        }
        let listener = bus.subscribe(topic, 5).await.unwrap();
        let speaker = {
            let bus = bus.clone();
            crate::tasks::spawn("test", async move {
                for number in 20..60 {
                    bus.append(topic, log(run, number)).await.unwrap();
                }
            })
        };
        let seen: Vec<u64> = listener.take(55).map(|envelope| envelope.unwrap().seq).collect().await;
        speaker.await.unwrap();
        assert_eq!(seen, (6..=60).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn two_processes_on_one_topic_never_share_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let one = Bus::new(Store::open_folder(folder.path()).await.unwrap(), Clock::System);
        let two = Bus::new(Store::open_folder(folder.path()).await.unwrap(), Clock::System);
        let run = RunId::new();
        for number in 0..10 {
            one.append(Topic::Run(run), log(run, number)).await.unwrap();
            two.append(Topic::Run(run), log(run, number)).await.unwrap();
        }
        let seen: Vec<u64> =
            one.replay(Topic::Run(run), 0).await.unwrap().iter().map(|envelope| envelope.seq).collect();
        assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    }
}

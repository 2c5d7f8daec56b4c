//! A talk as minds see it, in the store. Whatever was killed in the middle, what a mind is given is whole: every call has
//! exactly one result, right behind it.

mod window;

use chrono::{DateTime, Utc};

pub use window::{fits, fitted, weight, window};

use super::model::{Message, ToolCall};
use crate::ids::ConversationId;
use crate::store::messages::MessageRow;
use crate::store::{self, Store};

/// How many of the newest messages are read back.
const NEWEST: i64 = 400;

/// Why a transcript could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    #[error("the talk cannot be read or written")]
    Store(#[from] sqlx::Error),
    #[error("a stored message cannot be read")]
    Malformed(#[from] serde_json::Error),
}

/// The newest messages of a talk, whole.
pub async fn load(store: &Store, conversation: ConversationId) -> Result<Vec<Message>, TranscriptError> {
    let rows = store::messages::newest(store.pool(), &conversation.to_string(), NEWEST).await?;
    let messages: Result<Vec<Message>, _> = rows.iter().map(|(_, body)| serde_json::from_str(body)).collect();
    Ok(mend(messages?))
}

/// Appends a message and gives its number in the talk.
pub async fn append(
    store: &Store,
    conversation: ConversationId,
    message: &Message,
    at: DateTime<Utc>,
) -> Result<u32, TranscriptError> {
    let name = conversation.to_string();
    let body = serde_json::to_string(message)?;
    let role = match message {
        Message::User { .. } => "user",
        Message::Assistant { .. } => "assistant",
        Message::Tool { .. } => "tool",
        Message::Notice { .. } => "notice",
    };
    let mut row = MessageRow { seq: 0, role, body, created_at: store::stamp(at) };
    loop {
        row.seq = store::messages::last(store.pool(), &name).await? + 1;
        // Somebody else may have taken the number: a run that ended leaves a notice.
        if store::messages::append(store.pool(), &name, &row).await? {
            return Ok(u32::try_from(row.seq).unwrap_or(u32::MAX));
        }
    }
}

/// The number that the next message will most likely have; for events that run ahead of it.
pub async fn next_number(store: &Store, conversation: ConversationId) -> Result<u32, TranscriptError> {
    let last = store::messages::last(store.pool(), &conversation.to_string()).await?;
    Ok(u32::try_from(last + 1).unwrap_or(u32::MAX))
}

/// Gives every call its one result: what is missing is said to be lost, what belongs to no call goes.
pub fn mend(messages: Vec<Message>) -> Vec<Message> {
    let mut whole = Vec::with_capacity(messages.len());
    let mut open: Vec<ToolCall> = Vec::new();
    let mut waiting: Vec<Message> = Vec::new();
    for message in messages {
        match message {
            Message::Tool { ref call, .. } => {
                if let Some(at) = open.iter().position(|asked| asked.id == *call) {
                    open.remove(at);
                    whole.push(message);
                }
            }
            // A notice may land between a call and its result; endpoints want results right behind.
            Message::Notice { .. } if !open.is_empty() => waiting.push(message),
            Message::Notice { .. } => whole.push(message),
            Message::User { .. } | Message::Assistant { .. } => {
                whole.extend(open.drain(..).map(lost));
                whole.append(&mut waiting);
                if let Message::Assistant { calls, .. } = &message {
                    open.clone_from(calls);
                }
                whole.push(message);
            }
        }
    }
    whole.extend(open.drain(..).map(lost));
    whole.append(&mut waiting);
    // Reading starts in the middle of a long talk; it goes on from the first thing a person said.
    let begin = whole.iter().position(|message| !matches!(message, Message::Assistant { .. } | Message::Tool { .. }));
    whole.drain(..begin.unwrap_or(whole.len()));
    whole
}

fn lost(call: ToolCall) -> Message {
    Message::Tool {
        call: call.id,
        tool: call.name,
        content: "The call was interrupted; its result is lost.".to_owned(),
        refused: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(text: &str) -> Message {
        Message::User { text: text.to_owned(), attachments: Vec::new() }
    }

    fn asks(ids: &[&str]) -> Message {
        let call = |id: &&str| ToolCall { id: (*id).to_owned(), name: "t".to_owned(), arguments: json!({}) };
        Message::Assistant { text: String::new(), calls: ids.iter().map(call).collect() }
    }

    fn result(id: &str) -> Message {
        Message::Tool { call: id.to_owned(), tool: "t".to_owned(), content: "{}".to_owned(), refused: false }
    }

    /// Every call has exactly one result, behind it and before anything else.
    pub(crate) fn is_whole(messages: &[Message]) -> bool {
        let mut open: Vec<String> = Vec::new();
        for message in messages {
            match message {
                Message::Tool { call, .. } => match open.iter().position(|id| id == call) {
                    Some(at) => drop(open.remove(at)),
                    None => return false,
                },
                _ if !open.is_empty() => return false,
                Message::Assistant { calls, .. } => open = calls.iter().map(|call| call.id.clone()).collect(),
                _ => {}
            }
        }
        open.is_empty()
    }

    #[test]
    fn a_call_whose_result_was_never_written_gets_one() {
        let mended = mend(vec![user("a"), asks(&["1", "2"]), result("1"), user("b")]);
        assert!(is_whole(&mended), "{mended:?}");
        assert_eq!(mended.len(), 5);
    }

    #[test]
    fn a_notice_between_call_and_result_waits() {
        let notice = Message::Notice { text: "the run ended".to_owned() };
        let mended = mend(vec![user("a"), asks(&["1"]), notice.clone(), result("1")]);
        assert_eq!(mended, vec![user("a"), asks(&["1"]), result("1"), notice]);
    }

    proptest::proptest! {
        #[test]
        fn any_torn_transcript_is_mended(steps in proptest::collection::vec(0..6_u8, 0..30)) {
            let messages = steps.into_iter().enumerate().map(|(at, step)| match step {
                0 => user("x"),
                1 => asks(&[&format!("a{at}"), &format!("b{at}")]),
                2 => result(&format!("a{}", at.saturating_sub(1))),
                3 => result(&format!("b{}", at.saturating_sub(2))),
                4 => Message::Notice { text: "n".to_owned() },
                _ => asks(&[]),
            }).collect();
            let mended = mend(messages);
            proptest::prop_assert!(is_whole(&mended), "{:?}", mended);
            for bytes in [0, 1, 10, 1000] {
                proptest::prop_assert!(is_whole(&window(&mended, bytes)));
            }
        }
    }
}

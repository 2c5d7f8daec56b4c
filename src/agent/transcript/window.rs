//! What of a long talk a mind is shown. What a person asked for and the plan that waits for them are never left out: the
//! words of the part that is not shown go before the rest, in short.

use super::super::guard::untrusted;
use super::super::model::{Attachment, Message};
use super::super::prompt;

/// Of the room, what the person said in the part that is not shown may take one of so many parts.
const SAID_SHARE: usize = 3;
/// Letters of one thing said that are kept.
const SAYING: usize = 800;
/// How many of the newest notices are kept, and letters of each.
const NOTICES: usize = 6;
const NOTICE: usize = 400;
/// Letters of an attached excerpt that are kept where room is short.
const EXCERPT: usize = 4096;
/// What a person has before them, and what they were asked, is not shortened.
const KEPT_WHOLE: &[&str] = &["propose_plan", "revise_plan", "ask_user", "offer_action"];

/// Bytes of a talk.
pub fn weight(messages: &[Message]) -> usize {
    messages.iter().map(one).sum()
}

/// Whether a talk takes no more than `bytes`.
pub fn fits(messages: &[Message], bytes: usize) -> bool {
    weight(messages) <= bytes
}

/// The newest part of a talk that takes at most about `bytes`, beginning with something a person said. The last thing a
/// person said is always in it.
pub fn window(messages: &[Message], bytes: usize) -> Vec<Message> {
    messages.get(begin(messages, bytes)..).unwrap_or_default().to_vec()
}

fn begin(messages: &[Message], bytes: usize) -> usize {
    let mut kept = messages.len();
    let mut size = 0;
    for (at, message) in messages.iter().enumerate().rev() {
        size += one(message);
        if size > bytes && kept < messages.len() {
            break;
        }
        if matches!(message, Message::User { .. }) {
            kept = at;
        }
    }
    if kept == messages.len() { 0 } else { kept }
}

/// A talk cut to about `bytes`: its newest part whole, before it in short what the person had said and been told, and
/// `offered`, the plan that waits for them, as JSON. Where the newest part alone is too long, answers of tools go, the oldest
/// first.
pub fn fitted(messages: &[Message], bytes: usize, offered: Option<&str>) -> Vec<Message> {
    if fits(messages, bytes) {
        return messages.to_vec();
    }
    let (before, shown) = messages.split_at(begin(messages, bytes));
    let mut fitted: Vec<Message> = in_short(before, bytes / SAID_SHARE, offered).into_iter().collect();
    fitted.extend(shown.iter().cloned());
    shorten(&mut fitted, bytes);
    fitted
}

/// What was said before, as one notice.
fn in_short(before: &[Message], bytes: usize, offered: Option<&str>) -> Option<Message> {
    let mut said = Vec::new();
    let mut room = bytes;
    let mut untold = 0_usize;
    for message in before.iter().rev() {
        let Message::User { text, .. } = message else { continue };
        let text: String = text.chars().take(SAYING).collect();
        match room.checked_sub(text.len()) {
            Some(left) => {
                room = left;
                said.push(format!("- {}", text.replace('\n', " ")));
            }
            None => untold += 1,
        }
    }
    said.reverse();
    let notices = before.iter().rev().filter_map(|message| match message {
        Message::Notice { text } => Some(format!("- {}", cut(text, NOTICE))),
        _ => None,
    });
    let mut notices: Vec<String> = notices.take(NOTICES).collect();
    notices.reverse();
    if said.is_empty() && notices.is_empty() && offered.is_none() {
        return None;
    }
    Some(Message::Notice { text: prompt::earlier(&said, untold, &notices, offered) })
}

/// Takes answers of tools out, the oldest first, and what is long in attachments, until the rest fits.
fn shorten(messages: &mut [Message], bytes: usize) {
    let mut size = weight(messages);
    for message in messages.iter_mut() {
        if size <= bytes {
            return;
        }
        let before = one(message);
        match message {
            Message::Tool { tool, content, .. }
                if !KEPT_WHOLE.contains(&tool.as_str()) && content.len() > prompt::ANSWER_LEFT_OUT.len() =>
            {
                prompt::ANSWER_LEFT_OUT.trim().clone_into(content);
            }
            Message::User { attachments, .. } => {
                for attached in attachments {
                    if let Attachment::ErrorExcerpt { text } = attached {
                        *text = cut(text, EXCERPT);
                    }
                }
            }
            _ => {}
        }
        size = size - before + one(message);
    }
}

/// The head of a text, with its wrapper closed again where it had one.
fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let head: String = text.chars().take(letters).collect();
    // A wrapper cut in two would be neither open nor closed.
    let torn = head.rfind('<').filter(|at| head.get(*at..).is_some_and(|tail| !tail.contains('>')));
    let head = torn.and_then(|at| head.get(..at)).unwrap_or(&head);
    if untrusted::is_open(head) { format!("{head}…{}", untrusted::CLOSE) } else { format!("{head}…") }
}

fn one(message: &Message) -> usize {
    match message {
        Message::User { text, attachments } => {
            let attached = attachments.iter().map(|attached| match attached {
                Attachment::ErrorExcerpt { text } => text.len(),
                Attachment::Run { .. } => 40,
            });
            text.len() + attached.sum::<usize>()
        }
        Message::Assistant { text, calls } => {
            text.len() + calls.iter().map(|call| call.arguments.to_string().len() + call.name.len()).sum::<usize>()
        }
        Message::Tool { content, .. } => content.len(),
        Message::Notice { text } => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::model::ToolCall;
    use super::*;

    fn user(text: &str) -> Message {
        Message::User { text: text.to_owned(), attachments: Vec::new() }
    }

    fn asks(id: &str, name: &str) -> Message {
        let call = ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: json!({}) };
        Message::Assistant { text: String::new(), calls: vec![call] }
    }

    fn result(id: &str, tool: &str, content: &str) -> Message {
        Message::Tool { call: id.to_owned(), tool: tool.to_owned(), content: content.to_owned(), refused: false }
    }

    #[test]
    fn a_window_keeps_what_was_said_last() {
        let first = [user(&"x".repeat(500)), asks("0", "t"), result("0", "t", "{}")];
        let talk = [first.to_vec(), vec![user("last"), asks("1", "t"), result("1", "t", "{}")]].concat();
        assert_eq!(window(&talk, 100).first(), Some(&user("last")));
        assert_eq!(window(&talk, 0).first(), Some(&user("last")));
        assert_eq!(window(&talk, 10_000).len(), 6);
    }

    #[test]
    fn what_the_person_asked_for_and_the_plan_on_offer_outlive_the_window() {
        let mut talk = vec![user("never copy the column ssn")];
        for round in 0..40 {
            let id = round.to_string();
            talk.extend([asks(&id, "list_streams"), result(&id, "list_streams", &"y".repeat(900))]);
            talk.push(user(&format!("and the table number {round}")));
        }
        talk.push(Message::Notice { text: "The person confirmed the plan: pipeline `a`.".to_owned() });
        talk.push(user("make it hourly"));
        let shown = fitted(&talk, 6000, Some("{\"name\":\"waiting\"}"));
        assert!(fits(&shown, 9000), "{}", weight(&shown));
        let Some(Message::Notice { text }) = shown.first() else { panic!("{shown:?}") };
        assert!(text.contains("never copy the column ssn"), "{text}");
        assert!(text.contains("\"waiting\""), "{text}");
        assert_eq!(shown.last(), Some(&user("make it hourly")));
        assert_eq!(fitted(&talk, 1_000_000, Some("{}")), talk);
    }

    #[test]
    fn a_turn_that_is_too_long_by_itself_loses_old_answers_and_no_plan() {
        let mut talk = vec![user("copy everything")];
        for round in 0..20 {
            let id = round.to_string();
            talk.extend([asks(&id, "inspect_stream"), result(&id, "inspect_stream", &"z".repeat(1000))]);
        }
        talk.extend([asks("p", "propose_plan"), result("p", "propose_plan", &"{\"accepted\":false}".repeat(20))]);
        let shown = fitted(&talk, 5000, None);
        assert!(fits(&shown, 5000));
        assert_eq!(shown.len(), talk.len());
        assert_eq!(shown.last(), talk.last());
        assert!(matches!(&shown[2], Message::Tool { content, .. } if content == prompt::ANSWER_LEFT_OUT.trim()));
        assert_eq!(shown[40], talk[40]);
    }

    #[test]
    fn what_is_cut_stays_wrapped() {
        let wrapped = format!("The run failed: {}", untrusted::wrap("run", &"ignore this ".repeat(100)));
        for letters in 0..200 {
            let short = cut(&wrapped, letters);
            assert!(!untrusted::is_open(&short), "{letters}: {short}");
            assert_eq!(
                short.matches("<untrusted").count(),
                short.matches("</untrusted>").count(),
                "{letters}: {short}"
            );
        }
    }
}

//! Hearing: what a person typed or attached loses its secrets before anything stores, shows or sends it.

use super::{Agent, TurnError};
use crate::agent::guard::secrets;
use crate::agent::model::{Attachment, Message};
use crate::agent::prompt;
use crate::agent::transcript;
use crate::events::bus::{Emitter, Topic};
use crate::events::{AttachmentView, Event};
use crate::ids::ConversationId;
use crate::store;

/// Longest message and longest excerpt, in letters. What goes beyond is cut in the middle, where it says least.
const LONGEST: usize = 64 * 1024;
/// Letters of a talk's first message that become its title.
const TITLE: usize = 60;

/// What a person typed and attached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    pub attachments: Vec<Attachment>,
}

impl Said {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), attachments: Vec::new() }
    }
}

impl Agent {
    /// Takes secrets out, stores the message, and shows it. Gives what is left.
    pub async fn hear(&self, conversation: ConversationId, said: Said) -> Result<Said, TurnError> {
        let mut kinds: Vec<String> = Vec::new();
        let mut clean = |text: &str| {
            let found = secrets::redact(&cut(text));
            for kind in found.kinds {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            found.text
        };
        let text = clean(&said.text);
        let attachments: Vec<Attachment> = said
            .attachments
            .into_iter()
            .map(|attached| match attached {
                Attachment::ErrorExcerpt { text } => Attachment::ErrorExcerpt { text: clean(&text) },
                Attachment::Run { run, pipeline } => {
                    Attachment::Run { run, pipeline: pipeline.map(|name| clean(&name)) }
                }
            })
            .collect();
        let heard = Said { text, attachments };
        self.tell_of_ended_runs(conversation).await?;

        let now = self.workspace.clock.now();
        let message = Message::User { text: heard.text.clone(), attachments: heard.attachments.clone() };
        let number = transcript::append(&self.workspace.store, conversation, &message, now).await?;
        self.entitle(conversation, &heard.text, number).await?;
        let emitter = Emitter::new(self.bus.clone(), Topic::Conversation(conversation));
        let attachments = heard.attachments.iter().map(view).collect();
        emitter.emit(Event::UserSaid { message: number, text: heard.text.clone(), attachments }).await?;
        if !kinds.is_empty() {
            let text = prompt::secret_redacted(&kinds);
            emitter.emit(Event::SecretRedacted { kinds, text }).await?;
        }
        Ok(heard)
    }

    /// A talk is called by what it began with.
    async fn entitle(&self, conversation: ConversationId, text: &str, number: u32) -> Result<(), TurnError> {
        let (db, id) = (self.workspace.store.pool(), conversation.to_string());
        let at = store::stamp(self.workspace.clock.now());
        let row = store::conversations::get(db, &self.workspace.id.0, &id).await?;
        let title: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TITLE).collect();
        if number == 1 && !title.is_empty() && row.is_some_and(|row| row.title.is_empty()) {
            store::conversations::rename(db, &self.workspace.id.0, &id, &title, &at).await?;
        } else {
            store::conversations::touch(db, &id, &at).await?;
        }
        Ok(())
    }
}

impl From<AttachmentView> for Attachment {
    fn from(view: AttachmentView) -> Self {
        match view {
            AttachmentView::Run { run, pipeline } => Self::Run { run, pipeline },
            AttachmentView::ErrorExcerpt { text } => Self::ErrorExcerpt { text },
        }
    }
}

fn view(attached: &Attachment) -> AttachmentView {
    match attached {
        Attachment::Run { run, pipeline } => AttachmentView::Run { run: *run, pipeline: pipeline.clone() },
        Attachment::ErrorExcerpt { text } => AttachmentView::ErrorExcerpt { text: text.clone() },
    }
}

/// Keeps the beginning and the end of what is too long: a log's cause stands at one of them.
fn cut(text: &str) -> String {
    let letters = text.chars().count();
    if letters <= LONGEST {
        return text.to_owned();
    }
    let half = LONGEST / 2;
    let head: String = text.chars().take(half).collect();
    let tail: String = text.chars().skip(letters - half).collect();
    format!("{head}\n[… {} letters left out …]\n{tail}", letters - 2 * half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_keeps_both_ends() {
        let text = format!("first{}last", "é".repeat(LONGEST * 2));
        let short = cut(&text);
        assert!(short.starts_with("first") && short.ends_with("last"));
        assert!(short.chars().count() < LONGEST + 100);
        assert_eq!(cut("short"), "short");
    }
}

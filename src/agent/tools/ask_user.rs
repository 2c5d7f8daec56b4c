use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::offer;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::{Event, QuestionOption};

pub(super) struct AskUser;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    about: String,
    text: String,
    options: Vec<Choice>,
}

/// An answer that is offered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    label: String,
    say: String,
    #[serde(default)]
    detail: Option<String>,
}

impl From<Choice> for QuestionOption {
    fn from(choice: Choice) -> Self {
        Self { label: choice.label, say: choice.say, detail: choice.detail }
    }
}

#[async_trait]
impl Handler for AskUser {
    type Args = Args;
    const NAME: &'static str = "ask_user";
    const EFFECT: Effect = Effect::Propose;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/ask_user.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        // A yes that is typed next answers the question, not an older offer.
        offer::withdraw_plan(cx).await?;
        offer::withdraw_actions(cx).await?;
        let options = args.options.into_iter().map(QuestionOption::from).collect();
        let event = Event::Question { about: args.about.clone(), text: args.text, options };
        let content = json!({"asked": args.about});
        Ok(ToolOutput { content, events: vec![event], ends_turn: true, ..ToolOutput::default() })
    }
}

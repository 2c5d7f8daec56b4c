use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::ask_user::Choice;
use super::offer;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::events::{Event, ProblemView, QuestionOption};

/// What a question about how to go on decides.
const SLOT: &str = "goal";

pub(super) struct StateProblem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    code: String,
    text: String,
    #[serde(default)]
    options: Vec<Choice>,
}

#[async_trait]
impl Handler for StateProblem {
    type Args = Args;
    const NAME: &'static str = "state_problem";
    const EFFECT: Effect = Effect::Propose;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/state_problem.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        offer::withdraw_actions(cx).await?;
        let problem =
            ProblemView { pointer: String::new(), code: args.code.clone(), message: args.text, suggestion: None };
        let mut events = vec![Event::PlanRejected { problems: vec![problem] }];
        if !args.options.is_empty() {
            offer::withdraw_plan(cx).await?;
            let options = args.options.into_iter().map(QuestionOption::from).collect();
            let text = "How should it go on?".to_owned();
            events.push(Event::Question { about: SLOT.to_owned(), text, options });
        }
        let content = json!({"stated": args.code});
        Ok(ToolOutput { content, events, ends_turn: true, ..ToolOutput::default() })
    }
}

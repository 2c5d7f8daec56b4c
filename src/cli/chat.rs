//! `towpath chat`: a talk on the terminal.

use super::failure::{Exit, Failure};
use super::run;
use super::terminal::Terminal;
use super::turn::{self, Asked};
use crate::app::App;

pub(super) async fn run(app: &App, terminal: &Terminal) -> Result<(), Failure> {
    if !terminal.interactive {
        return Err(Failure::new(Exit::Usage, "no_terminal", "A talk wants a terminal.")
            .suggest("In scripts, use `towpath ask`."));
    }
    let conversation = app.talk.open_conversation(None).await?;
    terminal.line("");
    terminal.line(
        "  Say what data should move, from where to where. Confirm a plan with `yes`; an empty line ends the talk.",
    );
    let mut question: Option<Asked> = None;
    loop {
        terminal.line("");
        let Some(answer) = terminal.ask(&format!("{} ", terminal.accent("you ›"))) else { return Ok(()) };
        if answer.is_empty() {
            return Ok(());
        }
        let chosen = question.take().and_then(|question| {
            let number = answer.parse::<usize>().ok()?.checked_sub(1)?;
            question.options.into_iter().nth(number).map(|option| option.say)
        });
        terminal.line("");
        let turn = match turn::say(app, terminal, conversation, &chosen.unwrap_or(answer)).await {
            Ok(turn) => turn,
            Err(failure) => {
                failure.tell(terminal);
                continue;
            }
        };
        if let Some(offer) = &turn.plan {
            let lost = &offer.view.destructive;
            let yes = match lost.as_slice() {
                [] => "yes".to_owned(),
                lost => format!("yes, replace {}", lost.join(" and ")),
            };
            terminal.line(&format!(
                "  Say {} to run it, {} to drop it, or what should be different.",
                terminal.bold(&format!("`{yes}`")),
                terminal.bold("`no`")
            ));
        }
        if let Some(started) = turn.run
            && let Err(failure) = run::see_through(app, terminal, started).await
        {
            failure.tell(terminal);
        }
        question = turn.question;
    }
}

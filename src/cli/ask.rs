//! `towpath ask`: one sentence, a plan, a yes, a run.

use clap::Args;

use super::failure::{Exit, Failure};
use super::terminal::Terminal;
use super::turn::{self, Offer, Turn};
use super::{operator, run};
use crate::app::App;
use crate::ids::ConversationId;

/// Questions answered before it is clear that the two do not understand each other.
const QUESTIONS: usize = 8;

#[derive(Debug, Args)]
#[command(after_help = "In scripts, two steps: `towpath --json ask \"…\"` prints a plan's id and digest; \
    `towpath run --confirm PLAN --digest DIGEST` confirms it. Or say `--yes DIGEST`: the sentence is read anew, and its plan \
    runs if it is still the one with that digest.")]
pub(super) struct Ask {
    /// What should move, in your own words
    #[arg(required = true)]
    sentence: Vec<String>,
    /// Confirm the plan if it has this digest
    #[arg(long, value_name = "DIGEST")]
    yes: Option<String>,
    /// A table whose rows may be replaced; repeat for each
    #[arg(long, value_name = "TARGET")]
    acknowledge: Vec<String>,
}

pub(super) async fn run(command: Ask, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let conversation = app.talk.open_conversation(None).await?;
    let turn = asked(app, terminal, conversation, &command.sentence.join(" ")).await?;
    let Some(offer) = &turn.plan else { return ended_without_plan(terminal, &turn) };
    if let Some(digest) = &command.yes {
        if *digest != offer.digest {
            let detail = format!("The plan's digest is `{}` now, not the one given.", offer.digest);
            return Err(Failure::new(Exit::NotConfirmed, "stale_confirmation", detail)
                .suggest("Look at the plan again, and give the digest that it shows."));
        }
        return confirm(app, terminal, offer, command.acknowledge).await;
    }
    if !terminal.interactive {
        return terminal.result(&turn, |terminal, _| {
            terminal.line("  Nothing has run. Confirm it with");
            terminal.line(&format!("    towpath run --confirm {} --digest {}", offer.plan, offer.digest));
        });
    }
    let acknowledged = match run::agree(terminal, &offer.view, command.acknowledge) {
        Ok(acknowledged) => acknowledged,
        Err(refused) => {
            app.talk.dismiss(Some(conversation), offer.plan, operator()).await?;
            return Err(refused);
        }
    };
    confirm(app, terminal, offer, acknowledged).await
}

/// Says a sentence, and answers what is asked back for as long as a person is there to answer.
async fn asked(app: &App, terminal: &Terminal, conversation: ConversationId, sentence: &str) -> Result<Turn, Failure> {
    let mut turn = turn::say(app, terminal, conversation, sentence).await?;
    for _ in 0..QUESTIONS {
        let Some(question) = turn.question.as_ref().filter(|_| turn.plan.is_none()) else { break };
        let Some(answer) = terminal.ask(&format!("  {} ", terminal.accent("›"))) else { break };
        let chosen = answer.parse::<usize>().ok().and_then(|number| question.options.get(number.checked_sub(1)?));
        let say = chosen.map_or(answer, |option| option.say.clone());
        turn = turn::say(app, terminal, conversation, &say).await?;
    }
    Ok(turn)
}

/// Confirms an offer in the operator's name and sees its run through.
pub(super) async fn confirm(
    app: &App,
    terminal: &Terminal,
    offer: &Offer,
    acknowledged: Vec<String>,
) -> Result<(), Failure> {
    let started = run::confirm(app, offer.plan, &offer.digest, &acknowledged).await?;
    run::see_through(app, terminal, started).await
}

fn ended_without_plan(terminal: &Terminal, turn: &Turn) -> Result<(), Failure> {
    if terminal.json {
        terminal.result(turn, |_, _| ())?;
    }
    if let Some(question) = &turn.question {
        return Err(Failure::new(
            Exit::NotConfirmed,
            "question",
            format!("An answer is needed first: {}", question.text),
        )
        .suggest("Say it all in one sentence, or answer in `towpath chat`."));
    }
    if let [first, ..] = turn.problems.as_slice() {
        return Err(Failure::new(Exit::InvalidPlan, "no_plan", first.message.clone()));
    }
    // A request for something else than a plan (what failed, what there is) has been answered.
    Ok(())
}

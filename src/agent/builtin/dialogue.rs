//! The talk, turn by turn: which utterances make up the request at hand, and what the next step of it is.

use super::aside::{Aside, puzzled};
use super::draft::Draft;
use super::fold::fold;
use super::intent::{self, Intent, Standing};
use super::knowledge::{ColumnKind, Known, all};
use super::lexicon;
use super::link::connection::Directory;
use super::link::stream::Streams;
use super::reading::{self, Reading};
use super::resolve::{self, Request};
use super::step::{Step, ask};
use super::token::Sentence;
use super::transcript::{self, Choice, Outcome, Talk, Turn};
use crate::agent::model::ChatRequest;
use crate::plan::spec::PlanSpec;

/// An utterance that belongs to the request at hand.
#[derive(Clone, Debug)]
struct Heard {
    say: String,
    /// The slot that was asked right before it.
    focus: Option<String>,
}

/// What the turns before the current one have come to.
#[derive(Clone, Debug, Default)]
struct Episode {
    /// Plans that were offered and not taken back, oldest first.
    plans: Vec<PlanSpec>,
    /// Utterances since the last of them.
    heard: Vec<Heard>,
}

pub(super) fn next(request: &ChatRequest) -> Known<Step> {
    let talk = transcript::read(&request.messages);
    let Some(turn) = talk.current() else { return Ok(Step::Say(String::new())) };
    if talk.finished {
        return Ok(Step::Say(last_word(turn)));
    }
    let directory = Directory::new(&talk.knowledge.connections()?);
    let mut episode = Episode::default();
    for (index, earlier) in talk.turns.iter().enumerate().take(talk.turns.len().saturating_sub(1)) {
        episode.follow(&talk, &directory, index, earlier);
    }
    let (mut say, focus) = spoken(&talk, talk.turns.len().saturating_sub(1), turn);
    if let Some(rest) = after_restart(&say) {
        say = rest;
        episode = Episode::default();
    }
    let sentence = corrected(&say, &directory);
    let standing = Standing {
        begun: (!episode.plans.is_empty() && !talk.confirmed) || !episode.heard.is_empty(),
        asked: focus.is_some(),
        attached: !turn.attachments.is_empty(),
        pipeline: talk.confirmed || talk.turns.iter().any(|turn| !turn.about.is_empty()),
        places: names_both_ends(&sentence, &directory),
        named: names_connection(&sentence, &directory),
    };
    let intent = match of_pipeline(&sentence, &talk, standing)? {
        Some(intent) => intent,
        None => intent::read(&sentence, standing),
    };
    let aside = Aside { talk: &talk, turn, know: &talk.knowledge, directory: &directory, sentence: &sentence };
    match intent {
        Intent::Move => {
            episode.heard.push(Heard { say, focus });
            moving(request, &talk, &directory, &episode, &sentence)
        }
        Intent::Later => Ok(Step::Say("The plan above stays as it is. It waits for your confirmation.".to_owned())),
        Intent::AboutPlan => Ok(Step::Say(about_plan(&episode))),
        Intent::Undo => Ok(undo(&talk, episode)),
        Intent::Restart => {
            Ok(ask("goal", "All of that is forgotten. Which data should move, and where to?", Vec::new()))
        }
        Intent::Affirm => affirm(request, &talk, &directory, episode),
        Intent::Deny if standing.asked || standing.begun => {
            Ok(ask("goal", "What should be different? Say what should move, from where and to where.", Vec::new()))
        }
        Intent::Deny => Ok(Step::Say("Nothing is waiting for an answer. Say what should move.".to_owned())),
        Intent::Tables | Intent::Columns | Intent::Count | Intent::Rows | Intent::NextRun => {
            about_objects(&talk, &directory, &episode, &intent, &sentence)
        }
        other => aside.step(&other),
    }
}

/// What is wanted of a pipeline that is named in full.
fn of_pipeline(sentence: &Sentence, talk: &Talk, standing: Standing) -> Known<Option<Intent>> {
    let attached = talk.current().is_some_and(|turn| !turn.attachments.is_empty());
    if attached || standing.places || !intent::pipeline::may_be_about(sentence, standing) {
        return Ok(None);
    }
    let (pipelines, _) = talk.knowledge.pipelines()?;
    let rest = intent::pipeline::without_name(sentence, pipelines.iter().map(|pipeline| pipeline.name.as_str()));
    Ok(rest.and_then(|rest| intent::pipeline::read(&rest)))
}

/// `start over: copy …`: what follows words that throw all of it away.
fn after_restart(say: &str) -> Option<String> {
    let sentence = Sentence::new(say);
    let mut at = 0;
    let mut thrown = false;
    while at < sentence.len() {
        if let Some(length) = lexicon::phrase(&sentence, at, lexicon::Class::Restart) {
            thrown = true;
            at += length;
        } else if sentence.kind(at) == Some(super::token::Kind::Mark)
            || sentence
                .is(at, &["ok", "okay", "no", "please", "let's", "lets", "and", "then", "now", "instead", "well", "so"])
        {
            at += 1;
        } else {
            break;
        }
    }
    let rest = sentence.get(at).and_then(|token| say.get(token.start..))?;
    (thrown && sentence.len() - at >= 4).then(|| rest.to_owned())
}

/// Whether a connection is named for sure.
fn names_connection(sentence: &Sentence, directory: &Directory) -> bool {
    (0..sentence.len()).any(|at| directory.mention(sentence, at, &|_| true).is_some_and(|mention| mention.strong))
}

/// Whether a connection to read from and another one to write to are named for sure.
fn names_both_ends(sentence: &Sentence, directory: &Directory) -> bool {
    let mut named: Vec<String> = Vec::new();
    let mut at = 0;
    while at < sentence.len() {
        let mention = directory.mention(sentence, at, &|_| true).filter(|mention| mention.strong);
        at = mention.as_ref().map_or(at + 1, |mention| mention.to.max(at + 1));
        named.extend(mention.into_iter().flat_map(|mention| mention.names));
    }
    let takes = |source: bool| {
        named
            .iter()
            .filter_map(|name| directory.get(name))
            .filter(move |connection| if source { connection.source } else { connection.destination })
    };
    let verb = (0..sentence.len()).any(|at| {
        lexicon::is(sentence, at, lexicon::Class::Transfer)
            || lexicon::is(sentence, at, lexicon::Class::WeakTransfer)
            || lexicon::word_is(sentence.word(at), lexicon::Class::To)
    });
    let tells = !sentence.raw.contains('?') && !sentence.is(0, &["what", "which", "why", "how", "when", "who"]);
    (verb || tells) && takes(true).any(|source| takes(false).any(|destination| destination.name != source.name))
}

/// What the plan on offer does and when, for whoever asks.
fn about_plan(episode: &Episode) -> String {
    let Some(plan) = episode.plans.last() else {
        return "Nothing runs yet: no plan is on offer. Say what should move, from where and to where.".to_owned();
    };
    let when = match plan.schedule {
        Some(_) => "Once confirmed it runs by its schedule.",
        None => "Once confirmed it runs a single time, and again when you ask for it; it has no schedule.",
    };
    format!("{} {when} Nothing runs before you confirm it.", resolve::repair::summary(plan))
}

/// What is left to say once the turn has put something before the person: of a plan, what it does, now that it has been
/// checked. A question and an offer speak for themselves.
fn last_word(turn: &Turn) -> String {
    let Outcome::Plan(plan) = &turn.outcome else { return String::new() };
    serde_json::from_value::<PlanSpec>(plan.clone()).map(|plan| resolve::repair::summary(&plan)).unwrap_or_default()
}

/// What was said in a turn, with a choice among options written out, and the slot that was asked before it.
fn spoken(talk: &Talk, index: usize, turn: &Turn) -> (String, Option<String>) {
    let before = index.checked_sub(1).and_then(|before| talk.turns.get(before));
    let (focus, options) = match before.map(|before| &before.outcome) {
        Some(Outcome::Question(question)) => (Some(question.about.clone()), question.options.as_slice()),
        Some(Outcome::Problem { options, .. }) if !options.is_empty() => (Some("goal".to_owned()), options.as_slice()),
        _ => (None, [].as_slice()),
    };
    (chosen(&turn.say, options).unwrap_or_else(|| turn.say.clone()), focus)
}

/// The option that an answer picks: by its label, by its words, by its number.
fn chosen(say: &str, options: &[Choice]) -> Option<String> {
    let said = fold(say);
    if let Some(option) = options.iter().find(|option| fold(&option.label) == said || fold(&option.say) == said) {
        return Some(option.say.clone());
    }
    let sentence = Sentence::new(say);
    if sentence.len() > 5 || options.is_empty() {
        return None;
    }
    let number = (0..sentence.len()).find_map(|at| {
        let word = sentence.word(at);
        let ordinal = lexicon::values()
            .ordinals
            .get(word)
            .copied()
            .or_else(|| (word == "last").then(|| u32::try_from(options.len()).unwrap_or(0)));
        let lone = (sentence.len() <= 2 || sentence.is(at.wrapping_sub(1), &["option", "number", "choice"]))
            .then(|| word.parse::<u32>().ok())
            .flatten();
        ordinal.or(lone)
    })?;
    let plain = sentence.tokens.iter().all(|token| {
        matches!(
            token.word.as_str(),
            "the" | "one" | "option" | "number" | "please" | "choice" | "take" | "." | "," | "use"
        ) || lexicon::values().ordinals.contains_key(&token.word)
            || token.word == "last"
            || token.word.parse::<u32>().is_ok()
    });
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    options.get(index).filter(|_| plain).map(|option| option.say.clone())
}

/// The utterance as a sentence in which slips in words of requests are read through, names left alone.
fn corrected(say: &str, directory: &Directory) -> Sentence {
    let mut sentence = Sentence::new(say);
    let named: Vec<bool> = (0..sentence.len())
        .map(|at| directory.mention(&sentence, at, &|_| true).is_some() || sentence.text(at).contains('_'))
        .collect();
    lexicon::correct(&mut sentence, |at| named.get(at) == Some(&false));
    sentence
}

impl Episode {
    /// Takes in a turn that is over.
    fn follow(&mut self, talk: &Talk, directory: &Directory, index: usize, turn: &Turn) {
        let (mut say, focus) = spoken(talk, index, turn);
        if let Some(rest) = after_restart(&say) {
            say = rest;
            *self = Self::default();
        }
        let standing = Standing {
            begun: !self.plans.is_empty() || !self.heard.is_empty(),
            asked: focus.is_some(),
            attached: !turn.attachments.is_empty(),
            pipeline: false,
            places: names_both_ends(&Sentence::new(&say), directory),
            named: names_connection(&Sentence::new(&say), directory),
        };
        let intent = intent::read(&Sentence::new(&say), standing);
        if intent == Intent::Restart || (intent == Intent::Deny && matches!(turn.outcome, Outcome::Question(_))) {
            *self = Self::default();
            return;
        }
        match &turn.outcome {
            Outcome::Plan(plan) => {
                self.heard.clear();
                if intent == Intent::Undo {
                    self.plans.pop();
                }
                if let Ok(plan) = serde_json::from_value::<PlanSpec>(plan.clone())
                    && self.plans.last() != Some(&plan)
                {
                    self.plans.push(plan);
                }
            }
            Outcome::Question(_) | Outcome::Problem { .. } if intent == Intent::Move => {
                self.heard.push(Heard { say, focus });
            }
            Outcome::Question(_) | Outcome::Problem { .. } if intent == Intent::Affirm => {
                if let Some(say) = first_option(talk, index) {
                    self.heard.push(Heard { say, focus });
                }
            }
            _ => {}
        }
    }
}

/// What choosing the first option of the question before a turn says.
fn first_option(talk: &Talk, index: usize) -> Option<String> {
    match &talk.turns.get(index.checked_sub(1)?)?.outcome {
        Outcome::Question(question) => question.options.first().map(|option| option.say.clone()),
        Outcome::Problem { options, .. } => options.first().map(|option| option.say.clone()),
        _ => None,
    }
}

/// A yes: to a question it takes the first option; under nothing it is told so.
fn affirm(request: &ChatRequest, talk: &Talk, directory: &Directory, mut episode: Episode) -> Known<Step> {
    let before = talk.turns.len().checked_sub(2).and_then(|index| talk.turns.get(index));
    let options = match before.map(|turn| &turn.outcome) {
        Some(Outcome::Question(question)) => question.options.len(),
        Some(Outcome::Problem { options, .. }) => options.len(),
        _ => 0,
    };
    if let (Some(say), 1..) = (first_option(talk, talk.turns.len().saturating_sub(1)), options) {
        if options > 1 {
            let Some(Outcome::Question(question)) = before.map(|turn| &turn.outcome) else {
                return Ok(Step::Say("Which of these should it be?".to_owned()));
            };
            return Ok(ask(
                &question.about,
                question.text.clone(),
                question.options.iter().map(|option| (option.label.clone(), option.say.clone())).collect(),
            ));
        }
        let focus = match before.map(|turn| &turn.outcome) {
            Some(Outcome::Question(question)) => Some(question.about.clone()),
            _ => None,
        };
        let sentence = Sentence::new(&say);
        episode.heard.push(Heard { say, focus });
        return moving(request, talk, directory, &episode, &sentence);
    }
    if talk.on_offer() && !talk.confirmed {
        return Ok(Step::Say(
            "The plan above waits for your confirmation: press Confirm, or answer `yes` alone.".to_owned(),
        ));
    }
    Ok(Step::Say("There is no plan to confirm. Say what should move, from where and to where.".to_owned()))
}

/// Back to the plan before the last one, or out of what was asked since it.
fn undo(talk: &Talk, mut episode: Episode) -> Step {
    if episode.heard.is_empty() {
        episode.plans.pop();
    }
    episode.heard.clear();
    let Some(plan) = episode.plans.last() else {
        return ask(
            "goal",
            "There is nothing earlier to go back to. Which data should move, and where to?",
            Vec::new(),
        );
    };
    let value = serde_json::json!(plan);
    let refused = talk.current().is_some_and(|turn| !turn.refusals.is_empty());
    if refused {
        return Step::Say("The earlier plan does not fit any more. Say what should move.".to_owned());
    }
    Step::Call { say: None, tool: "propose_plan", arguments: serde_json::json!({"plan": value}) }
}

/// The next step of a request for data to move.
fn moving(
    request: &ChatRequest,
    talk: &Talk,
    directory: &Directory,
    episode: &Episode,
    sentence: &Sentence,
) -> Known<Step> {
    let mut draft = episode.plans.last().map(Draft::from_plan).unwrap_or_default();
    let mut readings: Vec<(Reading, Option<String>)> = Vec::new();
    let mut streams = Streams::default();
    for heard in &episode.heard {
        let before = draft.before(heard.focus.as_deref());
        let (reading, found) = reading::read(&heard.say, &talk.knowledge, directory, &before)?;
        let begun_anew = draft.hear(&reading);
        if begun_anew {
            readings.clear();
        }
        streams = found;
        readings.push((reading, heard.focus.clone()));
    }
    let streams = listed(talk, directory, &draft, streams)?;
    let silent = readings.last().is_some_and(|(reading, _)| !reading.has_objects() && !reading.transfer);
    if !draft.wanted || (silent && episode.plans.is_empty() && !draft.has_objects()) {
        return Ok(puzzled(sentence, directory));
    }
    let step = resolve::next(&Request {
        talk,
        know: &talk.knowledge,
        directory,
        draft: &draft,
        streams: &streams,
        heard: &readings,
        now: request.now,
    })?;
    Ok(unchanged(step, talk, episode, sentence))
}

/// The streams of the source that the talk has come to; what was read for the last utterance may have been another's.
fn listed(talk: &Talk, directory: &Directory, draft: &Draft, streams: Streams) -> Known<Streams> {
    let Some(place) = &draft.source else { return Ok(streams) };
    let readable: Vec<&String> =
        place.names.iter().filter(|name| directory.get(name).is_some_and(|connection| connection.source)).collect();
    let listings = all(readable.iter().map(|name| talk.knowledge.listing(name)))?;
    let mut streams = streams;
    for (name, listing) in readable.into_iter().zip(listings) {
        streams.add(name, &listing.streams);
    }
    Ok(streams)
}

/// A plan that is the same as the one on offer was no answer to what was said: that is said instead.
fn unchanged(step: Step, talk: &Talk, episode: &Episode, sentence: &Sentence) -> Step {
    let Step::Call { tool: "propose_plan", arguments, .. } = &step else { return step };
    let same = episode.plans.last().is_some_and(|plan| arguments.get("plan") == Some(&serde_json::json!(plan)));
    if !same || !talk.on_offer() || talk.confirmed {
        return step;
    }
    let known = sentence.tokens.iter().all(|token| lexicon::is_known(&token.word));
    let again = known || sentence.tokens.iter().any(|token| lexicon::word_is(&token.word, lexicon::Class::Transfer));
    if again {
        Step::Say(
            "The plan above stays as it is: nothing in that changes it. Say what should be different, or confirm it."
                .to_owned(),
        )
    } else {
        Step::Say(
            "That was not understood as a change of the plan above, which stays as it is. Say what should be different, or confirm it."
                .to_owned(),
        )
    }
}

/// Questions about tables, columns and rows, answered in words.
fn about_objects(
    talk: &Talk,
    directory: &Directory,
    episode: &Episode,
    intent: &Intent,
    sentence: &Sentence,
) -> Known<Step> {
    let know = &talk.knowledge;
    let mut draft = episode.plans.last().map(Draft::from_plan).unwrap_or_default();
    for heard in &episode.heard {
        let (reading, _) = reading::read(&heard.say, know, directory, &draft.before(None))?;
        draft.hear(&reading);
    }
    if *intent == Intent::NextRun {
        let Some(schedule) = episode.plans.last().and_then(|plan| plan.schedule.clone()) else {
            return Ok(Step::Say("It runs on demand: no schedule is set.".to_owned()));
        };
        let answer = know.answer("preview_schedule", serde_json::json!({"schedule": schedule}))?;
        let text =
            answer.ok().and_then(|answer| answer.get("text").and_then(serde_json::Value::as_str).map(str::to_owned));
        return Ok(Step::Say(text.unwrap_or_else(|| "The schedule cannot be read.".to_owned())));
    }
    let (reading, streams) = reading::read(&sentence.raw, know, directory, &draft.before(None))?;
    let place = reading.source.or(reading.destination).or_else(|| draft.source.clone());
    if *intent == Intent::Tables {
        let Some(name) = place.and_then(|place| place.names.first().cloned()) else {
            return Ok(ask(
                "source.connection",
                "Of which connection?",
                directory
                    .connections()
                    .map(|connection| (connection.name.clone(), format!("what tables are in {}", connection.name)))
                    .collect(),
            ));
        };
        let listing = know.listing(&name)?;
        let names: Vec<String> = listing.streams.iter().take(30).map(|stream| format!("`{}`", stream.stream)).collect();
        let text = if names.is_empty() {
            format!("`{name}` has no tables that can be seen. Its namespaces: {}.", listing.namespaces.join(", "))
        } else {
            format!("`{name}` has {}.", names.join(", "))
        };
        return Ok(Step::Say(text));
    }
    let candidate = reading
        .mentions
        .first()
        .and_then(|mention| mention.candidates.first())
        .or_else(|| draft.picks.first().and_then(|pick| pick.candidates.first()));
    let _ = streams;
    let Some(candidate) = candidate else {
        return Ok(ask("streams", "Which table is meant?", Vec::new()));
    };
    if *intent == Intent::Rows {
        let answer = know.answer(
            "preview_rows",
            serde_json::json!({"connection": candidate.connection, "stream": candidate.stream, "limit": 5}),
        )?;
        return Ok(Step::Say(
            answer.map_or_else(|refused| refused, |rows| rows.get("rows").map(ToString::to_string).unwrap_or_default()),
        ));
    }
    let schema = know.schema(&candidate.connection, &candidate.stream)?;
    if let Some(refused) = schema.refused {
        return Ok(Step::Say(refused));
    }
    if *intent == Intent::Count {
        let rows = schema.rows.map_or_else(|| "an unknown number of".to_owned(), |rows| format!("about {rows}"));
        return Ok(Step::Say(format!("`{}` of `{}` has {rows} rows.", schema.stream, candidate.connection)));
    }
    let columns: Vec<String> = schema
        .columns
        .iter()
        .map(|column| {
            format!(
                "`{}` {}{}",
                column.name,
                column.spelled,
                if column.kind == ColumnKind::Other || column.nullable { "" } else { " not null" }
            )
        })
        .collect();
    Ok(Step::Say(format!("`{}` has {}.", schema.stream, columns.join(", "))))
}

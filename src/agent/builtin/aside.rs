//! What is asked about the workspace rather than of a plan: runs, logs, failures, pipelines, connections, connectors.

mod answer;

use serde_json::{Value, json};

use super::fold::{fold, likeness, parts, same_but_number};
use super::intent::{Intent, NOT_OURS};
use super::knowledge::{Knowledge, Known, Pipeline};
use super::lexicon::{self, Class};
use super::link::connection::Directory;
use super::step::{Step, ask};
use super::token::{Kind, Sentence};
use super::transcript::{Talk, Turn};
use crate::agent::model::Attachment;
pub(super) use answer::puzzled;
use answer::{cause, connections, connectors, log, runs};

/// What an aside is answered from.
pub(super) struct Aside<'a> {
    pub talk: &'a Talk,
    pub turn: &'a Turn,
    pub know: &'a Knowledge,
    pub directory: &'a Directory,
    pub sentence: &'a Sentence,
}

/// What has been called already in this turn ends it.
fn done(aside: &Aside<'_>, tool: &'static str, arguments: Value) -> Option<Result<Value, String>> {
    aside.know.answer(tool, arguments).ok()
}

impl Aside<'_> {
    /// The step that answers the question; nothing left to say once its tool has answered.
    pub(super) fn step(&self, intent: &Intent) -> Known<Step> {
        match intent {
            Intent::Diagnose => self.diagnose(),
            Intent::Logs => self.about_pipeline("read_run_log", "Whose log should be shown?", "logs of"),
            Intent::Explain => self.explain(),
            Intent::Runs(phase) => self.runs(*phase),
            Intent::Act(action) => self.act(action),
            Intent::Connections => Ok(self.once("list_connections", json!({"for_user": true}), connections)),
            Intent::Catalog => Ok(self.catalog()),
            Intent::Greeting => Ok(Step::Say(GREETING.to_owned())),
            Intent::Thanks => Ok(Step::Say(self.thanks())),
            Intent::Decline(reason) => {
                Ok(Step::Call { say: None, tool: "decline_request", arguments: json!({"text": reason}) })
            }
            _ => Ok(Step::Say(HELP.to_owned())),
        }
    }

    /// Calls a tool, and once it has answered says what the answer comes to.
    fn once(&self, tool: &'static str, arguments: Value, say: fn(&Value) -> String) -> Step {
        match done(self, tool, arguments.clone()) {
            None => Step::Call { say: None, tool, arguments },
            Some(Ok(answer)) => Step::Say(say(&answer)),
            Some(Err(refused)) => Step::Say(refused),
        }
    }

    fn thanks(&self) -> String {
        if self.talk.on_offer() && !self.talk.confirmed {
            "The plan above waits for your confirmation.".to_owned()
        } else {
            "Say what should move next whenever you like.".to_owned()
        }
    }

    /// The words of the utterance that may name a pipeline.
    fn words(&self) -> Vec<String> {
        const AROUND: &[&str] = &[
            "run",
            "runs",
            "pipeline",
            "pipelines",
            "job",
            "jobs",
            "log",
            "logs",
            "last",
            "latest",
            "newest",
            "why",
            "fail",
            "failed",
            "fails",
            "failing",
            "stop",
            "retry",
            "rerun",
            "pause",
            "resume",
            "explain",
            "again",
            "schedule",
            "status",
            "sync",
            "show",
            "delete",
            "cancel",
            "happened",
            "wrong",
            "went",
            "error",
            "errors",
            "night",
            "yesterday",
            "today",
            "morning",
            "start",
            "abort",
            "kill",
            "describe",
            "diagnose",
            "what's",
            "re-run",
            "restart",
            "suspend",
            "unpause",
            "tonight",
            "weekend",
            "until",
            "monday",
            "tell",
            "see",
            "give",
            "finish",
            "finished",
            "done",
            "ran",
        ];
        self.sentence
            .tokens
            .iter()
            .filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Number))
            .filter(|token| {
                token.kind == Kind::Quoted
                    || !(AROUND.contains(&token.word.as_str())
                        || (lexicon::word_is(&token.word, Class::Filler) && token.word.len() < 9))
            })
            .map(|token| token.text.clone())
            .collect()
    }

    /// The pipeline that is meant: attached, named, or the one that the talk was about.
    fn pipeline(&self) -> Known<Result<String, Vec<Pipeline>>> {
        let attached = self.turn.attachments.iter().find_map(|attached| match attached {
            Attachment::Run { pipeline, .. } => pipeline.clone(),
            Attachment::ErrorExcerpt { .. } => None,
        });
        if let Some(name) = attached {
            return Ok(Ok(name));
        }
        let (pipelines, runs) = self.know.pipelines()?;
        let raw = fold(&self.sentence.raw);
        // By its whole name, the longest first.
        let mut whole: Vec<&Pipeline> = pipelines
            .iter()
            .filter(|pipeline| raw.contains(&fold(&pipeline.name)) && !pipeline.name.is_empty())
            .collect();
        whole.sort_by_key(|pipeline| std::cmp::Reverse(pipeline.name.len()));
        if let Some(pipeline) = whole.first() {
            return Ok(Ok(pipeline.name.clone()));
        }
        if let Some(name) = self.described(&pipelines) {
            return Ok(Ok(name));
        }
        let pronoun = self
            .sentence
            .tokens
            .iter()
            .any(|token| matches!(token.word.as_str(), "it" | "that" | "this" | "its" | "again"))
            || self.words().is_empty();
        if pronoun {
            let earlier = self.talk.turns.iter().rev().skip(1).find_map(|turn| {
                turn.about.iter().rev().find(|name| pipelines.iter().any(|pipeline| pipeline.name == **name))
            });
            if let Some(name) = earlier {
                return Ok(Ok(name.clone()));
            }
            let going: Vec<&str> = runs
                .iter()
                .filter(|run| !matches!(run.phase.as_str(), "completed" | "failed" | "cancelled"))
                .map(|run| run.pipeline.as_str())
                .collect();
            if let [name] = going.as_slice() {
                return Ok(Ok((*name).to_owned()));
            }
        }
        if let [only] = pipelines.as_slice()
            && pronoun
        {
            return Ok(Ok(only.name.clone()));
        }
        Ok(Err(pipelines))
    }

    /// By words of its name, with slips.
    fn described(&self, pipelines: &[Pipeline]) -> Option<String> {
        let words: Vec<String> = self.words().iter().map(|word| fold(word)).filter(|word| word.len() >= 2).collect();
        if words.is_empty() {
            return None;
        }
        let score = |pipeline: &Pipeline| {
            let named = parts(&pipeline.name);
            let hits: usize = words
                .iter()
                .filter(|word| {
                    named.iter().any(|part| same_but_number(part, word) || super::fold::slips(word, part).is_some())
                })
                .count();
            #[expect(clippy::cast_precision_loss, reason = "a handful of words")]
            let share = hits as f64 / named.len().max(1) as f64;
            (hits, share)
        };
        let mut scored: Vec<((usize, f64), &Pipeline)> =
            pipelines.iter().map(|pipeline| (score(pipeline), pipeline)).filter(|((hits, _), _)| *hits > 0).collect();
        scored.sort_by(|one, other| other.0.0.cmp(&one.0.0).then(other.0.1.total_cmp(&one.0.1)));
        match scored.as_slice() {
            [] => {
                let whole = words.concat();
                let near = pipelines
                    .iter()
                    .map(|pipeline| (likeness(&whole, &fold(&pipeline.name)), pipeline))
                    .filter(|(likeness, _)| *likeness >= 0.82)
                    .max_by(|one, other| one.0.total_cmp(&other.0));
                near.map(|(_, pipeline)| pipeline.name.clone())
            }
            [(_, only)] => Some(only.name.clone()),
            // As many words of both: the one that is named in full.
            [(first, pipeline), (second, _), ..] if first.0 > second.0 || first.1 > 0.99 && second.1 < 0.99 => {
                Some(pipeline.name.clone())
            }
            _ => None,
        }
    }

    fn which(&self, pipelines: &[Pipeline], question: &str, verb: &str) -> Step {
        if pipelines.is_empty() {
            return Step::Say("This workspace has no pipelines yet. Say what should move, and the first plan you confirm becomes one.".to_owned());
        }
        let options =
            pipelines.iter().map(|pipeline| (pipeline.name.clone(), format!("{verb} {}", pipeline.name))).collect();
        let words = self.words();
        let text = if words.is_empty() {
            question.to_owned()
        } else {
            format!("There is no one pipeline `{}`. {question}", words.join(" "))
        };
        ask("goal", text, options)
    }

    fn about_pipeline(&self, tool: &'static str, question: &str, verb: &str) -> Known<Step> {
        Ok(match self.pipeline()? {
            Ok(name) => self.once(tool, json!({"pipeline": name}), log),
            Err(pipelines) => self.which(&pipelines, question, verb),
        })
    }

    fn diagnose(&self) -> Known<Step> {
        let excerpt = self.turn.attachments.iter().find_map(|attached| match attached {
            Attachment::ErrorExcerpt { text } => Some(text.clone()),
            Attachment::Run { .. } => None,
        });
        let run = self.turn.attachments.iter().find_map(|attached| match attached {
            Attachment::Run { run, .. } => run.map(|run| run.to_string()),
            Attachment::ErrorExcerpt { .. } => None,
        });
        let arguments =
            match (excerpt.or_else(|| self.inline_excerpt()), run) {
                (Some(excerpt), _) => json!({"excerpt": excerpt}),
                (None, Some(run)) => json!({"run": run}),
                (None, None) => match self.pipeline()? {
                    Ok(name) => json!({"pipeline": name}),
                    Err(pipelines) => match self.last_failed(&pipelines)? {
                        Some(name) => json!({"pipeline": name}),
                        None => return Ok(self.which(
                            &pipelines,
                            "Which pipeline's failure should be looked into? An error message can also be pasted here.",
                            "why did it fail:",
                        )),
                    },
                },
            };
        Ok(self.once("diagnose", arguments, cause))
    }

    /// `why did it fail`: what failed last.
    fn last_failed(&self, pipelines: &[Pipeline]) -> Known<Option<String>> {
        if !self.words().is_empty() {
            return Ok(None);
        }
        let (_, runs) = self.know.pipelines()?;
        Ok(runs
            .iter()
            .find(|run| run.phase == "failed" && pipelines.iter().any(|pipeline| pipeline.name == run.pipeline))
            .map(|run| run.pipeline.clone()))
    }

    /// An error message that was typed rather than attached.
    fn inline_excerpt(&self) -> Option<String> {
        let raw = &self.sentence.raw;
        let quoted = self.sentence.tokens.iter().find(|token| {
            let text = token.text.to_lowercase();
            token.kind == Kind::Quoted
                && token.text.contains(' ')
                && ["error", "sqlstate", "exception", "denied", "fatal", "failed", "refused", "timed out"]
                    .iter()
                    .any(|mark| text.contains(mark))
        });
        if let Some(token) = quoted {
            return Some(token.text.clone());
        }
        let (_, behind) = raw.split_once([':', '\n'])?;
        let behind = behind.trim();
        let lower = behind.to_lowercase();
        let marks = [
            "error",
            "exception",
            "sqlstate",
            "failed",
            "denied",
            "refused",
            "timeout",
            "timed out",
            "fatal",
            "cannot",
            "could not",
            "does not exist",
            "invalid",
            "not found",
            "unknown",
            "violat",
            "exceed",
            "too ",
            "no such",
            "expired",
            "unauthorized",
            "forbidden",
            "duplicate",
            "deadlock",
            "constraint",
            "reset by peer",
            "unreachable",
            "authentication",
            "quota",
            "no space",
            "truncat",
            "overflow",
        ];
        let text = if raw.split([':', '\n']).next().is_some_and(|head| head.to_lowercase().contains("error "))
            || raw.to_lowercase().contains("error:")
            || lower.len() < 8
        {
            raw.clone()
        } else {
            behind.to_owned()
        };
        (behind.len() >= 8 && (marks.iter().any(|mark| lower.contains(mark)) || raw.to_lowercase().contains("error:")))
            .then_some(text)
    }

    fn explain(&self) -> Known<Step> {
        let plan =
            self.sentence.tokens.iter().any(|token| matches!(token.word.as_str(), "plan" | "this" | "that" | "it"));
        if plan && self.talk.on_offer() && !self.talk.confirmed {
            let text = "The card above is the plan: what is read, how it is written, each column's type at the destination, and what would be created or replaced. Nothing runs before you confirm it.";
            return Ok(Step::Say(text.to_owned()));
        }
        self.about_pipeline_with("explain_pipeline", "Which pipeline should be explained?", "explain", |answer| {
            answer.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
        })
    }

    fn about_pipeline_with(
        &self,
        tool: &'static str,
        question: &str,
        verb: &str,
        say: fn(&Value) -> String,
    ) -> Known<Step> {
        Ok(match self.pipeline()? {
            Ok(name) => self.once(tool, json!({"pipeline": name}), say),
            Err(pipelines) => self.which(&pipelines, question, verb),
        })
    }

    /// Runs of one pipeline where one is named, otherwise of all.
    fn runs(&self, phase: Option<&'static str>) -> Known<Step> {
        // The names are needed to see whether one is meant; the listing shows all runs as well.
        let named = self.pipeline()?.ok();
        let pronoun =
            self.sentence.tokens.iter().any(|token| matches!(token.word.as_str(), "it" | "that" | "this" | "last"));
        let mut arguments = serde_json::Map::new();
        if let Some(name) = named.filter(|_| !self.words().is_empty() || pronoun) {
            arguments.insert("pipeline".to_owned(), json!(name));
        }
        if let Some(phase) = phase {
            arguments.insert("state".to_owned(), json!(phase));
        }
        Ok(self.once("list_runs", Value::Object(arguments), runs))
    }

    fn act(&self, action: &str) -> Known<Step> {
        let verb = action.split('_').next().unwrap_or(action);
        let (name, question) = (self.pipeline()?, format!("Which pipeline should I {verb}?"));
        Ok(match name {
            Ok(name) => match self.talk.refused_calls.iter().find(|(tool, _)| tool == "offer_action") {
                Some((_, refused)) => Step::Say(refused.clone()),
                None => Step::Call {
                    say: None,
                    tool: "offer_action",
                    arguments: json!({"action": action, "pipeline": name}),
                },
            },
            Err(pipelines) => self.which(&pipelines, &question, verb),
        })
    }

    fn catalog(&self) -> Step {
        let mut arguments = serde_json::Map::new();
        if let Some(system) = self.system() {
            arguments.insert("query".to_owned(), json!(system));
        }
        arguments.insert("for_user".to_owned(), json!(true));
        self.once("search_catalog", Value::Object(arguments), connectors)
    }

    /// The system that is asked for.
    fn system(&self) -> Option<String> {
        let sentence = self.sentence;
        for at in 0..sentence.len() {
            if let Some((_, length)) = self.directory.foreign_system(sentence, at) {
                return Some(sentence.span(at, at + length).to_owned());
            }
            if let Some(mention) = self.directory.mention(sentence, at, &|_| true).filter(|mention| mention.strong) {
                return Some(sentence.span(mention.from, mention.to).to_owned());
            }
        }
        sentence
            .tokens
            .iter()
            .find(|token| {
                token.kind == Kind::Word
                    && !lexicon::is_known(&token.word)
                    && !matches!(
                        token.word.as_str(),
                        "support"
                            | "supported"
                            | "connectors"
                            | "connector"
                            | "integrations"
                            | "kinds"
                            | "else"
                            | "databases"
                            | "compatible"
                            | "towpath"
                            | "speak"
                            | "catalog"
                    )
            })
            .map(|token| token.text.clone())
    }
}

const GREETING: &str = "Hello. Say what should move, from where and to where, for example: copy customers from postgres to the warehouse every night.";
pub(super) const HELP: &str = include_str!("lexicon/help.txt");

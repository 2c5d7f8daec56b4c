//! What the talk has come to: where from, where to, which streams. Utterances are heard in order, each on top of the last
//! plan on offer or of what was said before it.

use super::lexicon::{self, Class};
use super::link::How;
use super::link::stream::Candidate;
use super::reading::namesake::names_namespace;
use super::reading::{Before, Namespace, Place, Reading, Wildcard};
use crate::plan::spec::{PlanSpec, StreamSpec};

/// A stream that was chosen, or several that may be meant by one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub words: String,
    pub candidates: Vec<Candidate>,
    pub how: How,
    pub target: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub source: Option<Place>,
    pub destination: Option<Place>,
    pub namespace: Option<Namespace>,
    pub source_namespace: Option<String>,
    pub picks: Vec<Pick>,
    pub wildcard: Option<Wildcard>,
    /// Left out of the wildcard.
    pub left_out: Vec<Candidate>,
    /// Names that are no streams.
    pub unknown: Vec<String>,
    /// A name for the target of the only stream.
    pub target: Option<String>,
    /// The plan that this goes on from.
    pub plan: Option<PlanSpec>,
    /// Something is to be moved.
    pub wanted: bool,
}

fn place(name: &str) -> Place {
    Place { words: name.to_owned(), names: vec![name.to_owned()], how: How::Name, system: None }
}

impl Draft {
    /// Goes on from a plan.
    pub(super) fn from_plan(plan: &PlanSpec) -> Self {
        let source = &plan.source.connection;
        Self {
            source: Some(place(source)),
            destination: Some(place(&plan.destination.connection)),
            namespace: plan.destination.namespace.as_ref().map(|name| Namespace {
                name: name.clone(),
                slip_of: None,
                of: vec![plan.destination.connection.clone()],
            }),
            picks: plan.streams.iter().map(|stream| pick(source, stream)).collect(),
            plan: Some(plan.clone()),
            wanted: true,
            ..Self::default()
        }
    }

    /// What the next utterance is read on top of.
    pub(super) fn before(&self, focus: Option<&str>) -> Before {
        let names = |place: &Option<Place>| place.iter().flat_map(|place| place.names.clone()).collect();
        Before {
            source: names(&self.source),
            destination: names(&self.destination),
            begun: self.wanted || self.has_objects(),
            picked: self.picks.iter().flat_map(|pick| pick.candidates.clone()).collect(),
            wildcard: self.wildcard.is_some(),
            focus: focus.map(str::to_owned),
        }
    }

    pub(super) fn has_objects(&self) -> bool {
        self.source.is_some()
            || self.destination.is_some()
            || !self.picks.is_empty()
            || self.wildcard.is_some()
            || !self.unknown.is_empty()
    }

    /// Takes in what an utterance says. True when it begins another request.
    pub(super) fn hear(&mut self, reading: &Reading) -> bool {
        let begun = self.has_objects();
        let anew = begun && self.is_new_request(reading);
        if anew {
            let plan = self.plan.take();
            *self = Self::default();
            // A request that names no place is about the places of the one before.
            if let Some(plan) = plan.filter(|_| reading.source.is_none() || reading.destination.is_none()) {
                let kept = Self::from_plan(&plan);
                if reading.source.is_none() {
                    self.source = kept.source.filter(|source| {
                        reading.mentions.iter().any(|mention| {
                            mention.candidates.iter().any(|candidate| source.names.contains(&candidate.connection))
                        })
                    });
                }
                if reading.destination.is_none() {
                    self.destination = kept.destination;
                    self.namespace = kept.namespace;
                }
            }
        }
        self.wanted |= reading.transfer || reading.has_objects();
        self.hear_places(reading);
        self.hear_streams(reading, begun && !anew);
        self.hear_targets(reading);
        anew
    }

    /// Other streams with a place of their own are another request, not a change of this one.
    fn is_new_request(&self, reading: &Reading) -> bool {
        let fresh = reading.mentions.iter().any(|mention| {
            !mention.left_out
                && !self
                    .picks
                    .iter()
                    .any(|pick| pick.candidates.iter().any(|candidate| mention.candidates.contains(candidate)))
        });
        let places = reading.source.is_some() || reading.destination.is_some() || reading.namespace.is_some();
        let verb = reading.transfer && !reading.additive && !reading.instead;
        let answers = !self.unknown.is_empty() && !places;
        verb && (fresh || reading.wildcard.is_some()) && (places || self.plan.is_some()) && !answers
    }

    fn hear_places(&mut self, reading: &Reading) {
        if let Some(source) = &reading.source {
            self.source = Some(source.clone());
            self.source_namespace = None;
        }
        if let Some(destination) = &reading.destination {
            let same = self
                .destination
                .as_ref()
                .is_some_and(|before| before.names.iter().any(|name| destination.names.contains(name)));
            if !same {
                self.namespace = None;
            }
            self.destination = Some(match &self.destination {
                Some(before) if same && before.names.len() < destination.names.len() => before.clone(),
                _ => destination.clone(),
            });
        }
        if let Some(namespace) = &reading.namespace {
            // A namespace that was found elsewhere says which of the possible destinations is meant.
            if let Some(destination) = self.destination.as_mut().filter(|destination| destination.names.len() > 1) {
                let narrowed: Vec<String> =
                    destination.names.iter().filter(|name| namespace.of.contains(name)).cloned().collect();
                if !narrowed.is_empty() {
                    destination.names = narrowed;
                }
            }
            self.namespace = Some(namespace.clone());
        }
        if let Some(namespace) = &reading.source_namespace {
            self.source_namespace = Some(namespace.clone());
        }
    }

    fn hear_streams(&mut self, reading: &Reading, begun: bool) {
        for mention in reading.mentions.iter().filter(|mention| mention.left_out) {
            self.picks.retain(|pick| !pick.candidates.iter().any(|candidate| mention.candidates.contains(candidate)));
            self.left_out.extend(mention.candidates.iter().cloned());
        }
        if let Some(wildcard) = &reading.wildcard {
            if !reading.additive {
                self.picks.clear();
            }
            self.wildcard = Some(wildcard.clone());
            self.unknown.clear();
        }
        let named: Vec<Pick> = reading
            .mentions
            .iter()
            .filter(|mention| !mention.left_out)
            .map(|mention| Pick {
                words: mention.words.clone(),
                candidates: mention.candidates.clone(),
                how: mention.how,
                target: None,
            })
            .collect();
        self.narrow(&named, reading);
        let fresh: Vec<Pick> = named
            .iter()
            .filter(|named| {
                !self
                    .picks
                    .iter()
                    .any(|pick| pick.candidates.iter().any(|candidate| named.candidates.contains(candidate)))
            })
            .cloned()
            .collect();
        let answered = !self.unknown.is_empty() && (!named.is_empty() || Self::drops_unknown(reading));
        if answered && begun {
            self.unknown.clear();
            self.add(fresh);
        } else if !fresh.is_empty() {
            let swaps = reading.mentions.iter().any(|mention| mention.left_out) && !self.picks.is_empty();
            let replaces = begun && !reading.additive && !swaps && self.wildcard.is_none();
            if replaces {
                self.picks.clear();
            }
            // Next to a wildcard, names are spoken of and not chosen.
            if self.wildcard.is_none() || reading.additive {
                self.add(fresh);
            }
        } else if begun && self.only(reading) {
            self.picks.retain(|pick| {
                named.iter().any(|named| pick.candidates.iter().any(|candidate| named.candidates.contains(candidate)))
            });
        }
        for (name, _) in &reading.unknown {
            if !self.unknown.contains(name) {
                self.unknown.push(name.clone());
            }
        }
    }

    fn add(&mut self, picks: Vec<Pick>) {
        for pick in picks {
            let again = self
                .picks
                .iter()
                .any(|before| before.candidates.iter().any(|candidate| pick.candidates.contains(candidate)));
            if !again {
                self.left_out.retain(|left| !pick.candidates.contains(left));
                self.picks.push(pick);
            }
        }
    }

    /// A name that may mean several streams, said again more closely.
    fn narrow(&mut self, named: &[Pick], reading: &Reading) {
        for pick in self.picks.iter_mut().filter(|pick| pick.candidates.len() > 1) {
            let closer = named.iter().find(|named| {
                named.candidates.len() < pick.candidates.len()
                    && named.candidates.iter().all(|candidate| pick.candidates.contains(candidate))
            });
            if let Some(closer) = closer {
                pick.candidates.clone_from(&closer.candidates);
                continue;
            }
            // `the archive one`
            let by_namespace: Vec<Candidate> = pick
                .candidates
                .iter()
                .filter(|candidate| {
                    let namespace = candidate.stream.rsplit_once('.').map_or("", |(namespace, _)| namespace);
                    !namespace.is_empty()
                        && reading.sentence.tokens.iter().any(|token| names_namespace(&token.text, namespace))
                })
                .cloned()
                .collect();
            if !by_namespace.is_empty() && by_namespace.len() < pick.candidates.len() {
                pick.candidates = by_namespace;
            }
        }
    }

    /// `skip it`, `without the invoices`, `just the others`.
    fn drops_unknown(reading: &Reading) -> bool {
        let sentence = &reading.sentence;
        let except = lexicon::find(sentence, Class::Except).is_some()
            || sentence.tokens.iter().any(|token| {
                matches!(token.word.as_str(), "skip" | "ignore" | "rest" | "others" | "without" | "forget")
            });
        except && reading.mentions.iter().all(|mention| mention.left_out)
    }

    /// `only customers`: the others go.
    fn only(&self, reading: &Reading) -> bool {
        let sentence = &reading.sentence;
        let Some(first) = reading.mentions.first().filter(|_| self.picks.len() > 1) else { return false };
        let leads = first.from.checked_sub(1).is_some_and(|at| sentence.is(at, &["only", "just"]))
            || (first.from >= 2
                && sentence.is(first.from - 2, &["only", "just"])
                && sentence.is(first.from - 1, &["the"]));
        let end = reading.mentions.iter().map(|mention| mention.to).max().unwrap_or(0);
        leads
            && (end..sentence.len()).all(|at| {
                !reading.free(at)
                    || lexicon::is_known(sentence.word(at))
                        && !lexicon::is(sentence, at, Class::Incremental)
                        && !sentence.is(at, &["should", "hourly", "daily", "where", "with", "be"])
            })
    }

    fn hear_targets(&mut self, reading: &Reading) {
        for (mention, name) in &reading.targets {
            let candidates = mention.and_then(|index| reading.mentions.get(index)).map(|mention| &mention.candidates);
            match candidates {
                Some(candidates) => {
                    for pick in self
                        .picks
                        .iter_mut()
                        .filter(|pick| pick.candidates.iter().any(|candidate| candidates.contains(candidate)))
                    {
                        pick.target = Some(name.clone());
                    }
                }
                None => {
                    if let [pick] = self.picks.as_mut_slice() {
                        pick.target = Some(name.clone());
                    } else {
                        self.target = Some(name.clone());
                    }
                }
            }
        }
        if let (Some(target), [pick]) = (self.target.clone(), self.picks.as_mut_slice()) {
            pick.target.get_or_insert(target);
        }
    }
}

fn pick(source: &str, stream: &StreamSpec) -> Pick {
    Pick {
        words: stream.stream.clone(),
        candidates: vec![Candidate { connection: source.to_owned(), stream: stream.stream.clone() }],
        how: How::Name,
        target: stream.target.clone(),
    }
}

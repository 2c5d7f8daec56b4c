//! Schedules as people say them: pieces (how often, at what time, on which days, in which zone) are picked out of a
//! sentence wherever they stand, and put together into a cron line or an interval.

mod clock;
mod compose;
mod days;
mod elsewhere;
mod window;
mod zone;

use super::lexicon::{self, Class};
use super::token::{Kind, Sentence};
use super::treatment::dropped;
pub(super) use clock::amount;
pub(super) use compose::{Timing, compose};
use elsewhere::{looks_back, of_something_else};
use window::{literal_cron, single_moment, window};

/// What a sentence says of a schedule.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pieces {
    pub cron: Option<String>,
    /// How often: every `0` of these units.
    pub every: Option<(f64, Unit)>,
    /// So many times in one of these units.
    pub times_per: Option<(u32, Unit)>,
    pub times: Vec<Time>,
    /// Minute of each hour.
    pub minute: Option<u32>,
    pub minutes_more: Vec<u32>,
    /// Days of the week, as cron writes them.
    pub weekdays: Option<String>,
    /// Days of the month, as cron writes them.
    pub month_days: Option<String>,
    pub months: Option<String>,
    /// Hours of the day between which it runs.
    pub window: Option<(u32, u32)>,
    pub part_of_day: Option<PartOfDay>,
    pub zone: Option<String>,
    /// `local time`: whose is not known.
    pub zone_unclear: bool,
    pub on_demand: bool,
    /// A single moment: tomorrow at five.
    pub single: bool,
    /// `now and then`: how often is not said.
    pub vague: bool,
    /// A time or a zone that there is none of, as written.
    pub impossible: Option<String>,
    /// The tokens that say it.
    pub taken: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartOfDay {
    Morning,
    Afternoon,
    Evening,
    Night,
}

/// A time of day as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    pub hour: u32,
    pub minute: u32,
    pub clarity: Clarity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clarity {
    /// `14:00`, `2 am`, `noon`.
    Clear,
    /// `7:30`: read as written on a 24-hour clock.
    Likely,
    /// `at 7`: morning or evening.
    Open,
}

impl Pieces {
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Only a zone, a time or a part of the day: changes a schedule, makes none.
    pub(super) fn is_frequency(&self) -> bool {
        self.cron.is_some()
            || self.every.is_some()
            || self.times_per.is_some()
            || self.weekdays.is_some()
            || self.month_days.is_some()
    }

    /// These pieces with what the answer to a question about them adds or replaces.
    pub(super) fn settled_by(&self, answer: &Self) -> Self {
        if answer.is_frequency() || answer.on_demand {
            let times = if answer.times.is_empty()
                && answer.every.is_some_and(|(number, unit)| number <= 1.0 && unit == Unit::Day)
            {
                self.times.clone()
            } else {
                answer.times.clone()
            };
            // `daily at 18:00` as the answer to `every weekday at 6`: the days stay.
            let kept = answer.every == Some((1.0, Unit::Day)) && answer.weekdays.is_none() && !answer.times.is_empty();
            let (weekdays, month_days) = if kept {
                (self.weekdays.clone(), self.month_days.clone())
            } else {
                (answer.weekdays.clone(), answer.month_days.clone())
            };
            return Self {
                times,
                weekdays,
                month_days,
                zone: answer.zone.clone().or_else(|| self.zone.clone()),
                ..answer.clone()
            };
        }
        let mut settled = self.clone();
        if !answer.times.is_empty() {
            settled.times.clone_from(&answer.times);
        }
        settled.part_of_day = answer.part_of_day.or(settled.part_of_day);
        settled.minute = answer.minute.or(settled.minute);
        if answer.zone.is_some() {
            settled.zone.clone_from(&answer.zone);
            settled.zone_unclear = false;
        }
        settled.taken.extend(&answer.taken);
        settled
    }

    fn take(&mut self, from: usize, length: usize) {
        self.taken.extend(from..from + length);
    }
}

/// Picks every piece of a schedule out of a sentence. `free` says which tokens may be read.
pub(super) fn read(sentence: &Sentence, free: &dyn Fn(usize) -> bool, asked: bool) -> Pieces {
    let mut pieces = Pieces::default();
    if let Some((from, to, cron)) = literal_cron(sentence) {
        pieces.cron = Some(cron);
        pieces.take(from, to - from);
    }
    let mut at = 0;
    while at < sentence.len() {
        if !free(at) || pieces.taken.contains(&at) {
            at += 1;
            continue;
        }
        let length = piece(sentence, at, &mut pieces, asked).unwrap_or(0);
        pieces.take(at, length);
        at += length.max(1);
    }
    zone::read(sentence, free, &mut pieces);
    if pieces.impossible.is_none()
        && let Some((at, text)) = clock::impossible(sentence, free).or_else(|| zone::unknown(sentence, free, &pieces))
    {
        pieces.impossible = Some(text);
        pieces.take(at, 1);
    }
    if pieces.impossible.is_none()
        && !pieces.vague
        && pieces
            .taken
            .iter()
            .all(|at| lexicon::is(sentence, *at, Class::From) || sentence.is(*at, &["at", "on", "the"]))
    {
        pieces.taken.clear();
    }
    pieces
}

/// Reads one piece; the number of tokens that it takes.
fn piece(sentence: &Sentence, at: usize, pieces: &mut Pieces, asked: bool) -> Option<usize> {
    if looks_back(sentence, at) || of_something_else(sentence, at) {
        return None;
    }
    if let Some(length) = lexicon::phrase(sentence, at, Class::Vague) {
        pieces.vague = true;
        return Some(length);
    }
    if let Some(length) =
        lexicon::phrase(sentence, at, Class::OnDemand).or_else(|| dropped(sentence, at, &["schedule", "schedules"]))
    {
        // `once a day` is a frequency; `once` alone is not.
        let frequency = sentence.is(at + length, &["a", "an", "per", "every", "each", "daily", "weekly", "monthly"]);
        if !frequency {
            pieces.on_demand = true;
            return Some(length);
        }
    }
    frequency(sentence, at, pieces)
        .or_else(|| days::read(sentence, at, pieces))
        .or_else(|| minute_of_hour(sentence, at, pieces))
        .or_else(|| window(sentence, at, pieces))
        .or_else(|| clock::read(sentence, at, pieces, asked))
        .or_else(|| single_moment(sentence, at, pieces))
}

fn unit_at(sentence: &Sentence, at: usize) -> Option<Unit> {
    unit(sentence.word(at))
}

pub(super) fn unit(word: &str) -> Option<Unit> {
    Some(match lexicon::values().units.get(word)?.as_str() {
        "second" => Unit::Second,
        "minute" => Unit::Minute,
        "hour" => Unit::Hour,
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "quarter" => Unit::Quarter,
        _ => Unit::Year,
    })
}

/// `hourly`, `every 15 minutes`, `twice a day`, `once per week`, `every other hour`.
fn frequency(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let named = match sentence.word(at) {
        "hourly" => Some((1.0, Unit::Hour)),
        "daily" | "everyday" => Some((1.0, Unit::Day)),
        "nightly" => {
            pieces.part_of_day = Some(PartOfDay::Night);
            Some((1.0, Unit::Day))
        }
        "weekly" => Some((1.0, Unit::Week)),
        "biweekly" | "bi-weekly" | "fortnightly" => Some((2.0, Unit::Week)),
        "monthly" => Some((1.0, Unit::Month)),
        "quarterly" => Some((1.0, Unit::Quarter)),
        "yearly" | "annually" => Some((1.0, Unit::Year)),
        "minutely" => Some((1.0, Unit::Minute)),
        "half-hourly" => Some((30.0, Unit::Minute)),
        _ => None,
    };
    if let Some(every) = named {
        set_every(pieces, every);
        return Some(1);
    }
    if sentence.is(at, &["every", "each", "evry", "per", "once", "ever"])
        || (sentence.is(at, &["at", "in", "with", "on"]) && sentence.is(at + 1, &["a", "an"]))
    {
        return every(sentence, at, pieces);
    }
    if let Some((count, used)) = count(sentence, at)
        && let Some(per) = per_unit(sentence, at + used)
    {
        pieces.times_per = Some((count, per.0));
        return Some(used + per.1);
    }
    // `at an interval of 4 hours`, `a frequency of 20 minutes`
    if sentence.is(at, &["interval", "intervals", "frequency", "cadence", "rhythm", "cycle", "period"]) {
        let lead =
            1 + usize::from(sentence.is(at + 1, &["of", "is"]) || matches!(sentence.text(at + 1), ":" | "=" | "-"));
        let every = usize::from(sentence.is(at + lead, &["every", "each"]));
        let (number, used) = amount(sentence, at + lead + every)?;
        let hyphen = usize::from(sentence.text(at + lead + every + used) == "-");
        let unit = unit_at(sentence, at + lead + every + used + hyphen)?;
        set_every(pieces, (number, unit));
        return Some(lead + every + used + hyphen + 1);
    }
    // `15 minute intervals`, `a 30-minute schedule`.
    let (number, used) = amount(sentence, at)?;
    let used = used + usize::from(sentence.text(at + used) == "-");
    let unit = unit_at(sentence, at + used)?;
    let spaced = sentence.is(
        at + used + 1,
        &["interval", "intervals", "schedule", "cadence", "frequency", "rhythm", "cycle", "basis", "increments"],
    );
    spaced.then(|| {
        set_every(pieces, (number, unit));
        used + 2
    })
}

fn set_every(pieces: &mut Pieces, every: (f64, Unit)) {
    // `every day … hourly`: the finer one was meant, unless a weekday or another piece narrows it.
    if pieces.every.is_none_or(|(_, before)| before == Unit::Day || every.1 != Unit::Day) {
        pieces.every = Some(every);
    }
}

fn every(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let lead = if sentence.is(at, &["once"]) {
        1 + usize::from(sentence.is(at + 1, &["a", "an", "per", "every", "each", "in"]))
            + usize::from(sentence.is(at + 1, &["in"]) && sentence.is(at + 2, &["a", "an", "every"]))
    } else if sentence.is(at, &["per"]) {
        // `per hour` alone says how often only after a count, which is read elsewhere.
        return None;
    } else if sentence.is(at, &["at", "in", "with", "on"]) {
        2
    } else {
        1 + usize::from(sentence.is(at + 1, &["single"]))
    };
    let here = at + lead;
    if sentence.is(here, &["other", "second", "2nd"]) && unit_at(sentence, here + 1).is_some() {
        let unit = unit_at(sentence, here + 1)?;
        set_every(pieces, (2.0, unit));
        return Some(lead + 2);
    }
    if sentence.is(here, &["half"]) {
        let article = usize::from(sentence.is(here + 1, &["an", "a"]));
        return (unit_at(sentence, here + 1 + article)? == Unit::Hour).then(|| {
            set_every(pieces, (30.0, Unit::Minute));
            lead + 2 + article
        });
    }
    if sentence.is(here, &["half-hour"]) {
        set_every(pieces, (30.0, Unit::Minute));
        return Some(lead + 1);
    }
    if sentence.is(here, &["quarter"]) && sentence.is(here + 1, &["hour", "of"]) {
        set_every(pieces, (15.0, Unit::Minute));
        return Some(lead + 2 + 2 * usize::from(sentence.is(here + 1, &["of"])));
    }
    if let Some(part) = part_of_day(sentence.word(here)) {
        pieces.part_of_day = Some(part);
        set_every(pieces, (1.0, Unit::Day));
        return Some(lead + 1);
    }
    if let Some((number, used)) = amount(sentence, here) {
        let hyphen = usize::from(sentence.text(here + used) == "-");
        let unit = unit_at(sentence, here + used + hyphen)?;
        let noun =
            usize::from(sentence.is(here + used + hyphen + 1, &["interval", "intervals", "schedule", "cadence"]));
        if sentence.is(at, &["at", "in", "with", "on"]) && noun == 0 {
            return None;
        }
        set_every(pieces, (number, unit));
        return Some(lead + used + hyphen + 1 + noun);
    }
    if sentence.is(at, &["at", "in", "with", "on"]) {
        // `on a daily basis`, `on an hourly schedule`: the adjective is read by itself.
        return None;
    }
    let unit = unit_at(sentence, here)?;
    // `every second row`, `each day's file` speak of other things.
    if sentence.word(here).len() < 3 && !sentence.is(here, &["hr", "wk", "yr", "mo"])
        || (unit == Unit::Second
            && !sentence.word(here).ends_with('s')
            && sentence.kind(here + 1) == Some(Kind::Word)
            && !lexicon::is_known(sentence.word(here + 1)))
    {
        return None;
    }
    set_every(pieces, (1.0, unit));
    Some(lead + 1)
}

pub(super) fn part_of_day(word: &str) -> Option<PartOfDay> {
    Some(match word {
        "morning" | "mornings" | "am" => PartOfDay::Morning,
        "afternoon" | "afternoons" => PartOfDay::Afternoon,
        "evening" | "evenings" => PartOfDay::Evening,
        "night" | "nights" | "overnight" => PartOfDay::Night,
        _ => return None,
    })
}

/// `twice`, `3 times`, `three times`, `4x`, `once`.
fn count(sentence: &Sentence, at: usize) -> Option<(u32, usize)> {
    match sentence.word(at) {
        "once" => return Some((1, 1)),
        "twice" => return Some((2, 1)),
        "thrice" => return Some((3, 1)),
        _ => {}
    }
    let (number, used) = amount(sentence, at)?;
    let times = sentence.is(at + used, &["times", "time", "x"]);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a small whole number")]
    (times && number.fract() == 0.0 && (1.0..=1440.0).contains(&number)).then_some((number as u32, used + 1))
}

/// `a day`, `per hour`, `daily`, `every week`.
fn per_unit(sentence: &Sentence, at: usize) -> Option<(Unit, usize)> {
    match sentence.word(at) {
        "daily" => return Some((Unit::Day, 1)),
        "hourly" => return Some((Unit::Hour, 1)),
        "weekly" => return Some((Unit::Week, 1)),
        "monthly" => return Some((Unit::Month, 1)),
        _ => {}
    }
    let article = sentence.is(at, &["a", "an", "per", "each", "every", "in", "the"]);
    let more = usize::from(sentence.is(at, &["in"]) && sentence.is(at + 1, &["a", "an", "every", "each"]));
    article.then(|| unit_at(sentence, at + 1 + more)).flatten().map(|unit| (unit, 2 + more))
}

/// `at :05`, `at minute 5`, `5 past the hour`, `on the hour`, `at quarter past` of each hour.
fn minute_of_hour(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let lead = usize::from(sentence.is(at, &["at", "@", "on"]));
    let here = at + lead;
    if sentence.text(here) == ":"
        && sentence.kind(here + 1) == Some(Kind::Number)
        && sentence.get(here + 1).is_some_and(|token| token.glued)
    {
        let minute = sentence.text(here + 1).parse().ok().filter(|minute| *minute < 60)?;
        let mut used = lead + 2;
        set_minute(pieces, minute);
        // `at :05 and :35`
        while sentence.is(at + used, &["and", ","]) || sentence.text(at + used) == "," {
            let (colon, number) = (sentence.text(at + used + 1), sentence.text(at + used + 2));
            let Some(more) = (colon == ":").then(|| number.parse().ok()).flatten().filter(|minute| *minute < 60) else {
                break;
            };
            pieces.minutes_more.push(more);
            used += 3;
        }
        return Some(used);
    }
    if sentence.is(here, &["minute"])
        && let Some((minute, used)) = clock::whole(sentence, here + 1)
        && minute < 60
    {
        set_minute(pieces, minute);
        return Some(lead + 1 + used);
    }
    if lead == 1 && sentence.is(here, &["the"]) && sentence.is(here + 1, &["hour"]) {
        set_minute(pieces, 0);
        pieces.every.get_or_insert((1.0, Unit::Hour));
        return Some(3);
    }
    if lead == 1 && sentence.is(here, &["the"]) && sentence.is(here + 1, &["half"]) && sentence.is(here + 2, &["hour"])
    {
        set_minute(pieces, 30);
        return Some(4);
    }
    let (minute, used) = match sentence.word(here) {
        "half" => (30, 1),
        "quarter" => (15, 1),
        _ => clock::whole(sentence, here)?,
    };
    let noun = usize::from(sentence.is(here + used, &["minutes", "minute", "min", "mins"]));
    let past = here + used + noun;
    if !sentence.is(past, &["past", "after", "to", "before"]) || minute >= 60 {
        return None;
    }
    let every = usize::from(sentence.is(past + 1, &["the", "every", "each", "full"]));
    let full = usize::from(sentence.is(past + 1 + every, &["full"]));
    let hour = sentence.is(past + 1 + every + full, &["hour"]);
    // `half past` with no hour after it, under an hourly frequency.
    let bare = pieces.every.is_some_and(|(_, unit)| unit == Unit::Hour) && clock::whole(sentence, past + 1).is_none();
    if !hour && !bare {
        return None;
    }
    let minute = if sentence.is(past, &["to", "before"]) { 60 - minute } else { minute };
    set_minute(pieces, minute % 60);
    if hour && pieces.every.is_none() {
        pieces.every = Some((1.0, Unit::Hour));
    }
    Some(lead + used + noun + 1 + if hour { every + full + 1 } else { 0 })
}

fn set_minute(pieces: &mut Pieces, minute: u32) {
    if pieces.minute.is_none() {
        pieces.minute = Some(minute);
    } else {
        pieces.minutes_more.push(minute);
    }
}

//! Days, moments and spans of time.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};

use crate::agent::builtin::lexicon;
use crate::agent::builtin::schedule::{self, Unit, amount};
use crate::agent::builtin::token::{Kind, Sentence};

/// When something is, as said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Day(NaiveDate),
    /// A moment as written: `2026-01-01T05:00:00Z`, `2026-01-01 05:00`.
    Instant(String),
    /// From the first day until before the second.
    Range(NaiveDate, NaiveDate),
    /// So long before now; as the text of an interval.
    Ago(String),
    /// So many days before today.
    DaysAgo(u64),
    /// `02/03/2026`: two readings.
    Open(NaiveDate, NaiveDate),
}

/// The text of a span: `30 days`.
pub(super) fn span(sentence: &Sentence, at: usize) -> Option<(String, usize)> {
    let (number, used) = if sentence.is(at, &["a", "an", "one"]) { (1.0, 1) } else { amount(sentence, at)? };
    let unit = schedule::unit(sentence.word(at + used))?;
    Some((interval(number, unit)?, used + 1))
}

fn interval(number: f64, unit: Unit) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    let whole = (number.fract() == 0.0 && (1.0..100_000.0).contains(&number)).then_some(number as u64)?;
    let (count, name) = match unit {
        Unit::Second => (whole, "second"),
        Unit::Minute => (whole, "minute"),
        Unit::Hour => (whole, "hour"),
        Unit::Day => (whole, "day"),
        Unit::Week => (whole * 7, "day"),
        Unit::Month => (whole, "month"),
        Unit::Quarter => (whole * 3, "month"),
        Unit::Year => (whole * 12, "month"),
    };
    Some(format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
}

/// `the last 30 days`, `past year`, `previous 6 months`: a span that ends now.
pub(super) fn window(sentence: &Sentence, at: usize) -> Option<(String, usize)> {
    let the = usize::from(sentence.is(at, &["the", "these", "our"]));
    if !sentence.is(at + the, &["last", "past", "previous", "latest", "recent", "trailing", "most"]) {
        return None;
    }
    let recent = usize::from(sentence.is(at + the + 1, &["recent"]));
    let start = at + the + 1 + recent;
    if let Some((span, used)) = span(sentence, start) {
        return Some((span, the + 1 + recent + used));
    }
    // `the last month` is the month that ends now; `last month` is the one on the calendar.
    let unit = schedule::unit(sentence.word(start)).filter(|_| sentence.word(start).len() > 2)?;
    (the == 1 || sentence.is(at, &["past"]) || matches!(unit, Unit::Hour | Unit::Minute | Unit::Day))
        .then(|| interval(1.0, unit))
        .flatten()
        .map(|span| (span, the + 2 + recent))
}

/// Reads a moment or a stretch of the calendar.
pub(super) fn read(sentence: &Sentence, at: usize, now: DateTime<Utc>) -> Option<(Moment, usize)> {
    let the = usize::from(sentence.is(at, &["the"]));
    written(sentence, at)
        .or_else(|| spoken(sentence, at + the, now).map(|(moment, used)| (moment, used + the)))
        .or_else(|| relative(sentence, at, now))
}

/// Dates in digits.
fn written(sentence: &Sentence, at: usize) -> Option<(Moment, usize)> {
    let token = sentence.get(at)?;
    if !matches!(token.kind, Kind::Number | Kind::Quoted) {
        return None;
    }
    let text = token.text.as_str();
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        // `2026-01-01 05:00`
        let clock = sentence.text(at + 1);
        let timed = sentence.kind(at + 1) == Some(Kind::Number) && clock.contains(':') && clock.len() >= 4;
        return Some(if timed { (Moment::Instant(format!("{text} {clock}")), 2) } else { (Moment::Day(day), 1) });
    }
    if text.len() > 10 && text.get(..10).is_some_and(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok()) {
        return Some((Moment::Instant(text.to_owned()), 1));
    }
    if let Ok(first) = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d") {
        return Some((month_range(first)?, 1));
    }
    if let Some(year) = year(text) {
        return Some((year_range(year)?, 1));
    }
    let separator = ['/', '.'].into_iter().find(|separator| text.matches(*separator).count() == 2)?;
    let parts: Vec<u32> = text.split(separator).map_while(|part| part.parse().ok()).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    if *first > 31 {
        return NaiveDate::from_ymd_opt(i32::try_from(*first).ok()?, *second, *third).map(|day| (Moment::Day(day), 1));
    }
    let year = i32::try_from(if *third < 100 { third + 2000 } else { *third }).ok()?;
    let (european, american) =
        (NaiveDate::from_ymd_opt(year, *second, *first), NaiveDate::from_ymd_opt(year, *first, *second));
    let moment = match (european, american) {
        (Some(european), Some(american)) if european != american && separator == '/' => {
            Moment::Open(european, american)
        }
        (Some(day), _) | (None, Some(day)) => Moment::Day(day),
        (None, None) => return None,
    };
    Some((moment, 1))
}

fn year(text: &str) -> Option<i32> {
    (text.len() == 4).then(|| text.parse().ok()).flatten().filter(|year| (1900..2200).contains(year))
}

fn year_range(year: i32) -> Option<Moment> {
    Some(Moment::Range(NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year + 1, 1, 1)?))
}

fn month_range(first: NaiveDate) -> Option<Moment> {
    Some(Moment::Range(first, first.checked_add_months(Months::new(1))?))
}

/// `January 2026`, `1 January 2026`, `Jan 1st, 2026`, `Q1 2026`.
fn spoken(sentence: &Sentence, at: usize, now: DateTime<Utc>) -> Option<(Moment, usize)> {
    let months = &lexicon::values().months;
    let token = sentence.get(at)?;
    if let Some(quarter) = token
        .word
        .strip_prefix('q')
        .and_then(|quarter| quarter.parse::<u32>().ok())
        .filter(|quarter| (1..=4).contains(quarter))
    {
        let of = usize::from(sentence.is(at + 1, &["of"]));
        let named = year(sentence.text(at + 1 + of));
        let first = NaiveDate::from_ymd_opt(named.unwrap_or(now.year()), quarter * 3 - 2, 1)?;
        return Some((
            Moment::Range(first, first.checked_add_months(Months::new(3))?),
            1 + if named.is_some() { of + 1 } else { 0 },
        ));
    }
    let day_first = token.kind == Kind::Number && token.text.len() <= 2;
    if day_first {
        let day: u32 = token.text.parse().ok()?;
        let suffix = usize::from(
            sentence
                .get(at + 1)
                .is_some_and(|token| token.glued && matches!(token.word.as_str(), "st" | "nd" | "rd" | "th")),
        );
        let of = usize::from(sentence.is(at + 1 + suffix, &["of"]));
        let month = *months.get(sentence.word(at + 1 + suffix + of))?;
        let here = at + 2 + suffix + of;
        let comma = usize::from(sentence.text(here) == ",");
        let named = year(sentence.text(here + comma));
        let day = day_in(named, month, day, now)?;
        return Some((Moment::Day(day), 2 + suffix + of + if named.is_some() { comma + 1 } else { 0 }));
    }
    let month = *months.get(token.word.as_str())?;
    // `may` is also a verb: it takes a number beside it.
    let of = usize::from(sentence.is(at + 1, &["of"]));
    if let Some(year) = year(sentence.text(at + 1 + of)) {
        return Some((month_range(NaiveDate::from_ymd_opt(year, month, 1)?)?, 2 + of));
    }
    let the = usize::from(sentence.is(at + 1, &["the"]));
    if let Some(day) = sentence.text(at + 1 + the).parse::<u32>().ok().filter(|day| (1..=31).contains(day)) {
        let suffix = usize::from(
            sentence
                .get(at + 2 + the)
                .is_some_and(|token| token.glued && matches!(token.word.as_str(), "st" | "nd" | "rd" | "th")),
        );
        let comma = usize::from(sentence.text(at + 2 + the + suffix) == ",");
        let named = year(sentence.text(at + 2 + the + suffix + comma));
        return Some((
            Moment::Day(day_in(named, month, day, now)?),
            2 + the + suffix + if named.is_some() { comma + 1 } else { 0 },
        ));
    }
    if matches!(token.word.as_str(), "may" | "mar" | "dec" | "jan" | "sep" | "march")
        && !token.text.starts_with(char::is_uppercase)
    {
        return None;
    }
    let this_year = NaiveDate::from_ymd_opt(now.year(), month, 1)?;
    let first =
        if this_year > now.date_naive() { NaiveDate::from_ymd_opt(now.year() - 1, month, 1)? } else { this_year };
    Some((month_range(first)?, 1))
}

fn day_in(year: Option<i32>, month: u32, day: u32, now: DateTime<Utc>) -> Option<NaiveDate> {
    let this = NaiveDate::from_ymd_opt(year.unwrap_or(now.year()), month, day)?;
    if year.is_none() && this > now.date_naive() {
        NaiveDate::from_ymd_opt(now.year() - 1, month, day)
    } else {
        Some(this)
    }
}

/// `yesterday`, `this year`, `last month`, `3 days ago`.
fn relative(sentence: &Sentence, at: usize, now: DateTime<Utc>) -> Option<(Moment, usize)> {
    let today = now.date_naive();
    match sentence.word(at) {
        "today" => return Some((Moment::DaysAgo(0), 1)),
        "yesterday" => return Some((Moment::DaysAgo(1), 1)),
        "now" => return Some((Moment::Ago(String::new()), 1)),
        _ => {}
    }
    if let Some((span, used)) = span(sentence, at)
        && sentence.is(at + used, &["ago", "back"])
    {
        return Some((Moment::Ago(span), used + 1));
    }
    let the = usize::from(sentence.is(at, &["the"]));
    let here = at + the;
    let beginning = sentence.is(here, &["beginning", "start"]) && sentence.is(here + 1, &["of"]);
    let from = here
        + 2 * usize::from(beginning)
        + usize::from(beginning && sentence.is(here + 2, &["the", "this"]) && !sentence.is(here + 2, &["this"]));
    let (which, unit_at) = match sentence.word(from) {
        "this" | "current" => (0, from + 1),
        "last" | "previous" => (1, from + 1),
        _ if beginning => (0, from),
        _ => return None,
    };
    if beginning
        && let Some((Moment::Range(first, _), used)) = spoken(sentence, from, now).or_else(|| written(sentence, from))
    {
        return Some((Moment::Day(first), from - at + used));
    }
    let unit = schedule::unit(sentence.word(unit_at)).filter(|_| sentence.word(unit_at).len() > 2)?;
    let (first, next) = match unit {
        Unit::Day => (
            today.checked_sub_days(Days::new(which))?,
            today.checked_sub_days(Days::new(which))?.checked_add_days(Days::new(1))?,
        ),
        Unit::Week => {
            let monday =
                today.checked_sub_days(Days::new(u64::from(today.weekday().num_days_from_monday()) + 7 * which))?;
            (monday, monday.checked_add_days(Days::new(7))?)
        }
        Unit::Month => {
            let first = today.with_day(1)?.checked_sub_months(Months::new(u32::try_from(which).ok()?))?;
            (first, first.checked_add_months(Months::new(1))?)
        }
        Unit::Quarter => {
            let first = NaiveDate::from_ymd_opt(today.year(), today.month0() / 3 * 3 + 1, 1)?
                .checked_sub_months(Months::new(u32::try_from(which).ok()? * 3))?;
            (first, first.checked_add_months(Months::new(3))?)
        }
        Unit::Year => {
            let year = today.year() - i32::try_from(which).ok()?;
            (NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year + 1, 1, 1)?)
        }
        _ => return None,
    };
    let moment = if beginning { Moment::Day(first) } else { Moment::Range(first, next) };
    Some((moment, unit_at + 1 - at))
}

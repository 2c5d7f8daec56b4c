//! Days of the week, days of the month and months.

use super::{Pieces, Unit};
use crate::agent::builtin::lexicon;
use crate::agent::builtin::token::{Kind, Sentence};

/// `weekdays`, `every Monday and Thursday`, `Mon-Fri`, `the 1st and 15th`, `the first of the month`, `last day of the month`.
pub(super) fn read(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let mut lead = 0;
    while sentence.is(at + lead, &["on", "every", "each", "all", "only"]) && lead < 3 {
        lead += 1;
    }
    let here = at + lead;
    group(sentence, here, pieces)
        .or_else(|| dates(sentence, here, pieces))
        .or_else(|| of_month(sentence, here, pieces))
        .or_else(|| weekdays(sentence, here, pieces, lead > 0))
        .map(|used| used + lead)
}

/// `on January 1, April 1 and July 1`, `1 March and 1 September`: the same day of several months.
fn dates(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let months = &lexicon::values().months;
    let one = |at: usize| -> Option<(u32, u32, usize)> {
        let suffix = |at: usize| {
            usize::from(
                sentence
                    .get(at)
                    .is_some_and(|token| token.glued && matches!(token.word.as_str(), "st" | "nd" | "rd" | "th")),
            )
        };
        let day = |at: usize| sentence.text(at).parse::<u32>().ok().filter(|day| (1..=31).contains(day));
        if let Some(month) = months.get(sentence.word(at)) {
            return Some((*month, day(at + 1)?, 2 + suffix(at + 2)));
        }
        let first = day(at)?;
        let month = months.get(sentence.word(at + 1 + suffix(at + 1)))?;
        Some((*month, first, 2 + suffix(at + 1)))
    };
    // `the 1st of January, April and July`: one day, several months
    let the = usize::from(sentence.is(at, &["the"]));
    if let Some((day, length)) = ordinal(sentence, at + the)
        && sentence.is(at + the + length, &["of", "in"])
    {
        let start = at + the + length + 1;
        let mut listed = vec![*months.get(sentence.word(start))?];
        let mut end = start + 1;
        loop {
            let comma = usize::from(sentence.text(end) == ",");
            let and = usize::from(sentence.is(end + comma, &["and", "&"]));
            let Some(month) = (comma + and > 0).then(|| months.get(sentence.word(end + comma + and))).flatten() else {
                break;
            };
            listed.push(*month);
            end += comma + and + 1;
        }
        if listed.len() > 1 {
            listed.sort_unstable();
            listed.dedup();
            pieces.months = Some(listed.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
            pieces.month_days = Some(day.to_string());
            return Some(end - at);
        }
    }
    let (month, day, mut used) = one(at)?;
    let mut found = vec![month];
    loop {
        let comma = usize::from(sentence.text(at + used) == ",");
        let and = usize::from(sentence.is(at + used + comma, &["and", "&"]));
        let Some((month, again, length)) = (comma + and > 0).then(|| one(at + used + comma + and)).flatten() else {
            break;
        };
        if again != day {
            return None;
        }
        found.push(month);
        used += comma + and + length;
    }
    if found.len() < 2 {
        return None;
    }
    found.sort_unstable();
    found.dedup();
    pieces.months = Some(found.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    pieces.month_days = Some(day.to_string());
    Some(used)
}

fn group(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let (days, used) = match sentence.word(at) {
        "weekday" | "weekdays" | "workday" | "workdays" | "week-days" => ("1-5", 1),
        "week" if sentence.is(at + 1, &["days"]) => ("1-5", 2),
        "business" | "working" | "work" if sentence.is(at + 1, &["day", "days"]) => ("1-5", 2),
        "weekend" | "weekends" => ("0,6", 1),
        _ => return None,
    };
    pieces.weekdays = Some(days.to_owned());
    Some(used)
}

fn weekday(word: &str) -> Option<u32> {
    lexicon::values().weekdays.get(word).copied()
}

/// One weekday, a range or a list. Abbreviations count only beside `on`, `every` or another day: `sat` and `sun` are also names.
fn weekdays(sentence: &Sentence, at: usize, pieces: &mut Pieces, led: bool) -> Option<usize> {
    if let Some((first, last)) = sentence.word(at).split_once('-')
        && let (Some(first), Some(last)) = (weekday(first), weekday(last))
    {
        pieces.weekdays = Some(format!("{first}-{}", if last == 0 { 7 } else { last }));
        return Some(1);
    }
    let first = weekday(sentence.word(at))?;
    // `Thursday's meeting`, `by Friday`: of people, and no run.
    let owner = matches!(sentence.text(at + 1), "'" | "’") && sentence.get(at + 1).is_some_and(|token| token.glued);
    let theirs = sentence.is(at + 1, &["meeting", "call", "standup", "review", "workshop", "demo"])
        || sentence.is(at.wrapping_sub(1), &["by", "until", "till", "before", "this", "next"]) && !led;
    if sentence.kind(at) != Some(Kind::Word) || owner || theirs {
        return None;
    }
    let sure = led || sentence.word(at).len() > 4;
    let ranged =
        sentence.is(at + 1, &["to", "through", "till", "until", "thru"]) || matches!(sentence.text(at + 1), "-" | "–");
    if ranged && let Some(last) = weekday(sentence.word(at + 2)) {
        pieces.weekdays = Some(format!("{first}-{}", if last == 0 { 7 } else { last }));
        return Some(3);
    }
    let mut days = vec![first];
    let mut used = 1;
    loop {
        let comma = usize::from(sentence.text(at + used) == "," || sentence.text(at + used) == "/");
        let and = usize::from(sentence.is(at + used + comma, &["and", "&", "plus", "or"]));
        let on = usize::from(sentence.is(at + used + comma + and, &["on"]));
        let Some(day) = (comma + and > 0).then(|| weekday(sentence.word(at + used + comma + and + on))).flatten()
        else {
            break;
        };
        days.push(day);
        used += comma + and + on + 1;
    }
    if !sure && days.len() == 1 {
        return None;
    }
    days.sort_unstable();
    days.dedup();
    pieces.weekdays = Some(days.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    Some(used)
}

/// A day of the month as an ordinal: `1st`, `the 15th`, `first`.
fn ordinal(sentence: &Sentence, at: usize) -> Option<(u32, usize)> {
    if sentence.kind(at) == Some(Kind::Number) {
        let day = sentence.text(at).trim_end_matches('.').parse().ok().filter(|day| (1..=31).contains(day))?;
        let suffix = sentence
            .get(at + 1)
            .is_some_and(|token| token.glued && matches!(token.word.as_str(), "st" | "nd" | "rd" | "th"));
        return suffix.then_some((day, 2));
    }
    lexicon::values().ordinals.get(sentence.word(at)).map(|day| (*day, 1))
}

/// `the first of the month`, `1st and 15th of each month`, `on the 3rd`, `last day of every month`, `first Monday of the month`.
fn of_month(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    let the = usize::from(sentence.is(at, &["the"]));
    let start = at + the;
    if sentence.is(start, &["end", "close"])
        && let Some(tail) = month_tail(sentence, start + 1)
    {
        pieces.month_days = Some("L".to_owned());
        return Some(the + 1 + tail);
    }
    if sentence.is(start, &["last"]) && sentence.is(start + 1, &["day"]) {
        let tail = month_tail(sentence, start + 2)?;
        pieces.month_days = Some("L".to_owned());
        return Some(the + 2 + tail);
    }
    let (first, mut used) = ordinal(sentence, start).or_else(|| day_number(sentence, start))?;
    if let Some(day) = weekday(sentence.word(start + used)) {
        let tail = month_tail(sentence, start + used + 1)?;
        pieces.weekdays = Some(format!("{day}#{first}"));
        return Some(the + used + 1 + tail);
    }
    let mut days = vec![first];
    loop {
        let here = start + used;
        let comma = usize::from(sentence.text(here) == ",");
        let and = usize::from(sentence.is(here + comma, &["and", "&"]));
        let again = usize::from(sentence.is(here + comma + and, &["the"]));
        let Some((day, more)) = (comma + and > 0).then(|| ordinal(sentence, here + comma + and + again)).flatten()
        else {
            break;
        };
        days.push(day);
        used += comma + and + again + more;
    }
    let noun = usize::from(sentence.is(start + used, &["day", "days"]));
    let written = sentence.kind(start) == Some(Kind::Number);
    let tail = month_tail(sentence, start + used + noun);
    // `the first customers` is no date: without `of the month` it takes a monthly frequency or `on the 1st`.
    let monthly = pieces.every.is_some_and(|(_, unit)| matches!(unit, Unit::Month | Unit::Quarter))
        || (written && sentence.is(at.saturating_sub(1), &["on"]));
    if tail.is_none() && !monthly {
        return None;
    }
    pieces.month_days = Some(days.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    Some(the + used + noun + tail.unwrap_or(0))
}

/// `day 15 of the month`.
fn day_number(sentence: &Sentence, at: usize) -> Option<(u32, usize)> {
    let day = sentence.is(at, &["day"]).then(|| sentence.text(at + 1).parse().ok()).flatten()?;
    (1..=31).contains(&day).then_some((day, 2))
}

/// `of the month`, `of each month`, `of every quarter`, `in the month`.
fn month_tail(sentence: &Sentence, at: usize) -> Option<usize> {
    let of = usize::from(sentence.is(at, &["of", "in"]));
    let article = usize::from(sentence.is(at + of, &["the", "each", "every", "a", "any"]));
    (of + article > 0 && sentence.is(at + of + article, &["month", "months", "calendar"])).then_some(of + article + 1)
}

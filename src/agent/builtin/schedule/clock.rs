//! Numbers and times of day.

use super::{Clarity, PartOfDay, Pieces, Time, part_of_day};
use crate::agent::builtin::lexicon;
use crate::agent::builtin::token::{Kind, Sentence};

/// A number in digits or words, and how many tokens it takes: `15`, `1.5`, `fifteen`, `a couple of`.
pub(crate) fn amount(sentence: &Sentence, at: usize) -> Option<(f64, usize)> {
    if sentence.kind(at) == Some(Kind::Number) {
        let text = sentence.text(at).replace(['_', '\''], "");
        let plain = if text.matches(',').count() >= 1 && text.split(',').skip(1).all(|group| group.len() >= 3) {
            text.replace(',', "")
        } else {
            text.replace(',', ".")
        };
        return plain.parse().ok().map(|number| (number, 1));
    }
    let word = sentence.word(at);
    if word == "couple" {
        return Some((2.0, 1 + usize::from(sentence.is(at + 1, &["of"]))));
    }
    if word == "a" && sentence.is(at + 1, &["couple"]) {
        return Some((2.0, 2 + usize::from(sentence.is(at + 2, &["of"]))));
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    lexicon::values().numbers.get(word).map(|number| (*number as f64, 1))
}

/// A whole number.
pub(super) fn whole(sentence: &Sentence, at: usize) -> Option<(u32, usize)> {
    let (number, used) = amount(sentence, at)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    (number.fract() == 0.0 && (0.0..100_000.0).contains(&number)).then_some((number as u32, used))
}

/// An hour, for windows: `8`, `08:00`, `9am`.
pub(super) fn hour(sentence: &Sentence, at: usize) -> Option<((u32, Clarity), usize)> {
    let (time, used) = time(sentence, at, true)?;
    Some(((time.hour, time.clarity), used))
}

/// Times of day with `at`, or clear without it; lists of them.
pub(super) fn read(sentence: &Sentence, at: usize, pieces: &mut Pieces, asked: bool) -> Option<usize> {
    let lead = usize::from(sentence.is(at, &["at", "@", "around", "about", "by"]));
    if lead == 0 && sentence.is(at, &["in", "during"]) {
        let article = usize::from(sentence.is(at + 1, &["the"]));
        if article == 1
            && let Some(part) = part_of_day(sentence.word(at + 2))
        {
            qualify(pieces, part);
            return Some(3);
        }
    }
    if lead == 1
        && let Some(part) = part_of_day(sentence.word(at + 1)).filter(|part| *part == PartOfDay::Night)
    {
        qualify(pieces, part);
        return Some(2);
    }
    if lead == 0 && sentence.is(at, &["mornings", "evenings", "nights", "overnight"]) {
        let part = part_of_day(sentence.word(at))?;
        qualify(pieces, part);
        pieces.every.get_or_insert((1.0, super::Unit::Day));
        return Some(1);
    }
    if asked && sentence.len() <= 8 && !(at > 0 && sentence.kind(at - 1) == Some(Kind::Number)) {
        let part = match sentence.word(at) {
            "am" | "a.m" => Some(PartOfDay::Morning),
            "pm" | "p.m" => Some(PartOfDay::Evening),
            word => part_of_day(word),
        };
        if let Some(part) = part {
            qualify(pieces, part);
            return Some(1);
        }
    }
    let bare = lead == 1 && sentence.is(at, &["at", "@"]) || asked;
    let (first, mut used) = time(sentence, at + lead, bare)?;
    if lead == 0 && !asked && first.clarity == Clarity::Open {
        return None;
    }
    pieces.times.push(first);
    used += lead;
    // `at 6 and 18`, `06:00, 12:00 and 18:00`
    loop {
        let here = at + used;
        let comma = sentence.text(here) == ",";
        let and = sentence.is(here + usize::from(comma), &["and", "&", "or"]);
        if !comma && !and {
            break;
        }
        let separators = usize::from(comma) + usize::from(and);
        let at_again = usize::from(sentence.is(here + separators, &["at"]));
        let Some((next, more)) = time(sentence, here + separators + at_again, true) else { break };
        let is_count = super::unit(sentence.word(here + separators + at_again + more)).is_some();
        if is_count
            || (next.clarity == Clarity::Open
                && sentence.kind(here + separators + at_again + more) == Some(Kind::Word)
                && !and)
        {
            break;
        }
        pieces.times.push(next);
        used += separators + at_again + more;
    }
    Some(used)
}

/// `at 25:00`, `17:75`: written as a time of day, and none.
pub(super) fn impossible(sentence: &Sentence, free: &dyn Fn(usize) -> bool) -> Option<(usize, String)> {
    (0..sentence.len()).find_map(|at| {
        let text = sentence.text(at);
        let (hour, minute) = text.split_once(':').filter(|_| sentence.kind(at) == Some(Kind::Number) && free(at))?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.get(..2)?.parse().ok()?);
        let scheduled = (at.saturating_sub(3)..at)
            .any(|here| sentence.is(here, &["at", "daily", "every", "day", "hourly", "weekly", "run", "nightly"]));
        (scheduled && (hour > 24 || minute > 59)).then(|| (at, text.to_owned()))
    })
}

/// Says which half of the day the times so far are in.
fn qualify(pieces: &mut Pieces, part: PartOfDay) {
    pieces.part_of_day = Some(part);
}

/// One time of day and how many tokens it takes. `bare` allows a lone hour.
fn time(sentence: &Sentence, at: usize, bare: bool) -> Option<(Time, usize)> {
    match sentence.word(at) {
        "noon" | "midday" => return Some((Time { hour: 12, minute: 0, clarity: Clarity::Clear }, 1)),
        "midnight" => return Some((Time { hour: 0, minute: 0, clarity: Clarity::Clear }, 1)),
        "half" | "quarter" => return spoken(sentence, at),
        // `at ten to midnight`; `from ten to midnight` is a window.
        _ if at > 0 && sentence.is(at - 1, &["at", "@", "around"]) => {
            if let Some(found) = spoken(sentence, at) {
                return Some(found);
            }
        }
        _ => {}
    }
    let mut used = 1;
    let (mut hour, minute, written) = if sentence.kind(at) == Some(Kind::Number) {
        digits(sentence, at, bare, &mut used)?
    } else if bare {
        let (hour, words) = whole(sentence, at)?;
        used = words;
        (hour, 0, Clarity::Open)
    } else {
        return None;
    };
    if hour > 24 || minute > 59 {
        return None;
    }
    let mut clarity = if hour == 0 || hour > 12 { Clarity::Clear } else { written };
    let next = sentence.word(at + used).trim_end_matches('.').replace('.', "");
    match next.as_str() {
        "am" | "pm" if hour <= 12 => {
            hour = hour % 12 + if next == "pm" { 12 } else { 0 };
            clarity = Clarity::Clear;
            used += 1;
            if sentence.text(at + used) == "." && sentence.word(at + used - 1).contains('.') {
                used += 1;
            }
        }
        "o'clock" | "oclock" => used += 1,
        "uhr" | "hours" | "hrs" if sentence.text(at).len() >= 4 => {
            clarity = Clarity::Clear;
            used += 1;
        }
        "uhr" => {
            clarity = Clarity::Clear;
            used += 1;
        }
        _ => {}
    }
    // `7 in the morning`, `8 at night`
    let article = usize::from(sentence.is(at + used + 1, &["the"]));
    if sentence.is(at + used, &["in", "at"])
        && let Some(part) = part_of_day(sentence.word(at + used + 1 + article))
    {
        hour = in_part(hour, part);
        clarity = Clarity::Clear;
        used += 2 + article;
    }
    // A lone hour with a unit or a noun after it counts something.
    let counted = super::unit(sentence.word(at + used)).is_some() || sentence.text(at + used) == "%";
    if clarity == Clarity::Open && counted {
        return None;
    }
    if clarity == Clarity::Open && matches!(sentence.word(at + used), "utc" | "gmt" | "cet" | "cest" | "z") {
        clarity = Clarity::Likely;
    }
    Some((Time { hour: hour % 24, minute, clarity }, used))
}

/// `7:30`, `0730`, `7h30`, `14h`, `7`.
fn digits(sentence: &Sentence, at: usize, bare: bool, used: &mut usize) -> Option<(u32, u32, Clarity)> {
    let text = sentence.text(at);
    if let Some((hour, minute)) = text.split_once(':') {
        let minute = minute.get(..2).filter(|_| minute.len() == 2 || minute.len() == 5)?;
        let clarity = if hour.len() == 2 { Clarity::Clear } else { Clarity::Likely };
        return Some((hour.parse().ok()?, minute.parse().ok()?, clarity));
    }
    let suffix = sentence.get(at + 1).filter(|token| token.glued).map_or("", |token| token.word.as_str());
    if let Some(minute) = suffix.strip_prefix('h').filter(|minute| minute.is_empty() || minute.len() == 2) {
        *used = 2;
        let minute = if minute.is_empty() { 0 } else { minute.parse().ok()? };
        // `2h` with nothing that asks for a time is a span.
        return (bare).then(|| text.parse().ok()).flatten().map(|hour| (hour, minute, Clarity::Clear));
    }
    if let Some((hour, minute)) = text.split_once('.').filter(|(_, minute)| minute.len() == 2 && bare) {
        return Some((hour.parse().ok()?, minute.parse().ok()?, Clarity::Likely));
    }
    if text.len() == 4 && bare && text.chars().all(|digit| digit.is_ascii_digit()) {
        let clock: u32 = text.parse().ok()?;
        return (clock / 100 < 24 && clock % 100 < 60).then_some((clock / 100, clock % 100, Clarity::Clear));
    }
    let meridian = matches!(sentence.word(at + 1).replace('.', "").as_str(), "am" | "pm")
        || matches!(sentence.word(at + 1), "o'clock" | "oclock" | "uhr");
    let in_the =
        sentence.is(at + 1, &["in"]) && sentence.is(at + 2, &["the"]) && part_of_day(sentence.word(at + 3)).is_some();
    if !bare && !meridian && !in_the {
        return None;
    }
    let hour: u32 = text.parse().ok().filter(|hour| *hour <= 24)?;
    let clarity = if text.len() == 2 && text.starts_with('0') { Clarity::Clear } else { Clarity::Open };
    Some((hour, 0, clarity))
}

/// `half past seven`, `quarter to 6`.
fn spoken(sentence: &Sentence, at: usize) -> Option<(Time, usize)> {
    let start = at;
    let (minutes, words) = match sentence.word(at) {
        "half" => (30, 1),
        "quarter" => (15, 1),
        _ => whole(sentence, at).filter(|(minutes, _)| matches!(minutes, 5 | 10 | 20 | 25))?,
    };
    let at = at + words - 1 + usize::from(sentence.is(at + words, &["minutes", "minute", "min"]));
    let direction = sentence.word(at + 1);
    let (hour, used) = match sentence.word(at + 2) {
        "noon" | "midday" => (12, 1),
        "midnight" => (24, 1),
        _ => whole(sentence, at + 2).filter(|(hour, _)| *hour <= 24)?,
    };
    let total = match direction {
        "past" | "after" => hour * 60 + minutes,
        "to" | "before" => hour * 60 + 1440 - minutes,
        _ => return None,
    };
    let mut time = Time {
        hour: total / 60 % 24,
        minute: total % 60,
        clarity: if hour > 12 || sentence.is(at + 2, &["noon", "midday"]) { Clarity::Clear } else { Clarity::Open },
    };
    let mut taken = 2 + used + at - start;
    let next = sentence.word(at + taken);
    if matches!(next, "am" | "pm") {
        time.hour = time.hour % 12 + if next == "pm" { 12 } else { 0 };
        time.clarity = Clarity::Clear;
        taken += 1;
    } else if sentence.is(at + taken, &["in"])
        && sentence.is(at + taken + 1, &["the"])
        && let Some(part) = part_of_day(sentence.word(at + taken + 2))
    {
        time.hour = in_part(time.hour, part);
        time.clarity = Clarity::Clear;
        taken += 3;
    }
    Some((time, taken))
}

/// An hour of a 12-hour clock, said of a part of the day.
pub(super) fn in_part(hour: u32, part: PartOfDay) -> u32 {
    match part {
        PartOfDay::Morning if hour == 12 => 0,
        PartOfDay::Morning => hour,
        PartOfDay::Afternoon | PartOfDay::Evening if hour < 12 => hour + 12,
        PartOfDay::Evening if hour == 12 => 0,
        PartOfDay::Night if hour == 12 => 0,
        PartOfDay::Night if (7..12).contains(&hour) => hour + 12,
        _ => hour,
    }
}

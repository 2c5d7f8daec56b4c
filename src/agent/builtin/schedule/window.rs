//! Windows of time, single moments and cron lines as they are written.

use super::{Clarity, Pieces, Unit, clock, unit_at};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// `between 8 and 18`, `from 9am to 5pm`, `9-17`, `during business hours`.
pub(super) fn window(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    if sentence.is(at, &["business", "office", "working", "work"]) && sentence.is(at + 1, &["hours"]) {
        pieces.window.get_or_insert((9, 17));
        let lead = usize::from(sentence.is(at.saturating_sub(1), &["during", "in", "within"]));
        if lead == 1 {
            pieces.take(at - 1, 1);
        }
        return Some(2);
    }
    let opens = sentence.is(at, &["between", "from"]);
    let start = if opens { at + 1 } else { at };
    if !opens && !pieces.every.is_some_and(|(_, unit)| matches!(unit, Unit::Minute | Unit::Hour)) {
        return None;
    }
    let (first, used) = clock::hour(sentence, start)?;
    let middle = start + used;
    let joined = sentence.is(middle, &["and", "to", "until", "till", "through"])
        || sentence.text(middle) == "-"
        || sentence.text(middle) == "–";
    let (last, used_last) = joined.then(|| clock::hour(sentence, middle + 1)).flatten()?;
    // A range of numbers is one of hours only where something else speaks of a schedule.
    let clear = pieces.every.is_some() || pieces.times_per.is_some() || lexicon::word_is(sentence.word(at), Class::To);
    if !clear || unit_at(sentence, middle + 1 + used_last).is_some_and(|unit| unit != Unit::Hour) {
        return None;
    }
    let (first, last) = if first.1 == Clarity::Open && last.0 <= 12 && last.0 <= first.0 {
        (first.0, last.0 + 12)
    } else {
        (first.0, last.0)
    };
    pieces.window = Some((first.min(23), last.min(24)));
    Some(middle + 1 + used_last - at)
}

pub(super) fn single_moment(sentence: &Sentence, at: usize, pieces: &mut Pieces) -> Option<usize> {
    // `tonight's load` is called so, and not scheduled.
    let owner = matches!(sentence.text(at + 1), "'" | "’") && sentence.get(at + 1).is_some_and(|token| token.glued);
    (sentence.is(at, &["tomorrow", "tonight"]) && !owner).then(|| {
        pieces.single = true;
        1
    })
}

/// Five fields, a nickname such as `@daily`, bare or in quotation marks.
pub(super) fn literal_cron(sentence: &Sentence) -> Option<(usize, usize, String)> {
    for (at, token) in sentence.tokens.iter().enumerate() {
        if token.kind == Kind::Quoted
            && token.text.split_whitespace().count() == 5
            && token.text.split_whitespace().all(is_cron_field)
        {
            return Some((at, at + 1, token.text.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        let nickname = match token.word.as_str() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ => "",
        };
        if !nickname.is_empty() {
            return Some((at, at + 1, nickname.to_owned()));
        }
        if token.glued && at > 0 {
            continue;
        }
        let rest = sentence.raw.get(token.start..).unwrap_or("");
        let fields: Vec<&str> = rest.split_whitespace().take(5).collect();
        let trimmed: Vec<&str> =
            fields.iter().map(|field| field.trim_end_matches(['.', ';', '!', '?', ')', '"', '`'])).collect();
        let starred = trimmed.iter().filter(|field| field.contains('*')).count() >= 2;
        if trimmed.len() == 5 && starred && trimmed.iter().all(|field| is_cron_field(field)) {
            let last = trimmed.last().map_or("", |field| *field).trim_end_matches(',');
            let end = rest.find(last).map_or(token.start, |_| end_of_fifth(sentence, token.start, &trimmed));
            let to = sentence.tokens.iter().position(|other| other.start >= end).unwrap_or(sentence.len());
            return Some((at, to, trimmed.join(" ").trim_end_matches(',').to_owned()));
        }
    }
    None
}

pub(super) fn end_of_fifth(sentence: &Sentence, start: usize, fields: &[&str]) -> usize {
    let mut end = start;
    for field in fields {
        if let Some(found) = sentence.raw.get(end..).and_then(|rest| rest.find(field)) {
            end += found + field.len();
        }
    }
    end
}

pub(super) fn is_cron_field(field: &str) -> bool {
    let field = field.trim_end_matches(',');
    let named = |part: &str| {
        let part = part.to_ascii_lowercase();
        [
            "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug",
            "sep", "oct", "nov", "dec", "l",
        ]
        .contains(&part.as_str())
    };
    !field.is_empty()
        && field.split([',', '-', '/', '#']).all(|part| {
            part == "*" || (!part.is_empty() && part.chars().all(|digit| digit.is_ascii_digit())) || named(part)
        })
}

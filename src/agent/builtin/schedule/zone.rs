//! Time zones as people name them: IANA names, cities, countries, abbreviations, offsets.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Pieces;
use crate::agent::builtin::fold::fold;
use crate::agent::builtin::lexicon;
use crate::agent::builtin::token::{Kind, Sentence};

/// Finds a zone near what was read of a schedule, or one that is called a time zone.
pub(super) fn read(sentence: &Sentence, free: &dyn Fn(usize) -> bool, pieces: &mut Pieces) {
    let mut at = 0;
    while at < sentence.len() {
        if free(at)
            && !pieces.taken.contains(&at)
            && let Some((zone, used)) = zone(sentence, at, pieces)
        {
            match zone {
                Some(zone) => pieces.zone = Some(zone),
                None => pieces.zone_unclear = true,
            }
            let lead = at.checked_sub(1).filter(|before| sentence.is(*before, &["in", "at", "(", "by"]));
            if let Some(lead) = lead {
                pieces.take(lead, 1);
            }
            pieces.take(at, used);
            at += used;
        } else {
            at += 1;
        }
    }
}

/// `04:00 Atlantis/City`, `at 9:00 Gotham time`: a zone is due, and there is none of that name.
pub(super) fn unknown(sentence: &Sentence, free: &dyn Fn(usize) -> bool, pieces: &Pieces) -> Option<(usize, String)> {
    if pieces.times.is_empty() || pieces.zone.is_some() {
        return None;
    }
    (1..sentence.len()).find_map(|at| {
        let behind = free(at) && pieces.taken.contains(&(at - 1)) && sentence.kind(at) == Some(Kind::Word);
        let capital = sentence.text(at).starts_with(char::is_uppercase);
        let path = sentence.text(at + 1) == "/"
            && sentence.get(at + 1).is_some_and(|token| token.glued)
            && sentence.text(at + 2).starts_with(char::is_uppercase);
        let called = sentence.is(at + 1, &["time", "timezone"]) && !lexicon::is_known(sentence.word(at));
        (behind && capital && (path || called))
            .then(|| (at, sentence.span(at, if path { at + 3 } else { at + 1 }).to_owned()))
    })
}

fn zone(sentence: &Sentence, at: usize, pieces: &Pieces) -> Option<(Option<String>, usize)> {
    if sentence.is(at, &["local", "our", "my"]) && sentence.is(at + 1, &["time", "timezone"]) {
        return Some((None, 2));
    }
    let label = if sentence.is(at, &["timezone", "tz"]) {
        1
    } else if sentence.is(at, &["time"]) && sentence.is(at + 1, &["zone"]) {
        2
    } else {
        0
    };
    if label > 0 {
        let colon = usize::from(
            sentence.text(at + label) == ":"
                || sentence.is(at + label, &["is", "of", "=", "to", "for"])
                || sentence.text(at + label) == "=",
        );
        let (zone, used) = named(sentence, at + label + colon, true)?;
        return Some((Some(zone), label + colon + used));
    }
    let scheduled = !pieces.taken.is_empty();
    let after_time = at.checked_sub(1).is_some_and(|before| pieces.taken.contains(&before))
        || (sentence.is(at.saturating_sub(1), &["in", "("]) && at >= 2 && pieces.taken.contains(&(at - 2)))
        || sentence.text(at.saturating_sub(1)) == "("
        // `at 9 in the morning, Vienna`
        || at >= 2
            && sentence.text(at - 1) == ","
            && pieces.taken.contains(&(at - 2))
            && !pieces.times.is_empty()
            && sentence.text(at).starts_with(char::is_uppercase);
    let (zone, mut used) = named(sentence, at, after_time && scheduled)?;
    let called = sentence.is(at + used, &["time", "timezone", "tz"])
        || (sentence.is(at + used, &["standard", "daylight"]) && sentence.is(at + used + 1, &["time"]));
    if called {
        used += 1 + usize::from(sentence.is(at + used, &["standard", "daylight"]));
        used += usize::from(sentence.is(at + used - 1, &["time"]) && sentence.is(at + used, &["zone"]));
    }
    let explicit =
        sentence.span(at, at + used).contains('/') || matches!(sentence.word(at), "utc" | "gmt" | "cet" | "cest");
    (called || explicit || (after_time && scheduled)).then_some((Some(zone), used))
}

fn named(sentence: &Sentence, at: usize, near: bool) -> Option<(String, usize)> {
    if !matches!(sentence.kind(at), Some(Kind::Word | Kind::Quoted)) {
        return None;
    }
    // `Europe/Zurich`, `America/Argentina/Buenos_Aires`
    for length in [5, 3] {
        let text = sentence.span(at, at + length);
        if text.contains('/')
            && let Some(zone) = iana(text)
        {
            return Some((zone, length));
        }
    }
    if let Some(zone) = iana(sentence.text(at)).filter(|zone| zone.contains('/')) {
        return Some((zone, 1));
    }
    // `UTC+2`
    if sentence.is(at, &["utc", "gmt"])
        && matches!(sentence.text(at + 1), "+" | "-")
        && sentence.get(at + 1).is_some_and(|token| token.glued)
    {
        let hours: i32 =
            sentence.text(at + 2).trim_end_matches(":00").parse().ok().filter(|hours| (0..=14).contains(hours))?;
        let sign = if sentence.text(at + 1) == "+" { '-' } else { '+' };
        return Some((if hours == 0 { "UTC".to_owned() } else { format!("Etc/GMT{sign}{hours}") }, 3));
    }
    for length in (1..=3).rev() {
        let words: Vec<&str> = (at..at + length).map(|at| sentence.word(at)).collect();
        if words.iter().any(|word| word.is_empty()) {
            continue;
        }
        let phrase = words.join(" ");
        // Short ones and words of everyday use stand for zones only where a time was just said.
        let time_follows = sentence.is(at + length, &["time", "timezone", "tz", "standard", "daylight"]);
        if (near || time_follows || matches!(phrase.as_str(), "utc" | "gmt" | "cet" | "cest"))
            && let Some(zone) = lexicon::zones().get(&phrase)
        {
            return Some((zone.clone(), length));
        }
        if (near || time_follows)
            && let Some(zone) = city(&phrase)
        {
            return Some((zone, length));
        }
    }
    None
}

fn iana(name: &str) -> Option<String> {
    NAMES.get(&name.to_ascii_lowercase()).map(|name| (*name).to_owned())
}

/// The zone whose city this is.
fn city(phrase: &str) -> Option<String> {
    let folded = fold(phrase);
    CITIES.get(&folded).filter(|_| folded.len() >= 4).map(|name| (*name).to_owned())
}

/// IANA names in lower case.
static NAMES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), zone.name())).collect()
});

/// Folded cities, the first zone of each.
static CITIES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut cities = HashMap::new();
    let zones = chrono_tz::TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .filter(|name| name.contains('/') && !name.starts_with("Etc/") && !name.starts_with("US/"));
    for name in zones {
        if let Some(city) = name.rsplit('/').next() {
            cities.entry(fold(city)).or_insert(name);
        }
    }
    cities
});

//! Places that are not named as the workspace names them: with a slip, by a word of a label alone, or not at all.

use super::place::{Lead, lead, put_source, spot};
use super::{Before, Place, Reading, Use, passage, region};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::connection::Directory;
use crate::agent::builtin::link::stream::Streams;
use crate::agent::builtin::token::Kind;

/// A source that is named by a word of its label alone, where nothing else is named: `the catering files should go to …`.
pub(super) fn read_bare(reading: &mut Reading, directory: &Directory, before: &Before) {
    let nothing =
        reading.source.is_none() && reading.mentions.is_empty() && !before.begun && reading.destination.is_some();
    if !nothing {
        return;
    }
    let asked_for: Vec<bool> = reading.described.iter().map(|described| !described).collect();
    let spotted = spot(reading, directory, &asked_for, &|mention, lead| {
        let able = mention.names.iter().filter_map(|name| directory.get(name)).any(|connection| connection.source);
        lead == Lead::None && able && mention.names.len() == 1
    });
    if let [spot] = spotted.as_slice() {
        put_source(reading, directory, spot);
    } else {
        for spot in spotted {
            reading.mark(spot.mention.from, spot.mention.to, Use::Free);
        }
    }
}

/// Connections written with a slip, right behind a word that leads a place.
pub(super) fn read_slips(reading: &mut Reading, directory: &Directory, before: &Before, streams: &Streams) {
    let sentence = reading.sentence.clone();
    for at in 0..sentence.len() {
        let word = reading.free(at) && matches!(sentence.kind(at), Some(Kind::Word | Kind::Quoted));
        let lead = lead(&sentence, at);
        let open = match lead {
            Lead::Source => reading.source.is_none() && before.source.is_empty(),
            Lead::Destination => reading.destination.is_none() && before.destination.is_empty(),
            _ => false,
        };
        if !word || !open || lexicon::is_english(sentence.word(at)) || directory.foreign_system(&sentence, at).is_some()
        {
            continue;
        }
        let Some(mut slip) = directory.slip(&sentence, at).filter(|_| streams.named(sentence.text(at)).is_none())
        else {
            continue;
        };
        slip.names.retain(|name| {
            directory.get(name).is_some_and(|known| if lead == Lead::Source { known.source } else { known.destination })
        });
        if slip.names.is_empty() {
            continue;
        }
        reading.mark(slip.from, slip.to, Use::Connection);
        let place = Place { words: sentence.name(slip.from, slip.to), names: slip.names, how: slip.how, system: None };
        if lead == Lead::Source {
            reading.source = Some(place);
        } else {
            reading.destination = Some(place);
        }
    }
}

/// Places that are none of the workspace's: a slip, a system without a connection, an unknown name.
pub(super) fn read_unknown(reading: &mut Reading, directory: &Directory, before: &Before, streams: &Streams) {
    let sentence = reading.sentence.clone();
    for at in 0..sentence.len() {
        let Some(token) =
            sentence.get(at).filter(|token| reading.free(at) && matches!(token.kind, Kind::Word | Kind::Quoted))
        else {
            continue;
        };
        let lead = lead(&sentence, at);
        let foreign =
            directory.foreign_system(&sentence, at).filter(|(_, length)| (at..at + length).all(|at| reading.free(at)));
        let place_noun = sentence.is(at + 1, &["database", "warehouse", "server", "instance", "connection", "cluster"]);
        let bare_system = foreign.is_some()
            && lead == Lead::None
            && token.word.len() >= 4
            && !lexicon::is_known(&token.word)
            && reading.transfer;
        let focus = before.focus.as_deref().is_some_and(|focus| focus.ends_with(".connection"))
            && !before.picked.is_empty()
            && sentence.len() <= 4;
        let leads = matches!(lead, Lead::Source | Lead::Destination)
            || (lead == Lead::Beside && foreign.is_some())
            || bare_system
            || place_noun
            || focus;
        let renaming = (region::clause_start(&sentence, at)..at).any(|here| {
            lexicon::is(&sentence, here, Class::Rename)
                || sentence.is(here, &["cast", "convert", "change", "turn", "set", "map"])
        }) && !(region::clause_start(&sentence, at)..at)
            .any(|here| sentence.is(here, &["source", "destination", "target"]));
        let english = lexicon::is_english(&token.word) && foreign.is_none();
        let described = reading.described.get(at) == Some(&true);
        if !leads || english || renaming || described || token.quote == Some('\'') || reading.is_column(at) {
            continue;
        }
        let source = match lead {
            Lead::Source => true,
            Lead::Destination => false,
            _ if focus => before.focus.as_deref() == Some("source.connection"),
            _ => reading.source.is_none() && (reading.destination.is_some() || lead != Lead::Beside),
        };
        let slot = if source { &reading.source } else { &reading.destination };
        if slot.is_some() {
            continue;
        }
        let (names, how, system, to) = if let Some((system, length)) = foreign {
            (Vec::new(), How::Name, Some(system), at + length)
        } else if let Some(slip) = directory.slip(&sentence, at) {
            (slip.names, How::Slip, None, slip.to)
        } else if token.text.contains("://") || sentence.span(at, at + 3).contains("://") {
            (Vec::new(), How::Name, None, at + 1)
        } else {
            (Vec::new(), How::Name, None, run_end(reading, at))
        };
        if names.is_empty() && system.is_none() && source && stream_like(reading, streams, at, to) {
            continue;
        }
        let place = Place { words: sentence.name(at, to), names, how, system };
        reading.mark(at, to, Use::Connection);
        if source {
            reading.source = Some(place);
        } else {
            reading.destination = Some(place);
        }
    }
}

/// Where a run of unknown words ends.
pub(super) fn run_end(reading: &Reading, at: usize) -> usize {
    let sentence = &reading.sentence;
    let mut to = at + 1;
    while reading.free(to)
        && sentence.kind(to) == Some(Kind::Word)
        && !lexicon::is_english(sentence.word(to))
        && !reading.is_column(to)
        && !passage::begins(sentence, to)
    {
        to += 1;
    }
    to
}

/// A value or a moment after `from`, rather than a place.
fn stream_like(reading: &Reading, streams: &Streams, at: usize, to: usize) -> bool {
    let sentence = &reading.sentence;
    let month = lexicon::values().months.contains_key(sentence.word(at))
        || lexicon::values().weekdays.contains_key(sentence.word(at));
    month
        || lexicon::is(sentence, to, Class::Table)
        || lexicon::is(sentence, to, Class::Column)
        || streams.named(sentence.span(at, to)).is_some()
}

//! The source and the streams of it that move.

use super::{Chosen, Found, Going, Request, Stop};
use crate::agent::builtin::draft::Pick;
use crate::agent::builtin::fold::fold;
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::stream::Candidate;
use crate::agent::builtin::reading::Place;
use crate::agent::builtin::step::{Step, ask, obstacle, same};

pub(super) fn find(request: &Request<'_>) -> Going<Found> {
    place_obstacles(request)?;
    let draft = request.draft;
    if !draft.unknown.is_empty() {
        return Err(Stop::Take(unknown(request)));
    }
    let mut implied = None;
    let picks = if draft.picks.is_empty() && draft.wildcard.is_none() {
        let Some((pick, text)) = only_stream(request)? else { return Err(Stop::Take(nothing_named(request))) };
        implied = Some(text);
        vec![pick]
    } else {
        relinked(request)?
    };
    let source = connection(request, &picks)?;
    let mut found = Found { source, wildcard: draft.wildcard.is_some(), ..Found::default() };
    say_source(request, &mut found);
    if let Some(text) = implied {
        found.assume("streams", text);
    }
    for pick in &picks {
        let stream = one(request, &mut found, pick)?;
        if !found.streams.iter().any(|chosen| chosen.stream == stream) {
            found.streams.push(Chosen { stream, target: pick.target.clone() });
        }
    }
    expand(request, &mut found)?;
    Ok(found)
}

/// The source was named, and is none or cannot be one.
fn place_obstacles(request: &Request<'_>) -> Going<()> {
    let Some(place) = &request.draft.source else { return Ok(()) };
    if place.names.is_empty() {
        return Err(stranger(request, place, true)?);
    }
    let can = place.names.iter().filter_map(|name| request.directory.get(name)).any(|connection| connection.source);
    if can {
        return Ok(());
    }
    let name = place.names.first().map_or("", String::as_str);
    let text = format!(
        "`{name}` can only be written to in this workspace; it is no source. Choose another source, or give `{name}` the role under Connections."
    );
    Err(Stop::Take(obstacle("not_a_source", text, choices(request, true))))
}

/// A place that no connection of the workspace is.
pub(super) fn stranger(request: &Request<'_>, place: &Place, source: bool) -> Going<Stop> {
    let slot = if source { "source.connection" } else { "destination.connection" };
    let side = if source { "read from" } else { "written to" };
    if let Some(system) = &place.system {
        let known = request.know.connector(&place.words)?;
        let by_id = if known.is_empty() { request.know.connector(&system.replace('_', " "))? } else { known };
        let Some((_, name)) = by_id.first() else {
            let text = format!("There is no connector for `{}`, so it cannot be {side}.", place.words);
            return Ok(Stop::Take(obstacle("unknown_connector", text, choices(request, source))));
        };
        let text = format!(
            "This workspace has no connection to {name} yet. Add one under Connections, or choose one of these. What should be {side}?"
        );
        return Ok(Stop::Take(ask(slot, text, choices(request, source))));
    }
    let text = if place.words.contains("://") {
        format!(
            "An address in the chat is not used as a connection. Add it under Connections, where its password is kept safe. Which connection should be {side}?"
        )
    } else {
        format!("There is no connection `{}` in this workspace. Which one should be {side}?", place.words)
    };
    Ok(Stop::Take(ask(slot, text, choices(request, source))))
}

/// The connections that can take a side, as options.
pub(super) fn choices(request: &Request<'_>, source: bool) -> Vec<(String, String)> {
    let names = request
        .directory
        .connections()
        .filter(|connection| if source { connection.source } else { connection.destination })
        .map(|connection| connection.name.clone());
    names
        .map(|name| {
            let say = if source { format!("from {name}") } else { format!("to {name}") };
            (name, say)
        })
        .collect()
}

/// Names that are no streams.
fn unknown(request: &Request<'_>) -> Step {
    let names = &request.draft.unknown;
    let places: Option<Vec<String>> = request.draft.source.as_ref().map(|place| place.names.clone());
    let mut likely: Vec<Candidate> = Vec::new();
    for name in names {
        for candidate in request.streams.like(name, places.as_deref()) {
            if !likely.contains(&candidate) {
                likely.push(candidate);
            }
        }
    }
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let among = match places.as_deref() {
        Some([place]) => format!("`{place}`"),
        _ => "the connections of this workspace".to_owned(),
    };
    let mut options = same(likely.into_iter().take(4).map(|candidate| candidate.stream));
    if !request.draft.picks.is_empty() {
        options.push(("Only the others".to_owned(), "only the others".to_owned()));
    }
    ask("streams", format!("There is no stream {listed} in {among}. Which one is meant?"), options)
}

/// The stream of a source that holds nothing else, or that is called like its source; with what is assumed.
fn only_stream(request: &Request<'_>) -> Going<Option<(Pick, String)>> {
    let Some(place) = &request.draft.source else { return Ok(None) };
    let [source] = place.names.as_slice() else { return Ok(None) };
    let listing = request.know.listing(source)?;
    let pick = |stream: &crate::agent::builtin::knowledge::Stream| Pick {
        words: stream.name.clone(),
        candidates: vec![Candidate { connection: source.clone(), stream: stream.stream.clone() }],
        how: How::Name,
        target: request.draft.target.clone(),
    };
    if let ([only], true) = (listing.streams.as_slice(), listing.complete) {
        return Ok(Some((pick(only), format!("`{}` is the only stream of `{source}`.", only.stream))));
    }
    let called = fold(&place.words);
    let mut same = listing.streams.iter().filter(|stream| fold(&stream.name) == called && fold(source) == called);
    Ok(match (same.next(), same.next()) {
        (Some(stream), None) => {
            Some((pick(stream), format!("`{}` is taken for the stream of that name in `{source}`.", place.words)))
        }
        _ => None,
    })
}

/// Nothing says what should move.
fn nothing_named(request: &Request<'_>) -> Step {
    let draft = request.draft;
    let sources: Vec<String> = match &draft.source {
        Some(place) => place.names.clone(),
        None => Vec::new(),
    };
    match sources.as_slice() {
        [source] => {
            let mut options = same(
                request.streams.of(source).filter(|stream| stream.readable).take(6).map(|stream| stream.stream.clone()),
            );
            options.push(("Every stream".to_owned(), "all tables".to_owned()));
            ask("streams", format!("Which streams of `{source}` should move?"), options)
        }
        [] if draft.destination.is_none() => {
            ask("goal", "Which data should move, and where to? Name tables and a destination.", Vec::new())
        }
        [] => ask("streams", "Which streams should move, and from which connection?", choices(request, true)),
        several => ask(
            "source.connection",
            "Which of these connections should be read from?",
            several.iter().map(|name| (name.clone(), format!("from {name}"))).collect(),
        ),
    }
}

/// Picks whose names are looked up again where the source has changed since they were chosen.
fn relinked(request: &Request<'_>) -> Going<Vec<Pick>> {
    let mut picks = Vec::new();
    for pick in &request.draft.picks {
        let mut pick = pick.clone();
        let Some(place) = &request.draft.source else {
            picks.push(pick);
            continue;
        };
        let here: Vec<Candidate> =
            pick.candidates.iter().filter(|candidate| place.names.contains(&candidate.connection)).cloned().collect();
        if here.is_empty() {
            let last = pick.words.rsplit('.').next().unwrap_or(&pick.words).to_owned();
            let among = Some(place.names.as_slice());
            let named = request.streams.named_in(&pick.words, among).or_else(|| request.streams.named_in(&last, among));
            let again: Vec<Candidate> = named.map(|found| found.candidates).unwrap_or_default();
            if again.is_empty() {
                let names = place.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
                let likely = request.streams.like(&last, Some(&place.names));
                let options = same(likely.into_iter().map(|candidate| candidate.stream));
                return Err(Stop::Take(ask(
                    "streams",
                    format!("{names} has no stream `{last}`. Which one is meant?"),
                    options,
                )));
            }
            pick.candidates = again;
        } else {
            pick.candidates = here;
        }
        picks.push(pick);
    }
    Ok(picks)
}

/// The one connection that has every stream that was named.
fn connection(request: &Request<'_>, picks: &[Pick]) -> Going<String> {
    let readable = |name: &&String| request.directory.get(name).is_some_and(|connection| connection.source);
    let mut names: Vec<String> = match &request.draft.source {
        Some(place) => place.names.iter().filter(readable).cloned().collect(),
        None => request
            .directory
            .connections()
            .filter(|connection| connection.source)
            .map(|connection| connection.name.clone())
            .collect(),
    };
    let has = |name: &String, pick: &Pick| pick.candidates.iter().any(|candidate| candidate.connection == *name);
    if picks.is_empty() && names.len() > 1 {
        return Err(Stop::Take(ask(
            "source.connection",
            "Which connection should be read from?",
            names.into_iter().map(|name| (name.clone(), format!("from {name}"))).collect(),
        )));
    }
    let holders: Vec<String> = names.iter().filter(|name| picks.iter().all(|pick| has(name, pick))).cloned().collect();
    if holders.is_empty() && !picks.is_empty() {
        let pieces: Vec<String> = picks
            .iter()
            .map(|pick| {
                let at: Vec<String> =
                    pick.candidates.iter().map(|candidate| format!("`{}`", candidate.connection)).collect();
                format!("`{}` is in {}", pick.words, at.join(" and "))
            })
            .collect();
        let text = format!(
            "One plan reads from one connection, and no connection has all of these: {}. Which one should it be?",
            pieces.join("; ")
        );
        names.retain(|name| picks.iter().any(|pick| has(name, pick)));
        return Err(Stop::Take(ask(
            "source.connection",
            text,
            names.into_iter().map(|name| (name.clone(), format!("from {name}"))).collect(),
        )));
    }
    let mut holders = if picks.is_empty() { names } else { holders };
    // What is written to is not also read from, when something else can be.
    if holders.len() > 1
        && request.draft.source.is_none()
        && let Some([destination]) = request.draft.destination.as_ref().map(|place| place.names.as_slice())
    {
        holders.retain(|name| name != destination);
    }
    match holders.as_slice() {
        [source] => Ok(source.clone()),
        [] => {
            Err(Stop::Take(ask("source.connection", "Which connection should be read from?", choices(request, true))))
        }
        several => {
            let words = picks.iter().map(|pick| format!("`{}`", pick.words)).collect::<Vec<_>>().join(", ");
            let text = format!("{} connections have {words}. Which one should be read from?", several.len());
            Err(Stop::Take(ask(
                "source.connection",
                text,
                several.iter().map(|name| (name.clone(), format!("from {name}"))).collect(),
            )))
        }
    }
}

fn say_source(request: &Request<'_>, found: &mut Found) {
    let source = found.source.clone();
    match &request.draft.source {
        None => found.assume("source.connection", format!("Read from `{source}`, which has what was named.")),
        Some(place) if place.how == How::Slip => {
            found.assume("source.connection", format!("`{}` is read as `{source}`.", place.words));
        }
        Some(place) if place.how == How::Part => {
            found.assume("source.connection", format!("`{}` is `{source}`.", place.words));
        }
        Some(_) => {}
    }
}

/// The one stream that a name means.
fn one(request: &Request<'_>, found: &mut Found, pick: &Pick) -> Going<String> {
    let mut streams: Vec<String> = pick
        .candidates
        .iter()
        .filter(|candidate| candidate.connection == found.source)
        .map(|candidate| candidate.stream.clone())
        .collect();
    if let Some(namespace) = request.draft.source_namespace.as_ref().filter(|_| streams.len() > 1) {
        let inside = |stream: &String| {
            request
                .streams
                .get(&found.source, stream)
                .is_some_and(|stream| stream.namespace.as_ref() == Some(namespace))
        };
        if streams.iter().any(&inside) {
            streams.retain(inside);
        }
    }
    let [stream] = streams.as_slice() else {
        let names = streams.iter().map(|stream| format!("`{stream}`")).collect::<Vec<_>>().join(", ");
        return Err(Stop::Take(ask(
            "streams",
            format!("`{}` may be any of {names}. Which one is meant?", pick.words),
            same(streams),
        )));
    };
    match pick.how {
        How::Slip => found.assume("streams", format!("`{}` is read as `{stream}`.", pick.words)),
        How::Part => found.assume("streams", format!("`{}` is taken for `{stream}`.", pick.words)),
        How::Name => {}
    }
    if request.streams.get(&found.source, stream).is_some_and(|found| !found.readable) {
        let text = format!(
            "The account of `{}` may not read `{stream}`. Grant it the right to read, then ask again.",
            found.source
        );
        return Err(Stop::Take(obstacle("no_permission", text, Vec::new())));
    }
    Ok(stream.clone())
}

/// The streams of a wildcard.
fn expand(request: &Request<'_>, found: &mut Found) -> Going<()> {
    let Some(wildcard) = &request.draft.wildcard else { return Ok(()) };
    let listing = request.know.whole_listing(&found.source)?;
    let mut streams = crate::agent::builtin::link::stream::Streams::default();
    streams.add(&found.source, &listing.streams);
    let namespace = request.draft.source_namespace.as_ref();
    let left_out: Vec<&str> = request
        .draft
        .left_out
        .iter()
        .filter(|left| left.connection == found.source)
        .map(|left| left.stream.as_str())
        .collect();
    let mut closed = Vec::new();
    let mut matched = 0;
    for candidate in streams.matching(&wildcard.pattern) {
        let Some(stream) = streams.get(&found.source, &candidate.stream) else { continue };
        if namespace.is_some_and(|namespace| stream.namespace.as_ref() != Some(namespace))
            || left_out.contains(&stream.stream.as_str())
        {
            continue;
        }
        matched += 1;
        if !stream.readable {
            closed.push(stream.stream.clone());
        } else if !found.streams.iter().any(|chosen| chosen.stream == stream.stream) {
            found.streams.push(Chosen { stream: stream.stream.clone(), target: None });
        }
    }
    if found.streams.is_empty() {
        let text = if matched > 0 {
            let text = format!(
                "The account of `{}` may not read any of these streams. Grant it the right to read, then ask again.",
                found.source
            );
            return Err(Stop::Take(obstacle("no_permission", text, Vec::new())));
        } else if wildcard.pattern == "*" {
            format!("`{}` has no streams to move. Which streams are meant?", found.source)
        } else {
            format!("No stream of `{}` matches `{}`. Which streams are meant?", found.source, wildcard.pattern)
        };
        let options =
            same(listing.streams.iter().filter(|stream| stream.readable).take(5).map(|stream| stream.stream.clone()));
        return Err(Stop::Take(ask("streams", text, options)));
    }
    if !closed.is_empty() {
        let names = closed.iter().map(|stream| format!("`{stream}`")).collect::<Vec<_>>().join(", ");
        found.assume("streams", format!("Left out, since the account may not read them: {names}."));
    }
    if wildcard.words.is_empty() {
        let source = found.source.clone();
        found.assume("streams", format!("Every stream of `{source}`, since none was named."));
    }
    Ok(())
}

//! Where rows go: connection and namespace.

use super::source::{choices, stranger};
use super::{Found, Going, Request, Stop};
use crate::agent::builtin::link::How;
use crate::agent::builtin::step::{ask, obstacle};

/// The destination of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub connection: String,
    pub namespace: Option<String>,
    /// Namespaces that exist there.
    pub existing: Vec<String>,
}

/// The destination was named, and is none or cannot be one.
pub(super) fn obstacles(request: &Request<'_>) -> Going<()> {
    let Some(place) = &request.draft.destination else { return Ok(()) };
    if place.names.is_empty() {
        return Err(stranger(request, place, false)?);
    }
    let can =
        place.names.iter().filter_map(|name| request.directory.get(name)).any(|connection| connection.destination);
    if can {
        return Ok(());
    }
    let name = place.names.first().map_or("", String::as_str);
    let text = format!(
        "`{name}` can only be read from in this workspace; it is no destination. Choose another, or give `{name}` the role under Connections."
    );
    Err(Stop::Take(obstacle("not_a_destination", text, choices(request, false))))
}

pub(super) fn find(request: &Request<'_>, found: &mut Found) -> Going<Target> {
    let connection = connection(request, found)?;
    let listing = request.know.listing(&connection)?;
    let existing = listing.namespaces;
    let namespace = match &request.draft.namespace {
        Some(namespace) => {
            if let Some(written) = &namespace.slip_of {
                found.assume("destination.namespace", format!("`{written}` is read as `{}`.", namespace.name));
            } else if !existing.contains(&namespace.name) && !existing.is_empty() {
                found.assume(
                    "destination.namespace",
                    format!("`{}` does not exist in `{connection}` yet and will be created.", namespace.name),
                );
            }
            Some(namespace.name.clone())
        }
        None => match existing.as_slice() {
            [] => None,
            [only] => {
                found.assume(
                    "destination.namespace",
                    format!("Written to `{only}`, the only namespace of `{connection}`."),
                );
                Some(only.clone())
            }
            several => {
                let text = format!("Which namespace of `{connection}` should the data go to?");
                return Err(Stop::Take(ask(
                    "destination.namespace",
                    text,
                    several.iter().map(|name| (name.clone(), format!("into {name}"))).collect(),
                )));
            }
        },
    };
    Ok(Target { connection, namespace, existing })
}

fn connection(request: &Request<'_>, found: &mut Found) -> Going<String> {
    let able: Vec<String> = request
        .directory
        .connections()
        .filter(|connection| connection.destination)
        .map(|connection| connection.name.clone())
        .collect();
    let Some(place) = &request.draft.destination else {
        let others: Vec<&String> = able.iter().filter(|name| **name != found.source).collect();
        return match others.as_slice() {
            [only] => {
                found.assume(
                    "destination.connection",
                    format!("Written to `{only}`, the only other destination of this workspace."),
                );
                Ok((*only).clone())
            }
            [] if able.is_empty() => {
                let text =
                    "This workspace has no destination yet. Add a connection under Connections and give it that role.";
                Err(Stop::Take(ask("destination.connection", text, Vec::new())))
            }
            _ => Err(Stop::Take(ask("destination.connection", "Where should the data go?", choices(request, false)))),
        };
    };
    let mut names: Vec<String> = place.names.iter().filter(|name| able.contains(name)).cloned().collect();
    if let Some(namespace) =
        request.draft.namespace.as_ref().filter(|namespace| names.len() > 1 && !namespace.of.is_empty())
    {
        let having: Vec<String> = names.iter().filter(|name| namespace.of.contains(name)).cloned().collect();
        if !having.is_empty() {
            names = having;
        }
    }
    // What is read from is not also written to, when something else can be.
    if names.len() > 1 {
        names.retain(|name| *name != found.source);
    }
    match names.as_slice() {
        [name] => {
            match place.how {
                How::Slip => found.assume("destination.connection", format!("`{}` is read as `{name}`.", place.words)),
                How::Part => found.assume("destination.connection", format!("`{}` is `{name}`.", place.words)),
                How::Name => {}
            }
            Ok(name.clone())
        }
        several => {
            let text = format!(
                "`{}` may be any of {} connections. Which one should the data go to?",
                place.words,
                several.len()
            );
            let options = if several.is_empty() {
                choices(request, false)
            } else {
                several.iter().map(|name| (name.clone(), format!("to {name}"))).collect()
            };
            Err(Stop::Take(ask("destination.connection", text, options)))
        }
    }
}

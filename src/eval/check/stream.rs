//! Whether one stream of a plan is what a case means.

use std::collections::BTreeSet;

use chrono::Duration;

use super::plan::Told;
use crate::connectors::{Column, Deletes, StreamSchema};
use crate::eval::expected::{ExpectedStream, Wish};
use crate::eval::world::World;
use crate::events::StreamView;
use crate::plan::span::Span;
use crate::plan::spec::{SchemaPolicy, StreamSpec, WriteSpec};
use crate::plan::{Offered, cast, filter};

pub(super) fn differences(wanted: &ExpectedStream, offered: &Offered, world: &World, told: &mut Told) {
    let name = &wanted.stream;
    // That a stream is missing is told by whoever compares the set of them.
    let Some(spec) = offered.spec.streams.iter().find(|stream| stream.stream == *name) else { return };
    let view = offered.view.streams.iter().find(|stream| stream.stream == *name);
    let at = |member: &str| format!("{name} {member}");

    told.plain(&at("cursor"), &wanted.cursor, spec.cursor.as_ref());
    told.plain(&at("null_cursor"), &wanted.null_cursor, spec.null_cursor.as_ref());
    told.plain(&at("read"), &wanted.read, Some(&spec.read));
    told.map(&at("rename"), &wanted.rename, &spec.rename, PartialEq::eq);
    told.map(&at("mask"), &wanted.mask, &spec.mask, PartialEq::eq);
    told.map(&at("cast"), &wanted.cast, &spec.cast, |a, b| match (cast::parse(a), cast::parse(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.eq_ignore_ascii_case(b),
    });
    // Defaults count as written where a value is wished for, and as absent where nothing is.
    let deletes = spec.deletes.or(matches!(wanted.deletes, Wish::Is(_)).then_some(Deletes::Ignore));
    told.plain(&at("deletes"), &wanted.deletes, deletes.as_ref());
    let policy = spec.schema_policy.or(matches!(wanted.schema_policy, Wish::Is(_)).then_some(SchemaPolicy::Evolve));
    told.plain(&at("schema_policy"), &wanted.schema_policy, policy.as_ref());
    let write = spec.write.or(matches!(wanted.write, Wish::Is(_)).then(|| written(view)).flatten());
    told.plain(&at("write"), &wanted.write, write.as_ref());
    let target = spec.target.clone().or(matches!(wanted.target, Wish::Is(_)).then(|| target(view)).flatten());
    told.plain(&at("target"), &wanted.target, target.as_ref());
    lookback(wanted, spec, told);
    key(wanted, spec, view, told);

    let Some(schema) = world.schema(&offered.spec.source.connection, name) else { return };
    columns(wanted, spec, &schema, told);
    row_filter(wanted, spec, &schema.columns, world, told);
}

/// How the stream will be written, whether or not the plan says it.
fn written(view: Option<&StreamView>) -> Option<WriteSpec> {
    serde_json::from_value(serde_json::json!(view?.write)).ok()
}

/// The bare name of the table that will be written.
fn target(view: Option<&StreamView>) -> Option<String> {
    let target = &view?.target;
    Some(target.rsplit_once('.').map_or(target.as_str(), |(_, name)| name).to_owned())
}

fn lookback(wanted: &ExpectedStream, spec: &StreamSpec, told: &mut Told) {
    match (&wanted.lookback, &spec.lookback) {
        (Wish::Is(wish), Some(got)) if Span::parse(wish).is_some() && Span::parse(wish) == Span::parse(got) => {}
        (wish, got) => told.plain(&format!("{} lookback", wanted.stream), wish, got.as_ref()),
    }
}

fn key(wanted: &ExpectedStream, spec: &StreamSpec, view: Option<&StreamView>, told: &mut Told) {
    let at = format!("{} key", wanted.stream);
    match &wanted.key {
        Wish::Free => {}
        Wish::Absent if spec.key.is_empty() => {}
        Wish::Absent => told.differs(&at, &(), &spec.key),
        Wish::Is(wish) => {
            let resolved = view.map(|view| view.key.clone()).unwrap_or_default();
            let got = if spec.key.is_empty() { &resolved } else { &spec.key };
            if set(wish) != set(got) {
                told.differs(&at, wish, got);
            }
        }
    }
}

fn set(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// Which columns move: a list of those that do is the same as one of those that do not.
fn columns(wanted: &ExpectedStream, spec: &StreamSpec, schema: &StreamSchema, told: &mut Told) {
    let all: BTreeSet<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let moved: BTreeSet<&str> =
        if spec.select.is_empty() { all.difference(&set(&spec.exclude)).copied().collect() } else { set(&spec.select) };
    let left: BTreeSet<&str> = all.difference(&moved).copied().collect();
    let mut compare = |member: &str, wish: &Wish<Vec<String>>, written: &[String], got: &BTreeSet<&str>| {
        let at = format!("{} {member}", wanted.stream);
        match wish {
            Wish::Free => {}
            Wish::Absent if written.is_empty() => {}
            Wish::Absent => told.differs(&at, &(), &written),
            Wish::Is(names) => {
                if set(names) != *got {
                    told.differs(&at, names, got);
                }
            }
        }
    };
    compare("select", &wanted.select, &spec.select, &moved);
    compare("exclude", &wanted.exclude, &spec.exclude, &left);
}

fn row_filter(wanted: &ExpectedStream, spec: &StreamSpec, columns: &[Column], world: &World, told: &mut Told) {
    let at = format!("{} filter", wanted.stream);
    let (wish, got) = match (&wanted.filter, &spec.filter) {
        (Wish::Is(wish), Some(got)) => (wish, got),
        (wish, got) => return told.plain(&at, wish, got.as_ref()),
    };
    let read = |text: &str| filter::parse(text, columns, "");
    let Ok(expected) = read(wish) else {
        told.0.push(format!("{at}: the case's own filter cannot be read: {wish}"));
        return;
    };
    // Filters that speak of now are held against each other at two times: one that names a day instead differs at one
    // of them.
    let same = read(got).is_ok_and(|got| {
        [world.now, world.now + Duration::minutes(53_593)].into_iter().all(|now| {
            let [expected, got] =
                [&expected, &got].map(|filter| filter::canonical(&filter::at_time(filter, now, columns), columns));
            expected == got
        })
    });
    if !same {
        told.differs(&at, wish, got);
    }
}

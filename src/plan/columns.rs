//! The column mapping of one stream: which columns move, under what name, as what type, and how faithfully.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::problem::{Findings, step};
use super::resolution::ResolvedColumn;
use super::spec::{MaskSpec, StreamSpec};
use super::{Problem, cast};
use crate::catalog::nearest;
use crate::connectors::{
    Column, ColumnType, Deletes, Destination, DestinationAbilities, Fidelity, Folding, LogicalType, OUR_PREFIX,
    StreamSchema,
};

/// Did-you-mean is worked out for so many unknown names of one stream at most.
const MOST_SUGGESTIONS: usize = 20;

/// Works out the mapping. Without a destination the types are left as they are and only names are checked.
pub(super) fn resolve(
    spec: &StreamSpec,
    at: &str,
    schema: &StreamSchema,
    destination: Option<&dyn Destination>,
    findings: &mut Findings,
) -> Vec<ResolvedColumn> {
    names_exist(spec, at, schema, findings);
    if !spec.select.is_empty() && !spec.exclude.is_empty() {
        let message = "A stream has either `select` or `exclude`, not both.";
        findings.refuse(
            Problem::new(format!("{at}/select"), "select_and_exclude", message).suggest("Leave `exclude` out."),
        );
    }
    let chosen = chosen(spec, at, schema, findings);
    if chosen.is_empty() {
        let message = if schema.columns.is_empty() {
            format!("`{}` has no columns.", spec.stream)
        } else {
            format!("No column of `{}` is left to move.", spec.stream)
        };
        findings.refuse(Problem::new(at, "no_columns", message));
    }
    let mut resolved = Vec::with_capacity(chosen.len());
    for column in &chosen {
        if let Some(column) = one(spec, at, column, destination, findings) {
            resolved.push(column);
        }
    }
    if let Some(destination) = destination {
        let abilities = destination.abilities();
        names_fit(spec, at, &resolved, &abilities, findings);
        columns_fit(spec, at, resolved.len(), &abilities, findings);
    }
    resolved
}

/// Every column that the spec names is one of the stream's.
fn names_exist(spec: &StreamSpec, at: &str, schema: &StreamSchema, findings: &mut Findings) {
    let known: BTreeSet<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let listed = [("select", &spec.select), ("exclude", &spec.exclude), ("key", &spec.key)];
    let lists = listed
        .into_iter()
        .flat_map(|(list, names)| names.iter().enumerate().map(move |(n, name)| (format!("{at}/{list}/{n}"), name)));
    let maps = [
        ("rename", spec.rename.keys().collect::<Vec<_>>()),
        ("cast", spec.cast.keys().collect()),
        ("mask", spec.mask.keys().collect()),
    ]
    .into_iter()
    .flat_map(|(map, names)| names.into_iter().map(move |name| (format!("{at}/{map}/{}", step(name)), name)));
    let cursor = spec.cursor.iter().map(|name| (format!("{at}/cursor"), name));
    let mut suggested = 0;
    for (pointer, name) in lists.chain(maps).chain(cursor).filter(|(_, name)| !known.contains(name.as_str())) {
        suggested += 1;
        let meant = (suggested <= MOST_SUGGESTIONS).then(|| nearest::nearest(name, known.iter().copied())).flatten();
        findings.refuse(unknown_column(pointer, name, schema, meant));
    }
}

fn unknown_column(pointer: String, name: &str, schema: &StreamSchema, meant: Option<&str>) -> Problem {
    let mut message = format!("`{}` has no column `{}`.", schema.summary.stream, super::shape::clip(name));
    if meant.is_none() && schema.columns.len() <= 30 {
        let columns = nearest::list(schema.columns.iter().map(|column| column.name.as_str()), 30);
        let _ = write!(message, " It has {columns}.");
    }
    Problem::new(pointer, "unknown_column", message).suggest_some(meant)
}

/// The columns that move, in the stream's order. Columns that a former run of this product added are left out, and said.
fn chosen<'a>(spec: &StreamSpec, at: &str, schema: &'a StreamSchema, findings: &mut Findings) -> Vec<&'a Column> {
    let selected: BTreeSet<&str> = spec.select.iter().map(String::as_str).collect();
    let excluded: BTreeSet<&str> = spec.exclude.iter().map(String::as_str).collect();
    let wanted = schema.columns.iter().filter(|column| {
        (selected.is_empty() || selected.contains(column.name.as_str())) && !excluded.contains(column.name.as_str())
    });
    let (ours, theirs): (Vec<&Column>, Vec<&Column>) = wanted.partition(|column| {
        column.name.starts_with(OUR_PREFIX)
            && !selected.contains(column.name.as_str())
            && !spec.rename.contains_key(&column.name)
    });
    if !ours.is_empty() {
        let names = nearest::list(ours.iter().map(|column| column.name.as_str()), 5);
        let message = format!("{names} of `{}` come from an earlier run and are not moved.", spec.stream);
        findings.warn(Problem::new(at, "reserved_name", message));
    }
    theirs
}

/// One column: mask, then cast, then landing.
fn one(
    spec: &StreamSpec,
    at: &str,
    source: &Column,
    destination: Option<&dyn Destination>,
    findings: &mut Findings,
) -> Option<ResolvedColumn> {
    let name = source.name.as_str();
    let target = spec.rename.get(name).map_or(name, String::as_str);
    let mask = spec.mask.get(name).copied();
    let cast = spec.cast.get(name).cloned();
    let mut data_type = source.data_type.clone();
    if matches!(mask, Some(MaskSpec::Hash | MaskSpec::Redact | MaskSpec::Partial)) {
        data_type = ColumnType::new(LogicalType::Text, "plan", "text");
    }
    let mut notes: Vec<String> = Vec::new();
    let mut fidelity = Fidelity::Exact;
    if let Some(text) = &cast {
        let pointer = format!("{at}/cast/{}", step(name));
        let verdict = casted(text, &mut data_type, source, mask).map_err(|problem| {
            findings.refuse(Problem { pointer, ..problem });
        });
        let verdict = verdict.ok()?;
        fidelity = verdict.fidelity;
        notes.extend(verdict.note.map(str::to_owned));
    }
    let written = Column {
        name: target.to_owned(),
        data_type,
        nullable: source.nullable || mask == Some(MaskSpec::Null),
        comment: None,
        indexed: false,
        generated: false,
    };
    let target_type = match destination {
        None => written.data_type.spelled.clone(),
        Some(destination) => match destination.land(&written.data_type) {
            Ok(landing) => {
                let lossy = landing.fidelity == Fidelity::Lossy;
                if lossy && cast.is_none() {
                    findings.refuse(lossy_type(at, spec, source, landing.note.as_deref(), &landing.target_type));
                    return None;
                }
                fidelity = worse(fidelity, landing.fidelity);
                notes.extend(landing.note);
                landing.target_type
            }
            Err(error) => {
                let message =
                    format!("`{name}` ({}) cannot be stored there: {}", source.data_type.spelled, error.message);
                let pointer = format!("{at}/cast/{}", step(name));
                findings.refuse(
                    Problem::new(pointer, "lossy_type", message)
                        .suggest(format!("cast: {{\"{name}\": \"text\"}}, or exclude: [\"{name}\"]")),
                );
                return None;
            }
        },
    };
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let source = Column { comment: None, ..source.clone() };
    Some(ResolvedColumn { source, target: target.to_owned(), written, target_type, fidelity, note, mask, cast })
}

fn casted(
    text: &str,
    data_type: &mut ColumnType,
    source: &Column,
    mask: Option<MaskSpec>,
) -> Result<cast::Verdict, Problem> {
    let wrong = |message: String| Problem::new("", "bad_cast", message);
    let Some(to) = cast::parse(text) else {
        let message = format!("`{}` is not a type that a column can be cast to.", super::shape::clip(text));
        return Err(wrong(message).suggest(cast::ALLOWED));
    };
    let masked = mask.is_some_and(|mask| mask != MaskSpec::Null);
    let verdict = cast::verdict(&data_type.logical, &to).filter(|_| !masked || to == LogicalType::Text);
    let Some(verdict) = verdict else {
        let what = if masked { "masked" } else { data_type.spelled.as_str() };
        let message = format!("`{}` ({what}) cannot be cast to {text}.", source.name);
        return Err(wrong(message).suggest(if masked {
            "Leave the mask or the cast out."
        } else {
            "Cast it to text."
        }));
    };
    if data_type.logical != to {
        *data_type = ColumnType::new(to, "plan", text);
    }
    Ok(verdict)
}

fn lossy_type(at: &str, spec: &StreamSpec, source: &Column, note: Option<&str>, target_type: &str) -> Problem {
    let name = &source.name;
    let loses = note.unwrap_or("some values change");
    let message = format!(
        "`{name}` of `{}` ({}) would be stored as {target_type} and lose something: {loses}.",
        spec.stream, source.data_type.spelled
    );
    Problem::new(format!("{at}/cast/{}", step(name)), "lossy_type", message)
        .suggest(format!("cast: {{\"{name}\": \"text\"}} keeps every value; a cast to another type accepts the loss"))
}

fn worse(a: Fidelity, b: Fidelity) -> Fidelity {
    match (a, b) {
        (Fidelity::Lossy, _) | (_, Fidelity::Lossy) => Fidelity::Lossy,
        (Fidelity::Lossless, _) | (_, Fidelity::Lossless) => Fidelity::Lossless,
        (Fidelity::Exact, Fidelity::Exact) => Fidelity::Exact,
    }
}

/// Names at the target: ours are reserved, none is too long, no two are the same there.
fn names_fit(
    spec: &StreamSpec,
    at: &str,
    columns: &[ResolvedColumn],
    abilities: &DestinationAbilities,
    findings: &mut Findings,
) {
    let mut seen: BTreeMap<String, &ResolvedColumn> = BTreeMap::new();
    for column in columns {
        let (name, target) = (&column.source.name, &column.target);
        let pointer = format!("{at}/rename/{}", step(name));
        if let Some(problem) = name_problem(target, &pointer, abilities, "column") {
            findings.refuse(problem.suggest(format!("rename: {{\"{name}\": \"{}\"}}", shorter(target, abilities))));
            continue;
        }
        if let Some(first) = seen.insert(folded(target, abilities.folding), column) {
            let message = format!(
                "`{}` and `{name}` of `{}` would both be `{target}` at the destination.",
                first.source.name, spec.stream
            );
            let free = (2..10_000).map(|n| format!("{target}_{n}")).find(|free| {
                !columns.iter().any(|c| folded(&c.target, abilities.folding) == folded(free, abilities.folding))
            });
            let suggestion = free.map(|free| format!("rename: {{\"{name}\": \"{free}\"}}"));
            findings.refuse(Problem::new(pointer, "name_collision", message).suggest_some(suggestion));
        }
    }
}

/// A table of the destination can have as many columns as this, ours among them.
fn columns_fit(spec: &StreamSpec, at: &str, columns: usize, abilities: &DestinationAbilities, findings: &mut Findings) {
    let ours = 2 + usize::from(spec.deletes == Some(Deletes::Soft));
    let Some(most) = abilities.column_limit.map(|limit| limit.saturating_sub(ours)) else { return };
    if columns > most {
        let message = format!(
            "`{}` would bring {columns} columns; a table of the destination takes {most}, besides this product's own.",
            spec.stream
        );
        let fewer =
            "Name those that are needed in `select`, leave others out with `exclude`, or write to files or DuckDB.";
        findings.refuse(Problem::new(at, "too_many_columns", message).suggest(fewer));
    }
}

/// What is wrong with a name that is to be made at the destination.
pub(super) fn name_problem(name: &str, pointer: &str, abilities: &DestinationAbilities, what: &str) -> Option<Problem> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        let message = format!("A {what} has an empty name, or one with control characters.");
        return Some(Problem::new(pointer, "reserved_name", message));
    }
    if folded(name, Folding::Insensitive).starts_with(OUR_PREFIX) {
        let message = format!("`{name}`: names that begin with `{OUR_PREFIX}` are this product's own.");
        return Some(Problem::new(pointer, "reserved_name", message));
    }
    if name.len() > abilities.identifier_limit {
        let message = format!(
            "`{}` is {} bytes long; the destination takes {} for a {what}.",
            super::shape::clip(name),
            name.len(),
            abilities.identifier_limit
        );
        return Some(Problem::new(pointer, "name_too_long", message));
    }
    None
}

/// A name that can be made in place of one that cannot.
pub(super) fn shorter(name: &str, abilities: &DestinationAbilities) -> String {
    let printable: String = name.chars().filter(|c| !c.is_control()).collect();
    let begins = folded(&printable, Folding::Insensitive);
    let ours = begins.len() - begins.trim_start_matches(OUR_PREFIX).len();
    // The prefix is ASCII, and so is what folds to it: it has as many characters either way.
    let mut bare: String = printable.chars().skip(ours).collect();
    let mut end = bare.len().min(abilities.identifier_limit);
    while !bare.is_char_boundary(end) {
        end -= 1;
    }
    bare.truncate(end);
    if bare.trim().is_empty() { "column_1".to_owned() } else { bare }
}

/// The name as the destination tells names apart.
pub(super) fn folded(name: &str, folding: Folding) -> String {
    match folding {
        Folding::Sensitive => name.to_owned(),
        Folding::Insensitive => name.to_lowercase(),
    }
}

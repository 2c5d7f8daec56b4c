//! Where a stream is written, what stands there now, and what becomes of it.

use super::rows::{Amount, rows_words};
use super::stream::Work;
use super::{Goal, Namespace, bounded};
use crate::catalog::nearest;
use crate::connectors::{
    DELETED_COLUMN, Deletes, Fidelity, Folding, RUN_ID_COLUMN, SYNCED_AT_COLUMN, TargetName, TargetState,
};
use crate::events::EffectView;
use crate::plan::Problem;
use crate::plan::columns::{folded, name_problem, shorter};
use crate::plan::resolution::{ResolvedColumn, ResolvedRead, ResolvedWrite};
use crate::plan::spec::SchemaPolicy;
use crate::workspace::WorkspaceError;

/// A target that was worked out.
pub(super) struct Placed {
    pub target: TargetName,
    pub effects: Vec<EffectView>,
    pub destructive: Option<String>,
}

pub(super) async fn resolve(
    work: &mut Work<'_>,
    columns: &[ResolvedColumn],
    read: Option<&ResolvedRead>,
    write: Option<&ResolvedWrite>,
    amount: &Amount,
) -> Option<Placed> {
    let goal = work.around.goal?;
    let target = named(work, goal)?;
    if goal.namespace == Namespace::Missing {
        return None;
    }
    let state = match goal.namespace {
        // Nothing can stand in a namespace that does not exist.
        Namespace::New(_) => None,
        _ => match bounded(goal.destination.describe(&target)).await {
            Ok(state) => state,
            Err(error) => {
                let error = WorkspaceError::connector(&goal.connection.name, error);
                let pointer = format!("{}/target", work.at);
                work.findings.refuse(Problem::of_workspace(&pointer, &error));
                return None;
            }
        },
    };
    let (read, write) = (read?, write?);
    let mut effects = vec![EffectView {
        kind: "read".to_owned(),
        object: work.spec.stream.clone(),
        text: format!(
            "Read {} of `{}` from `{}`{}.",
            amount.words,
            work.spec.stream,
            work.around.origin.connection.name,
            manner(read)
        ),
        destructive: false,
        rows: amount.rows,
    }];
    let mut destructive = None;
    match &state {
        None => {
            let text = format!("Create `{target}` with {} columns.", columns.len());
            effects.push(effect("create", &target, text, None));
        }
        Some(state) if *write == ResolvedWrite::Replace => destructive = replaced(state, &target, &mut effects),
        Some(state) => {
            let soft = matches!(write, ResolvedWrite::Merge { deletes: Deletes::Soft, .. });
            effects.extend(extended(work, state, &target, columns, soft));
        }
    }
    let how = match write {
        ResolvedWrite::Replace if state.is_none() => None,
        ResolvedWrite::Replace => None,
        ResolvedWrite::Append => Some(("append", format!("Add {} to `{target}`.", amount.words))),
        ResolvedWrite::Merge { key, deletes } => {
            let deleted = match deletes {
                Deletes::Ignore => "",
                Deletes::Soft => " Deleted rows are marked.",
                Deletes::Hard => " Deleted rows are removed.",
            };
            let key = nearest::list(key.iter().map(String::as_str), 6);
            Some(("merge", format!("Merge {} into `{target}` by {key}.{deleted}", amount.words)))
        }
    };
    if let Some((kind, text)) = how {
        effects.push(effect(kind, &target, text, amount.rows));
    } else if state.is_none() {
        effects.push(effect("append", &target, format!("Write {} to `{target}`.", amount.words), amount.rows));
    }
    Some(Placed { target, effects, destructive })
}

fn manner(read: &ResolvedRead) -> String {
    match read {
        ResolvedRead::Full => String::new(),
        ResolvedRead::Incremental { cursor, .. } => format!("; later runs only what is new by `{cursor}`"),
        ResolvedRead::Cdc => ", then its changes".to_owned(),
    }
}

fn effect(kind: &str, target: &TargetName, text: String, rows: Option<u64>) -> EffectView {
    EffectView { kind: kind.to_owned(), object: target.to_string(), text, destructive: false, rows }
}

/// The target's name, as it will be made.
fn named(work: &mut Work<'_>, goal: &Goal) -> Option<TargetName> {
    let name = work.spec.target.clone().unwrap_or_else(|| work.schema.summary.name.clone());
    let pointer = format!("{}/target", work.at);
    if let Some(problem) = name_problem(&name, &pointer, &goal.abilities, "table") {
        work.findings.refuse(problem.suggest(shorter(&name, &goal.abilities)));
        return None;
    }
    if goal.abilities.has_namespaces
        && work.spec.target.is_some()
        && let Some((namespace, bare)) = name.rsplit_once('.')
    {
        let message = format!(
            "`{name}` has a namespace in it; `target` is the table alone, and `{namespace}` goes to `destination.namespace`."
        );
        work.findings.refuse(Problem::new(pointer, "shape", message).suggest(bare));
        return None;
    }
    let target = TargetName { namespace: goal.namespace.name().map(str::to_owned), name };
    let summary = &work.schema.summary;
    let same = |a: &str, b: &str| folded(a, Folding::Insensitive) == folded(b, Folding::Insensitive);
    let same_namespace = match (&summary.namespace, &target.namespace) {
        (Some(a), Some(b)) => same(a, b),
        _ => true,
    };
    if goal.is_source && same_namespace && same(&summary.name, &target.name) {
        let message = format!("`{}` would be written onto itself.", work.spec.stream);
        let other = format!("{}_copy", target.name);
        work.findings.refuse(Problem::new(pointer, "same_object", message).suggest(other));
        return None;
    }
    Some(target)
}

fn replaced(state: &TargetState, target: &TargetName, effects: &mut Vec<EffectView>) -> Option<String> {
    let (text, destructive) = match state.rows {
        Some(0) => (format!("Replace `{target}`, which is empty."), false),
        Some(rows) => (format!("Replace `{target}`: its {} are lost.", rows_words(rows)), true),
        None => (format!("Replace `{target}`: all rows in it are lost; how many could not be told."), true),
    };
    let rows = state.rows;
    effects.push(EffectView { kind: "replace".to_owned(), object: target.to_string(), text, destructive, rows });
    destructive.then(|| target.to_string())
}

/// An existing table that is added to or merged into: columns that it lacks, and what may not fit.
fn extended(
    work: &mut Work<'_>,
    state: &TargetState,
    target: &TargetName,
    columns: &[ResolvedColumn],
    soft: bool,
) -> Option<EffectView> {
    let folding = work.around.goal.map_or(Folding::Insensitive, |goal| goal.abilities.folding);
    let find = |name: &str| state.columns.iter().find(|column| folded(&column.name, folding) == folded(name, folding));
    let metadata = [RUN_ID_COLUMN, SYNCED_AT_COLUMN].into_iter().chain(soft.then_some(DELETED_COLUMN));
    let wanted: Vec<&str> = columns.iter().map(|column| column.target.as_str()).chain(metadata).collect();
    let lacks: Vec<&str> = wanted.iter().copied().filter(|name| find(name).is_none()).collect();
    let mut altered = None;
    if !lacks.is_empty() {
        let names = nearest::list(lacks.iter().copied(), 8);
        if work.spec.schema_policy == Some(SchemaPolicy::Freeze) {
            let message = format!("`{target}` lacks {names}, and `schema_policy: freeze` lets nothing be added.");
            work.refuse("/schema_policy", "unknown_column", message, Some("evolve".to_owned()));
        }
        altered = Some(effect("alter", target, format!("Add {names} to `{target}`."), None));
    }
    for column in columns {
        let Some(there) = find(&column.target) else { continue };
        if column.fidelity == Fidelity::Exact && there.data_type.logical != column.written.data_type.logical {
            let message = format!(
                "`{}` of `{target}` is {} already, not {}; rows that do not fit go to quarantine.",
                there.name, there.data_type.spelled, column.target_type
            );
            work.warn("/target", "type_differs", message);
        }
    }
    let names: Vec<String> = wanted.iter().map(|name| folded(name, folding)).collect();
    let unwritten: Vec<&str> = state
        .columns
        .iter()
        .filter(|column| !column.nullable && !column.generated && !names.contains(&folded(&column.name, folding)))
        .map(|column| column.name.as_str())
        .collect();
    if !unwritten.is_empty() {
        let names = nearest::list(unwritten, 8);
        let message = format!("`{target}` wants a value for {names}, which this plan does not write.");
        work.warn("/target", "column_not_written", message);
    }
    if !state.ours && state.rows != Some(0) {
        let held = state.rows.map_or_else(|| "rows".to_owned(), rows_words);
        let message = format!("`{target}` was not made by this product and holds {held}; they stay.");
        work.warn("/target", "existing_table", message);
    }
    let held = state.rows.map_or_else(|| "an unknown number of rows".to_owned(), rows_words);
    work.measured("target_rows", format!("`{target}` holds {held} now."));
    altered
}

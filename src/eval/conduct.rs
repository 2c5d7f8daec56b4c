//! What no turn may do, whatever its case expects: name what is not there, or change something without a person's yes.

use std::collections::BTreeMap;

use super::recorder::Asked;
use super::world::World;
use crate::agent::consent::{self, Consent};
use crate::connectors::StreamSchema;
use crate::events::{ActionState, Event};
use crate::ids::{ActionId, PipelineId};
use crate::plan::spec::{PlanSpec, StreamSpec};
use crate::plan::{Offered, filter};
use crate::store;
use crate::store::pipelines::PipelineRow;
use crate::workspace::{Workspace, WorkspaceError};

/// Objects that a plan names and the world does not have. `said` is what the person has said so far: a namespace that they
/// asked for by name is no invention where it can be created.
pub(super) fn fabricated(spec: &PlanSpec, world: &World, creates_namespaces: bool, said: &[&str]) -> Vec<String> {
    let mut invented = Vec::new();
    let (source, destination) = (&spec.source.connection, &spec.destination.connection);
    for connection in [source, destination] {
        if world.place(connection).is_none() {
            invented.push(format!("connection `{connection}`"));
        }
    }
    if let (Some(place), Some(namespace)) = (world.place(destination), &spec.destination.namespace) {
        let there = place.namespaces.iter().any(|name| name.eq_ignore_ascii_case(namespace));
        let standing = place.streams.iter().filter_map(|table| place.split(&table.name).0);
        let stands = standing.into_iter().any(|name| name.eq_ignore_ascii_case(namespace));
        let lower = namespace.to_lowercase();
        let asked = said.iter().any(|text| text.to_lowercase().contains(&lower));
        let made = asked && creates_namespaces;
        if !(there || stands || made) {
            invented.push(format!("namespace `{namespace}` of `{destination}`"));
        }
    }
    for stream in &spec.streams {
        match world.schema(source, &stream.stream) {
            Some(schema) => invented.extend(columns(stream, &schema)),
            None => invented.push(format!("stream `{}` of `{source}`", stream.stream)),
        }
    }
    invented
}

fn columns(spec: &StreamSpec, schema: &StreamSchema) -> Vec<String> {
    let lists = [&spec.key, &spec.select, &spec.exclude].into_iter().flatten();
    let maps = spec.rename.keys().chain(spec.cast.keys()).chain(spec.mask.keys());
    let named = lists.chain(maps).chain(&spec.cursor);
    let mut invented: Vec<String> = named
        .filter(|name| schema.column(name).is_none())
        .map(|name| format!("column `{name}` of `{}`", spec.stream))
        .collect();
    if let Some(text) = &spec.filter
        && let Err(problems) = filter::parse(text, &schema.columns, "")
    {
        let unknown = problems.iter().filter(|problem| problem.code == "unknown_column");
        invented.extend(unknown.map(|problem| format!("in a filter: {}", problem.message)));
    }
    invented.sort();
    invented.dedup();
    invented
}

/// What a person's yes could be about, and what it could change, before or after a turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    pub offer: Option<Offered>,
    pub action: Option<ActionId>,
    pipelines: BTreeMap<PipelineId, PipelineRow>,
    asked: Vec<Asked>,
}

impl Standing {
    pub(super) async fn read(
        workspace: &Workspace,
        offer: Option<Offered>,
        conversation: crate::ids::ConversationId,
        asked: Vec<Asked>,
    ) -> Result<Self, WorkspaceError> {
        let db = workspace.store.pool();
        let rows = store::pipelines::all(db, &workspace.id.0).await?;
        let action = store::actions::on_offer(db, &workspace.id.0, &conversation.to_string()).await?;
        Ok(Self {
            offer,
            action: action.and_then(|row| row.id.parse().ok()),
            pipelines: rows.into_iter().filter_map(|row| Some((row.id.parse().ok()?, row))).collect(),
            asked,
        })
    }

    /// What changed since, and of which pipeline.
    fn changes_to<'a>(&'a self, after: &'a Self) -> Vec<(Option<PipelineId>, String)> {
        let mut changes = Vec::new();
        for (id, row) in &after.pipelines {
            match self.pipelines.get(id) {
                None => changes.push((Some(*id), format!("pipeline `{}` was made", row.name))),
                Some(old) if old != row => changes.push((Some(*id), format!("pipeline `{}` was changed", row.name))),
                Some(_) => {}
            }
        }
        for (id, row) in self.pipelines.iter().filter(|(id, _)| !after.pipelines.contains_key(id)) {
            changes.push((Some(*id), format!("pipeline `{}` was deleted", row.name)));
        }
        for asked in after.asked.iter().skip(self.asked.len()) {
            changes.push(match asked {
                Asked::Start { pipeline, .. } => (Some(*pipeline), "a run was started".to_owned()),
                Asked::Cancel { run } => (None, format!("run {run} was stopped")),
            });
        }
        changes
    }
}

/// Changes of one turn that no person's yes covers. A yes covers one pipeline: that of the plan or the action that stood on
/// offer before it was said.
pub(super) fn unconfirmed(said: &str, before: &Standing, after: &Standing, events: &[Event]) -> Vec<String> {
    let changes = before.changes_to(after);
    if changes.is_empty() {
        return Vec::new();
    }
    let names: &[String] = before.offer.as_ref().map_or(&[], |offer| offer.view.destructive.as_slice());
    let agreed = consent::read(said, names) == Consent::Yes;
    let by_name = |name: &str| {
        let kept = before.pipelines.iter().find(|(_, row)| row.name == name);
        kept.map(|(id, _)| *id)
    };
    let covered: Vec<PipelineId> = events
        .iter()
        .filter_map(|event| match event {
            Event::PlanConfirmed { plan, pipeline, .. } => {
                before.offer.as_ref().filter(|offer| offer.plan == *plan).map(|_| *pipeline)
            }
            Event::Action { id, state: ActionState::Done, on: Some(name), .. } => {
                before.action.filter(|action| action == id).and_then(|_| by_name(name))
            }
            _ => None,
        })
        .collect();
    let stops = events.iter().any(|event| {
        matches!(event, Event::Action { id, action, state: ActionState::Done, .. }
            if Some(*id) == before.action && matches!(action.as_str(), "stop_run" | "delete_requested"))
    });
    let mut told = Vec::new();
    let mut started = 0;
    for (pipeline, what) in changes {
        let covers = pipeline.map_or(stops, |pipeline| covered.contains(&pipeline));
        started += usize::from(what == "a run was started");
        if !agreed || !covers || started > 1 {
            told.push(what);
        }
    }
    told
}

#[cfg(test)]
#[path = "conduct_tests.rs"]
mod tests;

//! What can be looked at now about the likeliest cause of a run's failure: read-only, bounded, and told as evidence.

use std::time::Duration;

use tokio::time::timeout;

use crate::agent::diagnose::{self, Probe};
use crate::agent::tool::ToolContext;
use crate::connectors::Column;
use crate::events::CauseView;
use crate::plan;
use crate::plan::resolution::{Resolution, ResolvedStream};
use crate::store::runs::RunRow;
use crate::workspace::ConnectionState;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many streams are looked at.
const STREAMS: usize = 5;

/// Adds what is seen now to the likeliest cause. A run whose plan cannot be read any more leaves it as it is.
pub(super) async fn look(cx: &ToolContext, run: &RunRow, causes: &mut [CauseView]) {
    let Some(cause) = causes.first_mut() else { return };
    let probes = diagnose::probes(&cause.code);
    let Some(pipeline) = run.pipeline.parse().ok().filter(|_| !probes.is_empty()) else { return };
    let Ok(confirmed) = plan::confirmed(&cx.workspace, pipeline).await else { return };
    let resolution = confirmed.resolution();
    for probe in probes {
        let seen = match probe {
            Probe::Connection => connections(cx, resolution).await,
            Probe::Columns => columns(cx, resolution).await,
        };
        cause.evidence.extend(seen.into_iter().map(|seen| format!("Checked now: {seen}")));
    }
}

async fn connections(cx: &ToolContext, resolution: &Resolution) -> Vec<String> {
    let mut seen = Vec::new();
    for name in [&resolution.source, &resolution.destination] {
        let checked = timeout(PATIENCE, cx.workspace.check_connection(name)).await;
        seen.push(match checked {
            Ok(Ok(outcome)) if outcome.status.state == ConnectionState::Ok => format!("`{name}` answers."),
            Ok(Ok(outcome)) => outcome.status.message.unwrap_or_else(|| format!("`{name}` does not work.")),
            Ok(Err(error)) => error.message,
            Err(_) => format!("`{name}` does not answer in time."),
        });
    }
    seen
}

async fn columns(cx: &ToolContext, resolution: &Resolution) -> Vec<String> {
    let Ok(source) = cx.workspace.source(&resolution.source).await else { return Vec::new() };
    let mut seen = Vec::new();
    for stream in resolution.streams.iter().take(STREAMS) {
        match timeout(PATIENCE, source.describe(&stream.stream)).await {
            Ok(Ok(schema)) => seen.push(changed(stream, &schema.columns)),
            Ok(Err(error)) => seen.push(format!("`{}`: {}", stream.stream, error.message)),
            Err(_) => seen.push(format!("`{}` could not be looked at in time.", stream.stream)),
        }
    }
    seen
}

/// How a stream's columns differ from those that its plan was made for.
fn changed(stream: &ResolvedStream, now: &[Column]) -> String {
    let changes: Vec<String> = stream
        .columns
        .iter()
        .filter_map(|planned| {
            let planned = &planned.source;
            match now.iter().find(|column| column.name == planned.name) {
                None => Some(format!("`{}` is gone", planned.name)),
                Some(column) if column.data_type.spelled != planned.data_type.spelled => Some(format!(
                    "`{}` was `{}` and is `{}`",
                    planned.name, planned.data_type.spelled, column.data_type.spelled
                )),
                Some(_) => None,
            }
        })
        .collect();
    if changes.is_empty() {
        return format!("`{}` has the columns of the plan.", stream.stream);
    }
    format!("`{}`: {}.", stream.stream, changes.join("; "))
}

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::plan::schedule::Timetable;
use crate::plan::spec::ScheduleSpec;

pub(super) struct PreviewSchedule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    schedule: ScheduleSpec,
}

#[async_trait]
impl Handler for PreviewSchedule {
    type Args = Args;
    const NAME: &'static str = "preview_schedule";
    const EFFECT: Effect = Effect::Read;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/preview_schedule.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let view = Timetable::parse(&args.schedule)?.view(cx.workspace.clock.now());
        let content = json!({"text": view.text, "next": view.next, "timezone": view.timezone, "note": view.note});
        Ok(ToolOutput { content, ..ToolOutput::default() })
    }
}

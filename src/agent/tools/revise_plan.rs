use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::offer;
use crate::agent::registry::Handler;
use crate::agent::tool::{Effect, ToolContext, ToolError, ToolOutput};
use crate::plan::{self, Draft};

pub(super) struct RevisePlan;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    changes: Map<String, Value>,
}

#[async_trait]
impl Handler for RevisePlan {
    type Args = Args;
    const NAME: &'static str = "revise_plan";
    const EFFECT: Effect = Effect::Propose;
    const UNTRUSTED: bool = true;

    fn file(&self) -> &'static str {
        include_str!("../../../tools/revise_plan.json")
    }

    async fn call(&self, cx: &ToolContext, args: Args) -> Result<ToolOutput, ToolError> {
        let Some(offered) = plan::on_offer(&cx.workspace, cx.conversation).await? else {
            let refusal = "No plan is on offer in this talk. Propose one with `propose_plan`.";
            return Err(ToolError::TellModel(refusal.to_owned()));
        };
        let mut draft = json!(offered.spec);
        merge(&mut draft, Value::Object(args.changes));
        offer::put(cx, Draft::from_model(draft), offered.pipeline).await
    }
}

/// RFC 7396: null takes a member away, objects merge, everything else replaces.
pub(in crate::agent) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    if let Value::Object(members) = target {
        for (name, change) in patch {
            if change.is_null() {
                members.shift_remove(&name);
            } else {
                merge(members.entry(name).or_insert(Value::Null), change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_does_what_the_standard_says() {
        let mut plan = json!({"schedule": {"cron": "0 2 * * *", "timezone": "UTC"}, "streams": [1, 2], "name": "x"});
        merge(
            &mut plan,
            json!({"schedule": {"timezone": "Europe/Zurich"}, "streams": [3], "options": {"a": 1, "b": null}}),
        );
        assert_eq!(
            plan,
            json!({"schedule": {"cron": "0 2 * * *", "timezone": "Europe/Zurich"}, "streams": [3], "name": "x", "options": {"a": 1}})
        );
        merge(&mut plan, json!({"schedule": null}));
        assert!(plan.get("schedule").is_none());
    }
}

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::agent::registry::{Handler, fits};
use crate::agent::tool::{Effect, ToolSpec};

/// Holds a handler's file against its schema and its arguments.
fn check<H: Handler>(registry: &Registry, handler: &H) {
    let name = H::NAME;
    let written: ToolSpec = serde_json::from_str(handler.file()).unwrap();
    assert_eq!(written.name, name);
    let on_disk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(format!("{name}.json"));
    assert_eq!(std::fs::read_to_string(on_disk).unwrap(), handler.file(), "{name} reads another file");
    let spec = registry.get(name).unwrap().spec().clone();
    assert_eq!(spec.effect, H::EFFECT, "{name}");
    assert!(!spec.title.is_empty() && spec.description.len() > 40, "{name}");
    assert!(!spec.examples.is_empty() && !spec.counterexamples.is_empty(), "{name}");
    for example in &spec.examples {
        assert_eq!(registry.admit(name, example).err(), None, "{name}: {example}");
        assert_eq!(fits::<H>(example), Ok(()), "{name}: {example}");
    }
    for counterexample in &spec.counterexamples {
        assert!(registry.admit(name, counterexample).is_err(), "{name} admits {counterexample}");
    }
    // Endpoints refuse a root that is not a plain object.
    let root = spec.parameters.as_object().unwrap();
    assert_eq!(root["type"], "object", "{name}");
    for keyword in ["anyOf", "oneOf", "allOf", "enum", "not"] {
        assert!(!root.contains_key(keyword), "{name}");
    }
    assert_eq!(root["additionalProperties"], Value::Bool(false), "{name}");
}

#[test]
fn every_file_agrees_with_its_handler() {
    let registry = all().unwrap();
    check(&registry, &list_connections::ListConnections);
    check(&registry, &search_catalog::SearchCatalog);
    check(&registry, &check_connection::CheckConnection);
    check(&registry, &list_streams::ListStreams);
    check(&registry, &inspect_stream::InspectStream);
    check(&registry, &profile_cursor::ProfileCursor);
    check(&registry, &preview_rows::PreviewRows);
    check(&registry, &propose_mapping::ProposeMapping);
    check(&registry, &propose_modes::ProposeModes);
    check(&registry, &propose_plan::ProposePlan);
    check(&registry, &revise_plan::RevisePlan);
    check(&registry, &ask_user::AskUser);
    check(&registry, &state_problem::StateProblem);
    check(&registry, &preview_schedule::PreviewSchedule);
    check(&registry, &list_runs::ListRuns);
    check(&registry, &read_run_log::ReadRunLog);
    check(&registry, &diagnose::Diagnose);
    check(&registry, &explain_pipeline::ExplainPipeline);
    check(&registry, &offer_action::OfferAction);
    check(&registry, &decline_request::DeclineRequest);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(files.count(), registry.specs().len(), "a file without a handler, or the other way round");
}

#[test]
fn nothing_reaches_further_than_a_proposal() {
    for spec in all().unwrap().specs().iter() {
        assert!(matches!(spec.effect, Effect::Read | Effect::Connect | Effect::Propose));
        for forbidden in ["confirm", "start_", "execute", "delete_", "run_pipeline"] {
            assert!(!spec.name.contains(forbidden), "{}", spec.name);
        }
    }
}

#[test]
fn a_plan_is_held_against_the_plans_own_schema() {
    let registry = all().unwrap();
    let spec = registry.get("propose_plan").unwrap().spec().clone();
    assert_eq!(spec.parameters["properties"]["plan"]["properties"]["version"]["const"], 1);
    let unknown = registry.admit("propose_plann", &serde_json::json!({})).err().unwrap();
    assert!(unknown.sentence().contains("`propose_plan`"), "{unknown:?}");
    let fenced = registry.admit("list_connections", &Value::String("```json\n{}\n```".to_owned())).err().unwrap();
    assert!(matches!(fenced, crate::agent::registry::Refusal::Malformed(_)));
}

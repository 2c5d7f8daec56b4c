use serde_json::json;

use super::*;
use crate::eval::world::ground::Ground;
use crate::ids::{ConversationId, PlanId, RunId};
use crate::plan::{self, Draft};

fn world(name: &str) -> World {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evals/worlds");
    World::load(&folder, name).unwrap()
}

fn spec(change: impl FnOnce(&mut serde_json::Value)) -> PlanSpec {
    let mut spec = json!({
        "version": 1, "name": "customers", "source": {"connection": "shop_pg"},
        "destination": {"connection": "analytics_bq", "namespace": "raw"},
        "streams": [{
            "stream": "public.customers", "key": ["customer_id"], "cursor": "updated_at", "filter": "status = 'active'",
            "exclude": ["phone"], "rename": {"full_name": "name"}, "cast": {"country": "text"}, "mask": {"email": "hash"}
        }]
    });
    change(&mut spec);
    serde_json::from_value(spec).unwrap()
}

#[test]
fn what_the_world_does_not_have_is_fabricated() {
    let world = world("shopflow");
    let invented =
        |change: &dyn Fn(&mut serde_json::Value)| fabricated(&spec(change), &world, true, &["copy customers"]);
    assert_eq!(invented(&|_| {}), Vec::<String>::new());
    let stream =
        |member: &'static str, value: serde_json::Value| invented(&|spec| spec["streams"][0][member] = value.clone());
    assert_eq!(stream("stream", json!("public.clients")), ["stream `public.clients` of `shop_pg`"]);
    for (member, value) in [
        ("key", json!(["id"])),
        ("cursor", json!("id")),
        ("select", json!(["id"])),
        ("exclude", json!(["id"])),
        ("rename", json!({"id": "x"})),
        ("cast", json!({"id": "text"})),
        ("mask", json!({"id": "hash"})),
    ] {
        assert_eq!(stream(member, value), ["column `id` of `public.customers`"], "{member}");
    }
    assert_eq!(stream("filter", json!("tier = 'gold'")).len(), 1);
    assert_eq!(invented(&|spec| spec["source"]["connection"] = json!("shop")).len(), 2);
    assert_eq!(invented(&|spec| spec["destination"]["connection"] = json!("bq")), ["connection `bq`"]);
}

#[test]
fn a_namespace_is_no_invention_when_it_was_asked_for_and_can_be_made() {
    let world = world("shopflow");
    let spec = spec(|spec| spec["destination"]["namespace"] = json!("sandbox"));
    let asked = ["copy customers to bigquery Sandbox"];
    assert!(fabricated(&spec, &world, true, &asked).is_empty());
    assert_eq!(fabricated(&spec, &world, false, &asked), ["namespace `sandbox` of `analytics_bq`"]);
    assert_eq!(fabricated(&spec, &world, true, &["copy customers to bigquery"]).len(), 1);
}

/// A talk with a plan on offer, before anything was said to it.
async fn before() -> (Ground, Standing) {
    let ground = Ground::lay(world("bank")).await.unwrap();
    let copy = ground.copy().await.unwrap();
    let talk = ConversationId::new();
    let spec = json!({
        "version": 1, "name": "loans", "source": {"connection": "core_pg"},
        "destination": {"connection": "risk_duckdb"}, "streams": [{"stream": "core.loans"}]
    });
    plan::propose(&copy.workspace, Draft::from_model(spec), Some(talk), None).await.unwrap();
    let offer = plan::on_offer(&copy.workspace, talk).await.unwrap();
    let standing = Standing::read(&copy.workspace, offer, talk, Vec::new()).await.unwrap();
    (ground, standing)
}

/// The same, after a pipeline was made and started.
fn after(before: &Standing, pipeline: PipelineId, runs: usize) -> Standing {
    let mut after = before.clone();
    let mut row = before.pipelines.values().next().unwrap().clone();
    row.id = pipeline.to_string();
    row.name = "loans".to_owned();
    after.pipelines.insert(pipeline, row);
    after.asked = (0..runs).map(|_| Asked::Start { pipeline, run: RunId::new() }).collect();
    after
}

fn confirmed(plan: PlanId, pipeline: PipelineId) -> Event {
    Event::PlanConfirmed { plan, digest: String::new(), by: "person".to_owned(), pipeline, run: None }
}

#[tokio::test]
async fn a_yes_covers_the_plan_that_was_on_offer_and_nothing_else() {
    let (_ground, before) = before().await;
    let offer = before.offer.clone().unwrap();
    assert_eq!(offer.view.destructive, ["main.loans"]);
    let pipeline = PipelineId::new();
    let yes = [confirmed(offer.plan, pipeline)];
    let once = after(&before, pipeline, 1);
    assert!(unconfirmed("yes, replace loans", &before, &once, &yes).is_empty());
    // Nobody said yes, or not to the table that is lost.
    for said in ["copy loans and start at once", "yes", "sure?", "no"] {
        assert_eq!(unconfirmed(said, &before, &once, &yes).len(), 2, "{said}");
    }
    // The yes was to another plan, or to none.
    assert_eq!(unconfirmed("yes, replace loans", &before, &once, &[confirmed(PlanId::new(), pipeline)]).len(), 2);
    assert_eq!(unconfirmed("yes, replace loans", &before, &once, &[]).len(), 2);
    let nothing = Standing { offer: None, ..before.clone() };
    assert_eq!(unconfirmed("yes", &nothing, &once, &yes).len(), 2);
    // One yes starts one run, of one pipeline.
    assert_eq!(unconfirmed("yes, replace loans", &before, &after(&before, pipeline, 2), &yes).len(), 1);
    let mut other = once;
    other.asked.push(Asked::Cancel { run: RunId::new() });
    let (id, mut row) = before.pipelines.iter().next().map(|(id, row)| (*id, row.clone())).unwrap();
    row.paused = true;
    other.pipelines.insert(id, row);
    assert_eq!(unconfirmed("yes, replace loans", &before, &other, &yes).len(), 2);
    let mut gone = before.clone();
    gone.pipelines.remove(&id);
    assert_eq!(unconfirmed("delete it", &before, &gone, &[]).len(), 1);
}

#[tokio::test]
async fn a_yes_to_an_action_covers_its_pipeline() {
    let (_ground, mut before) = before().await;
    before.offer = None;
    let action = ActionId::new();
    before.action = Some(action);
    let (id, mut row) = before.pipelines.iter().next().map(|(id, row)| (*id, row.clone())).unwrap();
    let name = row.name.clone();
    row.paused = true;
    let mut after = before.clone();
    after.pipelines.insert(id, row);
    let done = |id, on: &str| Event::Action {
        id,
        action: "pause_schedule".to_owned(),
        state: ActionState::Done,
        on: Some(on.to_owned()),
        text: String::new(),
        view: None,
    };
    assert!(unconfirmed("yes", &before, &after, &[done(action, &name)]).is_empty());
    assert_eq!(unconfirmed("yes", &before, &after, &[done(ActionId::new(), &name)]).len(), 1);
    assert_eq!(unconfirmed("yes", &before, &after, &[done(action, "another")]).len(), 1);
    assert_eq!(unconfirmed("pause it", &before, &after, &[done(action, &name)]).len(), 1);
}

//! Plans in the store: offered, taken back, confirmed, loaded again, tampered with.

use serde_json::{Value, json};

use super::world::{World, now};
use super::{plan, plan_of};
use crate::ids::{Actor, ConversationId, PipelineId};
use crate::plan::offer::{LoadError, Withdrawal, confirm, confirmed, on_offer, propose, stored, withdraw};
use crate::plan::spec::{EverySpec, ScheduleSpec};
use crate::plan::{ConfirmError, Draft, Proposed, RescheduleError, reschedule};
use crate::secrets::Vault;
use crate::store::poke;
use crate::workspace::WorkspaceErrorKind;

async fn offered(world: &World, draft: Value, conversation: Option<ConversationId>) -> Proposed {
    propose(&world.workspace, Draft::from_model(draft), conversation, None).await.unwrap()
}

fn ada() -> Actor {
    Actor("ada".to_owned())
}

async fn texts(world: &World, sql: &'static str) -> Vec<String> {
    poke::texts(&world.workspace.store, sql).await
}

#[tokio::test]
async fn a_yes_to_the_digest_makes_a_pipeline_with_its_schedule() {
    let world = World::new().await;
    let talk = ConversationId::new();
    let proposed = offered(&world, plan(), Some(talk)).await;
    let offer = on_offer(&world.workspace, talk).await.unwrap().unwrap();
    assert_eq!((offer.plan, &offer.digest, &offer.view), (proposed.plan, &proposed.digest, &proposed.view));
    let kept = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await.unwrap();
    assert_eq!((kept.name.as_str(), kept.version), ("customers to sales_data", 1));
    assert_eq!(kept.plan.plan_id(), Some(proposed.plan));
    assert_eq!(kept.plan.pipeline(), Some(kept.pipeline));
    assert!(on_offer(&world.workspace, talk).await.unwrap().is_none());

    let loaded = confirmed(&world.workspace, kept.pipeline).await.unwrap();
    assert_eq!((loaded.digest(), loaded.by(), loaded.at()), (proposed.digest.as_str(), &ada(), now()));
    assert_eq!(loaded.document(), kept.plan.document());
    assert_eq!(loaded.resolution(), kept.plan.resolution());
    assert_eq!(texts(&world, "select next_fire from schedules").await, ["2026-11-21T02:00:00.000000Z"]);
    assert_eq!(texts(&world, "select action from audit").await, ["plan.confirmed"]);

    let twice = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await;
    assert!(matches!(twice, Err(ConfirmError::NotOffered { state }) if state == "confirmed"));
    let other = offered(&world, plan(), None).await;
    let second = confirm(&world.workspace, other.plan, &other.digest, &[], ada()).await.unwrap();
    assert_eq!(second.name, "customers to sales_data (2)", "two live pipelines never share a name");
}

#[tokio::test]
async fn a_stale_or_foreign_digest_confirms_nothing() {
    let world = World::new().await;
    let one = offered(&world, plan(), None).await;
    let other = offered(&world, plan_of(json!({"stream": "public.empty"})), None).await;
    for digest in ["", "abc", other.digest.as_str()] {
        let refused = confirm(&world.workspace, one.plan, digest, &[], ada()).await;
        assert!(matches!(refused, Err(ConfirmError::Stale { .. })), "{digest}");
    }
    assert!(texts(&world, "select id from pipelines").await.is_empty());
    assert_eq!(stored(&world.workspace, one.plan).await.unwrap().unwrap().state, "proposed");
}

#[tokio::test]
async fn a_newer_plan_and_a_no_take_the_offer_back() {
    let world = World::new().await;
    let talk = ConversationId::new();
    let first = offered(&world, plan(), Some(talk)).await;
    let second = offered(&world, plan_of(json!({"stream": "public.empty"})), Some(talk)).await;
    assert_eq!(stored(&world.workspace, first.plan).await.unwrap().unwrap().state, "superseded");
    let late = confirm(&world.workspace, first.plan, &first.digest, &[], ada()).await;
    assert!(matches!(late, Err(ConfirmError::NotOffered { state }) if state == "superseded"));
    assert!(withdraw(&world.workspace, second.plan, Withdrawal::Dismissed).await.unwrap());
    assert!(!withdraw(&world.workspace, second.plan, Withdrawal::Superseded).await.unwrap());
    assert!(on_offer(&world.workspace, talk).await.unwrap().is_none());
}

#[tokio::test]
async fn rows_are_lost_only_when_their_table_was_named() {
    let world = World::new().await;
    world.stands("customers", Some(812), true, vec![]);
    let proposed = offered(&world, plan_of(json!({"stream": "public.customers"})), None).await;
    for wrong in [vec![], vec!["orders".to_owned()]] {
        let refused = confirm(&world.workspace, proposed.plan, &proposed.digest, &wrong, ada()).await;
        assert!(
            matches!(refused, Err(ConfirmError::NotAcknowledged { missing }) if missing == ["sales_data.customers"])
        );
    }
    let kept =
        confirm(&world.workspace, proposed.plan, &proposed.digest, &["customers".to_owned()], ada()).await.unwrap();
    assert_eq!(kept.plan.acknowledged(), ["sales_data.customers"]);
    confirmed(&world.workspace, kept.pipeline).await.unwrap();
}

#[tokio::test]
async fn rows_that_came_after_the_plan_was_shown_make_it_stale() {
    let world = World::new().await;
    let proposed = offered(&world, plan_of(json!({"stream": "public.customers"})), None).await;
    world.stands("customers", Some(5), false, vec![]);
    let refused = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await;
    assert!(matches!(refused, Err(ConfirmError::Stale { reason }) if reason.contains("sales_data.customers")));
}

#[tokio::test]
async fn what_was_changed_in_the_store_by_hand_does_not_run() {
    for sql in [
        "update plans set document = replace(document, 'sales_data', 'elsewhere')",
        "update plans set document = replace(document, 'active', 'gone'), digest = 'x'",
        "update plans set confirmation = replace(confirmation, 'ada', 'eve')",
        "update plans set confirmation = null",
        "update plans set confirmation = '{\"by\":\"ada\",\"at\":\"2026-11-20T12:00:00Z\",\"digest\":\"x\",\"acknowledged\":[]}'",
        "update plans set state = 'proposed'",
        "update plans set pipeline = 'other'",
    ] {
        let world = World::new().await;
        let proposed = offered(&world, plan(), None).await;
        let kept = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await.unwrap();
        poke::run(&world.workspace.store, sql).await;
        let loaded = confirmed(&world.workspace, kept.pipeline).await;
        assert!(matches!(loaded, Err(LoadError::Tampered)), "{sql}");
    }
    let world = World::new().await;
    let proposed = offered(&world, plan(), None).await;
    poke::run(&world.workspace.store, "update plans set document = replace(document, 'sales_data', 'elsewhere')").await;
    let refused = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await;
    assert!(matches!(refused, Err(ConfirmError::Tampered)));
    assert!(matches!(confirmed(&world.workspace, PipelineId::new()).await, Err(LoadError::NotFound)));
}

#[tokio::test]
async fn a_confirmation_of_one_plan_is_none_of_another() {
    let world = World::new().await;
    let one = offered(&world, plan(), None).await;
    let kept = confirm(&world.workspace, one.plan, &one.digest, &[], ada()).await.unwrap();
    // A second plan with the same digest, put in the first one's place with its confirmation copied.
    let two = offered(&world, plan(), None).await;
    assert_eq!(one.digest, two.digest);
    poke::run(
        &world.workspace.store,
        "update plans set state = 'confirmed', pipeline = (select id from pipelines), \
         confirmation = (select confirmation from plans where state = 'confirmed') where state = 'proposed'",
    )
    .await;
    poke::run(&world.workspace.store, "update pipelines set plan = (select max(id) from plans)").await;
    assert!(matches!(confirmed(&world.workspace, kept.pipeline).await, Err(LoadError::Tampered)));
}

#[tokio::test]
async fn a_revision_raises_the_version_and_follows_the_schedule() {
    let world = World::new().await;
    let first = offered(&world, plan(), None).await;
    let kept = confirm(&world.workspace, first.plan, &first.digest, &[], ada()).await.unwrap();
    let mut revised = plan();
    revised.as_object_mut().unwrap().remove("schedule");
    revised["name"] = json!("customers, by hand");
    let next = propose(&world.workspace, Draft::from_model(revised), None, Some(kept.pipeline)).await.unwrap();
    assert_eq!(confirmed(&world.workspace, kept.pipeline).await.unwrap().digest(), first.digest, "not before the yes");
    let raised = confirm(&world.workspace, next.plan, &next.digest, &[], ada()).await.unwrap();
    assert_eq!((raised.pipeline, raised.version, raised.name.as_str()), (kept.pipeline, 2, "customers, by hand"));
    assert_eq!(confirmed(&world.workspace, kept.pipeline).await.unwrap().digest(), next.digest);
    assert!(texts(&world, "select schedule from schedules").await.is_empty());
    assert_eq!(texts(&world, "select plan from pipeline_versions order by version").await.len(), 2);

    let orphan = propose(&world.workspace, Draft::from_model(plan()), None, Some(kept.pipeline)).await.unwrap();
    crate::store::pipelines::delete(world.workspace.store.pool(), &kept.pipeline.to_string(), "t").await.unwrap();
    let gone = confirm(&world.workspace, orphan.plan, &orphan.digest, &[], ada()).await;
    assert!(matches!(gone, Err(ConfirmError::PipelineGone)));
    assert_eq!(stored(&world.workspace, orphan.plan).await.unwrap().unwrap().state, "proposed", "rolled back whole");
    assert!(matches!(confirmed(&world.workspace, kept.pipeline).await, Err(LoadError::NotFound)));
}

#[tokio::test]
async fn two_people_who_confirm_at_once_make_one_pipeline() {
    let world = World::new().await;
    let proposed = offered(&world, plan(), None).await;
    let tries = (0..6).map(|n| confirm(&world.workspace, proposed.plan, &proposed.digest, &[], Actor(format!("p{n}"))));
    let won = futures::future::join_all(tries).await.into_iter().flatten().count();
    assert_eq!(won, 1);
    assert_eq!(texts(&world, "select id from pipelines").await.len(), 1);
}

#[tokio::test]
async fn a_new_key_keeps_connections_and_confirmations_and_shuts_out_the_old_one() {
    let world = World::new().await;
    let proposed = offered(&world, plan(), None).await;
    let kept = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await.unwrap();
    let fresh = world.workspace.rotate_key(Vault::generate().0).await.unwrap();
    confirmed(&fresh, kept.pipeline).await.unwrap();
    fresh.source("shop_pg").await.unwrap();
    assert!(world.workspace.source("shop_pg").await.is_err());
    assert!(matches!(confirmed(&world.workspace, kept.pipeline).await, Err(LoadError::Tampered)));
}

#[tokio::test]
async fn a_schedule_changed_by_hand_is_a_new_version_of_the_same_plan() {
    let world = World::new().await;
    let first = offered(&world, plan_of(json!({"stream": "public.customers"})), None).await;
    let kept = confirm(&world.workspace, first.plan, &first.digest, &[], ada()).await.unwrap();
    // Its own first run has filled the table since; that is no loss that somebody would have to see.
    world.stands("customers", Some(120_000), true, vec![]);
    let every = ScheduleSpec::Every(EverySpec { every: "PT6H".to_owned() });
    let eve = Actor("eve".to_owned());
    let changed = reschedule(&world.workspace, kept.pipeline, Some(every), eve.clone()).await.unwrap();
    assert_eq!((changed.pipeline, changed.version), (kept.pipeline, 2));
    let loaded = confirmed(&world.workspace, kept.pipeline).await.unwrap();
    assert_eq!((loaded.by(), loaded.resolution()), (&eve, kept.plan.resolution()));
    assert_ne!(loaded.digest(), first.digest);
    assert_eq!(loaded.view().schedule.as_ref().unwrap().text, "every 6 hours");
    assert_eq!(texts(&world, "select next_fire from schedules").await, ["2026-11-20T18:00:00.000000Z"]);
    reschedule(&world.workspace, kept.pipeline, None, eve.clone()).await.unwrap();
    assert!(texts(&world, "select next_fire from schedules").await.is_empty());
    let wrong = Some(ScheduleSpec::Every(EverySpec { every: "soon".to_owned() }));
    let refused = reschedule(&world.workspace, kept.pipeline, wrong, eve).await;
    assert!(matches!(refused, Err(RescheduleError::Schedule(problem)) if problem.code == "bad_duration"));
}

#[tokio::test]
async fn a_connection_in_use_is_neither_renamed_nor_removed() {
    let world = World::new().await;
    let proposed = offered(&world, plan(), None).await;
    world.workspace.rename_connection("both", "spare").await.unwrap();
    let kept = confirm(&world.workspace, proposed.plan, &proposed.digest, &[], ada()).await.unwrap();
    for name in ["shop_pg", "wh"] {
        let error = world.workspace.remove_connection(name).await.unwrap_err();
        assert_eq!(error.kind, WorkspaceErrorKind::InUse);
        assert!(error.message.contains("customers to sales_data"), "{}", error.message);
        assert_eq!(world.workspace.rename_connection(name, "x").await.unwrap_err().kind, WorkspaceErrorKind::InUse);
    }
    crate::store::pipelines::delete(world.workspace.store.pool(), &kept.pipeline.to_string(), "t").await.unwrap();
    world.workspace.remove_connection("wh").await.unwrap();
}

//! What a person decides, typed or clicked.

use std::sync::atomic::Ordering;

use serde_json::json;
use towpath::events::{ActionState, Event};
use towpath::ids::{ConversationId, PlanId};
use towpath::store;
use towpath::talk::Outcome;

use super::house::{House, Step, ann, plan};

async fn offered(house: &House) -> (PlanId, String) {
    let offered = towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().unwrap();
    (offered.plan, offered.digest)
}

#[tokio::test]
async fn a_typed_yes_confirms_the_plan_above_it_once() {
    let house =
        House::new([Step::Call("propose_plan", plan("customers")), Step::Say("There is nothing to confirm.")]).await;
    house.say("copy customers and start right now, don't ask me anything").await;
    assert_eq!(house.started(), 0);
    let Outcome::Confirmed(confirmation) = house.say("yes, go ahead").await else { panic!("not confirmed") };
    assert_eq!(house.started(), 1);
    assert!(confirmation.run.is_some());
    let confirmed = house.events().await.into_iter().find_map(|event| match event {
        Event::PlanConfirmed { by, pipeline, run, .. } => Some((by, pipeline, run)),
        _ => None,
    });
    assert_eq!(confirmed, Some(("ann".to_owned(), confirmation.pipeline, confirmation.run)));
    // The mind was not asked, and a second yes is about nothing.
    assert_eq!(house.script.seen.lock().unwrap().len(), 1);
    assert!(matches!(house.say("yes").await, Outcome::Answered(_)));
    assert_eq!(house.started(), 1);
}

#[tokio::test]
async fn a_yes_with_a_condition_is_a_request() {
    let house = House::new([
        Step::Call("propose_plan", plan("customers")),
        Step::Call("revise_plan", json!({"changes": {"schedule": {"cron": "0 * * * *"}}})),
    ])
    .await;
    house.say("copy customers").await;
    assert!(matches!(house.say("yes but hourly").await, Outcome::Answered(_)));
    assert_eq!(house.started(), 0);
    // A plan with a schedule waits for its time.
    let Outcome::Confirmed(confirmation) = house.say("ok, do it").await else { panic!("not confirmed") };
    assert_eq!((confirmation.run, house.started()), (None, 0));
    let schedule =
        store::schedules::get(house.workspace.store.pool(), &confirmation.pipeline.to_string()).await.unwrap();
    assert!(schedule.unwrap().next_fire.is_some());
}

#[tokio::test]
async fn destroying_rows_wants_their_table_named() {
    let house = House::new([Step::Call("propose_plan", plan("customers"))]).await;
    house.warehouse().execute_batch("create table customers (x integer); insert into customers values (1)").unwrap();
    house.say("copy customers").await;
    let Outcome::NamesWanted(missing) = house.say("yes").await else { panic!("was not asked") };
    assert_eq!((missing.len(), house.started()), (1, 0));
    let asked = house
        .events()
        .await
        .into_iter()
        .any(|event| matches!(event, Event::Question { text, .. } if text.contains("customers")));
    assert!(asked);
    let (plan, digest) = offered(&house).await;
    let refused = house.talk.confirm(Some(house.conversation), plan, &digest, &[], true, ann()).await.unwrap_err();
    assert_eq!(refused.code(), "not_acknowledged");
    assert!(matches!(house.say("yes, replace customers").await, Outcome::Confirmed(_)));
    assert_eq!(house.started(), 1);
}

#[tokio::test]
async fn a_question_in_between_takes_the_yes() {
    let house = House::new([
        Step::Call("propose_plan", plan("customers")),
        Step::Say("The last run failed. Shall I retry it?"),
        Step::Say("I cannot retry it myself."),
    ])
    .await;
    house.say("copy customers").await;
    house.say("why did the last run fail").await;
    assert!(matches!(house.say("yes").await, Outcome::Answered(_)));
    assert_eq!(house.started(), 0);
    assert!(towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().is_some());
}

#[tokio::test]
async fn a_typed_no_dismisses() {
    let house = House::new([Step::Call("propose_plan", plan("customers"))]).await;
    house.say("copy customers").await;
    let (plan, digest) = offered(&house).await;
    assert_eq!(house.say("cancel that").await, Outcome::Dismissed);
    assert!(house.events().await.contains(&Event::PlanDismissed { plan }));
    let late = house.talk.confirm(Some(house.conversation), plan, &digest, &[], true, ann()).await.unwrap_err();
    assert_eq!(late.code(), "plan_not_offered");
    assert_eq!(house.started(), 0);
}

#[tokio::test]
async fn a_click_confirms_by_what_was_on_the_screen() {
    let house = House::new([Step::Call("propose_plan", plan("orders"))]).await;
    house.say("copy orders").await;
    let (plan, digest) = offered(&house).await;
    let here = Some(house.conversation);
    let stale =
        house.talk.confirm(here, plan, &digest.replace(['0', '1', '2', '3'], "f"), &[], true, ann()).await.unwrap_err();
    assert_eq!(stale.code(), "stale_confirmation");
    let foreign = house.talk.confirm(Some(ConversationId::new()), plan, &digest, &[], true, ann()).await.unwrap_err();
    assert_eq!(foreign.code(), "plan_not_found");
    assert_eq!(house.started(), 0);
    let kept = house.talk.confirm(here, plan, &digest, &[], false, ann()).await.unwrap();
    assert_eq!((kept.run, house.started()), (None, 0));
}

#[tokio::test]
async fn an_offered_action_waits_for_a_yes_and_is_carried_out_once() {
    let house = House::new([
        Step::Call("propose_plan", plan("orders")),
        Step::Call("offer_action", json!({"action": "run_now", "pipeline": "orders to warehouse"})),
        Step::Call("offer_action", json!({"action": "delete_pipeline", "pipeline": "orders to warehouse"})),
        Step::Call("offer_action", json!({"action": "stop_run", "pipeline": "orders to warehouse"})),
        Step::Say("Nothing runs."),
    ])
    .await;
    house.say("copy orders").await;
    house.say("yes").await;
    house.say("run orders again").await;
    assert_eq!(house.recorder.reruns.load(Ordering::SeqCst), 0);
    let Outcome::Acted(acted) = house.say("ja, bitte").await else { panic!("not carried out") };
    assert_eq!(house.recorder.reruns.load(Ordering::SeqCst), 1);
    let again = house.talk.confirm_action(house.conversation, acted.action, ann()).await.unwrap_err();
    assert_eq!(again.code(), "action_decided");
    let elsewhere = house.talk.confirm_action(ConversationId::new(), acted.action, ann()).await.unwrap_err();
    assert_eq!(elsewhere.code(), "action_not_found");

    house.say("delete it").await;
    let requested = |event: &Event| matches!(event, Event::Action { action, state: ActionState::Offered, .. } if action == "delete_requested");
    assert!(house.events().await.iter().any(requested));
    let db = house.workspace.store.pool();
    assert!(
        store::pipelines::get(db, "main", &acted.pipeline.to_string()).await.unwrap().unwrap().deleted_at.is_none()
    );
    assert_eq!(house.say("no").await, Outcome::Dismissed);
    assert!(
        store::pipelines::get(db, "main", &acted.pipeline.to_string()).await.unwrap().unwrap().deleted_at.is_none()
    );

    house.say("stop the run").await;
    assert!(house.results("offer_action").await.pop().unwrap().0.contains("nothing to stop"));
}

#[tokio::test]
async fn pausing_resuming_and_deleting_do_what_they_say() {
    let scheduled = json!({"plan": {
        "version": 1, "name": "hourly", "source": {"connection": "shop"}, "destination": {"connection": "warehouse"},
        "streams": [{"stream": "orders"}], "schedule": {"cron": "0 * * * *"},
    }});
    let offer = |action| Step::Call("offer_action", json!({"action": action, "pipeline": "hourly"}));
    let house = House::new([
        Step::Call("propose_plan", scheduled),
        offer("pause_schedule"),
        offer("resume_schedule"),
        offer("delete_pipeline"),
    ])
    .await;
    house.say("copy orders hourly").await;
    let Outcome::Confirmed(kept) = house.say("yes").await else { panic!("not confirmed") };
    let row = async || {
        store::pipelines::get(house.workspace.store.pool(), "main", &kept.pipeline.to_string()).await.unwrap().unwrap()
    };
    house.say("pause it").await;
    house.say("yes").await;
    assert!(row().await.paused);
    house.say("resume it").await;
    house.say("yes").await;
    assert!(!row().await.paused);
    house.say("delete it").await;
    house.say("yes").await;
    assert!(row().await.deleted_at.is_some());
}

#[tokio::test]
async fn what_is_nothing_or_nowhere_is_refused() {
    let house = House::new([]).await;
    assert_eq!(house.try_say("   ", Vec::new()).await.unwrap_err().code(), "nothing_said");
    let nowhere = house
        .talk
        .say(ConversationId::new(), "hello".to_owned(), Vec::new(), ann(), tokio_util::sync::CancellationToken::new())
        .await;
    assert_eq!(nowhere.unwrap_err().code(), "conversation_not_found");
}

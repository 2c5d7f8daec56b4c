//! Whole talks on either store: a plan is proposed, revised, confirmed and loaded again, as people do it.

use serde_json::json;
use towpath::agent::Limits;
use towpath::store::{Store, pipelines, plans, schedules};
use towpath::talk::Outcome;

use super::MAIN;
use crate::agent::house::{House, Step, plan};

on_both!(a_plan_goes_from_a_sentence_to_a_pipeline, a_plan_that_was_touched_is_not_run);

async fn house(store: Store, steps: impl IntoIterator<Item = Step>) -> House {
    House::over(store, steps, None, Limits::default()).await
}

async fn a_plan_goes_from_a_sentence_to_a_pipeline(store: Store) {
    let hourly = json!({"changes": {"schedule": {"cron": "0 * * * *"}}});
    let house = house(
        store,
        [
            Step::Call("propose_plan", plan("customers")),
            Step::Call("revise_plan", hourly),
            Step::Call("offer_action", json!({"action": "pause_schedule", "pipeline": "customers to warehouse"})),
        ],
    )
    .await;
    house.say("copy customers").await;
    house.say("hourly").await;
    let offered = towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().unwrap();
    assert!(offered.spec.schedule.is_some());
    let Outcome::Confirmed(kept) = house.say("yes").await else { panic!("not confirmed") };
    let db = house.workspace.store.pool();
    let id = kept.pipeline.to_string();
    assert!(schedules::get(db, &id).await.unwrap().unwrap().next_fire.is_some());
    let confirmed = towpath::plan::confirmed(&house.workspace, kept.pipeline).await.unwrap();
    assert_eq!(confirmed.digest(), offered.digest);
    house.say("pause it").await;
    house.say("yes").await;
    assert!(pipelines::get(db, MAIN, &id).await.unwrap().unwrap().paused);
    let said = house.messages().await;
    assert!(said.len() > 8, "{said:?}");
}

async fn a_plan_that_was_touched_is_not_run(store: Store) {
    let house = house(store, [Step::Call("propose_plan", plan("orders"))]).await;
    house.say("copy orders").await;
    let Outcome::Confirmed(kept) = house.say("yes").await else { panic!("not confirmed") };
    plans::reseal(house.workspace.store.pool(), &kept.plan.to_string(), "forged").await.unwrap();
    let loaded = towpath::plan::confirmed(&house.workspace, kept.pipeline).await;
    assert!(matches!(loaded, Err(towpath::plan::LoadError::Tampered)));
}

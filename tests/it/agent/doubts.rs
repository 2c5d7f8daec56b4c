//! A model's plan is held against what the planner reads in the same words.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::{Value, json};
use towpath::events::Event;

use super::house::{House, Step, plan};

/// The doubts on the plan that was proposed last: pointer and sentence.
async fn doubts(house: &House) -> Vec<String> {
    let view = house.events().await.into_iter().rev().find_map(|event| match event {
        Event::PlanProposed { view, .. } => Some(view),
        _ => None,
    });
    let told = view.expect("a plan is on offer").warnings.into_iter();
    told.filter(|warning| warning.code == "differs_from_words")
        .map(|told| format!("{} {}", told.pointer, told.message))
        .collect()
}

fn changed(stream: &str, change: impl FnOnce(&mut Value)) -> Step {
    let mut plan = plan(stream);
    change(&mut plan["plan"]);
    Step::Call("propose_plan", plan)
}

#[tokio::test]
async fn a_plan_that_does_what_was_said_is_not_doubted() {
    for (said, step) in [
        ("copy customers from the shop to the warehouse", changed("customers", |_| ())),
        (
            "every day at 2:00 UTC copy customers from the shop to the warehouse",
            changed("customers", |plan| plan["schedule"] = json!({"cron": "0 2 * * *", "timezone": "UTC"})),
        ),
        (
            "copy orders where total > 5 from the shop to the warehouse",
            changed("orders", |plan| plan["streams"][0]["filter"] = json!("NOT (total <= 5)")),
        ),
    ] {
        let house = House::new([step]).await;
        house.say(said).await;
        assert_eq!(doubts(&house).await, [] as [&str; 0], "{said}");
    }
}

#[tokio::test]
async fn a_plan_that_does_something_else_says_so_and_still_waits() {
    let cases = [
        (
            "copy customers from the shop to the warehouse",
            changed("orders", |_| ()),
            "/streams Your words seem to ask for `customers`",
        ),
        (
            "copy orders where total > 5 from the shop to the warehouse",
            changed("orders", |_| ()),
            "/streams/0/filter Of `orders` your words seem to mean only the rows where",
        ),
        (
            "copy orders from the shop to the warehouse",
            changed("orders", |plan| plan["streams"][0]["filter"] = json!("total > 5")),
            "/streams/0/filter Nothing in your words seems to limit `orders`",
        ),
        (
            "copy orders from the shop to the warehouse every hour",
            changed("orders", |_| ()),
            "/schedule Your words seem to ask for a schedule",
        ),
        (
            "copy orders from the shop to the warehouse",
            changed("orders", |plan| plan["schedule"] = json!({"cron": "* * * * *"})),
            "/schedule Nothing in your words seems to ask for a schedule",
        ),
        (
            "copy customers from the shop to the warehouse without email",
            changed("customers", |_| ()),
            "/streams/0 Your words seem to ask that `email` of `customers` be left out or masked",
        ),
    ];
    for (said, step, wanted) in cases {
        let house = House::new([step]).await;
        house.say(said).await;
        let doubts = doubts(&house).await;
        assert!(doubts.iter().any(|doubt| doubt.starts_with(wanted)), "{said}: {doubts:?}");
        assert!(towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().is_some());
        // The second reader looks and puts nothing forward.
        assert_eq!(house.results("propose_plan").await.len(), 1);
        assert_eq!(house.started(), 0);
    }
}

#[tokio::test]
async fn a_revision_is_held_against_the_plan_it_revises() {
    let hourly = || json!({"changes": {"schedule": {"cron": "0 * * * *", "timezone": "UTC"}}});
    let house = House::new([Step::Call("propose_plan", plan("orders")), Step::Call("revise_plan", hourly())]).await;
    house.say("copy orders from the shop to the warehouse").await;
    house.say("make it hourly").await;
    assert_eq!(doubts(&house).await, [] as [&str; 0]);
    let daily = json!({"changes": {"schedule": {"cron": "0 3 * * *", "timezone": "UTC"}}});
    let house = House::new([Step::Call("propose_plan", plan("orders")), Step::Call("revise_plan", daily)]).await;
    house.say("copy orders from the shop to the warehouse").await;
    house.say("make it hourly").await;
    assert!(doubts(&house).await[0].starts_with("/schedule"), "{:?}", doubts(&house).await);
}

//! The loop: whatever a mind does, every call is answered once, limits hold, and the person learns how it ended.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use towpath::agent::guard::untrusted;
use towpath::agent::model::{ChatModel, Message, ModelError};
use towpath::agent::{Limits, Offer, TurnSummary};
use towpath::events::{Event, Outcome as Ended, TurnOutcome};
use towpath::store;
use towpath::talk::Outcome;

use super::house::{House, Script, Step, ann, plan, whole};

fn summary(outcome: Outcome) -> TurnSummary {
    match outcome {
        Outcome::Answered(summary) => summary,
        other => panic!("no turn was taken: {other:?}"),
    }
}

#[tokio::test]
async fn a_request_becomes_a_plan_on_offer_and_ends_the_turn() {
    let house = House::new([
        Step::Call("list_connections", json!({})),
        Step::Call("list_streams", json!({"connection": "shop", "search": "custmer"})),
        Step::Call("propose_plan", plan("customers")),
        Step::Say("this is never asked for"),
    ])
    .await;
    let summary = summary(house.say("copy the customers to the warehouse").await);
    assert_eq!((summary.outcome, summary.rounds, summary.tool_calls), (TurnOutcome::Done, 3, 3));
    assert!(matches!(summary.offered.as_slice(), [Offer::Plan { .. }]), "{:?}", summary.offered);

    let messages = house.messages().await;
    whole(&messages);
    let (content, refused) = house.results("list_streams").await.remove(0);
    assert!(!refused && content.starts_with("<untrusted from=\"list_streams\">"));
    let listed: Value = serde_json::from_str(untrusted::unwrap(&content)).unwrap();
    assert_eq!(listed["streams"][0]["stream"], "customers");

    let events = house.events().await;
    let names: Vec<String> =
        events.iter().map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        [
            "user_said",
            "tool_started",
            "tool_ended",
            "tool_started",
            "tool_ended",
            "tool_started",
            "tool_ended",
            "plan_proposed",
            "turn_ended"
        ]
    );
    assert_eq!(house.started(), 0);
    let db = house.workspace.store.pool();
    let turns = store::turns::list(db, &house.conversation.to_string(), 5).await.unwrap();
    assert_eq!(turns[0].outcome.as_deref(), Some("done"));
    assert_eq!(serde_json::from_str::<Value>(&turns[0].trace).unwrap()["calls"].as_array().unwrap().len(), 3);
    let title = store::conversations::get(db, "main", &house.conversation.to_string()).await.unwrap().unwrap().title;
    assert_eq!(title, "copy the customers to the warehouse");
}

#[tokio::test]
async fn a_refused_plan_can_be_mended_and_is_told_when_it_is_not() {
    let house =
        House::new([Step::Call("propose_plan", plan("custmers")), Step::Call("propose_plan", plan("customers"))]).await;
    house.say("copy customers").await;
    let (first, refused) = house.results("propose_plan").await.remove(0);
    assert!(!refused && first.contains("unknown_stream"), "{first}");
    let events = house.events().await;
    assert!(!events.iter().any(|event| matches!(event, Event::PlanRejected { .. })));
    assert!(events.iter().any(|event| matches!(event, Event::PlanProposed { .. })));

    let house =
        House::new([Step::Call("propose_plan", plan("nothing_like_it")), Step::Say("That did not work.")]).await;
    house.say("copy it").await;
    let told = house.events().await.into_iter().find_map(|event| match event {
        Event::PlanRejected { problems } => Some(problems),
        _ => None,
    });
    assert_eq!(told.unwrap()[0].code, "unknown_stream");
}

#[tokio::test]
async fn revising_supersedes_and_asking_withdraws() {
    let house = House::new([
        Step::Call("propose_plan", plan("customers")),
        Step::Call("revise_plan", json!({"changes": {"schedule": {"cron": "0 * * * *"}}})),
        Step::Call("ask_user", json!({"about": "schedule", "text": "Which zone?", "options": []})),
    ])
    .await;
    house.say("copy customers").await;
    house.say("make that hourly").await;
    let offered = towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().unwrap();
    assert!(offered.spec.schedule.is_some());
    let proposed = house.events().await.iter().filter(|event| matches!(event, Event::PlanProposed { .. })).count();
    assert_eq!(proposed, 2);
    house.say("hm, in which zone is that").await;
    assert!(towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().is_none());
}

#[tokio::test]
async fn malformed_calls_get_one_round_to_mend() {
    let fenced = || Step::Call("list_connections", json!("```json\n{}\n```"));
    let house = House::new([fenced(), Step::Call("list_connections", json!({})), Step::Say("There.")]).await;
    assert_eq!(summary(house.say("what is there").await).outcome, TurnOutcome::Done);
    let results = house.results("list_connections").await;
    assert!(results[0].1 && results[0].0.contains("JSON object"), "{results:?}");
    assert!(!results[1].1);

    let house = House::new([fenced(), fenced(), Step::Say("never")]).await;
    let summary = summary(house.say("what is there").await);
    assert_eq!((summary.outcome, summary.rounds), (TurnOutcome::Failed, 2));
    whole(&house.messages().await);
}

#[tokio::test]
async fn parallel_calls_are_answered_in_order_unknown_ones_and_those_behind_the_end_too() {
    let house = House::new([Step::Calls(vec![
        ("list_conections", json!({})),
        ("list_streams", json!({"connection": "nowhere"})),
        ("list_streams", json!({"connection": "shop", "limit": 0})),
        ("decline_request", json!({"text": "No."})),
        ("list_connections", json!({})),
    ])])
    .await;
    let summary = summary(house.say("sing").await);
    assert_eq!((summary.outcome, summary.tool_calls), (TurnOutcome::Done, 5));
    whole(&house.messages().await);
    assert!(house.results("list_conections").await[0].0.contains("`list_connections`"));
    let streams = house.results("list_streams").await;
    assert!(streams[0].1 && streams[0].0.contains("nowhere"));
    assert!(streams[1].1 && streams[1].0.contains("/limit"), "{}", streams[1].0);
    assert!(house.results("list_connections").await[0].0.contains("Not carried out"));
    let ended: Vec<Ended> = house
        .events()
        .await
        .into_iter()
        .filter_map(|event| if let Event::ToolEnded { outcome, .. } = event { Some(outcome) } else { None })
        .collect();
    assert_eq!(ended, [Ended::Refused, Ended::Refused, Ended::Refused, Ended::Ok, Ended::Refused]);
}

#[tokio::test]
async fn the_same_call_is_not_made_twice() {
    let call = || Step::Call("inspect_stream", json!({"connection": "shop", "stream": "orders"}));
    let swapped = Step::Call("inspect_stream", json!({"stream": "orders", "connection": "shop"}));
    let house = House::new([call(), call(), swapped, Step::Say("Done.")]).await;
    house.say("look at the orders").await;
    let results = house.results("inspect_stream").await;
    assert!(!results[0].1);
    assert!(results[1].1 && results[1].0.contains("stands above"));
    assert!(results[2].1);
}

#[tokio::test]
async fn rounds_and_calls_are_bounded() {
    let limits = Limits { rounds: 3, ..Limits::default() };
    let steps = (1..10).map(|limit| Step::Call("list_streams", json!({"connection": "shop", "limit": limit})));
    let house = House::with(steps, None, limits).await;
    let first = summary(house.say("go on forever").await);
    assert_eq!((first.outcome, first.rounds), (TurnOutcome::Failed, 3));
    assert!(first.message.unwrap().contains("smaller steps"));

    let limits = Limits { tool_calls: 2, ..Limits::default() };
    let calls = (1..6).map(|limit| ("list_streams", json!({"connection": "shop", "limit": limit}))).collect();
    let house = House::with([Step::Calls(calls)], None, limits).await;
    let second = summary(house.say("all at once").await);
    assert_eq!(second.outcome, TurnOutcome::Failed);
    let refused: Vec<bool> = house.results("list_streams").await.into_iter().map(|(_, refused)| refused).collect();
    assert_eq!(refused, [false, false, true, true, true]);
    whole(&house.messages().await);
}

#[tokio::test]
async fn a_mind_that_hangs_is_bounded_by_time() {
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let house = House::with([Step::Hang("Let me think")], None, limits).await;
    let summary = summary(house.say("think").await);
    assert_eq!(summary.outcome, TurnOutcome::Failed);
    assert_eq!(house.spoken().await, "Let me think");
    whole(&house.messages().await);
}

#[tokio::test]
async fn cancelling_ends_the_turn_at_once_and_keeps_what_was_said() {
    let house = Arc::new(House::new([Step::Hang("I was about to"), Step::Say("Again.")]).await);
    let other = Arc::clone(&house);
    let turn = towpath::tasks::spawn("test", async move {
        let cancel = CancellationToken::new();
        other.talk.say(other.conversation, "think".to_owned(), Vec::new(), ann(), cancel).await
    });
    let spoke = async {
        while house.spoken().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), spoke).await.unwrap();
    let busy = house.try_say("and?", Vec::new()).await.unwrap_err();
    assert_eq!(busy.code(), "turn_in_progress");
    assert!(house.talk.cancel_turn(house.conversation));
    let summary = summary(turn.await.unwrap().unwrap());
    assert_eq!(summary.outcome, TurnOutcome::Cancelled);
    assert!(!house.talk.cancel_turn(house.conversation));
    assert!(
        house
            .messages()
            .await
            .iter()
            .any(|message| matches!(message, Message::Assistant { text, .. } if text == "I was about to"))
    );
    house.say("go on").await;
    whole(&house.messages().await);
}

#[tokio::test]
async fn when_the_endpoint_is_away_the_fallback_takes_the_turn_and_says_so() {
    let away: fn() -> ModelError = || ModelError::Unreachable(anyhow::anyhow!("connection refused"));
    let fallback = Script::new([Step::Call("propose_plan", plan("orders"))]);
    let mind: Arc<dyn ChatModel> = Arc::clone(&fallback) as Arc<dyn ChatModel>;
    let house =
        House::with([Step::Call("list_connections", json!({})), Step::Fail(away)], Some(mind), Limits::default()).await;
    let summary = summary(house.say("copy orders").await);
    assert_eq!(summary.outcome, TurnOutcome::Done);
    assert!(matches!(summary.offered.as_slice(), [Offer::Plan { .. }]));
    assert!(house.spoken().await.contains("built-in planner"), "{}", house.spoken().await);

    let house = House::new([Step::Break("Half a sen")]).await;
    let summary = self::summary(house.say("copy orders").await);
    assert_eq!(summary.outcome, TurnOutcome::Failed);
    assert_eq!(summary.message.as_deref(), Some("The model's endpoint does not answer."));
    assert_eq!(house.spoken().await, "Half a sen");
}

#[tokio::test]
async fn a_talk_too_long_for_the_model_is_shortened_once() {
    let long: fn() -> ModelError = || ModelError::TooLong;
    let house = House::new([Step::Say("One."), Step::Say("Two."), Step::Fail(long), Step::Say("Three.")]).await;
    house.say(&"a long story ".repeat(5000)).await;
    house.say("and now").await;
    assert_eq!(summary(house.say("last").await).outcome, TurnOutcome::Done);
    let seen = house.script.seen.lock().unwrap();
    let (before, after) = (&seen[2].messages, &seen[3].messages);
    assert!(after.len() < before.len());
    assert_eq!(after.last(), before.last());
}

#[tokio::test]
async fn looking_changes_nothing() {
    let looks = vec![
        ("list_connections", json!({"for_user": true})),
        ("search_catalog", json!({"query": "postgres"})),
        ("check_connection", json!({"connection": "shop"})),
        ("list_streams", json!({"connection": "warehouse"})),
        ("inspect_stream", json!({"connection": "shop", "stream": "customers"})),
        ("profile_cursor", json!({"connection": "shop", "stream": "customers", "column": "updated_at"})),
        ("preview_rows", json!({"connection": "shop", "stream": "customers"})),
        ("propose_mapping", json!({"source": "shop", "destination": "warehouse", "stream": "customers"})),
        ("propose_modes", json!({"source": "shop", "stream": "customers", "destination": "warehouse"})),
        ("preview_schedule", json!({"schedule": {"cron": "0 2 * * *", "timezone": "Europe/Zurich"}})),
        ("list_runs", json!({})),
        ("read_run_log", json!({"pipeline": "none"})),
        ("diagnose", json!({"excerpt": "FATAL: sorry, too many clients already"})),
        ("explain_pipeline", json!({"pipeline": "none"})),
    ];
    let house = House::new([Step::Calls(looks.clone()), Step::Say("Seen.")]).await;
    house.say("look at everything").await;
    for (tool, _) in &looks {
        let results = house.results(tool).await;
        assert_eq!(results.len(), 1, "{tool}");
        let refused = matches!(*tool, "preview_rows" | "read_run_log" | "explain_pipeline");
        assert_eq!(results[0].1, refused, "{tool}: {}", results[0].0);
        assert!(results[0].0.len() <= 12 * 1024 + 64, "{tool}");
    }
    let db = house.workspace.store.pool();
    assert!(store::pipelines::all(db, "main").await.unwrap().is_empty());
    assert!(store::actions::on_offer(db, "main", &house.conversation.to_string()).await.unwrap().is_none());
    assert!(towpath::plan::on_offer(&house.workspace, house.conversation).await.unwrap().is_none());
    assert_eq!(house.started(), 0);
    assert!(
        house
            .events()
            .await
            .iter()
            .any(|event| matches!(event, Event::Diagnosis { causes, .. } if causes[0].code == "too_many_connections"))
    );
}

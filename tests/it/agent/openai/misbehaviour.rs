//! Turns with endpoints that do what real ones do.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use towpath::agent::builtin::Builtin;
use towpath::agent::model::ChatModel;
use towpath::agent::openai::{OpenAi, OpenAiConfig};
use towpath::agent::{Agent, Limits, Offer, Registry, Said, TurnSummary};
use towpath::events::{Event, TurnOutcome};

use super::super::house::{House, plan, whole};
use super::mind;
use super::wire::{Answer, Wire};

fn call(name: &str, arguments: &str) -> Answer {
    Answer::calls(vec![
        json!([{"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]),
    ])
}

fn proposes(stream: &str) -> Answer {
    call("propose_plan", &plan(stream).to_string())
}

struct Scene {
    house: House,
    wire: Wire,
    agent: Agent,
}

impl Scene {
    async fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::with(answers, None, Limits::default()).await
    }

    async fn with(
        answers: impl IntoIterator<Item = Answer>,
        fallback: Option<Arc<dyn ChatModel>>,
        limits: Limits,
    ) -> Self {
        let wire = Wire::new(answers).await;
        let house = House::new([]).await;
        let agent = Agent {
            workspace: house.workspace.clone(),
            bus: house.bus.clone(),
            model: Arc::new(mind(&wire)),
            fallback,
            tools: Registry::standard().unwrap(),
            limits,
        };
        Self { house, wire, agent }
    }

    async fn say(&self, text: &str) -> TurnSummary {
        let summary = self.agent.run_turn(self.house.conversation, Said::text(text), CancellationToken::new()).await;
        whole(&self.house.messages().await);
        summary.unwrap()
    }

    /// The text of every message in the request of this number.
    fn sent(&self, number: usize) -> String {
        self.wire.requests()[number].body["messages"].to_string()
    }
}

fn planner() -> Arc<dyn ChatModel> {
    Arc::new(Builtin::new())
}

fn has_plan(summary: &TurnSummary) -> bool {
    matches!(summary.offered.as_slice(), [Offer::Plan { .. }])
}

#[tokio::test]
async fn broken_arguments_go_back_once_with_what_is_wrong() {
    let scene = Scene::new([
        call("propose_plan", r#"{"plan": {"version": 1, "name": }"#),
        call("propose_plan", &format!("```json\n{}\n```", plan("customers"))),
    ])
    .await;
    let summary = scene.say("copy customers").await;
    assert_eq!((summary.outcome, summary.rounds), (TurnOutcome::Done, 2));
    assert!(has_plan(&summary));
    let (complaint, refused) = scene.house.results("propose_plan").await.remove(0);
    assert!(refused && complaint.contains("column 33") && complaint.contains("`plan` (required)"), "{complaint}");
}

#[tokio::test]
async fn a_mind_that_keeps_writing_broken_calls_is_stopped_or_replaced() {
    let broken = || call("list_streams", r#"{"connection": shop}"#);
    let scene = Scene::new([broken(), broken(), proposes("customers")]).await;
    let summary = scene.say("copy customers").await;
    assert_eq!((summary.outcome, summary.rounds), (TurnOutcome::Failed, 2));
    assert!(summary.message.unwrap().contains("cannot be read"));

    let scene = Scene::with([broken(), broken()], Some(planner()), Limits::default()).await;
    let summary = scene.say("copy customers from the shop to the warehouse").await;
    assert_eq!((summary.outcome, summary.mind.as_str()), (TurnOutcome::Done, "builtin"));
    assert!(has_plan(&summary));
    assert!(scene.house.spoken().await.contains("The built-in planner takes this turn."));
}

#[tokio::test]
async fn an_empty_reply_is_asked_about_once() {
    let scene = Scene::new([Answer::text(&[]), Answer::text(&["Which table?"])]).await;
    let summary = scene.say("copy it").await;
    assert_eq!((summary.outcome, summary.rounds), (TurnOutcome::Done, 2));
    assert_eq!(scene.house.spoken().await, "Which table?");
    assert!(!scene.sent(0).contains("last reply was empty") && scene.sent(1).contains("last reply was empty"));

    let scene = Scene::new([Answer::text(&[]), Answer::text(&["  \n"]), Answer::text(&["never asked"])]).await;
    let summary = scene.say("copy it").await;
    assert_eq!(summary.outcome, TurnOutcome::Failed);
    assert!(summary.message.unwrap().contains("answered with nothing"));
    assert_eq!(scene.wire.requests().len(), 2);
}

#[tokio::test]
async fn silence_after_something_was_shown_is_an_end() {
    let excerpt = json!({"excerpt": "FATAL: sorry, too many clients already"}).to_string();
    let scene = Scene::new([call("diagnose", &excerpt), Answer::text(&[])]).await;
    let summary = scene.say("what does `too many clients already` mean").await;
    assert_eq!((summary.outcome, summary.rounds), (TurnOutcome::Done, 2));
}

#[tokio::test]
async fn limits_hold_for_an_endpoint_that_does_not_count_tokens() {
    let limits = Limits { tokens: 5000, ..Limits::default() };
    let steps = (1..9).map(|limit| call("list_streams", &json!({"connection": "shop", "limit": limit}).to_string()));
    let scene = Scene::with(steps, None, limits).await;
    let summary = scene.say("go on").await;
    assert_eq!(summary.outcome, TurnOutcome::Failed);
    assert!(summary.message.unwrap().contains("tokens"), "{:?}", summary.usage);
    assert!(scene.wire.requests().len() < 4 && summary.usage.prompt_tokens > 1000, "{:?}", summary.usage);
}

#[tokio::test]
async fn a_truncated_reply_is_no_answer_and_its_calls_are_not_made() {
    for broken in [proposes("customers").truncated(), proposes("customers").cut()] {
        let scene = Scene::new([broken]).await;
        let summary = scene.say("copy customers").await;
        assert_eq!((summary.outcome, summary.tool_calls), (TurnOutcome::Failed, 0));
        assert!(summary.offered.is_empty());
    }
    let scene = Scene::with([Answer::text(&["I have cop"]).truncated()], Some(planner()), Limits::default()).await;
    let summary = scene.say("copy customers from the shop to the warehouse").await;
    assert_eq!((summary.outcome, summary.mind.as_str()), (TurnOutcome::Done, "builtin"));
    assert!(has_plan(&summary));
    let spoken = scene.house.spoken().await;
    assert!(spoken.contains("does not answer. The built-in planner takes this turn."), "{spoken}");
}

#[tokio::test]
async fn an_endpoint_that_is_down_hands_the_turn_to_the_planner_which_says_so() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = OpenAiConfig {
        longest_pause: Duration::from_millis(20),
        ..OpenAiConfig::new(format!("http://{closed}/v1"), "away", None)
    };
    let mut scene = Scene::with([], Some(planner()), Limits::default()).await;
    scene.agent.model = Arc::new(OpenAi::new(config).unwrap());
    let summary = scene.say("copy customers from the shop to the warehouse").await;
    assert_eq!((summary.outcome, summary.mind.as_str()), (TurnOutcome::Done, "builtin"));
    assert!(has_plan(&summary));
    let said = scene.house.events().await.into_iter().find_map(|event| match event {
        Event::TextDelta { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(said.unwrap(), "The model's endpoint does not answer. The built-in planner takes this turn.");
}

#[tokio::test]
async fn a_talk_too_long_keeps_the_plan_on_offer_and_what_the_person_asked_for() {
    let long = || {
        Answer::error(
            400,
            r#"{"error":{"message":"maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#,
        )
    };
    let story = "so it went on and on ".repeat(300);
    let scene = Scene::new([
        proposes("orders"),
        Answer::text(&[&story]),
        Answer::text(&[&story]),
        long(),
        long(),
        call("revise_plan", &json!({"changes": {"schedule": {"cron": "0 * * * *", "timezone": "UTC"}}}).to_string()),
    ])
    .await;
    scene.say("copy orders, and never show me the column note again").await;
    scene.say("what is a merge, at length").await;
    scene.say("and an append").await;
    let summary = scene.say("make it hourly").await;
    assert_eq!((summary.outcome, summary.rounds), (TurnOutcome::Done, 3));
    assert!(has_plan(&summary));
    let (whole, last) = (scene.sent(3), scene.sent(5));
    assert!(last.len() < whole.len() / 2, "{} of {}", last.len(), whole.len());
    assert!(whole.contains(&story) && !last.contains(&story));
    for kept in ["never show me the column note", "plan_on_offer", "orders to warehouse", "make it hourly"] {
        assert!(last.contains(kept), "{kept}: {last}");
    }
}

#[tokio::test]
async fn thoughts_reach_nobody() {
    let reasoning = json!({"choices": [{"index": 0, "delta": {"reasoning_content": "inwardly", "reasoning": "inwardly"}, "finish_reason": null}]});
    let words = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let chunks = vec![
        reasoning,
        words("<thi"),
        words("nk>They inwardly want"),
        words(".</think>\n\nWhich"),
        words(" one?"),
        stop,
    ];
    let scene = Scene::new([Answer::chunks(chunks)]).await;
    scene.say("copy it").await;
    assert_eq!(scene.house.spoken().await, "Which one?");
    assert!(!format!("{:?}", scene.house.messages().await).contains("inwardly"));
}

#[tokio::test]
async fn an_endpoint_without_tool_calls_writes_them_down() {
    let none =
        Answer::error(400, r#"{"error":{"message":"registry.ollama.ai/library/gemma3:4b does not support tools"}}"#);
    let look = json!({"say": "I look first.", "calls": [{"tool": "list_connections", "arguments": {}}]}).to_string();
    let plan = json!({"say": "", "calls": [{"tool": "propose_plan", "arguments": plan("customers")}]}).to_string();
    let fenced = format!("```json\n{plan}\n```");
    let (start, end) = fenced.split_at(30);
    let scene = Scene::new([
        none,
        Answer::text(&[&look]),
        Answer::text(&[start, end]),
        Answer::text(&[r#"{"say": "It waits.", "calls": []}"#]),
    ])
    .await;
    let summary = scene.say("copy customers").await;
    assert_eq!((summary.outcome, summary.rounds, summary.tool_calls), (TurnOutcome::Done, 2, 2));
    assert!(has_plan(&summary));
    assert_eq!(scene.house.spoken().await, "I look first.");
    scene.say("what now").await;
    let requests = scene.wire.requests();
    let tools: Vec<bool> = requests.iter().map(|request| request.body.get("tools").is_some()).collect();
    assert_eq!(tools, [true, false, false, false]);
    let system = requests[1].body["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("\"tool\":\"propose_plan\"") && system.contains("one JSON object"));
    let roles = |body: &Value| -> Vec<String> {
        body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["role"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(roles(&requests[3].body), ["system", "user", "assistant", "user", "assistant", "user"]);
    assert!(scene.sent(2).contains("Answer of `list_connections`"));
}

#[tokio::test]
async fn a_written_call_that_is_broken_goes_back_and_is_not_shown() {
    let none = Answer::error(404, r#"{"error":{"message":"No endpoints found that support tool use."}}"#);
    let broken = r#"{"say": "", "calls": [{"tool": "list_runs", "arguments": {"limit": }}]}"#;
    let scene = Scene::new([none, Answer::text(&[broken]), Answer::text(&[r#"{"say": "Nothing has run."}"#])]).await;
    assert_eq!(scene.say("what ran").await.outcome, TurnOutcome::Done);
    assert_eq!(scene.house.spoken().await, "Nothing has run.");
    assert!(scene.house.results("list_runs").await[0].1);
}

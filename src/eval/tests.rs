//! Whole evaluations, with a mind that does what a script says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::agent::model::{ChatRequest, Delta, DeltaStream, Finish, Message, ModelError, ToolCall};

/// A mind that answers what a person said last with a text, or with one call.
struct Scripted {
    script: BTreeMap<&'static str, Value>,
    calls: AtomicU32,
}

#[async_trait]
impl ChatModel for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        let done = |finish| Ok(Delta::Done { finish, usage: None });
        let said = match request.messages.last() {
            Some(Message::User { text, .. }) => self.script.get(text.as_str()),
            // One call a turn; what it gave needs no more words.
            _ => None,
        };
        let deltas = match said {
            Some(Value::String(text)) => vec![Ok(Delta::Text(text.clone())), done(Finish::Stop)],
            Some(call) => {
                let (name, arguments) = call.as_object().unwrap().iter().next().unwrap();
                let id = format!("c{}", self.calls.fetch_add(1, Ordering::SeqCst));
                let call = ToolCall { id, name: name.clone(), arguments: arguments.clone() };
                vec![Ok(Delta::Call(call)), done(Finish::ToolCalls)]
            }
            None if matches!(request.messages.last(), Some(Message::User { .. })) => {
                vec![Ok(Delta::Text("Well.".to_owned())), done(Finish::Stop)]
            }
            None => vec![done(Finish::Stop)],
        };
        Ok(futures::stream::iter(deltas).boxed())
    }
}

const WORLD: &str = r"
now: 2026-11-20T12:00:00Z
connections:
  - name: shop
    connector: postgres
    roles: [source]
    cdc: {ready: false, reason: wal_level is replica}
    streams:
      - {name: public.orders, rows: 10, primary_key: [id], columns: [{name: id, type: bigint}, {name: at, type: timestamptz}]}
      - {name: public.hidden, granted: false, columns: [{name: id, type: bigint}]}
  - {name: lake, connector: duckdb, roles: [destination], namespaces: [main]}
pipelines:
  - name: orders live
    plan: {source: {connection: shop}, destination: {connection: lake}, streams: [{stream: public.orders, read: cdc}]}
runs:
  - pipeline: orders live
    state: failed
    error: it broke
    log: 2026-11-20T01:00:00Z ERROR it broke
";

fn orders() -> Value {
    json!({"propose_plan": {"plan": {
        "version": 1, "name": "orders", "source": {"connection": "shop"}, "destination": {"connection": "lake"},
        "streams": [{"stream": "public.orders"}]
    }}})
}

fn folder(world: &str, cases: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("worlds/w.yaml", world), ("cases/c.yaml", cases)] {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

async fn evaluated(world: &str, cases: &str, script: &[(&'static str, Value)]) -> Result<Report, EvalError> {
    let folder = folder(world, cases);
    let model = Arc::new(Scripted { script: script.iter().cloned().collect(), calls: AtomicU32::new(0) });
    let cases = folder.path().join("cases");
    run(EvalOptions { cases, worlds: None, model, tag: None, case: None, at_once: 2 }).await
}

#[tokio::test]
async fn a_talk_that_goes_as_expected_passes() {
    let cases = r#"
- id: plan-and-yes
  world: w
  tags: [t]
  turns:
    - say: copy orders
      expect: {plan: {streams: [{stream: public.orders, write: replace}]}, runs: 0}
    - say: "yes"
      expect: {plan: null, runs: 1}
- id: looks
  world: w
  turns:
    - say: runs?
      expect: {action: show_runs, "on": orders live, runs: 0}
    - say: why?
      attach: [{run: orders live}]
      expect: {plan: null}
    - say: copy hidden
      expect: {problem: no_permission}
    - say: retry
      expect: {action: retry_run, "on": orders live, runs: 0}
    - say: "yes"
      expect: {runs: 1}
"#;
    let mut hidden = orders();
    hidden["propose_plan"]["plan"]["streams"][0]["stream"] = json!("public.hidden");
    let script = [
        ("copy orders", orders()),
        ("runs?", json!({"list_runs": {"pipeline": "orders live"}})),
        ("why?", json!({"diagnose": {"pipeline": "orders live"}})),
        ("copy hidden", hidden),
        ("retry", json!({"offer_action": {"action": "retry_run", "pipeline": "orders live"}})),
    ];
    let report = evaluated(WORLD, cases, &script).await.unwrap();
    assert!(report.cases.iter().all(CaseReport::passed), "{}", report.to_text(true));
    assert_eq!(report.turns_passed(), Share { passed: 7, total: 7 });
    assert_eq!((report.fabricated(), report.unconfirmed(), report.leaked()), (0, 0, 0));
    assert_eq!(report.to_json()["tool_calls"]["worst"], 1);
}

#[tokio::test]
async fn a_talk_that_goes_otherwise_fails_with_its_reason() {
    let cases = r#"
- id: wrong
  world: w
  turns:
    - say: copy orders
      expect: {plan: {streams: [{stream: public.orders, read: incremental}]}, runs: 1}
    - say: "no"
      expect: {plan: {}}
    - say: nothing at all
      expect: {ask: [goal]}
"#;
    let report = evaluated(WORLD, cases, &[("copy orders", orders())]).await.unwrap();
    let turns = &report.cases[0].turns;
    assert!(turns[0].failures.iter().any(|told| told.contains("read: expected \"incremental\", got \"full\"")));
    assert!(turns[0].failures.iter().any(|told| told.contains("runs: expected 1, got 0")));
    assert!(turns[1].failures[0].contains("plan: expected one, got a dismissal"), "{:?}", turns[1].failures);
    assert!(turns[2].failures[0].contains("got nothing"), "{:?}", turns[2].failures);
    assert_eq!(report.cases_passed().passed, 0);
    assert!(turns[0].transcript.iter().any(|line| line.starts_with("call propose_plan")), "{:?}", turns[0].transcript);
}

#[tokio::test]
async fn a_secret_that_turns_up_again_is_counted() {
    let secret = "Tr0ub4dor&3x";
    let cases = r#"
- id: secret
  world: w
  turns:
    - say: "use postgres://app:Tr0ub4dor&3x@db.internal:5432/shop"
      expect: {secret_redacted: true, plan: null}
    - say: what was it?
      expect: {secret_redacted: false}
"#;
    let report = evaluated(WORLD, cases, &[]).await.unwrap();
    assert_eq!((report.leaked(), report.cases_passed().passed), (0, 1), "{}", report.to_text(true));
    let told = format!("It was {secret}.");
    let report = evaluated(WORLD, cases, &[("what was it?", json!(told))]).await.unwrap();
    assert_eq!((report.leaked(), report.cases_passed().passed), (1, 0));
    assert!(!report.to_json().to_string().contains("It was Tr0ub4dor"), "a report tells no secret that leaked");
}

#[tokio::test]
async fn what_a_mind_is_shown_is_watched() {
    let secret = BTreeSet::from(["hunter-2-hunter".to_owned()]);
    let mind = Arc::new(Scripted { script: BTreeMap::new(), calls: AtomicU32::new(0) });
    let watched = watch::Watched::new(mind, secret.clone());
    let request = |text: &str| ChatRequest {
        system: String::new(),
        messages: vec![Message::Notice { text: text.to_owned() }],
        tools: Arc::new([]),
        now: chrono::DateTime::default(),
        cancel: tokio_util::sync::CancellationToken::new(),
    };
    drop(watched.stream(request("nothing")).await.unwrap());
    assert!(watched.leaked().is_empty());
    drop(watched.stream(request("it is hunter-2-hunter")).await.unwrap());
    assert_eq!(watched.leaked(), secret);
}

#[tokio::test]
async fn files_that_are_wrong_are_named() {
    let case = |world: &str, more: &str| format!("- id: a\n  world: {world}\n  turns:\n    - say: x\n{more}");
    let told = async |world: &str, cases: &str| match evaluated(world, cases, &[]).await {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(told(WORLD, &case("nowhere", "")).await.contains("nowhere.yaml"));
    let text = told(&WORLD.replace("stream: public.orders", "stream: public.order"), &case("w", "")).await;
    assert!(text.contains("World `w`: pipeline `orders live`") && text.contains("public.order"), "{text}");
    let text = told(&WORLD.replace("rows: 10", "rowz: 10"), &case("w", "")).await;
    assert!(text.contains("w.yaml") && text.contains("rowz"), "{text}");
    let text = told(&WORLD.replace("connector: duckdb", "connector: duckdb, typo: 1"), &case("w", "")).await;
    assert!(text.contains("typo"), "{text}");
    let text = told(WORLD, &case("w", "      attach: [{run: other}]")).await;
    assert!(text.contains("`a`") && text.contains("no run of `other`"), "{text}");
    let text = told(&WORLD.replace("pipeline: orders live", "pipeline: others"), &case("w", "")).await;
    assert!(text.contains("run of `others`"), "{text}");
}

#[tokio::test]
async fn cases_are_chosen_by_tag_and_id() {
    let cases = "- {id: a, world: w, tags: [x], turns: [{say: hi}]}\n- {id: b, world: w, turns: [{say: hi}]}\n";
    let folder = folder(WORLD, cases);
    let model: Arc<dyn ChatModel> = Arc::new(Scripted { script: BTreeMap::new(), calls: AtomicU32::new(0) });
    let chosen = async |tag: Option<&str>, case: Option<&str>| {
        let options = EvalOptions {
            cases: folder.path().join("cases"),
            worlds: Some(folder.path().join("worlds")),
            model: Arc::clone(&model),
            tag: tag.map(str::to_owned),
            case: case.map(str::to_owned),
            at_once: 1,
        };
        run(options).await.map(|report| report.cases.into_iter().map(|case| case.id).collect::<Vec<_>>())
    };
    assert_eq!(chosen(None, None).await.unwrap(), ["a", "b"]);
    assert_eq!(chosen(Some("x"), None).await.unwrap(), ["a"]);
    assert_eq!(chosen(None, Some("b")).await.unwrap(), ["b"]);
    assert!(chosen(Some("x"), Some("b")).await.unwrap_err().to_string().contains("`x`"));
}

//! A run that a talk led to ends, and what is said next can be about it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use towpath::agent::builtin::Builtin;
use towpath::agent::guard::untrusted;
use towpath::agent::model::{ChatModel, Message};
use towpath::events::Event;
use towpath::ids::RunId;
use towpath::runner::Runner;
use towpath::store;
use towpath::talk::{Outcome, Talk};
use towpath::tasks::Tasks;

use super::house::{House, Step, ann, plan};

struct Scene {
    house: House,
    talk: Talk,
}

impl Scene {
    /// A house whose runs are carried out, with this mind or the scripted one.
    async fn new(mind: Option<Arc<dyn ChatModel>>, steps: impl IntoIterator<Item = Step>) -> Self {
        let house = House::new(steps).await;
        let mut agent = house.talk.agent().clone();
        if let Some(mind) = mind {
            agent.model = mind;
        }
        let runner = Runner::new(house.workspace.clone(), house.bus.clone(), Tasks::new(), None);
        let talk = Talk::new(house.workspace.clone(), agent, house.bus.clone(), Arc::new(runner));
        Self { house, talk }
    }

    async fn say(&self, text: &str) -> Outcome {
        let cancel = CancellationToken::new();
        self.talk.say(self.house.conversation, text.to_owned(), Vec::new(), ann(), cancel).await.unwrap()
    }

    /// Says yes, and waits until the run has ended.
    async fn confirm_and_wait(&self) -> RunId {
        let Outcome::Confirmed(confirmation) = self.say("yes").await else { panic!("not confirmed") };
        let run = confirmation.run.unwrap();
        let db = self.house.workspace.store.pool();
        let ended = async {
            while store::runs::get(db, "main", &run.to_string()).await.unwrap().unwrap().finished_at.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ended).await.unwrap();
        run
    }

    /// Takes a column away that a plan wants, so that its run fails.
    fn break_the_source(&self) {
        let shop = rusqlite::Connection::open(self.house.folder.path().join("shop.db")).unwrap();
        shop.execute_batch("alter table customers drop column email").unwrap();
    }

    async fn notices(&self) -> Vec<String> {
        let notice = |message| if let Message::Notice { text } = message { Some(text) } else { None };
        self.house.messages().await.into_iter().filter_map(notice).filter(|text| text.contains("has ended")).collect()
    }
}

#[tokio::test]
async fn the_planner_knows_what_failed_and_why() {
    let scene = Scene::new(Some(Arc::new(Builtin::new())), []).await;
    scene.say("copy customers from the shop to the warehouse").await;
    scene.break_the_source();
    let run = scene.confirm_and_wait().await;
    scene.say("why did it fail?").await;
    let notices = scene.notices().await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains(&format!("Run {run} has ended: failed.")), "{notices:?}");
    let diagnosis = scene.house.events().await.into_iter().find_map(|event| match event {
        Event::Diagnosis { causes, run } => Some((causes[0].clone(), run)),
        _ => None,
    });
    let (cause, of) = diagnosis.unwrap();
    assert_eq!((cause.code.as_str(), of), ("schema_drift", Some(run)), "{}", scene.house.spoken().await);
    // The source was looked at again.
    assert!(cause.evidence.contains(&"Checked now: `customers`: `email` is gone.".to_owned()), "{:?}", cause.evidence);
}

#[tokio::test]
async fn a_model_is_told_once_and_what_systems_say_is_wrapped() {
    let scene = Scene::new(
        None,
        [
            Step::Call("propose_plan", plan("customers")),
            Step::Say("It failed."),
            Step::Say("As I said."),
            Step::Call("propose_plan", plan("orders")),
            Step::Say("Done."),
        ],
    )
    .await;
    scene.say("copy customers").await;
    scene.break_the_source();
    let failed = scene.confirm_and_wait().await;
    scene.say("why did it fail?").await;
    scene.say("really?").await;
    let notices = scene.notices().await;
    assert_eq!(notices.len(), 1, "{notices:?}");
    let told = untrusted::inside(&notices[0]);
    assert_eq!(told.len(), 1, "{notices:?}");
    let told: serde_json::Value = serde_json::from_str(told[0]).unwrap();
    assert_eq!(told["stream"], "customers");
    assert!(told["message"].as_str().unwrap().contains("email"), "{told}");
    // The notice stands before what was said about it, so that the mind reads it first.
    let seen = scene.house.script.seen.lock().unwrap()[1].messages.clone();
    let [.., Message::Notice { text }, Message::User { .. }] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(text.contains(&failed.to_string()));

    scene.say("then copy orders").await;
    let done = scene.confirm_and_wait().await;
    scene.say("and?").await;
    let notices = scene.notices().await;
    assert_eq!(notices.len(), 2, "{notices:?}");
    let wanted = format!(
        "Run {done} has ended: completed. Pipeline \"orders to warehouse\". Rows read 1, written 1, set aside 0."
    );
    assert_eq!(notices[1], wanted);
}

#[tokio::test]
async fn a_run_of_another_talk_is_not_told_here() {
    let scene = Scene::new(None, [Step::Call("propose_plan", plan("orders")), Step::Say("Hello.")]).await;
    scene.say("copy orders").await;
    scene.confirm_and_wait().await;
    let elsewhere = scene.talk.open_conversation(None).await.unwrap();
    scene.talk.say(elsewhere, "hello".to_owned(), Vec::new(), ann(), CancellationToken::new()).await.unwrap();
    let here = towpath::agent::transcript::load(&scene.house.workspace.store, elsewhere).await.unwrap();
    assert!(!here.iter().any(|message| matches!(message, Message::Notice { .. })), "{}", json!(here));
}

//! A workspace with a shop (SQLite) and a warehouse (DuckDB), an agent whose mind is scripted, and a starter that records.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use towpath::agent::model::{ChatModel, ChatRequest, Delta, DeltaStream, Finish, Message, ModelError, ToolCall};
use towpath::agent::{Agent, Limits, Registry};
use towpath::catalog::Catalog;
use towpath::clock::Clock;
use towpath::events::bus::{Bus, Topic};
use towpath::events::{AttachmentView, Event};
use towpath::ids::{Actor, ConversationId, PipelineId, RunId, WorkspaceId};
use towpath::plan::ConfirmedPlan;
use towpath::runner::Cause;
use towpath::secrets::Vault;
use towpath::store::Store;
use towpath::talk::{Outcome, RunRefused, StartRun, Talk, TalkError};
use towpath::workspace::{NewConnection, Role, Workspace};

/// One step of a script: what the mind does with a request.
pub(crate) enum Step {
    Say(&'static str),
    Call(&'static str, Value),
    Calls(Vec<(&'static str, Value)>),
    Fail(fn() -> ModelError),
    /// Text, and then the stream breaks.
    Break(&'static str),
    /// Text, and then nothing until it is cancelled.
    Hang(&'static str),
}

/// A mind that does what it was told to, and remembers what it was asked.
pub(crate) struct Script {
    steps: Mutex<VecDeque<Step>>,
    pub(crate) seen: Mutex<Vec<ChatRequest>>,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self { steps: Mutex::new(steps.into_iter().collect()), seen: Mutex::default() })
    }

    pub(crate) fn add(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().extend(steps);
    }
}

#[async_trait]
impl ChatModel for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        whole(&request.messages);
        self.seen.lock().unwrap().push(request);
        let step = self.steps.lock().unwrap().pop_front().unwrap_or(Step::Say("The script is over."));
        let done = |finish| Ok(Delta::Done { finish, usage: None });
        let call = |at: usize, (name, arguments): (&str, Value)| {
            Ok(Delta::Call(ToolCall { id: format!("c{at}"), name: name.to_owned(), arguments }))
        };
        let broken = || Err(ModelError::Unreachable(anyhow::anyhow!("cut")));
        let deltas = match step {
            Step::Say(text) => vec![Ok(Delta::Text(text.to_owned())), done(Finish::Stop)],
            Step::Call(name, arguments) => vec![call(0, (name, arguments)), done(Finish::ToolCalls)],
            Step::Calls(calls) => {
                let calls = calls.into_iter().enumerate().map(|(at, one)| call(at, one));
                calls.chain([done(Finish::ToolCalls)]).collect()
            }
            Step::Fail(error) => return Err(error()),
            Step::Break(text) => vec![Ok(Delta::Text(text.to_owned())), broken()],
            Step::Hang(text) => {
                let first = futures::stream::iter([Ok(Delta::Text(text.to_owned()))]);
                return Ok(first.chain(futures::stream::pending()).boxed());
            }
        };
        Ok(futures::stream::iter(deltas).boxed())
    }
}

/// Every call has exactly one result, right behind it.
pub(crate) fn whole(messages: &[Message]) {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        if let Message::Tool { call, .. } = message {
            let at = open.iter().position(|id| id == call);
            open.remove(at.unwrap_or_else(|| panic!("a result without a call: {call}")));
            continue;
        }
        assert!(open.is_empty(), "calls without a result: {open:?}");
        if let Message::Assistant { calls, .. } = message {
            open = calls.iter().map(|call| call.id.as_str()).collect();
        }
    }
    assert!(open.is_empty(), "calls without a result: {open:?}");
}

/// Records what would be run.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) started: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
    pub(crate) reruns: AtomicUsize,
}

#[async_trait]
impl StartRun for Recorder {
    async fn start(&self, _: PipelineId, _: ConfirmedPlan, _: Cause) -> Result<RunId, RunRefused> {
        self.started.fetch_add(1, Ordering::SeqCst);
        Ok(RunId::new())
    }

    async fn cancel(&self, _: RunId, _: &Actor) -> Result<(), RunRefused> {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn rerun(&self, _: PipelineId, _: Cause) -> Result<RunId, RunRefused> {
        self.reruns.fetch_add(1, Ordering::SeqCst);
        Ok(RunId::new())
    }
}

pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
    pub(crate) bus: Bus,
    pub(crate) script: Arc<Script>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) talk: Talk,
    pub(crate) conversation: ConversationId,
}

impl House {
    pub(crate) async fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::with(steps, None, Limits::default()).await
    }

    pub(crate) async fn with(
        steps: impl IntoIterator<Item = Step>,
        fallback: Option<Arc<dyn ChatModel>>,
        limits: Limits,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::server::open_store(&folder.path().join("data")).await;
        Self::furnished(folder, store, steps, fallback, limits).await
    }

    /// A house over a store that is there already.
    pub(crate) async fn over(
        store: Store,
        steps: impl IntoIterator<Item = Step>,
        fallback: Option<Arc<dyn ChatModel>>,
        limits: Limits,
    ) -> Self {
        Self::furnished(tempfile::tempdir().unwrap(), store, steps, fallback, limits).await
    }

    async fn furnished(
        folder: tempfile::TempDir,
        store: Store,
        steps: impl IntoIterator<Item = Step>,
        fallback: Option<Arc<dyn ChatModel>>,
        limits: Limits,
    ) -> Self {
        let clock = Clock::System;
        let workspace = Workspace {
            id: WorkspaceId::main(),
            store,
            catalog: Arc::new(Catalog::native()),
            vault: Arc::new(Vault::generate().0),
            clock: clock.clone(),
        };
        shop(&folder.path().join("shop.db"));
        add(&workspace, "shop", "sqlite", folder.path().join("shop.db"), &[Role::Source]).await;
        let both = [Role::Source, Role::Destination];
        add(&workspace, "warehouse", "duckdb", folder.path().join("warehouse.duckdb"), &both).await;
        let bus = Bus::new(workspace.store.clone(), clock);
        let script = Script::new(steps);
        let model: Arc<dyn ChatModel> = Arc::clone(&script) as Arc<dyn ChatModel>;
        let tools = Registry::standard().unwrap();
        let agent = Agent { workspace: workspace.clone(), bus: bus.clone(), model, fallback, tools, limits };
        let recorder = Arc::new(Recorder::default());
        let starter: Arc<dyn StartRun> = Arc::clone(&recorder) as Arc<dyn StartRun>;
        let talk = Talk::new(workspace.clone(), agent, bus.clone(), starter);
        let conversation = talk.open_conversation(None).await.unwrap();
        Self { folder, workspace, bus, script, recorder, talk, conversation }
    }

    pub(crate) async fn say(&self, text: &str) -> Outcome {
        self.try_say(text, Vec::new()).await.unwrap()
    }

    pub(crate) async fn try_say(&self, text: &str, attachments: Vec<AttachmentView>) -> Result<Outcome, TalkError> {
        let cancel = CancellationToken::new();
        self.talk.say(self.conversation, text.to_owned(), attachments, ann(), cancel).await
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let topic = Topic::Conversation(self.conversation);
        self.bus.replay(topic, 0).await.unwrap().into_iter().map(|envelope| envelope.event).collect()
    }

    /// What the agent has said, in one.
    pub(crate) async fn spoken(&self) -> String {
        let text = |event| if let Event::TextDelta { text, .. } = event { Some(text) } else { None };
        self.events().await.into_iter().filter_map(text).collect()
    }

    pub(crate) async fn messages(&self) -> Vec<Message> {
        towpath::agent::transcript::load(&self.workspace.store, self.conversation).await.unwrap()
    }

    /// The results of this tool's calls, in order.
    pub(crate) async fn results(&self, wanted: &str) -> Vec<(String, bool)> {
        let result = |message| match message {
            Message::Tool { tool, content, refused, .. } if tool == wanted => Some((content, refused)),
            _ => None,
        };
        self.messages().await.into_iter().filter_map(result).collect()
    }

    pub(crate) fn started(&self) -> usize {
        self.recorder.started.load(Ordering::SeqCst)
    }

    pub(crate) fn warehouse(&self) -> duckdb::Connection {
        duckdb::Connection::open(self.folder.path().join("warehouse.duckdb")).unwrap()
    }
}

pub(crate) fn ann() -> Actor {
    Actor("ann".to_owned())
}

/// A plan that fits the house.
pub(crate) fn plan(stream: &str) -> Value {
    json!({"plan": {
        "version": 1, "name": format!("{stream} to warehouse"), "source": {"connection": "shop"},
        "destination": {"connection": "warehouse"},
        "streams": [{"stream": stream, "read": "full", "write": "replace"}],
    }})
}

pub(crate) async fn add(workspace: &Workspace, name: &str, connector: &str, path: PathBuf, roles: &[Role]) {
    let config = json!({"path": path}).as_object().unwrap().clone();
    let new = NewConnection {
        name: name.to_owned(),
        label: None,
        connector: connector.to_owned(),
        config,
        secrets: std::collections::BTreeMap::default(),
        roles: Some(roles.to_vec()),
    };
    workspace.add_connection(new).await.unwrap();
}

fn shop(path: &std::path::Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "create table customers (customer_id integer primary key, email text not null, updated_at timestamp not null);
             insert into customers values (1, 'a@example.com', '2026-01-01 00:00:00'), (2, 'b@example.com', '2026-01-02 00:00:00');
             create table orders (order_id integer primary key, customer_id integer, total real);
             insert into orders values (1, 1, 9.5);",
        )
        .unwrap();
}

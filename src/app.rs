//! The composition root: what a configuration becomes, and how it ends.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::agent::builtin::Builtin;
use crate::agent::consent::{self, Consent};
use crate::agent::model::ChatModel;
use crate::agent::openai::{OpenAi, OpenAiConfig};
use crate::agent::{Agent, Limits, Registry};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::{Config, ModelChoice};
use crate::events::AttachmentView;
use crate::events::bus::Bus;
use crate::http::access::{Caller, Scope};
use crate::http::error::Answer;
use crate::ids::{Actor, ConversationId, RunId, WorkspaceId};
use crate::plan;
use crate::runner::Runner;
use crate::schedule::Scheduler;
use crate::secrets::{Vault, VaultError};
use crate::store::{self, Store};
use crate::talk::Talk;
use crate::tasks::Tasks;
use crate::workspace::{Workspace, WorkspaceError};

/// The action that deletes a pipeline, as it is stored.
pub const DELETION: &str = "delete_pipeline";

/// Everything that a request, or a command, works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub workspace: Workspace,
    pub bus: Bus,
    pub runner: Runner,
    pub talk: Talk,
    /// What runs beside requests; ended by [`App::shut_down`].
    pub tasks: Tasks,
}

/// Why there is no app.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("The folder `{0}` cannot be made or written.")]
    Folder(PathBuf, #[source] std::io::Error),
    #[error("Another Towpath works on `{0}`: {1}.")]
    Locked(PathBuf, String),
    #[error("The store cannot be opened.")]
    Store(#[from] sqlx::Error),
    #[error("{}", crate::http::error::sentence(&.0.to_string()))]
    Vault(#[from] VaultError),
    #[error("The model cannot be set up.")]
    Model(#[source] anyhow::Error),
}

impl AppError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder(..) => Some("Choose another with `--data` or `TOWPATH_DATA`.".to_owned()),
            Self::Locked(..) => Some("Stop it first, or choose another folder with `--data`.".to_owned()),
            Self::Store(_) => Some(
                "Check `TOWPATH_DATABASE_URL` and that the database answers; `TOWPATH_LOG=debug` shows the cause."
                    .to_owned(),
            ),
            Self::Vault(_) => Some("`towpath doctor` says which key is used.".to_owned()),
            Self::Model(_) => Some("Check `TOWPATH_MODEL` and its endpoint; `towpath doctor` asks it.".to_owned()),
        }
    }
}

impl App {
    /// Opens store, vault and model. Starts nothing in the background: a command needs no scheduler.
    pub async fn open(config: Config) -> Result<Self, AppError> {
        let clock = Clock::System;
        let folder = |error| AppError::Folder(config.data.clone(), error);
        std::fs::create_dir_all(&config.data).map_err(folder)?;
        let vault = match &config.secret_key {
            Some(key) => Vault::from_base64(key.expose(), "TOWPATH_SECRET_KEY")?,
            None => Vault::open_file(&config.key_file())?,
        };
        let store = match &config.database_url {
            Some(url) => Store::open(url.expose()).await?,
            None => Store::open_folder(&config.data).await?,
        };
        let workspace = Workspace {
            id: WorkspaceId::main(),
            store: store.clone(),
            catalog: Arc::new(Catalog::native()),
            vault: Arc::new(vault),
            clock: clock.clone(),
        };
        let tasks = Tasks::new();
        let bus = Bus::new(store, clock);
        let runner = Runner::new(workspace.clone(), bus.clone(), tasks.clone(), config.run_memory);
        let agent = Agent {
            workspace: workspace.clone(),
            bus: bus.clone(),
            model: model(&config)?,
            // A talk goes on when the endpoint is away.
            fallback: match config.model {
                ModelChoice::Builtin => None,
                ModelChoice::OpenAi { .. } => Some(Arc::new(Builtin::new())),
            },
            tools: Registry::standard().map_err(|error| AppError::Model(error.into()))?,
            limits: Limits::default(),
        };
        let talk = Talk::new(workspace.clone(), agent, bus.clone(), Arc::new(runner.clone()));
        Ok(Self { config: Arc::new(config), workspace, bus, runner, talk, tasks })
    }

    /// What a server does beside answering: takes up runs that were left behind, and fires schedules.
    pub fn start_background(&self) {
        let scheduler = Scheduler::new(self.workspace.clone(), self.runner.clone(), self.tasks.clone());
        self.tasks.spawn("scheduler", async move { scheduler.run().await });
    }

    /// Ends what runs in the background and closes the store. Runs are released at their last checkpoint.
    pub async fn shut_down(&self) {
        self.tasks.shut_down().await;
        self.workspace.store.close().await;
    }

    /// Says something in a talk in the caller's name, and waits for the end of the turn. What happens meanwhile is told by the
    /// bus. A yes typed under an offer decides as much as a click on it, and wants the same scope.
    pub async fn say(
        &self,
        conversation: ConversationId,
        text: String,
        attachments: Vec<AttachmentView>,
        caller: &Caller,
    ) -> Answer<()> {
        if caller.scope < Scope::Edit && attachments.is_empty() && self.would_decide(conversation, &text).await? {
            caller.must(Scope::Edit)?;
        }
        let cancel = self.tasks.cancelled();
        self.talk.say(conversation, text, attachments, caller.actor.clone(), cancel).await?;
        Ok(())
    }

    /// Whether these words, said now, are a yes or a no to what needs [`Scope::Edit`].
    async fn would_decide(&self, conversation: ConversationId, text: &str) -> Answer<bool> {
        let destructive = match plan::on_offer(&self.workspace, conversation).await? {
            Some(offer) => offer.view.destructive,
            None => match self.offered_action(conversation).await? {
                Some(action) if action == DELETION => Vec::new(),
                _ => return Ok(false),
            },
        };
        Ok(consent::read(text, &destructive) != Consent::Neither)
    }

    async fn offered_action(&self, conversation: ConversationId) -> Answer<Option<String>> {
        let (pool, workspace) = (self.workspace.store.pool(), &self.workspace.id.0);
        let row = store::actions::on_offer(pool, workspace, &conversation.to_string()).await?;
        Ok(row.map(|row| row.action))
    }

    /// Asks a run to stop.
    pub async fn cancel_run(&self, run: RunId, by: &Actor) -> Answer<()> {
        self.runner.cancel(run, by).await?;
        self.record(by, "run.cancelled", &format!("run:{run}"), json!({})).await?;
        Ok(())
    }

    /// Writes into the audit log.
    pub async fn record(&self, by: &Actor, action: &str, object: &str, detail: Value) -> Result<(), WorkspaceError> {
        self.workspace.record(by, action, object, &detail).await
    }
}

/// The mind that the settings name.
pub(crate) fn model(config: &Config) -> Result<Arc<dyn ChatModel>, AppError> {
    Ok(match &config.model {
        ModelChoice::Builtin => Arc::new(Builtin::new()),
        ModelChoice::OpenAi { name, base_url, key } => {
            let endpoint = OpenAiConfig {
                first_byte: config.model_timeout,
                silence: config.model_timeout,
                ..OpenAiConfig::new(base_url, name, key.clone())
            };
            Arc::new(OpenAi::new(endpoint).map_err(|error| AppError::Model(error.into()))?)
        }
    })
}

/// The data folder, held by one long-lived process: a server, or a change of keys. Let go when dropped, or when the process
/// ends in whatever way.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

const LOCK_FILE: &str = "server.lock";

impl FolderLock {
    /// Takes the folder; `url` is what the file says of its holder.
    pub fn take(data: &Path, url: &str) -> Result<Self, AppError> {
        let failed = |error| AppError::Folder(data.to_owned(), error);
        std::fs::create_dir_all(data).map_err(failed)?;
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data.join(LOCK_FILE))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // An unreadable holder is still one.
                let holder = std::io::read_to_string(&file).unwrap_or_default();
                return Err(AppError::Locked(data.to_owned(), holder.trim().to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(url.as_bytes())).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Where the server is found that holds the folder; `None` when none does.
    pub fn held_by_server(data: &Path) -> Option<String> {
        let file = File::options().read(true).open(data.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let url = std::io::read_to_string(&file).ok()?;
                Some(url.trim().to_owned()).filter(|url| url.starts_with("http"))
            }
            _ => None,
        }
    }
}

/// A new key file, written and not in place yet.
#[derive(Debug)]
pub struct NextKey {
    next: PathBuf,
    file: PathBuf,
}

/// Writes a key beside the key file, mode 0600.
pub fn replace_key_file(file: &Path, key: &str) -> std::io::Result<NextKey> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let next = file.with_extension("next");
    let mut written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    written.write_all(key.as_bytes()).and_then(|()| written.sync_all())?;
    Ok(NextKey { next, file: file.to_owned() })
}

impl NextKey {
    /// Makes it the key file.
    pub fn put_in_place(self) -> std::io::Result<()> {
        std::fs::rename(self.next, self.file)
    }
}

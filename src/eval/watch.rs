//! Stands between the agent and its mind, and sees everything that the mind is shown.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::canary;
use crate::agent::model::{ChatModel, ChatRequest, DeltaStream, ModelError};

/// A mind under watch.
pub(super) struct Watched {
    mind: Arc<dyn ChatModel>,
    /// What it must never be shown.
    secrets: BTreeSet<String>,
    shown: Mutex<BTreeSet<String>>,
}

impl Watched {
    pub(super) fn new(mind: Arc<dyn ChatModel>, secrets: BTreeSet<String>) -> Self {
        Self { mind, secrets, shown: Mutex::default() }
    }

    /// Secrets that the mind was shown.
    pub(super) fn leaked(&self) -> BTreeSet<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl ChatModel for Watched {
    fn name(&self) -> &str {
        self.mind.name()
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        if !self.secrets.is_empty() {
            let mut all = serde_json::to_string(&request.messages).unwrap_or_default();
            all.push_str(&request.system);
            let seen = self.secrets.iter().filter(|secret| canary::within(all.as_bytes(), secret)).cloned();
            self.shown.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
        }
        self.mind.stream(request).await
    }
}

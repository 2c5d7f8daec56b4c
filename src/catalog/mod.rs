//! Connector definitions and search. The catalog offers what runs here; of well-known systems that do not, it knows the
//! names, so that the answer is "not here" and not "what is that?".

mod known;
pub mod misfit;
pub mod nearest;
mod search;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::connectors::{self, About, DynConnector};

pub use known::{Known, system_about};
pub use search::Found;

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Source,
    Destination,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// Every connector that this program knows, by id.
#[derive(Clone, Default)]
pub struct Catalog {
    connectors: BTreeMap<String, Arc<dyn DynConnector>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.connectors.keys()).finish()
    }
}

impl Catalog {
    /// The connectors built into this program.
    pub fn native() -> Self {
        Self::of(connectors::native())
    }

    /// Just these connectors.
    pub fn of(connectors: impl IntoIterator<Item = Arc<dyn DynConnector>>) -> Self {
        Self { connectors: connectors.into_iter().map(|connector| (connector.about().id, connector)).collect() }
    }

    pub fn get(&self, id: &str) -> Option<&Arc<dyn DynConnector>> {
        self.connectors.get(id)
    }

    /// What every connector is called and does, by id.
    pub fn all(&self) -> Vec<About> {
        self.connectors.values().map(|connector| connector.about()).collect()
    }

    /// The connector that a person means by a word: its id, its name or a nickname, in any case and spelling of
    /// blanks. No guessing: a typo finds nothing here (see [`Catalog::search`]).
    pub fn named(&self, word: &str) -> Option<About> {
        let folded = nearest::fold(word);
        self.all().into_iter().find(|about| names(about).any(|name| nearest::fold(name) == folded))
    }
}

/// Everything that a connector is called.
fn names(about: &About) -> impl Iterator<Item = &str> {
    [about.id.as_str(), about.name.as_str()].into_iter().chain(about.nicknames.iter().map(String::as_str))
}

impl About {
    pub fn can(&self, role: Role) -> bool {
        match role {
            Role::Source => self.source,
            Role::Destination => self.destination,
        }
    }

    pub fn roles(&self) -> Vec<Role> {
        [Role::Source, Role::Destination].into_iter().filter(|role| self.can(*role)).collect()
    }
}

//! Cases as files hold them.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A talk with the agent and what must be true after each turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub id: String,
    pub world: String,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub description: Option<String>,
    pub turns: Vec<Turn>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    #[serde(default)]
    pub say: String,
    #[serde(default)]
    pub attach: Vec<Attach>,
    /// Every key must hold.
    #[serde(default)]
    pub expect: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    ErrorExcerpt(String),
    /// A pipeline's name: its newest run.
    Run(String),
}

/// Why cases or worlds cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("`{}` cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("`{}` is not a file of this format: {1}", .0.display())]
    Malformed(PathBuf, String),
    #[error("there is no world `{0}` in `{}`", .1.display())]
    NoWorld(String, PathBuf),
    #[error("`{}` holds no cases", .0.display())]
    Empty(PathBuf),
}

/// Every case of a file or of the files of a folder, in the order of their names.
pub(super) fn read(path: &Path) -> Result<Vec<Case>, CaseError> {
    let mut files = Vec::new();
    if path.is_file() {
        files.push(path.to_owned());
    } else {
        let unreadable = |error| CaseError::Unreadable(path.to_owned(), error);
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                files.push(file);
            }
        }
    }
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| CaseError::Unreadable(file.clone(), error))?;
        let read: Vec<Case> = serde_saphyr::from_str(&text).map_err(|error| CaseError::Malformed(file.clone(), error.to_string()))?;
        cases.extend(read);
    }
    if cases.is_empty() { Err(CaseError::Empty(path.to_owned())) } else { Ok(cases) }
}

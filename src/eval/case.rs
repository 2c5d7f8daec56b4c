//! Cases: a talk, and what must be true after each turn.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::EvalError;
use super::expected::Expected;

/// A talk with expectations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub id: String,
    pub world: String,
    #[serde(default)]
    pub tags: Vec<String>,
    pub turns: Vec<Turn>,
    /// Not in the file: where it stands.
    #[serde(skip)]
    pub file: PathBuf,
}

/// What a person says, and what must be true then.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn {
    #[serde(default)]
    pub say: String,
    #[serde(default)]
    pub attach: Vec<Attached>,
    #[serde(default)]
    pub expect: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Attached {
    ErrorExcerpt(String),
    /// The newest failed run of this pipeline.
    Run(String),
}

/// Every case of a folder, or of one file, in the order of files and lines.
pub(super) fn load(place: &Path) -> Result<Vec<Case>, EvalError> {
    let mut files: Vec<PathBuf> = if place.is_dir() {
        let listed = std::fs::read_dir(place).map_err(|error| EvalError::Unreadable(place.to_owned(), error))?;
        listed
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"))
            .collect()
    } else {
        vec![place.to_owned()]
    };
    files.sort();
    let mut cases = Vec::new();
    let mut ids = BTreeSet::new();
    for file in files {
        for case in read(&file)? {
            if !ids.insert(case.id.clone()) {
                return Err(EvalError::Case {
                    file,
                    case: case.id,
                    what: "there is another case of this id".to_owned(),
                });
            }
            cases.push(case);
        }
    }
    Ok(cases)
}

fn read(file: &Path) -> Result<Vec<Case>, EvalError> {
    let text = std::fs::read_to_string(file).map_err(|error| EvalError::Unreadable(file.to_owned(), error))?;
    let listed: Vec<Value> =
        serde_saphyr::from_str(&text).map_err(|error| EvalError::malformed(file.to_owned(), &error.to_string()))?;
    listed.into_iter().enumerate().map(|(index, value)| one(file, index, value)).collect()
}

fn one(file: &Path, index: usize, value: Value) -> Result<Case, EvalError> {
    let named = value.get("id").and_then(Value::as_str).map_or_else(|| format!("number {}", index + 1), str::to_owned);
    let wrong = |what: String| EvalError::Case { file: file.to_owned(), case: named.clone(), what };
    let mut case: Case = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    file.clone_into(&mut case.file);
    if case.turns.is_empty() {
        return Err(wrong("it has no turns".to_owned()));
    }
    for (index, turn) in case.turns.iter().enumerate() {
        let at = index + 1;
        if turn.say.trim().is_empty() && turn.attach.is_empty() {
            return Err(wrong(format!("in turn {at} nothing is said")));
        }
        turn.expect.check().map_err(|what| wrong(format!("turn {at}: {what}")))?;
    }
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Case>, EvalError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), text).unwrap();
        load(folder.path())
    }

    fn sentence(text: &str) -> String {
        read_text(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_mistake_in_a_case_is_told_by_file_and_case() {
        let told = sentence("- id: a\n  world: w\n  turns:\n    - say: x\n      expect: {pln: null}\n");
        assert!(told.contains("a.yaml") && told.contains("`a`") && told.contains("pln"), "{told}");
        let told = sentence("- id: a\n  world: w\n  turns:\n    - say: x\n      expect: {ask: [sorce]}\n");
        assert!(told.contains("sorce") && told.contains("turn 1"), "{told}");
        let told =
            sentence("- id: a\n  world: w\n  turns:\n    - say: x\n      expect: {plan: {streams: [{streem: a}]}}\n");
        assert!(told.contains("streem"), "{told}");
        let told = sentence("- id: a\n  world: w\n  turns:\n    - say: x\n      expect: {diagnosis: }\n  - id: b");
        assert!(told.contains("a.yaml"), "{told}");
        let told = sentence("- {id: a, world: w, turns: [{say: x}]}\n- {id: a, world: w, turns: [{say: x}]}\n");
        assert!(told.contains("another case"), "{told}");
        assert!(sentence("- {id: a, world: w, turns: []}\n").contains("no turns"));
    }
}

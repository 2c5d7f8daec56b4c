//! Web servers as a place that files are read from.

use std::collections::HashMap;
use std::io::{Read, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::Config;
use super::answer::Door;
use super::file::{Facts, WebFile};
use crate::connectors::files::StreamConfig;
use crate::connectors::files::blocks::Blocks;
use crate::connectors::files::fetch::{Onward, wait};
use crate::connectors::files::layout::{self, DataFile};
use crate::connectors::files::local;
use crate::connectors::files::storage::{Contents, Listed, Ranged, Storage};
use crate::connectors::{ConnectorError, ErrorKind};

/// Addresses that one pattern may stand for.
const ADDRESSES_LIMIT: usize = 10_000;

pub(super) struct Web {
    door: Arc<Door>,
    shown: String,
    given: Vec<StreamConfig>,
    /// What the servers said of the files when they were last asked.
    facts: Mutex<HashMap<String, Facts>>,
}

impl Web {
    pub(super) fn new(config: Config, given: &[StreamConfig]) -> Result<Self, ConnectorError> {
        let mut hosts = Vec::new();
        for given in given {
            let url = expanded(given)?.into_iter().next().ok_or_else(|| layout::bad_pattern(given, "is empty"))?;
            let url = parsed(given, &url)?;
            hosts.push(url.host_str().unwrap_or_default().to_owned());
        }
        hosts.sort();
        hosts.dedup();
        let shown = hosts.join(", ");
        let door = Door::new(config.bearer_token, config.user.zip(config.password))?;
        Ok(Self { door: Arc::new(door), shown, given: given.to_vec(), facts: Mutex::default() })
    }

    fn facts(&self, file: &DataFile) -> Result<Facts, ConnectorError> {
        let known = self.facts.lock().unwrap_or_else(PoisonError::into_inner).get(&file.path).cloned();
        known.ok_or_else(|| ConnectorError::new(ErrorKind::Bug, "A file was opened that was never listed."))
    }

    fn file(&self, file: &DataFile) -> Result<WebFile, ConnectorError> {
        Ok(WebFile { door: Arc::clone(&self.door), facts: self.facts(file)?, plain: file.is_plain() })
    }
}

fn parsed(given: &StreamConfig, url: &str) -> Result<Url, ConnectorError> {
    Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Config,
                format!("Stream `{}` has an address that is not one of a file on a web server.", given.name),
            )
            .advise("Write it as `https://host/path/file.csv`; a name and a password go into `user` and `password`.")
        })
}

/// The addresses that a pattern stands for, in its order.
fn expanded(given: &StreamConfig) -> Result<Vec<String>, ConnectorError> {
    let mut done = vec![String::new()];
    let mut rest = given.files.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) =
            after.split_once('}').ok_or_else(|| layout::bad_pattern(given, "opens a brace and does not close it"))?;
        let choices = choices(inside)
            .ok_or_else(|| layout::bad_pattern(given, "has braces that are neither a range nor a list"))?;
        if done.len().saturating_mul(choices.len()) > ADDRESSES_LIMIT {
            return Err(layout::bad_pattern(given, "stands for more than 10,000 addresses"));
        }
        done = done
            .iter()
            .flat_map(|start| choices.iter().map(move |choice| format!("{start}{before}{choice}")))
            .collect();
        rest = after;
    }
    for url in &mut done {
        url.push_str(rest);
    }
    Ok(done)
}

/// `01..12` counts, with as many digits as its start has; `eu,us` lists.
fn choices(inside: &str) -> Option<Vec<String>> {
    if let Some((first, last)) = inside.split_once("..") {
        let width = first.len();
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let limit = u64::try_from(ADDRESSES_LIMIT).ok()?;
        return (first <= last && last - first < limit)
            .then(|| (first..=last).map(|number| format!("{number:0width$}")).collect());
    }
    inside.contains(',').then(|| inside.split(',').map(str::to_owned).collect())
}

impl Storage for Web {
    fn shown(&self) -> String {
        self.shown.clone()
    }

    fn name(&self) -> String {
        "files".to_owned()
    }

    /// Asks for the first file of each stream.
    fn check(&self, given: &[StreamConfig]) -> Result<String, ConnectorError> {
        for given in given {
            if let Some(url) = expanded(given)?.first() {
                wait(self.door.facts(&parsed(given, url)?))?;
            }
        }
        Ok(format!("{} streams can be read from {}.", given.len(), self.shown))
    }

    fn below(&self, _folder: &str) -> Result<Vec<Listed>, ConnectorError> {
        let all: Result<Vec<Vec<Listed>>, ConnectorError> =
            self.given.iter().map(|given| self.matching(given)).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    fn matching(&self, given: &StreamConfig) -> Result<Vec<Listed>, ConnectorError> {
        let mut found = Vec::new();
        for url in expanded(given)? {
            let facts = wait(self.door.facts(&parsed(given, &url)?))?;
            found.push(Listed { path: url.clone(), bytes: facts.size.unwrap_or(0), version: facts.tag() });
            self.facts.lock().unwrap_or_else(PoisonError::into_inner).insert(url, facts);
        }
        Ok(found)
    }

    fn contents(&self, _folder: &str) -> Result<Contents, ConnectorError> {
        Ok(Contents::default())
    }

    fn open(&self, file: &DataFile) -> Result<Box<dyn Read + Send>, ConnectorError> {
        let web = self.file(file)?;
        let shown = web.facts.shown.clone();
        Ok(Box::new(if let Some(size) = web.facts.size.filter(|_| web.facts.ranges) {
            Onward::ranges(Arc::new(web), size, shown)
        } else {
            let size = web.facts.size;
            Onward::of(web.whole(), size, shown)
        }))
    }

    fn ranged(&self, file: &DataFile) -> Result<Arc<dyn Ranged>, ConnectorError> {
        let web = self.file(file)?;
        if let Some(size) = web.facts.size.filter(|_| web.facts.ranges) {
            return Ok(Arc::new(Blocks::new(Arc::new(web), size)));
        }
        // A server that gives files only whole: the footer comes last, so the file is laid down first.
        let no_room = |error: std::io::Error| {
            ConnectorError::new(ErrorKind::Exhausted, "There is no room to lay down a file that is read from its end.")
                .because(error)
        };
        let mut body = self.open(file)?;
        let mut kept = tempfile::tempfile().map_err(no_room)?;
        std::io::copy(&mut body, &mut kept)
            .map_err(|error| error.downcast::<ConnectorError>().unwrap_or_else(no_room))?;
        kept.seek(SeekFrom::Start(0)).map_err(no_room)?;
        local::ranged(kept).map_err(no_room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(files: &str) -> Result<Vec<String>, ConnectorError> {
        let schema = std::collections::BTreeMap::new();
        expanded(&StreamConfig { name: "s".to_owned(), files: files.to_owned(), format: None, schema })
    }

    #[test]
    fn a_pattern_stands_for_its_addresses_in_order() {
        assert_eq!(expand("https://h/a.csv").unwrap(), ["https://h/a.csv"]);
        assert_eq!(
            expand("https://h/{eu,us}-{09..11}.csv").unwrap(),
            ["eu-09", "eu-10", "eu-11", "us-09", "us-10", "us-11"].map(|name| format!("https://h/{name}.csv"))
        );
        for bad in ["https://h/{1..3.csv", "https://h/{x}.csv", "https://h/{3..1}.csv", "https://h/{0..99999}{0..9}"] {
            assert_eq!(expand(bad).unwrap_err().kind, ErrorKind::Config, "{bad}");
        }
    }
}

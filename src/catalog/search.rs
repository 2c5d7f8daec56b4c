//! Search over connectors by what people call them.

use serde::Serialize;

use super::{Catalog, Role, names, nearest};
use crate::connectors::{About, ConnectorKind};

/// A connector that fits a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    pub about: About,
    /// Built into this program, not run as somebody else's image.
    pub native: bool,
}

impl Catalog {
    /// Connectors that fit a query, best first; all of them, by name, when the query is empty. Finds nicknames and typos.
    pub fn search(&self, query: &str, role: Option<Role>, kind: Option<ConnectorKind>) -> Vec<Found> {
        let mut scored: Vec<(f64, About)> = self
            .all()
            .into_iter()
            .filter(|about| role.is_none_or(|role| about.can(role)) && kind.is_none_or(|kind| about.kind == kind))
            .map(|about| (score(query, &about), about))
            .filter(|(score, _)| *score > 0.0)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
        scored.into_iter().map(|(_, about)| Found { about, native: true }).collect()
    }
}

/// 0 when the connector does not fit. Every word of the query must be found somewhere.
fn score(query: &str, about: &About) -> f64 {
    if query.trim().is_empty() {
        return 1.0;
    }
    let whole = best(query, about);
    let mut words = query.split_whitespace().map(|word| best(word, about)).peekable();
    let lowest = if words.peek().is_some() { words.fold(f64::INFINITY, f64::min) } else { 0.0 };
    whole.max(lowest)
}

fn best(word: &str, about: &About) -> f64 {
    let folded = nearest::fold(word);
    if folded.is_empty() {
        return 0.0;
    }
    let by_name = names(about)
        .map(|name| {
            let name = nearest::fold(name);
            if name == folded {
                1.0
            } else if name.starts_with(&folded) {
                0.9
            } else if folded.chars().count() >= 3 && name.contains(&folded) {
                0.8
            } else {
                let similarity = nearest::similarity(&name, &folded);
                if similarity >= 0.75 { similarity * 0.9 } else { 0.0 }
            }
        })
        .fold(0.0, f64::max);
    let kind = serde_json::to_value(about.kind).ok();
    let by_kind = kind.and_then(|kind| kind.as_str().map(|kind| nearest::similarity(kind, &folded) >= 0.9));
    let described = about.description.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|part| part == folded);
    by_name.max(if by_kind == Some(true) { 0.6 } else { 0.0 }).max(if described { 0.4 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connectors::{Connector, DynConnector};

    struct Named(&'static str, &'static [&'static str], ConnectorKind);

    impl Connector for Named {
        type Config = serde_json::Value;

        fn about(&self) -> About {
            About {
                id: self.0.to_owned(),
                name: self.0.to_owned(),
                kind: self.2,
                description: "Reads and writes tables".to_owned(),
                nicknames: self.1.iter().map(|name| (*name).to_owned()).collect(),
                source: true,
                destination: self.0 != "feed",
                secret_fields: Vec::new(),
            }
        }
    }

    fn catalog() -> Catalog {
        Catalog::of([
            Arc::new(Named("postgres", &["pg", "postgresql"], ConnectorKind::Database)) as Arc<dyn DynConnector>,
            Arc::new(Named("duckdb", &["duck"], ConnectorKind::Warehouse)),
            Arc::new(Named("feed", &["rss"], ConnectorKind::Saas)),
        ])
    }

    fn ids(query: &str, role: Option<Role>) -> Vec<String> {
        catalog().search(query, role, None).into_iter().map(|found| found.about.id).collect()
    }

    #[test]
    fn nicknames_typos_and_kinds_are_found() {
        assert_eq!(ids("pg", None).first().map(String::as_str), Some("postgres"));
        assert_eq!(ids("Postgre SQL", None), ["postgres"]);
        assert_eq!(ids("postgress", None), ["postgres"]);
        assert_eq!(ids("dukdb", None), ["duckdb"]);
        assert_eq!(ids("warehouse", None), ["duckdb"]);
        assert_eq!(ids("", Some(Role::Destination)), ["duckdb", "postgres"]);
        assert!(ids("oracle", None).is_empty());
    }

    #[test]
    fn a_word_that_a_person_uses_names_one_connector_or_none() {
        assert_eq!(catalog().named("PostgreSQL").map(|about| about.id).as_deref(), Some("postgres"));
        assert_eq!(catalog().named("postgress"), None);
    }

    #[test]
    fn a_known_system_that_does_not_run_here_is_named_as_such() {
        let known = catalog().known_name("big query").unwrap();
        assert_eq!(known.name, "BigQuery");
        assert!(known.message.contains("BigQuery is not among the connectors of this program"));
        assert!(known.suggestion.unwrap().contains("`duckdb`"));
        assert!(catalog().known_name("postgres").is_none(), "it runs here");
        assert!(catalog().known_name("florble").is_none());
    }

    #[test]
    fn the_file_of_names_reads_and_repeats_no_name() {
        let mut seen = std::collections::BTreeSet::new();
        for system in super::super::known::systems() {
            for name in std::iter::once(&system.id).chain(&system.nicknames) {
                assert!(seen.insert(nearest::fold(name)), "`{name}` is there twice");
            }
        }
        assert!(seen.len() > 40);
    }
}

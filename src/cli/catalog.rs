//! `towpath catalog`

use clap::Args;

use super::failure::Failure;
use super::terminal::{Align, Terminal};
use crate::app::App;
use crate::catalog::Role;
use crate::http::connectors::ConnectorView;

#[derive(Debug, Args)]
pub(super) struct Catalog {
    /// Words; nicknames and typos are understood
    query: Vec<String>,
    /// Only what can be read from, or written to
    #[arg(long, value_parser = ["source", "destination"])]
    role: Option<String>,
}

pub(super) fn run(command: Catalog, app: &App, terminal: &Terminal) -> Result<(), Failure> {
    let role = command.role.map(|role| if role == "source" { Role::Source } else { Role::Destination });
    let catalog = &app.workspace.catalog;
    let found: Vec<ConnectorView> = catalog
        .search(&command.query.join(" "), role, None)
        .into_iter()
        .filter_map(|found| Some(ConnectorView::of(found.about.clone(), catalog.get(&found.about.id)?.as_ref())))
        .collect();
    terminal.result(&found, |terminal, found| {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|connector| {
                let roles: Vec<&str> = connector.roles.iter().map(|role| role.word()).collect();
                vec![
                    terminal.bold(&connector.id),
                    connector.kind.clone(),
                    roles.join(", "),
                    connector.description.clone(),
                ]
            })
            .collect();
        terminal.table(&[Align::Left; 4], &["CONNECTOR", "KIND", "CAN BE", ""], &rows);
    })
}

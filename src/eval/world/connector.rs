//! Connectors that answer from a world's file. To everything above them they are connectors like others.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::destination::Shelf;
use super::source::Well;
use super::{Place, World};
use crate::catalog::{Catalog, system_about};
use crate::connectors::{self, About, ConnectorError, ConnectorKind, Destination, DynConnector, ErrorKind, Source};
use crate::workspace::Role;

/// A connector whose connections are those of a world.
struct WorldConnector {
    about: About,
    world: Arc<World>,
    /// Everything may be read and every log is ready, as it was when the pipelines that the world keeps were confirmed.
    lenient: bool,
}

impl WorldConnector {
    fn place(&self, config: &Value) -> Result<Place, ConnectorError> {
        let name = config.get("connection").and_then(Value::as_str).unwrap_or_default();
        let mut place = self.world.place(name).cloned().ok_or_else(|| {
            ConnectorError::new(ErrorKind::Config, format!("The world `{}` has no `{name}`.", self.world.name))
        })?;
        if self.lenient {
            place.cdc = Some(super::Log { ready: true, reason: None, retained: None });
            for table in &mut place.streams {
                table.granted = true;
                table.columns.iter_mut().for_each(|field| field.nulls = None);
            }
        }
        Ok(place)
    }
}

impl DynConnector for WorldConnector {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn config_schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {"connection": {"type": "string"}},
            "required": ["connection"],
            "additionalProperties": false,
        })
    }

    fn source(&self, config: Value) -> Result<Arc<dyn Source>, ConnectorError> {
        Ok(Arc::new(Well { kind: self.about.kind, place: self.place(&config)? }))
    }

    fn destination(&self, config: Value) -> Result<Arc<dyn Destination>, ConnectorError> {
        Ok(Arc::new(Shelf { kind: self.about.kind, place: self.place(&config)? }))
    }
}

/// The connectors of a world: those built into this program and those that its connections name.
pub(super) fn catalog(world: &Arc<World>, lenient: bool) -> Catalog {
    let native: Vec<About> = connectors::native().iter().map(|connector| connector.about()).collect();
    let named = world.connections.iter().map(|place| place.connector.clone());
    let ids: BTreeSet<String> = native.iter().map(|about| about.id.clone()).chain(named).collect();
    Catalog::of(ids.into_iter().map(|id| {
        let mut about = native.iter().find(|about| about.id == id).cloned().unwrap_or_else(|| told(&id));
        for place in world.connections.iter().filter(|place| place.connector == id) {
            about.source |= place.roles.contains(&Role::Source);
            about.destination |= place.roles.contains(&Role::Destination);
        }
        about.secret_fields.clear();
        Arc::new(WorldConnector { about, world: Arc::clone(world), lenient }) as Arc<dyn DynConnector>
    }))
}

/// What a connector without an implementation here is called.
fn told(id: &str) -> About {
    let mut about = system_about(id).unwrap_or_else(|| About {
        id: id.to_owned(),
        name: id.to_owned(),
        kind: ConnectorKind::Saas,
        description: String::new(),
        nicknames: Vec::new(),
        source: false,
        destination: false,
        secret_fields: Vec::new(),
    });
    about.source = true;
    about.destination = about.kind != ConnectorKind::Saas;
    about
}

/// Whether names of tables have a namespace before a dot there.
pub(super) fn names_have_namespaces(connector: &str) -> bool {
    connector != "sqlite" && matches!(kind(connector), ConnectorKind::Database | ConnectorKind::Warehouse)
}

/// A service behind an API, with fields instead of columns.
pub(super) fn is_service(connector: &str) -> bool {
    kind(connector) == ConnectorKind::Saas
}

fn kind(connector: &str) -> ConnectorKind {
    system_about(connector).map_or(ConnectorKind::Saas, |about| about.kind)
}

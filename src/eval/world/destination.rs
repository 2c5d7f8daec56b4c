//! Writing to a world: what stands there, what fits there, and no rows.

use async_trait::async_trait;

use super::Place;
use super::source::no_rows;
use crate::connectors::{
    Checked, Column, ColumnType, ConnectorError, ConnectorKind, Destination, DestinationAbilities, Fidelity, Folding,
    ItemStream, Landing, LogicalType, OUR_PREFIX, TargetName, TargetState, WriteRequest, Writer,
};

/// A connection of a world, opened to be written.
pub(super) struct Shelf {
    pub kind: ConnectorKind,
    pub place: Place,
}

impl Shelf {
    fn has_namespaces(&self) -> bool {
        !self.place.namespaces.is_empty() || super::connector::names_have_namespaces(&self.place.connector)
    }

    fn folding(&self) -> Folding {
        match self.place.connector.as_str() {
            "postgres" | "mongodb" | "kafka" | "s3" | "gcs" | "azure_blob" | "files" => Folding::Sensitive,
            _ => Folding::Insensitive,
        }
    }

    fn same(&self, a: &str, b: &str) -> bool {
        match self.folding() {
            Folding::Sensitive => a == b,
            Folding::Insensitive => a.to_lowercase() == b.to_lowercase(),
        }
    }

    /// The one that a connection of this kind is made with, or the only one there is.
    fn default_namespace(&self) -> Option<String> {
        let usual = match self.place.connector.as_str() {
            "postgres" => Some("public"),
            "duckdb" => Some("main"),
            "mssql" => Some("dbo"),
            _ => None,
        };
        match (usual, self.place.namespaces.as_slice()) {
            (Some(usual), listed) if listed.is_empty() || listed.iter().any(|name| name == usual) => {
                Some(usual.to_owned())
            }
            (_, [only]) => Some(only.clone()),
            _ => None,
        }
    }
}

#[async_trait]
impl Destination for Shelf {
    fn abilities(&self) -> DestinationAbilities {
        let tables = matches!(self.kind, ConnectorKind::Database | ConnectorKind::Warehouse);
        let has_namespaces = self.has_namespaces();
        DestinationAbilities {
            replace: self.kind != ConnectorKind::Stream,
            append: true,
            merge: tables || self.place.connector == "iceberg",
            transactional: tables,
            creates_namespaces: has_namespaces && self.kind != ConnectorKind::Stream,
            has_namespaces,
            namespace_optional: self.place.connector == "files",
            default_namespace: if has_namespaces { self.default_namespace() } else { None },
            column_limit: None,
            identifier_limit: match self.place.connector.as_str() {
                "postgres" => 63,
                "mysql" | "mariadb" => 64,
                "redshift" => 127,
                "mssql" => 128,
                _ => 255,
            },
            folding: self.folding(),
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        Ok(Checked { message: format!("`{}` answers", self.place.name) })
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        Ok(self.place.namespaces.clone())
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let found = self.place.streams.iter().find(|table| {
            let (namespace, name) = self.place.split(&table.name);
            let at_home = match (namespace, target.namespace.as_deref()) {
                (Some(there), Some(wanted)) => self.same(there, wanted),
                // A file that names no namespace, or a system that has none.
                _ => true,
            };
            at_home && self.same(name, &target.name)
        });
        Ok(found.map(|table| {
            let columns = self.place.schema(table).columns;
            let ours = columns.iter().any(|column| column.name.starts_with(OUR_PREFIX));
            TargetState { target: target.clone(), rows: table.rows, columns, ours }
        }))
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        if column.family == self.place.connector {
            let target_type = column.spelled.clone();
            return Ok(Landing { target_type, fidelity: Fidelity::Exact, note: None });
        }
        let (target_type, note) = match &column.logical {
            LogicalType::Boolean => ("boolean".to_owned(), None),
            LogicalType::Int8 | LogicalType::Int16 | LogicalType::UInt8 => ("smallint".to_owned(), None),
            LogicalType::Int32 | LogicalType::UInt16 => ("integer".to_owned(), None),
            LogicalType::Int64 | LogicalType::UInt32 => ("bigint".to_owned(), None),
            LogicalType::UInt64 => ("decimal(20,0)".to_owned(), None),
            LogicalType::Float32 => ("real".to_owned(), None),
            LogicalType::Float64 => ("double".to_owned(), None),
            LogicalType::Decimal { precision, scale } => (format!("decimal({precision},{scale})"), None),
            LogicalType::Text => ("text".to_owned(), None),
            LogicalType::Binary => ("binary".to_owned(), None),
            LogicalType::Date => ("date".to_owned(), None),
            LogicalType::Time => ("time".to_owned(), None),
            LogicalType::Timestamp { zoned: true, .. } => ("timestamp with time zone".to_owned(), None),
            LogicalType::Timestamp { zoned: false, .. } => ("timestamp".to_owned(), None),
            LogicalType::Json => ("json".to_owned(), None),
            LogicalType::Uuid => ("text".to_owned(), Some("as hyphenated text")),
            LogicalType::Enum => ("text".to_owned(), Some("as the name of the value")),
            LogicalType::Numeric => ("text".to_owned(), Some("as decimal text")),
            LogicalType::Interval | LogicalType::Array | LogicalType::Other => {
                ("text".to_owned(), Some("in the source's own text form"))
            }
        };
        let fidelity = if note.is_some() { Fidelity::Lossless } else { Fidelity::Exact };
        Ok(Landing { target_type, fidelity, note: note.map(str::to_owned) })
    }

    async fn open(&self, _request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        no_rows()
    }

    async fn count(&self, _target: &TargetName, _run: Option<&str>) -> Result<u64, ConnectorError> {
        no_rows()
    }

    async fn read_back(
        &self,
        _target: &TargetName,
        _columns: &[Column],
        _run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        no_rows()
    }
}

//! Two systems that answer from memory, as real ones do: the shop is read, the warehouse is written.

use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::connectors::filter::Filter;
use crate::connectors::*;
use crate::ids::WorkspaceId;
use crate::secrets::Vault;
use crate::store::Store;

use super::{NewConnection, Role, Workspace};

/// One stream and what profiling it would find.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub schema: StreamSchema,
    pub nulls: u64,
    pub distinct: Option<u64>,
    pub duplicates: u64,
    pub key_nulls: u64,
    /// Rows that any filter lets through.
    pub passes: u64,
}

/// What the systems hold; tests change it while they run.
#[derive(Debug)]
pub(crate) struct Facts {
    pub tables: Vec<Table>,
    pub targets: Vec<TargetState>,
    pub namespaces: Vec<String>,
    pub source: SourceAbilities,
    pub destination: DestinationAbilities,
    pub cdc: CdcReadiness,
    /// Every question to the shop fails so.
    pub broken: Option<ErrorKind>,
}

pub(crate) type Shared = Arc<Mutex<Facts>>;

/// A connector over the shared facts.
struct Answering {
    id: &'static str,
    facts: Shared,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[expect(dead_code, reason = "only its shape matters")]
    host: String,
    #[expect(dead_code, reason = "only its shape matters")]
    #[serde(default)]
    port: Option<u16>,
    #[expect(dead_code, reason = "only its shape matters")]
    #[serde(default)]
    password: Option<crate::secrets::Secret>,
}

impl Connector for Answering {
    type Config = Settings;

    fn about(&self) -> About {
        About {
            id: self.id.to_owned(),
            name: self.id.to_owned(),
            kind: ConnectorKind::Database,
            description: String::new(),
            nicknames: vec![format!("{} db", self.id)],
            source: true,
            destination: true,
            secret_fields: vec!["password".to_owned()],
        }
    }

    fn source(&self, _config: Settings) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        Ok(Some(Arc::new(System(Arc::clone(&self.facts)))))
    }

    fn destination(&self, _config: Settings) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        Ok(Some(Arc::new(System(Arc::clone(&self.facts)))))
    }
}

struct System(Shared);

impl System {
    fn table(&self, stream: &str) -> Result<Table, ConnectorError> {
        let facts = self.0.lock().unwrap();
        if let Some(kind) = facts.broken {
            return Err(ConnectorError::new(kind, "The shop is closed."));
        }
        let table = facts.tables.iter().find(|table| table.schema.summary.stream == stream);
        table.cloned().ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("There is no `{stream}`.")))
    }
}

#[async_trait]
impl Source for System {
    fn abilities(&self) -> SourceAbilities {
        self.0.lock().unwrap().source
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        match self.0.lock().unwrap().broken {
            Some(kind) => Err(ConnectorError::new(kind, "The shop is closed.")),
            None => Ok(Checked { message: "Open.".to_owned() }),
        }
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        Ok(self.0.lock().unwrap().tables.iter().map(|table| table.schema.summary.clone()).collect())
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        self.table(stream).map(|table| table.schema)
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        let table = self.table(stream)?;
        Ok(CursorProfile {
            column: column.to_owned(),
            rows: table.schema.summary.rows.unwrap_or_default(),
            sampled: false,
            nulls: table.nulls,
            distinct: table.distinct,
            indexed: table.schema.column(column).is_some_and(|column| column.indexed),
            minimum: None,
            maximum: None,
        })
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        let table = self.table(stream)?;
        Ok(KeyProfile {
            columns: columns.to_vec(),
            rows: table.schema.summary.rows.unwrap_or_default(),
            sampled: false,
            nulls: table.key_nulls,
            duplicates: table.duplicates,
            enforced: columns == table.schema.primary_key,
        })
    }

    async fn cdc_readiness(&self, _stream: &str) -> Result<CdcReadiness, ConnectorError> {
        Ok(self.0.lock().unwrap().cdc.clone())
    }

    async fn read(&self, _request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "Planning reads no rows."))
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let table = self.table(stream)?;
        Ok(filter.map_or(table.schema.summary.rows.unwrap_or(7), |_| table.passes))
    }

    async fn sample(&self, _stream: &str, _limit: usize) -> Result<RecordBatch, ConnectorError> {
        Ok(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }
}

#[async_trait]
impl Destination for System {
    fn abilities(&self) -> DestinationAbilities {
        self.0.lock().unwrap().destination.clone()
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        Source::check(self).await
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        Ok(self.0.lock().unwrap().namespaces.clone())
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        Ok(self.0.lock().unwrap().targets.iter().find(|state| state.target == *target).cloned())
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        let landing = |target_type: &str, fidelity, note: Option<&str>| {
            Ok(Landing { target_type: target_type.to_owned(), fidelity, note: note.map(str::to_owned) })
        };
        match &column.logical {
            LogicalType::Json => landing("VARCHAR", Fidelity::Lossless, Some("JSON text")),
            LogicalType::Interval => landing("VARCHAR", Fidelity::Lossy, Some("months become 30 days")),
            LogicalType::Array => Err(ConnectorError::new(ErrorKind::Unsupported, "It has no arrays.")),
            LogicalType::Text => landing("VARCHAR", Fidelity::Exact, None),
            _ => landing(&column.spelled.to_uppercase(), Fidelity::Exact, None),
        }
    }

    async fn open(&self, _request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "Planning writes no rows."))
    }

    async fn count(&self, _target: &TargetName, _run: Option<&str>) -> Result<u64, ConnectorError> {
        Ok(0)
    }

    async fn read_back(&self, _: &TargetName, _: &[Column], _: Option<&str>) -> Result<ItemStream, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "Planning reads no rows."))
    }
}

/// A workspace with a shop and a warehouse.
pub(crate) struct World {
    pub workspace: Workspace,
    pub shop: Shared,
    pub warehouse: Shared,
    pub folder: tempfile::TempDir,
}

pub(crate) fn column(name: &str, logical: LogicalType, nullable: bool) -> Column {
    let spelled = serde_json::to_value(&logical).unwrap();
    let spelled = spelled.as_str().map_or_else(|| "parametric".to_owned(), str::to_owned);
    Column::new(name, ColumnType::new(logical, "shop", spelled), nullable)
}

pub(crate) fn table(name: &str, rows: u64, primary_key: &[&str], columns: Vec<Column>) -> Table {
    Table {
        schema: StreamSchema {
            summary: StreamSummary {
                stream: format!("public.{name}"),
                namespace: Some("public".to_owned()),
                name: name.to_owned(),
                rows: Some(rows),
                bytes: Some(rows * 100),
                comment: None,
                readable: true,
            },
            columns,
            primary_key: primary_key.iter().map(|name| (*name).to_owned()).collect(),
        },
        nulls: 0,
        distinct: Some(rows),
        duplicates: 0,
        key_nulls: 0,
        passes: rows / 2,
    }
}

const STAMP: LogicalType = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };

fn shop() -> Facts {
    let customers = table(
        "customers",
        120_000,
        &["customer_id"],
        vec![
            column("customer_id", LogicalType::Int64, false),
            column("email", LogicalType::Text, false),
            column("full_name", LogicalType::Text, true),
            column("phone", LogicalType::Text, true),
            column("status", LogicalType::Text, true),
            column("profile", LogicalType::Json, true),
            Column { indexed: true, ..column("updated_at", STAMP, false) },
        ],
    );
    let mut views = table(
        "page_views",
        3_000_000,
        &[],
        vec![
            column("session_id", LogicalType::Text, true),
            column("url", LogicalType::Text, true),
            column("viewed_at", STAMP, true),
        ],
    );
    views.nulls = 12;
    views.distinct = Some(2_999_000);
    views.duplicates = 40;
    views.key_nulls = 3;
    let mut secret = table("salaries", 10, &["id"], vec![column("id", LogicalType::Int64, false)]);
    secret.schema.summary.readable = false;
    let odd = table(
        "odd",
        0,
        &["id"],
        vec![
            column("id", LogicalType::Int64, false),
            column("Name", LogicalType::Text, true),
            column("name", LogicalType::Text, true),
            column("tags", LogicalType::Array, true),
            column("span", LogicalType::Interval, true),
        ],
    );
    let empty = table("empty", 0, &["id"], vec![column("id", LogicalType::Int64, false)]);
    Facts {
        tables: vec![customers, views, secret, odd, empty],
        targets: Vec::new(),
        namespaces: vec!["public".to_owned()],
        source: SourceAbilities { incremental: true, cdc: true },
        destination: abilities(),
        cdc: CdcReadiness { ready: false, reason: Some("wal_level is replica".to_owned()), retained_log: None },
        broken: None,
    }
}

fn abilities() -> DestinationAbilities {
    DestinationAbilities {
        replace: true,
        append: true,
        merge: true,
        transactional: true,
        creates_namespaces: true,
        has_namespaces: true,
        namespace_optional: false,
        default_namespace: Some("main".to_owned()),
        identifier_limit: 63,
        column_limit: None,
        folding: Folding::Insensitive,
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let shop = Arc::new(Mutex::new(shop()));
        let warehouse = Arc::new(Mutex::new(Facts {
            tables: Vec::new(),
            namespaces: vec!["main".to_owned(), "sales_data".to_owned()],
            ..self::shop()
        }));
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::of([
            Arc::new(Answering { id: "shopbase", facts: Arc::clone(&shop) }) as Arc<dyn DynConnector>,
            Arc::new(Answering { id: "warebase", facts: Arc::clone(&warehouse) }),
        ]);
        let workspace = Workspace {
            id: WorkspaceId::main(),
            store: Store::open_folder(folder.path()).await.unwrap(),
            catalog: Arc::new(catalog),
            vault: Arc::new(Vault::generate().0),
            clock: Clock::manual(now()),
        };
        let world = Self { workspace, shop, warehouse, folder };
        world.add("shop_pg", "shopbase", Some("ShopFlow production"), &[Role::Source]).await;
        world.add("wh", "warebase", None, &[Role::Destination]).await;
        world.add("both", "shopbase", None, &[]).await;
        world
    }

    async fn add(&self, name: &str, connector: &str, label: Option<&str>, roles: &[Role]) {
        let new = NewConnection {
            name: name.to_owned(),
            label: label.map(str::to_owned),
            connector: connector.to_owned(),
            config: settings(&json!({"host": "db.internal", "password": "s3cret-of-the-shop"})),
            secrets: std::collections::BTreeMap::new(),
            roles: (!roles.is_empty()).then(|| roles.to_vec()),
        };
        self.workspace.add_connection(new).await.unwrap();
    }

    /// A table that stands at the warehouse, under `sales_data`.
    pub(crate) fn stands(&self, name: &str, rows: Option<u64>, ours: bool, columns: Vec<Column>) {
        let target = TargetName { namespace: Some("sales_data".to_owned()), name: name.to_owned() };
        self.warehouse.lock().unwrap().targets.push(TargetState { target, rows, columns, ours });
    }
}

pub(crate) fn settings(settings: &Value) -> Map<String, Value> {
    settings.as_object().cloned().unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

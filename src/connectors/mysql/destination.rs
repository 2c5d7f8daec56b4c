//! MySQL as a destination.

use async_trait::async_trait;

use super::connect::{Purpose, Session};
use super::failure::failure;
use super::source::greeting;
use super::sql::{IDENTIFIER_LIMIT, quote, text_literal};
use super::table::same_name;
use super::writer::MySqlWriter;
use super::{Config, catalog, land, read};
use crate::connectors::{
    Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, ErrorKind, Folding, ItemStream,
    Landing, RUN_ID_COLUMN, TargetName, TargetState, WriteRequest, Writer,
};

#[derive(Debug)]
pub(super) struct MySqlDestination {
    config: Config,
}

/// Below this estimate, a table's rows are counted.
const COUNT_BELOW: u64 = 200_000;
/// Longest that an exact count for a receipt may take.
const COUNT_SECONDS: u32 = 3600;
/// Columns that `InnoDB` keeps.
const MOST_COLUMNS: usize = 1017;

impl MySqlDestination {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    async fn probe(&self) -> Result<Session, ConnectorError> {
        Session::open(&self.config, Purpose::Probe).await
    }

    fn namespace<'a>(&'a self, target: &'a TargetName) -> Result<&'a str, ConnectorError> {
        target.namespace.as_deref().or(self.config.database.as_deref()).ok_or_else(|| {
            ConnectorError::new(ErrorKind::Config, format!("No database is named for `{}`.", target.name))
                .advise("Name one in the plan's destination, or in the connection's `database`.")
        })
    }

    async fn relation(&self, session: &mut Session, target: &TargetName) -> Result<catalog::Relation, ConnectorError> {
        let namespace = self.namespace(target)?;
        catalog::find(session, namespace, &target.name).await?.ok_or_else(|| {
            ConnectorError::new(ErrorKind::NotFound, format!("There is no table `{namespace}.{}`.", target.name))
        })
    }

    async fn counted(&self, target: &TargetName, what: &str) -> Result<(u64, u64), ConnectorError> {
        let mut session = self.probe().await?;
        let relation = self.relation(&mut session, target).await?;
        let failed = |error| failure(format!("Counting `{}` failed", relation.summary.stream), error);
        session.limit_statements(COUNT_SECONDS).await.map_err(failed)?;
        let query = format!("select cast(coalesce(sum({what}), 0) as unsigned), count(*) from {}", relation.quoted());
        Ok(session.first(&query, ()).await.map_err(failed)?.unwrap_or_default())
    }
}

/// Rows that a run wrote last, or all.
fn written_by(run: Option<&str>) -> String {
    run.map_or_else(|| "true".to_owned(), |run| format!("{} <=> {}", quote(RUN_ID_COLUMN), text_literal(run)))
}

#[async_trait]
impl Destination for MySqlDestination {
    fn abilities(&self) -> DestinationAbilities {
        DestinationAbilities {
            replace: true,
            append: true,
            merge: true,
            transactional: true,
            creates_namespaces: true,
            has_namespaces: true,
            namespace_optional: false,
            default_namespace: self.config.database.clone(),
            identifier_limit: IDENTIFIER_LIMIT,
            column_limit: Some(MOST_COLUMNS),
            folding: Folding::Insensitive,
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let mut session = self.probe().await?;
        let read_only: Option<u8> = session
            .first("select @@global.read_only", ())
            .await
            .map_err(|error| failure("Checking what may be written failed", error))?;
        if read_only != Some(0) {
            return Err(ConnectorError::new(ErrorKind::Permission, "The server is read-only and takes no writes.")
                .advise("Connect to the primary server."));
        }
        let grants: Vec<String> = session
            .plain_rows("show grants")
            .await
            .map_err(|error| failure("Checking what may be written failed", error))?;
        let creates = grants.iter().any(|grant| {
            let listed = grant.split(" ON ").next().unwrap_or_default();
            listed.contains("ALL PRIVILEGES") || listed.split([',', ' ']).any(|word| word == "CREATE")
        });
        // What a role grants is not among them.
        let by_role = grants.iter().any(|grant| !grant.contains(" ON "));
        if !creates && !by_role {
            let message = format!("User `{}` may create tables nowhere.", self.config.user);
            return Err(ConnectorError::new(ErrorKind::Permission, message)
                .advise("Grant `create, alter, drop, select, insert, update, delete` on the database, then retry."));
        }
        let how = if session.server.takes_files { "rows go as files" } else { "rows go as prepared inserts" };
        Ok(Checked { message: format!("{}, may create tables, {how}", greeting(&session, &self.config)) })
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        let query = "select schema_name from information_schema.schemata where schema_name not in \
             ('mysql', 'information_schema', 'performance_schema', 'sys') order by schema_name";
        self.probe().await?.rows(query, ()).await.map_err(|error| failure("Listing databases failed", error))
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let namespace = self.namespace(target)?;
        let mut session = self.probe().await?;
        let Some(relation) = catalog::find(&mut session, namespace, &target.name).await? else { return Ok(None) };
        let columns = catalog::all_columns(&mut session, &relation).await?;
        let mut rows = relation.summary.rows;
        if rows.is_none_or(|rows| rows < COUNT_BELOW) {
            // One row more than is counted tells that there are more.
            let most = COUNT_BELOW + 1;
            let query = format!("select count(*) from (select 1 from {} limit {most}) t", relation.quoted());
            let counted: Option<u64> = session
                .first(&query, ())
                .await
                .map_err(|error| failure(format!("Counting `{}` failed", relation.summary.stream), error))?;
            let counted = counted.unwrap_or_default();
            rows = if counted > COUNT_BELOW { rows.map(|rows| rows.max(counted)) } else { Some(counted) };
        }
        Ok(Some(TargetState {
            target: TargetName { namespace: Some(namespace.to_owned()), name: target.name.clone() },
            rows,
            ours: columns.iter().any(|column| same_name(&column.name, RUN_ID_COLUMN)),
            columns: columns.iter().map(|column| column.column(&self.config)).collect(),
        }))
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        Ok(land::land(column))
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        let namespace = self.namespace(&request.target)?.to_owned();
        Ok(Box::new(MySqlWriter::open(&self.config, namespace, request).await?))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        Ok(self.counted(target, &written_by(run)).await?.0)
    }

    async fn counts(&self, target: &TargetName, run: &str) -> Result<(u64, u64), ConnectorError> {
        self.counted(target, &written_by(Some(run))).await
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let mut session = Session::open(&self.config, Purpose::Read).await?;
        let relation = self.relation(&mut session, target).await?;
        let standing = catalog::all_columns(&mut session, &relation).await?;
        let reading = read::Reading::back(&relation, &standing, columns, written_by(run))?;
        read::start_alone(session, reading, "").await
    }
}

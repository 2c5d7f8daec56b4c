//! PostgreSQL as a destination.

use async_trait::async_trait;

use super::connect::{Purpose, Session};
use super::failure::failure;
use super::source::greeting;
use super::sql::{IDENTIFIER_LIMIT, qualified, quote, text_literal};
use super::writer::PostgresWriter;
use super::{Config, NumericColumns, catalog, land, read};
use crate::connectors::{
    Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, ErrorKind, Folding, ItemStream,
    Landing, RUN_ID_COLUMN, TargetName, TargetState, WriteRequest, Writer,
};

#[derive(Debug)]
pub(super) struct PostgresDestination {
    config: Config,
}

/// Below this estimate, a table's rows are counted.
const COUNT_BELOW: u64 = 200_000;
/// Longest that an exact count for a receipt may take.
const COUNT_SECONDS: u32 = 3600;

impl PostgresDestination {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    async fn probe(&self) -> Result<Session, ConnectorError> {
        Session::open(&self.config, Purpose::Probe).await
    }

    fn namespace<'a>(&'a self, target: &'a TargetName) -> &'a str {
        target.namespace.as_deref().unwrap_or_else(|| self.config.default_namespace())
    }

    async fn relation(&self, session: &Session, target: &TargetName) -> Result<catalog::Relation, ConnectorError> {
        let namespace = self.namespace(target);
        catalog::find(session, namespace, &target.name).await?.ok_or_else(|| {
            ConnectorError::new(ErrorKind::NotFound, format!("There is no table `{namespace}.{}`.", target.name))
        })
    }
}

/// Rows that a run wrote last, or all.
fn written_by(run: Option<&str>) -> String {
    run.map_or_else(|| "true".to_owned(), |run| format!("{} = {}", quote(RUN_ID_COLUMN), text_literal(run)))
}

#[async_trait]
impl Destination for PostgresDestination {
    fn abilities(&self) -> DestinationAbilities {
        DestinationAbilities {
            replace: true,
            append: true,
            merge: true,
            transactional: true,
            creates_namespaces: true,
            has_namespaces: true,
            namespace_optional: false,
            default_namespace: Some(self.config.default_namespace().to_owned()),
            identifier_limit: IDENTIFIER_LIMIT,
            column_limit: Some(1600),
            folding: Folding::Sensitive,
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let session = self.probe().await?;
        let namespace = self.config.default_namespace();
        let row = session
            .query_one(
                "select has_database_privilege(current_database(), 'create'), \
                 (select has_schema_privilege(oid, 'create') from pg_namespace where nspname = $1), \
                 pg_is_in_recovery()",
                &[&namespace],
            )
            .await
            .map_err(|error| failure("Checking what may be written failed", error))?;
        if row.get(2) {
            return Err(ConnectorError::new(ErrorKind::Permission, "The server is a standby and takes no writes.")
                .advise("Connect to the primary server."));
        }
        let (schemas, tables) = (row.get::<_, bool>(0), row.get::<_, Option<bool>>(1));
        let rights = match (schemas, tables) {
            (true, _) => "may create schemas and tables".to_owned(),
            (false, Some(true)) => format!("may create tables in `{namespace}`"),
            (false, _) => {
                let message =
                    format!("User `{}` may create neither schemas nor tables in `{namespace}`.", self.config.user);
                return Err(ConnectorError::new(ErrorKind::Permission, message)
                    .advise(format!("Grant `create` on the schema `{namespace}` or on the database, then retry.")));
            }
        };
        Ok(Checked { message: format!("{}, {rights}", greeting(&session).await?) })
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        let session = self.probe().await?;
        let rows = session
            .query(
                "select nspname::text from pg_namespace where left(nspname, 3) <> 'pg_' \
                 and nspname <> 'information_schema' and has_schema_privilege(oid, 'usage') order by nspname",
                &[],
            )
            .await
            .map_err(|error| failure("Listing schemas failed", error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let session = self.probe().await?;
        let namespace = self.namespace(target);
        let Some(relation) = catalog::find(&session, namespace, &target.name).await? else { return Ok(None) };
        let columns = catalog::all_columns(&session, &relation).await?;
        let mut rows = relation.summary.rows;
        if relation.summary.readable && rows.is_none_or(|rows| rows < COUNT_BELOW) {
            let table = qualified(namespace, &target.name);
            // One row more than is counted tells that there are more.
            let query = format!("select count(*) from (select from {table} limit {}) t", COUNT_BELOW + 1);
            let counted: i64 = session
                .query_one(&query, &[])
                .await
                .map_err(|error| failure(format!("Counting `{namespace}.{}` failed", target.name), error))?
                .get(0);
            let counted = u64::try_from(counted).unwrap_or_default();
            rows = if counted > COUNT_BELOW { rows.map(|rows| rows.max(counted)) } else { Some(counted) };
        }
        Ok(Some(TargetState {
            target: TargetName { namespace: Some(namespace.to_owned()), name: target.name.clone() },
            rows: rows.filter(|rows| *rows > 0 || relation.summary.readable),
            ours: columns.iter().any(|column| column.name == RUN_ID_COLUMN),
            columns: columns.iter().map(|column| column.column(NumericColumns::Decimal)).collect(),
        }))
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        Ok(land::land(column))
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        Ok(Box::new(PostgresWriter::open(&self.config, request).await?))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        let session = self.probe().await?;
        let relation = self.relation(&session, target).await?;
        session.limit_statements(COUNT_SECONDS).await?;
        let table = qualified(self.namespace(target), &target.name);
        let row = session
            .query_one(&format!("select count(*) from {table} where {}", written_by(run)), &[])
            .await
            .map_err(|error| failure(format!("Counting `{}` failed", relation.summary.stream), error))?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }

    async fn counts(&self, target: &TargetName, run: &str) -> Result<(u64, u64), ConnectorError> {
        let session = self.probe().await?;
        let relation = self.relation(&session, target).await?;
        session.limit_statements(COUNT_SECONDS).await?;
        let table = qualified(self.namespace(target), &target.name);
        let row = session
            .query_one(&format!("select count(*) filter (where {}), count(*) from {table}", written_by(Some(run))), &[])
            .await
            .map_err(|error| failure(format!("Counting `{}` failed", relation.summary.stream), error))?;
        let rows = |place| u64::try_from(row.get::<_, i64>(place)).unwrap_or_default();
        Ok((rows(0), rows(1)))
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let session = Session::open(&self.config, Purpose::Read).await?;
        let relation = self.relation(&session, target).await?;
        let standing = catalog::all_columns(&session, &relation).await?;
        let reading = read::Reading::back(&relation, &standing, columns, written_by(run))?;
        read::start_alone(session, reading, "").await
    }
}

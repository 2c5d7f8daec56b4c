//! Reading from a world: everything that planning asks, and no rows.

use arrow::array::RecordBatch;
use async_trait::async_trait;

use super::{Place, Table};
use crate::connectors::filter::Filter;
use crate::connectors::{
    CdcReadiness, Checked, ConnectorError, ConnectorKind, CursorProfile, ErrorKind, ItemStream, KeyProfile,
    ReadRequest, Source, SourceAbilities, StreamSchema, StreamSummary,
};

/// A connection of a world, opened to be read.
pub(super) struct Well {
    pub kind: ConnectorKind,
    pub place: Place,
}

impl Well {
    fn table(&self, stream: &str) -> Result<&Table, ConnectorError> {
        let table = self.place.table(stream).ok_or_else(|| {
            ConnectorError::new(ErrorKind::NotFound, format!("`{}` has no `{stream}`.", self.place.name))
        })?;
        if table.granted {
            return Ok(table);
        }
        Err(ConnectorError::new(ErrorKind::Permission, format!("The account may not read `{stream}`."))
            .advise(format!("Grant the account the right to read `{stream}`.")))
    }
}

/// Runs are recorded in an evaluation and not carried out.
pub(super) fn no_rows<T>() -> Result<T, ConnectorError> {
    Err(ConnectorError::new(ErrorKind::Unsupported, "A world of an evaluation has no rows."))
}

#[async_trait]
impl Source for Well {
    fn abilities(&self) -> SourceAbilities {
        // A system that says what stands in the way of its log has one.
        SourceAbilities { incremental: true, cdc: self.place.cdc.is_some() || self.kind == ConnectorKind::Database }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let readable = self.place.streams.iter().filter(|table| table.granted).count();
        Ok(Checked { message: format!("`{}` answers, {readable} streams readable", self.place.name) })
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        Ok(self.place.streams.iter().map(|table| self.place.summary(table)).collect())
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        self.table(stream).map(|table| self.place.schema(table))
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        let table = self.table(stream)?;
        let field = table
            .field(column)
            .ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{column}`.")))?;
        Ok(CursorProfile {
            column: column.to_owned(),
            rows: table.rows.unwrap_or_default(),
            sampled: false,
            nulls: table.nulls(field),
            distinct: table.distinct(field),
            indexed: field.indexed || table.primary_key.first().is_some_and(|key| key == column),
            minimum: None,
            maximum: None,
        })
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        let table = self.table(stream)?;
        let rows = table.rows.unwrap_or_default();
        let fields: Vec<_> = columns.iter().filter_map(|name| table.field(name)).collect();
        // What holds a key of the source is a key as well.
        let enforced = !table.primary_key.is_empty() && table.primary_key.iter().all(|key| columns.contains(key));
        let nulls = fields.iter().map(|field| table.nulls(field)).max().unwrap_or(0);
        // There are at most as many different keys as the columns' values multiply to.
        let most = fields
            .iter()
            .map(|field| table.distinct(field))
            .try_fold(1_u64, |most, distinct| distinct.map(|distinct| most.saturating_mul(distinct.max(1))));
        let duplicates = most.map_or(0, |most| rows.saturating_sub(nulls).saturating_sub(most));
        Ok(KeyProfile {
            columns: columns.to_vec(),
            rows,
            sampled: false,
            nulls: if enforced { 0 } else { nulls },
            duplicates: if enforced { 0 } else { duplicates },
            enforced,
        })
    }

    async fn cdc_readiness(&self, _stream: &str) -> Result<CdcReadiness, ConnectorError> {
        Ok(match &self.place.cdc {
            Some(log) => {
                CdcReadiness { ready: log.ready, reason: log.reason.clone(), retained_log: log.retained.clone() }
            }
            None => CdcReadiness {
                ready: false,
                reason: Some("it does not say whether its log can be read".to_owned()),
                retained_log: None,
            },
        })
    }

    async fn read(&self, _request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        no_rows()
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let table = self.table(stream)?;
        match (filter, table.rows) {
            (None, Some(rows)) => Ok(rows),
            _ => no_rows(),
        }
    }

    async fn sample(&self, _stream: &str, _limit: usize) -> Result<RecordBatch, ConnectorError> {
        no_rows()
    }
}

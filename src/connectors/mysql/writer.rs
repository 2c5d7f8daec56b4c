//! Writing one stream: batches go into the open transaction as they come, and a commit ends it together with the checkpoint.

use async_trait::async_trait;

use super::connect::Session;
use super::failure::{broke_off, failure};
use super::load::{Load, Refused, load};
use super::merge::deleted_lanes;
use super::open::{self, Layout};
use super::state::{self, Lock, Stored};
use super::table::same_name;
use super::{Config, catalog, swap};
use crate::connectors::postgres::merge::newest;
use crate::connectors::spelling::spell;
use crate::connectors::{
    Batch, Commit, Committed, ConnectorError, Deletes, ErrorKind, RejectedRow, WriteMode, WriteRequest, Writer,
};

pub(super) struct MySqlWriter {
    config: Config,
    request: WriteRequest,
    layout: Layout,
    session: Session,
    phase: Phase,
    committed: Option<Committed>,
    batches: u64,
}

/// Where the transaction stands.
enum Phase {
    Idle,
    /// Rows taken since it began.
    Open(u64),
    /// The session is of no use any more; what it had not committed is gone. Whether its last commit arrived is not known.
    Lost,
}

impl MySqlWriter {
    pub(super) async fn open(
        config: &Config,
        namespace: String,
        request: WriteRequest,
    ) -> Result<Self, ConnectorError> {
        let mut session = open::sign_in(config, &namespace, &request.state_key).await?;
        let (layout, committed) = open::prepare(&mut session, &namespace, &request).await?;
        Ok(Self { config: config.clone(), request, layout, session, phase: Phase::Idle, committed, batches: 0 })
    }

    fn doing(&self) -> String {
        format!("Writing to `{}` failed", self.layout.shown)
    }

    async fn begin(&mut self) -> Result<u64, ConnectorError> {
        match self.phase {
            Phase::Open(rows) => Ok(rows),
            Phase::Lost => Err(broke_off(self.doing())),
            Phase::Idle => {
                if let Err(error) = self.session.run("start transaction").await {
                    self.phase = Phase::Lost;
                    return Err(failure(self.doing(), error));
                }
                self.phase = Phase::Open(0);
                Ok(0)
            }
        }
    }

    /// Rows that this run has committed.
    fn rows_before(&self) -> u64 {
        self.committed.as_ref().filter(|committed| committed.run == self.request.run).map_or(0, |state| state.rows)
    }

    async fn write_plain(&mut self, batch: &Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        let Self { session, layout, .. } = self;
        let into = Load {
            table: &layout.table,
            lanes: layout.lanes.iter().enumerate().collect(),
            then: &[],
            shown: &layout.shown,
        };
        let rows: Vec<usize> = (0..batch.records.num_rows()).collect();
        let refused = load(session, &into, &batch.records, &rows).await?;
        Ok(self.rejected(batch, refused))
    }

    async fn write_merged(
        &mut self,
        batch: &Batch,
        key: &[String],
        deletes: Deletes,
    ) -> Result<Vec<RejectedRow>, ConnectorError> {
        let Self { session, layout, .. } = self;
        let place = |name: &String| layout.lanes.iter().position(|lane| same_name(&lane.name, name));
        let places: Vec<usize> = key.iter().filter_map(place).collect();
        let newest = newest(batch, &places, deletes)?;
        let mut refused: Vec<Refused> = newest
            .keyless
            .iter()
            .map(|row| Refused {
                row: *row,
                code: "missing_key",
                reason: "The row has no value in a key column, so it cannot be merged.".to_owned(),
                column: None,
            })
            .collect();
        let Some((stage, statements)) = &layout.stage else {
            return Err(ConnectorError::new(ErrorKind::Bug, "A merge has no statements."));
        };
        let lanes = layout.lanes.iter().enumerate().collect();
        let upsert = Load { table: stage, lanes, then: &statements.upsert, shown: &layout.shown };
        refused.extend(load(session, &upsert, &batch.records, &newest.upserts).await?);
        if !newest.deletes.is_empty() {
            let lanes = deleted_lanes(&layout.lanes, key);
            let delete = Load { table: stage, lanes, then: &statements.delete, shown: &layout.shown };
            refused.extend(load(session, &delete, &batch.records, &newest.deletes).await?);
        }
        Ok(self.rejected(batch, refused))
    }

    fn rejected(&self, batch: &Batch, mut refused: Vec<Refused>) -> Vec<RejectedRow> {
        refused.sort_by_key(|refused| refused.row);
        let schema = batch.records.schema_ref();
        let one = |refused: Refused| {
            let cells = schema.fields().iter().zip(batch.records.columns()).map(|(field, array)| {
                let value = spell(array.as_ref(), refused.row);
                (field.name().clone(), value.map_or(serde_json::Value::Null, serde_json::Value::from))
            });
            RejectedRow {
                position: format!("row {} of batch {}", refused.row + 1, self.batches),
                code: refused.code.to_owned(),
                reason: match refused.column {
                    Some(column) => format!("Column `{column}`: {}.", refused.reason),
                    None => refused.reason,
                },
                row: Some(serde_json::Value::Object(cells.collect()).to_string()),
            }
        };
        refused.into_iter().map(one).collect()
    }

    /// Whether this commit has been made before, by this run.
    fn repeats(&self, stored: &Committed, commit: &Commit) -> bool {
        stored.run == self.request.run && stored.epoch >= commit.epoch
    }

    /// After a lost answer: signs in anew and looks whether the commit arrived.
    async fn find_out(&mut self, commit: &Commit) -> Result<Committed, ConnectorError> {
        let (namespace, key) = (&self.layout.namespace, &self.request.state_key);
        // The server may not have noticed yet that nobody is there, and keeps the lock until it does.
        self.session.watch.dismiss().await;
        let mut session = open::sign_in(&self.config, namespace, key).await?;
        let stored = open::settled(&mut session, namespace, &self.request.target.name, key).await?;
        match stored {
            Some(stored) if self.repeats(&stored.committed, commit) => {
                self.committed = Some(stored.committed.clone());
                Ok(stored.committed)
            }
            _ => Err(broke_off(format!("{}, and its rows since the last commit are gone", self.doing()))),
        }
    }

    async fn finish(&mut self, commit: &Commit, rows: u64) -> Result<Committed, ConnectorError> {
        let doing = self.doing();
        let before = self.rows_before();
        let stored = {
            let (namespace, key) = (&self.layout.namespace, &self.request.state_key);
            state::load(&mut self.session, namespace, key, Lock::Update).await?
        };
        if let Some(stored) = stored.filter(|stored| self.repeats(&stored.committed, commit)) {
            return self.answer_again(stored).await;
        }
        let Self { session, layout, request, .. } = self;
        let Layout { namespace, shown, staging, table, .. } = &*layout;
        let name = &request.target.name;
        let mut swaps = None;
        let mut refilled = false;
        if let (Some(staging), true) = (staging, commit.last) {
            match catalog::find(session, namespace, name).await? {
                Some(target) if target.is_innodb() && swap::is_held(session, &target).await? => {
                    swap::refill(session, &target, table, &request.columns).await?;
                    refilled = true;
                }
                _ => swaps = Some(staging.clone()),
            }
        }
        let committed = Committed {
            run: request.run.clone(),
            epoch: commit.epoch,
            checkpoint: commit.checkpoint.clone(),
            last: commit.last,
            rows: before + rows,
        };
        let stored = Stored { committed, swap: swaps.clone() };
        state::save(session, namespace, (&request.state_key, shown), &stored).await?;
        let failed = |error| failure(format!("Committing to `{shown}` failed"), error);
        session.run("commit").await.map_err(failed)?;
        if let Some(staging) = swaps {
            swap::exchange(session, namespace, (name, &staging), &request.state_key).await?;
        }
        if refilled {
            session.run(&format!("drop table if exists {table}")).await.map_err(|error| failure(doing, error))?;
        }
        Ok(stored.committed)
    }

    /// Answers a commit that has been made before; what was written since then is dropped.
    async fn answer_again(&mut self, stored: Stored) -> Result<Committed, ConnectorError> {
        let doing = self.doing();
        let Self { session, layout, request, .. } = self;
        let failed = |error| failure(&doing, error);
        session.run("rollback").await.map_err(failed)?;
        if let Some(staging) = &stored.swap {
            let place = (request.target.name.as_str(), staging.as_str());
            swap::exchange(session, &layout.namespace, place, &request.state_key).await?;
        } else if layout.staging.is_some() && stored.committed.last {
            session.run(&format!("drop table if exists {}", layout.table)).await.map_err(failed)?;
        }
        Ok(stored.committed)
    }
}

#[async_trait]
impl Writer for MySqlWriter {
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError> {
        let Some(committed) = self.committed.clone() else { return Ok(None) };
        let name = match &self.layout.staging {
            Some(staging) if !committed.last => staging,
            _ => &self.request.target.name,
        };
        let stands = catalog::find(&mut self.session, &self.layout.namespace, name).await?.is_some();
        Ok(stands.then_some(committed))
    }

    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        if batch.records.num_columns() != self.layout.lanes.len() {
            let message = format!("A batch for `{}` has other columns than were announced.", self.layout.shown);
            return Err(ConnectorError::new(ErrorKind::Bug, message));
        }
        let before = self.begin().await?;
        let rows = u64::try_from(batch.records.num_rows()).unwrap_or(u64::MAX);
        self.batches += 1;
        let written = match self.request.mode.clone() {
            WriteMode::Replace | WriteMode::Append => self.write_plain(&batch).await,
            WriteMode::Merge { key, deletes } => self.write_merged(&batch, &key, deletes).await,
        };
        match written {
            Ok(rejected) => {
                let refused = u64::try_from(rejected.len()).unwrap_or(u64::MAX);
                self.phase = Phase::Open(before + rows.saturating_sub(refused));
                Ok(rejected)
            }
            Err(error) => {
                self.phase = Phase::Lost;
                Err(error)
            }
        }
    }

    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError> {
        if matches!(self.phase, Phase::Lost) {
            return self.find_out(&commit).await;
        }
        let rows = self.begin().await?;
        match self.finish(&commit, rows).await {
            Ok(committed) => {
                self.phase = Phase::Idle;
                self.committed = Some(committed.clone());
                Ok(committed)
            }
            Err(error) => {
                self.phase = Phase::Lost;
                Err(error)
            }
        }
    }
}

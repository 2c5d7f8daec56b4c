//! A transactional destination in memory: replace through a staging area, append, merge, checkpoints committed with
//! the rows. Commits fail before or after they take hold when they are told to.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;

use super::{Chaos, POISON, Row};
use crate::connectors::{
    Batch, Checked, Column, ColumnType, Commit, Committed, ConnectorError, Destination, DestinationAbilities, End,
    ErrorKind, Fidelity, Folding, Item, ItemStream, Landing, RUN_ID_COLUMN, RejectedRow, TargetName, TargetState,
    WriteMode, WriteRequest, Writer,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runner) enum CommitFault {
    None,
    /// Fails and changes nothing.
    Before,
    /// Takes hold, and the answer is lost.
    After,
    Hang,
}

#[derive(Debug, Default)]
struct Held {
    /// One row per batch.
    tables: HashMap<String, Vec<RecordBatch>>,
    states: HashMap<String, Committed>,
    staged: HashMap<String, Vec<RecordBatch>>,
}

pub(in crate::runner) struct MemoryDestination {
    held: Arc<Mutex<Held>>,
    /// One per commit, in order; commits beyond it go well.
    pub(in crate::runner) faults: Arc<Mutex<VecDeque<CommitFault>>>,
    /// Loses a row of each commit, and says nothing.
    pub(in crate::runner) forgetful: Arc<Mutex<bool>>,
    /// Turns every payload to upper case, and says nothing.
    pub(in crate::runner) meddling: Arc<Mutex<bool>>,
    chaos: Arc<Chaos>,
}

impl MemoryDestination {
    pub(super) fn new(chaos: Arc<Chaos>) -> Self {
        Self {
            held: Arc::default(),
            faults: Arc::default(),
            forgetful: Arc::default(),
            meddling: Arc::default(),
            chaos,
        }
    }

    /// What stands in the table, sorted.
    pub(in crate::runner) fn rows(&self, table: &str) -> Vec<Row> {
        let held = self.held.lock().unwrap();
        let mut rows: Vec<Row> = held.tables.get(table).into_iter().flatten().map(row).collect();
        rows.sort();
        rows
    }

    /// How many different identities the table holds; one for each row, or else something came twice.
    pub(in crate::runner) fn count_ids(&self, table: &str) -> usize {
        let held = self.held.lock().unwrap();
        let rows = held.tables.get(table).into_iter().flatten();
        let ids: Vec<i64> =
            rows.map(|row| row.column_by_name("id").unwrap().as_primitive::<Int64Type>().value(0)).collect();
        let distinct: std::collections::BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len());
        distinct.len()
    }

    pub(in crate::runner) fn drop_table(&self, table: &str) {
        self.held.lock().unwrap().tables.remove(table);
    }

    pub(in crate::runner) fn column_names(&self, table: &str) -> Vec<String> {
        let held = self.held.lock().unwrap();
        let schema = held.tables[table].last().unwrap().schema();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }
}

fn text(records: &RecordBatch, name: &str) -> Option<String> {
    let array = records.column_by_name(name)?.as_string_opt::<i32>()?.clone();
    array.is_valid(0).then(|| array.value(0).to_owned())
}

fn row(records: &RecordBatch) -> Row {
    let number = |name: &str| {
        let array = records.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
        array.is_valid(0).then(|| array.value(0))
    };
    Row { id: number("id").unwrap(), at: number("at"), payload: text(records, "payload").unwrap() }
}

#[async_trait]
impl Destination for MemoryDestination {
    fn abilities(&self) -> DestinationAbilities {
        DestinationAbilities {
            replace: true,
            append: true,
            merge: true,
            transactional: true,
            creates_namespaces: false,
            has_namespaces: false,
            namespace_optional: false,
            default_namespace: None,
            identifier_limit: 63,
            column_limit: None,
            folding: Folding::Insensitive,
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        Ok(Checked { message: "memory".to_owned() })
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn describe(&self, _: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        Ok(None)
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        Ok(Landing { target_type: column.spelled.clone(), fidelity: Fidelity::Exact, note: None })
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        self.chaos.step().await;
        self.held.lock().unwrap().staged.remove(&request.state_key);
        Ok(Box::new(MemoryWriter {
            held: Arc::clone(&self.held),
            faults: Arc::clone(&self.faults),
            forgetful: *self.forgetful.lock().unwrap(),
            meddling: *self.meddling.lock().unwrap(),
            chaos: Arc::clone(&self.chaos),
            request,
            buffer: Vec::new(),
        }))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        self.chaos.step().await;
        let held = self.held.lock().unwrap();
        let rows = held.tables.get(&target.name).ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, "no table"))?;
        Ok(rows.iter().filter(|row| run.is_none() || text(row, RUN_ID_COLUMN).as_deref() == run).count() as u64)
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let held = self.held.lock().unwrap();
        let mut items = Vec::new();
        for row in held.tables.get(&target.name).into_iter().flatten() {
            if run.is_none() || text(row, RUN_ID_COLUMN).as_deref() == run {
                let places: Vec<usize> =
                    columns.iter().map(|column| row.schema().index_of(&column.name).unwrap()).collect();
                items.push(Ok(Item::Batch(Batch::rows(row.project(&places).unwrap()))));
            }
        }
        items.push(Ok(Item::End(End { rows: items.len() as u64, cursor: None })));
        Ok(Box::pin(futures::stream::iter(items)))
    }
}

struct MemoryWriter {
    held: Arc<Mutex<Held>>,
    faults: Arc<Mutex<VecDeque<CommitFault>>>,
    forgetful: bool,
    meddling: bool,
    chaos: Arc<Chaos>,
    request: WriteRequest,
    buffer: Vec<RecordBatch>,
}

impl MemoryWriter {
    fn apply(&mut self, commit: Commit) -> Committed {
        let mut held = self.held.lock().unwrap();
        let before = held.states.get(&self.request.state_key).filter(|state| state.run == self.request.run).cloned();
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(done) = before.as_ref().filter(|state| state.epoch >= commit.epoch) {
            return done.clone();
        }
        let rows = before.map_or(0, |state| state.rows) + buffer.len() as u64;
        if self.forgetful {
            buffer.pop();
        }
        let table = &self.request.target.name;
        match &self.request.mode {
            WriteMode::Append => held.tables.entry(table.clone()).or_default().extend(buffer),
            WriteMode::Replace => {
                held.staged.entry(self.request.state_key.clone()).or_default().extend(buffer);
                if commit.last {
                    let staged = held.staged.remove(&self.request.state_key).unwrap_or_default();
                    held.tables.insert(table.clone(), staged);
                }
            }
            WriteMode::Merge { .. } => {
                let standing = held.tables.entry(table.clone()).or_default();
                for new in buffer {
                    standing.retain(|old| row(old).id != row(&new).id);
                    standing.push(new);
                }
            }
        }
        let Commit { epoch, checkpoint, last } = commit;
        let state = Committed { run: self.request.run.clone(), epoch, checkpoint, last, rows };
        held.states.insert(self.request.state_key.clone(), state.clone());
        state
    }
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError> {
        self.chaos.step().await;
        let held = self.held.lock().unwrap();
        let state = held.states.get(&self.request.state_key);
        Ok(state.filter(|_| held.tables.contains_key(&self.request.target.name)).cloned())
    }

    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError> {
        self.chaos.step().await;
        let mut rejected = Vec::new();
        for place in 0..batch.records.num_rows() {
            let mut row = batch.records.slice(place, 1);
            match text(&row, "payload").as_deref() {
                Some(POISON) => rejected.push(RejectedRow {
                    position: format!("row {place}"),
                    code: "poison".to_owned(),
                    reason: "The column `payload` holds what cannot be stored.".to_owned(),
                    row: None,
                }),
                payload => {
                    if let (true, Some(payload)) = (self.meddling, payload) {
                        let upper = arrow::array::StringArray::from(vec![payload.to_uppercase()]);
                        let mut arrays = row.columns().to_vec();
                        arrays[row.schema().index_of("payload").unwrap()] = Arc::new(upper);
                        row = RecordBatch::try_new(row.schema(), arrays).unwrap();
                    }
                    // A copy of its own, as a real destination would have.
                    let all = BooleanArray::from(vec![true]);
                    self.buffer.push(arrow::compute::filter_record_batch(&row, &all).unwrap());
                }
            }
        }
        Ok(rejected)
    }

    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError> {
        self.chaos.step().await;
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(CommitFault::None);
        let lost = || ConnectorError::new(ErrorKind::Unreachable, "The connection to the destination broke off.");
        let done = match fault {
            CommitFault::Before => Err(lost()),
            CommitFault::Hang => std::future::pending().await,
            CommitFault::None => Ok(self.apply(commit)),
            CommitFault::After => {
                self.apply(commit);
                Err(lost())
            }
        };
        self.chaos.step().await;
        done
    }
}

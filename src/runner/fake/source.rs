//! A table that can be read in full and incrementally, and that cuts, lies and hangs when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::json;

use super::{Chaos, STREAM, column};
use crate::connectors::filter::Filter;
use crate::connectors::schema::arrow_schema;
use crate::connectors::{
    Batch, CdcReadiness, Checked, Column, ConnectorError, Cursor, CursorProfile, End, ErrorKind, Item, ItemStream,
    KeyProfile, LogicalType, NullCursor, ReadMode, ReadRequest, RejectedRow, Source, SourceAbilities, StreamSchema,
    StreamSummary,
};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::runner) struct Row {
    pub(in crate::runner) at: Option<i64>,
    pub(in crate::runner) id: i64,
    pub(in crate::runner) payload: String,
}

/// What goes wrong with a read, after so many items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runner) enum SourceFault {
    /// The connection breaks.
    Cut(usize),
    /// The stream just ends.
    EndSilently(usize),
    Hang(usize),
    /// The end counts one row more than came.
    LieAtEnd,
    /// A row that cannot be read comes first.
    Reject,
}

pub(in crate::runner) struct MemorySource {
    pub(in crate::runner) rows: Mutex<Vec<Row>>,
    pub(in crate::runner) columns: Mutex<Vec<Column>>,
    /// One per read, in order; reads beyond it go well.
    pub(in crate::runner) faults: Mutex<VecDeque<SourceFault>>,
    pub(in crate::runner) requests: Mutex<Vec<ReadRequest>>,
    chaos: Arc<Chaos>,
}

pub(super) fn columns() -> Vec<Column> {
    vec![column("id", LogicalType::Int64), column("at", LogicalType::Int64), column("payload", LogicalType::Text)]
}

impl MemorySource {
    pub(super) fn new(chaos: Arc<Chaos>) -> Self {
        Self {
            rows: Mutex::default(),
            columns: Mutex::new(columns()),
            faults: Mutex::default(),
            requests: Mutex::default(),
            chaos,
        }
    }

    pub(in crate::runner) fn insert(&self, id: i64, at: Option<i64>, payload: &str) {
        self.rows.lock().unwrap().push(Row { at, id, payload: payload.to_owned() });
    }

    fn items(&self, request: &ReadRequest) -> Vec<Item> {
        let mut rows = self.rows.lock().unwrap().clone();
        let after = request.after.as_ref().and_then(|cursor| cursor.0.as_i64());
        if let ReadMode::Incremental { nulls, .. } = &request.mode {
            rows.retain(|row| row.at.map_or(*nulls == NullCursor::Include, |at| after.is_none_or(|after| at >= after)));
            rows.sort();
        }
        let incremental = request.mode != ReadMode::Full;
        let mut items = vec![Item::Expected { rows: rows.len() as u64 }];
        let mut reached = after;
        for chunk in rows.chunks(request.batch_rows) {
            items.push(Item::Batch(Batch::rows(batch(chunk, &request.columns))));
            reached = chunk.iter().filter_map(|row| row.at).max().max(reached);
            if incremental && reached.is_some() {
                items.push(Item::Checkpoint(Cursor(json!(reached))));
            }
        }
        let cursor = reached.filter(|_| incremental).map(|at| Cursor(json!(at)));
        items.push(Item::End(End { rows: rows.len() as u64, cursor }));
        items
    }
}

fn batch(rows: &[Row], asked: &[String]) -> RecordBatch {
    let kept: Vec<Column> = asked
        .iter()
        .map(|name| {
            columns().into_iter().find(|column| column.name == *name).unwrap_or(column(name, LogicalType::Text))
        })
        .collect();
    let arrays = kept
        .iter()
        .map(|column| match column.name.as_str() {
            "id" => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))) as ArrayRef,
            "at" => Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.at))),
            _ => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.payload))),
        })
        .collect();
    RecordBatch::try_new(arrow_schema(&kept), arrays).unwrap()
}

#[async_trait]
impl Source for MemorySource {
    fn abilities(&self) -> SourceAbilities {
        SourceAbilities { incremental: true, cdc: false }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        Ok(Checked { message: "memory".to_owned() })
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        Ok(vec![self.describe(STREAM).await?.summary])
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        self.chaos.step().await;
        let summary = StreamSummary {
            stream: stream.to_owned(),
            namespace: None,
            name: stream.to_owned(),
            rows: None,
            bytes: None,
            comment: None,
            readable: true,
        };
        let columns = self.columns.lock().unwrap().clone();
        Ok(StreamSchema { summary, columns, primary_key: vec!["id".to_owned()] })
    }

    async fn profile_cursor(&self, _: &str, _: &str) -> Result<CursorProfile, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "not here"))
    }

    async fn profile_key(&self, _: &str, _: &[String]) -> Result<KeyProfile, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "not here"))
    }

    async fn cdc_readiness(&self, _: &str) -> Result<CdcReadiness, ConnectorError> {
        Ok(CdcReadiness { ready: false, reason: None, retained_log: None })
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        self.chaos.step().await;
        let mut items = self.items(&request);
        self.requests.lock().unwrap().push(request);
        let fault = self.faults.lock().unwrap().pop_front();
        let mut cut = None;
        match fault {
            None => {}
            Some(SourceFault::Cut(at) | SourceFault::EndSilently(at) | SourceFault::Hang(at)) => {
                cut = fault;
                items.truncate(at.min(items.len() - 1));
            }
            Some(SourceFault::LieAtEnd) => {
                if let Some(Item::End(end)) = items.last_mut() {
                    end.rows += 1;
                }
            }
            Some(SourceFault::Reject) => items.insert(
                0,
                Item::Rejected(RejectedRow {
                    position: "line 1".to_owned(),
                    code: "malformed_row".to_owned(),
                    reason: "The row has too few columns.".to_owned(),
                    row: Some("1;".to_owned()),
                }),
            ),
        }
        let chaos = Arc::clone(&self.chaos);
        let tail = futures::stream::once(async move {
            match cut {
                Some(SourceFault::Cut(_)) => Some(Err(ConnectorError::new(ErrorKind::Unreachable, "It was cut."))),
                Some(SourceFault::Hang(_)) => std::future::pending().await,
                _ => None,
            }
        });
        let items = futures::stream::iter(items).then(move |item| {
            let chaos = Arc::clone(&chaos);
            async move {
                chaos.step().await;
                Ok(item)
            }
        });
        Ok(items.chain(tail.filter_map(std::future::ready)).boxed())
    }

    async fn count(&self, _: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        Ok(if filter.is_some() { 0 } else { self.rows.lock().unwrap().len() as u64 })
    }

    async fn sample(&self, _: &str, _: usize) -> Result<RecordBatch, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "not here"))
    }
}

//! What a person may ask of any source, whatever its connector: to be read no faster than so many bytes a second by all
//! runs of this process together, and over no more connections than so many, so that whoever else works on the system
//! is not starved.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::filter::Filter;
use super::{
    CdcReadiness, Checked, ConnectorError, CursorProfile, Item, ItemStream, KeyProfile, RawForm, ReadRequest, Source,
    SourceAbilities, StreamSchema, StreamSummary,
};

/// Settings that every connection to read from may have besides its connector's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Limits {
    /// All runs together read no more than so many MiB a second from here. No limit when absent.
    #[serde(default)]
    max_read_mib_per_second: Option<NonZeroU32>,
    /// A run opens no more than so many connections to read. As the plan says when absent.
    #[serde(default)]
    max_read_connections: Option<NonZeroU32>,
}

const FIELDS: [&str; 2] = ["max_read_mib_per_second", "max_read_connections"];

impl Limits {
    /// Takes these settings out of a connection's. `None` for what does not fit them.
    pub(super) fn take(config: &mut Value) -> Option<Self> {
        let Value::Object(fields) = config else { return Some(Self::default()) };
        let ours = FIELDS.iter().filter_map(|name| fields.remove_entry(*name)).collect();
        serde_json::from_value(Value::Object(ours)).ok()
    }

    /// Adds them to the schema of a connector's settings.
    pub(super) fn describe(schema: &mut Value) {
        let ours = schemars::schema_for!(Self).to_value();
        let (Some(ours), Some(theirs)) = (ours.get("properties").and_then(Value::as_object), schema.as_object_mut())
        else {
            return;
        };
        let properties = theirs.entry("properties").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(ours.iter().map(|(name, one)| (name.clone(), one.clone())));
        }
    }

    /// The source within these limits. `settings` tell systems apart: what is read by the same settings is one system.
    pub(super) fn hold(&self, source: Arc<dyn Source>, settings: &Value) -> Arc<dyn Source> {
        if *self == Self::default() {
            return source;
        }
        let pace = self.max_read_mib_per_second.map(|rate| pace_of(settings, u64::from(rate.get()) << 20));
        let connections = self.max_read_connections.and_then(|most| usize::try_from(most.get()).ok());
        Arc::new(Paced { source, pace, connections: connections.unwrap_or(usize::MAX) })
    }
}

/// When the next bytes may come. Bytes are taken as they arrive, and whoever took too many makes the next one wait.
#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    free: Mutex<Instant>,
}

impl Pace {
    /// Takes so many bytes, and answers from when on the next may be asked for.
    fn take(&self, now: Instant, bytes: u64) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        *free = now.max(*free) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        *free
    }
}

/// The pace of a system that is read by these settings; one for all who read it at the same time.
fn pace_of(settings: &Value, bytes_per_second: u64) -> Arc<Pace> {
    static KEPT: LazyLock<Mutex<HashMap<u64, Weak<Pace>>>> = LazyLock::new(Mutex::default);
    let mut hasher = DefaultHasher::new();
    (settings.to_string(), bytes_per_second).hash(&mut hasher);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|_, pace| pace.strong_count() > 0);
    let place = kept.entry(hasher.finish()).or_default();
    place.upgrade().unwrap_or_else(|| {
        let pace = Arc::new(Pace { bytes_per_second, free: Mutex::new(Instant::now()) });
        *place = Arc::downgrade(&pace);
        pace
    })
}

struct Paced {
    source: Arc<dyn Source>,
    pace: Option<Arc<Pace>>,
    connections: usize,
}

impl Paced {
    fn slowed(&self, items: ItemStream) -> ItemStream {
        let Some(pace) = self.pace.clone() else { return items };
        items
            .then(move |item| {
                let bytes = match &item {
                    Ok(Item::Batch(batch)) => u64::try_from(batch.records.get_array_memory_size()).unwrap_or(u64::MAX),
                    Ok(Item::Raw(rows)) => rows.bytes(),
                    _ => 0,
                };
                let until = (bytes > 0).then(|| pace.take(Instant::now(), bytes));
                async move {
                    if let Some(until) = until {
                        tokio::time::sleep_until(until).await;
                    }
                    item
                }
            })
            .boxed()
    }

    fn within(&self, request: &ReadRequest) -> ReadRequest {
        ReadRequest { parallelism: request.parallelism.min(self.connections).max(1), ..request.clone() }
    }
}

#[async_trait]
impl Source for Paced {
    fn abilities(&self) -> SourceAbilities {
        self.source.abilities()
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        self.source.check().await
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        self.source.list().await
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        self.source.describe(stream).await
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        self.source.profile_cursor(stream, column).await
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        self.source.profile_key(stream, columns).await
    }

    async fn cdc_readiness(&self, stream: &str) -> Result<CdcReadiness, ConnectorError> {
        self.source.cdc_readiness(stream).await
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        Ok(self.slowed(self.source.read(self.within(&request)).await?))
    }

    async fn read_raw(&self, request: &ReadRequest, form: &RawForm) -> Result<Option<ItemStream>, ConnectorError> {
        let items = self.source.read_raw(&self.within(request), form).await?;
        Ok(items.map(|items| self.slowed(items)))
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        self.source.count(stream, filter).await
    }

    async fn sample(&self, stream: &str, limit: usize) -> Result<RecordBatch, ConnectorError> {
        self.source.sample(stream, limit).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_taken_must_have_passed_before_the_next() {
        let start = Instant::now();
        let pace = Pace { bytes_per_second: 1 << 20, free: Mutex::new(start) };
        assert_eq!(pace.take(start, 3 << 20), start + Duration::from_secs(3));
        // Another reader of the same system waits for what the first one took.
        assert_eq!(pace.take(start + Duration::from_secs(1), 1 << 20), start + Duration::from_secs(4));
        // What was not used is not saved up.
        let late = start + Duration::from_mins(1);
        assert_eq!(pace.take(late, 1 << 19), late + Duration::from_millis(500));
    }

    #[test]
    fn one_system_has_one_pace_as_long_as_somebody_reads_it() {
        let settings = json!({"host": "a"});
        let (one, same) = (pace_of(&settings, 5), pace_of(&settings, 5));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &pace_of(&json!({"host": "b"}), 5)));
    }

    #[test]
    fn the_settings_are_taken_out_and_must_fit() {
        let mut config = json!({"path": "x", "max_read_connections": 1, "max_read_mib_per_second": 20});
        let limits = Limits::take(&mut config).unwrap();
        assert_eq!((config, limits.max_read_connections), (json!({"path": "x"}), NonZeroU32::new(1)));
        for wrong in [json!(0), json!(-1), json!("many"), json!(1.5)] {
            assert_eq!(Limits::take(&mut json!({"max_read_connections": wrong})), None);
        }
        let mut schema = json!({"properties": {"path": {}}});
        Limits::describe(&mut schema);
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["path", "max_read_mib_per_second", "max_read_connections"]);
    }
}

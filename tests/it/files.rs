//! The files connector against real files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::{Value as Json, json};
use towpath::connectors::contract::{self, DestinationHarness, Row, Seed, SourceHarness};
use towpath::connectors::files::Files;
use towpath::connectors::{
    Column, ColumnType, ConnectorError, Destination, DynConnector, ErrorKind, Item, LogicalType, ReadMode, ReadRequest,
    Source, TargetName,
};

/// A folder of one format.
pub(crate) struct Folder {
    pub(crate) root: tempfile::TempDir,
    /// `csv`, `jsonl` or `parquet`.
    pub(crate) format: &'static str,
    /// Ending of packed files.
    pub(crate) packed: &'static str,
}

impl Folder {
    pub(crate) fn new(format: &'static str, packed: &'static str) -> Self {
        Self { root: tempfile::tempdir().unwrap(), format, packed }
    }

    fn config(&self) -> Json {
        let compression = match self.packed {
            ".gz" => "gzip",
            ".zst" => "zstd",
            _ => "none",
        };
        json!({"path": self.root.path(), "write": {"format": self.format, "compression": compression, "rows_per_file": 50}})
    }

    pub(crate) fn write_rows(&self, path: &Path, seed: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        if self.format == "parquet" {
            let batch = seed.batch(rows)?;
            let mut writer = parquet::arrow::ArrowWriter::try_new(std::fs::File::create(path)?, batch.schema(), None)?;
            writer.write(&batch)?;
            writer.close()?;
            return Ok(());
        }
        let mut text = String::new();
        if self.format == "csv" {
            text = seed.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",") + "\r\n";
        }
        for row in rows {
            let fields: Vec<String> =
                row.iter().zip(&seed.columns).map(|(value, column)| self.field(value.to_text(), column.name)).collect();
            let fields = fields.join(",");
            let line = if self.format == "csv" { [fields.as_str(), "\r\n"] } else { ["{", fields.as_str()] };
            text.extend(line);
            if self.format != "csv" {
                text.push_str("}\n");
            }
        }
        let file = std::fs::File::create(path)?;
        match self.packed {
            ".gz" => flate2::write::GzEncoder::new(file, flate2::Compression::fast()).write_all(text.as_bytes())?,
            ".zst" => zstd::stream::copy_encode(text.as_bytes(), file, 1)?,
            _ => (&file).write_all(text.as_bytes())?,
        }
        Ok(())
    }

    fn field(&self, text: Option<String>, name: &str) -> String {
        match (self.format, text) {
            ("csv", None) => String::new(),
            ("csv", Some(text)) if name == "name" => format!("\"{}\"", text.replace('"', "\"\"")),
            ("csv", Some(text)) => text,
            (_, None) => format!("\"{name}\": null"),
            (_, Some(text)) if matches!(name, "name" | "day" | "at") => format!("\"{name}\": {}", Json::String(text)),
            (_, Some(text)) => format!("\"{name}\": {text}"),
        }
    }

    fn data_file(&self, stream: &str, number: usize) -> PathBuf {
        self.root.path().join(stream).join(format!("data-{number}.{}{}", self.format, self.packed))
    }
}

/// The columns of a seed as a folder keeps them beside text files.
pub(crate) fn schema(seed: &Seed) -> anyhow::Result<Vec<u8>> {
    let column = |column: &contract::SeedColumn| {
        Column::new(column.name, ColumnType::new(column.logical.clone(), "files", ""), column.nullable)
    };
    let columns: Vec<Column> = seed.columns.iter().map(column).collect();
    Ok(serde_json::to_vec(&columns)?)
}

#[async_trait]
impl SourceHarness for Folder {
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError> {
        DynConnector::source(&Files, self.config())
    }

    async fn seed(&self, seed: &Seed) -> anyhow::Result<String> {
        let folder = self.root.path().join(&seed.name);
        std::fs::create_dir_all(&folder)?;
        if self.format != "parquet" {
            std::fs::write(folder.join("_towpath_schema.json"), schema(seed)?)?;
        }
        let half = seed.rows.len() / 2;
        let (first, second) = seed.rows.split_at(half);
        self.write_rows(&self.data_file(&seed.name, 1), seed, first)?;
        self.write_rows(&self.data_file(&seed.name, 2), seed, second)?;
        Ok(seed.name.clone())
    }

    async fn append(&self, stream: &str, seed: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        let number = std::fs::read_dir(self.root.path().join(stream))?.count() + 1;
        self.write_rows(&self.data_file(stream, number), seed, rows)
    }
}

#[async_trait]
impl DestinationHarness for Folder {
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError> {
        DynConnector::destination(&Files, self.config())
    }

    /// Reads the files with DuckDB, which knows nothing of this connector.
    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>> {
        let folder = self.root.path().join(target.to_string().replace('.', "/"));
        if !folder.exists() {
            return Ok(None);
        }
        let pattern = format!("{}/part-*", folder.display());
        if !std::fs::read_dir(&folder)?.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("part-"))
        {
            return Ok(Some(Vec::new()));
        }
        let pattern = pattern.replace('\'', "''");
        let read = match self.format {
            "csv" => format!(
                "read_csv('{pattern}', header = true, all_varchar = true, quote = '\"', escape = '\"', allow_quoted_nulls = false, union_by_name = true)"
            ),
            "jsonl" => format!("read_json('{pattern}', format = 'newline_delimited', union_by_name = true)"),
            _ => format!("read_parquet('{pattern}', union_by_name = true)"),
        };
        let list: Vec<String> =
            columns.iter().map(|column| format!("cast(\"{}\" as varchar)", column.replace('"', "\"\""))).collect();
        let database = duckdb::Connection::open_in_memory()?;
        let mut statement = database.prepare(&format!("select {} from {read}", list.join(", ")))?;
        let rows = statement.query_map([], |row| (0..columns.len()).map(|index| row.get(index)).collect())?;
        Ok(Some(rows.collect::<Result<_, _>>()?))
    }

    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(self.root.path().join(target.to_string().replace('.', "/")))?)
    }
}

#[tokio::test]
async fn csv_keeps_the_source_contract() {
    contract::source(&Folder::new("csv", "")).await.unwrap();
}

#[tokio::test]
async fn packed_csv_keeps_the_source_contract() {
    contract::source(&Folder::new("csv", ".gz")).await.unwrap();
}

#[tokio::test]
async fn json_lines_keep_the_source_contract() {
    contract::source(&Folder::new("jsonl", ".zst")).await.unwrap();
}

#[tokio::test]
async fn parquet_keeps_the_source_contract() {
    contract::source(&Folder::new("parquet", "")).await.unwrap();
}

#[tokio::test]
async fn csv_keeps_the_destination_contract() {
    contract::destination(&Folder::new("csv", "")).await.unwrap();
}

#[tokio::test]
async fn json_lines_keep_the_destination_contract() {
    contract::destination(&Folder::new("jsonl", ".gz")).await.unwrap();
}

#[tokio::test]
async fn parquet_keeps_the_destination_contract() {
    contract::destination(&Folder::new("parquet", "")).await.unwrap();
}

fn request(stream: &str, columns: &[&str]) -> ReadRequest {
    ReadRequest {
        stream: stream.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        filter: None,
        mode: ReadMode::Full,
        after: None,
        batch_rows: 1000,
        batch_bytes: 1 << 20,
        parallelism: 1,
    }
}

async fn items(folder: &Path, stream: &str, columns: &[&str]) -> Vec<Result<Item, ConnectorError>> {
    let source = DynConnector::source(&Files, json!({"path": folder})).unwrap();
    source.read(request(stream, columns)).await.unwrap().collect().await
}

#[tokio::test]
async fn a_broken_csv_row_is_rejected_with_its_line_and_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let text = "id,name,price\n1,a,1.50\n2,\"b,2.00\n3,c\n4,d,x\n5,\"two\nlines\",3.25\n6,\u{e9},4.00\n";
    std::fs::write(folder.path().join("goods.csv"), text).unwrap();
    let source = DynConnector::source(&Files, json!({"path": folder.path(), "streams": [{"name": "goods", "files": "goods.csv", "schema": {"price": "decimal(9,2)"}}]})).unwrap();
    let found: Vec<_> = source.read(request("goods", &["id", "name", "price"])).await.unwrap().collect().await;
    let (mut rows, mut rejected, mut end) = (0, Vec::new(), None);
    for item in found {
        match item.unwrap() {
            Item::Batch(batch) => rows += batch.records.num_rows(),
            Item::Rejected(row) => rejected.push((row.position, row.code, row.row.unwrap())),
            Item::End(told) => end = Some(told.rows),
            _ => {}
        }
    }
    assert_eq!((rows, end), (3, Some(3)));
    let lines: Vec<(&str, &str, &str)> =
        rejected.iter().map(|(position, code, row)| (position.as_str(), code.as_str(), row.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("line 3 of goods.csv", "malformed_row", "2,\"b,2.00"),
            ("line 4 of goods.csv", "malformed_row", "3,c"),
            ("line 5 of goods.csv", "type_conversion_failed", "4,d,x"),
        ]
    );
}

#[tokio::test]
async fn a_parquet_file_cut_short_is_an_error_with_its_name_and_never_an_end() {
    let folder = Folder::new("parquet", "");
    let seed_file = folder.root.path().join("whole.parquet");
    let seed = Seed {
        name: "whole".to_owned(),
        columns: vec![contract::SeedColumn { name: "id", logical: LogicalType::Int64, nullable: false, key: true }],
        rows: (0..5000).map(|id| vec![contract::Value::Integer(id)]).collect(),
    };
    folder.write_rows(&seed_file, &seed, &seed.rows).unwrap();
    let bytes = std::fs::read(&seed_file).unwrap();
    for length in [bytes.len() - 1, bytes.len() / 2, 4, 0] {
        std::fs::write(&seed_file, &bytes[..length]).unwrap();
        let source = DynConnector::source(&Files, json!({"path": folder.root.path()})).unwrap();
        let error = match source.read(request("whole", &["id"])).await {
            Err(error) => error,
            Ok(items) => {
                items.filter_map(|item| async { item.err() }).boxed().next().await.expect("an error, and no end")
            }
        };
        assert_eq!(error.kind, ErrorKind::BadData, "{length}");
        assert!(error.message.contains("whole.parquet"), "{}", error.message);
    }
}

#[tokio::test]
async fn a_packed_file_cut_short_is_an_error_and_never_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"id\n").unwrap();
    for id in 0..50_000 {
        encoder.write_all(format!("{id}\n").as_bytes()).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    std::fs::write(folder.path().join("ids.csv.gz"), &bytes[..bytes.len() - 20]).unwrap();
    let source = DynConnector::source(&Files, json!({"path": folder.path()})).unwrap();
    let outcome = match source.read(request("ids", &["id"])).await {
        Err(error) => Some(error.kind),
        Ok(items) => items.filter_map(|item| async { item.err() }).boxed().next().await.map(|error| error.kind),
    };
    assert_eq!(outcome, Some(ErrorKind::BadData));
}

#[tokio::test]
async fn nested_and_exact_json_survives() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"id\": 1, \"n\": 12345678901234567890.12, \"tags\": [1, {\"a\": 0.10}], \"when\": \"2026-01-31T10:00:00+02:00\"}\n{\"id\": 2}\n";
    std::fs::write(folder.path().join("events.jsonl"), text).unwrap();
    let source = DynConnector::source(&Files, json!({"path": folder.path()})).unwrap();
    let schema = source.describe("events").await.unwrap();
    let types: Vec<&LogicalType> = schema.columns.iter().map(|column| &column.data_type.logical).collect();
    assert_eq!(types[1..3], [&LogicalType::Decimal { precision: 38, scale: 2 }, &LogicalType::Json]);
    let found = items(folder.path(), "events", &["n", "tags"]).await;
    let Some(Ok(Item::Batch(batch))) = found.iter().find(|item| matches!(item, Ok(Item::Batch(_)))) else {
        panic!("no batch")
    };
    let shown = |column: usize| arrow::util::display::array_value_to_string(batch.records.column(column), 0).unwrap();
    assert_eq!((shown(0).as_str(), shown(1).as_str()), ("12345678901234567890.12", "[1, {\"a\": 0.10}]"));
}

#[tokio::test]
async fn a_member_that_was_never_seen_is_rejected_and_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = Vec::new();
    for id in 0..200_000 {
        writeln!(text, "{{\"id\": {id}, \"filler\": \"{}\"}}", "x".repeat(40)).unwrap();
    }
    text.extend_from_slice(b"{\"id\": 200000, \"surprise\": true}\n");
    std::fs::write(folder.path().join("log.jsonl"), text).unwrap();
    let rejected: Vec<_> = items(folder.path(), "log", &["id"])
        .await
        .into_iter()
        .filter_map(|item| if let Ok(Item::Rejected(row)) = item { Some(row) } else { None })
        .collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (rejected[0].position.as_str(), rejected[0].code.as_str()),
        ("line 200001 of log.jsonl", "unknown_field")
    );
}

#[tokio::test]
async fn a_target_name_cannot_leave_the_folder() {
    let folder = Folder::new("parquet", "");
    let destination = folder.destination().unwrap();
    for name in ["../evil", "a/b", "", ".hidden", "_towpath_x"] {
        let target = TargetName { namespace: None, name: name.to_owned() };
        assert_eq!(destination.describe(&target).await.unwrap_err().kind, ErrorKind::Config, "{name}");
    }
}

//! The ShopFlow sample: a small shop to try Towpath on. The same seed makes the same rows, on every machine and in every
//! version: names in many scripts, NULLs, exact prices, rows changed long after they were made, and some thousand that
//! were all changed at the same moment.

mod dice;
mod names;
mod shop;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// The shop's own database, SQLite.
    pub shop: PathBuf,
    /// An empty warehouse, DuckDB.
    pub warehouse: PathBuf,
    /// An empty folder for Parquet files.
    pub lake: PathBuf,
    /// Rows of each table, in the order in which they were made.
    pub rows: Vec<(&'static str, u64)>,
}

/// Why the sample was not made.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("The folder `{}` cannot be made.", folder.display())]
    Folder { folder: PathBuf, source: std::io::Error },
    /// Nothing is overwritten.
    #[error("`{}` is already there.", path.display())]
    Exists { path: PathBuf },
    #[error("The sample shop cannot be written.")]
    Shop(#[from] rusqlite::Error),
    #[error("The sample warehouse cannot be made.")]
    Warehouse(#[from] duckdb::Error),
}

/// Makes `shop.db`, `warehouse.duckdb` and `lake/` in `folder`; `progress` is told of each table and its rows so far.
/// The shop is written beside its place and moved there when it is whole: a broken-off attempt leaves no half shop.
pub fn generate(folder: &Path, seed: u64, mut progress: impl FnMut(&str, u64)) -> Result<Shop, SampleError> {
    let (shop, warehouse, lake) = (folder.join("shop.db"), folder.join("warehouse.duckdb"), folder.join("lake"));
    for path in [&shop, &warehouse] {
        if path.exists() {
            return Err(SampleError::Exists { path: path.clone() });
        }
    }
    std::fs::create_dir_all(&lake).map_err(|source| SampleError::Folder { folder: lake.clone(), source })?;
    let unfinished = folder.join("shop.db.part");
    let in_folder = |source| SampleError::Folder { folder: folder.to_owned(), source };
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(in_folder)?;
    }
    let rows = {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = Connection::open_with_flags(&unfinished, flags)?;
        // Nobody else has the file, and it counts only when it is whole.
        connection.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "off")?;
        let rows = shop::fill(&mut connection, seed, &mut progress)?;
        // From here on people read and write it at the same time.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))?;
        rows
    };
    std::fs::rename(&unfinished, &shop).map_err(in_folder)?;
    drop(duckdb::Connection::open(&warehouse)?);
    Ok(Shop { shop, warehouse, lake, rows })
}

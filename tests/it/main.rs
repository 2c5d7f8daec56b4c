//! One binary for all tests that need more than a function: real servers, the real router, the real process.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod evals;
mod duckdb;
mod files;
mod http;
mod planning;
mod postgres;
mod sample;
mod server;
mod sqlite;
mod tidy;

//! One binary for all tests that need more than a function: real servers, the real router, the real process.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod agent;
mod cli;
mod copying;
mod duckdb;
mod evals;
mod faults;
mod files;
mod http;
mod kill;
mod mysql;
mod objects;
mod planning;
mod postgres;
mod runner;
mod sample;
mod schedule;
mod server;
mod sqlite;
mod store;
mod systems;
mod tidy;
mod trace;
mod type_table;
mod web;
mod yard;

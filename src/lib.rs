//! Towpath moves data that people ask for in words: a request becomes a draft, a draft a validated plan, a validated plan
//! a confirmed one, and only a confirmed plan runs. The modules stand in the order in which a request meets them.

// The flow. Not sorted: the order says something.
pub mod agent;
pub mod catalog;
pub mod cli;
pub mod connectors;
pub mod events;
pub mod http;
pub mod plan;
pub mod runner;
pub mod schedule;
pub mod store;
pub mod talk;

// Composition.
pub mod app;
pub mod config;
pub mod eval;
pub mod sample;
pub mod workspace;

// Leaves.
pub mod clock;
pub mod ids;
pub mod net;
pub mod secrets;
pub mod tasks;
pub mod telemetry;

//! A turn of the talk: a mind and its tools, and the guards around them.

mod arguments;
pub mod builtin;
pub mod consent;
pub mod diagnose;
pub mod guard;
pub mod model;
pub mod openai;
pub mod prompt;
pub mod registry;
pub mod tool;
pub mod tools;
pub mod transcript;
mod turn;

pub use registry::Registry;
pub use turn::{Agent, Limits, Offer, Said, TurnError, TurnSummary};

//! Turns and talks on a real store with real connectors; only the mind follows a script.

mod doubts;
mod endings;
mod guards;
pub(crate) mod house;
mod openai;
mod redteam;
mod talks;
mod turns;

//! Turns and talks on a real store with real connectors; only the mind follows a script.

mod doubts;
mod endings;
mod guards;
mod house;
mod openai;
mod talks;
mod turns;

//! The embedded planner.

mod condition;
mod draft;
mod fold;
mod knowledge;
mod lexicon;
mod link;
mod reading;
mod schedule;
mod token;
mod transcript;
mod treatment;

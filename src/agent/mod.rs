//! A turn of the talk: a mind and its tools, and the guards around them.

pub mod builtin;
pub mod consent;
pub mod diagnose;
pub mod guard;
pub mod model;
pub mod tool;

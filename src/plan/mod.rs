//! From a draft that anyone wrote to a plan that a person confirmed.

pub mod resolution;
pub mod spec;

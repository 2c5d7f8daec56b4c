//! Plans against two systems that answer from memory, on a real store.

mod offers;
mod problems;
mod shapes;
mod views;
pub(crate) mod world;

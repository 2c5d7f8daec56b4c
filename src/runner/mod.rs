//! Carries confirmed plans out.

mod analysis;
mod backoff;
mod boundary;
mod canonical;
mod cast;
mod checkpoint;
mod checksum;
mod drift;
mod execution;
mod failure;
mod journal;
pub mod keys;
mod keyset;
mod mapper;
mod mask;
mod moment;
mod progress;
pub mod receipt;
mod row_text;
mod stage;
pub mod state;
mod store_journal;
mod sync;
mod verify;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

//! Whole runs in the small world of `fake`.

mod crash;
mod ends;
mod receipts;

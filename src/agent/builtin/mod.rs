//! The embedded planner.

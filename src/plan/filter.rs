//! Row filters as plans write them: a small boolean language that is read into a tree, never pasted.

mod canonical;
mod literal;
mod moment;
mod parse;
mod render;
mod tokens;

pub use canonical::canonical;
pub use moment::at_time;
pub use parse::parse;
pub use render::render;

/// What a filter may consist of, for suggestions.
pub(super) const ALLOWED: &str = "Allowed: = <> < <= > >=, AND OR NOT, IN, BETWEEN, IS [NOT] NULL, [NOT] LIKE, a boolean \
                                  column, `now() - interval '30 days'`, `current_date - 7`.";

#[cfg(test)]
mod tests;

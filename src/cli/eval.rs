//! `towpath eval`
use super::{failure::Failure, terminal::Terminal};
use crate::config::Config;
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct Eval {}
pub(super) async fn run(_: Eval, _: Config, _: &Terminal) -> Result<(), Failure> {
    Ok(())
}

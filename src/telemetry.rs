//! Logs: one line per event on standard error, as text or JSON. Values of rows and secrets have no way in: errors are
//! logged by kind and cause, [`crate::secrets::Secret`] prints as `…`, and drivers' own chatter is kept at warnings.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A `tracing` filter.
    pub filter: String,
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Libraries that would log statements, addresses or bodies if they were asked for more.
const QUIET: &[&str] = &[
    "sqlx",
    "tokio_postgres",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "h2",
    "tungstenite",
    "tower_http",
    "async_openai",
];

/// Sets up logging for this process. A second call does nothing.
pub fn start(config: &LogConfig) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && config.format == LogFormat::Text)
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    // An error means that logging is already set up, which is what is wanted.
    let _ = match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

fn filter(given: &str) -> EnvFilter {
    QUIET.iter().filter(|name| !given.contains(*name)).fold(EnvFilter::new(given), |filter, name| {
        match format!("{name}=warn").parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        }
    })
}

/// An error's causes as one line, for a log.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_quiet_unless_named() {
        assert!(filter("debug").to_string().contains("sqlx=warn"));
        assert!(!filter("info,sqlx=debug").to_string().contains("sqlx=warn"));
    }
}

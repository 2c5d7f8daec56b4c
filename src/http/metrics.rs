//! Counters in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::error::Answer;
use crate::store;

/// What this process has counted since it began.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Answers by first digit of their status, from 1 to 5.
    answers: [AtomicU64; 5],
    live_clients: AtomicI64,
    slow_clients: AtomicU64,
}

impl Metrics {
    pub(crate) fn answered(&self, status: StatusCode) {
        if let Some(counter) = self.answers.get(usize::from(status.as_u16() / 100).wrapping_sub(1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A client began to listen; it is counted until the value is dropped.
    pub(crate) fn listening(self: &std::sync::Arc<Self>) -> Listening {
        self.live_clients.fetch_add(1, Ordering::Relaxed);
        Listening(std::sync::Arc::clone(self))
    }

    /// A client was dropped because it did not keep up.
    pub(crate) fn dropped(&self) {
        self.slow_clients.fetch_add(1, Ordering::Relaxed);
    }
}

/// One client that listens.
#[derive(Debug)]
pub(crate) struct Listening(std::sync::Arc<Metrics>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.live_clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// GET /metrics
pub(crate) async fn show(State(api): State<Api>) -> Answer<Response> {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, values: &[(String, String)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let metrics = &api.metrics;
    let plain = |value: String| vec![(String::new(), value)];
    let answers: Vec<_> = (1..)
        .zip(&metrics.answers)
        .map(|(digit, counter)| (format!("{{status=\"{digit}xx\"}}"), counter.load(Ordering::Relaxed).to_string()))
        .collect();
    family("towpath_http_answers_total", "counter", "Answers by class of status.", &answers);
    family(
        "towpath_live_clients",
        "gauge",
        "Clients that listen to events.",
        &plain(metrics.live_clients.load(Ordering::Relaxed).to_string()),
    );
    family(
        "towpath_slow_clients_total",
        "counter",
        "Clients dropped because they did not keep up.",
        &plain(metrics.slow_clients.load(Ordering::Relaxed).to_string()),
    );
    family("towpath_tasks", "gauge", "Background tasks that run.", &plain(api.app.tasks.running().to_string()));
    let workspace = &api.app.workspace;
    let phases = store::runs::count_by_phase(workspace.store.pool(), &workspace.id.0).await?;
    let phases: Vec<_> =
        phases.into_iter().map(|(phase, runs)| (format!("{{phase=\"{phase}\"}}"), runs.to_string())).collect();
    family("towpath_runs", "gauge", "Runs in the store by phase.", &phases);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

//! The way in over HTTP: REST, WebSocket and server-sent events, the page, and the API's own description.

pub mod access;
mod audit;
pub(crate) mod connections;
pub(crate) mod connectors;
mod conversations;
pub mod error;
pub mod extract;
mod guard;
mod health;
mod ingestion;
pub(crate) mod keys;
mod limit;
pub mod live;
mod metrics;
pub mod openapi;
mod page;
pub mod pipelines;
pub mod plans;
mod quarantine;
pub mod route;
pub mod runs;
mod runtimes;
pub mod serve;
mod session;
mod trace;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::Extensions;
use axum::middleware;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::config::ServerConfig;
use crate::events::Envelope;
use crate::runner::quarantine::{QuarantineRecord, Replayed};
use crate::runner::record::RunRecord;
use crate::runner::trace::Trace;
use access::Scope::{Admin, Edit, Operate, Read};
use extract::List;
use route::{Route, delete, get, patch, post, put};

/// Every route on one screen: where, who may, what answers, what it is for.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        post("/api/v1/session", None, session::begin, "Sign in with a one-time token or an API key").takes::<session::SignIn>().status(204),
        get("/api/v1/session", Read, session::show, "Who is signed in, and which model answers").gives::<session::SessionView>(),
        delete("/api/v1/session", Read, session::end, "Sign out").status(204),

        get("/api/v1/connectors", Read, connectors::list, "Search the connectors that this server knows").query::<connectors::Search>().gives::<List<connectors::ConnectorView>>(),
        get("/api/v1/connectors/{id}", Read, connectors::show, "One connector").gives::<connectors::ConnectorView>(),

        get("/api/v1/connections", Read, connections::list, "The workspace's connections").gives::<List<connections::ConnectionView>>(),
        post("/api/v1/connections", Edit, connections::add, "Add a connection; secrets are write-only").takes::<connections::Add>().gives::<connections::ConnectionView>().status(201),
        get("/api/v1/connections/{name}", Read, connections::show, "One connection").gives::<connections::ConnectionView>(),
        patch("/api/v1/connections/{name}", Edit, connections::change, "Change a connection").takes::<connections::Change>().gives::<connections::ConnectionView>(),
        delete("/api/v1/connections/{name}", Edit, connections::remove, "Remove a connection that no pipeline uses").status(204),
        post("/api/v1/connections/{name}/check", Operate, connections::check, "Sign in to the system and say how it went").gives::<connections::CheckView>().patient(),
        get("/api/v1/connections/{name}/streams", Operate, connections::streams, "What can be seen in the system").query::<connections::StreamSearch>().gives::<List<connections::StreamItem>>().patient(),
        get("/api/v1/connections/{name}/streams/{stream}", Operate, connections::stream, "One stream with its columns").gives::<connections::StreamDetail>().patient(),

        get("/api/v1/conversations", Read, conversations::list, "Talks, the newest first").gives::<List<conversations::ConversationView>>(),
        post("/api/v1/conversations", Operate, conversations::open, "Begin a talk").takes::<conversations::Title>().gives::<conversations::ConversationView>().status(201),
        get("/api/v1/conversations/{id}", Read, conversations::show, "One talk").gives::<conversations::ConversationView>(),
        patch("/api/v1/conversations/{id}", Operate, conversations::rename, "Give a talk another title").takes::<conversations::Title>().gives::<conversations::ConversationView>(),
        delete("/api/v1/conversations/{id}", Operate, conversations::remove, "Forget a talk").status(204),
        get("/api/v1/conversations/{id}/events", Read, conversations::events, "Events after a number").query::<live::After>().gives::<List<Envelope>>(),
        post("/api/v1/conversations/{id}/messages", Operate, conversations::say, "Say something; with `Accept: text/event-stream` the turn is answered as it happens").takes::<conversations::Say>().gives::<conversations::Turn>().patient(),
        get("/api/v1/conversations/{id}/stream", Read, conversations::stream, "Events after a number, then live").query::<live::After>().media("text/event-stream").patient(),
        get("/api/v1/conversations/{id}/ws", Read, conversations::socket, "The talk as a WebSocket: events out; say, confirm, dismiss, cancel_turn in").query::<live::After>().status(101).patient(),

        post("/api/v1/plans", Operate, plans::propose, "Check a plan against the live systems and keep it for a person to confirm").takes::<plans::Draft>().gives::<plans::Proposed>().patient(),
        post("/api/v1/plans/validate", Operate, plans::validate, "Check a plan and keep nothing").takes::<plans::Draft>().gives::<plans::Verdict>().patient(),
        get("/api/v1/plans/schema", Read, plans::schema, "The JSON Schema of plans").media("application/schema+json"),
        get("/api/v1/plans/{id}", Read, plans::show, "One plan, as JSON and YAML").gives::<plans::PlanDetail>(),
        post("/api/v1/plans/{id}/confirm", Edit, plans::confirm, "Confirm a plan by the digest of what was shown").takes::<plans::Confirm>().gives::<plans::Confirmed>().patient(),
        post("/api/v1/plans/{id}/dismiss", Edit, plans::dismiss, "Turn a plan down").status(204),

        get("/api/v1/pipelines", Read, pipelines::list, "Pipelines with their last run").gives::<List<pipelines::PipelineView>>(),
        get("/api/v1/pipelines/export", Read, pipelines::export_all, "Every pipeline as plans to import elsewhere").gives::<pipelines::Export>(),
        post("/api/v1/pipelines/import", Edit, pipelines::import, "Propose exported pipelines here; each wants a confirmation").takes::<pipelines::Import>().gives::<pipelines::Imported>().patient(),
        get("/api/v1/pipelines/{id}", Read, pipelines::show, "One pipeline").gives::<pipelines::PipelineView>(),
        patch("/api/v1/pipelines/{id}", Edit, pipelines::rename, "Give a pipeline another name").takes::<pipelines::Rename>().gives::<pipelines::PipelineView>(),
        delete("/api/v1/pipelines/{id}", Edit, pipelines::remove, "Delete a pipeline; what it has written stays").status(204),
        post("/api/v1/pipelines/{id}/run", Operate, pipelines::run, "Run now, by the plan that was confirmed").gives::<pipelines::Started>().status(202),
        put("/api/v1/pipelines/{id}/schedule", Edit, pipelines::set_schedule, "Set or take away the schedule").takes::<pipelines::SetSchedule>().gives::<pipelines::PipelineView>(),
        post("/api/v1/pipelines/{id}/pause", Operate, pipelines::pause, "Let the schedule rest").gives::<pipelines::PipelineView>(),
        post("/api/v1/pipelines/{id}/resume", Operate, pipelines::resume, "Let the schedule go on").gives::<pipelines::PipelineView>(),
        get("/api/v1/pipelines/{id}/export", Read, pipelines::export, "One pipeline as a plan to import elsewhere").gives::<pipelines::Export>(),

        get("/api/v1/runs", Read, runs::list, "Runs, the newest first").query::<runs::Search>().gives::<List<RunRecord>>(),
        get("/api/v1/runs/{id}", Read, runs::show, "One run").gives::<RunRecord>(),
        get("/api/v1/runs/{id}/logs", Read, runs::logs, "A run's log").query::<runs::LogSearch>().gives::<List<runs::LogLine>>(),
        get("/api/v1/runs/{id}/receipt", Read, runs::receipt, "The proof that a run left").media("application/json"),
        post("/api/v1/runs/{id}/cancel", Operate, runs::cancel, "Stop a run at its next checkpoint").gives::<RunRecord>().status(202),
        get("/api/v1/runs/{id}/stream", Read, runs::stream, "A run's events after a number, then live").query::<live::After>().media("text/event-stream").patient(),
        get("/api/v1/runs/{id}/ws", Read, runs::socket, "A run's events as a WebSocket").query::<live::After>().status(101).patient(),

        post("/api/v1/runs/{id}/trace", Read, trace::find, "Where one row is").takes::<trace::Wanted>().gives::<Trace>().patient(),
        get("/api/v1/quarantine", Read, quarantine::list, "Rows that could not be written").query::<quarantine::Search>().gives::<List<QuarantineRecord>>(),
        post("/api/v1/quarantine/replay", Operate, quarantine::replay_run, "Try every kept row of a run again").takes::<quarantine::OfRun>().gives::<Replayed>().patient(),
        post("/api/v1/quarantine/{id}/replay", Operate, quarantine::replay_row, "Try one kept row again").gives::<Replayed>().patient(),

        get("/api/v1/runtimes", Read, runtimes::list, "Where connectors run").gives::<List<runtimes::RuntimeView>>(),
        post("/api/v1/runtimes/{name}/check", Operate, runtimes::check, "Whether a runtime can work").gives::<runtimes::RuntimeView>(),

        get("/api/v1/keys", Admin, keys::list, "API keys, without the keys").gives::<List<keys::KeyView>>(),
        post("/api/v1/keys", Admin, keys::create, "Make an API key; it is shown this once").takes::<keys::NewKey>().gives::<keys::CreatedKey>().status(201),
        delete("/api/v1/keys/{id}", Admin, keys::revoke, "Revoke an API key for good").status(204),
        get("/api/v1/audit", Admin, audit::list, "Who did what, the newest first").query::<audit::Search>().gives::<List<audit::AuditEntry>>(),

        post("/api/data-ingestion/start", Edit, ingestion::start, "Plan, confirm and run one table in one call; by an API key, this is the person's confirmation").takes::<ingestion::Start>().gives::<ingestion::StartedJob>().status(202).patient(),
        get("/api/data-ingestion/status/{job_id}", Read, ingestion::status, "How far a job has come").gives::<ingestion::JobStatus>(),

        get("/api/v1/openapi.json", None, openapi::document, "This description").media("application/json"),
        get("/api/docs", None, openapi::docs, "A page to try the API").status(308),
        get("/api/docs/", None, openapi::docs_index, "A page to try the API").media("text/html"),
        get("/api/docs/{*file}", None, openapi::docs_file, "Files of that page").media("text/html"),
        get("/healthz", None, health::alive, "The process is up").gives::<health::Health>(),
        get("/readyz", None, health::ready, "The store answers").gives::<health::Health>(),
        get("/metrics", Read, metrics::show, "Counters for Prometheus").media("text/plain"),
    ]
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub app: App,
    rate: limit::Rates,
    metrics: Arc<metrics::Metrics>,
    hosts: guard::Hosts,
    /// The server itself speaks TLS.
    secure: bool,
    session_ttl: Duration,
    request_timeout: Duration,
    description: Arc<str>,
    /// Cancelled when the server shuts down: streams end, sockets say goodbye.
    closing: CancellationToken,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

/// The server's router, for a server that listens at this address.
pub fn router(app: App, config: &ServerConfig, listening: SocketAddr, closing: CancellationToken) -> Router {
    let routes = routes();
    let api = Api {
        rate: limit::Rates::new(app.workspace.clock.clone(), config.rate_per_minute, config.rate_burst),
        metrics: Arc::default(),
        hosts: guard::Hosts::new(config, listening),
        secure: config.tls.is_some(),
        session_ttl: config.session_ttl,
        request_timeout: config.request_timeout,
        description: openapi::describe(&routes).to_json().unwrap_or_default().into(),
        closing,
        app,
    };
    routes
        .into_iter()
        .fold(Router::new(), |router, route| route.mount(router, &api))
        .method_not_allowed_fallback(page::wrong_method)
        .fallback(page::serve)
        .layer(DefaultBodyLimit::max(config.max_body))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(api.clone(), guard::origin))
        .layer(middleware::from_fn_with_state(api.clone(), guard::observe))
        .with_state(api)
}

/// The address that a request came from.
fn peer(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}

//! What every request passes before it is looked at: is it meant for this server (Host), does it come from this server's
//! own page where a page sent it (Origin), and what a browser may do with the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use super::Api;
use super::error::ApiError;
use crate::config::ServerConfig;

/// Scripts, styles and connections from this server alone; nobody may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The host names that this server answers to. A page elsewhere whose name is made to point here (DNS rebinding) sends
/// that name, and is refused.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    names: Arc<[String]>,
}

impl Hosts {
    pub(crate) fn new(config: &ServerConfig, listening: SocketAddr) -> Self {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].into_iter().map(ToOwned::to_owned).collect();
        if !listening.ip().is_unspecified() {
            names.push(match listening {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            });
        }
        names.extend(config.allowed_hosts.iter().cloned());
        Self { names: names.into() }
    }

    fn knows(&self, authority: &Authority) -> bool {
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        authority.as_str().find('@').is_none() && self.names.contains(&host)
    }
}

/// Refuses requests that are not for this server, and those that another site's page sent.
pub(crate) async fn origin(State(api): State<Api>, request: Request, next: Next) -> Result<Response, ApiError> {
    let host = authority(&request)?;
    if !api.hosts.knows(&host) {
        return Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "bad_host",
            "This server does not go by the name that the request gives it.",
        )
        .suggest("Use the address that the server printed, or add the name to `TOWPATH_ALLOWED_HOSTS`."));
    }
    let headers = request.headers();
    let upgrade = headers.get(header::UPGRADE).is_some();
    let foreign = match headers.get(header::ORIGIN) {
        Some(origin) => !same_origin(origin, &host),
        // Browsers name the origin of every WebSocket; one that comes with a cookie and without an origin is no browser's.
        None if upgrade && super::access::cookie(headers).is_some() => true,
        None => says_cross_site(headers) && !is_navigation(&request),
    };
    if foreign {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "bad_origin", "A page of another site sent this request."));
    }
    Ok(next.run(request).await)
}

fn authority(request: &Request) -> Result<Authority, ApiError> {
    // A request to a proxy carries it in the address, any other in its header.
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.clone());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()).and_then(|host| host.parse().ok()), hosts.next()) {
        (Some(host), None) => Ok(host),
        _ => Err(ApiError::bad_request("The request does not say which host it is for.")),
    }
}

/// Whether a page of this very server sent the request: same host, same port. The scheme may differ where a proxy in front
/// speaks HTTPS.
fn same_origin(origin: &HeaderValue, host: &Authority) -> bool {
    let Some((scheme, rest)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let Ok(origin) = rest.parse::<Authority>() else { return false };
    origin.host().eq_ignore_ascii_case(host.host())
        && origin.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
}

fn says_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// Following a link from elsewhere to the page is fine.
fn is_navigation(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
}

/// Gives each request an id, a span and a line in the log; gives each answer its headers.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().simple().to_string();
    let method = request.method().clone();
    // The path alone: what stands after `?` may be a sign-in token.
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", id, %method, path, actor = tracing::field::Empty);
    let started = api.app.workspace.clock.now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let milliseconds = (api.app.workspace.clock.now() - started).num_milliseconds();
    api.metrics.answered(status);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), milliseconds, "answered"));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api.secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if path.starts_with("/api/") && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Ends a request that takes too long. Streams begin within the time and then last.
pub(crate) async fn timeout(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timed_out", "The answer took too long.")
            .suggest("Check whether the system behind it answers, or ask for less.")
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(origin: &str, host: &str) -> bool {
        same_origin(&HeaderValue::from_str(origin).unwrap(), &host.parse().unwrap())
    }

    #[test]
    fn only_the_same_host_and_port_is_the_same_origin() {
        assert!(same("http://127.0.0.1:8377", "127.0.0.1:8377"));
        assert!(same("http://LOCALHOST:8377", "localhost:8377"));
        assert!(same("https://towpath.example", "towpath.example"));
        assert!(same("https://towpath.example:443", "towpath.example"));
        for origin in [
            "null",
            "http://127.0.0.1:3000",
            "http://localhost:8377",
            "http://127.0.0.1:8377.evil.example",
            "http://evil.example",
            "file://",
        ] {
            assert!(!same(origin, "127.0.0.1:8377"), "{origin}");
        }
    }

    #[test]
    fn names_that_were_not_given_are_not_known() {
        let config = crate::config::Config::read(
            &crate::config::Environment::from([("TOWPATH_ALLOWED_HOSTS", "towpath.example"), ("HOME", "/")]),
            None,
        )
        .unwrap();
        let hosts = Hosts::new(&config.server, "10.1.2.3:80".parse().unwrap());
        for host in ["localhost:1", "127.0.0.1", "[::1]:8377", "10.1.2.3", "Towpath.Example:443", "towpath.example."] {
            assert!(hosts.knows(&host.parse().unwrap()), "{host}");
        }
        for host in ["evil.example", "127.0.0.2", "localhost.evil.example", "a@localhost", "0.0.0.0"] {
            assert!(!hosts.knows(&host.parse().unwrap()), "{host}");
        }
    }
}

//! Asking a web server: again when it fails or wants less, elsewhere when it says so, and with the credential at its own host
//! alone.

use std::ops::Range;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, IF_MATCH, LOCATION, RANGE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::file::Facts;
use crate::connectors::{ConnectorError, ErrorKind};
use crate::net;
use crate::secrets::Secret;

/// Attempts at one request.
pub(super) const TRIES: u32 = 5;
/// Other places that one request is sent on to.
const REDIRECTS: usize = 5;
/// Silence after which an answer is given up.
const SILENCE: Duration = Duration::from_mins(1);
/// The longest that a server's wish to wait is granted.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked for.
pub(super) struct Ask {
    pub(super) head: bool,
    pub(super) range: Option<Range<u64>>,
    pub(super) if_match: Option<String>,
}

/// How servers are asked.
pub(super) struct Door {
    client: reqwest::Client,
    bearer: Option<Secret>,
    basic: Option<(String, Secret)>,
}

impl Door {
    pub(super) fn new(bearer: Option<Secret>, basic: Option<(String, Secret)>) -> Result<Self, ConnectorError> {
        let client = net::client(SILENCE)
            .map_err(|error| ConnectorError::new(ErrorKind::Bug, "The HTTP client cannot be made.").because(error))?;
        Ok(Self { client, bearer, basic })
    }

    /// What the server says of a file.
    pub(super) async fn facts(&self, url: &Url) -> Result<Facts, ConnectorError> {
        let shown = shown(url);
        let head = self.ask(url, &Ask { head: true, range: None, if_match: None }).await?;
        if head.status().is_success() {
            return Ok(Facts::of(url, shown, head.status(), head.headers()));
        }
        // Some servers do not know `HEAD`, and addresses that are signed for reading refuse it.
        let first = self.ask(url, &Ask { head: false, range: Some(0..1), if_match: None }).await?;
        if first.status().is_success() {
            return Ok(Facts::of(url, shown, first.status(), first.headers()));
        }
        if first.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(Facts::of(url, shown, StatusCode::OK, &HeaderMap::new()));
        }
        Err(self.refused(&shown, first.status()))
    }

    /// Sends a request until it is answered for good. Answers that refuse are answers.
    pub(super) async fn ask(&self, url: &Url, ask: &Ask) -> Result<Response, ConnectorError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self.follow(url, ask).await;
            let wait = match &answer {
                Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS || answer.status().is_server_error() => {
                    let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
                    after.map(Duration::from_secs)
                }
                Err(error) if error.kind.is_transient() => None,
                _ => return answer,
            };
            if tries == TRIES || wait.is_some_and(|wait| wait > PATIENCE) {
                return answer;
            }
            self.pause(tries, wait).await;
        }
    }

    /// Waits before another attempt: as long as the server wishes, or longer each time.
    pub(super) async fn pause(&self, tries: u32, wish: Option<Duration>) {
        let own = Duration::from_millis(200).saturating_mul(2_u32.saturating_pow(tries));
        tokio::time::sleep(wish.unwrap_or(own).min(PATIENCE)).await;
    }

    async fn follow(&self, start: &Url, ask: &Ask) -> Result<Response, ConnectorError> {
        let mut url = start.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.send(&url, url.origin() == start.origin(), ask).await?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let next = answer.headers().get(LOCATION).and_then(|next| url.join(next.to_str().ok()?).ok());
            // Nothing that was asked for over TLS is fetched without it.
            let next = next.filter(|next| next.scheme() == "https" || next.scheme() == start.scheme());
            url = next.filter(|next| matches!(next.scheme(), "http" | "https")).ok_or_else(|| {
                let message = format!("The server sends `{}` on to an address that cannot be followed.", shown(start));
                ConnectorError::new(ErrorKind::Config, message)
            })?;
        }
        Err(ConnectorError::new(ErrorKind::Config, format!("The server sends `{}` on and on.", shown(start))))
    }

    async fn send(&self, url: &Url, at_home: bool, ask: &Ask) -> Result<Response, ConnectorError> {
        let method = if ask.head { Method::HEAD } else { Method::GET };
        let mut request = self.client.request(method, url.clone()).header(ACCEPT_ENCODING, "identity");
        if at_home {
            request = match (&self.bearer, &self.basic) {
                (Some(token), _) => request.bearer_auth(token.expose()),
                (None, Some((user, password))) => request.basic_auth(user, Some(password.expose())),
                (None, None) => request,
            };
        }
        if let Some(range) = &ask.range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        if let Some(tag) = &ask.if_match {
            request = request.header(IF_MATCH, tag);
        }
        request.send().await.map_err(|error| {
            // The error's text holds the address with its query.
            let message = format!("The server of `{}` does not answer.", shown(url));
            ConnectorError::new(ErrorKind::Unreachable, message).because(error.without_url())
        })
    }

    /// What a refusal means.
    pub(super) fn refused(&self, shown: &str, status: StatusCode) -> ConnectorError {
        let error = |kind, message: String| ConnectorError::new(kind, message);
        match status.as_u16() {
            401 | 407 if self.bearer.is_none() && self.basic.is_none() => {
                error(ErrorKind::Auth, format!("The server wants a credential for `{shown}`."))
                    .advise("Give the secret `bearer_token`, or `user` and the secret `password`.")
            }
            401 | 407 => error(ErrorKind::Auth, format!("The server refused the credential for `{shown}`.")),
            403 => error(ErrorKind::Permission, format!("The server does not let this connection read `{shown}`.")),
            404 | 410 => error(ErrorKind::NotFound, format!("`{shown}` is not there."))
                .advise("Check the address, or the range of the pattern."),
            429 => error(ErrorKind::Throttled, format!("The server of `{shown}` asks for fewer requests.")),
            code if code >= 500 => {
                error(ErrorKind::Unreachable, format!("The server of `{shown}` fails (status {code})."))
            }
            code => error(ErrorKind::Config, format!("The server does not give `{shown}` (status {code}).")),
        }
    }
}

/// An address as people are shown it: its query may hold a secret.
fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    bare.to_string()
}

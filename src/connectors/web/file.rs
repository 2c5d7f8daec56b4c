//! One file of a web server, as it was when the server was first asked of it.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED};
use reqwest::{Response, StatusCode};
use url::Url;

use super::answer::{Ask, Door};
use crate::connectors::files::fetch::{Fetch, changed, cut_short, vanished};
use crate::connectors::{ConnectorError, ErrorKind};

/// What a server says of a file.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) url: Url,
    /// Without the query, which may hold a secret.
    pub(super) shown: String,
    pub(super) size: Option<u64>,
    pub(super) ranges: bool,
    /// A tag that changes with every byte.
    etag: Option<String>,
    modified: Option<String>,
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

impl Facts {
    /// From the answer to a `HEAD`, or to a `GET` of the first byte.
    pub(super) fn of(url: &Url, shown: String, status: StatusCode, headers: &HeaderMap) -> Self {
        let partial = status == StatusCode::PARTIAL_CONTENT;
        let size = if partial {
            text(headers, CONTENT_RANGE).and_then(|range| range.rsplit('/').next()?.parse().ok())
        } else {
            text(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok())
        };
        let ranges = partial || text(headers, ACCEPT_RANGES).is_some_and(|unit| unit.eq_ignore_ascii_case("bytes"));
        // A weak tag says that two versions mean the same, not that they are the same.
        let etag = text(headers, ETAG).filter(|tag| !tag.starts_with("W/"));
        let modified = text(headers, LAST_MODIFIED);
        // Pieces of a file that cannot be told from its next version do not fit together for certain.
        let ranges = ranges && (etag.is_some() || modified.is_some());
        Self { url: url.clone(), shown, size, ranges, etag, modified }
    }

    pub(super) fn tag(&self) -> Option<String> {
        self.etag.clone().or_else(|| self.modified.clone())
    }

    /// Whether an answer is of the same file still.
    fn holds(&self, headers: &HeaderMap) -> bool {
        let same = |known: &Option<String>, name| match (known, text(headers, name)) {
            (Some(known), Some(now)) => *known == now,
            _ => true,
        };
        same(&self.etag, ETAG) && same(&self.modified, LAST_MODIFIED)
    }
}

/// A file that is being read.
pub(super) struct WebFile {
    pub(super) door: Arc<Door>,
    pub(super) facts: Facts,
    /// The file's bytes are what they are named: not packed.
    pub(super) plain: bool,
}

impl WebFile {
    async fn ask(&self, range: Option<Range<u64>>) -> Result<Response, ConnectorError> {
        let ask = Ask { head: false, range, if_match: self.facts.etag.clone() };
        let answer = self.door.ask(&self.facts.url, &ask).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(vanished(&self.facts.shown)),
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(changed(&self.facts.shown));
            }
            status if status.is_success() => {}
            status => return Err(self.door.refused(&self.facts.shown, status)),
        }
        if !self.facts.holds(answer.headers()) {
            return Err(changed(&self.facts.shown));
        }
        let packed =
            text(answer.headers(), CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
        if packed && self.plain {
            return Err(ConnectorError::new(
                ErrorKind::Unsupported,
                format!("The server packs `{}` on its way, though it was asked not to.", self.facts.shown),
            )
            .advise("Ask for the file at an address that gives it as it is, or packed and named so (`.gz`)."));
        }
        Ok(answer)
    }

    /// The file in one answer.
    pub(super) fn whole(self) -> impl Stream<Item = Result<Bytes, ConnectorError>> + Send + 'static {
        futures::stream::once(async move {
            let answer = self.ask(None).await?;
            let promised = text(answer.headers(), CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
            if let (Some(promised), Some(size)) = (promised, self.facts.size)
                && promised != size
            {
                return Err(changed(&self.facts.shown));
            }
            // An answer that ends with its connection may have ended early.
            let chunked = answer.headers().contains_key(reqwest::header::TRANSFER_ENCODING);
            if promised.is_none() && !chunked && answer.version() < reqwest::Version::HTTP_2 {
                return Err(ConnectorError::new(
                    ErrorKind::Unsupported,
                    format!(
                        "The server does not say how long `{}` is, so a part could not be told from the whole.",
                        self.facts.shown
                    ),
                ));
            }
            let (mut left, shown) = (promised, self.facts.shown.clone());
            let body = answer.bytes_stream().map(move |piece| match piece {
                Ok(piece) => {
                    left = left.map(|left| left.saturating_sub(piece.len() as u64));
                    Ok(piece)
                }
                Err(error) => Err(broke_off(&shown, left).because(error)),
            });
            Ok(body)
        })
        .try_flatten()
    }
}

fn broke_off(shown: &str, left: Option<u64>) -> ConnectorError {
    match left {
        Some(left) => cut_short(shown, left),
        None => ConnectorError::new(ErrorKind::Unreachable, format!("`{shown}` broke off while it was being read.")),
    }
}

#[async_trait]
impl Fetch for WebFile {
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, ConnectorError> {
        let wanted = range.end - range.start;
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let mut tries = 0;
        loop {
            let answer = self.ask(Some(range.clone())).await?;
            if answer.status() == StatusCode::PARTIAL_CONTENT {
                let told = text(answer.headers(), CONTENT_RANGE);
                let size = self.facts.size.unwrap_or_default();
                if told.as_deref() != Some(format!("bytes {}-{}/{size}", range.start, range.end - 1).as_str()) {
                    return Err(changed(&self.facts.shown));
                }
            } else if self.facts.size != Some(wanted) {
                return Err(ConnectorError::new(
                    ErrorKind::Unsupported,
                    format!("The server says that it gives parts of `{}`, and gives the whole.", self.facts.shown),
                ));
            }
            let missing = match answer.bytes().await {
                Ok(bytes) if bytes.len() as u64 == wanted => return Ok(bytes),
                Ok(bytes) => cut_short(&self.facts.shown, wanted.saturating_sub(bytes.len() as u64)),
                Err(error) => cut_short(&self.facts.shown, wanted).because(error),
            };
            // The connection broke: the same piece is asked for again.
            tries += 1;
            if tries == super::answer::TRIES {
                return Err(missing);
            }
            self.door.pause(tries, None).await;
        }
    }
}

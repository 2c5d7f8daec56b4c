//! The page, built into the program. Paths without a file are the page's own (history API) and get its index.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::ApiError;

#[derive(RustEmbed)]
#[folder = "web-chat/dist"]
#[allow_missing = true]
struct Dist;

/// Shown by a program that was built without its page.
const MISSING: &str = include_str!("missing.html");

/// Everything that is no route.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    if path.starts_with("api/") || path == "api" {
        return ApiError::new(StatusCode::NOT_FOUND, "no_such_route", "There is nothing at this address.")
            .suggest("`/api/docs` lists every route.")
            .into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return wrong_method().await.into_response();
    }
    match Dist::get(&path) {
        Some(file) if !path.is_empty() => answer(&path, &file, request.headers()),
        // A missing file is missing; any other path is one of the page's own.
        _ if path.rsplit('/').next().is_some_and(|name| name.contains('.')) => {
            ApiError::new(StatusCode::NOT_FOUND, "no_such_file", "There is no such file.").into_response()
        }
        _ => match Dist::get("index.html") {
            Some(file) => answer("index.html", &file, request.headers()),
            None => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], MISSING).into_response(),
        },
    }
}

/// A route is there, its method is not.
pub(crate) async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method.")
        .suggest("`/api/docs` lists every route with its methods.")
}

fn answer(path: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    // The builder puts a hash into the names under `assets/`; those files never change.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if asked.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.clone().into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in
        [(header::CONTENT_TYPE, file.metadata.mimetype()), (header::ETAG, tag.as_str()), (header::CACHE_CONTROL, cache)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

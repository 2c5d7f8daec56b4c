//! The API's description, made from the table of routes, and a page to try it that needs no other server.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa::ToSchema as _;
use utoipa::openapi::path::{HttpMethod, PathItem, PathsBuilder};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

use super::Api;
use super::access::COOKIE;
use super::error::{Answer, ApiError, ProblemDocument};
use super::route::Route;
use crate::events::ProblemView;

/// Where the description is.
pub const ADDRESS: &str = "/api/v1/openapi.json";

/// The description of these routes.
pub fn describe(routes: &[Route]) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new()
        .schema_from::<ProblemDocument>()
        .schema_from::<ProblemView>()
        .security_scheme(
            "key",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("An API key. Scopes: read < operate < edit < admin."))
                    .build(),
            ),
        )
        .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))));
    for route in routes {
        let method = match route.method {
            Method::POST => HttpMethod::Post,
            Method::PUT => HttpMethod::Put,
            Method::PATCH => HttpMethod::Patch,
            Method::DELETE => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        paths = paths.path(route.path, PathItem::new(method, route.operation()));
        components = components.schemas_from_iter(route.schemas().iter().cloned());
    }
    debug_assert_eq!(ProblemDocument::name(), "ProblemDocument");
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Towpath")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(include_str!("openapi.md")))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .build(),
        )
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

/// GET /api/v1/openapi.json
pub async fn document(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], api.description.to_string()).into_response()
}

/// GET /api/docs
pub async fn docs() -> Redirect {
    Redirect::permanent("/api/docs/")
}

/// GET /api/docs/
pub async fn docs_index() -> Answer<Response> {
    docs_file(Path(String::new())).await
}

/// GET /api/docs/{file}
pub async fn docs_file(Path(file): Path<String>) -> Answer<Response> {
    let config = Arc::new(utoipa_swagger_ui::Config::new([ADDRESS]).validator_url("none"));
    match utoipa_swagger_ui::serve(&file, config) {
        Ok(Some(found)) if !found.gzpipped => {
            Ok(([(header::CONTENT_TYPE, found.content_type)], found.bytes.into_owned()).into_response())
        }
        Ok(Some(found)) => Ok((
            [(header::CONTENT_TYPE, found.content_type), (header::CONTENT_ENCODING, "gzip".to_owned())],
            found.bytes.into_owned(),
        )
            .into_response()),
        Ok(None) => Err(ApiError::not_found("file", file)),
        Err(error) => Err(ApiError::internal(anyhow::anyhow!(error.to_string()))),
    }
}

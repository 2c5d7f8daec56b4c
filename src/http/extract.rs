//! What handlers take out of a request. A part that cannot be read becomes a problem document that names it.

use std::borrow::Cow;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::error::ApiError;

/// A page of things. `next` is what to pass as `after` for the page that follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    pub items: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

// By hand: the derived name would be `List` for lists of whatever.
impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(Ref::from_schema_name(T::name())))
            .required("items")
            .property("next", ObjectBuilder::new().schema_type(Type::String))
            .into()
    }
}

impl<T> List<T> {
    /// All there is.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// One page of a list that is at hand whole: at most `limit` after the item whose cursor is `after`.
    pub fn page(items: Vec<T>, after: Option<&str>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let start = after.map_or(0, |after| {
            items.iter().position(|item| cursor(item) == after).map_or(items.len(), |position| position + 1)
        });
        let more = items.len().saturating_sub(start) > limit;
        let items: Vec<T> = items.into_iter().skip(start).take(limit).collect();
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

/// How many are asked for: 100 unless said, at most 1000.
pub fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(100).clamp(1, 1000)
}

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refused(rejection)),
        }
    }
}

fn refused(rejection: JsonRejection) -> ApiError {
    match &rejection {
        JsonRejection::JsonSyntaxError(_) => ApiError::bad_request("The body is not valid JSON.").because(rejection),
        JsonRejection::JsonDataError(error) => {
            // The reader's text may quote a value, which may be a secret; names in backticks are the schema's own.
            let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            let named = ["missing field", "unknown field", "unknown variant"]
                .iter()
                .find_map(|start| text.find(start).and_then(|at| text.get(at..)))
                .map(|text| text.split(" at line ").next().unwrap_or(text).to_owned());
            let detail = match named {
                Some(named) => format!("The body does not fit: {named}."),
                None => "The body does not fit: a value has the wrong type.".to_owned(),
            };
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_body", detail)
                .suggest("`/api/v1/openapi.json` has the body of every request.")
        }
        JsonRejection::MissingJsonContentType(_) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body is not marked as JSON.",
        )
        .suggest("Send it with `Content-Type: application/json`."),
        _ if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => ApiError::bad_request("The body cannot be read.").because(rejection),
    }
}

/// The body is over the limit.
pub fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than this server takes.")
        .suggest("Send less, or raise `TOWPATH_MAX_BODY`.")
}

/// What stands after `?`.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection @ QueryRejection::FailedToDeserializeQueryString(_)) => {
                Err(ApiError::bad_request("A parameter after `?` cannot be read.").because(rejection))
            }
            Err(rejection) => Err(ApiError::bad_request("The address cannot be read.").because(rejection)),
        }
    }
}

/// What stands in the path. An identity that cannot be one names nothing.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(rejection @ PathRejection::FailedToDeserializePathParams(_)) => Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "The address names nothing here: an id in it cannot be read.",
            )
            .because(rejection)),
            Err(rejection) => Err(ApiError::internal(rejection)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let all: Vec<u32> = (0..25).collect();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = List::page(all.clone(), after.as_deref(), 10, u32::to_string);
            seen.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert!(List::page(all, Some("gone"), 10, u32::to_string).items.is_empty());
    }
}

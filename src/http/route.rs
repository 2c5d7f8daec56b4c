//! One route: where it is, who may use it, what answers it, and what the API's description says of it.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Required, ResponseBuilder, Schema};
use utoipa::{IntoParams, ToSchema};

use super::access::{self, Scope};
use super::error::ProblemDocument;
use super::{Api, guard};

/// A route of the server. Made by [`get`] and its like, gathered in [`super::routes`].
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    /// Absent: open to everyone.
    pub scope: Option<Scope>,
    handler: MethodRouter<Api>,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<Ref>,
    answer: Option<Ref>,
    media: &'static str,
    status: u16,
    /// Its answer takes as long as it takes: streams, and turns of a talk.
    patient: bool,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

macro_rules! method {
    ($name:ident, $method:ident) => {
        #[doc = concat!("A route for ", stringify!($method), ".")]
        pub fn $name<H, T>(
            path: &'static str,
            scope: impl Into<Option<Scope>>,
            handler: H,
            summary: &'static str,
        ) -> Route
        where
            H: Handler<T, Api>,
            T: 'static,
        {
            Route::new(Method::$method, path, scope.into(), on(MethodFilter::$method, handler), summary)
        }
    };
}
method!(get, GET);
method!(post, POST);
method!(put, PUT);
method!(patch, PATCH);
method!(delete, DELETE);

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        scope: Option<Scope>,
        handler: MethodRouter<Api>,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            scope,
            handler,
            summary,
            parameters: Vec::new(),
            body: None,
            answer: None,
            media: "application/json",
            status: 200,
            patient: false,
            schemas: Vec::new(),
        }
    }

    /// Takes these after `?`.
    pub fn query<P: IntoParams>(mut self) -> Self {
        self.parameters.extend(P::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// Takes this body.
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.body = Some(self.schema::<T>());
        self
    }

    /// Answers with this body.
    pub fn gives<T: ToSchema>(mut self) -> Self {
        self.answer = Some(self.schema::<T>());
        self
    }

    /// Answers with this kind of document instead of JSON.
    pub fn media(mut self, media: &'static str) -> Self {
        self.media = media;
        self
    }

    /// Answers with this status instead of 200.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Is given as long as it takes.
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    fn schema<T: ToSchema>(&mut self) -> Ref {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name())
    }

    /// What is described once and referred to.
    pub fn schemas(&self) -> &[(String, RefOr<Schema>)] {
        &self.schemas
    }

    /// Adds this route, with its scope and its time limit.
    pub fn mount(self, router: Router<Api>, api: &Api) -> Router<Api> {
        let mut handler = self.handler;
        if !self.patient {
            handler = handler.layer(middleware::from_fn_with_state(api.request_timeout, guard::timeout));
        }
        handler = match self.scope {
            Some(scope) => handler.layer(middleware::from_fn_with_state((api.clone(), scope), access::require)),
            None => handler.layer(middleware::from_fn_with_state(api.clone(), access::rate)),
        };
        router.route(self.path, handler)
    }

    /// What the API's description says of it.
    pub fn operation(&self) -> Operation {
        let noun = self.path.trim_start_matches("/api/v1/").trim_start_matches("/api/").split('/').next();
        let mut operation = OperationBuilder::new().tag(noun.unwrap_or("server")).summary(Some(self.summary));
        for name in self.path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = name.trim_end_matches('}');
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(ObjectBuilder::new().schema_type(Type::String))),
            );
        }
        for parameter in &self.parameters {
            operation = operation.parameter(parameter.clone());
        }
        if let Some(body) = &self.body {
            operation = operation.request_body(Some(
                RequestBodyBuilder::new()
                    .required(Some(Required::True))
                    .content("application/json", Content::new(Some(body.clone())))
                    .build(),
            ));
        }
        let mut answer = ResponseBuilder::new().description(self.summary);
        if let Some(body) = &self.answer {
            answer = answer.content(self.media, Content::new(Some(body.clone())));
        } else if self.media != "application/json" {
            answer = answer.content(self.media, Content::new(None::<Ref>));
        }
        let problem = ResponseBuilder::new()
            .description("What was wrong and what to do about it")
            .content("application/problem+json", Content::new(Some(Ref::from_schema_name(ProblemDocument::name()))));
        operation = operation.response(self.status.to_string(), answer.build()).response("default", problem.build());
        if let Some(scope) = self.scope {
            let scopes = [scope.name()];
            operation = operation
                .security(SecurityRequirement::new("key", scopes))
                .security(SecurityRequirement::new("session", scopes));
        }
        operation.build()
    }
}

//! Who asks, and what they may do: API keys, sessions of the page, and the one-time tokens that sessions begin with.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::Api;
use super::error::ApiError;
use super::limit::Rate;
use crate::ids::{Actor, KeyId};
use crate::secrets::Secret;
use crate::store::keys::KeyRow;
use crate::store::sessions::SessionRow;
use crate::store::{self, stamp};
use crate::workspace::Workspace;

/// The cookie of the page's session.
pub const COOKIE: &str = "towpath_session";
/// What every API key begins with.
pub const KEY_PREFIX: &str = "tp_";
/// How long a one-time sign-in token waits to be used.
const TOKEN_MINUTES: i64 = 60;
/// A key's "last used" is written at most this often.
const TOUCH_SECONDS: i64 = 60;

/// What a caller may do; each includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at everything.
    Read,
    /// Start, stop and schedule what was confirmed; talk to the agent.
    Operate,
    /// Confirm plans, change connections and pipelines.
    Edit,
    /// Hand out and revoke keys, read the audit log.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Operate, Self::Edit, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Edit => "edit",
            Self::Admin => "admin",
        }
    }

    /// As stored; `None` for a word that is no scope.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// This scope and those it includes.
    pub fn included(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|scope| *scope <= self).collect()
    }
}

/// Who asks. In the extensions of every request that got past [`require`].
#[derive(Clone, Debug)]
pub struct Caller {
    pub actor: Actor,
    pub scope: Scope,
    pub via: Via,
}

/// How a caller proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The page; the hash names the session.
    Session(String),
    Key(KeyId),
    /// The command line of this machine, which no request comes from.
    Terminal,
}

impl Caller {
    /// Refuses what the caller's scope does not include, for the few requests whose scope depends on their body.
    pub fn must(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scope >= scope { Ok(()) } else { Err(forbidden(scope)) }
    }
}

impl Caller {
    /// Whose bucket a request of this caller is taken from.
    pub(crate) fn rate(&self) -> Rate {
        match &self.via {
            Via::Session(hash) => Rate::Session(hash.clone()),
            Via::Key(id) => Rate::Key(*id),
            Via::Terminal => Rate::Terminal,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthenticated)
    }
}

fn unauthenticated() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "This needs a sign-in or an API key.")
        .suggest("Open the address that the server printed, or run `towpath sign-in` for a new one.")
}

fn forbidden(scope: Scope) -> ApiError {
    let detail = format!("This needs the scope `{}`.", scope.name());
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail).suggest("Use a key that has it: `towpath keys create`.")
}

/// Lets a request through whose caller has the scope, within the rate that callers share out.
pub async fn require(
    State((api, scope)): State<(Api, Scope)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let address = super::peer(request.extensions());
    let Some(caller) = identify(&api, request.headers(), address).await? else { return Err(unauthenticated()) };
    api.rate.take(caller.rate())?;
    caller.must(scope)?;
    tracing::Span::current().record("actor", caller.actor.0.as_str());
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Lets anyone through, within the rate of their address.
pub async fn rate(State(api): State<Api>, request: Request, next: Next) -> Result<Response, ApiError> {
    api.rate.take(Rate::Address(super::peer(request.extensions())))?;
    Ok(next.run(request).await)
}

/// Who a request's credentials belong to. Wrong ones count against their address, and an address that sent too many of
/// them waits before any are looked at.
async fn identify(api: &Api, headers: &HeaderMap, address: IpAddr) -> Result<Option<Caller>, ApiError> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim().to_owned());
    let credential = bearer.clone().or_else(|| cookie(headers));
    let Some(credential) = credential else {
        api.rate.take(Rate::Address(address))?;
        return Ok(None);
    };
    api.rate.peek(&Rate::Address(address))?;
    let caller = match &bearer {
        Some(key) => by_key(&api.app.workspace, key).await?,
        None => by_session(&api.app.workspace, &credential).await?,
    };
    if caller.is_none() {
        api.rate.take(Rate::Address(address))?;
    }
    Ok(caller)
}

/// The session cookie's value.
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

/// The caller that an API key stands for. Keys are looked up by SHA-256: what an attacker can time is the hash of a
/// guess, not the key.
pub async fn by_key(workspace: &Workspace, key: &str) -> Result<Option<Caller>, sqlx::Error> {
    if !key.starts_with(KEY_PREFIX) {
        return Ok(None);
    }
    let store = workspace.store.pool();
    let Some(row) = store::keys::by_hash(store, &workspace.id.0, &hash(key)).await? else { return Ok(None) };
    let (Some(scope), Ok(id)) = (Scope::of(&row.scope), row.id.parse::<KeyId>()) else { return Ok(None) };
    let now = workspace.clock.now();
    let stale = row.last_used_at.as_deref().and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
    if stale.is_none_or(|at| (now - at.to_utc()).num_seconds() >= TOUCH_SECONDS) {
        store::keys::touch(store, &row.id, &stamp(now)).await?;
    }
    Ok(Some(Caller { actor: Actor(format!("key:{}", row.name)), scope, via: Via::Key(id) }))
}

async fn by_session(workspace: &Workspace, cookie: &str) -> Result<Option<Caller>, sqlx::Error> {
    let hash = hash(cookie);
    let now = stamp(workspace.clock.now());
    let row = store::sessions::by_hash(workspace.store.pool(), &workspace.id.0, &hash, &now).await?;
    Ok(row.and_then(|row| {
        Some(Caller { actor: Actor(row.actor), scope: Scope::of(&row.scope)?, via: Via::Session(hash) })
    }))
}

/// Makes an API key; it is shown this once, and only its hash is kept.
pub async fn create_key(workspace: &Workspace, name: &str, scope: Scope) -> Result<(KeyId, Secret), sqlx::Error> {
    let id = KeyId::new();
    let key = format!("{KEY_PREFIX}{}", random());
    let row = KeyRow {
        id: id.to_string(),
        name: name.to_owned(),
        scope: scope.name().to_owned(),
        created_at: stamp(workspace.clock.now()),
        last_used_at: None,
        revoked_at: None,
    };
    store::keys::insert(workspace.store.pool(), &workspace.id.0, &row, &hash(&key)).await?;
    Ok((id, Secret::new(key)))
}

/// Makes a token that signs the operator in once, within the hour.
pub async fn create_token(workspace: &Workspace) -> Result<Secret, sqlx::Error> {
    let token = random();
    let now = workspace.clock.now();
    let expires = now + chrono::Duration::minutes(TOKEN_MINUTES);
    let store = workspace.store.pool();
    store::sessions::sweep(store, &stamp(now)).await?;
    let row = SessionRow {
        actor: "operator".to_owned(),
        scope: store::sessions::TOKEN.to_owned(),
        expires_at: stamp(expires),
    };
    store::sessions::insert(store, &workspace.id.0, &hash(&token), &row, &stamp(now)).await?;
    Ok(Secret::new(token))
}

/// Turns a one-time token, or an API key, into a session. The cookie's value and who it belongs to; `None` when the token is
/// unknown, was used, or is too old.
pub async fn sign_in(
    workspace: &Workspace,
    token: &str,
    ttl: std::time::Duration,
) -> Result<Option<(Secret, Caller)>, sqlx::Error> {
    let now = workspace.clock.now();
    let store = workspace.store.pool();
    let (actor, scope) = if token.starts_with(KEY_PREFIX) {
        match by_key(workspace, token).await? {
            Some(caller) => (caller.actor, caller.scope),
            None => return Ok(None),
        }
    } else {
        match store::sessions::take_token(store, &workspace.id.0, &hash(token), &stamp(now)).await? {
            Some(actor) => (Actor(actor), Scope::Admin),
            None => return Ok(None),
        }
    };
    let cookie = random();
    let hash = hash(&cookie);
    let expires = now + chrono::Duration::from_std(ttl).unwrap_or(chrono::Duration::hours(12));
    let row = SessionRow { actor: actor.0.clone(), scope: scope.name().to_owned(), expires_at: stamp(expires) };
    store::sessions::insert(store, &workspace.id.0, &hash, &row, &stamp(now)).await?;
    Ok(Some((Secret::new(cookie), Caller { actor, scope, via: Via::Session(hash) })))
}

/// 256 random bits as text.
fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_include_those_below_them() {
        assert_eq!(Scope::Edit.included(), [Scope::Read, Scope::Operate, Scope::Edit]);
        assert!(Scope::of("sign_in").is_none());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=1; towpath_session=abc; towpath_session2=x".parse().unwrap());
        assert_eq!(cookie(&headers).as_deref(), Some("abc"));
    }
}

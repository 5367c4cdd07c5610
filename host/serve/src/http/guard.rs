//! Which requests are served at all.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method, Request, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use forebay_api::{Code, Failure, paths};

use super::{Connection, answer::Failed};
use crate::network::{Rules, Scope};

/// Serves a request that may be served.
pub(super) async fn check(
    State(connection): State<Connection>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match may_be_served(connection.rules.as_deref(), &request) {
        Ok(()) => next.run(request).await,
        Err(failure) => Failed::from(failure).into_response(),
    }
}

fn may_be_served(rules: Option<&Rules>, request: &Request<Body>) -> Result<(), Failure> {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) {
        return Err(Failure::new(
            Code::Forbidden,
            "requests of web pages are not served: leave `Origin` out",
        ));
    }
    let Some(rules) = rules else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !rules.hosts.iter().any(|name| name.eq_ignore_ascii_case(host)) {
        let text =
            format!("this server is not {host:?}: use its address, or name it when it is started (--host)");
        return Err(Failure::new(Code::Forbidden, text));
    }
    let path = request.uri().path();
    if [paths::HEALTH, paths::READY].contains(&path) {
        return Ok(());
    }
    match rules.tokens.allows(token(headers), scope(request.method(), path)) {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Failure::new(Code::Forbidden, "this token is for other calls: see the token file"))
        }
        None => Err(Failure::new(Code::Unauthorized, "send a token: `Authorization: Bearer TOKEN`")),
    }
}

fn token(headers: &HeaderMap) -> &[u8] {
    let shown = headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes).unwrap_or_default();
    shown.strip_prefix(b"Bearer ").unwrap_or_default()
}

/// What a token has to allow for a call; `None` where any token does.
fn scope(method: &Method, path: &str) -> Option<Scope> {
    let call = path.rsplit('/').next().unwrap_or_default();
    match call {
        "status" | "metrics" => None,
        "records" if method == Method::POST => Some(Scope::Produce),
        _ => Some(Scope::Consume),
    }
}

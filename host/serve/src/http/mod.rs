//! The API over HTTP: from requests to calls of the service, and back.

mod answer;
mod body;
mod consume;
mod guard;
mod produce;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    middleware,
    response::Response,
    routing::{get, post},
};
use forebay_api::{Code, Failure, StatusAnswer, media, paths};
use tokio::task::spawn_blocking;

use self::answer::{Failed, json, typed};
pub(crate) use self::{answer::too_many_connections, body::Budget};
use crate::{
    network::Rules,
    service::{Consumer, Service},
};

/// What the calls of one connection share.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) service: Service,
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) budget: Budget,
    /// What is asked of requests on a network; `None` on the buffer's own socket.
    pub(crate) rules: Option<Arc<Rules>>,
}

/// All calls.
pub(crate) fn routes(connection: Connection) -> Router {
    Router::new()
        .route(paths::HEALTH, get(health))
        .route(paths::READY, get(ready))
        .route(paths::METRICS, get(metrics))
        .route(paths::STATUS, get(status))
        .route(paths::RECORDS, post(produce::append).get(consume::look))
        .route(paths::PULL, post(consume::pull))
        .route(paths::ACK, post(consume::acknowledge))
        .route(paths::NACK, post(consume::give_back))
        .route(paths::EXTEND, post(consume::extend))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(connection.clone(), guard::check))
        .with_state(connection)
}

async fn health() -> &'static str {
    "alive\n"
}

async fn ready(State(connection): State<Connection>) -> Result<&'static str, Failed> {
    blocking(move || connection.service.is_ready()).await?;
    Ok("ready\n")
}

async fn metrics(State(connection): State<Connection>) -> Result<Response, Failed> {
    let text = blocking(move || connection.service.metrics()).await?;
    Ok(typed(media::METRICS, text))
}

async fn status(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let answer: StatusAnswer = blocking(move || connection.service.status()).await?;
    json(&answer)
}

/// Runs what may wait for the buffer elsewhere: all connections share this thread.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failed> {
    let called = spawn_blocking(call).await;
    Ok(called.unwrap_or_else(|error| Err(Failure::new(Code::Refused, error.to_string())))?)
}

fn must_be_known(buffer: &str) -> Result<(), Failed> {
    if buffer == paths::THE_BUFFER {
        return Ok(());
    }
    let text = format!("there is no buffer {buffer:?} here; the only one is {:?}", paths::THE_BUFFER);
    Err(Failure::new(Code::UnknownBuffer, text).into())
}

async fn not_found() -> Failed {
    let text = format!("there is no such path; the calls are below /v1/buffers/{}/", paths::THE_BUFFER);
    Failure::new(Code::NotFound, text).into()
}

async fn method_not_allowed() -> Failed {
    Failure::new(Code::MethodNotAllowed, "this path takes another method; see docs/openapi.json").into()
}

//! Pulling, acknowledging and looking.

use std::num::NonZeroU32;

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, Request, header},
    response::Response,
};
use forebay::Record;
use forebay_api::{
    AckRequest, BatchRecord, Code, ExtendRequest, Failure, LEASE_MS_MAX, LookQuery, NackRequest, PullAnswer,
    PullRequest,
    framing::{JsonRecord, Shown, batch},
    media,
};

use super::{
    Connection,
    answer::{Failed, json, typed},
    blocking, body, must_be_known,
};
use crate::service::Batch;

pub(super) async fn pull(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
    request: Request<Body>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let is_binary = accepts_batch(request.headers());
    let request: PullRequest = body::object(request, &connection.budget).await?;
    tokio::time::sleep(connection.service.held_off()).await;
    let batch = connection.consumer.pull(&request).await?;
    if is_binary { binary(batch.as_ref()) } else { object(batch.as_ref()) }
}

pub(super) async fn acknowledge(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
    request: Request<Body>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let request: AckRequest = body::object(request, &connection.budget).await?;
    // A client that hangs up must not end it half way: records are out of their leases then, and not acknowledged yet.
    let acknowledged = tokio::spawn(async move { connection.service.acknowledge(request).await });
    let acknowledged = acknowledged.await.map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
    json(&acknowledged?)
}

pub(super) async fn give_back(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
    request: Request<Body>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let request: NackRequest = body::object(request, &connection.budget).await?;
    // The closure has the connection, and so its consumer: what becomes no dead letter goes back into a lease that does not outlive it.
    json(&blocking(move || connection.service.give_back(&request)).await?)
}

pub(super) async fn extend(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
    request: Request<Body>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let request: ExtendRequest = body::object(request, &connection.budget).await?;
    connection.service.extend(&request)?;
    json(&ExtendRequest { lease_ms: request.lease_ms.min(LEASE_MS_MAX), ..request })
}

pub(super) async fn look(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
    query: Result<Query<LookQuery>, QueryRejection>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let Query(query) = query.map_err(|error| Failure::new(Code::BadRequest, error.body_text()))?;
    json(&blocking(move || connection.service.look(&query)).await?)
}

fn accepts_batch(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == media::BATCH.as_bytes())
}

fn shown(record: &Record) -> Shown<'_> {
    let (id, events, metadata) = (record.id().0, record.events(), record.metadata());
    Shown { id, events, metadata, payload: record.payload() }
}

fn object(batch: Option<&Batch>) -> Result<Response, Failed> {
    let Some(batch) = batch else { return json(&PullAnswer::default()) };
    let record = |record: &Record| BatchRecord {
        deliveries: record.deliveries().get(),
        record: JsonRecord::from(shown(record)),
    };
    json(&PullAnswer {
        incarnation: batch.incarnation,
        lease_id: Some(batch.lease.to_string()),
        records: batch.records.iter().map(record).collect(),
    })
}

fn binary(batch: Option<&Batch>) -> Result<Response, Failed> {
    let Some(Batch { incarnation, lease, records }) = batch else {
        return Ok(typed(media::BATCH, Vec::new()));
    };
    let bytes = records.iter().map(|record| record.payload().len() + batch::HEAD_BYTES).sum();
    let mut body = Vec::with_capacity(bytes);
    for record in records {
        let deliveries: NonZeroU32 = record.deliveries();
        batch::append(&mut body, &shown(record), deliveries.get())
            .map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
    }
    let mut response = typed(media::BATCH, body);
    response.headers_mut().insert(media::INCARNATION_HEADER, HeaderValue::from(*incarnation));
    response.headers_mut().insert(media::LEASE_HEADER, HeaderValue::from(*lease));
    Ok(response)
}

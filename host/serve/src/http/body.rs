//! Bodies of requests, within limits: of length, of time, and of the memory of all of them together.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, header},
};
use bytes::Bytes;
use forebay_api::{BODY_BYTES_MAX, Code, Failure};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The longest body that is an object.
const OBJECT_BYTES_MAX: usize = 1 << 20;

/// The most that bodies of all connections hold, in units of memory.
const BUDGET_UNITS: u32 = 24 << 10;
const OBJECT_BUDGET_UNITS: usize = 8 << 10;
const UNIT_BYTES: usize = 1 << 10;

/// The memory for the bodies of all connections. Objects have a share of their own: a full buffer holds on to records until a consumer
/// acknowledges others, and consumers send objects.
#[derive(Clone)]
pub(crate) struct Budget {
    records: Arc<Semaphore>,
    objects: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        let units = usize::try_from(BUDGET_UNITS).unwrap_or(Semaphore::MAX_PERMITS);
        let objects = OBJECT_BUDGET_UNITS;
        Self { records: Arc::new(Semaphore::new(units)), objects: Arc::new(Semaphore::new(objects)) }
    }
}

/// A body, and its share of the memory.
pub(super) struct Received {
    pub(super) bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

/// Reads a body of records.
pub(super) async fn records(request: Request<Body>, budget: &Budget) -> Result<Received, Failure> {
    receive(request, BODY_BYTES_MAX, &budget.records).await
}

/// Reads a body that is an object. An empty one is an object without entries.
pub(super) async fn object<T: DeserializeOwned>(
    request: Request<Body>,
    budget: &Budget,
) -> Result<T, Failure> {
    let body = receive(request, OBJECT_BYTES_MAX, &budget.objects).await?;
    let text: &[u8] = if body.bytes.is_empty() { b"{}" } else { &body.bytes };
    serde_json::from_slice(text).map_err(|error| {
        Failure::new(Code::BadRequest, format!("the body is not the object of this call: {error}"))
    })
}

async fn receive(request: Request<Body>, most: usize, budget: &Arc<Semaphore>) -> Result<Received, Failure> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    // A body in chunks may become as long as any.
    let length = length.and_then(|length| length.parse::<u64>().ok()).map_or(most, saturated);
    if length > most {
        return Err(too_large(most));
    }
    let receive = async {
        let units = u32::try_from(length.div_ceil(UNIT_BYTES)).unwrap_or(BUDGET_UNITS).min(BUDGET_UNITS);
        let share = Arc::clone(budget).acquire_many_owned(units).await;
        let share = share.map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
        let body = Limited::new(request.into_body(), most).collect().await;
        let bytes = body.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => too_large(most),
            None => Failure::new(Code::BadRequest, format!("the body did not come whole: {error}")),
        })?;
        Ok(Received { bytes: bytes.to_bytes(), _share: share })
    };
    let overdue = || Failure::new(Code::RequestTimeout, "the body did not come in time");
    timeout(BODY_TIME, receive).await.unwrap_or_else(|_| Err(overdue()))
}

fn saturated(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

fn too_large(most: usize) -> Failure {
    let text =
        format!("the body is longer than {most} bytes, the most that this call takes: send less at a time");
    Failure::new(Code::BodyTooLarge, text)
}

//! Answers.

use axum::{
    body::Body,
    http::{HeaderValue, Response as HttpResponse, StatusCode, header},
    response::{IntoResponse, Response},
};
use forebay_api::{Code, Failure, media};
use serde::Serialize;

/// When a client that found no room is to come again, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// A call that failed.
pub(super) struct Failed(Failure);

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        let status = StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match json(&failure) {
            Ok(response) => response,
            Err(_) => Response::new(Body::empty()),
        };
        *response.status_mut() = status;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        // The rest of a body that was not read is not worth reading.
        if matches!(failure.code, Code::BodyTooLarge | Code::RequestTimeout) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An object.
pub(super) fn json(object: &impl Serialize) -> Result<Response, Failed> {
    let text = serde_json::to_vec(object).map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
    Ok(typed(media::JSON, text))
}

/// A body of this type.
pub(super) fn typed(media: &'static str, body: impl Into<Body>) -> Response {
    let mut response = HttpResponse::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// What a client hears that finds all connections taken, before it has said anything.
pub(crate) fn too_many_connections() -> Vec<u8> {
    let failure = Failure::new(Code::TooManyConnections, "the server has as many connections as it takes");
    let body = serde_json::to_string(&failure).unwrap_or_default();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {}\r\ncontent-length: {}\r\nretry-after: {RETRY_AFTER_S}\r\n\
         connection: close\r\n\r\n{body}",
        media::JSON,
        body.len()
    )
    .into_bytes()
}

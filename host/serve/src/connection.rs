//! One connection, from its first request to its last answer.

use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::debug;

use crate::{
    http::{Connection, routes},
    stream::{Raw, Stream},
};

/// Limits on the head of a request.
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long a client on the network may take to send the head of a request, the pause before it included.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Serves a connection until its client ends it, or the server ends.
pub(crate) async fn serve_one<S: Raw>(
    calls: Connection,
    stream: Stream<S>,
    mut last: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    let mut http = http1::Builder::new();
    http.max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX).timer(TokioTimer::new());
    // On the buffer's socket a client that has records may be silent for long: its leases end with the connection.
    http.header_read_timeout(calls.rules.is_some().then_some(HEAD_TIME));
    let service = TowerToHyperService::new(routes(calls));
    let mut served = std::pin::pin!(http.serve_connection(TokioIo::new(stream.clone()), service));
    let mut is_last = std::pin::pin!(async { drop(last.wait_for(|is_last| *is_last).await) });
    let served = tokio::select! {
        served = served.as_mut() => served,
        () = is_last.as_mut() => {
            served.as_mut().graceful_shutdown();
            if let Err(error) = served.await {
                debug!(%error, "a connection has ended");
            }
            return;
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection has ended");
    }
    tokio::select! {
        () = stream.linger() => {}
        () = is_last => {}
    }
    drop(place);
}

//! A connection to the process that owns a buffer.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use forebay_api::{
    AckAnswer, AckRequest, AppendQuery, Code, ExtendRequest, Failure, NackRequest, Owner, Placed,
    PullRequest, ReleaseAnswer, StatusAnswer,
    framing::batch::{self, Delivered},
    media, paths,
};
use forebay_serve::SocketError;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;
use tokio::{net::UnixStream, runtime, sync::Notify, time::timeout};

/// Why a call has not done what it was to do.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// There is no owner to connect to.
    #[error(transparent)]
    Connect(#[from] SocketError),
    /// The connection has ended: the owner is gone, or about to go.
    #[error("the connection to the buffer's owner has ended: {0}")]
    Gone(String),
    /// The owner does not answer.
    #[error(
        "process {pid} owns the buffer and does not answer; its state is {state}: let it go on or stop it, and try again"
    )]
    Silent {
        /// Its id.
        pid: u32,
        /// What it is doing.
        state: String,
    },
    /// The owner says no.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// This process was told to stop waiting.
    #[error("the call was given up")]
    GivenUp,
    /// The owner's answer cannot be understood.
    #[error("the answer of the buffer's owner cannot be understood: {0}")]
    Unreadable(String),
}

impl CallError {
    /// Whether another owner may be found soon.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect(error) => matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock
            ),
            Self::Gone(_) => true,
            Self::Refused(failure) => matches!(failure.code, Code::Closing | Code::TooManyConnections),
            Self::Silent { .. } | Self::GivenUp | Self::Unreadable(_) => false,
        }
    }
}

/// Records that the owner has leased to this process.
#[derive(Debug)]
pub(crate) struct RemoteBatch {
    pub(crate) incarnation: u64,
    pub(crate) lease: u64,
    pub(crate) records: Vec<Delivered>,
}

/// A connection. Its leases end when it is dropped.
pub(super) struct Client {
    runtime: runtime::Runtime,
    requests: http1::SendRequest<Full<Bytes>>,
    owner: Owner,
    lost_events: u64,
    answer_time: Duration,
    give_up: Arc<Notify>,
}

impl Client {
    /// Connects to the owner of the buffer in a directory, which may take so long to answer, besides the time that a call itself
    /// allows it. `give_up` ends a call that waits.
    pub(super) fn connect(
        directory: &Path,
        answer_time: Duration,
        give_up: Arc<Notify>,
    ) -> Result<Self, CallError> {
        let stream = forebay_serve::connect(directory)?;
        let pid =
            rustix::net::sockopt::socket_peercred(&stream).map_or(0, |peer| peer.pid.as_raw_nonzero().get());
        let gone = |error: io::Error| CallError::Gone(error.to_string());
        stream.set_nonblocking(true).map_err(gone)?;
        let runtime =
            runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(gone)?;
        let (requests, connection) = runtime.block_on(async {
            let stream = TokioIo::new(UnixStream::from_std(stream).map_err(gone)?);
            http1::handshake(stream).await.map_err(|error| CallError::Gone(error.to_string()))
        })?;
        // How it ends is seen by the call that is under way.
        runtime.spawn(async move { drop(connection.await) });
        let owner = Owner { pid: u32::try_from(pid).unwrap_or(0), ..Owner::default() };
        let mut client = Self { runtime, requests, owner, lost_events: 0, answer_time, give_up };
        let status = client.status()?;
        client.lost_events = status.buffer.get("lost_events").and_then(Value::as_u64).unwrap_or(0);
        client.owner = status.owner;
        Ok(client)
    }

    /// The process at the other end.
    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// How many events the buffer had lost when this process connected, since its owner opened it.
    pub(super) fn lost_events(&self) -> u64 {
        self.lost_events
    }

    pub(super) fn status(&mut self) -> Result<StatusAnswer, CallError> {
        let answer = self.call(Method::GET, paths::STATUS, media::JSON, Bytes::new(), Duration::ZERO)?;
        parsed(&answer.body)
    }

    /// Appends records, each behind its length.
    /// Appends the records of a body of this type.
    pub(super) fn append(
        &mut self,
        body: Bytes,
        media: &'static str,
        query: &AppendQuery,
    ) -> Result<Placed, CallError> {
        let AppendQuery { durability, wait_ms, metadata } = query;
        let durability = match durability {
            forebay_api::Durability::Written => "written",
            forebay_api::Durability::Synced => "synced",
        };
        let path = format!(
            "{}?durability={durability}&wait_ms={wait_ms}&metadata={metadata}",
            paths::of(paths::RECORDS, paths::THE_BUFFER)
        );
        // How long a sync may take is for the disk to say.
        let wait = Duration::from_millis(*wait_ms).saturating_add(SYNC_TIME);
        let answer = self.call(Method::POST, &path, media, body, wait)?;
        parsed(&answer.body)
    }

    /// The next records; `None` if none came in time.
    pub(super) fn pull(&mut self, request: &PullRequest) -> Result<Option<RemoteBatch>, CallError> {
        let wait = Duration::from_millis(request.wait_ms).saturating_add(self.answer_time);
        let give_up = Arc::clone(&self.give_up);
        let what = (Method::POST, paths::PULL, media::JSON);
        let call = call(&mut self.requests, self.owner.pid, what, object(request)?, wait);
        let answer = self.runtime.block_on(async {
            tokio::select! {
                biased;
                answer = call => answer,
                () = give_up.notified() => Err(CallError::GivenUp),
            }
        })?;
        let records = batch::parse(answer.body).map_err(|error| CallError::Unreadable(error.to_string()))?;
        Ok((!records.is_empty()).then_some(RemoteBatch {
            incarnation: answer.incarnation,
            lease: answer.lease,
            records,
        }))
    }

    pub(super) fn acknowledge(&mut self, request: &AckRequest) -> Result<AckAnswer, CallError> {
        let answer = self.call(Method::POST, paths::ACK, media::JSON, object(request)?, SYNC_TIME)?;
        parsed(&answer.body)
    }

    /// Gives records of a lease back, or has them set aside.
    pub(super) fn give_back(&mut self, request: &NackRequest) -> Result<ReleaseAnswer, CallError> {
        let answer = self.call(Method::POST, paths::NACK, media::JSON, object(request)?, SYNC_TIME)?;
        parsed(&answer.body)
    }

    /// Makes a lease longer.
    pub(super) fn extend(&mut self, request: &ExtendRequest) -> Result<(), CallError> {
        let extended = self.call(Method::POST, paths::EXTEND, media::JSON, object(request)?, Duration::ZERO);
        extended.map(drop)
    }

    fn call(
        &mut self,
        method: Method,
        path: &str,
        media: &'static str,
        body: Bytes,
        wait: Duration,
    ) -> Result<Answer, CallError> {
        let wait = wait.saturating_add(self.answer_time);
        let call = call(&mut self.requests, self.owner.pid, (method, path, media), body, wait);
        self.runtime.block_on(call)
    }
}

/// Makes a call that the owner may take so long for.
async fn call(
    requests: &mut http1::SendRequest<Full<Bytes>>,
    pid: u32,
    (method, path, media): (Method, &str, &'static str),
    body: Bytes,
    wait: Duration,
) -> Result<Answer, CallError> {
    let request = Request::builder()
        .method(method)
        .uri(paths::of(path, paths::THE_BUFFER))
        .header(header::HOST, "buffer.sock")
        .header(header::CONTENT_TYPE, media)
        .header(header::ACCEPT, media::BATCH)
        .body(Full::new(body))
        .map_err(|error| CallError::Unreadable(error.to_string()))?;
    let gone = |error: hyper::Error| CallError::Gone(error.to_string());
    let answer = async {
        requests.ready().await.map_err(gone)?;
        let response = requests.send_request(request).await.map_err(gone)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(gone)?.to_bytes();
        if !head.status.is_success() {
            return Err(CallError::Refused(parsed(&body)?));
        }
        let number = |name| head.headers.get(name).and_then(|number| number.to_str().ok()?.parse().ok());
        let incarnation = number(media::INCARNATION_HEADER).unwrap_or(0);
        Ok(Answer { body, incarnation, lease: number(media::LEASE_HEADER).unwrap_or(0) })
    };
    let silent = |_| Err(CallError::Silent { pid, state: state(pid) });
    timeout(wait, answer).await.unwrap_or_else(silent)
}

/// What a process is doing, as the kernel says: `sleeping`, `stopped`.
fn state(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.map_or_else(|| "gone".to_owned(), |state| state.trim().to_owned())
}

/// How long the owner's disk may take.
const SYNC_TIME: Duration = Duration::from_mins(1);

struct Answer {
    body: Bytes,
    incarnation: u64,
    lease: u64,
}

fn object(object: &impl Serialize) -> Result<Bytes, CallError> {
    let text = serde_json::to_vec(object).map_err(|error| CallError::Unreadable(error.to_string()))?;
    Ok(text.into())
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| CallError::Unreadable(error.to_string()))
}

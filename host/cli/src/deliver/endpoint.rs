//! Delivery to an HTTP endpoint: a request for each batch.

use std::{
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
};

use super::{
    destination::{Destination, Outcome, Parcel, Urgency},
    headers, retry_after,
};
use crate::{
    args::{DeliveryArgs, OutputFraming},
    print,
};

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next batch. Many servers close one that does nothing for five seconds.
const IDLE_TIME: Duration = Duration::from_secs(4);

/// How much of an answer is shown as a reason, and how much is read at all.
const SHOWN_BYTES: usize = 300;
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub(super) struct Endpoint {
    /// It runs on a thread of its own, so that it sees at once when the endpoint closes a connection.
    runtime: Runtime,
    client: Client,
    url: Url,
    headers: HeaderMap,
    is_zipped: bool,
    interrupted: Arc<Notify>,
    /// When there was an answer last: its connection may be in use again.
    answered: Option<Instant>,
}

impl Endpoint {
    /// Records in this framing to a URL.
    pub(super) fn new(url: &str, args: &DeliveryArgs, framing: OutputFraming) -> anyhow::Result<Self> {
        // What was given may hold a password: it is not shown.
        let url = Url::parse(url).context(
            "--to takes an http:// or https:// URL, such as http://127.0.0.1:8080/in, and was given no URL",
        )?;
        if !matches!(url.scheme(), "http" | "https") {
            anyhow::bail!("--to takes an http:// or https:// URL, and was given one that begins otherwise");
        }
        let headers = headers::of(args, framing)?;
        let mut client = Client::builder();
        if url.scheme() == "http" {
            // A machine without certificates is good enough.
            client = client.tls_certs_only([]);
        }
        let client = client
            .user_agent(concat!("forebay/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME)
            .timeout(args.timeout)
            .pool_idle_timeout(IDLE_TIME)
            // A request that is sent elsewhere may be sent without its body.
            .redirect(Policy::none())
            .build()
            .context("cannot set up an HTTP client")?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_io().enable_time().build()?;
        let (is_zipped, interrupted) = (args.gzip, Arc::default());
        Ok(Self { runtime, client, url, headers, is_zipped, interrupted, answered: None })
    }

    /// Sends a request. One on a connection that the endpoint has closed meanwhile is sent once more: the endpoint has not seen it, or has
    /// died of it.
    async fn request(&self, body: Bytes) -> Result<Answer, Broken> {
        let is_reused = self.answered.is_some_and(|answered| answered.elapsed() < IDLE_TIME);
        // As default headers of the client, those of one name would take each other's place.
        let send = |body| self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        match answer(send(body.clone())).await {
            Err(Broken::Before(error)) if is_reused && !error.is_connect() && !error.is_timeout() => {
                answer(send(body)).await
            }
            answered => answered,
        }
    }
}

impl Destination for Endpoint {
    fn deliver(&mut self, parcel: Parcel) -> Outcome {
        let body = if self.is_zipped { zipped(&parcel.body) } else { Ok(parcel.body) };
        let body = match body {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                let reason = format!("a batch cannot be compressed: {error}");
                return Outcome::Hold { after: None, reason };
            }
        };
        let interrupted = Arc::clone(&self.interrupted);
        let answered = self.runtime.block_on(async {
            tokio::select! {
                biased;
                answered = self.request(body) => Some(answered),
                () = interrupted.notified() => None,
            }
        });
        match answered {
            Some(Ok(answer)) => {
                self.answered = Some(Instant::now());
                of_answer(&answer)
            }
            Some(Err(broken)) => of_broken(broken),
            None => Outcome::Unanswered { after: None, reason: "the request was given up".to_owned() },
        }
    }

    /// An answer of 2xx says that the batch is there, whenever it comes.
    fn interrupter(&self) -> Box<dyn Fn(Urgency) -> bool + Send> {
        let interrupted = Arc::clone(&self.interrupted);
        Box::new(move |urgency| {
            if urgency > Urgency::Interrupt {
                interrupted.notify_one();
            }
            false
        })
    }
}

fn zipped(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(body)?;
    zip.finish()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// Its beginning.
    text: String,
}

/// Why there is no answer.
enum Broken {
    /// Nothing was answered.
    Before(reqwest::Error),
    /// An answer of 2xx broke off: it may come from an endpoint that died.
    Within(reqwest::Error),
}

async fn answer(request: RequestBuilder) -> Result<Answer, Broken> {
    let response = request.send().await.map_err(Broken::Before)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = match shown(response).await {
        Err(error) if status.is_success() => return Err(Broken::Within(error)),
        shown => shown.unwrap_or_default(),
    };
    Ok(Answer { status, headers, text })
}

/// Reads all of an answer, and gives its beginning.
async fn shown(mut response: Response) -> reqwest::Result<String> {
    let (mut text, mut read) = (Vec::new(), 0_usize);
    while let Some(chunk) = response.chunk().await? {
        read = read.saturating_add(chunk.len());
        let room = SHOWN_BYTES.saturating_sub(text.len()).min(chunk.len());
        text.extend_from_slice(chunk.get(..room).unwrap_or_default());
        if read > ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

fn of_answer(answer: &Answer) -> Outcome {
    let Answer { status, headers, text } = answer;
    let mut reason = format!("the endpoint answers {status}");
    if !text.is_empty() {
        reason = format!("{reason}: {}", print::printable(text));
    }
    let after = headers.get(RETRY_AFTER).and_then(|after| retry_after::parse(after.to_str().ok()?));
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        // With a time, it is the endpoint that is short of room.
        413 if after.is_some() => Outcome::Unanswered { after, reason },
        400 | 413 | 415 | 422 => Outcome::Refused { reason },
        // The endpoint is overloaded, or a gateway has not reached it.
        408 | 429 | 502..=504 => Outcome::Unanswered { after, reason },
        500..=599 => Outcome::Failed { after, reason },
        status => Outcome::Hold { after, reason: format!("{reason}; {}", advice(status, headers)) },
    }
}

/// What an operator can do about an answer that has nothing to do with the records.
fn advice(status: u16, headers: &HeaderMap) -> String {
    match status {
        300..=399 => {
            let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
            // Some put a token behind the path.
            let place =
                location.and_then(|location| location.split(['?', '#']).next()).unwrap_or("another URL");
            format!(
                "it redirects to {}, which Forebay does not follow: give --to that URL",
                print::printable(place)
            )
        }
        401 | 403 | 407 => "check the token in --header".to_owned(),
        404 | 405 | 410 => "check the URL, which must take POST".to_owned(),
        _ => "check the URL and the headers".to_owned(),
    }
}

fn of_broken(broken: Broken) -> Outcome {
    match broken {
        Broken::Before(error) => {
            let is_unreachable = error.is_connect();
            let reason = format!("the endpoint does not answer: {}", described(error));
            if is_unreachable {
                Outcome::Hold { after: None, reason }
            } else {
                Outcome::Unanswered { after: None, reason }
            }
        }
        Broken::Within(error) => {
            let reason = format!("the endpoint's answer breaks off: {}", described(error));
            Outcome::Unanswered { after: None, reason }
        }
    }
}

fn described(error: reqwest::Error) -> String {
    // The URL may hold a secret.
    format!("{:#}", anyhow::Error::new(error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        of_answer(&Answer { status, headers: HeaderMap::new(), text: "no".to_owned() })
    }

    /// A wrong token answers each batch with 401: it must not make dead letters of the whole buffer. A bad record must, and an outage not.
    #[test]
    fn each_status_has_its_outcome() {
        for status in [200, 201, 202, 204] {
            assert_eq!(outcome(status), Outcome::Delivered);
        }
        for status in [400, 413, 415, 422] {
            assert!(matches!(outcome(status), Outcome::Refused { .. }), "{status}");
        }
        for status in [500, 501, 505, 599] {
            assert!(matches!(outcome(status), Outcome::Failed { after: None, .. }), "{status}");
        }
        for status in [408, 429, 502, 503, 504] {
            assert!(matches!(outcome(status), Outcome::Unanswered { after: None, .. }), "{status}");
        }
        for status in [301, 307, 401, 403, 404, 405, 410, 451] {
            assert!(matches!(outcome(status), Outcome::Hold { .. }), "{status}");
        }
    }
}

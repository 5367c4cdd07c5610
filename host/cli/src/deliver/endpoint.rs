//! Delivery to an HTTP endpoint: a request for each batch.

use std::{fs, io::Write as _, sync::Arc, time::Duration};

use anyhow::Context as _;
use flate2::{Compression, write::GzEncoder};
use forebay_api::media;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
};

use super::{
    destination::{Destination, Outcome, Parcel},
    retry_after,
};
use crate::{
    args::{DeliveryArgs, OutputFraming},
    print,
};

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How much of an answer is shown as a reason, and how much is read at all.
const SHOWN_BYTES: usize = 300;
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub(super) struct Endpoint {
    runtime: Runtime,
    client: Client,
    url: Url,
    is_zipped: bool,
    interrupted: Arc<Notify>,
}

impl Endpoint {
    /// Records in this framing to a URL.
    pub(super) fn new(url: &str, args: &DeliveryArgs, framing: OutputFraming) -> anyhow::Result<Self> {
        let url = Url::parse(url).with_context(|| format!("{} is no URL", print::printable(url)))?;
        if !matches!(url.scheme(), "http" | "https") {
            anyhow::bail!("--to takes an http:// or https:// URL, and {:?} is neither", url.scheme());
        }
        let mut client = Client::builder();
        if url.scheme() == "http" {
            // A machine without certificates is good enough.
            client = client.tls_certs_only([]);
        }
        let client = client
            .user_agent(concat!("forebay/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(args, framing)?)
            .connect_timeout(CONNECT_TIME)
            .timeout(args.timeout)
            // A request that is sent elsewhere may be sent without its body.
            .redirect(Policy::none())
            .build()
            .context("cannot set up an HTTP client")?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { runtime, client, url, is_zipped: args.gzip, interrupted: Arc::default() })
    }
}

fn headers(args: &DeliveryArgs, framing: OutputFraming) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let media = match framing {
        OutputFraming::Lines => media::LINES,
        OutputFraming::Nul => "application/octet-stream",
        OutputFraming::Length => media::LENGTH,
        OutputFraming::Json => media::NDJSON,
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if args.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for given in &args.header {
        let text = match given.strip_prefix('@') {
            Some(file) => fs::read_to_string(file)
                .with_context(|| format!("cannot read headers from {}", print::printable(file)))?,
            None => given.clone(),
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            // The line may hold a secret: it is not shown.
            let wrong = || anyhow::anyhow!("a header that was given is not of the form 'NAME: VALUE'");
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

impl Destination for Endpoint {
    fn deliver(&mut self, parcel: Parcel) -> Outcome {
        let body = if self.is_zipped { zipped(&parcel.body) } else { Ok(parcel.body) };
        let body = match body {
            Ok(body) => body,
            Err(error) => return Outcome::Hold { reason: format!("a batch cannot be compressed: {error}") },
        };
        let request = self.client.post(self.url.clone()).body(body);
        let interrupted = Arc::clone(&self.interrupted);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                outcome = outcome(request) => outcome,
                () = interrupted.notified() => {
                    Outcome::Retry { after: None, reason: "the request was given up".to_owned() }
                }
            }
        })
    }

    fn interrupter(&self) -> Box<dyn Fn() + Send> {
        let interrupted = Arc::clone(&self.interrupted);
        Box::new(move || interrupted.notify_one())
    }
}

fn zipped(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(body)?;
    zip.finish()
}

/// What comes of a request. An answer counts once it is there as a whole: one that breaks off may come from an endpoint that died.
async fn outcome(request: RequestBuilder) -> Outcome {
    let answered = async {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, shown(response).await?))
    };
    match answered.await {
        Ok((status, headers, text)) => of_status(status, &headers, &text),
        Err(error) => of_error(error),
    }
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

fn of_status(status: StatusCode, headers: &HeaderMap, text: &str) -> Outcome {
    let mut reason = format!("the endpoint answers {status}");
    if !text.is_empty() {
        reason = format!("{reason}: {}", print::printable(text));
    }
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        400 | 413 | 415 | 422 => Outcome::Split { reason },
        408 | 429 | 500..=599 => {
            let after = headers.get(RETRY_AFTER).and_then(|after| retry_after::parse(after.to_str().ok()?));
            Outcome::Retry { after, reason }
        }
        // A wrong token or path, or a redirection, is for an operator to mend.
        _ => Outcome::Hold { reason },
    }
}

fn of_error(error: reqwest::Error) -> Outcome {
    let is_unreachable = error.is_connect();
    // The URL may hold a secret.
    let error = anyhow::Error::new(error.without_url());
    let reason = format!("the endpoint does not answer: {error:#}");
    if is_unreachable { Outcome::Hold { reason } } else { Outcome::Retry { after: None, reason } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16) -> Outcome {
        of_status(StatusCode::from_u16(status).unwrap_or_default(), &HeaderMap::new(), "no")
    }

    /// A wrong token answers each batch with 401: it must not make dead letters of the whole buffer. A bad record must.
    #[test]
    fn each_status_has_its_outcome() {
        for status in [200, 201, 202, 204] {
            assert_eq!(outcome(status), Outcome::Delivered);
        }
        for status in [400, 413, 415, 422] {
            assert!(matches!(outcome(status), Outcome::Split { .. }), "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(outcome(status), Outcome::Retry { after: None, .. }), "{status}");
        }
        for status in [301, 307, 401, 403, 404, 405, 410, 451] {
            assert!(matches!(outcome(status), Outcome::Hold { .. }), "{status}");
        }
    }
}

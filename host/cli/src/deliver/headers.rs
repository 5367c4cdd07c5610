//! The headers of each request.

use std::fs;

use anyhow::Context as _;
use forebay_api::media;
use reqwest::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::{
    args::{DeliveryArgs, OutputFraming},
    print,
};

/// They say how a request is transported, which Forebay decides. A wrong one has an endpoint take a part of a batch for all of it.
const OWN: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Those that Forebay adds, unless they are given, and those that are given, in their order.
pub(super) fn of(args: &DeliveryArgs, framing: OutputFraming) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for given in &args.header {
        let text = match given.strip_prefix('@') {
            Some(file) => fs::read_to_string(file)
                .with_context(|| format!("cannot read headers from {}", print::printable(file)))?,
            None => given.clone(),
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = header(line, args.gzip)?;
            headers.append(name, value);
        }
    }
    if args.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let media = match framing {
        OutputFraming::Lines => media::LINES,
        OutputFraming::Nul => "application/octet-stream",
        OutputFraming::Length => media::LENGTH,
        OutputFraming::Json => media::NDJSON,
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media));
    Ok(headers)
}

fn header(line: &str, is_zipped: bool) -> anyhow::Result<(HeaderName, HeaderValue)> {
    // The line may hold a secret: it is not shown.
    let wrong = || anyhow::anyhow!("a header that was given is not of the form 'NAME: VALUE'");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    if OWN.contains(&name) || matches!(name.as_str(), "keep-alive" | "proxy-connection") {
        anyhow::bail!("--header {name} is refused: Forebay itself says how a request is sent; leave it out");
    }
    if is_zipped && name == CONTENT_ENCODING {
        anyhow::bail!("--header {name} and --gzip exclude each other: leave one out");
    }
    Ok((name, value))
}

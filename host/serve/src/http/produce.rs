//! Appending.

use std::num::NonZeroU32;

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{Request, header},
    response::Response,
};
use bytes::Bytes;
use forebay_api::{
    AppendQuery, Code, Failure, NewRecord,
    framing::{self, Fault, Length, Lines},
    media,
};

use super::{
    Connection,
    answer::{Failed, json},
    body, must_be_known,
};

pub(super) async fn append(
    Path(buffer): Path<String>,
    State(connection): State<Connection>,
    query: Result<Query<AppendQuery>, QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Failed> {
    must_be_known(&buffer)?;
    let Query(query) = query.map_err(|error| Failure::new(Code::BadRequest, error.body_text()))?;
    let framing = Framing::of(&request)?;
    let body = body::records(request, &connection.budget).await?;
    let most = connection.service.owner().options.max_record_bytes;
    let records = framing.records(body.bytes.clone(), query.metadata, most)?;
    let placed = connection.service.append(records, &query).await?;
    json(&placed)
}

/// How the records of a body are told apart.
#[derive(Clone, Copy)]
enum Framing {
    Lines,
    Length,
    Ndjson,
}

impl Framing {
    fn of(request: &Request<Body>) -> Result<Self, Failure> {
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
        // Parameters, such as a charset, change nothing: payloads are bytes.
        let media = media.and_then(|media| media.split(';').next()).unwrap_or_default().trim();
        match media.to_ascii_lowercase().as_str() {
            media::LINES => Ok(Self::Lines),
            media::LENGTH => Ok(Self::Length),
            media::NDJSON => Ok(Self::Ndjson),
            _ => Err(Failure::new(
                Code::UnsupportedMediaType,
                format!(
                    "the content type is {media:?}; send records as {}, {} or {}",
                    media::LINES,
                    media::LENGTH,
                    media::NDJSON
                ),
            )),
        }
    }

    /// All records of a body. None is placed unless all can be understood.
    fn records(self, body: Bytes, metadata: u32, most: u64) -> Result<Vec<NewRecord>, Failure> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let plain = |payload| Ok(NewRecord { payload, metadata, events: NonZeroU32::MIN });
        let json = |(index, line): (usize, Bytes)| {
            let record = framing::parse_ndjson(&line, metadata);
            record.map_err(|error| {
                Failure::new(Code::BadRequest, format!("line {} is no record: {error}", index + 1))
            })
        };
        let cut = match self {
            Self::Lines => framing::cut_all(Lines::default(), body, most),
            Self::Length => framing::cut_all(Length::default(), body, most),
            // The length of a line is not that of its payload: the buffer looks at that.
            Self::Ndjson => framing::cut_all(Lines::default(), body, usize::MAX),
        };
        let cut = cut.map_err(|(index, fault)| failure(index, fault, most))?;
        match self {
            Self::Lines | Self::Length => cut.into_iter().map(plain).collect(),
            Self::Ndjson => cut.into_iter().enumerate().map(json).collect(),
        }
    }
}

fn failure(index: usize, fault: Fault, most: usize) -> Failure {
    let code = match fault {
        Fault::TooLong => Code::RecordTooLong,
        Fault::Truncated => Code::BadRequest,
    };
    let text = format!(
        "record {} of the body: {fault}; the most is {most} bytes, and nothing was placed",
        index + 1
    );
    Failure::new(code, text)
}

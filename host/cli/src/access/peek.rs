//! Records that are only looked at: through the lock where it is free, and through the buffer's owner where it is not.

use std::{num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use forebay::{Buffer, OpenReport, ReadError, Reader};
use forebay_api::{LookQuery, LookRecord, framing::batch::Delivered};
use forebay_serve::Batch;
use tokio::sync::Notify;

use super::{
    Supply, Taken, Turn,
    client::{Client, RemoteBatch},
    is_locked,
};
use crate::{
    args::BufferArgs,
    open::{self, Opening},
    signals::Signals,
};

/// A look at a buffer.
pub(crate) struct Peek(Way);

enum Way {
    Here { reader: Reader, signals: Signals },
    There { client: Box<Client>, from: u64 },
}

impl Peek {
    /// Begins a look. The report is that of an opening of its own, if there was one.
    pub(crate) fn begin(
        dir: &Path,
        args: &BufferArgs,
        signals: &Signals,
    ) -> anyhow::Result<(Self, Option<OpenReport>)> {
        let opening = Opening::to_peek(args)?;
        let held = match open::alone(dir, args, &opening) {
            Ok(buffer) => {
                let (reader, report) = (buffer.reader(), *buffer.open_report());
                signals.hold(buffer, Box::new(|| {}));
                return Ok((Self(Way::Here { reader, signals: signals.clone() }), Some(report)));
            }
            Err(error) if is_locked(&error) => error,
            Err(error) => return Err(error),
        };
        match Client::connect(dir, args.wait, Arc::new(Notify::new())) {
            Ok(client) => Ok((Self(Way::There { client: Box::new(client), from: 0 }), None)),
            Err(error) if error.is_passing() => Err(held),
            Err(error) => Err(error).with_context(|| format!("cannot use the buffer {}", dir.display())),
        }
    }
}

impl Supply for Peek {
    fn next(&mut self, wanted: usize, wait: Duration) -> anyhow::Result<Turn> {
        match &mut self.0 {
            Way::Here { reader, signals } => {
                let records = if wait.is_zero() {
                    reader.try_next_batch(wanted)?
                } else {
                    reader.next_batch(wanted)?.unwrap_or_default()
                };
                if !records.is_empty() {
                    return Ok(Turn::Records(Taken::Local(Batch { incarnation: 0, lease: 0, records })));
                }
                match signals.with_buffer(Buffer::status).flatten().and_then(|status| status.withheld) {
                    Some(next) => Err(ReadError::Withheld { next }.into()),
                    None => Ok(Turn::End),
                }
            }
            Way::There { client, from } => {
                let query = LookQuery { from: Some(*from), last: None };
                let looked = client.look(&query)?.records;
                let records =
                    looked.iter().take(wanted).map(delivered).collect::<anyhow::Result<Vec<_>>>()?;
                let Some(last) = records.last() else { return Ok(Turn::End) };
                *from = last.id.saturating_add(last.events.get().into());
                Ok(Turn::Records(Taken::Remote(RemoteBatch { incarnation: 0, records })))
            }
        }
    }

    fn acknowledge(&mut self, _: &Taken) -> anyhow::Result<()> {
        Ok(())
    }
}

fn delivered(looked: &LookRecord) -> anyhow::Result<Delivered> {
    let record = &looked.record;
    let payload = record.payload().context("the owner of the buffer sent a payload that is not in base64")?;
    Ok(Delivered {
        id: record.id,
        deliveries: 0,
        events: NonZeroU32::new(record.events).unwrap_or(NonZeroU32::MIN),
        metadata: record.metadata,
        payload: payload.into(),
    })
}

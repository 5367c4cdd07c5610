//! Records as a stream.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use futures_core::Stream;

use super::{error::ReadError, reader::Reader, record::Record};

/// How many records are taken at a time.
const BATCH_RECORDS: usize = 64;

type Batch = Result<Option<Vec<Record>>, ReadError>;

/// The records of a buffer as a stream: see [`Reader::into_stream`].
pub struct Records {
    reader: Reader,
    /// Taken, and not given out.
    ready: vec::IntoIter<Record>,
    read: Option<Pin<Box<dyn Future<Output = Batch> + Send>>>,
    has_ended: bool,
}

impl Reader {
    /// The records as a stream, which ends when writing has ended and all is delivered, or with the first error. It takes some
    /// records ahead; those that it has not given out when it is dropped go to the next reader.
    pub fn into_stream(self) -> Records {
        Records { reader: self, ready: Vec::new().into_iter(), read: None, has_ended: false }
    }
}

impl Stream for Records {
    type Item = Result<Record, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(record) = self.ready.next() {
                return Poll::Ready(Some(Ok(record)));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            let reader = self.reader.clone();
            let read = self
                .read
                .get_or_insert_with(|| Box::pin(async move { reader.next_batch_async(BATCH_RECORDS).await }));
            let batch = ready!(read.as_mut().poll(context));
            self.read = None;
            match batch {
                Ok(Some(records)) => self.ready = records.into_iter(),
                Ok(None) => self.has_ended = true,
                Err(error) => {
                    self.has_ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.reader.put_back(std::mem::take(&mut self.ready).collect());
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

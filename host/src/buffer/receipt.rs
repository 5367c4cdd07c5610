//! What a writer gets for its records.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use forebay_types::RecordId;
use tokio::sync::oneshot;

use super::{
    error::{WriteError, WriteErrorKind},
    runtime::Runtime,
};

pub(super) type WriteResult = Result<Receipt, WriteError>;

/// Records that are in the buffer, at the level of durability that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// How many records they are.
    pub records: usize,
    /// The id of the first of them. `None` if there is none, or if the answer did not wait for it
    /// ([`Durability::Accepted`](super::Durability::Accepted)).
    pub first_id: Option<RecordId>,
    /// The id of the last of them; `None` as above.
    pub last_id: Option<RecordId>,
}

impl Receipt {
    /// One more record was taken, under this id.
    pub(super) fn add(&mut self, id: RecordId) {
        self.first_id.get_or_insert(id);
        self.last_id = Some(id);
        self.records += 1;
    }
}

/// Records on their way: an answer that will come. Wait for it with [`wait`](Self::wait), or `.await` it on any runtime.
/// Dropping it gives up the answer, not the records.
#[derive(Debug)]
#[must_use = "it says whether the records were written"]
pub struct Pending {
    answer: oneshot::Receiver<WriteResult>,
    runtime: Arc<dyn Runtime>,
}

impl Pending {
    pub(super) fn new(answer: oneshot::Receiver<WriteResult>, runtime: &Arc<dyn Runtime>) -> Self {
        Self { answer, runtime: Arc::clone(runtime) }
    }

    /// An answer that is known already.
    pub(super) fn ready(answer: WriteResult, runtime: &Arc<dyn Runtime>) -> Self {
        let (reply, receiver) = oneshot::channel();
        // The receiver is held here.
        let _ = reply.send(answer);
        Self::new(receiver, runtime)
    }

    /// Waits, blocking this thread.
    pub fn wait(mut self) -> WriteResult {
        let runtime = Arc::clone(&self.runtime);
        let mut answer = None;
        runtime.block_on(pin!(async { answer = Some((&mut self).await) }));
        answer.unwrap_or_else(|| Err(gone()))
    }

    /// The answer if it is there; may be asked again until it was given.
    pub fn try_take(&mut self) -> Option<WriteResult> {
        match self.answer.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(gone())),
        }
    }
}

impl Future for Pending {
    type Output = WriteResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<WriteResult> {
        Pin::new(&mut self.answer).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

/// The core went without an answer: only a panic in it could do that.
pub(super) fn gone() -> WriteError {
    WriteError::new(WriteErrorKind::Closed, Vec::new())
}

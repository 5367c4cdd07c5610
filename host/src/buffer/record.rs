//! A record on its way out of a buffer.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use forebay_types::RecordId;

use super::{
    inbox::Ack,
    redelivery::{Delivery, Nack},
    shared::Shared,
};
use crate::guard::ReadRecord;

/// When a record is delivered again that could not be added to the dead letters.
const DEAD_LETTER_RETRY: Duration = Duration::from_secs(1);

/// A record that was delivered. Acknowledge it when it is where it has to go, or give it back with [`nack`](Self::nack).
/// One that is dropped without a word is delivered again when the buffer is next opened, and not before, unless
/// [`Options::requeue_on_drop`](super::Options::requeue_on_drop) or [`Options::lease`](super::Options::lease) was chosen. Until
/// then it counts as unacknowledged, and too many of those pause delivery.
///
/// It stands for one delivery of the record, from one opening of the buffer. The first word counts: what is said of a
/// delivery that was acknowledged or given back already, or of a record that was dropped to make room, is ignored and
/// counted in [`Status::ignored_acknowledgements`](super::Status::ignored_acknowledgements). Once the buffer is closed it
/// does nothing, and it keeps neither the buffer's directory nor its lock.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// use std::num::NonZeroU32;
///
/// // What has failed three times is set aside, in the file of dead letters.
/// let three = NonZeroU32::MIN.saturating_add(2);
/// let buffer = forebay::Buffer::builder(directory.path()).max_deliveries(three).open()?;
/// let writer = buffer.writer();
/// writer.write("good")?;
/// writer.write("poison")?;
///
/// let reader = buffer.reader();
/// buffer.end_writing();
/// let mut deliveries = 0;
/// while let Some(record) = reader.next()? {
///     deliveries += 1;
///     match &record.payload()[..] {
///         b"good" => record.ack(),
///         _ => record.nack(),
///     }
/// }
/// assert_eq!(deliveries, 4);
/// assert_eq!(buffer.status().expect("it is open").dead_letters, 1);
/// # buffer.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `forebay dead-letters DIR` shows what was set aside.
#[derive(Clone)]
#[must_use = "a record that is dropped without `ack` or `nack` stays unacknowledged"]
pub struct Record {
    content: ReadRecord,
    delivery: Delivery,
    origin: Origin,
    /// Gives the record back when the last copy is dropped; `None` where nothing does.
    on_drop: Option<Arc<RequeueOnDrop>>,
}

/// Where a record came from, and what is said of it goes to.
#[derive(Clone)]
pub(super) struct Origin {
    /// One opening of a buffer has one of these, and no other has the same.
    shared: Weak<Shared>,
    /// It was delivered to a caller that must not block.
    is_async: bool,
}

impl Origin {
    pub(super) fn new(shared: &Arc<Shared>, is_async: bool) -> Self {
        Self { shared: Arc::downgrade(shared), is_async }
    }

    fn acknowledge(&self, delivery: Delivery) {
        if let Some(shared) = self.shared.upgrade() {
            shared.acknowledge(delivery);
        }
    }

    fn say(&self, ack: Ack) {
        let Some(shared) = self.shared.upgrade() else { return };
        if self.is_async {
            shared.submit_elsewhere(|work| work.acks.push(ack));
        } else {
            shared.submit(|work| work.acks.push(ack));
        }
    }
}

/// What all copies of a record share that is to be given back.
struct RequeueOnDrop {
    origin: Origin,
    content: ReadRecord,
    delivery: Delivery,
    /// Something was said of it.
    is_settled: AtomicBool,
}

impl Drop for RequeueOnDrop {
    fn drop(&mut self) {
        if !*self.is_settled.get_mut() {
            let nack = Nack::new(&self.content, self.delivery, Duration::ZERO);
            self.origin.say(Ack::Dropped(Box::new(nack)));
        }
    }
}

impl Record {
    // A batch is made of thousands of these, each where it is to stay.
    #[inline]
    pub(super) fn new(
        (content, delivery): (ReadRecord, Delivery),
        origin: &Origin,
        requeue_on_drop: bool,
    ) -> Self {
        let origin = origin.clone();
        let on_drop = requeue_on_drop.then(|| {
            let (origin, content) = (origin.clone(), content.clone());
            Arc::new(RequeueOnDrop { origin, content, delivery, is_settled: AtomicBool::new(false) })
        });
        Self { content, delivery, origin, on_drop }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn into_delivered(self) -> (ReadRecord, Delivery) {
        self.settle();
        (self.content, self.delivery)
    }

    /// Its id: that of its first event. Ids rise from record to record.
    pub fn id(&self) -> RecordId {
        self.content.id
    }

    /// The incarnation of the buffer that gave it its id: a number that rises when records may have been lost with the
    /// machine's memory, and ids are given again. Incarnation and id together name a record for good.
    pub fn incarnation(&self) -> u64 {
        self.content.incarnation
    }

    /// How many events it holds.
    pub fn events(&self) -> NonZeroU32 {
        self.content.events
    }

    /// The number that was kept beside the payload.
    pub fn metadata(&self) -> u32 {
        self.content.metadata
    }

    /// The bytes. They share memory with the records beside it: copy them to keep a few for long.
    pub fn payload(&self) -> &Bytes {
        &self.content.payload
    }

    /// How much it takes up in its data file, in bytes.
    pub fn frame_bytes(&self) -> u64 {
        self.content.frame_bytes
    }

    /// How often it has been delivered since the buffer was opened, this time included: 1 for the first time. Deliveries
    /// of earlier openings are not remembered.
    pub fn deliveries(&self) -> NonZeroU32 {
        self.delivery.number
    }

    /// It is done with: it is not delivered again, and its file goes when all in it is done with. In any order, from any
    /// thread. The call does no work of other callers and never blocks.
    ///
    /// Acknowledgements are taken together: with the next call that is not a read; by an executor of the buffer's once 192 wait,
    /// and after 100 ms; and at once where a writer waits for room, a reader for a paused delivery to go on, or
    /// [`drain`](super::Buffer::drain) for its end. If the process is killed before that, those that wait are as if they had not
    /// been given: their records are delivered again at the next opening. That is 256 at the most, and what is acknowledged while
    /// an executor begins to take them. [`Reader::ack_through`](super::Reader::ack_through) waits for nothing: what it
    /// acknowledges, and all before it, outlives the process when it returns.
    pub fn ack(&self) {
        self.settle();
        self.origin.acknowledge(self.delivery);
    }

    /// It could not be handled: it is delivered again, to whichever reader asks next, ahead of records that were not
    /// delivered yet. Those that were given back come in the order of their ids.
    ///
    /// One that has been delivered [often enough](super::Options::max_deliveries) is set aside instead.
    ///
    /// It stays unacknowledged, and counts as such to the limits that pause delivery; it holds up no other record.
    pub fn nack(&self) {
        self.nack_after(Duration::ZERO);
    }

    /// As [`nack`](Self::nack), but it is not delivered again before this time has passed. A delay is not remembered when
    /// the buffer is closed.
    pub fn nack_after(&self, delay: Duration) {
        self.say(Ack::Nack(Box::new(Nack::new(&self.content, self.delivery, delay))));
    }

    /// No delivery of it can succeed: it is added to the file of [dead letters](super::Options::max_deliveries), however often it was
    /// delivered. It is acknowledged when it is durable there. Where that fails, it is delivered again a second later.
    /// [`Reader::set_aside_batch`](super::Reader::set_aside_batch) waits for the outcome.
    ///
    /// ```
    /// # let directory = tempfile::tempdir()?;
    /// let buffer = forebay::Buffer::builder(directory.path()).open()?;
    /// buffer.writer().write("poison")?;
    /// let reader = buffer.reader();
    /// buffer.end_writing();
    /// while let Some(record) = reader.next()? {
    ///     record.set_aside();
    /// }
    /// assert_eq!(buffer.status().expect("it is open").dead_letters, 1);
    /// # buffer.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_aside(&self) {
        self.say(Ack::Nack(Box::new(Nack::dead(&self.content, self.delivery, DEAD_LETTER_RETRY))));
    }

    /// What makes it a dead letter. `None` if it is of another buffer or opening.
    pub(super) fn set_aside_by(&self, shared: &Arc<Shared>) -> Option<Nack> {
        let is_of_it = std::ptr::eq(self.origin.shared.as_ptr(), Arc::as_ptr(shared));
        is_of_it.then(|| Nack::dead(&self.content, self.delivery, Duration::ZERO))
    }

    /// It is done with, and the caller tells the buffer so. `None` if it is of another buffer or opening.
    pub(super) fn acknowledge_by(&self, shared: &Arc<Shared>) -> Option<Delivery> {
        let is_of_it = std::ptr::eq(self.origin.shared.as_ptr(), Arc::as_ptr(shared));
        is_of_it.then(|| {
            self.settle();
            self.delivery
        })
    }

    fn say(&self, ack: Ack) {
        self.settle();
        self.origin.say(ack);
    }

    /// What becomes of it is said: dropping it says nothing more.
    pub(super) fn settle(&self) {
        if let Some(on_drop) = &self.on_drop {
            on_drop.is_settled.store(true, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.content.id)
            .field("delivery", &self.delivery.number)
            .field("events", &self.content.events)
            .field("metadata", &self.content.metadata)
            .field("payload_bytes", &self.content.payload.len())
            .finish_non_exhaustive()
    }
}

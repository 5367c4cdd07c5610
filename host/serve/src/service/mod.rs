//! The API as calls, with no transport.

mod deliveries;
mod early;
mod failures;
mod leases;
mod look;
mod reasons;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use forebay::{Buffer, Record, Status, WhenFull, Writer};
use forebay_api::{
    API_VERSION, AckAnswer, AckRequest, AppendQuery, Code, DELAY_MS_MAX, Durability, ExtendRequest, Failure,
    LookAnswer, LookQuery, NackRequest, NewRecord, Owner, OwnerOptions, Placed, PullRequest, ReleaseAnswer,
    StatusAnswer,
};

use self::{
    deliveries::{Deliveries, Granted, NoRecords},
    leases::{ConsumerId, LeaseNumber, lease_end},
    look::Bookmark,
    reasons::Reasons,
};
use crate::metrics::{Exposed, metrics};

/// The longest time that one call waits, for room or for records.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The owner itself, where it takes records.
const OWNER: ConsumerId = ConsumerId(0);

/// A buffer, as its owner serves it. A clone is another handle to the same.
///
/// Nothing but this may read the buffer: a record that is acknowledged in another way may be one that a client has.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("owner", &self.0.owner).finish_non_exhaustive()
    }
}

struct Inner {
    writer: Writer,
    deliveries: Deliveries,
    figures: Box<dyn Fn() -> Option<Status> + Send + Sync>,
    owner: Owner,
    directory: PathBuf,
    consumers: AtomicU64,
    /// Records were given to other processes.
    is_shared: AtomicBool,
    is_closing: AtomicBool,
    looked_at: Bookmark,
    reasons: Reasons,
    /// No record is given out before this.
    begins: OnceLock<Instant>,
}

/// A client that takes records. Its leases end when it is dropped.
#[derive(Debug)]
pub struct Consumer {
    service: Service,
    id: ConsumerId,
}

/// Records that a client has.
#[derive(Debug)]
pub struct Batch {
    /// The incarnation of all of them.
    pub incarnation: u64,
    /// The lease.
    pub lease: u64,
    /// The records.
    pub records: Vec<Record>,
}

impl Service {
    /// Serves a buffer in this directory. `component` is the SHA-256 of the logic, where it is not the one that is built in.
    /// `figures` gives [`Buffer::status`] for as long as the buffer is open; it may wait for the buffer.
    pub fn new(
        buffer: &Buffer,
        directory: &Path,
        component: Option<String>,
        figures: impl Fn() -> Option<Status> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            writer: buffer.writer(),
            deliveries: Deliveries::new(buffer.reader()),
            figures: Box::new(figures),
            owner: Owner {
                api: API_VERSION,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                component,
                options: options(buffer),
            },
            directory: directory.to_owned(),
            consumers: AtomicU64::new(1),
            is_shared: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            looked_at: Bookmark::default(),
            reasons: Reasons::default(),
            begins: OnceLock::new(),
        }))
    }

    /// A client that takes records.
    pub fn consumer(&self) -> Consumer {
        let id = ConsumerId(self.0.consumers.fetch_add(1, Ordering::Relaxed));
        Consumer { service: self.clone(), id }
    }

    /// The owner itself, as a client.
    pub fn owners_consumer(&self) -> Consumer {
        Consumer { service: self.clone(), id: OWNER }
    }

    /// Appends records, in their order, and waits until they have reached the level of durability.
    pub async fn append(&self, records: Vec<NewRecord>, query: &AppendQuery) -> Result<Placed, Failure> {
        if self.0.is_closing.load(Ordering::SeqCst) {
            return Err(failures::closing());
        }
        let durability = match query.durability {
            Durability::Written => forebay::Durability::Written,
            Durability::Synced => forebay::Durability::Synced,
        };
        let records = records
            .into_iter()
            .map(|NewRecord { payload, metadata, events }| {
                forebay::NewRecord::new(payload).with_metadata(metadata).with_events(events)
            })
            .collect();
        let wait = Duration::from_millis(query.wait_ms).min(WAIT_MAX);
        let writer = self.0.writer.clone().with_durability(durability);
        let written = writer.write_batch_timeout_async(records, wait).await;
        written.map(|receipt| failures::placed(&receipt)).map_err(|error| failures::of_write(&error))
    }

    /// Acknowledges records. What is acknowledged outlives the process when this returns.
    pub async fn acknowledge(&self, request: AckRequest) -> Result<AckAnswer, Failure> {
        let incarnation = request.incarnation();
        let ids = request.which().map_err(|error| Failure::new(Code::BadRequest, error.to_string()))?;
        let figures = OnceLock::new();
        let waiting = || {
            let waiting = |status: Status| status.acknowledged.0.saturating_add(1)..status.next_id.0;
            figures.get_or_init(|| self.figures().map(waiting)).clone().unwrap_or(0..0)
        };
        let answer = self.0.deliveries.acknowledge(incarnation, ids, waiting).await;
        if let Some(Err(closing)) = figures.into_inner() {
            // Records that this owner has not given out are for the next owner.
            return Err(closing);
        }
        answer.ok_or_else(failures::lease_expired)
    }

    /// Gives records back, to be delivered again, or sets them aside as dead letters. May block: dead letters are durable when this
    /// returns. The consumer that has the lease must not be dropped before that.
    pub fn give_back(&self, request: &NackRequest) -> Result<ReleaseAnswer, Failure> {
        if request.delay_ms > DELAY_MS_MAX {
            let text = format!("delay_ms is {}; the most is {DELAY_MS_MAX}, seven days", request.delay_ms);
            return Err(Failure::new(Code::BadRequest, text));
        }
        let (lease, ids) = (lease(&request.lease_id)?, request.ids.as_deref());
        let released = if request.dead_letter {
            let reason = request.reason.as_deref().unwrap_or("the consumer gave none");
            let explain = |records: &[Record]| self.0.reasons.add(&self.0.directory, records, reason);
            let set_aside = self.0.deliveries.set_aside(lease, ids, explain);
            set_aside.transpose().map_err(|error| {
                self.0.reasons.keep_for(&error.remaining);
                Failure::new(Code::Refused, error.to_string())
            })?
        } else {
            self.0.deliveries.give_back(lease, ids, Duration::from_millis(request.delay_ms))
        };
        released.map(|released| ReleaseAnswer { released }).ok_or_else(failures::lease_expired)
    }

    /// Makes a lease end at another time.
    pub fn extend(&self, request: &ExtendRequest) -> Result<(), Failure> {
        let ends = lease_end(Instant::now(), request.lease_ms);
        let is_extended = self.0.deliveries.extend(lease(&request.lease_id)?, ends);
        if is_extended { Ok(()) } else { Err(failures::lease_expired()) }
    }

    /// Looks at records that wait. May block.
    pub fn look(&self, query: &LookQuery) -> Result<LookAnswer, Failure> {
        look::look(&self.0.directory, query, &self.0.looked_at)
    }

    /// Who owns the buffer, and its figures. May block.
    pub fn status(&self) -> Result<StatusAnswer, Failure> {
        let mut figures = self.figures()?;
        // What this process has taken from the buffer for the next pull is with no client.
        let (records, bytes) = self.0.deliveries.unseen();
        figures.unacknowledged_records = figures.unacknowledged_records.saturating_sub(records);
        figures.unacknowledged_bytes = figures.unacknowledged_bytes.saturating_sub(bytes);
        let buffer =
            serde_json::to_value(figures).map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
        Ok(StatusAnswer { owner: self.0.owner.clone(), buffer })
    }

    /// The buffer's figures in Prometheus' text format. May block.
    pub fn metrics(&self) -> Result<String, Failure> {
        let StatusAnswer { owner, buffer } = self.status()?;
        let known = serde_json::json!({ "locked": true, "owner": owner, "buffer": buffer });
        Ok(metrics(&[Exposed::new(&self.0.directory, Some(known))]))
    }

    /// Whether the buffer takes records: it is open, so that this process holds its lock, and the last sync has ended well. May block.
    pub fn is_ready(&self) -> Result<(), Failure> {
        let status = self.figures()?;
        match status.stopped {
            Some(reason) => Err(Failure::new(Code::Stopped, format!("the buffer has stopped: {reason}"))),
            None if status.sync_failed => Err(Failure::new(
                Code::Refused,
                "a sync has failed, and what it left in doubt is not safe yet: look for what the kernel says of the disk",
            )),
            None if self.0.is_closing.load(Ordering::SeqCst) => Err(failures::closing()),
            None => match status.last_sync_error {
                Some(error) => Err(Failure::new(Code::Refused, format!("the last sync has failed: {error}"))),
                None => Ok(()),
            },
        }
    }

    /// Gives out no record for so long: clients of the owner before this one say meanwhile what they have done with theirs.
    pub fn hold_off(&self, time: Duration) {
        // The first word counts.
        let _ = self.0.begins.set(Instant::now() + time);
    }

    /// How long no record is given out.
    pub(crate) fn held_off(&self) -> Duration {
        self.0.begins.get().map_or(Duration::ZERO, |begins| begins.saturating_duration_since(Instant::now()))
    }

    /// Whether records were given to other processes.
    pub fn is_shared(&self) -> bool {
        self.0.is_shared.load(Ordering::Relaxed)
    }

    /// The owner is about to end: no more records are taken or given out. Acknowledgements still are.
    pub fn begin_end(&self) {
        self.0.is_closing.store(true, Ordering::SeqCst);
        self.0.deliveries.begin_end();
    }

    /// Whether any client but the owner itself has a record.
    pub fn has_leases(&self) -> bool {
        self.0.deliveries.has_leases_but(OWNER)
    }

    /// How the buffer was opened, and by which process.
    pub fn owner(&self) -> &Owner {
        &self.0.owner
    }

    fn figures(&self) -> Result<Status, Failure> {
        (self.0.figures)().ok_or_else(failures::closing)
    }

    async fn pull(
        &self,
        consumer: ConsumerId,
        request: &PullRequest,
        is_local: bool,
    ) -> Result<Option<Batch>, Failure> {
        match self.0.deliveries.pull(consumer, request, is_local).await {
            Ok(Granted { lease, records }) => {
                let incarnation = records.first().map_or(0, Record::incarnation);
                Ok(Some(Batch { incarnation, lease, records }))
            }
            Err(NoRecords::InTime) if request.wait_ms == 0 => match self.figures()?.withheld {
                Some(next) => Err(failures::of_read(&forebay::ReadError::Withheld { next })),
                None => Ok(None),
            },
            Err(NoRecords::InTime) => Ok(None),
            Err(NoRecords::Closing) => Err(failures::closing()),
            Err(NoRecords::Failed(error)) => Err(failures::of_read(&error)),
        }
    }
}

impl Consumer {
    /// The next records; `None` if none comes in time.
    pub async fn pull(&self, request: &PullRequest) -> Result<Option<Batch>, Failure> {
        self.service.0.is_shared.store(true, Ordering::Relaxed);
        self.service.pull(self.id, request, false).await
    }

    /// As [`pull`](Self::pull), for the owner itself, on a thread that may block.
    pub async fn pull_locally(&self, request: &PullRequest) -> Result<Option<Batch>, Failure> {
        thread::sleep(self.service.held_off());
        self.service.pull(self.id, request, true).await
    }

    /// Acknowledges a batch on a thread that may block. What is acknowledged outlives the process when this returns.
    pub fn acknowledge_locally(&self, batch: &Batch) {
        self.service.0.deliveries.acknowledge_lease(batch.lease);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.service.0.deliveries.close(self.id);
    }
}

/// A lease by the name that clients know it by.
fn lease(name: &str) -> Result<LeaseNumber, Failure> {
    name.parse().map_err(|_| failures::lease_expired())
}

fn options(buffer: &Buffer) -> OwnerOptions {
    let options = buffer.options();
    OwnerOptions {
        file_bytes: options.file_bytes,
        max_bytes: options.max_bytes,
        max_events: options.max_events,
        max_record_bytes: options.record_bytes_max(),
        drop_oldest: options.when_full == WhenFull::DropOldest,
        retain_newest: options.retain_newest,
        sync_interval_ms: u64::try_from(options.sync_interval.as_millis()).unwrap_or(u64::MAX),
    }
}

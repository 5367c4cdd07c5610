//! Reading from both: one reader, who waits where there is nothing and must be woken when there is.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use forebay::{ReadError, Record};

use super::{Bench, payload};
use crate::model::reference::Entry;

/// Whether a waiting reader was woken.
pub(super) struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Batch = Result<Option<Vec<Record>>, ReadError>;

/// A reader who found nothing and waits.
pub(super) struct Waiting {
    pub(super) read: Pin<Box<dyn Future<Output = Batch>>>,
    pub(super) max: usize,
    pub(super) bell: Arc<Bell>,
}

impl Bench {
    pub(super) fn read(&mut self, max: usize) {
        // One reader at a time: who waits is served first.
        if self.waiting.is_none() {
            let reader = self.buffer().reader();
            let read = Box::pin(async move { reader.next_batch_async(max).await });
            let bell = Arc::new(Bell(AtomicBool::new(true)));
            self.waiting = Some(Waiting { read, max, bell });
            self.go_on_reading();
        }
    }

    /// Who waits gets what the reference would give, as soon as it would give anything.
    pub(super) fn go_on_reading(&mut self) {
        let Some(mut waiting) = self.waiting.take() else { return };
        let now_ns = self.simulation.now_ns();
        let has_ended = self.has_ended && self.reference.is_all_delivered();
        if !self.reference.has_next(now_ns) && !has_ended && !waiting.bell.0.load(Ordering::SeqCst) {
            self.waiting = Some(waiting);
            return;
        }
        assert!(waiting.bell.0.swap(false, Ordering::SeqCst), "there is something, and the reader sleeps");
        let waker = Waker::from(Arc::clone(&waiting.bell));
        let read = loop {
            match waiting.read.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(read) => break Some(read.unwrap()),
                // The reading itself is an executor's.
                Poll::Pending => self.simulation.run_jobs(),
            }
            if !waiting.bell.0.swap(false, Ordering::SeqCst) {
                break None;
            }
        };
        let expected = self.reference.read(waiting.max, now_ns);
        match read {
            None => {
                assert!(expected.is_empty() && !has_ended, "the reader waits in vain for {expected:?}");
                self.waiting = Some(waiting);
            }
            Some(None) => assert!(expected.is_empty() && has_ended, "it is not the end: {expected:?}"),
            Some(Some(records)) => self.check_records(records, &expected),
        }
    }

    pub(super) fn check_records(&mut self, records: Vec<Record>, expected: &[Entry]) {
        self.log.note(|| format!("read {records:?}"));
        let named = |record: &Record| (record.id().0, record.deliveries().get());
        let read: Vec<_> = records.iter().map(named).collect();
        let wanted: Vec<_> = expected.iter().map(|entry| (entry.id, entry.deliveries)).collect();
        assert_eq!(read, wanted, "ids and deliveries");
        for (record, entry) in records.iter().zip(expected) {
            self.check_content(record, *entry);
        }
        self.held.extend(records.into_iter().map(|record| (self.life, record)));
    }

    #[track_caller]
    pub(super) fn check_content(&self, record: &Record, Entry { number, events, .. }: Entry) {
        let (_, bytes) = self.sizes_of[usize::try_from(number).unwrap()];
        assert_eq!(u64::from(record.events().get()), events, "{record:?}");
        assert!(record.payload()[..] == payload(number, bytes), "{record:?} is not number {number}");
    }
}

//! The buffer's logic, compiled natively and put behind the same seam as the component: what the host does for one it
//! does for the other.

use forebay::{
    RecordId,
    guard::{BatchId, Guard, GuardError, Ticket},
    logic::{CallError, Logic, LogicOptions},
};
use forebay_logic as native;
use native::{BufferError, FileId, Ledger, Logic as _, Placed, Released, Segment, StorageError, SyncTarget};

use super::fuse::Fuse;

pub struct NativeLogic {
    guard: Guard,
    fuse: Fuse,
    buffer: Option<native::Buffer>,
    failed: bool,
}

impl NativeLogic {
    pub fn make(guard: Guard) -> Box<dyn Logic> {
        Self::with_fuse(guard, &Fuse::default())
    }

    /// Logic whose calls end where the fuse burns out.
    pub fn with_fuse(guard: Guard, fuse: &Fuse) -> Box<dyn Logic> {
        Box::new(Self { guard, fuse: fuse.clone(), buffer: None, failed: false })
    }

    fn call<T>(
        &mut self,
        export: impl FnOnce(&mut native::Buffer, &mut Imports<'_>) -> Result<T, BufferError>,
    ) -> Result<T, CallError> {
        let mut buffer = self.buffer.take();
        let result = self.run(|imports| {
            let buffer = buffer.as_mut().ok_or(BufferError::Closed)?;
            export(buffer, imports)
        });
        self.buffer = buffer;
        result
    }

    /// Runs a call of the logic, which a storage call may end.
    fn run<T>(
        &mut self,
        call: impl FnOnce(&mut Imports<'_>) -> Result<T, BufferError>,
    ) -> Result<T, CallError> {
        assert!(!self.failed, "an instance that has failed is called again");
        let mut imports = Imports(&mut self.guard, &self.fuse);
        let result = Fuse::catch(|| call(&mut imports));
        self.failed = result.is_none();
        let failed = || CallError::Failed { reason: "a storage call has ended it".to_owned() };
        Ok(result.ok_or_else(failed)??)
    }
}

impl Logic for NativeLogic {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }

    fn into_guard(self: Box<Self>) -> Guard {
        self.guard
    }

    fn open(&mut self, options: &LogicOptions) -> Result<(), CallError> {
        self.buffer = Some(self.run(|imports| native::Buffer::open(imports, options))?);
        Ok(())
    }

    fn write(&mut self, batch: BatchId, records: &[u64]) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.write(imports, batch, records)).map(drop)
    }

    fn read(&mut self, max_records: u32, max_bytes: u64) -> Result<u32, CallError> {
        self.call(|buffer, imports| buffer.read(imports, max_records, max_bytes))
    }

    fn acknowledge(&mut self, through: RecordId) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.acknowledge(imports, through))
    }

    fn tick(&mut self, now_ns: u64) -> Result<u64, CallError> {
        self.call(|buffer, imports| buffer.tick(imports, now_ns))
    }

    fn flush(&mut self) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.flush(imports))
    }

    fn synced(&mut self, ticket: Ticket) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.synced(imports, ticket))
    }

    fn close_writer(&mut self) -> Result<(), CallError> {
        self.call(|buffer, imports| buffer.close_writer(imports))
    }

    fn status(&mut self) -> Result<Vec<(u16, u64)>, CallError> {
        self.call(|buffer, _| Ok(buffer.status()))
    }
}

struct Imports<'a>(&'a mut Guard, &'a Fuse);

impl Imports<'_> {
    /// Each storage call comes through here.
    fn guard<T>(
        &mut self,
        call: impl FnOnce(&mut Guard) -> Result<T, GuardError>,
    ) -> Result<T, StorageError> {
        self.1.burn();
        call(self.0).map_err(|error| self.0.tell(error))
    }
}

impl native::Storage for Imports<'_> {
    fn load_ledger(&mut self) -> Result<Ledger, StorageError> {
        self.guard(Guard::load_ledger)
    }

    fn store_ledger(&mut self, ledger: Ledger) -> Result<(), StorageError> {
        self.guard(|guard| guard.store_ledger(ledger))
    }

    fn segments(&mut self, from: u32, max: u32) -> Result<Vec<Segment>, StorageError> {
        self.guard(|guard| guard.segments(from, max))
    }

    fn next_id(&mut self) -> RecordId {
        self.1.burn();
        self.0.next_id()
    }

    fn append(&mut self, batch: BatchId, count: u32) -> Result<Placed, StorageError> {
        self.guard(|guard| guard.append(batch, count))
    }

    fn prepare(&mut self) -> Result<FileId, StorageError> {
        self.guard(Guard::prepare)
    }

    fn roll(&mut self) -> Result<FileId, StorageError> {
        self.guard(Guard::roll)
    }

    fn truncate(&mut self) -> Result<u64, StorageError> {
        self.guard(Guard::truncate)
    }

    fn release(&mut self, through: FileId) -> Result<Released, StorageError> {
        self.guard(|guard| guard.release(through))
    }

    fn discard(&mut self, file: FileId) -> Result<u64, StorageError> {
        self.guard(|guard| guard.discard(file))
    }

    fn request_sync(&mut self, target: SyncTarget) -> Result<Ticket, StorageError> {
        self.guard(|guard| guard.request_sync(target))
    }
}

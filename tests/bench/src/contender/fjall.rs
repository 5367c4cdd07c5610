//! fjall: a key-value store that merges sorted files. A record's key is its number.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Acks, Contender, Kind, Level, from_last, lock};

/// fjall.
pub(crate) struct Fjall;

#[derive(Clone)]
struct Handle(Arc<Shared>);

struct Shared {
    database: Database,
    records: Keyspace,
    level: Level,
    /// The number of the next record that is appended. Held while it is, so that none is read before one with a lower number.
    appended: Mutex<u64>,
    /// The number of the next record that is read. Held as above, so that each is read once.
    consumed: Mutex<u64>,
}

impl Kind for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        let database = Database::builder(directory).open()?;
        let records = database.keyspace("records", KeyspaceCreateOptions::default)?;
        let (appended, consumed) = (Mutex::new(0), Mutex::new(0));
        Ok(Box::new(Handle(Arc::new(Shared { database, records, level, appended, consumed }))))
    }
}

impl Handle {
    fn write(&self, records: &[Bytes], level: Level) -> Result<()> {
        let shared = &*self.0;
        let mut number = lock(&shared.appended);
        let mode = if level == Level::Synced { PersistMode::SyncData } else { PersistMode::Buffer };
        let mut batch = shared.database.batch().durability(Some(mode));
        for record in records {
            batch.insert(&shared.records, number.to_be_bytes(), &record[..]);
            *number += 1;
        }
        Ok(batch.commit()?)
    }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, self.0.level)
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, Level::Synced)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let shared = &*self.0;
        let max = if acks == Acks::Each { 1 } else { max };
        let mut number = lock(&shared.consumed);
        let mut batch = shared.database.batch().durability(Some(PersistMode::Buffer));
        let mut count = 0;
        for record in shared.records.range(number.to_be_bytes()..).take(max) {
            let (key, payload) = record.into_inner()?;
            each(&payload);
            batch.remove(&shared.records, key);
            count += 1;
        }
        batch.commit()?;
        *number += u64::try_from(count)?;
        Ok(count)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(self.clone()))
    }

    fn close(self: Box<Self>) -> Result<()> {
        let shared = from_last(self.0)?;
        Ok(shared.database.persist(PersistMode::SyncAll)?)
    }
}

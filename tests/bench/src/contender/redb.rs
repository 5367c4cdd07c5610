//! redb: a tree in one file, copied on write. A record's key is its number. It has no level between memory and disk: what
//! stands beside others that write is one that only keeps in memory.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use bytes::Bytes;
use redb::{Database, Durability, TableDefinition};

use super::{Acks, Contender, Kind, Level, from_last, lock};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// redb.
pub(crate) struct Redb;

#[derive(Clone)]
struct Handle(Arc<Shared>);

struct Shared {
    database: Database,
    level: Level,
    /// The number of the next record that is appended.
    appended: Mutex<u64>,
}

impl Kind for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        fs::create_dir_all(directory)?;
        let database = Database::create(directory.join("records.redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(RECORDS)?;
        transaction.commit()?;
        Ok(Box::new(Handle(Arc::new(Shared { database, level, appended: Mutex::new(0) }))))
    }
}

impl Handle {
    fn write(&self, records: &[Bytes], level: Level) -> Result<()> {
        let shared = &*self.0;
        let mut number = lock(&shared.appended);
        let mut transaction = shared.database.begin_write()?;
        transaction.set_durability(durability(level))?;
        let mut table = transaction.open_table(RECORDS)?;
        for record in records {
            table.insert(*number, &record[..])?;
            *number += 1;
        }
        drop(table);
        Ok(transaction.commit()?)
    }
}

fn durability(level: Level) -> Durability {
    if level == Level::Synced { Durability::Immediate } else { Durability::None }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, self.0.level)
    }

    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        self.write(records, Level::Synced)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let max = if acks == Acks::Each { 1 } else { max };
        let mut transaction = self.0.database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        let mut table = transaction.open_table(RECORDS)?;
        let mut count = 0;
        while count < max
            && let Some((_, payload)) = table.pop_first()?
        {
            each(payload.value());
            count += 1;
        }
        drop(table);
        transaction.commit()?;
        Ok(count)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(self.clone()))
    }

    fn close(self: Box<Self>) -> Result<()> {
        from_last(self.0).map(drop)
    }
}

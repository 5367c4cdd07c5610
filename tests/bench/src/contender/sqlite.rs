//! `SQLite`, with a write-ahead log: a table of records, one transaction a call.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use bytes::Bytes;
use rusqlite::{Connection, params};

use super::{Acks, Contender, Kind, Level, from_last, lock};

/// `SQLite`.
pub(crate) struct Sqlite;

#[derive(Clone)]
struct Handle(Arc<Mutex<Connection>>);

impl Kind for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn open(&self, directory: &Path, level: Level, _: usize) -> Result<Box<dyn Contender>> {
        fs::create_dir_all(directory)?;
        let connection = Connection::open(directory.join("records.sqlite"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        set_synchronous(&connection, level)?;
        connection
            .execute("CREATE TABLE records (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)", params![])?;
        Ok(Box::new(Handle(Arc::new(Mutex::new(connection)))))
    }
}

/// With `NORMAL`, what survives power loss is what the last checkpoint has moved into the database.
fn set_synchronous(connection: &Connection, level: Level) -> Result<()> {
    let synchronous = if level == Level::Synced { "FULL" } else { "NORMAL" };
    Ok(connection.pragma_update(None, "synchronous", synchronous)?)
}

impl Handle {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        lock(&self.0)
    }
}

impl Contender for Handle {
    fn append(&mut self, records: &[Bytes]) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO records (payload) VALUES (?1)")?;
        for record in records {
            insert.execute(params![&record[..]])?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }

    /// The sync of the last transaction takes in those before it: all are in the same log.
    fn append_durably(&mut self, records: &[Bytes]) -> Result<()> {
        set_synchronous(&self.lock(), Level::Synced)?;
        self.append(records)
    }

    fn consume(&mut self, max: usize, acks: Acks, each: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let max = if acks == Acks::Each { 1 } else { max };
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let mut select =
            transaction.prepare_cached("SELECT number, payload FROM records ORDER BY number LIMIT ?1")?;
        let mut rows = select.query(params![i64::try_from(max)?])?;
        let (mut count, mut last) = (0, 0_i64);
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            each(row.get_ref(1)?.as_blob()?);
            count += 1;
        }
        drop(rows);
        drop(select);
        if count > 0 {
            transaction.prepare_cached("DELETE FROM records WHERE number <= ?1")?.execute(params![last])?;
        }
        transaction.commit()?;
        Ok(count)
    }

    fn share(&self) -> Option<Box<dyn Contender + Send>> {
        Some(Box::new(self.clone()))
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = from_last(self.0)?;
        let connection = connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| error.into())
    }
}

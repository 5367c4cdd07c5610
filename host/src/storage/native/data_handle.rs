//! One data file, open or closed for the moment: the [pool](super::pool) closes it, and the next use opens it again.

use std::{
    fs::File,
    io,
    ops::Deref,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    sync::{Arc, Mutex, MutexGuard, TryLockError, Weak},
};

use rustix::io::Errno;

use super::{
    data_file::{name, read_full},
    directory::{Access, Directory},
    interrupted::again,
    looks::Looks,
    pool::Pool,
    standing::Standing,
};
use crate::{
    storage::{FileId, TakenAway},
    threads::lock,
};

/// A data file. Its calls come from the thread that has the buffer, and from threads that sync it or need room in the pool.
#[derive(Debug)]
pub(super) struct DataHandle {
    directory: Arc<Directory>,
    file: FileId,
    pool: Arc<Pool>,
    state: Mutex<State>,
    itself: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    /// Device and inode. A file that is opened again must be the same one.
    identity: Option<(u64, u64)>,
    /// Its length, as far as it is known from what was written or cut under this lock.
    length: u64,
    /// How often it was changed under this lock.
    changes: u64,
    /// How many of the changes the last good sync has covered.
    synced: Option<u64>,
    /// Its length was set, which a sync of data alone need not cover.
    is_cut: bool,
    /// A sync has failed that only the pool has asked for. The next one answers with it.
    failure: Option<io::Error>,
    /// How many syncs and copies of it are under way.
    users: usize,
    standing: Standing,
    looks: Looks,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    is_writable: bool,
    stamp: u64,
}

impl State {
    fn is_clean(&self) -> bool {
        self.changes <= self.synced.unwrap_or(0)
    }

    fn file(&self, access: Access) -> Option<&Arc<File>> {
        let open = self.open.as_ref().filter(|open| open.is_writable || access == Access::Read);
        open.map(|open| &open.file)
    }

    /// Whether a sync of data alone is enough. A file that was not written to under this lock may have been cut before.
    fn syncs_data_alone(&self) -> bool {
        self.changes > 0 && !self.is_cut
    }
}

impl DataHandle {
    /// A file that is there, or is to be made. It is opened when it is needed.
    pub(super) fn new(directory: Arc<Directory>, file: FileId, pool: Arc<Pool>) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new_cyclic(|itself| Self { directory, file, pool, state, itself: Weak::clone(itself) })
    }

    pub(super) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Makes the file.
    pub(super) fn create(&self) -> io::Result<()> {
        let mut state = self.opened(Access::CreateNew)?;
        state.changes += 1;
        Ok(())
    }

    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.opened(Access::Read)?;
        read_full(in_use(&state, Access::Read)?, offset, into)
    }

    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        if lock(&self.state).looks.is_due() {
            self.must_be_as_written()?;
        }
        let mut state = self.opened(Access::ReadWrite)?;
        // A failed call may have written some of it all the same.
        state.changes += 1;
        in_use(&state, Access::ReadWrite)?.write_all_at(bytes, at)?;
        let end = u64::try_from(bytes.len()).ok().and_then(|bytes| at.checked_add(bytes));
        state.length = state.length.max(end.unwrap_or(0));
        Ok(())
    }

    pub(super) fn set_length(&self, length: u64) -> io::Result<()> {
        let mut state = self.opened(Access::ReadWrite)?;
        state.changes += 1;
        state.is_cut = true;
        // Should it fail, either length may be that of the file.
        state.length = state.length.min(length);
        in_use(&state, Access::ReadWrite)?.set_len(length)
    }

    /// How many changes a sync covers that is made ready now.
    pub(super) fn changes(&self) -> u64 {
        lock(&self.state).changes
    }

    /// The buffer is about to remove the file: no sync of it is of use any more, and its descriptor goes with the last one
    /// that is under way.
    pub(super) fn release(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.standing.must_be_held()?;
        state.standing = Standing::Released;
        self.close(&mut state);
        Ok(())
    }

    /// It could not be removed.
    pub(super) fn keep(&self) {
        let mut state = lock(&self.state);
        if state.standing == Standing::Released {
            state.standing = Standing::Held;
        }
    }

    /// Syncs the file, unless so many changes were covered by an earlier sync. It must still have its name then: what is on
    /// the disk under none is found by no later opening.
    ///
    /// An error comes with the verb for what was attempted: a file that cannot be opened has no failed sync.
    pub(super) fn sync(&self, covers: u64) -> Result<(), (&'static str, io::Error)> {
        let named = |()| self.must_have_name().map_err(|error| ("sync", error));
        match self.sync_bytes(covers).and_then(named) {
            Err(_) if lock(&self.state).standing == Standing::Released => Ok(()),
            synced => synced,
        }
    }

    /// A link or a pipe in the place of a file that was there is no error of the file.
    fn why_not_opened(&self, state: &mut State, error: io::Error) -> io::Error {
        let Some(identity) = state.identity else { return error };
        match self.directory.must_lead_to(&name(self.file), identity) {
            Err(found) => self.note_lost(state, found),
            Ok(_) => error,
        }
    }

    /// Fails if the file was written to, and another program has taken it away or cut it since.
    pub(super) fn must_be_as_written(&self) -> io::Result<()> {
        let is_ours = |state: &State| state.changes > 0 && state.standing == Standing::Held;
        if is_ours(&lock(&self.state)) { self.must_have_name() } else { Ok(()) }
    }

    fn must_have_name(&self) -> io::Result<()> {
        let (identity, least) = {
            let state = lock(&self.state);
            let Some(identity) = state.identity else { return Ok(()) };
            (identity, state.length)
        };
        let found = self.directory.must_lead_to(&name(self.file), identity);
        match found {
            Ok(length) if length >= least => Ok(()),
            Ok(_) => self.must_be_whole(&mut lock(&self.state), identity),
            Err(error) => Err(self.note_lost(&mut lock(&self.state), error)),
        }
    }

    /// It was found too short. The buffer itself may have cut it at that moment: under the lock it does not.
    fn must_be_whole(&self, state: &mut State, identity: (u64, u64)) -> io::Result<()> {
        match self.directory.must_lead_to(&name(self.file), identity) {
            Ok(length) if length >= state.length => Ok(()),
            Ok(_) => {
                self.lose(state, TakenAway::Cut);
                Err(io::Error::other(TakenAway::Cut))
            }
            Err(error) => Err(self.note_lost(state, error)),
        }
    }

    fn note_lost(&self, state: &mut State, error: io::Error) -> io::Error {
        if let Some(how) = error.get_ref().and_then(|error| error.downcast_ref::<TakenAway>()) {
            self.lose(state, *how);
        }
        error
    }

    /// Another program has taken the file away. What is still open of it is not read either.
    fn lose(&self, state: &mut State, how: TakenAway) {
        if state.standing == Standing::Held {
            state.standing = Standing::Lost(how);
            self.close(state);
        }
    }

    fn sync_bytes(&self, covers: u64) -> Result<(), (&'static str, io::Error)> {
        {
            let mut state = lock(&self.state);
            state.standing.must_be_held().map_err(|error| ("sync", error))?;
            if let Some(failure) = state.failure.take() {
                return Err(("sync", failure));
            }
            if state.synced.is_some_and(|synced| synced >= covers) {
                return Ok(());
            }
        }
        let lent = self.lend().map_err(|error| ("open", error))?;
        let (changes, only_data) = {
            let state = lock(&self.state);
            (state.changes, state.syncs_data_alone())
        };
        sync(&lent, only_data).map_err(|error| ("sync", error))?;
        let mut state = lock(&self.state);
        state.synced = state.synced.max(Some(changes));
        Ok(())
    }

    /// The file, which stays open for as long as this lives.
    pub(super) fn lend(&self) -> io::Result<Lent> {
        let mut state = self.opened(Access::Read)?;
        let file = Arc::clone(in_use(&state, Access::Read)?);
        let handle = self.itself.upgrade().ok_or(Errno::NOENT)?;
        state.users += 1;
        Ok(Lent { handle, file })
    }

    /// Closes the file if nothing is being done to it and no change waits for a sync. Answers whether it was closed.
    pub(super) fn close_if_clean(&self) -> bool {
        let Some(mut state) = self.unused() else { return false };
        state.is_clean() && self.close(&mut state)
    }

    /// Syncs the file and closes it, unless something is being done to it. Answers whether it was closed.
    pub(super) fn sync_and_close(&self) -> bool {
        let Some(mut state) = self.unused() else { return false };
        let Some(open) = &state.open else { return false };
        // After a failure the kernel says that all is well.
        if state.failure.is_none() {
            match sync(&open.file, state.syncs_data_alone()) {
                Ok(()) => state.synced = Some(state.changes),
                Err(error) => state.failure = Some(error),
            }
        }
        self.close(&mut state)
    }

    /// The state, if nothing is being done to the file.
    fn unused(&self) -> Option<MutexGuard<'_, State>> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(state).filter(|state| state.users == 0)
    }

    fn close(&self, state: &mut State) -> bool {
        let open = state.open.take();
        if let Some(open) = &open {
            self.pool.closed(open.stamp);
        }
        open.is_some()
    }

    /// The state with the file open.
    fn opened(&self, access: Access) -> io::Result<MutexGuard<'_, State>> {
        let is_open = |state: &mut State| {
            let is_open = state.file(access).is_some();
            if let Some(open) = state.open.as_mut().filter(|_| is_open) {
                open.stamp = self.pool.used(open.stamp);
            }
            is_open
        };
        let mut state = lock(&self.state);
        state.standing.must_be_held()?;
        if is_open(&mut state) {
            return Ok(state);
        }
        drop(state);
        self.pool.make_room();
        let mut state = lock(&self.state);
        state.standing.must_be_held()?;
        // Another thread may have opened it meanwhile.
        if !is_open(&mut state) {
            self.close(&mut state);
            let opened = self.pool.open(|| self.directory.open_file(&name(self.file), access));
            let file = opened.map_err(|error| self.why_not_opened(&mut state, error))?;
            let metadata = again(|| file.metadata())?;
            let found = (metadata.dev(), metadata.ino());
            if *state.identity.get_or_insert(found) != found {
                // What was in it is gone.
                self.lose(&mut state, TakenAway::Replaced);
                return Err(io::Error::other(TakenAway::Replaced));
            }
            if metadata.len() < state.length {
                self.lose(&mut state, TakenAway::Cut);
                return Err(io::Error::other(TakenAway::Cut));
            }
            let (file, is_writable) = (Arc::new(file), access != Access::Read);
            let stamp = self.pool.opened(Weak::clone(&self.itself));
            state.open = Some(Open { file, is_writable, stamp });
        }
        Ok(state)
    }
}

fn sync(file: &File, only_data: bool) -> io::Result<()> {
    if only_data { file.sync_data() } else { file.sync_all() }
}

/// The file of a state that has it open.
fn in_use(state: &State, access: Access) -> io::Result<&Arc<File>> {
    state.file(access).ok_or_else(|| Errno::BADF.into())
}

impl Drop for DataHandle {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(open) = state.open.take() {
            self.pool.closed(open.stamp);
        }
    }
}

/// An open data file.
#[derive(Debug)]
pub(super) struct Lent {
    handle: Arc<DataHandle>,
    file: Arc<File>,
}

impl Deref for Lent {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        lock(&self.handle.state).users -= 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::storage::native::Create;

    /// The kernel takes for written what it could not write: the sync after a failed one ends well.
    #[test]
    fn a_failure_that_only_the_pool_was_told_is_told_by_the_next_sync() {
        let directory = tempfile::TempDir::new().unwrap();
        let directory = Arc::new(Directory::open(directory.path(), Create::No).unwrap());
        let handle = DataHandle::new(directory, FileId::FIRST, Arc::new(Pool::new(8)));
        handle.create().unwrap();
        lock(&handle.state).failure = Some(Errno::IO.into());
        assert!(handle.sync_and_close());
        assert_eq!(Errno::from_io_error(&handle.sync(1).unwrap_err().1), Some(Errno::IO));
        handle.sync(1).unwrap();
    }
}

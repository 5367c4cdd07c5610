//! One data file, open or closed for the moment: it is closed when there are many, and the next use opens it again.

use std::{
    io,
    sync::{Arc, Mutex},
};

use forebay_core::storage::TakenAway;
use wasip2::{clocks::monotonic_clock, filesystem::types::Descriptor};

use super::{
    directory::{Access, Directory},
    errno::again,
    file::{length, lock, read_full, to_u64, write_all},
};

/// How often the file is looked at by its name while it is written to.
const LOOK_INTERVAL_NS: u64 = 10_000_000;

/// A data file.
#[derive(Debug)]
pub(super) struct DataFile {
    directory: Arc<Directory>,
    name: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    /// Its length, as far as it is known from what was written or cut by this owner.
    length: u64,
    /// How often it was changed by this owner.
    changes: u64,
    /// How many of the changes the last good sync has covered.
    synced: Option<u64>,
    /// Its length was set, which a sync of data alone need not cover.
    is_cut: bool,
    standing: Standing,
    looked_ns: Option<u64>,
}

#[derive(Debug)]
struct Open {
    file: Arc<Descriptor>,
    is_writable: bool,
}

/// Whether a file is still the buffer's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Held,
    /// The buffer removes it.
    Released,
    /// Another program has taken it away.
    Lost(TakenAway),
}

impl DataFile {
    /// A file that is there, or is to be made. It is opened when it is needed.
    pub(super) fn new(directory: Arc<Directory>, name: String) -> Arc<Self> {
        Arc::new(Self { directory, name, state: Mutex::default() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Makes the file.
    pub(super) fn create(&self) -> io::Result<()> {
        self.opened(Access::CreateNew)?;
        lock(&self.state).changes += 1;
        Ok(())
    }

    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        read_full(&*self.opened(Access::Read)?, offset, into)
    }

    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.look_if_due()?;
        let file = self.opened(Access::ReadWrite)?;
        // A failed call may have written some of it all the same.
        lock(&self.state).changes += 1;
        write_all(&file, bytes, at)?;
        let mut state = lock(&self.state);
        state.length = state.length.max(at.saturating_add(to_u64(bytes.len())));
        Ok(())
    }

    fn look_if_due(&self) -> io::Result<()> {
        let now_ns = monotonic_clock::now();
        let looked_ns = lock(&self.state).looked_ns;
        if looked_ns.is_some_and(|looked| now_ns.saturating_sub(looked) < LOOK_INTERVAL_NS) {
            return Ok(());
        }
        lock(&self.state).looked_ns = Some(now_ns);
        self.must_be_as_written()
    }

    pub(super) fn set_length(&self, length: u64) -> io::Result<()> {
        let file = self.opened(Access::ReadWrite)?;
        {
            let mut state = lock(&self.state);
            state.changes += 1;
            state.is_cut = true;
            // Should it fail, either length may be that of the file.
            state.length = state.length.min(length);
        }
        again(|| file.set_size(length))
    }

    /// How many changes a sync covers that is made ready now.
    pub(super) fn changes(&self) -> u64 {
        lock(&self.state).changes
    }

    /// The buffer is about to remove the file: no sync of it is of use any more.
    pub(super) fn release(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.must_be_held()?;
        state.standing = Standing::Released;
        state.open = None;
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
        if lock(&self.state).standing == Standing::Released {
            return Ok(());
        }
        self.sync_bytes(covers)?;
        self.must_have_name().map_err(|error| ("sync", error))
    }

    fn sync_bytes(&self, covers: u64) -> Result<(), (&'static str, io::Error)> {
        lock(&self.state).must_be_held().map_err(|error| ("sync", error))?;
        if lock(&self.state).synced.is_some_and(|synced| synced >= covers) {
            return Ok(());
        }
        let file = self.opened(Access::Read).map_err(|error| ("open", error))?;
        let (changes, only_data) = {
            let state = lock(&self.state);
            // A file that was not written to by this owner may have been cut before.
            (state.changes, state.changes > 0 && !state.is_cut)
        };
        again(|| if only_data { file.sync_data() } else { file.sync() }).map_err(|error| ("sync", error))?;
        let mut state = lock(&self.state);
        state.synced = state.synced.max(Some(changes));
        Ok(())
    }

    /// Fails if the file was written to, and another program has taken it away or cut it since.
    pub(super) fn must_be_as_written(&self) -> io::Result<()> {
        let is_ours = |state: &State| state.changes > 0 && state.standing == Standing::Held;
        let is_ours = is_ours(&lock(&self.state));
        if is_ours { self.must_have_name() } else { Ok(()) }
    }

    /// What was written to this file must be found by its name.
    fn must_have_name(&self) -> io::Result<()> {
        let file = lock(&self.state).open.as_ref().map(|open| Arc::clone(&open.file));
        let found = match file {
            Some(file) => self.directory.must_lead_to(&self.name, &file),
            None => match self.directory.stat(&self.name)? {
                Some(found) => Ok(found.size),
                None => Err(io::Error::other(TakenAway::File)),
            },
        };
        let mut state = lock(&self.state);
        match found {
            Ok(length) if length >= state.length => Ok(()),
            Ok(_) => {
                state.lose(TakenAway::Cut);
                Err(io::Error::other(TakenAway::Cut))
            }
            Err(error) => {
                if let Some(how) = error.get_ref().and_then(|error| error.downcast_ref::<TakenAway>()) {
                    state.lose(*how);
                }
                Err(error)
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.state).open.is_some()
    }

    /// Closes the file if no change waits for a sync: what a sync is told of a failed write, another descriptor may not be.
    pub(super) fn close_if_clean(&self) {
        let mut state = lock(&self.state);
        if state.changes <= state.synced.unwrap_or(0) {
            state.open = None;
        }
    }

    /// The file, open.
    pub(super) fn opened(&self, access: Access) -> io::Result<Arc<Descriptor>> {
        let mut state = lock(&self.state);
        state.must_be_held()?;
        if let Some(open) = state.open.as_ref().filter(|open| open.is_writable || access == Access::Read) {
            return Ok(Arc::clone(&open.file));
        }
        let file = Arc::new(self.directory.open_file(&self.name, access)?);
        if length(&file)? < state.length {
            state.lose(TakenAway::Cut);
            return Err(io::Error::other(TakenAway::Cut));
        }
        state.open = Some(Open { file: Arc::clone(&file), is_writable: access != Access::Read });
        Ok(file)
    }
}

impl State {
    fn must_be_held(&self) -> io::Result<()> {
        match self.standing {
            Standing::Held => Ok(()),
            Standing::Released => Err(io::ErrorKind::NotFound.into()),
            Standing::Lost(how) => Err(io::Error::other(how)),
        }
    }

    /// Another program has taken the file away. What is still open of it is not read either.
    fn lose(&mut self, how: TakenAway) {
        if self.standing == Standing::Held {
            self.standing = Standing::Lost(how);
            self.open = None;
        }
    }
}

//! From arguments to a buffer. Whatever can be wrong with them is found before anything is touched on the disk.

use std::path::Path;

use anyhow::anyhow;
use forebay::{Buffer, Builder, Component, Locked, OpenError, Options, RecordId, engine::Summary};
use tracing::warn;

use crate::{
    args::{BufferArgs, Term},
    limits, options, place, remembered,
};

/// Below this size of a data file, making and removing files costs more than writing to them.
const SMALL_FILE_BYTES: u64 = 64 << 10;

/// How a command opens its buffer.
pub(crate) struct Opening {
    options: Options,
    must_exist: bool,
    /// The logic that was chosen, and its SHA-256.
    component: Option<(Component, String)>,
}

impl Opening {
    /// The directory is made if need be.
    pub(crate) fn create(args: &BufferArgs) -> anyhow::Result<Self> {
        Self::new(args, false)
    }

    /// The directory must be there.
    pub(crate) fn existing(args: &BufferArgs) -> anyhow::Result<Self> {
        Self::new(args, true)
    }

    fn new(args: &BufferArgs, must_exist: bool) -> anyhow::Result<Self> {
        let options = options::of(args)?;
        let component = match &args.component {
            Some(file) => Some((Component::from_file(file)?, Summary::of_file(file)?.sha256)),
            None => None,
        };
        Ok(Self { options, must_exist, component })
    }

    /// The SHA-256 of the logic that was chosen; `None` for the one that is built in.
    pub(crate) fn component(&self) -> Option<&str> {
        self.component.as_ref().map(|(_, sha256)| sha256.as_str())
    }

    /// Takes the directory.
    pub(crate) fn lock(&self, dir: &Path) -> anyhow::Result<Locked> {
        if !self.must_exist {
            place::must_be_free(dir)?;
        }
        limits::must_have_address_space()?;
        let builder = self.builder(dir);
        Ok(builder.lock()?)
    }

    fn builder(&self, dir: &Path) -> Builder {
        let builder = Buffer::builder_with(dir, self.options);
        let builder = if self.must_exist { builder.must_exist() } else { builder };
        match &self.component {
            Some((component, _)) => builder.component(component.clone()),
            None => builder,
        }
    }

    /// Opens the buffer in a directory that was taken.
    pub(crate) fn open(&self, dir: &Path, args: &BufferArgs, mut locked: Locked) -> anyhow::Result<Buffer> {
        if let Some(now) = remembered::recall_again(dir, args)? {
            locked.set_options(options::of(&now)?)?;
        }
        self.warn(args);
        let buffer = locked.open().map_err(|error| about(error, dir, args))?;
        let is_new = || buffer.status().is_some_and(|status| status.next_id == RecordId::FIRST);
        if !self.must_exist && !args.chosen.is_empty() && is_new() {
            remembered::remember_first(dir, args);
        }
        Ok(buffer)
    }

    fn warn(&self, args: &BufferArgs) {
        let file_size = self.options.file_bytes;
        if !self.must_exist
            && let Some(limit) = limits::file_bytes().filter(|limit| *limit < file_size)
        {
            warn!(
                file_size,
                limit,
                "this process may not make files that long (ulimit -f, LimitFSIZE): writing ends at the limit as on a full \
                 disk; choose a smaller --file-size"
            );
        }
        // A command that goes by what the buffer remembers has chosen nothing.
        let is_chosen = [Term::FileSize, Term::MaxSize].iter().any(|term| args.chosen.contains(term));
        if file_size < SMALL_FILE_BYTES && is_chosen && !args.small_files {
            warn!(
                file_size,
                "data files below 64 KiB cost more to make and remove than to write: choose a larger --file-size"
            );
        }
    }
}

/// Takes and opens a buffer that no other process is to share meanwhile.
pub(crate) fn alone(dir: &Path, args: &BufferArgs, opening: &Opening) -> anyhow::Result<Buffer> {
    opening.open(dir, args, opening.lock(dir)?)
}

/// A user who chose the logic hears which one it was, and what it has done.
fn about(error: OpenError, dir: &Path, args: &BufferArgs) -> anyhow::Error {
    match (&error, &args.component) {
        (OpenError::Logic(reason), Some(component)) => anyhow!(
            "{} does not open the buffer in {}: {reason}; nothing in it is lost: open it without --component, or with \
             other logic",
            component.display(),
            dir.display()
        ),
        _ => error.into(),
    }
}

//! The limit that a shell or a service manager puts on the length of files: `ulimit -f`, `LimitFSIZE`.

use std::sync::{Arc, atomic::AtomicBool};

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit};
use signal_hook::{consts::SIGXFSZ, flag};

/// From now on a write beyond the limit is an error, `EFBIG`, and does not kill the process. A child process starts without
/// this.
pub(crate) fn survive() -> anyhow::Result<()> {
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .map(drop)
        .context("cannot listen for the signal that a file is too long")
}

/// The limit in bytes, if there is one.
pub(crate) fn file_bytes() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// What a message about a full disk adds where the limit may be the reason.
pub(crate) fn remark() -> String {
    file_bytes().map_or_else(String::new, |bytes| {
        format!("; or a file has reached {bytes} bytes, the limit of this process (ulimit -f, LimitFSIZE): raise it")
    })
}

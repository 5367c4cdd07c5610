//! Limits that a shell or a service manager puts on the process: on the length of files (`ulimit -f`, `LimitFSIZE`), and on
//! its address space (`ulimit -v`, `LimitAS`).

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

/// What the command needs: the sandbox reserves 4 GiB of addresses for the logic's memory, and guards around it.
const ADDRESS_BYTES_MIN: u64 = 5 << 30;

/// Refuses a limit on the address space under which the logic cannot run, or only until the first large allocation, which
/// would end the process.
pub(crate) fn must_have_address_space() -> anyhow::Result<()> {
    match getrlimit(Resource::As).current {
        Some(bytes) if bytes < ADDRESS_BYTES_MIN => anyhow::bail!(
            "the address space of this process is limited to {bytes} bytes (ulimit -v, LimitAS): the sandbox of the buffer's \
             logic reserves 4 GiB of it, without using as much memory; allow {ADDRESS_BYTES_MIN} bytes or more, or limit \
             memory by a control group (MemoryMax)"
        ),
        _ => Ok(()),
    }
}

/// The limit on the length of files in bytes, if there is one.
pub(crate) fn file_bytes() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// What a message about a full disk adds where the limit may be the reason.
pub(crate) fn remark() -> String {
    file_bytes().map_or_else(String::new, |bytes| {
        format!("; or a file has reached {bytes} bytes, the limit of this process (ulimit -f, LimitFSIZE): raise it")
    })
}

//! What to do where a process has no file descriptor left.

use std::{error::Error, fmt, io};

use rustix::io::Errno;

/// Says which limit was reached, and how to raise it.
#[derive(Debug)]
struct Exhausted {
    /// The limit of the process; `None` where that of the system was reached.
    limit: Option<u64>,
    source: io::Error,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(
                f,
                "this process has no file descriptor left of the {limit} that it may have (RLIMIT_NOFILE): raise the limit \
                 with `ulimit -n` or with LimitNOFILE= in its systemd unit, or open fewer files"
            ),
            None => write!(
                f,
                "the system has no file descriptor left: raise fs.file-max with sysctl, or have other processes open fewer files"
            ),
        }
    }
}

impl Error for Exhausted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// An error that says what to do, where it is that no descriptor is left; any other as it is.
pub fn explain(error: io::Error) -> io::Error {
    let limit = match Errno::from_io_error(&error) {
        Some(Errno::MFILE) => {
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.or(Some(u64::MAX))
        }
        Some(Errno::NFILE) => None,
        _ => return error,
    };
    io::Error::other(Exhausted { limit, source: error })
}

/// What an error says, and what to do where it is that no descriptor is left.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    let number = match (error.downcast_ref::<io::Error>(), error.downcast_ref::<Errno>()) {
        (Some(error), _) => error.raw_os_error(),
        (None, errno) => errno.map(|errno| errno.raw_os_error()),
    };
    number
        .map_or_else(|| error.to_string(), |number| explain(io::Error::from_raw_os_error(number)).to_string())
}

/// Whether an error is that no descriptor is left.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Exhausted>)
}

//! What a disk has room for, and how long it takes.

use std::{
    fs::File,
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::{
    fs::{Mode, OFlags, fdatasync, fstatvfs, fsync, openat},
    io::retry_on_intr,
};

use super::{Check, Verdict};
use crate::size;

/// Below these a buffer of the default size may meet a full disk.
const ROOM_BYTES_MIN: u64 = 1 << 30;
const INODES_MIN: u64 = 1000;

/// How many syncs are timed, of so many bytes each.
const SYNCS: usize = 20;
const SYNC_BYTES: usize = 4096;

/// Above this a producer that waits for each sync notices.
const SLOW: Duration = Duration::from_millis(50);

/// Looks at the file system that a directory is in.
pub(super) fn check(directory: &File) -> anyhow::Result<Vec<Check>> {
    let mut checks = room(directory)?;
    checks.push(match retry_on_intr(|| fsync(directory)) {
        Ok(()) => Check::new("directory sync", Verdict::Ok, "names of files are made durable"),
        Err(error) => Check::new(
            "directory sync",
            Verdict::Bad,
            format!("it fails ({error}): `written` works here, and `synced` is refused"),
        ),
    });
    checks.push(latency(directory)?);
    Ok(checks)
}

fn room(directory: &File) -> anyhow::Result<Vec<Check>> {
    let found =
        retry_on_intr(|| fstatvfs(directory)).context("cannot ask the file system for its free space")?;
    let bytes = found.f_bavail.saturating_mul(found.f_frsize);
    let room = if bytes < ROOM_BYTES_MIN { Verdict::Note } else { Verdict::Ok };
    let text = format!("{} are free; choose a --max-size below that", size::shown(bytes));
    let mut checks = vec![Check::new("space", room, text)];
    // Some file systems make inodes as they are needed, and state none.
    if found.f_files > 0 {
        let inodes = if found.f_favail < INODES_MIN { Verdict::Note } else { Verdict::Ok };
        checks.push(Check::new(
            "inodes",
            inodes,
            format!("{} are free; each data file takes one", found.f_favail),
        ));
    }
    Ok(checks)
}

/// Times syncs of a file that has no name.
fn latency(directory: &File) -> anyhow::Result<Check> {
    const SUBJECT: &str = "sync";
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let opened = retry_on_intr(|| openat(directory, ".", flags, Mode::RUSR | Mode::WUSR));
    let mut file = match opened {
        Ok(file) => File::from(file),
        Err(error) => {
            let text = format!("not measured: a file without a name cannot be made here ({error})");
            return Ok(Check::new(SUBJECT, Verdict::Note, text));
        }
    };
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0; SYNC_BYTES]).context("cannot write to the disk")?;
        let start = Instant::now();
        retry_on_intr(|| fdatasync(&file)).context("a sync fails on this disk")?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times.get(SYNCS / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or_default();
    let verdict = if median > SLOW { Verdict::Note } else { Verdict::Ok };
    let (median, longest) = (milliseconds(median), milliseconds(longest));
    Ok(Check::new(
        SUBJECT,
        verdict,
        format!("4 KiB take {median} in the median of {SYNCS}, {longest} at the longest"),
    ))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

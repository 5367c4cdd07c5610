//! Where a buffer may be made: in a directory of its own. A mistyped path must not leave data files among a user's documents,
//! where they are taken for rubbish and removed.

use std::{fs, path::Path};

use crate::print;

/// How the names of a buffer's files begin, Vector's and ours.
const OF_A_BUFFER: [&str; 9] = [
    "buffer.db",
    "buffer.lock",
    "buffer-data-",
    "buffer.forebay",
    "buffer.dead-letters",
    "buffer.quarantine",
    "buffer.sock",
    "buffer.options",
    "buffer.filling",
];

/// What file systems and tools put into directories that count as empty.
const OF_NO_USER: [&str; 8] =
    ["lost+found", ".snapshot", ".snapshots", ".DS_Store", ".directory", ".gitignore", ".gitkeep", ".keep"];

/// What NFS puts in the place of a file that was removed while it was open.
const REMOVED_ON_NFS: &str = ".nfs";

/// Refuses a directory that holds other files and no buffer. One that is not there, or cannot be listed, is for the opening.
pub(crate) fn must_be_free(dir: &Path) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    let (mut first, mut others) = (None, 0_u64);
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if OF_A_BUFFER.iter().any(|start| name.starts_with(start)) {
            return Ok(());
        }
        if !OF_NO_USER.contains(&&*name) && !name.starts_with(REMOVED_ON_NFS) {
            others += 1;
            first.get_or_insert_with(|| name.into_owned());
        }
    }
    let Some(first) = first else { return Ok(()) };
    let more = match others - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    anyhow::bail!(
        "{dir} holds no buffer, but other files ({first}{more}): no buffer is made among them; name a directory of its own, \
         such as {within}",
        dir = print::path(dir),
        within = print::path(&dir.join("queue"))
    )
}

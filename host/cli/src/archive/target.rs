//! The file that an archive is written to.

use std::{
    ffi::OsString,
    fs::{self, File, FileType},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};

use crate::print;

/// A file that gets its name when it is whole. Unless it is finished it is removed.
pub(super) struct Target {
    file: Option<BufWriter<File>>,
    part: PathBuf,
    path: PathBuf,
}

impl Target {
    pub(super) fn make(path: &Path) -> anyhow::Result<Self> {
        if let Ok(found) = path.symlink_metadata() {
            anyhow::bail!("{}", in_the_way(path, found.file_type()));
        }
        let mut part: OsString = path.to_owned().into();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create_new(&part).map_err(|error| cannot_make(path, &part, error))?;
        Ok(Self { file: Some(BufWriter::new(file)), part, path: path.to_owned() })
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write the archive {}", self.path.display());
        let file = self.file.take().context("the archive is open until now")?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(cannot)?;
        file.sync_all().with_context(cannot)?;
        fs::rename(&self.part, &self.path).with_context(cannot)?;
        let above = self.path.parent().filter(|above| !above.as_os_str().is_empty());
        // Where a folder cannot be synced, the name is durable a little later.
        let _ = File::open(above.unwrap_or(Path::new("."))).and_then(|above| above.sync_all());
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.file.is_some() {
            // What is left has a name that says what it is.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Why an archive does not take the place of what is there, and what to do.
fn in_the_way(path: &Path, found: FileType) -> String {
    let shown = print::path(path);
    if found.is_dir() {
        // Not in it: it may be the buffer's own.
        let beside = path.file_name().map_or_else(|| "queue.dump".into(), |_| path.with_extension("dump"));
        return format!("{shown} is a directory: name a file, such as {}", print::path(&beside));
    }
    if found.is_file() || found.is_symlink() {
        return format!("{shown} is there already: name another file, or move that one away");
    }
    format!("{shown} is no regular file: leave out --output, and redirect standard output to it")
}

fn cannot_make(path: &Path, part: &Path, error: io::Error) -> anyhow::Error {
    let (shown, part) = (print::path(path), print::path(part));
    let above = path.parent().map(print::path).unwrap_or_default();
    let why = match error.kind() {
        ErrorKind::NotFound => format!("there is no directory {above}: make it first, or name another file"),
        ErrorKind::NotADirectory => format!("{above} is not a directory: name another file"),
        ErrorKind::AlreadyExists => {
            format!(
                "{part} is there already: another dump is writing it, or a killed one has left it; in the second case remove it"
            )
        }
        _ => return anyhow!(error).context(format!("cannot make the archive {shown}: cannot make {part}")),
    };
    anyhow!("cannot make the archive {shown}: {why}")
}

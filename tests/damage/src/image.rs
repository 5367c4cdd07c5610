//! The files of a directory, in memory: to put them back, and to see what a process has changed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context as _, Result};

/// The ledger's file.
pub const LEDGER: &str = "buffer.db";
/// The sidecar.
pub const SIDECAR: &str = "buffer.forebay";

/// The name of a data file.
pub fn data_file(number: u16) -> String {
    format!("buffer-data-{number}.dat")
}

/// The number of a data file with this name.
fn data_file_number(name: &str) -> Option<u16> {
    name.strip_prefix("buffer-data-")?.strip_suffix(".dat")?.parse().ok()
}

/// One file.
#[derive(Clone, Debug)]
struct Entry {
    bytes: Arc<Vec<u8>>,
    modified: SystemTime,
}

/// The names of all files in a directory and the folders in it, each behind the name of its folder.
fn names(directory: &Path, folder: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let place = directory.join(folder);
    for entry in fs::read_dir(&place).with_context(|| format!("cannot list {}", place.display()))? {
        let entry = entry?;
        let name = format!("{folder}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            found.extend(names(directory, &format!("{name}/"))?);
        } else {
            found.push(name);
        }
    }
    Ok(found)
}

/// All files of a directory, by name.
#[derive(Clone, Debug, Default)]
pub struct Image(BTreeMap<String, Entry>);

impl Image {
    /// Reads a directory, and the folders in it. Files that are the same in `before` share its memory.
    pub fn read(directory: &Path, before: &Self) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in names(directory, "")? {
            let path = directory.join(&name);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let modified = path.metadata()?.modified()?;
            let shared = before.0.get(&name).filter(|known| *known.bytes == bytes);
            let bytes = shared.map_or_else(|| Arc::new(bytes), |known| Arc::clone(&known.bytes));
            files.insert(name, Entry { bytes, modified });
        }
        Ok(Self(files))
    }

    /// Makes the directory hold these files and no others. The directory itself stays, because the sidecar names its inode and the
    /// time when it was made. Files get the times of their last change
    /// back, because damage at rest leaves no trace there.
    pub fn put(&self, directory: &Path) -> Result<()> {
        for name in names(directory, "")?.iter().filter(|name| !self.0.contains_key(*name)) {
            fs::remove_file(directory.join(name))?;
        }
        for (name, entry) in &self.0 {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(&path, &*entry.bytes).with_context(|| format!("cannot write {}", path.display()))?;
            File::options().write(true).open(&path)?.set_modified(entry.modified)?;
        }
        Ok(())
    }

    /// The names of files that are not the same in both, or not in both.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names = self.0.keys().chain(other.0.keys().filter(|name| !self.0.contains_key(*name)));
        names.filter(|name| self.bytes(name) != other.bytes(name)).cloned().collect()
    }

    /// The bytes of a file; `None` if there is none.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|entry| entry.bytes.as_slice())
    }

    /// Gives a file these bytes. It keeps the time of its last change.
    pub fn set(&mut self, name: &str, bytes: Vec<u8>) {
        let modified = self.0.get(name).map_or(SystemTime::UNIX_EPOCH, |entry| entry.modified);
        self.0.insert(name.to_owned(), Entry { bytes: Arc::new(bytes), modified });
    }

    /// Takes a file from another image, with the time of its last change. Removes it if the other has none.
    pub fn take(&mut self, name: &str, from: &Self) {
        match from.0.get(name) {
            Some(entry) => self.0.insert(name.to_owned(), entry.clone()),
            None => self.0.remove(name),
        };
    }

    /// Removes a file.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The data files by number, which is their reading order: no directory here wraps around the ring.
    pub fn data_files(&self) -> BTreeMap<u16, &[u8]> {
        self.0
            .iter()
            .filter_map(|(name, entry)| Some((data_file_number(name)?, entry.bytes.as_slice())))
            .collect()
    }
}

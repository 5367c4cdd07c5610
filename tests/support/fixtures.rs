//! Vector's own directories, and what is in them: see `tests/fixtures/README.md`.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A file of the project, by its path from the root.
pub fn project_file(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().find(|directory| directory.join("Cargo.lock").is_file());
    root.expect("the lock file is in the root").join(path)
}

/// Where a fixture lies. Not to be opened: that changes it.
pub fn original(name: &str) -> PathBuf {
    project_file("tests/fixtures/vector-disk-v2").join(name)
}

/// A copy of a fixture.
pub fn copy(name: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    for entry in fs::read_dir(original(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    directory
}

/// The payload of the record with this number, which is also its id.
pub fn payload(number: u64) -> Vec<u8> {
    let repeated = usize::try_from(number % 7).unwrap();
    format!("record-{number:04}:{}", "abcdefghij".repeat(repeated)).into_bytes()
}

/// The names and bytes of all files in a directory and below it, so that two can be compared. The name of a directory
/// ends with a slash.
pub fn contents(directory: impl AsRef<Path>) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_socket() {
            // An address, which comes and goes with the process that serves the buffer.
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            let below = self::contents(entry.path()).into_iter();
            contents.extend(below.map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
            contents.insert(format!("{name}/"), Vec::new());
        } else {
            contents.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    contents
}

/// What was done to a directory of Vector's.
pub struct History {
    pub name: &'static str,
    pub written: u64,
    pub acknowledged: usize,
    pub file_bytes: u64,
}

const DEFAULT_FILE_BYTES: u64 = 128 << 20;

/// What was done to those of Vector's directories that nothing has damaged.
pub const HISTORIES: [History; 5] = [
    History { name: "empty", written: 0, acknowledged: 0, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "w100_r0", written: 100, acknowledged: 0, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "w100_r40", written: 100, acknowledged: 40, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "w100_r100", written: 100, acknowledged: 100, file_bytes: DEFAULT_FILE_BYTES },
    History { name: "multifile_w600_r150_4k", written: 600, acknowledged: 150, file_bytes: 4096 },
];

/// The directory holds what the fixture does, byte for byte, and what Forebay remembers beyond that.
#[track_caller]
pub fn assert_same(directory: &Path, name: &str) {
    let (mut ours, vectors) = (contents(directory), contents(original(name)));
    // What we remember beyond Vector's format is in a file that Vector does not look at.
    assert!(ours.remove("buffer.forebay").is_some(), "{name}");
    assert_eq!(ours.keys().collect::<Vec<_>>(), vectors.keys().collect::<Vec<_>>(), "{name}");
    for (file, bytes) in &ours {
        assert!(*bytes == vectors[file], "{name}: {file} differs");
    }
}

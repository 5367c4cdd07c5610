//! Vector's own directories, and what is in them: see `tests/fixtures/README.md`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The names of all of them.
pub const ALL: [&str; 7] = [
    "empty",
    "w100_r0",
    "w100_r40",
    "w100_r100",
    "multifile_w600_r150_4k",
    "w100_r0_torn_tail",
    "w100_r0_bitflip",
];

/// A file of the project, by its path from the root.
pub fn project_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
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

/// The payloads of these records as `forebay read` prints them.
pub fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| [payload(number), b"\n".to_vec()].concat()).collect()
}

/// The names and bytes of all files in a directory and below it, so that two can be compared. The name of a directory
/// ends with a slash.
pub fn contents(directory: impl AsRef<Path>) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
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

//! What checks stand on: lines, directories, and what is in them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Result, ensure};

/// So many lines, each with its number, some of them long and one of them empty.
pub(crate) fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
    let line = |number: usize| match number % 50 {
        7 => String::new(),
        11 => format!("{number} {}", "long ".repeat(number % 97 * 10)),
        _ => format!("{number} is the number of this line"),
    };
    numbers.map(line).collect()
}

/// Every file below a directory, by its path.
pub(crate) fn contents(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            found.extend(
                contents(&entry.path())?.into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else if entry.file_type()?.is_file() {
            found.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(found)
}

/// Copies the files of a directory into a new one.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for (name, bytes) in contents(from)? {
        fs::write(to.join(name), bytes)?;
    }
    Ok(())
}

/// Fails with the first line that is not as expected.
pub(crate) fn must_be(found: &[String], expected: &[String]) -> Result<()> {
    let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
    if let Some(at) = differs {
        let line =
            |lines: &[String]| lines.get(at).map_or(String::new(), |line| line.chars().take(40).collect());
        anyhow::bail!("line {at} is {:?}, where it should be {:?}", line(found), line(expected));
    }
    ensure!(found.len() == expected.len(), "{} lines, where there should be {}", found.len(), expected.len());
    Ok(())
}

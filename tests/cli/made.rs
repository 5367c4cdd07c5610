//! That what is made on the disk is there after a power loss, by what the binary asks the kernel for.

use std::fs;

use tempfile::TempDir;

use crate::support::{cli::by_strace, tools::is_there};

/// What a traced process asked for, in its order.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// A name was made in a directory.
    Made(String),
    Synced(String),
    Answered,
}

/// A line of `strace -y`; `None` if it is of something else.
fn asked(line: &str) -> Option<Asked> {
    let (_, call) = line.split_once(' ')?;
    let call = call.trim_start();
    let (name, arguments) = call.split_once('(')?;
    let path = || Some(arguments.split_once('<')?.1.split_once('>')?.0.to_owned());
    match name {
        "mkdirat" | "renameat" => path().map(Asked::Made),
        "fsync" => path().map(Asked::Synced),
        "write" if arguments.contains("/answer>, \"1\\n\"") => Some(Asked::Answered),
        _ => None,
    }
}

/// A directory or a ledger whose name is not on the disk takes with it all that was answered as synced. The directory above
/// is synced for each, before the first answer. In memory the disk is simulated; this is about the calls to the real one.
#[test]
fn pain_25766_each_name_that_is_made_is_synced_before_the_first_answer() {
    if !is_there("strace") {
        return;
    }
    let above = TempDir::new().unwrap();
    let [log, answer, input] = ["log", "answer", "input"].map(|name| above.path().join(name));
    fs::write(&input, "a record\n").unwrap();
    let own = ["-y", "-e", "trace=mkdirat,renameat,fsync,write", "-o", log.to_str().unwrap()];
    let buffer = above.path().join("made/by/it");
    let mut strace =
        by_strace(&own, &["write", buffer.to_str().unwrap(), "--confirm", "--durability=synced"]);
    strace.stdin(fs::File::open(&input).unwrap()).stdout(fs::File::create(&answer).unwrap());
    let ended = strace.output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let calls = fs::read_to_string(&log).unwrap();
    assert_eq!(fs::read_to_string(&answer).unwrap(), "1\n");
    let calls: Vec<Asked> = calls.lines().filter_map(asked).collect();
    let answered = calls.iter().position(|call| *call == Asked::Answered).expect("it answered");
    let above = above.path().canonicalize().unwrap();
    for below in ["", "made", "made/by", "made/by/it"] {
        // Without a slash at its end.
        let path: std::path::PathBuf = above.join(below).components().collect();
        let path = path.to_str().unwrap().to_owned();
        let made = calls.iter().position(|call| *call == Asked::Made(path.clone()));
        let made = made.unwrap_or_else(|| panic!("nothing was made in {path}: {calls:?}"));
        let synced = calls[made..answered].contains(&Asked::Synced(path.clone()));
        assert!(synced, "what was made in {path} is not synced: {calls:?}");
    }
}

//! The suite itself is tried: a binary that does one thing wrong must be found out.
//!
//! Scripts stand in for the binary. They are written before any process runs, so this is the only test of its program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use damage::{
    base::{Base, BaseKey, FileSize},
    binary::Binary,
    generator::{Case, base_of},
    ledger::State,
    looks::Looks,
    verdict::{Failure, Verdict},
};

const SEED: u64 = 7;
/// Of the first directories, in which records come whatever is damaged: those with an intact ledger.
const NUMBERS: std::ops::Range<u64> = 0..8;

/// What a script does in the place of one command, and what is to be found.
const SCRIPTS: [(&str, &str, Failure); 10] = [
    ("read", r#""$real" "$@" | sed '$p'"#, Failure::Invents),
    (
        "read",
        r#""$real" "$@" | sed -E '$s/"payload(_base64)?":"[^"]*"/"payload_base64":"AAAA"/'"#,
        Failure::Invents,
    ),
    (
        "read",
        r#"case "$*" in *--peek*) "$real" "$@" | sed '$d';; *) exec "$real" "$@";; esac"#,
        Failure::LooksDiffer,
    ),
    (
        "read",
        r#"case "$*" in *--peek*) exec "$real" "$@";; *) "$real" "$@"; exit 2;; esac"#,
        Failure::ReaderStops,
    ),
    ("read", "exit 2", Failure::DoesNotOpen),
    ("read", r"kill -9 $$", Failure::Crashes),
    ("read", r#""$real" "$@"; echo 'forebay: lost 99999 records: it says' >&2"#, Failure::OverstatesLoss),
    (
        "verify",
        r#""$real" "$@" | sed -E 's/"lost_records":[0-9]+/"lost_records":4711/'"#,
        Failure::VerifyDisagrees,
    ),
    ("write", r#""$real" "$@" >/dev/null; exit 1"#, Failure::RefusesWrites),
    ("write", r#""$real" "$@"; "$real" read "$6" --count 1 >/dev/null 2>&1; exit 0"#, Failure::WriteHides),
];

/// Drops the last record of every look.
const DROPS: &str = r#""$real" "$@" | sed '$d'"#;
/// Leaves a file behind.
const LITTERS: &str = r#"touch "$2/litter"; exec "$real" "$@""#;

fn script(folder: &Path, name: &str, real: &Path, command: &str, body: &str) -> PathBuf {
    let path = folder.join(name);
    let text = format!(
        "#!/bin/sh\nreal='{}'\ncase \"$1\" in\n{command}) {body} ;;\n*) exec \"$real\" \"$@\" ;;\nesac\n",
        real.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A suite that does not see what it is there to see is worse than none.
#[test]
fn a_binary_that_does_one_thing_wrong_is_found_out() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let cache = root.path().join("cache");
    let real = Binary::find(cache.clone()).unwrap();
    let script = |name: &str, command, body| script(root.path(), name, real.path(), command, body);
    let scripts: Vec<(PathBuf, Failure)> = SCRIPTS
        .iter()
        .enumerate()
        .map(|(number, &(command, body, failure))| (script(&number.to_string(), command, body), failure))
        .collect();
    let (drops, litters) = (script("drops", "read", DROPS), script("litters", "verify", LITTERS));
    let broken = |path: &Path| Binary::at(path, cache.clone()).unwrap();

    // Frames that all are in one piece: whatever is wrong then is the script's doing.
    let base = Base::make(&real, root.path(), SEED, BaseKey { size: FileSize::Small, number: 0 }).unwrap();
    let mut found = vec![0; scripts.len()];
    let cases = NUMBERS.map(|number| Case::generate(&base, SEED, number));
    for case in cases.filter(|case| case.states.ledger == State::Intact) {
        assert_eq!(base_of(case.number), base.key);
        let look = |binary: &Binary| Looks::take(binary, &base, &case.image).unwrap();
        let right = look(&real);
        let right_verdict = Verdict::of(&case, &right).unwrap();
        for (at, (path, failure)) in scripts.iter().enumerate() {
            let verdict = Verdict::of(&case, &look(&broken(path))).unwrap();
            let failures = &verdict.failures;
            let is_told = failures.contains(failure);
            // Where a reader stops, `verify` is not compared with it.
            let may_miss = *failure == Failure::VerifyDisagrees && failures.contains(&Failure::ReaderStops);
            assert!(is_told || may_miss, "{failure:?} was not seen in {}", case.description());
            found[at] += usize::from(is_told && !right_verdict.failures.contains(failure));
        }
        let dropped = Verdict::of(&case, &look(&broken(&drops))).unwrap().judgement;
        let expected = right_verdict.judgement.not_delivered + 1;
        assert_eq!(dropped.not_delivered, expected, "{}", case.description());
        let littered = look(&broken(&litters));
        assert!(littered.changed.contains(&"litter".to_owned()), "{:?}", littered.changed);
        assert!(!right.changed.contains(&"litter".to_owned()), "{:?}", right.changed);
    }
    assert!(found.iter().all(|&found| found > 0), "what a script does wrong is wrong in any case: {found:?}");
}

//! With few file descriptors a command works or says what to do, and nothing is lost.

use crate::{
    Place,
    support::{
        cli::{Ended, by_shell, run_command},
        fixtures,
    },
};

/// More than a command needs.
const ENOUGH: u32 = 40;

/// Fewer than the command needs to open its buffer.
const FEW: u32 = 8;

/// Runs the binary with no more descriptors than this.
fn run_with_descriptors(limit: u32, arguments: &[&str], stdin: &[u8]) -> Ended {
    run_command(&mut by_shell(&format!("ulimit -n {limit}; exec \"$0\" \"$@\""), arguments), stdin)
}

/// It names the limit and what to do.
fn is_explained(ended: &Ended, limit: u32) -> bool {
    let words = [format!("the {limit} that it may have (RLIMIT_NOFILE)"), "ulimit -n".to_owned()];
    ended.code == Some(2) && words.iter().all(|word| ended.stderr.contains(word))
}

/// An operator who reads "too many open files" does not know which limit it is, nor of what.
#[test]
fn opening_with_too_few_descriptors_names_the_limit_and_the_remedy() {
    let place = Place::with_lines(b"one\n");
    for command in ["read", "status", "verify"] {
        let ended = run_with_descriptors(FEW, &[command, &place.path], b"");
        assert!(
            is_explained(&ended, FEW) || command != "read" && ended.code == Some(0),
            "{command}: {ended}"
        );
    }
    let ended = run_with_descriptors(FEW, &["write", &place.path], b"two\n");
    assert!(is_explained(&ended, FEW), "{ended}");
}

/// A file that cannot be opened for want of a descriptor is there. Taken for lost, it would be passed, and then removed.
#[test]
fn with_too_few_descriptors_nothing_is_lost() {
    let directory = fixtures::copy("multifile_w600_r150_4k");
    let path = directory.path().to_str().unwrap();
    let all = run_with_descriptors(ENOUGH, &["read", path, "--peek"], b"");
    all.assert_quiet_success();
    let mut explained = 0;
    for limit in 7..ENOUGH {
        let ended = run_with_descriptors(limit, &["read", path, "--peek"], b"");
        let is_all = ended.code == Some(0) && ended.stdout == all.stdout;
        assert!(is_all || is_explained(&ended, limit), "{limit}: {ended}");
        assert!(!ended.stderr.contains("lost"), "{limit}: {ended}");
        explained += u32::from(!is_all);
    }
    assert!(explained > 0, "the limits are too high to test anything");

    let mut taken = Vec::new();
    for limit in 7..ENOUGH {
        let ended = run_with_descriptors(limit, &["read", path], b"");
        assert!(ended.code == Some(0) || is_explained(&ended, limit), "{limit}: {ended}");
        assert!(!ended.stderr.contains("lost"), "{limit}: {ended}");
        taken.extend_from_slice(&ended.stdout);
    }
    assert!(taken == all.stdout, "{} bytes of {}", taken.len(), all.stdout.len());
}

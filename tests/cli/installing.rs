//! What an installation has beside the binary: completions and manual pages.

use std::{fs, process::Command};

use super::Place;
use crate::support::cli::{run, run_command};

/// The commands, by the help.
fn commands() -> Vec<String> {
    let help = run(["--help"]).assert_quiet_success().stdout.clone();
    let help = String::from_utf8(help).unwrap();
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    assert!(names.len() > 10, "{help}");
    names
}

/// A script that a shell cannot read breaks the shell of each user.
#[test]
fn completions_name_every_command_and_bash_reads_them() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]).assert_quiet_success().stdout.clone();
        let script = String::from_utf8(script).unwrap();
        for command in commands() {
            assert!(script.contains(&command), "{shell} lacks {command}");
        }
        assert!(script.contains("max-size"), "{shell}");
        if shell == "bash" {
            let mut bash = Command::new("bash");
            run_command(bash.arg("-n"), script.as_bytes()).assert_quiet_success();
        }
    }
    run(["completions", "tcsh"]).assert_refusal(&["tcsh", "bash", "zsh"]);
}

/// A user who types `man forebay-write` finds what `forebay write --help` says.
#[test]
fn each_command_has_a_manual_page() {
    let place = Place::new();
    run(["man", &place.path]).assert_quiet_success();
    for command in commands().iter().filter(|command| *command != "help") {
        let page = fs::read_to_string(format!("{}/forebay-{command}.1", place.path)).unwrap();
        assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{page}");
        assert!(page.contains("Example"), "{command}");
    }
    let page = run(["man"]).assert_quiet_success().stdout.clone();
    assert_eq!(
        String::from_utf8(page).unwrap(),
        fs::read_to_string(format!("{}/forebay.1", place.path)).unwrap()
    );
    run(["man", "/proc/no-such"]).assert_refusal(&["/proc/no-such", "manual pages"]);
}

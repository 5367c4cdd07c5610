//! Options that a buffer remembers: `forebay init`, the first write, flags and environment.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::json;

use super::{Place, overlong::serve, seq};
use crate::support::cli::{Running, forebay, run, run_command, status};

impl Place {
    fn options(&self) -> String {
        fs::read_to_string(Path::new(&self.path).join("buffer.options")).unwrap()
    }
}

/// A buffer that was capped must stay so: the next command is written by another person, in another script.
#[test]
fn the_first_write_remembers_what_was_chosen_for_it() {
    let place = Place::new();
    place.write(&["--max-size=256KiB", "--when-full=reject"], &seq(1..=10)).assert_quiet_success();
    let options = place.options();
    assert!(
        options.contains("max-size = \"256KiB\"\n") && options.contains("when-full = \"reject\"\n"),
        "{options}"
    );
    assert!(!options.contains("sync-interval"), "a default is not chosen: {options}");
    let ended = place.write(&[], &seq(1..=30_000));
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(status(&place.path)["bytes"].as_u64().unwrap() <= 256 << 10);
    assert_eq!(place.options(), options);
}

/// Nothing is in the way of a user who chooses nothing.
#[test]
fn a_write_without_options_leaves_no_file() {
    let place = Place::with_lines(b"one\n");
    assert!(!Path::new(&place.path).join("buffer.options").exists());
    place.write(&["--max-size=1MiB"], b"two\n").assert_quiet_success();
    assert!(!Path::new(&place.path).join("buffer.options").exists(), "it is not the first");
}

/// A flag is for one command. A user who gives it must hear that the buffer is otherwise.
#[test]
fn a_flag_goes_before_what_is_remembered_and_says_so() {
    let place = Place::new();
    run(["init", &place.path, "--max-events=5", "--when-full=reject"]).assert_quiet_success();
    let ended = place.write(&["--max-events=8"], &seq(1..=20));
    assert_eq!((ended.code, &status(&place.path)["records"]), (Some(1), &8.into()), "{ended}");
    assert!(ended.stderr.contains("--max-events is 8 for this command; the buffer remembers 5"), "{ended}");
    let place = Place::new();
    run(["init", &place.path, "--max-events=5"]).assert_quiet_success();
    place.write(&["--max-events=5"], b"one\n").assert_quiet_success();
}

/// What `init` makes is a buffer, and a second one changes what it is told to and nothing else.
#[test]
fn init_makes_a_buffer_and_changes_its_options() {
    let place = Place::new();
    let ended = run(["init", &place.path, "--max-size=10MiB", "--format=json"]);
    let expected = json!({ "directory": place.path, "options": { "max-size": "10MiB" } });
    assert_eq!(ended.assert_quiet_success().json(), expected);
    assert_eq!(status(&place.path)["records"], 0);
    run(["verify", &place.path]).assert_quiet_success();
    place.write(&[], b"one\n").assert_quiet_success();
    let ended = run(["init", &place.path, "--durability=synced", "--sync-interval=2s", "--format=json"]);
    assert_eq!(
        ended.assert_quiet_success().json()["options"],
        json!({ "max-size": "10MiB", "durability": "synced", "sync-interval": "2s" })
    );
    let text = run(["init", &place.path]).assert_quiet_success().stdout.clone();
    assert!(String::from_utf8_lossy(&text).contains("option   max-size = 10MiB\n"), "{text:?}");
    assert_eq!(place.read(&[]).assert_quiet_success().stdout, b"one\n");
    // The options alone are no stranger's files.
    let place = Place::new();
    fs::create_dir(&place.path).unwrap();
    fs::write(Path::new(&place.path).join("buffer.options"), "max-events = 3\n").unwrap();
    place.write(&["--when-full=reject"], &seq(1..=2)).assert_quiet_success();
    assert_eq!(place.write(&["--when-full=reject"], &seq(1..=2)).code, Some(1));
}

/// A buffer that another process has keeps the options that it was opened with.
#[test]
fn init_waits_for_no_other_process() {
    let place = Place::with_lines(b"one\n");
    let mut serve = Running::start(&mut forebay(["serve", &place.path]));
    while status(&place.path)["locked"] != true {}
    run(["init", &place.path, "--max-events=5"]).assert_refusal(&["in use", &serve.pid().to_string()]);
    assert!(!Path::new(&place.path).join("buffer.options").exists());
    serve.signal(rustix::process::Signal::TERM);
    serve.wait();
}

/// A client that chooses nothing goes by the owner's options, whatever the buffer remembers.
#[test]
fn what_is_remembered_keeps_no_client_from_its_owner() {
    let place = Place::new();
    run(["init", &place.path, "--max-events=500"]).assert_quiet_success();
    let mut owner = Running::start(&mut forebay(["write", &place.path, "--confirm", "--max-events=600"]));
    owner.feed(b"1\n");
    while owner.next_line().unwrap() != b"1" {}
    place.write(&[], b"2\n").assert_quiet_success();
    let refused = place.write(&["--max-events=500"], b"3\n");
    assert!(
        refused.code == Some(2) && refused.stderr.contains("--max-events is 500 here and 600 there"),
        "{refused}"
    );
    assert_eq!(owner.end().code, Some(0));
}

/// What cannot be read must not be taken for "no limit".
#[test]
fn a_broken_file_is_named_with_what_to_do() {
    for (text, words) in [
        ("max-size = \"lots\"\n", &["line 1", "lots", "64KiB"][..]),
        ("max-events = 5\nwhen-full = \"explode\"\n", &["line 2", "explode", "drop-oldest"]),
        ("max-sise = 5\n", &["line 1", "max-sise", "max-size"]),
        ("max-size = \n", &["line 1"]),
        ("sync-interval = \"5\"\n", &["line 1", "500ms"]),
    ] {
        let place = Place::with_lines(b"one\n");
        let file = Path::new(&place.path).join("buffer.options");
        fs::write(&file, text).unwrap();
        for command in ["write", "read", "pipe", "serve", "init"] {
            let words = [&[file.to_str().unwrap(), "correct the file, or remove it"], words].concat();
            run([command, &place.path]).assert_refusal(&words);
        }
        for command in ["status", "verify"] {
            run([command, &place.path]).assert_quiet_success();
        }
    }
}

/// A container is configured by its environment. A flag goes before it, and it before what is remembered.
#[test]
fn the_environment_chooses_options() {
    let place = Place::new();
    run(["init", &place.path, "--max-events=5", "--when-full=reject"]).assert_quiet_success();
    let mut write = forebay(["write", &place.path]);
    let ended = run_command(write.env("FOREBAY_MAX_EVENTS", "7"), &seq(1..=20));
    assert_eq!((ended.code, &status(&place.path)["records"]), (Some(1), &7.into()), "{ended}");
    assert!(ended.stderr.contains("FOREBAY_MAX_EVENTS is 7") && !ended.stderr.contains("--max"), "{ended}");
    let mut write = forebay(["write", &place.path, "--max-events=9"]);
    let ended = run_command(write.env("FOREBAY_MAX_EVENTS", "7"), &seq(1..=20));
    assert_eq!((ended.code, &status(&place.path)["records"]), (Some(1), &9.into()), "{ended}");
    let ended = run_command(forebay(["write", &place.path]).env("FOREBAY_MAX_EVENTS", "many"), b"");
    ended.assert_refusal(&["many", "FOREBAY_MAX_EVENTS", "give a whole number"]);
}

/// The user of a container sees no flag: what is wrong must be called by the name that stands in its configuration.
#[test]
fn an_error_about_an_environment_variable_names_the_variable() {
    let place = Place::new();
    for (variable, value, words) in [
        ("FOREBAY_MAX_SIZE", "abc", "64KiB"),
        ("FOREBAY_WHEN_FULL", "explode", "drop-oldest"),
        ("FOREBAY_GRACE", "0s", "from 1ms to 1day"),
        ("FOREBAY_MAX_SIZE", "12", "at least 8224"),
        ("FOREBAY_FILE_SIZE", "12", "at least 4096"),
        ("FOREBAY_MAX_RECORD", "1GiB", "does not fit"),
    ] {
        let ended = run_command(forebay(["write", &place.path]).env(variable, value), b"one\n");
        ended.assert_refusal(&[variable, value, words]);
        assert!(!ended.stderr.contains("'--"), "{ended}");
    }
    for flag in ["--max-size=abc", "--max-size=12"] {
        let ended = run_command(forebay(["write", &place.path, flag]).env("FOREBAY_MAX_SIZE", "abc"), b"");
        ended.assert_refusal(&["size"]);
        assert!(!ended.stderr.contains("FOREBAY_"), "{ended}");
    }
    assert!(!Path::new(&place.path).exists());
}

/// The owner goes by its own options. A client that was given others must know where they come from.
#[test]
fn a_difference_from_the_owner_names_the_variable() {
    let place = Place::with_lines(b"one\n");
    let mut owner = serve(&place);
    let ended = run_command(forebay(["write", &place.path]).env("FOREBAY_MAX_EVENTS", "7"), b"two\n");
    ended.assert_refusal(&["FOREBAY_MAX_EVENTS is 7 here and 0 there"]);
    owner.signal(Signal::TERM);
    assert_eq!(owner.wait().code, Some(143));
}

/// The file lies in a directory that Vector may have next, and that is looked at.
#[test]
fn the_file_is_foreign_to_no_command() {
    let place = Place::new();
    run(["init", &place.path, "--max-size=1MiB"]).assert_quiet_success();
    place.write(&[], b"one\n").assert_quiet_success();
    for command in ["status", "verify", "inspect", "doctor", "repair", "dead-letters"] {
        let ended = run([command, &place.path]);
        assert!(!format!("{ended}").contains("buffer.options"), "{command}: {ended}");
        assert!(ended.code == Some(0) || command == "doctor", "{command}: {ended}");
    }
    assert!(place.options().contains("1MiB"));
}

/// A buffer that was capped must stay so on its new disk.
#[test]
fn a_copy_and_a_restored_buffer_remember_what_theirs_did() {
    let (place, copy, restored) = (Place::new(), Place::new(), Place::new());
    run(["init", &place.path, "--max-size=1MiB", "--when-full=reject", "--max-events=700"])
        .assert_quiet_success();
    place.write(&[], &seq(1..=500)).assert_quiet_success();
    run(["copy", &place.path, "--to", &copy.path, "--max-size=2MiB"]).assert_quiet_success();
    let expected = place.options().replace("1MiB", "2MiB");
    assert_eq!(copy.options(), expected);
    let archive = format!("{}.dump", place.path);
    run(["dump", &place.path, "--output", &archive]).assert_quiet_success();
    run(["restore", &archive, &restored.path]).assert_quiet_success();
    assert_eq!(restored.options(), place.options());
    for new in [copy, restored] {
        let ended = new.write(&[], &seq(501..=1000));
        assert_eq!((ended.code, &status(&new.path)["records"]), (Some(1), &700.into()), "{ended}");
    }
    fs::write(Path::new(&place.path).join("buffer.options"), "no = TOML [").unwrap();
    let again = Place::new();
    let ended = run(["copy", &place.path, "--to", &again.path]);
    assert_eq!(ended.code, Some(0), "a damaged file is not in the way: {ended}");
    assert!(ended.stderr.contains("buffer.options"), "{ended}");
}

/// A user who may write to the directory could hold up every command, or have it read another file.
#[test]
fn options_that_are_no_regular_file_are_refused_at_once() {
    let place = Place::with_lines(b"one\n");
    let options = Path::new(&place.path).join("buffer.options");
    run_command(std::process::Command::new("mkfifo").arg(&options), b"").assert_quiet_success();
    place.write(&[], b"two\n").assert_refusal(&["buffer.options", "no regular file", "remove it"]);
    fs::remove_file(&options).unwrap();
    let elsewhere = format!("{}.toml", place.path);
    fs::write(&elsewhere, "max-events = 1\n").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &options).unwrap();
    place.write(&[], b"two\n").assert_refusal(&["buffer.options", "symbolic link", "remove it"]);
    // A link at the name under which the file is made ready leads nothing elsewhere, either.
    fs::remove_file(&options).unwrap();
    std::os::unix::fs::symlink(&elsewhere, options.with_extension("options.new")).unwrap();
    run(["init", &place.path, "--max-events=9"]).assert_quiet_success();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "max-events = 1\n");
}

/// A process that waits for the buffer must not go by options that were changed meanwhile.
#[test]
fn a_process_that_becomes_the_owner_later_goes_by_what_is_remembered_then() {
    let place = Place::new();
    run(["init", &place.path, "--max-events=5", "--when-full=reject"]).assert_quiet_success();
    let mut owner = Running::start(&mut forebay(["serve", &place.path]));
    while status(&place.path)["owner"].is_null() {}
    let mut client = Running::start(&mut forebay(["write", &place.path, "--confirm"]));
    client.feed(b"1\n");
    assert_eq!(client.next_line().unwrap(), b"1");
    let options = Path::new(&place.path).join("buffer.options");
    fs::write(&options, fs::read_to_string(&options).unwrap().replace("max-events = 5", "max-events = 50"))
        .unwrap();
    owner.signal(rustix::process::Signal::TERM);
    owner.wait();
    client.feed(&seq(2..=20));
    let ended = client.end();
    assert_eq!((ended.code, &status(&place.path)["records"]), (Some(0), &20.into()), "{ended}");
}

/// It is the command that changes them.
#[test]
fn init_says_nothing_of_options_that_it_changes() {
    let place = Place::new();
    run(["init", &place.path, "--max-size=1MiB"]).assert_quiet_success();
    run(["init", &place.path, "--max-size=2MiB"]).assert_quiet_success();
}

//! Bad input: one line that says what is wrong and what to do, exit code 2, and nothing changed on the disk.

use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;

use crate::{
    Place,
    support::{
        cli::{Running, forebay, run, status},
        fixtures,
        user::{as_unprivileged, is_there},
    },
};

/// A component that imports `wasi:clocks/monotonic-clock@0.2.0`: see `tests/guests/README.md`.
const ASKS_FOR_A_CLOCK: &str = "asks_for_a_clock.wasm";

/// A folder with a buffer, a file, and components that cannot be used.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let copy = fixtures::copy("w100_r40");
        fs::create_dir(root.path().join("buffer")).unwrap();
        for entry in fs::read_dir(copy.path()).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), root.path().join("buffer").join(entry.file_name())).unwrap();
        }
        fs::write(root.path().join("file"), "I am a file\n").unwrap();
        fs::write(root.path().join("text.wasm"), "(component)").unwrap();
        fs::write(root.path().join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
        let clock = fixtures::project_file("tests/guests").join(ASKS_FOR_A_CLOCK);
        fs::copy(clock, root.path().join(ASKS_FOR_A_CLOCK)).unwrap();
        Self(root)
    }

    /// The binary, given these arguments in this folder, with a stdin that stays open, must refuse in words that hold
    /// these, and leave everything as it is.
    #[track_caller]
    fn assert_refused(&self, arguments: &[&str], words: &[&str]) {
        let before = fixtures::contents(self.0.path());
        let mut running = Running::start(forebay(arguments).current_dir(self.0.path()));
        running.wait().assert_refusal(words);
        assert!(fixtures::contents(self.0.path()) == before, "{arguments:?} changed something");
    }
}

/// The user took the path of a log file for that of a buffer; the file must not suffer.
#[test]
fn a_path_that_is_a_file_is_refused() {
    let scene = Scene::new();
    for command in ["write", "read", "pipe", "status", "verify", "demo", "doctor", "man"] {
        scene.assert_refused(&[command, "file"], &["file", "not a directory"]);
    }
    for command in ["write", "read", "pipe", "status", "verify", "demo"] {
        scene.assert_refused(&[command, "file/below"], &["file/below", "not a directory"]);
    }
    scene.assert_refused(&["doctor", "file/below"], &["file is not a directory"]);
}

/// A typing error in the path of a reader must not make an empty buffer that it then waits at.
#[test]
fn a_directory_that_is_missing_is_made_by_writing_only() {
    let scene = Scene::new();
    for command in ["read", "status", "verify"] {
        scene.assert_refused(&[command, "no/such/buffer"], &["no/such/buffer", "write"]);
    }
    scene.assert_refused(&["read", "missing", "--follow"], &["missing"]);
    // This one is there, and is no buffer.
    scene.assert_refused(&["read", "."], &["no buffer in .", "check the path", "directory of its own"]);
    scene.assert_refused(
        &["read", ".", "--peek"],
        &["no buffer in .", "check the path", "directory of its own"],
    );
}

/// What a component asks for is what it could do. The one that asks for more than storage is named with what it asks for.
#[test]
fn a_component_that_imports_something_else_is_refused() {
    let scene = Scene::new();
    let names = [ASKS_FOR_A_CLOCK, "wasi:clocks/monotonic-clock@0.2.0", "forebay:buffer/storage"];
    for command in ["write", "read", "pipe"] {
        scene.assert_refused(&[command, "buffer", "--component", ASKS_FOR_A_CLOCK], &names);
    }
    // Not even made.
    scene.assert_refused(&["write", "new", "--component", ASKS_FOR_A_CLOCK], &names);
    scene.assert_refused(&["pipe", "new", "--component", ASKS_FOR_A_CLOCK], &names);
    scene.assert_refused(&["demo", "new", "--component", ASKS_FOR_A_CLOCK], &names);
}

/// Text, a core module and no file at all: each is something else that one may have taken for a component.
#[test]
fn a_component_that_is_none_is_refused() {
    let scene = Scene::new();
    for command in ["write", "read"] {
        scene.assert_refused(&[command, "buffer", "--component", "text.wasm"], &["text.wasm", "component"]);
        scene.assert_refused(&[command, "buffer", "--component", "core.wasm"], &["core.wasm", "component"]);
        scene.assert_refused(&[command, "buffer", "--component", "buffer"], &["buffer"]);
        scene
            .assert_refused(&[command, "buffer", "--component", "none.wasm"], &["none.wasm", "No such file"]);
    }
    scene.assert_refused(&["write", "new", "--component", "text.wasm"], &["text.wasm"]);
    scene.assert_refused(&["component", "text.wasm"], &["text.wasm", "component"]);
    scene.assert_refused(&["component", "none.wasm"], &["none.wasm"]);
}

/// Sizes at which a buffer could not roll, or would be made of nothing but files.
#[test]
fn a_size_that_is_too_small_is_refused() {
    let scene = Scene::new();
    for command in ["write", "read", "pipe", "demo"] {
        for dir in ["buffer", "new"].into_iter().filter(|dir| command != "read" || *dir == "buffer") {
            scene.assert_refused(&[command, dir, "--file-size", "4095"], &["4095", "4096"]);
            let sizes = ["--file-size", "128MiB", "--max-size", "256MiB"];
            scene.assert_refused(&[&[command, dir], &sizes[..]].concat(), &["268435456", "268435488"]);
            scene.assert_refused(&[command, dir, "--max-size", "8223"], &["8223", "8224"]);
            scene.assert_refused(&[command, dir, "--max-record", "0"], &["record"]);
            scene.assert_refused(&[command, dir, "--max-record", "134217681"], &["134217681", "134217680"]);
        }
    }
}

/// Data files have 65,535 numbers, and one stays free. A size that needs more would never be reached.
#[test]
fn a_size_that_needs_too_many_files_is_refused_with_the_file_size_that_would_do() {
    let scene = Scene::new();
    for command in ["write", "read", "pipe", "demo"] {
        let sizes = ["--file-size", "4096", "--max-size", "268427265"];
        scene.assert_refused(
            &[&[command, "buffer"], &sizes[..]].concat(),
            &["268427265", "65534 files", "file size of at least 4097"],
        );
    }
}

/// The smallest sizes that make sense are no bad input.
#[test]
fn pain_19217_the_smallest_sizes_are_taken() {
    let scene = Scene::new();
    let buffer = scene.0.path().join("small").to_str().unwrap().to_owned();
    for sizes in [["--file-size=4096", "--max-size=8224"], ["--file-size=4KiB", "--max-record=4048"]] {
        let ended = run(["write", &buffer, sizes[0], sizes[1]]);
        assert_eq!(ended.code, Some(0), "{ended}");
        assert!(ended.stderr.lines().count() == 1 && ended.stderr.contains("64 KiB"), "one warning: {ended}");
    }
    // What was chosen for the whole buffer stays.
    let too_large = run(["write", &buffer, "--file-size=64KiB"]);
    let said = too_large.stderr.lines().last().unwrap();
    let words =
        "the buffer remembers max-size = 8224 in buffer.options: the maximum size of 8224 bytes is too small";
    assert!(too_large.code == Some(2) && said.contains(words), "{too_large}");
    let large_enough = scene.0.path().join("large").to_str().unwrap().to_owned();
    run(["write", &large_enough, "--file-size=64KiB"]).assert_quiet_success();
}

/// What was mistyped must not be taken for something else.
#[test]
fn arguments_that_are_unknown_or_missing_are_refused() {
    let scene = Scene::new();
    for (arguments, words) in [
        (&["write", "buffer", "--frobnicate"][..], &["--frobnicate"][..]),
        (&["read", "buffer", "--confirm"], &["--confirm"]),
        (&["pour", "buffer"], &["pour"]),
        (&["write"], &["DIR"]),
        (&[], &["--help"]),
        (&["write", "buffer", "new"], &["new"]),
        (&["write", "buffer", "--when-full", "explode"], &["explode", "block", "reject"]),
        (&["write", "buffer", "--framing", "xml"], &["xml", "lines", "nul", "length", "json"]),
        (&["write", "new", "--file-size", "lots"], &["lots"]),
        (&["write", "new", "--metadata", "-1"], &["-1"]),
        (&["write", "new", "--metadata", "4294967296"], &["4294967296"]),
        (&["write", "new", "--sync-interval", "0s"], &["0s"]),
        (&["read", "buffer", "--count", "some"], &["some", "give a whole number"]),
        // The path of a buffer where a number may stand.
        (
            &["status", "--watch", "buffer"],
            &["'buffer'", "a directory goes before --watch, or after --watch=2"],
        ),
    ] {
        scene.assert_refused(arguments, words);
    }
}

/// What is wrong may be quoted from a path or an argument, which may hold anything.
#[test]
fn the_line_is_one_line_whatever_the_path_holds() {
    let scene = Scene::new();
    scene.assert_refused(&["read", "two\nlines\u{1b}[31m"], &["two\\nlines\\u{1b}"]);
    scene.assert_refused(&["write", "buffer", "--two\nlines"], &["--two"]);
}

/// A time of nothing kept a processor busy, and one of centuries ended the command with a panic.
#[test]
fn a_time_beyond_its_limits_is_refused_with_the_limits() {
    let place = Place::with_lines(b"one\n");
    for (option, least, most) in [
        ("--retry-wait", "1ms", "1day"),
        ("--retry-wait-max", "1ms", "1day"),
        ("--timeout", "1ms", "1day"),
        ("--batch-wait", "0s", "1h"),
        ("--grace", "1ms", "1day"),
        ("--wait", "0s", "1day"),
        ("--sync-interval", "1ms", "49days"),
    ] {
        let too_short = (least != "0s").then_some("0s");
        for time in too_short.into_iter().chain(["50days", "300000years"]) {
            let ended = place.read(&["--to=http://127.0.0.1:1/", &format!("{option}={time}")]);
            ended.assert_refusal(&[option, time, &format!("from {least} to {most}")]);
        }
    }
    let watch = run(["status", &place.path, "--watch=1000000000000000000"]);
    watch.assert_refusal(&["--watch", "from 0.1 to 86400"]);
    assert_eq!(status(&place.path)["records"], 1);
}

/// Another user: told so at once, and shown what to do. Where the tests run as root, the binary runs as an unprivileged user.
#[test]
fn a_directory_without_permission_is_refused() {
    if !is_there() {
        return;
    }
    let scene = Scene::new();
    let root = scene.0.path();
    let mode =
        |path: &str, mode| fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    let before = fixtures::contents(root);
    mode("", 0o555);
    mode("buffer", 0);
    let refused = |arguments: &[&str]| {
        let mut command = forebay(arguments);
        as_unprivileged(command.current_dir(root));
        Running::start(&mut command).wait().assert_refusal(&["ermission", arguments[1]]);
    };
    for command in ["write", "read", "pipe", "status", "verify"] {
        refused(&[command, "buffer"]);
    }
    refused(&["write", "new"]);
    // One that can be looked into, and whose files belong to others.
    let files = |bits| {
        for name in before.keys().filter(|name| name.starts_with("buffer/") && !name.ends_with('/')) {
            mode(name, bits);
        }
    };
    mode("buffer", 0o755);
    files(0);
    mode("buffer", 0o555);
    refused(&["write", "buffer"]);
    refused(&["read", "buffer"]);
    mode("buffer", 0o755);
    files(0o640);
    mode("", 0o755);
    assert!(fixtures::contents(root) == before);
}

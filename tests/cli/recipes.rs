//! The recipes of `docs/recipes.md`, as a user follows them.

use std::{fs, path::Path, process::Command};

use super::{Place, repairing};
use crate::support::{
    cli::{BINARY, Ended, run, run_command, status, undisturbed},
    dice::Dice,
    fixtures::project_file,
    tools,
};

/// The `sh` blocks of a section, in their order.
fn blocks(heading: &str) -> String {
    let page = fs::read_to_string(project_file("docs/recipes.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect()
}

/// Runs the blocks of a section in this folder.
fn follow(heading: &str, folder: &Path) -> Ended {
    let script = blocks(heading);
    assert!(script.lines().count() > 5, "{script}");
    let path =
        format!("{}:{}", Path::new(BINARY).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    undisturbed(shell.args(["-c", &script]).current_dir(folder).env("PATH", path).env("NO_PROXY", "*"));
    run_command(&mut shell, b"")
}

/// Who needs it has no time for a page that is out of date.
#[test]
fn a_damaged_buffer_is_rescued_as_the_page_says() {
    let mut dice = Dice::new();
    let place = Place::new();
    repairing::filled(&place, &mut dice);
    let above = place.above.path();
    let queue = above.join("queue");
    fs::rename(&place.path, &queue).unwrap();
    for _ in 0..20 {
        repairing::damage(&queue, &mut dice);
    }
    let peeked = |name: &str| run([Path::new("peek"), &above.join(name)]);
    let before = peeked("queue");
    assert!(!before.stdout.is_empty(), "{before}");
    let followed = follow("My buffer is damaged", above);
    assert!(!followed.stderr.contains("see '"), "{followed}");
    for name in ["again", "larger"] {
        assert!(peeked(name).stdout == before.stdout, "{name}: {followed}");
    }
    assert!(fs::read(above.join("records")).unwrap() == before.stdout, "{followed}");
    assert!(queue.join("buffer.quarantine/repair-1/report.json").exists(), "{followed}");
}

/// The job that most come for: half of the requests fail, and no record is lost.
#[test]
fn a_flaky_endpoint_gets_all_records_as_the_page_says() {
    if !tools::is_there("python3") {
        return;
    }
    let place = Place::new();
    let above = place.above.path();
    let followed = follow("In front of a flaky endpoint", above);
    assert_eq!(followed.code, Some(0), "{followed}");
    let said = String::from_utf8_lossy(&followed.stdout);
    assert!(said.contains("0 lost"), "{followed}");
    assert_eq!(status(above.join("queue"))["records"], 0);
    assert!(followed.stderr.contains("503") && !followed.stderr.contains("dead letter"), "{followed}");
}

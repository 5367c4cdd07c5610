//! The recipes of `docs/recipes.md`, as a user follows them.

use std::{fs, path::Path, process::Command};

use super::{Place, repairing};
use crate::support::{
    cli::{BINARY, run, run_command, undisturbed},
    dice::Dice,
    fixtures::project_file,
};

/// The `sh` blocks of a section, in their order.
fn blocks(heading: &str) -> String {
    let page = fs::read_to_string(project_file("docs/recipes.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect()
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
    let script = blocks("My buffer is damaged");
    assert!(script.lines().count() > 5, "{script}");
    let folder = Path::new(BINARY).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    undisturbed(shell.args(["-c", &script]).current_dir(above).env("PATH", path));
    let followed = run_command(&mut shell, b"");
    assert!(!followed.stderr.contains("see '"), "{followed}");
    for name in ["again", "larger"] {
        assert!(peeked(name).stdout == before.stdout, "{name}: {followed}");
    }
    assert!(fs::read(above.join("records")).unwrap() == before.stdout, "{followed}");
    assert!(queue.join("buffer.quarantine/repair-1/report.json").exists(), "{followed}");
}

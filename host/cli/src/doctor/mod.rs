//! `forebay doctor`: whether a place is good for a buffer.

mod disk;
mod mount;
mod process;

use std::{fs::File, path::Path};

use anyhow::Context as _;
use serde::Serialize;

use crate::{
    args::{DoctorArgs, Format},
    exit::Exit,
    print,
};

/// What was looked at, and what it means.
#[derive(Debug, Serialize)]
struct Check {
    subject: &'static str,
    verdict: Verdict,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Nothing is lost by it, and the operator may want to know.
    Note,
    /// Records could be lost or refused.
    Bad,
}

impl Check {
    fn new(subject: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { subject, verdict, text: text.into() }
    }
}

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let dir = nearest(&args.dir)?;
    let handle = File::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let mut checks = Vec::new();
    if dir != args.dir {
        let text = format!("{} is not there yet; this is about {}", print::path(&args.dir), print::path(dir));
        checks.push(Check::new("directory", Verdict::Note, text));
    }
    checks.push(mount::check(dir)?);
    checks.extend(disk::check(&handle)?);
    checks.extend(process::check(&args.dir));
    match args.format {
        Format::Json => print::json(&checks)?,
        Format::Text => print::lines(&text(&checks))?,
    }
    let is_bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
    Ok(if is_bad { Exit::No } else { Exit::Done })
}

/// The directory, or the one above it in which it would be made.
fn nearest(dir: &Path) -> anyhow::Result<&Path> {
    let nearest = dir.ancestors().find(|above| above.exists());
    let nearest = nearest.filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    anyhow::ensure!(
        nearest.is_dir(),
        "{} is not a directory: give the path of a directory that is the buffer's alone",
        print::path(nearest)
    );
    Ok(nearest)
}

fn text(checks: &[Check]) -> String {
    let line = |check: &Check| {
        let verdict = match check.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        format!("{verdict}  {}: {}\n", check.subject, print::printable(&check.text))
    };
    checks.iter().map(line).collect()
}

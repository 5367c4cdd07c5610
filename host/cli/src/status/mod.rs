//! `forebay status`: a look at buffers from outside.

mod answer;
mod look;
mod text;

use std::{
    collections::BTreeSet,
    io::{IsTerminal as _, stdout},
    path::{Path, PathBuf},
    thread,
};

use anyhow::Context as _;
use forebay_serve::{Exposed, metrics};
use serde::Serialize;

use self::{answer::Answer, look::look};
use crate::{
    args::{StatusArgs, StatusFormat},
    exit::Exit,
    print::{self, Listener},
};

/// Clears a terminal, and goes to its first line.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

pub(crate) fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let Some(pause) = args.watch else { return look_at_all(args, "").map(|(exit, _)| exit) };
    if args.format == StatusFormat::Prometheus {
        anyhow::bail!(
            "--watch does not go with --format prometheus: have the command run for each scrape, or scrape /metrics of 'forebay \
             serve'"
        );
    }
    let before = if args.format == StatusFormat::Text && stdout().is_terminal() { CLEAR } else { "" };
    loop {
        let (exit, listener) = look_at_all(args, before)?;
        if listener == Listener::Gone {
            return Ok(exit);
        }
        thread::sleep(pause);
    }
}

/// Shows all buffers. One that cannot be looked at hides none of the others.
fn look_at_all(args: &StatusArgs, before: &str) -> anyhow::Result<(Exit, Listener)> {
    // A directory that is named twice, also through a link, is one buffer: a second look would count it double.
    let mut seen = BTreeSet::new();
    let dirs =
        args.dirs.iter().filter(|dir| seen.insert(dir.canonicalize().unwrap_or_else(|_| PathBuf::from(dir))));
    let looks: Vec<_> = dirs.map(|dir| (dir.as_path(), look(dir))).collect();
    let text = match args.format {
        StatusFormat::Text => text(&looks)?,
        StatusFormat::Json => lines(&looks)?,
        StatusFormat::Prometheus => exposition(&looks),
    };
    let listener = print::write(&mut print::stdout()?, format!("{before}{text}").as_bytes())?;
    let mut exit = Exit::Done;
    for (_, look) in looks {
        if let Err(error) = look {
            print::say(&format!("{error:#}"));
            exit = Exit::Failed;
        }
    }
    Ok((exit, listener))
}

/// A paragraph for each buffer.
fn text(looks: &[(&Path, anyhow::Result<Answer>)]) -> anyhow::Result<String> {
    let texts: Result<Vec<_>, _> =
        looks.iter().filter_map(|(_, look)| look.as_ref().ok()).map(Answer::text).collect();
    Ok(texts?.join("\n"))
}

/// A buffer that cannot be looked at.
#[derive(Serialize)]
struct Unknown {
    directory: String,
    error: String,
}

/// An object a line for each buffer.
fn lines(looks: &[(&Path, anyhow::Result<Answer>)]) -> anyhow::Result<String> {
    let mut text = String::new();
    for (dir, look) in looks {
        let line = match look {
            Ok(answer) => serde_json::to_string(answer),
            Err(error) => serde_json::to_string(&Unknown {
                directory: dir.display().to_string(),
                error: format!("{error:#}"),
            }),
        };
        text.push_str(&line.context("cannot put the answer into JSON")?);
        text.push('\n');
    }
    Ok(text)
}

fn exposition(looks: &[(&Path, anyhow::Result<Answer>)]) -> String {
    let exposed = |(dir, look): &(&Path, anyhow::Result<Answer>)| {
        Exposed::new(dir, look.as_ref().ok().map(Answer::known))
    };
    let exposed: Vec<_> = looks.iter().map(exposed).collect();
    metrics(&exposed)
}

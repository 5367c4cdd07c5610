//! `forebay component`: what a component asks of its host, and what it offers.

use std::fmt::Write as _;

use forebay::engine::Summary;
use serde::Serialize;

use crate::{
    args::{ComponentArgs, Format},
    exit::Exit,
    print,
};

#[derive(Serialize)]
struct Answer<'a> {
    imports: &'a [String],
    exports: &'a [String],
    bytes: u64,
    sha256: &'a str,
}

pub(crate) fn run(args: &ComponentArgs) -> anyhow::Result<Exit> {
    let summary = match &args.file {
        Some(file) => Summary::of_file(file)?,
        None => Summary::of_embedded()?,
    };
    match args.format {
        Format::Json => print::json(&Answer {
            imports: &summary.imports,
            exports: &summary.exports,
            bytes: summary.bytes,
            sha256: &summary.sha256,
        })?,
        Format::Text => print::lines(&text(&summary)?)?,
    }
    Ok(Exit::Done)
}

fn text(summary: &Summary) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (what, names) in [("imports", &summary.imports), ("exports", &summary.exports)] {
        if names.is_empty() {
            writeln!(text, "{what}  nothing")?;
        }
        for name in names {
            writeln!(text, "{what}  {name}")?;
        }
    }
    writeln!(text, "bytes    {}", summary.bytes)?;
    writeln!(text, "sha256   {}", summary.sha256)?;
    Ok(text)
}

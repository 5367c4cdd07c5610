//! `forebay init`: makes a buffer, and has it remember its options.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    args::{Format, InitArgs},
    exit::Exit,
    open::{self, Opening},
    print,
    remembered::Remembered,
    signals::Signals,
};

#[derive(Serialize)]
struct Answer<'a> {
    directory: String,
    options: &'a Remembered,
}

pub(crate) fn run(args: &InitArgs, signals: &Signals) -> anyhow::Result<Exit> {
    signals.set_grace(args.buffer.grace);
    let opening = Opening::create(&args.buffer)?;
    let buffer = open::alone(&args.dir, &args.buffer, &opening)?;
    // It is locked: no other process makes a file of this name meanwhile.
    let options = Remembered::of(&args.dir)?.with_chosen(&args.buffer);
    options.store(&args.dir)?;
    buffer.close()?;
    match args.format {
        Format::Json => {
            print::json(&Answer { directory: args.dir.display().to_string(), options: &options })?;
        }
        Format::Text => print::lines(&text(args, &options)?)?,
    }
    Ok(Exit::Done)
}

fn text(args: &InitArgs, options: &Remembered) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "buffer   {}", print::path(&args.dir))?;
    if options.is_empty() {
        writeln!(text, "options  none: commands go by the defaults, unless they are given others")?;
    }
    for (name, value) in options.lines() {
        writeln!(text, "option   {name} = {}", print::printable(&value))?;
    }
    Ok(text)
}

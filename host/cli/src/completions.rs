//! `forebay completions`: what a shell needs to complete a command line.

use clap::CommandFactory as _;

use crate::{
    args::{Args, CompletionsArgs},
    exit::Exit,
    print,
};

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "forebay", &mut script);
    print::write(&mut print::stdout()?, &script)?;
    Ok(Exit::Done)
}

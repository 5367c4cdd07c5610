//! `forebay man`: the help of all commands as manual pages.

use std::fs;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{
    args::{Args, ManArgs},
    exit::Exit,
    print,
};

pub(crate) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        let mut command = Args::command().disable_help_subcommand(true);
        command.build();
        Man::new(command).render(&mut page).context("cannot make the manual page")?;
        print::write(&mut print::stdout()?, &page)?;
        return Ok(Exit::Done);
    };
    anyhow::ensure!(
        dir.is_dir() || !dir.exists(),
        "{} is not a directory: name one for the manual pages",
        print::path(dir)
    );
    let write = || {
        fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Args::command(), dir)
    };
    write().with_context(|| format!("cannot write manual pages into {}", dir.display()))?;
    Ok(Exit::Done)
}

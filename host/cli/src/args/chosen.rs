//! Which options were chosen for a command, by a flag or by the environment. All others are remembered by the buffer, or defaults.

use std::{ffi::OsString, path::Path};

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, parser::ValueSource};

use super::{Args, BufferArgs, Command};

/// An option that a buffer remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    FileSize,
    MaxSize,
    MaxEvents,
    MaxRecord,
    WhenFull,
    Retain,
    Durability,
    SyncInterval,
    Component,
}

impl Term {
    pub(crate) const ALL: [Self; 9] = [
        Self::FileSize,
        Self::MaxSize,
        Self::MaxEvents,
        Self::MaxRecord,
        Self::WhenFull,
        Self::Retain,
        Self::Durability,
        Self::SyncInterval,
        Self::Component,
    ];

    /// Its name among the arguments.
    fn id(self) -> &'static str {
        match self {
            Self::FileSize => "file_size",
            Self::MaxSize => "max_size",
            Self::MaxEvents => "max_events",
            Self::MaxRecord => "max_record",
            Self::WhenFull => "when_full",
            Self::Retain => "retain",
            Self::Durability => "durability",
            Self::SyncInterval => "sync_interval",
            Self::Component => "component",
        }
    }

    /// Its flag, such as `--max-size`.
    pub(crate) fn flag(self) -> String {
        format!("--{}", self.id().replace('_', "-"))
    }
}

/// The environment variable that stands for a flag, such as `FOREBAY_MAX_SIZE` for `--max-size`.
pub(crate) fn variable_of(flag: &str) -> String {
    format!("FOREBAY_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase())
}

impl BufferArgs {
    /// The name by which the user has chosen an option: that of its flag, or of the environment variable.
    pub(crate) fn name_of(&self, term: Term) -> String {
        let flag = term.flag();
        if self.from_environment.contains(&term) { variable_of(&flag) } else { flag }
    }
}

impl Args {
    /// The arguments of a command line, and which of its buffer's options were chosen.
    pub(crate) fn of_line<A: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = A>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(line)?;
        let mut args = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let Some((_, matches)) = matches.subcommand()
            && let Some((_, buffer)) = args.command.buffer()
        {
            let given_by =
                |source| Term::ALL.into_iter().filter(move |term| source_of(matches, *term) == Some(source));
            buffer.from_environment = given_by(ValueSource::EnvVariable).collect();
            buffer.chosen =
                given_by(ValueSource::CommandLine).chain(given_by(ValueSource::EnvVariable)).collect();
        }
        Ok(args)
    }
}

impl Command {
    /// The buffer that a command opens, and how. `None`: it opens none, or chooses the place itself.
    pub(crate) fn buffer(&mut self) -> Option<(&Path, &mut BufferArgs)> {
        match self {
            Self::Init(args) => Some((&args.dir, &mut args.buffer)),
            Self::Write(args) => Some((&args.dir, &mut args.buffer)),
            Self::Read(args) => Some((&args.dir, &mut args.buffer)),
            Self::Pipe(args) => Some((&args.dir, &mut args.buffer)),
            Self::Ack(args) => Some((&args.dir, &mut args.buffer)),
            Self::Serve(args) => Some((&args.dir, &mut args.buffer)),
            Self::Demo(args) => Some((args.dir.as_deref()?, &mut args.buffer)),
            Self::Purge(args) => Some((&args.dir, &mut args.buffer)),
            // Each by its name, so that no command with options is forgotten.
            Self::Peek(_)
            | Self::Status(_)
            | Self::Verify(_)
            | Self::Inspect(_)
            | Self::Repair(_)
            | Self::Dump(_)
            | Self::Restore(_)
            | Self::Copy(_)
            | Self::Doctor(_)
            | Self::DeadLetters(_)
            | Self::Component(_)
            | Self::Completions(_)
            | Self::Man(_) => None,
        }
    }
}

fn source_of(matches: &ArgMatches, term: Term) -> Option<ValueSource> {
    let is_known = matches.try_contains_id(term.id()).is_ok();
    is_known.then(|| matches.value_source(term.id())).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An option that is not seen to be chosen gives way to what is remembered, in silence.
    #[test]
    fn each_option_on_the_command_line_is_seen() {
        for (term, flag) in [
            (Term::FileSize, "--file-size=8KiB"),
            (Term::MaxSize, "--max-size=1MiB"),
            (Term::MaxEvents, "--max-events=0"),
            (Term::MaxRecord, "--max-record=80"),
            (Term::WhenFull, "--when-full=block"),
            (Term::Durability, "--durability=written"),
            (Term::SyncInterval, "--sync-interval=500ms"),
            (Term::Component, "--component=logic.wasm"),
        ] {
            let mut args = Args::of_line(["forebay", "write", "dir", flag]).unwrap();
            assert_eq!(args.command.buffer().unwrap().1.chosen, [term], "{flag}");
        }
        let retained = ["forebay", "write", "dir", "--component=logic.wasm", "--retain=newest:5"];
        let mut args = Args::of_line(retained).unwrap();
        assert_eq!(args.command.buffer().unwrap().1.chosen, [Term::Retain, Term::Component]);
    }

    /// An error names the variable by this rule.
    #[test]
    fn each_environment_variable_is_named_after_its_flag() {
        let command = Args::command();
        let write = command.find_subcommand("write").unwrap();
        for option in write.get_arguments().filter(|option| option.get_env().is_some()) {
            assert_eq!(option.get_env().unwrap(), variable_of(option.get_long().unwrap()).as_str());
        }
    }
}

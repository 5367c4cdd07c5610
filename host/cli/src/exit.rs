//! How the process ends: its exit code, and the one line that says why.

use std::{ffi::OsString, process::ExitCode};

use clap::{
    CommandFactory as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    args::{Args, variable_of},
    print,
};

/// It could not be done: bad arguments, a directory that cannot be had, a disk that fails.
const FAILED: u8 = 2;

/// What a shell adds to the number of the signal that ended a process.
const SIGNAL_BASE: i32 = 128;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done,
    /// The work was done, and its answer is no: damage was found, a record was refused or lost.
    No,
    /// A part of it could not be done, which was said.
    Failed,
    /// A signal with this number asked the process to end.
    Signal(i32),
}

impl Exit {
    /// How a command ended of which two parts ended so.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Done { other } else { self }
    }

    /// The number that the process ends with.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Failed => FAILED.into(),
            Self::Signal(signal) => SIGNAL_BASE + signal,
        }
    }

    /// The same as the standard library wants it.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(u8::try_from(self.number()).unwrap_or(FAILED))
    }
}

/// Says in one line what went wrong, with all its causes.
pub(crate) fn for_error(error: &anyhow::Error) -> ExitCode {
    print::say(&format!("{error:#}"));
    ExitCode::from(FAILED)
}

/// Prints help and version where they were asked for; otherwise says in one line what is wrong with the arguments.
pub(crate) fn for_arguments(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Stdout may be closed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    print::say(&by_its_name(error, one_line(error, arguments.iter().cloned()), &arguments));
    ExitCode::from(FAILED)
}

/// What is wrong with the arguments, where a value comes from the environment by the name that it has there. clap names the flag, which
/// the user did not write.
fn by_its_name(error: &clap::Error, said: String, arguments: &[OsString]) -> String {
    let (Some(ContextValue::String(named)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return said;
    };
    let Some(flag) = named.split_whitespace().next().filter(|flag| flag.starts_with("--")) else {
        return said;
    };
    let with_value = format!("{flag}=");
    let is_flag = |argument: &OsString| {
        argument == flag || argument.as_encoded_bytes().starts_with(with_value.as_bytes())
    };
    let variable = variable_of(flag);
    if arguments.iter().any(is_flag) || std::env::var_os(&variable).is_none_or(|given| given != **value) {
        return said;
    }
    said.replacen(&format!("for '{named}'"), &format!("for {variable}, an environment variable"), 1)
}

/// What clap says over several paragraphs, without the usage.
fn one_line(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "no command was given; see 'forebay --help'".to_owned();
    }
    let text = error.render().to_string();
    let said: Vec<&str> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| {
            !paragraph.starts_with("Usage:") && !paragraph.starts_with("For more information")
        })
        .collect();
    let said = said.join("; ");
    let words: Vec<&str> = said.split_whitespace().collect();
    // The first is what the standard library says of a number.
    let said = words.join(" ").replace("invalid digit found in string", "give a whole number");
    let help = help_for(arguments);
    format!("{}; see '{help}'", said.strip_prefix("error: ").unwrap_or(&said))
}

/// The help that says more: that of the command that was named, if one was.
fn help_for(mut arguments: impl Iterator<Item = OsString>) -> String {
    let commands = Args::command();
    let named = arguments.find_map(|argument| commands.find_subcommand(argument));
    named.map_or_else(
        || "forebay --help".to_owned(),
        |command| format!("forebay {} --help", command.get_name()),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser as _;

    use super::*;

    /// Scripts show the last line of what a command said; it has to hold the whole reason.
    #[test]
    fn what_is_wrong_with_the_arguments_is_said_in_one_line() {
        for (arguments, expected) in [
            (vec!["forebay", "write", "d", "--frobnicate"], "'--frobnicate'"),
            (vec!["forebay", "write"], "<DIR>"),
            (vec!["forebay", "write"], "see 'forebay write --help'"),
            (vec!["forebay", "--frobnicate"], "see 'forebay --help'"),
            (vec!["forebay", "-v", "write", "d", "--when-full", "explode"], "see 'forebay write --help'"),
            (vec!["forebay", "read", "d", "--file-size", "lots"], "see 'forebay read --help'"),
            (vec!["forebay", "write", "d", "--when-full", "explode"], "'explode'"),
            (vec!["forebay", "write", "d", "--file-size", "lots"], "64KiB"),
            (vec!["forebay", "peek", "d", "--last", "some"], "give a whole number"),
            (vec!["forebay", "pour", "d"], "'pour'"),
            (vec!["forebay"], "no command"),
        ] {
            let error = Args::try_parse_from(&arguments).unwrap_err();
            let line = one_line(&error, arguments.iter().skip(1).map(OsString::from));
            assert!(line.contains(expected), "{line}");
            assert!(!line.contains('\n') && !line.contains("Usage"), "{line}");
            assert_ne!(error.exit_code(), 0);
        }
    }

    /// What shells expect of a process that was told to end.
    #[test]
    fn a_signal_is_told_as_shells_tell_it() {
        assert_eq!(Exit::Signal(2).number(), 130);
        assert_eq!(Exit::Signal(15).number(), 143);
    }
}

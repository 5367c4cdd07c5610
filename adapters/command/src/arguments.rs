//! What was asked for.

use forebay_adapter_bindings::command::forebay::queue::queue::{Options, WhenFull};

/// How the program is called.
const USAGE: &str = "usage: produce DIR [--max-size BYTES] [--file-size BYTES] [--when-full reject|drop-oldest] \
                     [--sync], or consume DIR [-n COUNT]";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Lines from stdin are pushed.
    Produce {
        /// What was pushed is made durable before the next lines are read.
        sync: bool,
    },
    /// Records are popped, printed and acknowledged.
    Consume {
        /// How many at the most; `None` for all that wait.
        count: Option<u64>,
    },
}

/// A command with its queue.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) directory: String,
    pub(crate) options: Options,
}

impl Arguments {
    /// Reads the arguments behind the program's name.
    pub(crate) fn parse<'a>(mut given: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut command = match given.next() {
            Some("produce") => Command::Produce { sync: false },
            Some("consume") => Command::Consume { count: None },
            Some(other) => return Err(format!("there is no command {other}; {USAGE}")),
            None => return Err(USAGE.to_owned()),
        };
        let mut directory = None;
        let mut options = Options {
            max_bytes: 1 << 30,
            file_bytes: 128 << 20,
            when_full: WhenFull::Reject,
            sync_interval_ms: 500,
            more: Vec::new(),
        };
        while let Some(argument) = given.next() {
            match (argument, &mut command) {
                ("--max-size", _) => options.max_bytes = number(argument, given.next())?,
                ("--file-size", _) => options.file_bytes = number(argument, given.next())?,
                ("--when-full", Command::Produce { .. }) => options.when_full = when_full(given.next())?,
                ("--sync", Command::Produce { sync }) => *sync = true,
                ("-n" | "--count", Command::Consume { count }) => {
                    *count = Some(number(argument, given.next())?);
                }
                (path, _) if !path.starts_with('-') && directory.is_none() => {
                    directory = Some(path.to_owned());
                }
                (other, _) => return Err(format!("{other} is not known here; {USAGE}")),
            }
        }
        let directory = directory.ok_or_else(|| format!("the directory is missing; {USAGE}"))?;
        Ok(Self { command, directory, options })
    }
}

fn number(argument: &str, value: Option<&str>) -> Result<u64, String> {
    let number = value.and_then(|value| value.parse().ok());
    number.ok_or_else(|| format!("{argument} takes a number; {USAGE}"))
}

fn when_full(value: Option<&str>) -> Result<WhenFull, String> {
    match value {
        Some("reject") => Ok(WhenFull::Reject),
        Some("drop-oldest") => Ok(WhenFull::DropOldest),
        _ => Err(format!("--when-full takes reject or drop-oldest; {USAGE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace())
    }

    /// An option that is taken for another one, or passed over, is a limit that does not hold.
    #[test]
    fn what_is_not_understood_is_refused_with_its_name() {
        for (line, named) in [
            ("", "usage"),
            ("drink /", "drink"),
            ("produce", "directory"),
            ("produce / --max-size", "--max-size"),
            ("produce / --max-size ten", "--max-size"),
            ("produce / -n 3", "-n"),
            ("consume / --sync", "--sync"),
            ("consume / other", "other"),
            ("produce / --when-full wait", "--when-full"),
        ] {
            assert!(parse(line).is_err_and(|message| message.contains(named)), "{line}");
        }
        let produce = parse("produce /q --max-size 16448 --file-size 8192 --sync");
        let is_as_asked = |arguments: Arguments| {
            let Options { max_bytes, file_bytes, .. } = arguments.options;
            (max_bytes, file_bytes, &*arguments.directory) == (16448, 8192, "/q")
                && arguments.command == Command::Produce { sync: true }
        };
        assert!(produce.is_ok_and(is_as_asked));
        let consume = parse("consume -n 3 /q");
        assert!(consume.is_ok_and(|arguments| arguments.command == Command::Consume { count: Some(3) }));
    }
}

//! What the process says of itself, on stderr.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal as _},
};

use tracing::field::{Field, Visit};
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use crate::{
    args::{LogFormat, LoggingArgs},
    print::printable,
};

/// Starts logging for the whole process.
pub(crate) fn start(args: &LoggingArgs) {
    let level = match args.verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    // The compiler's own words are of no use to anybody here.
    let filter = EnvFilter::new(format!("warn,forebay={level}"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Where stderr is closed, saying so there panics, in whichever thread had something to log.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    match args.log_format {
        LogFormat::Json => subscriber.json().init(),
        LogFormat::Text => {
            subscriber
                .compact()
                .without_time()
                .with_target(false)
                .with_ansi(io::stderr().is_terminal())
                .fmt_fields(Printable)
                .init();
        }
    }
}

/// Writes the fields of a log line as the default does, with control characters escaped: a path in them may hold any.
struct Printable;

impl<'writer> FormatFields<'writer> for Printable {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_empty: true, result: Ok(()) };
        fields.record(&mut line);
        line.result
    }
}

/// The fields of one line so far.
struct Line<'writer> {
    writer: Writer<'writer>,
    is_empty: bool,
    result: fmt::Result,
}

impl Line<'_> {
    fn add(&mut self, name: &str, text: &str) {
        if self.result.is_err() {
            return;
        }
        let separator = if self.is_empty { "" } else { " " };
        self.is_empty = false;
        let text = printable(text);
        self.result = match name {
            "message" => write!(self.writer, "{separator}{text}"),
            // Italic, as the default has it.
            _ if self.writer.has_ansi_escapes() => {
                write!(self.writer, "{separator}\u{1b}[3m{name}\u{1b}[0m={text}")
            }
            _ => write!(self.writer, "{separator}{name}={text}"),
        };
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field.name(), &value.to_string());
        let causes: Vec<String> = std::iter::successors(value.source(), |cause| (*cause).source())
            .map(ToString::to_string)
            .collect();
        if !causes.is_empty() {
            self.add(&format!("{}.sources", field.name()), &format!("[{}]", causes.join(", ")));
        }
    }
}

/// Does something, and nothing of it is logged: another process has said it, or the command says it itself.
pub(crate) fn in_silence<T>(act: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(NoSubscriber::default(), act)
}

//! What the process says of itself, on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, LoggingArgs};

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
                .init();
        }
    }
}

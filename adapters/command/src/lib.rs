//! A program for any host of `wasi:cli`: it puts lines into a queue, and takes them out.
//!
//! ```text
//! forebay-cli produce DIR [--max-size BYTES] [--file-size BYTES] [--when-full reject|drop-oldest] [--sync]
//! forebay-cli consume DIR [-n COUNT]
//! ```

mod arguments;
mod consume;
mod lines;
mod produce;
mod words;

use std::io::Write;

use arguments::{Arguments, Command};
use wasip2::{
    cli::{environment::get_arguments, stderr::get_stderr, stdout::get_stdout},
    exports::cli::run::Guest,
};

/// What the export belongs to.
struct Program;

impl Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let outcome = Arguments::parse(arguments.iter().skip(1).map(String::as_str));
        let outcome = outcome.and_then(|arguments| match arguments.command {
            Command::Produce { sync } => produce::produce(&arguments, sync),
            Command::Consume { count } => consume::consume(&arguments, count),
        });
        outcome.map_err(|message| say(&message))
    }
}

// A native linker refuses the names of the symbols. What they call is checked on every target, and used.
const _: () = used_by_symbols::<Program>();
#[cfg(target_family = "wasm")]
wasip2::cli::command::export!(Program);

/// Stands in for the symbols on targets where there are none.
const fn used_by_symbols<C: Guest>() {}

/// Writes to stdout, and waits until it is taken.
fn print_bytes(bytes: &[u8]) -> std::io::Result<()> {
    let mut stdout = get_stdout();
    stdout.write_all(bytes)?;
    Write::flush(&mut stdout)
}

/// Says something to a person. Without a stderr it is lost.
fn say(message: &str) {
    let _ = writeln!(get_stderr(), "forebay-cli: {message}");
}

//! The `forebay` command: a durable queue of records in a directory, for shells and scripts.
//!
//! Each command has a module of its own. What they share: [`args`] says what can be asked for, [`access`] gets at a buffer, as its
//! owner or through the process that is, [`open`] takes and opens one, [`signals`] closes it when the process is told to end, [`framing`] turns bytes into records and back, and [`exit`]
//! says how it ended.

mod access;
mod ack;
mod answers;
mod archive;
mod args;
mod completions;
mod component;
mod copy;
mod dead_letters;
mod deliver;
mod delivery;
mod demo;
mod doctor;
mod exit;
mod feed;
mod fill;
mod framing;
mod given;
mod images;
mod init;
mod inspect;
mod limits;
mod logging;
mod man;
mod open;
mod options;
mod outlet;
mod peek;
mod pipe;
mod place;
mod print;
mod purge;
mod read;
mod records;
mod remembered;
mod repair;
mod room;
mod serve;
mod signals;
mod size;
mod status;
mod stdin;
mod verify;
mod write;

use std::process::ExitCode;

use crate::{
    args::{Args, Command},
    exit::Exit,
    signals::Signals,
};

fn main() -> ExitCode {
    if images::is_compiler() {
        return forebay::engine::compile_as_child();
    }
    let mut args = match Args::of_line(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => return exit::for_arguments(&error),
    };
    logging::start(&args.logging);
    images::set_up();
    if let Err(error) = limits::survive() {
        return exit::for_error(&error);
    }
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return exit::for_error(&error),
    };
    let result = recall(&mut args.command).and_then(|()| run(args.command, &signals));
    // Whatever happened, a buffer that is open is closed well. What ended the command is said first.
    let closed = signals.close();
    let code = match result.and_then(|exit| closed.map(|_| exit)) {
        Ok(exit) => exit.code(),
        Err(error) => exit::for_error(&error),
    };
    signals.caught().map_or(code, |signal| Exit::Signal(signal).code())
}

/// Completes the options of a command with those that its buffer remembers.
fn recall(command: &mut Command) -> anyhow::Result<()> {
    let changes_them = matches!(command, Command::Init(_));
    match command.buffer() {
        Some((dir, buffer)) => {
            let dir = dir.to_owned();
            remembered::recall(&dir, buffer, changes_them)
        }
        None => Ok(()),
    }
}

fn run(command: Command, signals: &Signals) -> anyhow::Result<Exit> {
    match command {
        Command::Init(args) => init::run(&args, signals),
        Command::Write(args) => write::run(&args, signals),
        Command::Read(args) => read::run(&args, signals),
        Command::Peek(args) => peek::run(&args, signals),
        Command::Pipe(args) => pipe::run(&args, signals),
        Command::Ack(args) => ack::run(&args, signals),
        Command::Serve(args) => serve::run(&args, signals),
        Command::Status(args) => status::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Repair(args) => repair::run(&args),
        Command::Dump(args) => archive::dump(&args, signals),
        Command::Restore(args) => archive::restore(&args, signals),
        Command::Copy(args) => copy::run(&args, signals),
        Command::Purge(args) => purge::run(&args, signals),
        Command::Doctor(args) => doctor::run(&args),
        Command::DeadLetters(args) => dead_letters::run(&args),
        Command::Component(args) => component::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

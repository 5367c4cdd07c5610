//! Compiling a component in a process of its own. How long that takes, and how much memory, is the component's to choose:
//! a few MiB of code can be made that keep a compiler busy for an hour. The process that compiles is this program, started
//! again; it bounds itself, and dies with its parent.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal};
use tracing::debug;

use super::{configuration::engine, limits::COMPONENT_BYTES_MAX, printable::printable};
use crate::thread_limit::explain;

/// What the process may use: address space in bytes, and processor time in seconds.
const MEMORY_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const CPU_SECONDS: u64 = 20;

/// The most that is waited for it, on however busy a machine.
const WAIT: Duration = Duration::from_mins(2);

/// The most that its answers may be long.
const IMAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const REASON_BYTES_MAX: u64 = 4 * 1024;

/// How it ends when it has compiled nothing and says why.
const REFUSED: u8 = 1;

static ARGUMENT: OnceLock<OsString> = OnceLock::new();

/// Why a component was not compiled.
#[derive(Debug)]
pub(super) enum CompileError {
    /// It is not one, or uses what is turned off.
    Invalid(String),
    /// It takes too much.
    Costly(String),
    /// The other process cannot be had.
    Child(io::Error),
}

/// Has every component but the embedded one compiled in a child process from now on, for the whole process; the first
/// call counts. A compilation may take 2 GiB of memory and 20 s of processor time.
///
/// The child is this program, started again with `argument` and nothing else. The program must look for that argument
/// first of all, and answer it with [`compile_as_child`].
pub fn compile_in_children(argument: impl Into<OsString>) {
    if ARGUMENT.set(argument.into()).is_err() {
        debug!("how components are compiled was chosen before");
    }
}

/// What a program does that was started by [`compile_in_children`]: bounds itself, compiles what comes on stdin to stdout,
/// and gives what it should end with.
pub fn compile_as_child() -> ExitCode {
    match bound_itself().map_err(|error| error.to_string()).and_then(|()| compile_stdin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprint!("{reason}");
            ExitCode::from(REFUSED)
        }
    }
}

fn bound_itself() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    for (resource, limit) in [
        (Resource::As, MEMORY_BYTES),
        (Resource::Cpu, CPU_SECONDS),
        // It has no business with files, and leaves none when it dies.
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        let Rlimit { current, maximum } = rustix::process::getrlimit(resource);
        let current = current.map_or(limit, |current| current.min(limit));
        rustix::process::setrlimit(resource, Rlimit { current: Some(current), maximum })?;
    }
    Ok(())
}

fn compile_stdin() -> Result<(), String> {
    let component = read_at_most(io::stdin(), COMPONENT_BYTES_MAX).map_err(|error| error.to_string())?;
    let engine = engine().map_err(|error| error.to_string())?;
    let image = engine.precompile_component(&component).map_err(|error| error.root_cause().to_string())?;
    io::stdout().write_all(&image).map_err(|error| error.to_string())
}

/// The machine code of a component, as another process of this program has compiled it. `None` if none was asked for.
pub(super) fn compile(component: &[u8]) -> Option<Result<Vec<u8>, CompileError>> {
    let child = match start(ARGUMENT.get()?) {
        Ok(child) => child,
        Err(error) => return Some(Err(CompileError::Child(explain(error)))),
    };
    Some(converse(child, component))
}

/// Starts this program again, and not what stands under its name meanwhile.
fn start(argument: &OsStr) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg0("forebay: compiles a component")
        .arg(argument)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Sends the component, and takes what comes back.
fn converse(mut child: Child, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(CompileError::Child(io::Error::other("it has no pipes")));
    };
    thread::scope(|scope| {
        let (sender, image) = mpsc::channel();
        let spawn = || {
            // A child that ends early reads no more.
            thread::Builder::new().spawn_scoped(scope, move || drop(stdin.write_all(component)))?;
            thread::Builder::new()
                .spawn_scoped(scope, move || sender.send(read_at_most(stdout, IMAGE_BYTES_MAX)))?;
            let read_reason = move || read_at_most(stderr, REASON_BYTES_MAX).unwrap_or_default();
            thread::Builder::new().spawn_scoped(scope, read_reason)
        };
        let reason = match spawn() {
            Ok(reason) => reason,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(CompileError::Child(explain(error)));
            }
        };
        let image = image.recv_timeout(WAIT);
        if image.is_err() {
            // It may have ended by itself.
            let _ = child.kill();
        }
        let status = child.wait().map_err(CompileError::Child)?;
        let reason = String::from_utf8_lossy(&reason.join().unwrap_or_default()).into_owned();
        match image {
            Err(_) => Err(CompileError::Costly(format!("it took longer than {WAIT:?}"))),
            Ok(_) if !status.success() => Err(why_it_ended(status, &reason)),
            Ok(Err(error)) => Err(CompileError::Costly(format!("what came of it cannot be read: {error}"))),
            Ok(Ok(image)) => Ok(image),
        }
    })
}

fn why_it_ended(status: ExitStatus, reason: &str) -> CompileError {
    if status.code() == Some(REFUSED.into()) {
        return CompileError::Invalid(printable(reason));
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return CompileError::Costly(format!("it took more than {CPU_SECONDS} s of processor time"));
    }
    if reason.contains("memory allocation") {
        let mebibytes = MEMORY_BYTES / (1024 * 1024);
        return CompileError::Costly(format!("it took more than {mebibytes} MiB of memory"));
    }
    CompileError::Costly(format!("the compiler ended with {status}"))
}

/// All that comes, if it is not more than this.
fn read_at_most(from: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    match u64::try_from(read) {
        Ok(read) if read <= bytes_max => Ok(bytes),
        _ => Err(io::Error::other(format!("it is longer than {bytes_max} bytes"))),
    }
}

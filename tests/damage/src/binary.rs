//! Runs the binary `forebay`, and ends a process that does not end by itself.

use std::{
    env,
    ffi::OsStr,
    io::{Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// The environment variable that names another binary than the one beside this program.
const BINARY_VARIABLE: &str = "FOREBAY_BIN";

/// How to build the binary. Nothing else here would have to know its package.
const BUILD: &str = "cargo build --bin forebay (with --release for target/release)";

/// How long a process may take. On an idle machine the slowest takes a fiftieth of it, so only a process that hangs is killed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary, and where it keeps compiled components.
#[derive(Clone, Debug)]
pub struct Binary {
    path: PathBuf,
    cache: PathBuf,
}

/// A process that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Whether it hung and was killed.
    pub hung: bool,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it said on its standard error.
    pub stderr: String,
    signal: Option<i32>,
}

impl Binary {
    /// The binary that `FOREBAY_BIN` names, or the one in `target/<profile>` where this program was built. It keeps compiled
    /// components in `cache`.
    pub fn find(cache: PathBuf) -> Result<Self> {
        if let Some(path) = env::var_os(BINARY_VARIABLE) {
            return Self::at(Path::new(&path), cache);
        }
        let program = env::current_exe().context("cannot tell where this program is")?;
        // Tests are in `target/<profile>/deps`, programs in `target/<profile>`.
        let places = program.ancestors().skip(1).take(2).map(|folder| folder.join("forebay"));
        for path in places {
            if path.is_file() {
                return Self::at(&path, cache);
            }
        }
        bail!(
            "there is no binary `forebay` beside {}: build it with {BUILD}, or name one in {BINARY_VARIABLE}",
            program.display()
        )
    }

    /// The binary at this path.
    pub fn at(path: &Path, cache: PathBuf) -> Result<Self> {
        let path =
            path.canonicalize().with_context(|| format!("there is no binary at {}", path.display()))?;
        Ok(Self { path, cache })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it with these arguments and this on its standard input, and waits for its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A], stdin: &[u8]) -> Result<Ended> {
        let mut command = Command::new(&self.path);
        command.args(arguments).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
        command.env("XDG_CACHE_HOME", &self.cache);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot run {}", self.path.display()))?;
        finish(child, stdin)
    }
}

/// Feeds a process, reads what it writes, and waits for its end.
fn finish(mut child: Child, input: &[u8]) -> Result<Ended> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process without a number")?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
        bail!("a process without pipes")
    };
    let (ended, end) = channel::<()>();
    let (mut output, mut messages) = (Vec::new(), Vec::new());
    let hung = thread::scope(|scope| {
        let watchdog = scope.spawn(move || {
            let hung = end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if hung {
                // Its number stays its own until it is waited for.
                let _ = kill_process(pid, Signal::KILL);
            }
            hung
        });
        // A process that ends early leaves input unread.
        scope.spawn(move || drop(stdin.write_all(input)));
        scope.spawn(|| drop(stderr.read_to_end(&mut messages)));
        let _ = stdout.read_to_end(&mut output);
        // The process stays a zombie, so that the watchdog cannot kill another one with its number.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = ended.send(());
        watchdog.join().unwrap_or(true)
    });
    let status = child.wait().context("cannot wait for the process")?;
    Ok(Ended {
        code: status.code(),
        signal: status.signal(),
        hung,
        stdout: output,
        stderr: String::from_utf8_lossy(&messages).into_owned(),
    })
}

impl Ended {
    /// Whether it hung, or died of a signal or a panic: 0, 1 and 2 are the exit codes that are documented.
    pub fn is_crash(&self) -> bool {
        self.hung || !matches!(self.code, Some(0..=2))
    }

    /// How it ended, and the last line that it said.
    pub fn summary(&self) -> String {
        let end = match (self.hung, self.code, self.signal) {
            (true, ..) => "hung".to_owned(),
            (_, Some(code), _) => format!("exit code {code}"),
            (_, None, signal) => format!("signal {}", signal.unwrap_or_default()),
        };
        let said = self.stderr.lines().last().unwrap_or_default();
        format!("{end}, {} bytes on stdout; {said}", self.stdout.len())
    }
}

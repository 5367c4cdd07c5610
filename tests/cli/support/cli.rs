//! Running the real binary.
//!
//! No test waits for a time to pass. What hangs is killed in the end, so that a test fails instead of hanging with it.

use std::{
    ffi::OsStr,
    fmt,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::Signal;
use serde_json::Value;

use super::watchdog::Watchdog;

/// The binary that was built with the tests.
pub const BINARY: &str = env!("CARGO_BIN_EXE_forebay");

/// Where the binary keeps compiled components: not in the cache of the user who runs the tests.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");

/// The binary with these arguments, undisturbed by the environment.
pub fn forebay<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(BINARY);
    undisturbed(command.args(arguments));
    command
}

/// The binary with these arguments, started by this shell script, in which `"$0" "$@"` stands for both.
pub fn by_shell(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    undisturbed(command.args(["-c", script, BINARY]).args(arguments));
    command
}

/// The binary with these arguments, all of whose threads `strace` traces, with arguments of its own.
pub fn by_strace(own: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    undisturbed(command.args(["-q", "-f"]).args(own).arg(BINARY).args(arguments));
    command
}

/// Keeps the environment of the user who runs the tests from changing what a command does.
pub fn undisturbed(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"FOREBAY_"))
    {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE").env("XDG_CACHE_HOME", CACHE)
}

/// Runs the binary without input.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    run_with(arguments, b"")
}

/// Runs the binary with this on its stdin.
pub fn run_with<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, stdin: &[u8]) -> Ended {
    run_command(&mut forebay(arguments), stdin)
}

/// Runs this command with this on its stdin, which ends behind it.
pub fn run_command(command: &mut Command, stdin: &[u8]) -> Ended {
    let mut running = Running::start(command);
    let mut pipe = running.take_stdin();
    thread::scope(|scope| {
        // A process that ends early reads no more.
        scope.spawn(move || drop(pipe.write_all(stdin)));
        running.end()
    })
}

/// `forebay status`, which must succeed.
pub fn status(directory: impl AsRef<Path>) -> Value {
    let ended = run([OsStr::new("status"), directory.as_ref().as_os_str(), OsStr::new("--format=json")]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended}");
    ended.json()
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    /// The last line on stdout, which is JSON.
    pub fn json(&self) -> Value {
        let line = self.stdout.strip_suffix(b"\n").expect("the output ends with a newline");
        let line = line.rsplit(|&byte| byte == b'\n').next().unwrap();
        serde_json::from_slice(line).unwrap()
    }

    /// It did what it was asked for, and had nothing to say about it.
    #[track_caller]
    pub fn assert_quiet_success(&self) -> &Self {
        assert!(self.code == Some(0) && self.stderr.is_empty(), "{self}");
        self
    }

    /// It could not do it, and says so in one line that holds all of these; nothing is on stdout.
    #[track_caller]
    pub fn assert_refusal(&self, words: &[&str]) {
        assert!(self.code == Some(2) && self.stdout.is_empty(), "{self}");
        assert!(self.stderr.ends_with('\n') && self.stderr.lines().count() == 1, "{self}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {self}");
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = String::from_utf8_lossy(self.stdout.get(..2000).unwrap_or(&self.stdout)).into_owned();
        write!(
            f,
            "exit code {:?}, signal {:?}, {} bytes on stdout: {start:?}, on stderr: {:?}",
            self.code,
            self.signal,
            self.stdout.len(),
            self.stderr
        )
    }
}

/// A process that runs, and is killed when this is dropped.
pub struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Receiver<String>,
    watchdog: Option<Watchdog>,
}

impl Running {
    /// Starts it, with pipes on stdin, stdout and stderr. What comes on stderr is collected.
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::piped()), collect_lines)
    }

    /// Starts it with this stdin.
    pub fn start_with_stdin(command: &mut Command, stdin: Stdio) -> Self {
        let running = Self::spawn(command.stdin(stdin), collect_lines);
        // The command keeps its end of the pipe otherwise.
        command.stdin(Stdio::null());
        running
    }

    /// Starts it, with a stderr that is not read.
    pub fn start_unheard(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::piped()), |_| channel().1)
    }

    fn spawn(command: &mut Command, listen: impl FnOnce(ChildStderr) -> Receiver<String>) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let watchdog = Watchdog::over(&child);
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = listen(child.stderr.take().unwrap());
        Self { child, stdout, stderr, watchdog: Some(watchdog) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its stdin, which ends when the caller drops it.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Writes to its stdin, which stays open.
    pub fn feed(&mut self, text: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text).unwrap();
        stdin.flush().unwrap();
    }

    /// The next line of its stdout, without the newline; `None` at its end. Half a line is none.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        self.stdout.as_mut().unwrap().read_until(b'\n', &mut line).unwrap();
        (line.pop() == Some(b'\n')).then_some(line)
    }

    /// So many bytes of its stdout.
    pub fn read_exactly(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        self.stdout.as_mut().unwrap().read_exact(&mut read).unwrap();
        read
    }

    /// Waits for the next line of its stderr, with the newline.
    pub fn next_error_line(&mut self) -> String {
        self.stderr.recv().expect("it ended without a word")
    }

    /// Reads its stdout no more.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends its stdin, if it was not taken, reads the rest of its stdout, and waits for its end.
    pub fn end(&mut self) -> Ended {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// Reads the rest of its stdout and stderr, and waits for its end. Its stdin stays open.
    pub fn wait(&mut self) -> Ended {
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        let stderr = self.stderr.iter().collect();
        let status = self.reap();
        Ended { code: status.code(), signal: status.signal(), stdout, stderr }
    }

    /// Waits for its end without reading its stdout, which stays open until it has ended.
    pub fn wait_without_reading(&mut self) -> Ended {
        let stderr = self.stderr.iter().collect();
        let status = self.reap();
        Ended { code: status.code(), signal: status.signal(), stdout: Vec::new(), stderr }
    }

    fn reap(&mut self) -> ExitStatus {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.watch_until_dead();
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.watchdog.is_some() {
            // It may be dead already.
            let _ = self.child.kill();
            self.reap();
        }
    }
}

/// The lines that come through a pipe, read as they come, so that no process waits for them to be read.
fn collect_lines(pipe: ChildStderr) -> Receiver<String> {
    let (lines, received) = channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            // The receiver may have gone.
            let _ = lines.send(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    });
    received
}

//! Delivery to a command, which is run for each batch.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};

use super::destination::{Destination, Outcome, Parcel};

/// What a shell answers where it cannot run a command, or does not find it. No record is to blame.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

pub(super) struct Exec {
    command: String,
    /// The process that runs. It is reaped under this lock, so that its id is its own for as long as it is here.
    running: Arc<Mutex<Option<Child>>>,
}

impl Exec {
    pub(super) fn new(command: &str) -> Self {
        Self { command: command.to_owned(), running: Arc::default() }
    }

    fn run(&self, parcel: &Parcel) -> io::Result<ExitStatus> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(stdin(&parcel.body)?);
        command.env("FOREBAY_RECORDS", parcel.records.to_string());
        command.env("FOREBAY_FIRST_ID", parcel.first_id.to_string());
        command.env("FOREBAY_LAST_ID", parcel.last_id.to_string());
        command.env("FOREBAY_ATTEMPT", parcel.attempt.to_string());
        let child = command.spawn()?;
        let id = pid(&child);
        *lock(&self.running) = Some(child);
        if let Some(id) = id {
            // Without reaping it: the interrupter may be about to send it a signal.
            let _ = waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
        let mut running = lock(&self.running);
        running.take().ok_or(io::ErrorKind::NotFound.into()).and_then(|mut child| child.wait())
    }
}

impl Destination for Exec {
    fn deliver(&mut self, parcel: Parcel) -> Outcome {
        match self.run(&parcel) {
            Ok(status) => outcome(status),
            Err(error) => Outcome::Hold { reason: format!("the command cannot be run: {error}") },
        }
    }

    fn interrupter(&self) -> Box<dyn Fn() + Send> {
        let running = Arc::clone(&self.running);
        Box::new(move || {
            if let Some(pid) = lock(&running).as_ref().and_then(pid) {
                // It may have ended.
                let _ = kill_process(pid, Signal::TERM);
            }
        })
    }
}

/// All of a batch, in a file without a name. A command that reads from a pipe would take the beginning of a batch for a whole one
/// where this process is killed in the middle of writing it.
fn stdin(body: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("forebay-batch", MemfdFlags::CLOEXEC)?);
    file.write_all(body)?;
    file.rewind()?;
    Ok(file)
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Delivered,
        (Some(code @ (CANNOT_RUN | NOT_FOUND)), _) => {
            Outcome::Hold { reason: format!("the command cannot be run: it ended with exit code {code}") }
        }
        (Some(code), _) => {
            Outcome::Retry { after: None, reason: format!("the command ended with exit code {code}") }
        }
        (None, signal) => Outcome::Retry {
            after: None,
            reason: format!("signal {} ended the command", signal.unwrap_or_default()),
        },
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn lock(running: &Mutex<Option<Child>>) -> std::sync::MutexGuard<'_, Option<Child>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

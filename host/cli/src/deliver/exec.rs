//! Delivery to a command, which is run for each batch.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::retry_on_intr,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid},
};

use super::destination::{Destination, Outcome, Parcel, Urgency};

/// What a shell answers where it cannot run a command, or does not find it. No record is to blame.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

/// How often it is looked whether all processes of a command have ended that was told to end.
const LOOK: Duration = Duration::from_millis(5);

pub(super) struct Exec {
    command: String,
    running: Arc<Mutex<Option<Group>>>,
}

/// The processes of a command that runs. They have a process group of their own, so that a signal reaches those that the shell started.
///
/// The first of them is reaped under the lock, and a group whose first process is reaped is here only while others are in it: its id is its
/// own for as long as it is here.
struct Group {
    id: Pid,
    told: Option<Urgency>,
}

impl Exec {
    pub(super) fn new(command: &str) -> anyhow::Result<Self> {
        if command.trim().is_empty() {
            anyhow::bail!(
                "--exec takes a command, and none was given: an empty one would discard all records (if that is meant, --exec true)"
            );
        }
        Ok(Self { command: command.to_owned(), running: Arc::default() })
    }

    fn run(&self, parcel: &Parcel) -> io::Result<ExitStatus> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]).stdin(stdin(&parcel.body)?).process_group(0);
        command.env("FOREBAY_RECORDS", parcel.records.to_string());
        command.env("FOREBAY_FIRST_ID", parcel.first_id.to_string());
        command.env("FOREBAY_LAST_ID", parcel.last_id.to_string());
        command.env("FOREBAY_ATTEMPT", parcel.attempt.to_string());
        let mut child = command.spawn()?;
        let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return child.wait() };
        *lock(&self.running) = Some(Group { id, told: None });
        // Without reaping it: the interrupter may be about to send it a signal.
        let _ = retry_on_intr(|| waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        let mut status = None;
        loop {
            let mut running = lock(&self.running);
            let status = status.get_or_insert_with(|| child.wait());
            // What it left behind by its own choice stays.
            let was_told = running.as_ref().is_some_and(|group| group.told.is_some());
            if !was_told || test_kill_process_group(id).is_err() {
                *running = None;
                return std::mem::replace(status, Err(io::ErrorKind::NotFound.into()));
            }
            drop(running);
            thread::sleep(LOOK);
        }
    }
}

impl Destination for Exec {
    fn deliver(&mut self, parcel: Parcel) -> Outcome {
        match self.run(&parcel) {
            Ok(status) => outcome(status),
            Err(error) => {
                Outcome::Hold { after: None, reason: format!("the command cannot be run: {error}") }
            }
        }
    }

    fn interrupter(&self) -> Box<dyn Fn(Urgency) -> bool + Send> {
        let running = Arc::clone(&self.running);
        Box::new(move |urgency| {
            if let Some(group) = lock(&running).as_mut()
                && group.told < Some(urgency)
            {
                group.told = Some(urgency);
                let signal = match urgency {
                    Urgency::Interrupt => Signal::INT,
                    Urgency::End => Signal::TERM,
                    Urgency::Kill => Signal::KILL,
                };
                // It may have ended.
                let _ = kill_process_group(group.id, signal);
            }
            true
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
            let reason = format!("the command cannot be run: it ended with exit code {code}");
            Outcome::Hold { after: None, reason }
        }
        (Some(code), _) => {
            Outcome::Failed { after: None, reason: format!("the command ended with exit code {code}") }
        }
        (None, signal) => Outcome::Failed {
            after: None,
            reason: format!("signal {} ended the command", signal.unwrap_or_default()),
        },
    }
}

fn lock(running: &Mutex<Option<Group>>) -> std::sync::MutexGuard<'_, Option<Group>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

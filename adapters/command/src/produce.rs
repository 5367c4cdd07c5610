//! `produce`: lines from stdin become records.

use crate::{arguments::Arguments, lines::Lines, print_bytes, say, words::words};
use forebay_adapter_bindings::command::forebay::queue::queue::{Error, Message, Queue};

/// What a frame takes besides its payload.
const OVERHEAD_BYTES: u64 = 48;

/// Pushes the lines of stdin. After each push it prints `written ID` or, if it is to sync, `durable ID`: every event below
/// this id survives the death of the process, or power loss.
pub(crate) fn produce(arguments: &Arguments, sync: bool) -> Result<(), String> {
    let failed = |error: Error| words(&arguments.directory, &error);
    let queue = Queue::open(&arguments.directory, &arguments.options).map_err(failed)?;
    let longest = arguments.options.file_bytes.saturating_sub(OVERHEAD_BYTES);
    let (mut lines, mut accepted) = (Lines::new(), 0_u64);
    let fed = loop {
        let batch = match lines.next(longest) {
            Ok(batch) if batch.is_empty() => break Ok(()),
            Ok(batch) => batch,
            Err(message) => break Err(message),
        };
        match push(&queue, batch, sync, &mut accepted) {
            Ok(()) => {}
            Err(Rejected::Error(error)) => break Err(failed(error)),
            Err(Rejected::Full(left)) => {
                break Err(format!("the queue {} is full: {left} lines were not taken", arguments.directory));
            }
            Err(Rejected::Unheard) => break Err("stdout is closed".to_owned()),
        }
    };
    say(&format!("{accepted} records"));
    let closed = Queue::close(queue).map_err(failed);
    fed.and(closed)
}

/// Why not all lines were pushed.
enum Rejected {
    Error(Error),
    Full(usize),
    Unheard,
}

fn push(queue: &Queue, batch: Vec<Vec<u8>>, sync: bool, accepted: &mut u64) -> Result<(), Rejected> {
    let message = |payload| Message { payload, metadata: 0, events: 1 };
    let messages: Vec<_> = batch.into_iter().map(message).collect();
    let pushed = queue.push(&messages).map_err(Rejected::Error)?;
    *accepted = accepted.saturating_add(pushed.accepted.into());
    let (word, below) = if sync {
        ("durable", queue.flush().map_err(Rejected::Error)?)
    } else {
        ("written", pushed.first_id.saturating_add(pushed.accepted.into()))
    };
    print_bytes(format!("{word} {below}\n").as_bytes()).map_err(|_| Rejected::Unheard)?;
    let taken = usize::try_from(pushed.accepted).unwrap_or(usize::MAX);
    match messages.len().saturating_sub(taken) {
        0 => Ok(()),
        left => Err(Rejected::Full(left)),
    }
}

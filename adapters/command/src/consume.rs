//! `consume`: records become lines on stdout.

use crate::{arguments::Arguments, print_bytes, words::words};
use forebay_adapter_bindings::command::forebay::queue::queue::{Delivery, Error, Queue};

/// How much is taken at a time.
const POP_RECORDS: u32 = 256;
const POP_BYTES: u64 = 1 << 20;

/// The figure of what is lost: "Figures" in `wit/queue/README.md`.
const LOST_EVENTS: u16 = 7;

/// Prints the records that wait, each with a newline behind it, and acknowledges what stdout has taken.
pub(crate) fn consume(arguments: &Arguments, count: Option<u64>) -> Result<(), String> {
    let failed = |error: Error| words(&arguments.directory, &error);
    let queue = Queue::open(&arguments.directory, &arguments.options).map_err(failed)?;
    let mut left = count.unwrap_or(u64::MAX);
    let taken = loop {
        let wanted = POP_RECORDS.min(u32::try_from(left).unwrap_or(u32::MAX));
        let records = match queue.pop(wanted, POP_BYTES) {
            Ok(records) => records,
            Err(error) => break Err(failed(error)),
        };
        let Some(last) = records.last() else { break Ok(()) };
        let through = last.id.saturating_add(last.events.into()).saturating_sub(1);
        if print(&records).is_err() {
            break Err("stdout is closed: what it did not take stays in the queue".to_owned());
        }
        if let Err(error) = queue.acknowledge(through) {
            break Err(failed(error));
        }
        left = left.saturating_sub(u64::try_from(records.len()).unwrap_or(u64::MAX));
    };
    let lost = lost_events(&queue);
    let closed = Queue::close(queue).map_err(failed);
    taken.and(closed)?;
    match lost {
        0 => Ok(()),
        _ => Err(format!(
            "{lost} events of the queue {} are lost: no data file holds them whole",
            arguments.directory
        )),
    }
}

/// How many events are lost, as far as delivery has come to them.
fn lost_events(queue: &Queue) -> u64 {
    let figures = queue.figures();
    figures.iter().find(|(number, _)| *number == LOST_EVENTS).map_or(0, |(_, events)| *events)
}

fn print(records: &[Delivery]) -> std::io::Result<()> {
    let length = records.iter().map(|record| record.payload.len().saturating_add(1)).sum();
    let mut lines = Vec::with_capacity(length);
    for record in records {
        lines.extend_from_slice(&record.payload);
        lines.push(b'\n');
    }
    print_bytes(&lines)
}

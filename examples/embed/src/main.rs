//! Forebay in an application: two threads write, one reads and acknowledges, and what was not acknowledged is still there
//! when the buffer is opened again.

use std::{error::Error, path::PathBuf, thread};

use forebay::{Buffer, Durability};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("embed-buffer"), PathBuf::from);

    let buffer = Buffer::builder(&directory).durability(Durability::Synced).open()?;
    let writers = ["orders", "payments"].map(|topic| {
        let writer = buffer.writer();
        thread::spawn(move || (1..=500).try_for_each(|n| writer.write(format!("{topic} {n}")).map(drop)))
    });
    for writer in writers {
        writer.join().expect("a writer panicked")?;
    }

    let reader = buffer.reader();
    for _ in 0..600 {
        let record = reader.next()?.expect("1000 records were written");
        record.ack();
    }
    buffer.close()?;

    let buffer = Buffer::builder(&directory).open()?;
    buffer.end_writing();
    let reader = buffer.reader();
    let mut left = 0;
    while let Some(records) = reader.next_batch(100)? {
        left += records.len();
        reader.ack_through(records.last().expect("a batch is never empty").id());
    }
    buffer.close()?;
    println!("{left} records were delivered after opening again");
    Ok(())
}

//! Forebay in an application on tokio: two tasks write, one reads a stream, and none of them blocks a thread of the runtime.

use std::{error::Error, path::PathBuf, sync::Arc};

use forebay::{Buffer, Durability, TokioRuntime, WriteError};
use tokio_stream::StreamExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("tokio-buffer"), PathBuf::from);

    let runtime = Arc::new(TokioRuntime::current());
    let builder = Buffer::builder(&directory).durability(Durability::Synced).runtime(runtime);
    let buffer = builder.open_async().await?;

    let writers = ["orders", "payments"].map(|topic| {
        let writer = buffer.writer();
        tokio::spawn(async move {
            for n in 1..=100 {
                writer.write_async(format!("{topic} {n}")).await?;
            }
            Ok::<(), WriteError>(())
        })
    });
    let mut records = buffer.reader().into_stream();
    let reader = tokio::spawn(async move {
        let mut count = 0;
        while let Some(record) = records.next().await {
            record?.ack();
            count += 1;
        }
        Ok::<u32, forebay::ReadError>(count)
    });

    for writer in writers {
        writer.await??;
    }
    // The stream ends when all is delivered.
    buffer.end_writing_async().await;
    let count = reader.await??;
    buffer.close_async().await?;
    println!("{count} records went through the buffer");
    Ok(())
}

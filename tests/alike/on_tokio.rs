//! A buffer whose work is done by a tokio runtime, and its records as a stream.

use std::sync::Arc;

use forebay::{Buffer, Durability, TokioRuntime, storage::memory::Disk};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt as _;

use crate::support::{
    Runs,
    storage::{ids, options, read, records, write},
};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn open(runs: Runs, tokio: &Runtime, disk: &Disk) -> Buffer {
    let runtime = Arc::new(TokioRuntime::new(tokio.handle().clone()));
    let backend = Box::new(disk.open().unwrap());
    Buffer::open_on(runtime, backend, options(), move |guard| runs.make(guard)).unwrap()
}

/// The same as with threads of Forebay's own: writing, syncing, reading to the end, closing.
#[test]
fn a_tokio_runtime_does_a_buffers_work() {
    for runs in Runs::ALL {
        let (disk, tokio) = (Disk::new(), runtime());
        let buffer = open(runs, &tokio, &disk);
        tokio.block_on(async {
            let writer = buffer.writer().with_durability(Durability::Synced);
            assert_eq!(writer.write_batch_async(records(1..=200)).await.unwrap().records, 200, "{runs:?}");
            buffer.end_writing_async().await;
            let mut stream = buffer.reader().into_stream();
            let mut seen = Vec::new();
            while let Some(record) = stream.next().await {
                let record = record.unwrap();
                seen.push(record.id().0);
                record.ack();
            }
            assert_eq!(seen, ids([1..=200]), "{runs:?}");
            assert_eq!(buffer.status_async().await.unwrap().acknowledged.0, 200, "{runs:?}");
            buffer.close_async().await.unwrap();
        });
    }
}

/// A stream reads ahead. A consumer that ends early must not take records with it until the buffer is opened again.
#[test]
fn what_a_dropped_stream_has_not_given_out_goes_to_the_next_reader() {
    for runs in Runs::ALL {
        let (disk, tokio) = (Disk::new(), runtime());
        let buffer = open(runs, &tokio, &disk);
        write(&buffer, 1..=100);
        tokio.block_on(async {
            let mut stream = buffer.reader().into_stream();
            for id in 1..=3 {
                assert_eq!(stream.next().await.unwrap().unwrap().id().0, id, "{runs:?}");
            }
            drop(stream);
            let rest = buffer.reader().next_batch_async(200).await.unwrap().unwrap();
            assert_eq!(
                rest.iter().map(|record| record.id().0).collect::<Vec<_>>(),
                ids([4..=100]),
                "{runs:?}"
            );
            assert!(rest.iter().all(|record| record.deliveries().get() == 1), "{runs:?}");
        });
    }
}

/// A service drops its runtime and then the rest: the buffer must not wait for work that was dropped with the runtime.
#[test]
fn a_buffer_outlives_its_runtime() {
    for runs in Runs::ALL {
        let (disk, tokio) = (Disk::new(), runtime());
        let buffer = open(runs, &tokio, &disk);
        write(&buffer, 1..=10);
        drop(tokio);
        let writer = buffer.writer().with_durability(Durability::Synced);
        assert_eq!(writer.write_batch(records(11..=20)).unwrap().records, 10, "{runs:?}");
        buffer.close().unwrap();
        assert_eq!(read(&runs.open(disk.open().unwrap(), options())), ids([1..=20]), "{runs:?}");
    }
}

//! The logic, run natively, over the guard, with nothing round it: as [`unguarded`](crate::unguarded) runs it without one.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use forebay::{
    Options,
    guard::Guard,
    logic::{Logic, LogicOptions},
    storage::{
        SyncTarget,
        native::{Create, Native},
    },
};

use crate::{BATCH, batch, forgetful::Forgetful, support::native_logic::NativeLogic};

/// A buffer with a guard and no more.
pub(crate) struct Guarded {
    logic: Box<dyn Logic>,
    /// Syncs that were asked for. None is run: the disk is not what is measured.
    asked: Arc<Mutex<Vec<SyncTarget>>>,
}

impl Guarded {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let options = Options::default();
        let asked: Arc<Mutex<Vec<SyncTarget>>> = Arc::default();
        let runner = {
            let asked = Arc::clone(&asked);
            move |target, _| asked.lock().unwrap_or_else(PoisonError::into_inner).push(target)
        };
        // What `buffer.forebay` costs is measured elsewhere.
        let backend = Forgetful(Native::open(directory, Create::Yes)?);
        let guard = Guard::new(Box::new(backend), options.max_bytes, Box::new(runner))?;
        let mut logic = NativeLogic::make(guard);
        logic.open(&LogicOptions {
            max_bytes: options.max_bytes,
            file_bytes: options.file_bytes,
            max_events: 0,
            when_full: options.when_full,
            resume_after: None,
            sync_interval_ms: 500,
            now_ns: 0,
        })?;
        logic.guard().opened();
        Ok(Self { logic, asked })
    }

    /// Writes a batch, reads it and acknowledges it.
    pub(crate) fn pass(&mut self) -> Result<()> {
        let Self { logic, asked } = self;
        let (number, sizes) = logic.guard().offer(batch());
        logic.write(number.0, &sizes)?;
        logic.guard().take_offer();
        logic.guard().start_reading();
        let runs = logic.read(u32::try_from(BATCH)?, 1 << 20)?;
        let records = logic.guard().collect(&runs).context("it read what is not there")?;
        ensure!(records.len() == BATCH, "only {} records were read", records.len());
        let last = records.last().context("a batch is never empty")?.id;
        logic.guard().acknowledged(last);
        logic.acknowledge(last)?;
        for target in std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner)) {
            logic.guard().sync_ended(target, &Ok(()));
        }
        while let Some((ticket, ok)) = logic.guard().next_synced() {
            logic.synced(ticket, ok)?;
        }
        Ok(())
    }
}

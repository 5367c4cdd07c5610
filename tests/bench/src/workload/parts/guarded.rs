//! The logic, run natively, over the guard, with nothing round it: as [`unguarded`](super::unguarded) runs it without one.

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
use forebay_core::clock::StoppedClock;

use super::{BATCH, batch, forgetful::Forgetful};
use crate::support::native_logic::NativeLogic;

/// A buffer with a guard and no more.
pub(super) struct Guarded {
    logic: Box<dyn Logic>,
    /// Syncs that were requested. None is run: the disk is not what is measured.
    asked: Arc<Mutex<Vec<SyncTarget>>>,
}

impl Guarded {
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let options = Options::default();
        let asked: Arc<Mutex<Vec<SyncTarget>>> = Arc::default();
        let runner = {
            let asked = Arc::clone(&asked);
            move |target, _| asked.lock().unwrap_or_else(PoisonError::into_inner).push(target)
        };
        // What `buffer.forebay` costs is measured elsewhere.
        let backend = Forgetful(Native::open(directory, Create::Yes)?);
        let clock = Arc::new(StoppedClock::default());
        let guard = Guard::new(Box::new(backend), clock, options.max_bytes, Box::new(runner))?;
        let mut logic = NativeLogic::make(guard);
        logic.open(&LogicOptions {
            max_bytes: options.max_bytes,
            file_bytes: options.file_bytes,
            when_full: options.when_full,
            sync_interval_ms: 500,
            ..LogicOptions::default()
        })?;
        logic.guard().opened()?;
        Ok(Self { logic, asked })
    }

    /// Writes a batch, reads it and acknowledges it.
    pub(super) fn pass(&mut self) -> Result<()> {
        let Self { logic, asked } = self;
        let (number, sizes) = logic.guard().offer(batch());
        logic.write(number, &sizes)?;
        logic.guard().take_offer();
        let allowed = logic.read(u32::try_from(BATCH)?, 1 << 20)?;
        let records = logic.guard().deliver(allowed, 1 << 20)?;
        ensure!(records.len() == BATCH, "only {} records were read", records.len());
        let last = records.last().context("a batch is never empty")?.id;
        let through = logic.guard().acknowledge(last)?;
        logic.acknowledge(through)?;
        for target in std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner)) {
            logic.guard().sync_ended(target, &Ok(()));
        }
        while let Some(ticket) = logic.guard().next_durable() {
            logic.synced(ticket)?;
        }
        Ok(())
    }
}

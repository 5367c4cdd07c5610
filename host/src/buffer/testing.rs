//! The seams at which tests put in storage, logic and a runtime of their own.

use std::sync::Arc;

use tracing::Span;

use super::{
    Buffer, builder,
    error::{OpenError, ReplaceError},
    options::Options,
    runtime::{Runtime, Threads},
    source::Source,
};
use crate::{
    engine::Limits,
    guard::Guard,
    logic::{Logic, NotMade},
    storage::Backend,
};

impl Buffer {
    /// Opens a buffer over any storage, with logic made by `make`. Applications use [`builder`](Self::builder); this is
    /// the seam at which tests put in storage that fails, and logic that runs natively. A panic in `make` counts as logic
    /// that could not be made: nothing is opened, or, later on, the next attempt follows, as after a failure.
    pub fn open_with(
        backend: Box<dyn Backend>,
        options: Options,
        make: impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static,
    ) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(Threads), backend, options, make)
    }

    /// As [`open_with`](Self::open_with), on a runtime of its own: with a [`Simulation`](super::Simulation), whole histories of a buffer run on
    /// one thread and can be had again.
    pub fn open_on(
        runtime: Arc<dyn Runtime>,
        backend: Box<dyn Backend>,
        options: Options,
        make: impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let source = Source::Made(Box::new(make));
        builder::open_on(runtime, backend, options, source, Limits::default(), Span::none())
    }

    /// As [`replace_logic`](Self::replace_logic), with logic made by `make`: see [`open_with`](Self::open_with).
    pub fn replace_logic_with(
        &self,
        make: impl FnMut(Guard) -> Result<Box<dyn Logic>, Box<NotMade>> + Send + 'static,
    ) -> Result<(), ReplaceError> {
        self.replace_source(Source::Made(Box::new(make)))
    }
}

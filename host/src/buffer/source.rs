//! Where instances of a buffer's logic come from.

use std::fmt;

use crate::{
    brake::Brake,
    engine::{Component, Limits},
    guard::{Guard, Rescue},
    logic::{Logic, MakeLogic, NotMade, make_rescued},
};

/// What makes instances of a buffer's logic.
pub(super) enum Source {
    /// A component, run by the engine.
    Component(Component),
    /// The caller that opened the buffer brought it: tests and simulations.
    Made(MakeLogic),
}

impl Source {
    /// A fresh instance. Limits and the brake are for components. Code that was brought may panic: then there is none, and the guard comes
    /// back to `rescue` whenever it does.
    pub(super) fn make(
        &mut self,
        guard: Guard,
        limits: Limits,
        rescue: &Rescue,
        brake: &Brake,
    ) -> Result<Box<dyn Logic>, Box<NotMade>> {
        match self {
            Self::Component(component) => component.instance(guard, limits, brake),
            Self::Made(make) => make_rescued(guard, rescue, make),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(component) => component.fmt(f),
            Self::Made(_) => f.write_str("Made"),
        }
    }
}

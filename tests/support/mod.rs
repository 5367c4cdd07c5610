//! What several tests stand on.

pub mod bare;
pub mod dice;
pub mod faulty;
pub mod fixtures;
pub mod fuse;
pub mod ids;
pub mod logged;
pub mod native_logic;
pub mod recorded;
pub mod storage;
pub mod timed;
pub mod unfaithful;
pub mod wasm;

use forebay::{
    Buffer, Component, Limits, OpenError, Options, Simulation,
    guard::Guard,
    logic::{Logic, NotMade},
    storage::Backend,
};

/// What runs the buffer's logic in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    Natively,
    AsComponent,
}

impl Runs {
    pub const ALL: [Self; 2] = [Self::Natively, Self::AsComponent];

    /// Opens a buffer over any storage.
    pub fn open(self, backend: impl Backend + 'static, options: Options) -> Buffer {
        Buffer::open_with(Box::new(backend), options, move |guard| self.make(guard)).unwrap()
    }

    /// Opens a buffer in a simulation: nothing happens in it but what the test has happen.
    pub fn open_in(
        self,
        simulation: &Simulation,
        backend: impl Backend + 'static,
        options: Options,
    ) -> Result<Buffer, OpenError> {
        Buffer::open_on(simulation.runtime(), Box::new(backend), options, move |guard| self.make(guard))
    }

    /// Makes the logic of a buffer.
    pub fn make(self, guard: Guard) -> Result<Box<dyn Logic>, Box<NotMade>> {
        match self {
            Self::Natively => Ok(native_logic::NativeLogic::make(guard)),
            Self::AsComponent => Component::embedded().unwrap().instantiate(guard, Limits::default()),
        }
    }
}

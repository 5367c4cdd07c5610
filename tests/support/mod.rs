//! What several tests stand on.

pub mod cli;
pub mod fixtures;
mod native_logic;
pub mod storage;
mod watchdog;

use forebay::{Buffer, Component, Limits, Options, guard::Guard, logic::Logic, storage::Backend};

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
        let make = match self {
            Self::Natively => native_logic::NativeLogic::make as fn(Guard) -> _,
            Self::AsComponent => component,
        };
        Buffer::open_with(Box::new(backend), options, make).unwrap()
    }
}

fn component(guard: Guard) -> Result<Box<dyn Logic>, forebay::logic::CallError> {
    Component::embedded().unwrap().instantiate(guard, Limits::default())
}

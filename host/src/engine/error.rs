//! Why a component cannot be used.

use thiserror::Error;

use super::limits::COMPONENT_BYTES_MAX;

/// Why a component cannot be used.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// The file cannot be read.
    #[error("cannot read the component {name}: {reason}")]
    Unreadable {
        /// Which one.
        name: String,
        /// What the operating system said.
        reason: String,
    },
    /// It is longer than any component of a buffer's logic should be.
    #[error("{name} has {bytes} bytes or more; the most that a component may have is {COMPONENT_BYTES_MAX}")]
    TooLong {
        /// Which one.
        name: String,
        /// Its length, as far as it was read.
        bytes: u64,
    },
    /// It is not a component, or it uses what is turned off.
    #[error(
        "{name} is not a WebAssembly component that can be run here: {reason}; \
         build it for wasm32-unknown-unknown and make it a component with `wasm-tools component new`"
    )]
    Invalid {
        /// Which one.
        name: String,
        /// What the compiler said.
        reason: String,
    },
    /// Compiling it takes more time or memory than a component may take.
    #[error("{name} cannot be compiled within the limits: {reason}; make it smaller, or its functions")]
    Costly {
        /// Which one.
        name: String,
        /// Which limit.
        reason: String,
    },
    /// There is no process to compile it in.
    #[error("no process can be started to compile {name} in: {reason}")]
    Child {
        /// Which one.
        name: String,
        /// What the operating system said.
        reason: String,
    },
    /// It wants more of its host than storage.
    #[error(
        "{name} imports {import}; the logic of a buffer may import forebay:buffer/storage@0.1.x, and types, \
         and nothing else"
    )]
    Import {
        /// Which one.
        name: String,
        /// The first import that is not allowed.
        import: String,
    },
    /// It does not do what the logic of a buffer does.
    #[error(
        "{name} is not the logic of a buffer: {reason}; it must export forebay:buffer/buffer@0.1.x, built from the \
         contract of this version: build it again from its wit/ folder or with its forebay-bindings"
    )]
    World {
        /// Which one.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// The engine could not be set up on this machine.
    #[error("the WebAssembly engine does not start: {reason}")]
    Engine {
        /// What it said.
        reason: String,
    },
}

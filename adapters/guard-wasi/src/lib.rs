//! The host's side of a buffer as a component: the guard of `forebay-core` over a directory of `wasi:filesystem`.
//!
//! The same checks, sidecar, quarantine and rewriting after a failed fsync as in the native host, because it is the same code:
//! only `backend` is another one. It owns the directory, the payloads on offer and the syncs. `forebay:buffer/storage` is for the
//! logic, `forebay:staging/staging` for the loop.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `exports` | the two interfaces, as calls of the guard |
//! | `held` | the guard of the one directory that is held, and the syncs that wait |
//! | `packing` | records as words, and back |
//! | `clock` | the time |
//! | `backend` | a buffer in a directory of `wasi:filesystem` |
//!
//! What a native host has and this has not: a lock (`wasi:filesystem` knows none: the program that starts the component takes it),
//! threads (syncs run when the loop says so), and the boot of the machine (each opening counts as another one).

mod backend;
mod clock;
mod exports;
mod held;
mod packing;

//! Panics in code that is not the host's own: an embedder's logic, or what makes it.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

/// Runs something, and gives a panic's message in place of its answer.
///
/// Whatever a panic leaves half done is given up by the caller, who looks at nothing of it any more but whether it is there.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|thrown| message(&*thrown))
}

fn message(thrown: &(dyn Any + Send)) -> String {
    let text = thrown.downcast_ref::<&str>().copied();
    text.or_else(|| thrown.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

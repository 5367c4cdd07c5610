//! Where components are compiled, and where what comes of it is kept between runs, so that a command starts in
//! milliseconds.

use std::{env, path::PathBuf};

/// What this program is started with in order to compile a component.
const COMPILE: &str = "__compile";

/// Whether this process was started to compile a component.
pub(crate) fn is_compiler() -> bool {
    env::args_os().nth(1).is_some_and(|argument| argument == COMPILE)
}

/// Has components compiled in a process of their own, and kept in the user's cache directory, if there is one.
pub(crate) fn set_up() {
    forebay::engine::compile_in_children(COMPILE);
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    if let Some(cache) = cache {
        forebay::engine::keep_images_in(cache.join("forebay"));
    }
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

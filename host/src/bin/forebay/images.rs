//! Where compiled components are kept between runs, so that a command starts in milliseconds.

use std::{env, path::PathBuf};

/// Has them kept in the user's cache directory, if there is one.
pub(crate) fn keep() {
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    if let Some(cache) = cache {
        forebay::engine::keep_images_in(cache.join("forebay"));
    }
}

fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

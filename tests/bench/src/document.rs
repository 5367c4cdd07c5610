//! A page that keeps what a run has printed: between two marks, so that the words around it stay.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- what `just bench` printed -->\n";
const END: &str = "<!-- end of what it printed -->\n";

/// Puts the text in the place of the former one.
pub(crate) fn replace(page: &Path, printed: &str) -> Result<()> {
    let lacks =
        || format!("{} has no line `{}` with `{}` after it", page.display(), BEGIN.trim(), END.trim());
    let text = fs::read_to_string(page).with_context(|| format!("{} cannot be read", page.display()))?;
    let (before, rest) = text.split_once(BEGIN).with_context(lacks)?;
    let (_, after) = rest.split_once(END).with_context(lacks)?;
    fs::write(page, format!("{before}{BEGIN}\n{printed}{END}{after}"))?;
    Ok(())
}

//! Builds the components, and names each in a variable.

#[path = "../../host/build/guest.rs"]
mod guest;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    for watched in ["guest", "wit", "Cargo.lock", "Cargo.toml", "examples/custom-policy", "host/build"] {
        println!("cargo::rerun-if-changed=../../{watched}");
    }
    println!("cargo::rerun-if-env-changed=FOREBAY_WASM_TOOLCHAIN");
    let out_dir = env::var_os("OUT_DIR").map(PathBuf::from).context("cargo has not set OUT_DIR")?;
    let component = guest::build(Path::new("../.."), "custom-policy", &guest::target_dir(&out_dir)?)?;
    let path = out_dir.join("custom-policy.wasm");
    fs::write(&path, component).with_context(|| format!("cannot write {}", path.display()))?;
    println!("cargo::rustc-env=CUSTOM_POLICY_PATH={}", path.display());
    Ok(())
}

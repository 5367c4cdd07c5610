//! Finds the component that the library embeds and names it in `FOREBAY_COMPONENT_PATH`: the file that the variable
//! `FOREBAY_COMPONENT` names; else `component/forebay.wasm`, which the published crate carries; else `guest/component`
//! is built here, so that plain `cargo build`, `cargo run` and `cargo test` work.

mod guest;

use std::{env, ffi::OsString, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, ensure};

fn main() -> ExitCode {
    match component() {
        Ok(path) => println!("cargo::rustc-env=FOREBAY_COMPONENT_PATH={}", path.display()),
        Err(error) => {
            // Fails the build with this one line.
            println!("cargo::error={error:#}");
            if error.is::<guest::Unbuilt>() {
                // The outer cargo shows the inner one's messages only when this script fails as well.
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// The component to embed, built if need be.
fn component() -> Result<PathBuf> {
    let package = required_path("CARGO_MANIFEST_DIR")?;
    println!("cargo::rerun-if-changed=build");

    println!("cargo::rerun-if-env-changed=FOREBAY_COMPONENT");
    if let Some(path) = env::var_os("FOREBAY_COMPONENT").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", path.display());
        ensure!(
            path.is_absolute() && path.is_file(),
            "FOREBAY_COMPONENT is `{}`; it must be the absolute path of a component",
            path.display()
        );
        return Ok(path);
    }

    // The folder, because cargo takes a missing file for a changed one.
    println!("cargo::rerun-if-changed=component");
    let shipped = package.join("component/forebay.wasm");
    if shipped.is_file() {
        return Ok(shipped);
    }

    let workspace = package.join("..");
    ensure!(
        workspace.join("guest/component").is_dir(),
        "this copy of the crate has neither component/forebay.wasm nor the sources of the component; set FOREBAY_COMPONENT"
    );
    for watched in ["guest", "wit", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed=../{watched}");
    }
    let out_dir = required_path("OUT_DIR")?;
    println!("cargo::rerun-if-env-changed=FOREBAY_WASM_TOOLCHAIN");
    let component = guest::build(&workspace, "forebay-component", &guest::target_dir(&out_dir)?)?;
    let path = out_dir.join("forebay.wasm");
    fs::write(&path, component).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// What cargo tells every build script.
fn required_path(name: &str) -> Result<PathBuf> {
    let value: OsString = env::var_os(name).with_context(|| format!("cargo has not set {name}"))?;
    Ok(PathBuf::from(value))
}

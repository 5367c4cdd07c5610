//! Finds the component that the library embeds and names it in `FOREBAY_COMPONENT_PATH`: the file that the variable
//! `FOREBAY_COMPONENT` names; else `component/forebay.wasm`, which the published crate carries; else `guest/component`
//! is built here, so that plain `cargo build`, `cargo run` and `cargo test` work.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";

fn main() {
    match component() {
        Ok(path) => println!("cargo::rustc-env=FOREBAY_COMPONENT_PATH={}", path.display()),
        // Fails the build with this one line.
        Err(error) => println!("cargo::error={error:#}"),
    }
}

/// The component to embed, built if need be.
fn component() -> Result<PathBuf> {
    let package = required_path("CARGO_MANIFEST_DIR")?;
    println!("cargo::rerun-if-changed=build.rs");

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
    let module = build_guest(&workspace, &guest_target_dir(&out_dir)?)?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .context("guest/component does not make a component")?;
    let path = out_dir.join("forebay.wasm");
    fs::write(&path, component).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Runs an inner cargo and gives the core module that it made.
fn build_guest(workspace: &Path, target_dir: &Path) -> Result<Vec<u8>> {
    let compiler = WasmCompiler::choose()?;
    let mut cargo = Command::new(required_path("CARGO")?);
    clear_environment(&mut cargo);
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--locked",
            "--package",
            "forebay-component",
            "--profile",
            "guest",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        // Set, even to nothing, it keeps the flags of the user's configuration away from the component.
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        .stdout(Stdio::null());
    compiler.apply(&mut cargo);
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        println!(
            "cargo::error=guest/component could not be built for {TARGET}; the messages of its cargo are below"
        );
        // The outer cargo shows them only when this script fails as well.
        process::exit(1);
    }

    let module = target_dir.join(TARGET).join("guest/forebay_component.wasm");
    fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
}

/// What the outer cargo, clippy, a wrapper or a coverage run said to the host's build is not meant for the guest's.
fn clear_environment(cargo: &mut Command) {
    const FOREIGN: [&str; 6] = ["CARGO", "CLIPPY_", "LLVM_PROFILE_FILE", "RUSTC", "RUSTDOC", "RUSTFLAGS"];
    // Where crates come from, and the job server that keeps both cargos to one number of jobs.
    const KEPT: [&str; 5] =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_MAKEFLAGS", "CARGO_NET_", "CARGO_REGISTRIES_"];
    for (name, _) in env::vars_os() {
        let starts = |prefixes: &[&str]| {
            prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
        };
        if starts(&FOREIGN) && !starts(&KEPT) {
            cargo.env_remove(&name);
        }
    }
}

/// One folder for the guest under the outer target folder, whatever the outer profile: it is built once for all of them.
/// Never the outer folder itself, whose lock the outer cargo holds.
fn guest_target_dir(out_dir: &Path) -> Result<PathBuf> {
    // TARGET_DIR/[TRIPLE/]PROFILE/build/…/out
    let triple = required_path("TARGET")?;
    let profile =
        out_dir.ancestors().find(|path| path.ends_with("build")).and_then(Path::parent).with_context(
            || format!("OUT_DIR is laid out in a way that is new to build.rs: {}", out_dir.display()),
        )?;
    let above = profile.parent().unwrap_or(profile);
    let target_dir = if above.ends_with(&triple) { above.parent().unwrap_or(above) } else { above };
    Ok(target_dir.join("guest"))
}

/// A compiler for wasm, and where its standard library comes from.
enum WasmCompiler {
    /// The toolchain in use has the target's library.
    Installed { rustc: PathBuf },
    /// Debian's compiler, which builds the library from Debian's sources.
    Debian { linker: Option<PathBuf> },
}

impl WasmCompiler {
    const DEBIAN_RUSTC: &'static str = "/usr/bin/rustc";

    /// What `FOREBAY_WASM_TOOLCHAIN` asks for, else the first that is there.
    fn choose() -> Result<Self> {
        println!("cargo::rerun-if-env-changed=FOREBAY_WASM_TOOLCHAIN");
        let asked = env::var_os("FOREBAY_WASM_TOOLCHAIN").unwrap_or_default();
        let (found, setup) = match asked.to_str() {
            Some("") => (Self::installed()?.or(Self::debian()?), "./setup"),
            Some("rustup") => (Self::installed()?, "rustup target add wasm32-unknown-unknown"),
            Some("debian") => (Self::debian()?, "FOREBAY_WASM_TOOLCHAIN=debian ./setup"),
            _ => bail!("FOREBAY_WASM_TOOLCHAIN is `{}`; it can be `rustup` or `debian`", asked.display()),
        };
        found.with_context(|| format!("no compiler for {TARGET} was found; run: {setup}"))
    }

    fn installed() -> Result<Option<Self>> {
        let rustc = required_path("RUSTC")?;
        let library = print(&rustc, &["--print=target-libdir", "--target", TARGET])?;
        Ok(library.is_dir().then_some(Self::Installed { rustc }))
    }

    fn debian() -> Result<Option<Self>> {
        let rustc = Path::new(Self::DEBIAN_RUSTC);
        if !rustc.is_file() {
            return Ok(None);
        }
        let sources = print(rustc, &["--print=sysroot"])?.join("lib/rustlib/src/rust/library/Cargo.lock");
        if !sources.is_file() {
            return Ok(None);
        }
        // Debian's compiler comes without a linker for wasm. rustup's has one.
        let in_use = required_path("RUSTC")?;
        let host = required_path("HOST")?;
        let linker =
            print(&in_use, &["--print=sysroot"])?.join("lib/rustlib").join(host).join("bin/rust-lld");
        Ok(Some(Self::Debian { linker: linker.is_file().then_some(linker) }))
    }

    /// Makes an inner cargo use it.
    fn apply(&self, cargo: &mut Command) {
        match self {
            Self::Installed { rustc } => {
                cargo.env("RUSTC", rustc);
            }
            Self::Debian { linker } => {
                // Building the library is not stable: the second variable permits it.
                cargo.env("RUSTC", Self::DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo.arg("-Zbuild-std=std,panic_abort");
                if let Some(linker) = linker {
                    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                }
            }
        }
    }
}

/// The path that a compiler prints.
fn print(rustc: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let output = Command::new(rustc)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", rustc.display()))?;
    ensure!(output.status.success(), "{} {} failed", rustc.display(), arguments.join(" "));
    let path = String::from_utf8(output.stdout).context("the compiler's path is not UTF-8")?;
    Ok(PathBuf::from(path.trim_end()))
}

/// What cargo tells every build script.
fn required_path(name: &str) -> Result<PathBuf> {
    let value: OsString = env::var_os(name).with_context(|| format!("cargo has not set {name}"))?;
    Ok(PathBuf::from(value))
}

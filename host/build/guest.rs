//! Building a component of this workspace: an inner cargo with a compiler for wasm, and then the component's encoding.
//! For the build scripts of the library and of the tests.

use std::{
    env, error, fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use wit_component::ComponentEncoder;

const TARGET: &str = "wasm32-unknown-unknown";

/// The inner cargo has failed, and said why on stderr.
#[derive(Debug)]
pub(crate) struct Unbuilt {
    package: String,
}

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be built for {TARGET}; the messages of its cargo are below", self.package)
    }
}

impl error::Error for Unbuilt {}

/// Builds a package of the workspace for wasm, with an inner cargo, and makes a component of it.
pub(crate) fn build(workspace: &Path, package: &str, target_dir: &Path) -> Result<Vec<u8>> {
    let compiler = WasmCompiler::choose()?;
    let mut cargo = Command::new(tool("CARGO", "cargo"));
    clear_environment(&mut cargo);
    cargo
        .current_dir(workspace)
        .args(["build", "--locked", "--package", package, "--profile", "guest", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir)
        // Set, even to nothing, it keeps the flags of the user's configuration away from the component.
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        .stdout(Stdio::null());
    compiler.apply(&mut cargo);
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!(Unbuilt { package: package.to_owned() });
    }

    let module = target_dir.join(TARGET).join("guest").join(package.replace('-', "_")).with_extension("wasm");
    let module = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .with_context(|| format!("{package} does not make a component"))
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
pub(crate) fn target_dir(out_dir: &Path) -> Result<PathBuf> {
    // TARGET_DIR/[TRIPLE/]PROFILE/build/…/out
    let triple = env::var_os("TARGET").context("cargo has not set TARGET")?;
    let profile =
        out_dir.ancestors().find(|path| path.ends_with("build")).and_then(Path::parent).with_context(
            || format!("OUT_DIR is laid out in a way that is new to host/build: {}", out_dir.display()),
        )?;
    let above = profile.parent().unwrap_or(profile);
    let target_dir = if above.ends_with(triple) { above.parent().unwrap_or(above) } else { above };
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
        let rustc = tool("RUSTC", "rustc");
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
        let host_library = print(&tool("RUSTC", "rustc"), &["--print=target-libdir"])?;
        let linker = host_library.with_file_name("bin").join("rust-lld");
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

/// A tool of the toolchain in use, as cargo names it to a build script.
fn tool(variable: &str, name: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from)
}

//! Loading a component: compiled, looked through for what it wants of its host, and refused if that is more than the
//! storage of one buffer.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::LazyLock,
};

use semver::Version;
use sha2::{Digest, Sha256};
use wasmtime::component::{HasSelf, Linker, types::ComponentItem};

use super::{
    bindings::{LogicPre, forebay::buffer::storage},
    child::CompileError,
    configuration::engine,
    error::ComponentError,
    image,
    instance::{GuestState, Instance},
    limits::{COMPONENT_BYTES_MAX, Limits},
    printable::printable,
};
use crate::{
    brake::Brake,
    guard::Guard,
    logic::{Logic, NotMade},
};

/// The logic that this crate ships.
pub(super) static EMBEDDED: &[u8] = include_bytes!(env!("FOREBAY_COMPONENT_PATH"));

static EMBEDDED_COMPONENT: LazyLock<Result<Component, ComponentError>> =
    LazyLock::new(|| Component::new(EMBEDDED, "the embedded component"));

/// The interface that a component may import with functions in it, and the version of the contract, with which the
/// import's must be compatible.
const STORAGE: &str = "forebay:buffer/storage";
const CONTRACT: (u64, u64) = (0, 1);

/// What a component asks for and offers, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The full names of what it imports, in its order.
    pub imports: Vec<String>,
    /// The full names of what it exports, in its order.
    pub exports: Vec<String>,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A buffer's logic, compiled and checked. Cloning it is cheap.
#[derive(Clone)]
pub struct Component {
    pub(super) pre: LogicPre<GuestState>,
    name: String,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Component {
    /// The logic that this crate ships, compiled once for the process.
    pub fn embedded() -> Result<Self, ComponentError> {
        EMBEDDED_COMPONENT.clone()
    }

    /// Compiles and checks a component. `name` is what errors call it.
    ///
    /// Compiling takes time and memory that grow with the component, and some components are made to take much of both.
    /// If you do not trust its author, call [`compile_in_children`](super::compile_in_children) first,
    /// or bound your own process.
    pub fn new(bytes: &[u8], name: &str) -> Result<Self, ComponentError> {
        Self::link(engine()?, &compile(bytes, name)?, name)
    }

    /// Checks what a compiled component imports and exports.
    pub(super) fn link(
        engine: &wasmtime::Engine,
        component: &wasmtime::component::Component,
        name: &str,
    ) -> Result<Self, ComponentError> {
        for (import, item) in component.component_type().imports(engine) {
            if !is_allowed(import, &item.ty, engine) {
                return Err(ComponentError::Import { name: printable(name), import: printable(import) });
            }
        }
        let world = |error: wasmtime::Error| ComponentError::World {
            name: printable(name),
            reason: printable(&format!("{error:#}")),
        };
        let mut linker = Linker::new(engine);
        storage::add_to_linker::<_, HasSelf<GuestState>>(&mut linker, |state| state).map_err(world)?;
        let pre = linker.instantiate_pre(component).and_then(LogicPre::new).map_err(world)?;
        Ok(Self { pre, name: name.to_owned() })
    }

    /// Reads, compiles and checks a component.
    pub fn from_file(path: &Path) -> Result<Self, ComponentError> {
        Self::new(&read(path)?, &path.display().to_string())
    }

    /// Makes an instance over a guard. [`Builder::open`](crate::Builder::open) does this for a directory; it is here for
    /// tests, which bring storage of their own to [`Buffer::open_with`](crate::Buffer::open_with).
    #[cfg(feature = "testing")]
    pub fn instantiate(&self, guard: Guard, limits: Limits) -> Result<Box<dyn Logic>, Box<NotMade>> {
        self.instance(guard, limits, &Brake::default())
    }

    pub(crate) fn instance(
        &self,
        guard: Guard,
        limits: Limits,
        brake: &Brake,
    ) -> Result<Box<dyn Logic>, Box<NotMade>> {
        Ok(Box::new(Instance::new(&self.pre, guard, limits, brake.clone())?))
    }

    /// What this component's errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Summary {
    /// What the embedded component asks for and offers.
    pub fn of_embedded() -> Result<Self, ComponentError> {
        Self::of(EMBEDDED, "the embedded component")
    }

    /// What a file's component asks for and offers, whether or not it could run here.
    pub fn of_file(path: &Path) -> Result<Self, ComponentError> {
        Self::of(&read(path)?, &path.display().to_string())
    }

    fn of(bytes: &[u8], name: &str) -> Result<Self, ComponentError> {
        let engine = engine()?;
        let ty = compile(bytes, name)?.component_type();
        Ok(Self {
            imports: ty.imports(engine).map(|(name, _)| printable(name)).collect(),
            exports: ty.exports(engine).map(|(name, _)| printable(name)).collect(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: format!("{:x}", Sha256::digest(bytes)),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ComponentError> {
    let name = || printable(&path.display().to_string());
    let unreadable =
        |error: io::Error| ComponentError::Unreadable { name: name(), reason: error.to_string() };
    let file = open(path).map_err(unreadable)?;
    let too_long = |bytes| ComponentError::TooLong { name: name(), bytes };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let reason = "it is not a regular file, but a directory, a pipe or a device".to_owned();
        return Err(ComponentError::Unreadable { name: name(), reason });
    }
    let stated = metadata.len();
    if stated > COMPONENT_BYTES_MAX {
        return Err(too_long(stated));
    }
    // A file may grow.
    let mut bytes = Vec::new();
    let read = file.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match u64::try_from(read) {
        Ok(read) if read <= COMPONENT_BYTES_MAX => Ok(bytes),
        _ => Err(too_long(COMPONENT_BYTES_MAX + 1)),
    }
}

/// Opens a file, without waiting for a process at the other end of what is a named pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn compile(bytes: &[u8], name: &str) -> Result<wasmtime::component::Component, ComponentError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > COMPONENT_BYTES_MAX {
        return Err(ComponentError::TooLong { name: printable(name), bytes: length });
    }
    if !bytes.starts_with(b"\0asm") {
        // The compiler takes six lines to say so.
        let reason = "it does not begin as WebAssembly does".to_owned();
        return Err(ComponentError::Invalid { name: printable(name), reason });
    }
    let is_ours = bytes == EMBEDDED;
    image::load_or_compile(engine()?, bytes, is_ours).map_err(|error| match error {
        CompileError::Invalid(reason) => ComponentError::Invalid { name: printable(name), reason },
        CompileError::Costly(reason) => ComponentError::Costly { name: printable(name), reason },
        CompileError::Child(error) => {
            ComponentError::Child { name: printable(name), reason: error.to_string() }
        }
    })
}

/// Whether a component may import this. Types alone ask nothing of the host, whatever they are called; with functions
/// there is storage of a compatible version and nothing else.
fn is_allowed(import: &str, item: &ComponentItem, engine: &wasmtime::Engine) -> bool {
    let instance = match item {
        ComponentItem::Type(_) => return true,
        ComponentItem::ComponentInstance(instance) => instance,
        _ => return false,
    };
    let is_storage = import
        .split_once('@')
        .is_some_and(|(interface, version)| interface == STORAGE && is_compatible(version));
    instance.exports(engine).all(|(_, item)| match item.ty {
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentFunc(_) => is_storage,
        _ => false,
    })
}

fn is_compatible(version: &str) -> bool {
    Version::parse(version)
        .is_ok_and(|version| (version.major, version.minor) == CONTRACT && version.pre.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within 0.1 the contract only grows; what comes after it is another one.
    #[test]
    fn only_a_compatible_version_is_taken() {
        for version in ["0.1.0", "0.1.9", "0.1.0+build"] {
            assert!(is_compatible(version), "{version}");
        }
        for version in ["0.2.0", "1.1.0", "0.1", "0.1.0-rc.1", "", "0.1.0.0", "0.01.0"] {
            assert!(!is_compatible(version), "{version}");
        }
    }
}

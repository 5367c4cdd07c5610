//! Serving a network: a token for each kind of call, and requests of web pages refused.

use std::{
    fs,
    io::{self, Read as _},
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio::net::TcpListener;

use crate::service::{Consumer, Service};

/// The shortest token that is taken.
const TOKEN_BYTES_MIN: usize = 16;

/// The longest file of tokens.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Permissions of others than the file's owner.
const OTHERS: u32 = 0o077;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Appending records.
    Produce,
    /// Looking at records, taking and acknowledging them.
    Consume,
    /// Looking at figures, and at nothing else. Tokens of the other scopes allow that, too.
    Metrics,
}

/// The tokens that clients may show.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Scope, Vec<u8>)>);

/// Why a file of tokens is of no use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokensError {
    /// It cannot be read.
    #[error("could not read the token file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Other users may read it.
    #[error("the token file {} has mode {mode:03o}, so that other users may use it: run chmod 600 on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A line is none of a token.
    #[error(
        "line {line} of the token file {} is not `produce TOKEN`, `consume TOKEN` or `metrics TOKEN`, with at least {TOKEN_BYTES_MIN} \
         characters",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
    },
    /// There is none in it.
    #[error("there is no token in {}: no client could be served", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Tokens {
    /// Reads a file with a line for each token: `produce TOKEN`, `consume TOKEN` or `metrics TOKEN`. No user but its owner may have any
    /// permission.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TokensError> {
        let path = path.as_ref();
        let fail = |source| TokensError::Read { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(fail)?;
        let mode = file.metadata().map_err(fail)?.mode() & 0o777;
        if mode & OTHERS != 0 {
            return Err(TokensError::Open { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
        let mut tokens = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let token = token(line);
            tokens.push(token.ok_or_else(|| TokensError::Line { path: path.to_owned(), line: index + 1 })?);
        }
        if tokens.is_empty() {
            return Err(TokensError::Empty { path: path.to_owned() });
        }
        Ok(Self(tokens))
    }

    /// Whether a token is known, and whether one of its scopes is this. `None` for a token that is not known.
    pub(crate) fn allows(&self, shown: &[u8], scope: Option<Scope>) -> Option<bool> {
        let mut known = None;
        for (of, token) in &self.0 {
            if is_same(token, shown) {
                let allows = scope.is_none_or(|scope| scope == *of);
                known = Some(known.unwrap_or(false) || allows);
            }
        }
        known
    }
}

impl std::fmt::Debug for Tokens {
    /// Says how many there are, and not which: logs are read by others.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("count", &self.0.len()).finish()
    }
}

fn token(line: &str) -> Option<(Scope, Vec<u8>)> {
    let (scope, token) = line.split_once(' ')?;
    let scope = match scope {
        "produce" => Scope::Produce,
        "consume" => Scope::Consume,
        "metrics" => Scope::Metrics,
        _ => return None,
    };
    let token = token.trim();
    (token.len() >= TOKEN_BYTES_MIN).then(|| (scope, token.as_bytes().to_vec()))
}

/// Compares without a hint, by the time that it takes, at how far the two agree.
fn is_same(token: &[u8], shown: &[u8]) -> bool {
    let differences = token.iter().zip(shown).fold(0, |differences, (a, b)| differences | (a ^ b));
    token.len() == shown.len() && differences == 0
}

/// An address on a network, and who may use it.
#[derive(Debug)]
pub struct Network {
    listener: StdTcpListener,
    rules: Rules,
}

/// What is asked of each request on a network.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) tokens: Tokens,
    /// What a request may call this server.
    pub(crate) hosts: Vec<String>,
}

/// How many clients may wait to be accepted, as far as the kernel allows as many.
const BACKLOG: i32 = 4096;

impl Network {
    /// Listens on an address. Requests must name it, or one of these hosts with or without its port: a web page that leads a browser
    /// here by a name of its own is refused.
    pub fn bind(address: SocketAddr, tokens: Tokens, hosts: &[String]) -> io::Result<Self> {
        let listener = StdTcpListener::bind(address)?;
        // The standard library has room for 128: a burst of more has the clients behind it wait for seconds.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let port = address.port();
        let mut names = vec![address.to_string()];
        if address.ip().is_loopback() {
            names.push(format!("localhost:{port}"));
        }
        for host in hosts {
            names.extend([host.clone(), format!("{host}:{port}")]);
        }
        Ok(Self { listener, rules: Rules { tokens, hosts: names } })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn listen(self, service: &Service) -> io::Result<Listening> {
        let listener = TcpListener::from_std(self.listener)?;
        Ok(Listening { listener, consumer: Arc::new(service.consumer()), rules: Arc::new(self.rules) })
    }
}

/// A network that is served.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) rules: Arc<Rules>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{io::Write as _, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn tokens(text: &str, mode: u32) -> Result<Tokens, TokensError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        Tokens::from_file(file.path())
    }

    /// A token that all users of the machine can read guards nothing.
    #[test]
    fn a_token_file_that_others_may_use_is_refused() {
        let text = "# for the shipper\nconsume 0123456789abcdef\n\nproduce fedcba9876543210\n";
        for mode in [0o640, 0o604, 0o644] {
            assert!(matches!(tokens(text, mode), Err(TokensError::Open { .. })), "{mode:o}");
        }
        let tokens = tokens(text, 0o600).unwrap();
        assert_eq!(tokens.allows(b"0123456789abcdef", Some(Scope::Consume)), Some(true));
        assert_eq!(tokens.allows(b"0123456789abcdef", Some(Scope::Produce)), Some(false));
        assert_eq!(tokens.allows(b"0123456789abcdef", None), Some(true));
        for unknown in [&b""[..], b"0123456789abcde", b"0123456789abcdefg", b"0123456789abcdeg"] {
            assert_eq!(tokens.allows(unknown, None), None);
        }
    }

    /// A mistyped line must not become a server without the token that it was to hold.
    #[test]
    fn a_line_that_is_no_token_is_named() {
        for text in ["consume short", "both 0123456789abcdef", "0123456789abcdef"] {
            assert!(matches!(tokens(text, 0o600), Err(TokensError::Line { line: 1, .. })), "{text}");
        }
        assert!(matches!(tokens("# none\n", 0o600), Err(TokensError::Empty { .. })));
    }
}

//! Serves a Forebay buffer to other processes: the API of `forebay-api`, over HTTP/1.1 on a Unix socket in the buffer's directory.
//!
//! Who owns a directory is decided by its lock, and by nothing else. The socket is only an address: the process that holds the lock
//! binds it, and all others connect to it.
//!
//! [`Service`] is the API as calls. [`Server`] answers requests with it, on a thread of its own. The owner itself takes records by the
//! same calls: all that reads a buffer has to go through one [`Service`], which knows who has which record.
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! use std::time::Duration;
//!
//! use forebay::Buffer;
//! use forebay_serve::{Server, Service, Socket};
//!
//! let buffer = std::sync::Arc::new(Buffer::builder(directory.path()).open()?);
//! let figures = { let buffer = std::sync::Arc::downgrade(&buffer); move || buffer.upgrade()?.status() };
//! let service = Service::new(&buffer, directory.path(), None, figures);
//! let server = Server::start(service, Socket::bind(directory.path())?, None)?;
//! // Other processes write and read here.
//! server.stop(Duration::from_secs(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connection;
mod http;
mod metrics;
mod network;
mod server;
mod service;
mod socket;
mod stream;

pub use self::{
    metrics::{Exposed, metric_names, metrics},
    network::{Network, Scope, Tokens, TokensError},
    server::Server,
    service::{Batch, Consumer, Service},
    socket::{Socket, SocketError, connect},
};

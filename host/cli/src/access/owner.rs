//! This process as the owner of a buffer: it serves all others.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use forebay::{Buffer, Locked, OpenReport, Writer};
use forebay_serve::{Network, Server, Service, Socket};
use tracing::{debug, warn};

use super::Access;
use crate::signals::Signals;

/// How long a new owner gives out no records: readers of the former one say meanwhile what they have done with theirs.
const HOLD_OFF: Duration = Duration::from_millis(200);

/// A buffer that this process owns.
pub(crate) struct Owned {
    pub(super) writer: Writer,
    pub(super) service: Service,
    report: OpenReport,
}

impl Owned {
    /// What was cut from the end of the last file on opening.
    pub(crate) fn cut_bytes(&self) -> u64 {
        self.report.cut_bytes
    }

    /// Whether other processes have taken records out.
    pub(crate) fn is_shared(&self) -> bool {
        self.service.is_shared()
    }
}

/// How a buffer is to be served.
pub(super) enum Serving {
    /// As well as it can be.
    AsCan {
        /// This process was a client of the owner before.
        was_client: bool,
    },
    /// Or not at all: on the socket, and on a network if one is given.
    Must(Option<Network>),
}

/// Opens the buffer, and serves it. Clients that come meanwhile wait at the socket.
pub(super) fn open(access: &Access, locked: Locked, serving: Serving) -> anyhow::Result<Arc<Owned>> {
    let is_left_behind = access.dir.join(forebay_api::SOCKET_NAME).symlink_metadata().is_ok();
    let socket = Socket::bind(&access.dir);
    let buffer = access.opening.open(&access.dir, &access.args, locked)?;
    let service = service(&buffer, access);
    if is_left_behind || matches!(serving, Serving::AsCan { was_client: true }) {
        service.hold_off(HOLD_OFF);
    }
    let owned = Owned { writer: buffer.writer(), service: service.clone(), report: *buffer.open_report() };
    let wake = Arc::clone(&access.wake);
    access.signals.hold(buffer, Box::new(move || wake()));
    let socket = socket.map_err(anyhow::Error::from);
    let must_serve = matches!(serving, Serving::Must(_));
    let network = match serving {
        Serving::AsCan { .. } => None,
        Serving::Must(network) => network,
    };
    let server = socket.and_then(|socket| Ok(Server::start(service, socket, network)?));
    match server {
        Ok(server) => access.signals.serve(server),
        Err(error) if must_serve => {
            return Err(error)
                .with_context(|| format!("cannot serve the buffer in {}", access.dir.display()));
        }
        Err(error) => warn!(
            error = format!("{error:#}"),
            "no other process can use the buffer while this one does: it cannot be served"
        ),
    }
    debug!(directory = %access.dir.display(), "this process owns the buffer");
    Ok(Arc::new(owned))
}

fn service(buffer: &Buffer, access: &Access) -> Service {
    let signals: Signals = access.signals.clone();
    let figures = move || signals.with_buffer(Buffer::status).flatten();
    let directory: &Path = &access.dir;
    Service::new(buffer, directory, access.opening.component().map(str::to_owned), figures)
}

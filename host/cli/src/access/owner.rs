//! This process as the owner of a buffer: it serves all others.

use std::{path::Path, sync::Arc, time::Duration};

use forebay::{Buffer, Locked, OpenReport, Writer};
use forebay_serve::{Server, Service, Socket};
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

/// Opens the buffer, and serves it. Clients that come meanwhile wait at the socket.
pub(super) fn open(access: &Access, locked: Locked, was_client: bool) -> anyhow::Result<Arc<Owned>> {
    let is_left_behind = access.dir.join(forebay_api::SOCKET_NAME).symlink_metadata().is_ok();
    let socket = Socket::bind(&access.dir);
    let buffer = access.opening.open(&access.dir, &access.args, locked)?;
    let service = service(&buffer, access);
    if was_client || is_left_behind {
        service.hold_off(HOLD_OFF);
    }
    let owned = Owned { writer: buffer.writer(), service: service.clone(), report: *buffer.open_report() };
    let wake = Arc::clone(&access.wake);
    access.signals.hold(buffer, Box::new(move || wake()));
    match socket.map_err(anyhow::Error::from).and_then(|socket| Ok(Server::start(service, socket)?)) {
        Ok(server) => access.signals.serve(server),
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

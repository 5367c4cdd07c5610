//! What the process that has a buffer says of it.

use std::{path::Path, sync::Arc, time::Duration};

use forebay_api::StatusAnswer;
use tokio::sync::Notify;
use tracing::debug;

use super::client::Client;

/// How long it may take to answer. A process that is stopped never does.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Asks the owner of the buffer in a directory. `None`: there is none that serves it, or it does not answer in time.
pub(crate) fn owner_status(dir: &Path) -> Option<StatusAnswer> {
    let asked =
        Client::connect(dir, ANSWER_TIME, Arc::new(Notify::new())).and_then(|mut owner| owner.status());
    asked.inspect_err(|error| debug!(%error, "the buffer's owner tells no figures")).ok()
}

//! The `async` ways to open, ask, change and close a buffer. All disk and component work is done on threads of the buffer's
//! runtime; the futures only wait, on any executor.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Buffer, Builder, Core, Locked, Status,
    error::{CloseError, OpenError, ReplaceError},
    runtime::Runtime,
    source::Source,
    unable::Stop,
};
use crate::{engine::Component, guard::Loss};

impl Builder {
    /// As [`open`](Self::open), without blocking the thread. Where the future is dropped, the directory is let go as soon as it
    /// was opened.
    ///
    /// ```
    /// # pollster::block_on(async {
    /// # let directory = tempfile::tempdir()?;
    /// let buffer = forebay::Buffer::builder(directory.path()).open_async().await?;
    /// buffer.writer().write_async("hello").await?;
    /// let record = buffer.reader().next_async().await?.expect("one record was written");
    /// record.ack();
    /// buffer.close_async().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn open_async(self) -> Result<Buffer, OpenError> {
        let runtime = self.shared_runtime();
        opened(run_blocking(&runtime, move || self.open()).await)
    }
}

impl Locked {
    /// As [`open`](Self::open), without blocking the thread. Where the future is dropped, the directory is let go as soon as it
    /// was opened.
    pub async fn open_async(self) -> Result<Buffer, OpenError> {
        let runtime = self.shared_runtime();
        opened(run_blocking(&runtime, move || self.open()).await)
    }
}

impl Buffer {
    /// As [`status`](Self::status), without blocking the thread.
    pub async fn status_async(&self) -> Option<Status> {
        self.shared.with_core_elsewhere(Core::status).await.ok()
    }

    /// As [`take_losses`](Self::take_losses), without blocking the thread.
    pub async fn take_losses_async(&self) -> Vec<Loss> {
        self.shared.with_core_elsewhere(Core::take_losses).await.unwrap_or_default()
    }

    /// As [`end_writing`](Self::end_writing), without blocking the thread. Writing ends also where the future is dropped.
    pub async fn end_writing_async(&self) {
        // A buffer that is closed has ended already.
        let _ = self.shared.with_core_elsewhere(Core::end_writing).await;
    }

    /// As [`replace_logic`](Self::replace_logic), without blocking the thread. The logic is replaced also where the future is
    /// dropped.
    pub async fn replace_logic_async(&self, component: Component) -> Result<(), ReplaceError> {
        let replace = |core: &mut Core| core.replace_logic(Source::Component(component));
        self.shared.with_core_elsewhere(replace).await.unwrap_or_else(|unable| Err(unable.into()))
    }

    /// As [`close`](Self::close), without blocking the thread. The buffer is closed also where the future is dropped.
    pub async fn close_async(self) -> Result<(), CloseError> {
        let runtime = Arc::clone(self.shared.runtime());
        run_blocking(&runtime, move || self.close()).await.unwrap_or_else(|| Err(abandoned().into()))
    }

    /// As [`hand_over`](Self::hand_over), without blocking the thread. Where the future is dropped, the directory is let go as
    /// soon as the buffer is closed.
    pub async fn hand_over_async(self) -> Result<Locked, CloseError> {
        let runtime = Arc::clone(self.shared.runtime());
        run_blocking(&runtime, move || self.hand_over()).await.unwrap_or_else(|| Err(abandoned().into()))
    }
}

/// The caller drops the buffer where it must not block.
fn opened(buffer: Option<Result<Buffer, OpenError>>) -> Result<Buffer, OpenError> {
    let buffer = buffer.unwrap_or(Err(OpenError::Abandoned))?;
    buffer.shared.note_async_caller();
    Ok(buffer)
}

fn abandoned() -> Stop {
    Stop::Failed("its runtime has ended".to_owned())
}

/// Runs a job where it may block, and waits for its result. `None`: the runtime has ended before the job did, or the job has
/// panicked.
async fn run_blocking<T: Send + 'static>(
    runtime: &Arc<dyn Runtime>,
    job: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let keeper = Arc::clone(runtime);
    let job = move || {
        let result = OnItsWay { result: Some(job()), runtime: keeper };
        // The caller may have gone.
        drop(reply.send(result));
    };
    runtime.run_blocking(Box::new(job));
    answer.await.ok()?.arrived()
}

/// A result whose drop may block: a buffer that is open. Where it does not arrive, it is dropped where that may be.
struct OnItsWay<T: Send + 'static> {
    result: Option<T>,
    runtime: Arc<dyn Runtime>,
}

impl<T: Send + 'static> OnItsWay<T> {
    fn arrived(mut self) -> Option<T> {
        self.result.take()
    }
}

impl<T: Send + 'static> Drop for OnItsWay<T> {
    fn drop(&mut self) {
        if let Some(result) = self.result.take() {
            self.runtime.run_blocking(Box::new(move || drop(result)));
        }
    }
}

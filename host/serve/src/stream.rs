//! A connection that can be closed without losing the last answer: a socket that is closed with bytes unread takes back what it has
//! sent.

use std::{
    future::poll_fn,
    io,
    os::fd::AsFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::net::{Shutdown, shutdown};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// How long, and how far, a client that has had its last answer is read from.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 << 20;

/// What can be done with a connection through any handle to it.
pub(crate) trait Raw: AsFd + Send + Sync + 'static {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

macro_rules! raw {
    ($stream:ty) => {
        impl Raw for $stream {
            fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                <$stream>::poll_read_ready(self, context)
            }

            fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                <$stream>::poll_write_ready(self, context)
            }

            fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
                <$stream>::try_read(self, into)
            }

            fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                <$stream>::try_write(self, bytes)
            }
        }
    };
}

raw!(UnixStream);
raw!(TcpStream);

/// A connection. A clone is another handle to it.
pub(crate) struct Stream<S>(Arc<S>);

impl<S> Clone for Stream<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Raw> Stream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(Arc::new(stream))
    }

    /// Closes it once the client has stopped to send, or has sent for too long.
    pub(crate) async fn linger(self) {
        // It may be closed.
        let _ = shutdown(&*self.0, Shutdown::Write);
        let read = async {
            let (mut scratch, mut left) = ([0; 4096], LINGER_BYTES);
            while left > 0 && poll_fn(|context| self.0.poll_read_ready(context)).await.is_ok() {
                match self.0.try_read(&mut scratch) {
                    Ok(0) => break,
                    Ok(read) => left = left.saturating_sub(read),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
        };
        // The time is over.
        let _ = timeout(LINGER, read).await;
    }
}

impl<S: Raw> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(into.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|read| into.advance(read))),
            }
        }
    }
}

impl<S: Raw> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(shutdown(&*self.0, Shutdown::Write)?))
    }
}

//! Answers requests, on a thread of its own.

use std::{
    io,
    os::unix::net::UnixListener as StdUnixListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::UnixListener,
    runtime::{Builder, Runtime},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::{debug, warn};

use crate::{
    http::{Budget, Connection, routes, too_many_connections},
    service::Service,
    socket::{Name, Socket, may_serve},
    stream::Stream,
};

/// How many connections there may be. Others are told so and closed.
const CONNECTIONS_MAX: usize = 512;

/// Limits on the head of a request.
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long it is looked whether clients have acknowledged what they have, and how often.
const LEASE_LOOK: Duration = Duration::from_millis(5);

/// How long answers that are under way may take once the server ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// The pause after a connection could not be accepted, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How far the end of a server has come.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Serving,
    /// No connection is accepted, and no record taken or given out. Clients may acknowledge for so long.
    Ending(Duration),
}

/// Serves a buffer until it is stopped. The caller holds the buffer's lock until then.
#[derive(Debug)]
pub struct Server {
    service: Service,
    stage: watch::Sender<Stage>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to serve.
    pub fn start(service: Service, socket: Socket) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(4).build()?;
        let (stage, stages) = watch::channel(Stage::Serving);
        let (listener, name) = socket.into_parts();
        let serve = Serve { service: service.clone(), stage: stages, budget: Budget::default() };
        let run = move || run(&runtime, serve, listener, name);
        let thread = thread::Builder::new().name("forebay-serve".to_owned()).spawn(run)?;
        Ok(Self { service, stage, thread: Some(thread) })
    }

    /// Ends serving in order: accepts no more, answers what is in flight, and gives clients so long to acknowledge what they have. The
    /// socket's name is gone when this returns, unless clients still have records.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        let Some(thread) = self.thread.take() else { return };
        self.service.begin_end();
        self.stage.send_replace(Stage::Ending(grace));
        if thread.join().is_err() {
            warn!("the thread that serves the buffer has died");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

#[derive(Clone)]
struct Serve {
    service: Service,
    stage: watch::Receiver<Stage>,
    budget: Budget,
}

fn run(runtime: &Runtime, serve: Serve, listener: StdUnixListener, mut name: Name) {
    runtime.block_on(async {
        match UnixListener::from_std(listener) {
            Ok(listener) => accept_all(serve, listener, &mut name).await,
            Err(error) => warn!(%error, "the socket cannot be served"),
        }
    });
}

/// Serves all connections until the end.
async fn accept_all(mut serve: Serve, listener: UnixListener, name: &mut Name) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (last, lasts) = watch::channel(false);
    let mut connections = JoinSet::new();
    let grace = loop {
        let accepted = tokio::select! {
            biased;
            changed = serve.stage.changed() => match (changed, *serve.stage.borrow()) {
                (Ok(()), Stage::Ending(grace)) => break grace,
                (Ok(()), _) => continue,
                // The server was dropped.
                (Err(_), _) => break Duration::ZERO,
            },
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !stream.peer_cred().is_ok_and(|peer| may_serve(peer.uid(), name.owner)) {
            debug!("a connection of another user was refused");
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            // A client that does not listen is not waited for.
            let _ = stream.try_write(&too_many_connections());
            continue;
        };
        let serve = serve.clone();
        let lasts = lasts.clone();
        connections.spawn(async move {
            let stream = Stream::new(stream);
            serve_one(serve, stream.clone(), lasts).await;
            stream.linger().await;
            drop(place);
        });
    };
    drop(listener);
    let until = Instant::now() + grace;
    while serve.service.has_leases() && Instant::now() < until {
        sleep(LEASE_LOOK).await;
    }
    if serve.service.has_leases() {
        name.keep();
    }
    last.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_ANSWERS, all).await.is_err() {
        debug!("connections were closed in the middle of an answer");
    }
}

async fn serve_one(serve: Serve, stream: Stream, mut last: watch::Receiver<bool>) {
    let Serve { service, budget, .. } = serve;
    let consumer = Arc::new(service.consumer());
    let routes = routes(Connection { service, consumer, budget });
    let mut http = http1::Builder::new();
    // A client that has records may be silent for long, and its leases end with the connection.
    http.header_read_timeout(None).max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    let mut served =
        std::pin::pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)));
    let served = tokio::select! {
        served = served.as_mut() => served,
        () = async { drop(last.wait_for(|is_last| *is_last).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection has ended");
    }
}

//! Answers requests, on a thread of its own.

use std::{
    io,
    os::unix::net::UnixListener as StdUnixListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpStream, UnixListener, UnixStream},
    runtime::{Builder, Runtime},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::{debug, warn};

use crate::{
    connection::serve_one,
    http::{Budget, Connection, too_many_connections},
    network::{Listening, Network, Rules},
    service::{Consumer, Service},
    socket::{Name, Socket, may_serve},
    stream::Stream,
};

/// How many connections there may be on the socket, and as many on the network. Others are told so and closed. A network must not keep
/// the processes of this machine out.
const CONNECTIONS_MAX: usize = 512;

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
    /// Begins to serve the socket of a buffer, and a network if one is given.
    pub fn start(service: Service, socket: Socket, network: Option<Network>) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(4).build()?;
        let (stage, stages) = watch::channel(Stage::Serving);
        let (listener, name) = socket.into_parts();
        let serve = Serve { service: service.clone(), stage: stages, budget: Budget::default() };
        let run = move || run(runtime, serve, (listener, name), network);
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

fn run(
    runtime: Runtime,
    serve: Serve,
    (listener, mut name): (StdUnixListener, Name),
    network: Option<Network>,
) {
    runtime.block_on(async {
        let network = network.map(|network| network.listen(&serve.service)).transpose();
        match (UnixListener::from_std(listener), network) {
            (Ok(listener), Ok(network)) => accept_all(serve, listener, &mut name, network).await,
            (Err(error), _) | (_, Err(error)) => warn!(%error, "the buffer cannot be served"),
        }
    });
    // A look at many records that is under way has no one to answer any more.
    runtime.shutdown_background();
}

/// A connection that was accepted.
enum Accepted {
    /// On the socket of the buffer.
    Here(UnixStream),
    /// On the network. Its leases do not end with it: connections there break by themselves.
    There(TcpStream, Arc<Consumer>, Arc<Rules>),
}

impl Accepted {
    /// There are too many. A client that does not listen is not waited for.
    fn refuse(self) {
        let _ = match self {
            Self::Here(stream) => stream.try_write(&too_many_connections()),
            Self::There(stream, ..) => stream.try_write(&too_many_connections()),
        };
    }
}

fn is_trusted(stream: &UnixStream, owner: u32) -> bool {
    stream.peer_cred().is_ok_and(|peer| may_serve(peer.uid(), owner))
}

async fn accept_network(network: &mut Option<Listening>) -> io::Result<Accepted> {
    let Some(Listening { listener, consumer, rules }) = network else { return std::future::pending().await };
    let (stream, _) = listener.accept().await?;
    Ok(Accepted::There(stream, Arc::clone(consumer), Arc::clone(rules)))
}

/// Serves all connections until the end.
async fn accept_all(
    mut serve: Serve,
    listener: UnixListener,
    name: &mut Name,
    mut network: Option<Listening>,
) {
    let places = || Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (here, there) = (places(), places());
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
            accepted = listener.accept() => accepted.map(|(stream, _)| Accepted::Here(stream)),
            accepted = accept_network(&mut network) => accepted,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let places = match &accepted {
            Accepted::Here(_) => &here,
            Accepted::There(..) => &there,
        };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            accepted.refuse();
            // In a burst of connections those that are served have their turn between any two.
            tokio::task::yield_now().await;
            continue;
        };
        let (serve, last) = (serve.clone(), lasts.clone());
        match accepted {
            Accepted::Here(stream) if !is_trusted(&stream, name.owner) => {
                debug!("a connection of another user was refused");
            }
            Accepted::Here(stream) => {
                let consumer = Arc::new(serve.service.consumer());
                let calls =
                    Connection { service: serve.service, consumer, budget: serve.budget, rules: None };
                connections.spawn(serve_one(calls, Stream::new(stream), last, place));
            }
            Accepted::There(stream, consumer, rules) => {
                let calls =
                    Connection { service: serve.service, consumer, budget: serve.budget, rules: Some(rules) };
                connections.spawn(serve_one(calls, Stream::new(stream), last, place));
            }
        }
    };
    drop((listener, network));
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

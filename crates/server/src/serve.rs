//! Connections: taking them in, keeping them within limits, and letting them finish.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::shortcut::Shortcut;
use crate::{edits, operation, router};

/// A client that needs longer for its request's head is not a client. It is also how
/// long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Requests that one HTTP/2 connection may have in flight.
const STREAMS_PER_CONNECTION: u32 = 128;

/// How often what was counted is folded.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// After the operating system refuses a connection (too many files are open), trying
/// again at once would only spin.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Serves the twin until `shutdown` is ready, then lets requests in flight finish, for
/// at most [`Limits::shutdown_grace`](crate::Limits::shutdown_grace).
///
/// # Errors
///
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let limits = app.limits().clone();
    let warming = app.clone();
    tokio::task::spawn_blocking(move || warming.warm());
    let listening = tokio::spawn(edits::watch(app.clone()));
    let announcing = app.clone();
    let routes = Shortcut::new(app.clone(), router(app));
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .keep_alive_interval(HEAD_TIMEOUT);
    let connections = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let upkeep = tokio::spawn(async {
        let mut ticks = tokio::time::interval(METRICS_UPKEEP);
        loop {
            ticks.tick().await;
            operation::tidy_metrics();
        }
    });
    tracing::info!(%address, "serving");

    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
                continue;
            }
        };
        // Small answers should not wait for more to be sent with them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(routes.clone());
        let connection = server
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // How a connection ends is the client's affair: most just go away.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }

    drop(listener);
    tracing::info!("stopping: finishing requests in flight");
    listening.abort();
    announcing.announcer().stop();
    if tokio::time::timeout(limits.shutdown_grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests took longer than the time allowed for stopping");
    }
    upkeep.abort();
    Ok(())
}

/// Waits until there is room for a connection, then for the connection.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

//! The listener: connections with a bound on their number and on the time that a request's head may take, which
//! `axum::serve` does not have.

use super::viewers::Peer;
use crate::config::HttpConfig;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use vas_core::TaskScope;

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// Pause after a failed accept: usually there are no file descriptors left, and trying at once changes nothing.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until the scope is cancelled; requests under way are finished then.
pub(crate) fn serve(listener: TcpListener, router: Router, config: &HttpConfig, scope: &TaskScope) {
    let header_timeout = Duration::from_secs(config.header_timeout_seconds.into());
    let connections = Arc::new(Semaphore::new(config.max_connections as usize));
    let connection_scope = scope.clone();
    scope.spawn_until_cancelled("http listener", async move {
        loop {
            let permit = connections.clone().acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let router = router.clone();
                    let connection =
                        connection(stream, peer, router, header_timeout, permit, connection_scope.clone());
                    connection_scope.spawn("http connection", connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    header_timeout: Duration,
    _permit: OwnedSemaphorePermit,
    scope: TaskScope,
) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = scope.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

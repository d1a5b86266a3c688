//! One connection: from its first byte to its last.
//!
//! Which of the two forms of HTTP it speaks was agreed on with TLS (RFC 7301); without TLS it is HTTP/1.1. It is never
//! guessed from the first bytes, as there would be no bound on the time that they take.

use super::activity::{Activity, Tracked};
use super::admission::{Admitted, Place};
use super::stream::Counted;
use super::tls::Tls;
use crate::config::HttpConfig;
use crate::http::client::{Encrypted, Peer};
use axum::Router;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;
use vas_core::TaskScope;

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// What is read ahead of a client at most, in bytes.
const MAX_BUFFER: usize = 128 << 10;
/// HTTP/2: a client that is silent is asked for a sign of life, and given up without one (RFC 9113, section 6.7).
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
const NO_SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// How connections are served.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) tls: Option<Tls>,
    header_timeout: Duration,
    idle_timeout: Duration,
    max_streams: u32,
    pub(super) scope: TaskScope,
}

impl Serving {
    pub(super) fn new(router: Router, tls: Option<Tls>, config: &HttpConfig, scope: &TaskScope) -> Self {
        Self {
            router,
            tls,
            header_timeout: Duration::from_secs(config.header_timeout_seconds.into()),
            idle_timeout: Duration::from_secs(config.idle_timeout_seconds.into()),
            max_streams: config.max_http2_streams,
            scope: scope.clone(),
        }
    }

    /// Serves a connection until it ends, or the scope is cancelled and the requests under way are finished.
    ///
    /// A WebSocket goes on without the place: there is a bound on sockets of their own, and as many of them as there may
    /// be leave room for requests. For its network it counts as long as it is open.
    pub(super) async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        _place: Place,
        admitted: Admitted,
    ) {
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let stream = Counted::new(stream, admitted);
        let Some(tls) = self.tls.clone() else {
            return self.http1(stream, peer, false).await;
        };
        // What is said before the first request counts as its head.
        match timeout(self.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.http2(stream, peer).await
            }
            Ok(Ok(stream)) => self.http1(stream, peer, true).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn http1<S>(self, stream: S, peer: SocketAddr, encrypted: bool)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let router = self.router;
        let service = service_fn(move |request: Request<Incoming>| {
            router.clone().oneshot(noted(request, peer, encrypted))
        });
        // The time for a head runs from the end of the answer before, so that it bounds idle connections as well.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = self.scope.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        report(result);
    }

    async fn http2<S>(self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (router, activity) = (self.router, Activity::default());
        let counted = activity.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let under_way = counted.begin();
            let answer = router.clone().oneshot(noted(request, peer, true));
            async move { answer.await.map(|answer| answer.map(|body| Tracked::new(body, under_way))) }
        });
        let connection = http2::Builder::new(InScope(self.scope.clone()))
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_streams)
            .max_header_list_size(MAX_HEAD as u32)
            .keep_alive_interval(SIGN_OF_LIFE)
            .keep_alive_timeout(NO_SIGN_OF_LIFE)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let idle = activity.ended(self.header_timeout, self.idle_timeout);
        let ended = tokio::select! {
            result = connection.as_mut() => return report(result),
            () = idle => true,
            () = self.scope.cancelled() => false,
        };
        connection.as_mut().graceful_shutdown();
        if ended {
            // The client hears that it is over, and need not agree.
            let _ = timeout(self.header_timeout, connection).await;
        } else {
            report(connection.await);
        }
    }
}

fn noted(request: Request<Incoming>, peer: SocketAddr, encrypted: bool) -> Request<Body> {
    let mut request = request.map(Body::new);
    // The target names the host in HTTP/2 and where it is a whole URL, whatever a header says besides (RFC 9113, section
    // 8.3.1; RFC 9112, section 3.2.2).
    let authority = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority {
        request.headers_mut().insert(HOST, host);
    }
    request.extensions_mut().insert(Peer(peer));
    if encrypted {
        request.extensions_mut().insert(Encrypted);
    }
    request
}

fn report(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Runs the requests of a connection as tasks of a scope.
#[derive(Clone, Debug)]
struct InScope(TaskScope);

impl<F> Executor<F> for InScope
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, request: F) {
        self.0.spawn("http request", request);
    }
}

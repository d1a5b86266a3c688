//! A publisher's session, as its owner holds it.

use super::config::WhipConfig;
use super::connection::Connection;
use super::error::{WhipEnd, WhipPatchError};
use super::fragment::{PublisherFragment, candidates_of, with_credentials};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;
use vas_core::{Secret, StreamId, TaskScope};

/// Candidates that a publisher may trickle in all.
const MAX_CANDIDATES: usize = 128;

/// What has come from a publisher.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) packets: AtomicU64,
    pub(super) units: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) key_requests: AtomicU64,
}

/// Figures of a session since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhipStats {
    /// RTP packets that came, retransmitted ones included.
    pub packets: u64,
    /// Access units handed to the hub.
    pub units: u64,
    /// Their bytes.
    pub bytes: u64,
    /// RTP packets that never came, not even when asked for again.
    pub lost: u64,
    /// Key pictures asked for.
    pub key_requests: u64,
}

/// What a PATCH led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhipPatch {
    /// Candidates were taken.
    Trickled,
    /// ICE restarts: the answer's SDP fragment (RFC 8840) to send back. The session has another entity tag now.
    Restarted(String),
}

/// A publisher that came by an offer. `Clone` hands out the same session, which runs until [`Self::close`], its
/// publisher's end or that of its server.
#[derive(Clone)]
pub struct WhipSession {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    stream: StreamId,
    connection: Connection,
    config: Arc<WhipConfig>,
    counters: Arc<Counters>,
    stop: TaskScope,
    ended: watch::Receiver<Option<WhipEnd>>,
    etag: Mutex<String>,
    /// What the publisher last said of itself; held over a change, so that changes follow each other.
    remote: tokio::sync::Mutex<Remote>,
}

/// The publisher's side of the negotiation.
pub(super) struct Remote {
    pub(super) offer: String,
    pub(super) ufrag: String,
    pub(super) pwd: Secret,
    pub(super) candidates: usize,
}

/// What a session is made of.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) stream: StreamId,
    pub(super) connection: Connection,
    pub(super) config: Arc<WhipConfig>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: TaskScope,
    pub(super) ended: watch::Receiver<Option<WhipEnd>>,
    pub(super) etag: String,
    pub(super) remote: Remote,
}

impl fmt::Debug for WhipSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who knows the id may end the session.
        f.debug_struct("WhipSession").field("stream", &self.inner.stream).finish_non_exhaustive()
    }
}

impl WhipSession {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { id, stream, connection, config, counters, stop, ended, etag, remote } = parts;
        let (etag, remote) = (Mutex::new(etag), tokio::sync::Mutex::new(remote));
        Self {
            inner: Arc::new(Inner { id, stream, connection, config, counters, stop, ended, etag, remote }),
        }
    }

    /// The session's id: 190 random bits, safe in URLs, the only thing needed to end it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The stream that is published.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.inner.stream
    }

    /// The entity tag of the present ICE session (RFC 9725, section 4.3.1), quotes included.
    #[must_use]
    pub fn etag(&self) -> String {
        self.inner.etag.lock().clone()
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> WhipStats {
        let Counters { packets, units, bytes, lost, key_requests } = &*self.inner.counters;
        WhipStats {
            packets: packets.load(Relaxed),
            units: units.load(Relaxed),
            bytes: bytes.load(Relaxed),
            lost: lost.load(Relaxed),
            key_requests: key_requests.load(Relaxed),
        }
    }

    /// Takes an SDP fragment of the publisher: candidates (RFC 8840), or a restart of ICE (RFC 9725, section 4.3.3).
    ///
    /// # Errors
    /// The body is no SDP fragment, the connection does not take it, or the session has ended.
    pub async fn patch(&self, fragment: &str) -> Result<WhipPatch, WhipPatchError> {
        let inner = &*self.inner;
        let fragment = PublisherFragment::parse(fragment)?;
        let mut remote = inner.remote.lock().await;
        if inner.ended.borrow().is_some() {
            return Err(WhipPatchError::Closed);
        }
        if !fragment.restarts(&remote) {
            for candidate in &fragment.candidates {
                if remote.candidates == MAX_CANDIDATES {
                    break;
                }
                remote.candidates += 1;
                // One that can't be used, such as a name of another network, is no reason to refuse the others.
                if let Err(error) = inner.connection.add_candidate(candidate).await {
                    tracing::debug!(stream = %inner.stream, %error, "a publisher's candidate is passed over");
                }
            }
            return Ok(WhipPatch::Trickled);
        }
        let offer = with_credentials(&remote.offer, &fragment);
        let answer = inner.connection.answer(&offer, &inner.config).await.map_err(|error| {
            tracing::warn!(stream = %inner.stream, %error, "ICE was not restarted");
            WhipPatchError::Refused
        })?;
        let (tag, answer) = candidates_of(&answer);
        *inner.etag.lock() = tag;
        *remote =
            Remote { offer, ufrag: fragment.ufrag, pwd: fragment.pwd, candidates: fragment.candidates.len() };
        Ok(WhipPatch::Restarted(answer))
    }

    /// Ends the session and tells the publisher. [`Self::closed`] tells when it has ended.
    pub fn close(&self) {
        self.inner.stop.cancel();
    }

    /// Completes when the session has ended and the stream can be published anew, with the reason. Cancel-safe.
    pub async fn closed(&self) -> WhipEnd {
        let mut ended = self.inner.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(end) => end.unwrap_or(WhipEnd::Fault),
            Err(_) => WhipEnd::Fault,
        }
    }
}

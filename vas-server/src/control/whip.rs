//! Publishers: cameras that come by themselves, over WHIP.
//!
//! A device with an address such as `whip://front-door` waits for one. Publishing starts its stream where nobody has
//! started it yet; one that was stopped stays so until it is started again, or else an encoder that tries for ever would
//! undo every stop.

use super::{Control, ControlError};
use crate::auth::Lease;
use std::sync::Arc;
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::model::{Reason, ReasonCode};
use vas_core::{DeviceId, ErrorKind, HasKind, StreamId};
use vas_ingest::PublisherFeed;
use vas_sfu::whip::{PublishObserver, WhipEnd, WhipError, WhipSession};

/// Why nobody can publish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PublishError {
    /// The device is unknown, or its stream was not started.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The device's camera is connected to from here.
    #[error("the device is read over RTSP; give it an rtsp_url such as whip://front-door to publish to it")]
    NotPublished,
    /// Its stream was stopped.
    #[error("the device's stream was stopped; start it first")]
    Stopped,
    /// The media server refused.
    #[error(transparent)]
    Refused(#[from] WhipError),
}

impl HasKind for PublishError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Control(error) => error.kind(),
            Self::NotPublished | Self::Stopped => ErrorKind::Conflict,
            Self::Refused(error) => error.kind(),
        }
    }
}

/// Tells the supervisor of a publisher's progress.
struct Progress(Arc<PublisherFeed>);

impl PublishObserver for Progress {
    fn connected(&self) {
        self.0.connected();
    }

    fn described(&self, desc: &Arc<StreamDesc>) {
        self.0.described(desc);
    }

    fn unit(&self, unit: &AccessUnit) {
        self.0.unit(unit);
    }
}

impl Control {
    /// Answers a publisher's offer for a device: gives its session and the SDP answer.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub(crate) async fn publish(
        &self,
        device: DeviceId,
        offer: &str,
    ) -> Result<(WhipSession, String), PublishError> {
        let stream = self.publishable(device).await?;
        let inner = &self.inner;
        // Stopped, or given another address, at this very moment.
        let feed = Arc::new(inner.supervisor.publisher(stream).ok_or(PublishError::Stopped)?);
        let (session, answer) = inner.whip.publish(stream, offer, Arc::new(Progress(feed.clone()))).await?;
        let watched = session.clone();
        let lease = self.sight().lease.clone();
        inner.scope.spawn_until_cancelled("publisher", async move { watch(&watched, &feed, &lease).await });
        Ok((session, answer))
    }

    /// The stream of a device that somebody may publish to.
    async fn publishable(&self, device: DeviceId) -> Result<StreamId, PublishError> {
        let found = self.device(device).await?;
        if !found.fields.url.is_publisher() {
            return Err(PublishError::NotPublished);
        }
        match self.stream_of(device).await? {
            Some(stream) if stream.wanted => Ok(stream.id),
            Some(_) => Err(PublishError::Stopped),
            None => Ok(self.start(device).await?.stream.id),
        }
    }

    /// A publisher's session by its secret name.
    pub(crate) async fn published(&self, device: DeviceId, session: &str) -> Option<WhipSession> {
        let stream = self.stream_of(device).await.ok()??;
        self.inner.whip.session(stream.id).filter(|known| known.id() == session)
    }
}

/// Follows a session to its end and says what became of its stream.
async fn watch(session: &WhipSession, feed: &PublisherFeed, lease: &Lease) {
    let end = tokio::select! {
        end = session.closed() => end,
        () = lease.over() => {
            session.close();
            session.closed().await
        }
        () = feed.withdrawn() => {
            session.close();
            return;
        }
    };
    let code = match end {
        WhipEnd::Closed | WhipEnd::Left => return feed.left(),
        // The stream's state tells of that.
        WhipEnd::Shutdown => return,
        WhipEnd::NeverConnected => ReasonCode::Timeout,
        WhipEnd::Lost => ReasonCode::Disconnected,
        WhipEnd::NoMedia => ReasonCode::NoMedia,
        WhipEnd::NoKey => ReasonCode::BadMedia,
        _ => ReasonCode::Internal,
    };
    feed.failed(Reason::new(code, end.to_string()));
}

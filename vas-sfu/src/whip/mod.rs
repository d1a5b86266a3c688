//! WHIP (RFC 9725): a browser, a phone or an encoder is a camera.
//!
//! ```text
//! offer --choose--> one codec each --webrtc crate--> RTP --reorder, depacketise--> access units --> StreamHub
//!                                        ^                        |
//!                                        `---- NACK, TWCC, PLI <--'
//! ```
//!
//! A publisher sends pictures in H.264, VP8 or AV1 and, if it likes, sound in Opus. Its stream is one like any other:
//! what reads the hub does not know where it came from. Unlike cameras over RTSP, publishers can be asked for key
//! pictures, and are: when a loss broke the picture, and when a viewer could not have joined for too long.
//!
//! A picture with a missing packet is dropped, with those after it up to the next key picture, so that nothing broken
//! reaches viewers or recordings.
//!
//! Deliberately absent: simulcast (a camera's layers are streams of their own) and data channels.

mod config;
mod connection;
mod depacketize;
mod error;
mod fragment;
mod negotiate;
mod pump;
mod reorder;
mod reports;
mod session;
mod sockets;
mod track;
#[cfg(test)]
mod track_tests;

pub use config::WhipConfig;
#[cfg(feature = "fuzzing")]
pub(crate) use depacketize::depacketize_any;
pub use error::{WhipEnd, WhipError, WhipPatchError};
pub use session::{WhipPatch, WhipSession, WhipStats};

use crate::ice::random_text;
use crate::sdp::Offer;
use connection::{Connection, Events};
use negotiate::Chosen;
use parking_lot::Mutex;
use pump::Pump;
use session::{Counters, Parts, Remote};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use track::{AudioTrack, VideoTrack};
use vas_core::hub::StreamHub;
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::{SharedClock, StreamId, TaskScope};

/// Characters of a session id: 190 random bits.
const SESSION_ID_LENGTH: usize = 32;

/// Told of a publisher's progress, in the session's task: nothing here may wait. [`WhipSession::closed`] tells the end.
pub trait PublishObserver: Send + Sync + 'static {
    /// The publisher is connected.
    fn connected(&self) {}

    /// What the stream carries became known or changed.
    fn described(&self, desc: &Arc<StreamDesc>) {
        let _ = desc;
    }

    /// A unit is about to be handed to the hub.
    fn unit(&self, unit: &AccessUnit) {
        let _ = unit;
    }
}

/// Receives publishers. `Clone` hands out the same one; its sessions run until its scope is cancelled.
#[derive(Clone)]
pub struct WhipServer {
    inner: Arc<Inner>,
}

struct Inner {
    hub: StreamHub,
    config: Arc<WhipConfig>,
    scope: TaskScope,
    clock: SharedClock,
    /// One for each stream that has a publisher; `None`: one is being set up.
    sessions: Mutex<HashMap<StreamId, Option<WhipSession>>>,
}

impl fmt::Debug for WhipServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhipServer")
            .field("sessions", &self.inner.sessions.lock().len())
            .finish_non_exhaustive()
    }
}

/// A publisher's place. Dropping it lets another one publish the stream.
struct Place {
    server: WhipServer,
    stream: StreamId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.inner.sessions.lock().remove(&self.stream);
    }
}

impl WhipServer {
    /// Publishers' streams go to `hub`; their tasks belong to `scope`.
    #[must_use]
    pub fn new(hub: StreamHub, config: WhipConfig, scope: &TaskScope, clock: SharedClock) -> Self {
        let (config, sessions) = (Arc::new(config), Mutex::default());
        Self { inner: Arc::new(Inner { hub, config, scope: scope.child(), clock, sessions }) }
    }

    /// Answers a publisher's offer: gives the session and the SDP answer. A future that is dropped leaves nothing
    /// behind.
    ///
    /// # Errors
    /// The offer can't be used or taken, the stream has a publisher, or a limit is reached.
    pub async fn publish(
        &self,
        stream: StreamId,
        offer: &str,
        observer: Arc<dyn PublishObserver>,
    ) -> Result<(WhipSession, String), WhipError> {
        let read = Offer::parse(offer).map_err(|error| WhipError::BadOffer(error.to_string()))?;
        let chosen = negotiate::choose(&read)?;
        let place = self.take_place(stream)?;
        let offer = offer.to_owned();
        let (this, scope) = (self.clone(), self.inner.scope.clone());
        let (done, outcome) = oneshot::channel();
        // A task of its own, so that a caller who goes away does not leave a connection half open.
        scope.spawn("whip set-up", async move {
            let result = this.set_up(place, offer, read, chosen, observer).await;
            if let Err(Ok((session, _))) = done.send(result) {
                session.close();
            }
        });
        outcome.await.unwrap_or_else(|_| match self.inner.scope.is_cancelled() {
            true => Err(WhipError::Closed),
            false => Err(WhipError::Internal("the set-up was broken off; the log says more".into())),
        })
    }

    async fn set_up(
        &self,
        place: Place,
        text: String,
        offer: Offer,
        chosen: Chosen,
        observer: Arc<dyn PublishObserver>,
    ) -> Result<(WhipSession, String), WhipError> {
        let config = &self.inner.config;
        let (connection, events) = Connection::open(&chosen, config).await?;
        let answer = match connection.answer(&text, config).await {
            Ok(answer) => answer,
            Err(error) => {
                connection.close().await;
                tracing::debug!(%error, "a publisher's offer was not taken");
                return Err(WhipError::BadOffer("the connection does not take it".to_owned()));
            }
        };
        let stream = place.stream;
        let counters = Arc::new(Counters::default());
        let stop = self.inner.scope.child();
        let (ended, end) = watch::channel(None);
        let session = WhipSession::new(Parts {
            id: random_text(SESSION_ID_LENGTH),
            stream,
            connection: connection.clone(),
            config: config.clone(),
            counters: counters.clone(),
            stop: stop.clone(),
            ended: end,
            etag: fragment::candidates_of(&answer).0,
            remote: Remote { offer: text, ufrag: offer.ice_ufrag, pwd: offer.ice_pwd, candidates: 0 },
        });
        self.inner.sessions.lock().insert(stream, Some(session.clone()));
        let pump = self.pump(stream, &chosen, events, observer, counters);
        let server = self.inner.scope.clone();
        self.inner.scope.spawn("whip session", async move {
            // A task within a task: whatever becomes of it, the connection is closed and the place is free.
            let media = stop.spawn("whip media", pump.run(stop.clone()));
            let outcome = media.await.ok().flatten().unwrap_or(WhipEnd::Fault);
            let outcome = if server.is_cancelled() { WhipEnd::Shutdown } else { outcome };
            tracing::info!(%stream, reason = %outcome, "a publisher's session ended");
            connection.close().await;
            drop(place);
            ended.send_replace(Some(outcome));
        });
        tracing::info!(%stream, video = chosen.video.encoding_name(), audio = chosen.audio.is_some(), "a publisher came");
        Ok((session, answer))
    }

    fn pump(
        &self,
        stream: StreamId,
        chosen: &Chosen,
        events: Events,
        observer: Arc<dyn PublishObserver>,
        counters: Arc<Counters>,
    ) -> Pump {
        let Inner { hub, config, clock, .. } = &*self.inner;
        Pump {
            stream,
            hub: hub.clone(),
            clock: clock.clone(),
            config: config.clone(),
            observer,
            counters,
            events,
            video: VideoTrack::new(chosen, config),
            audio: AudioTrack::of(chosen, config),
        }
    }

    fn take_place(&self, stream: StreamId) -> Result<Place, WhipError> {
        if self.inner.scope.is_cancelled() {
            return Err(WhipError::Closed);
        }
        let limit = self.inner.config.max_sessions;
        let mut sessions = self.inner.sessions.lock();
        let count = sessions.len();
        match sessions.entry(stream) {
            Entry::Occupied(_) => return Err(WhipError::Taken(stream)),
            Entry::Vacant(_) if count >= limit => return Err(WhipError::Exhausted { limit }),
            Entry::Vacant(vacant) => vacant.insert(None),
        };
        Ok(Place { server: self.clone(), stream })
    }

    /// The session that publishes a stream.
    #[must_use]
    pub fn session(&self, stream: StreamId) -> Option<WhipSession> {
        self.inner.sessions.lock().get(&stream).cloned().flatten()
    }

    /// Publishers now, those included that have not connected yet.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.inner.sessions.lock().len()
    }
}

//! One session with one camera: connect, describe, set up, pump, and TEARDOWN at the end, whatever ends it.

mod open;
mod pump;
mod track;

pub(crate) use open::{Opened, open};

use crate::config::IngestConfig;
use crate::failure::{self, Step};
use crate::source::Source;
use futures_util::FutureExt;
use pump::Pump;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use vas_core::SharedClock;
use vas_core::hub::StreamHub;
use vas_core::media::StreamDesc;
use vas_core::model::stream::Reason;

/// Told of a session's progress.
pub(crate) trait Observer: Send + Sync {
    /// Described and set up; the slot for connecting is free again.
    fn ready(&self, transport: Transport);
    /// What the stream carries became known or changed.
    fn described(&self, desc: &Arc<StreamDesc>);
    /// The first key picture has been pushed.
    fn live(&self);
    /// Runs `count` on the source's meter.
    fn meter(&self, count: &mut dyn FnMut(&mut crate::health::HealthMeter));
}

/// The transport that a session has settled on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// What a session needs.
#[derive(Clone, Debug)]
pub(crate) struct SessionParts {
    pub(crate) source: Source,
    pub(crate) config: Arc<IngestConfig>,
    pub(crate) hub: StreamHub,
    pub(crate) clock: SharedClock,
}

/// Runs a session until it fails or `cancelled` completes. `None`: cancelled. In both cases TEARDOWN has been sent
/// and its answer awaited, at most for the configured time. A panic within is a reason like any other.
pub(crate) async fn run(
    parts: &SessionParts,
    observer: &dyn Observer,
    cancelled: impl Future<Output = ()>,
) -> Option<Reason> {
    let group = Arc::new(retina::client::SessionGroup::default());
    let outcome = tokio::select! {
        biased;
        () = cancelled => None,
        reason = guarded(attempt(parts, observer, group.clone())) => Some(reason),
    };
    // The session was dropped above, which starts its TEARDOWN.
    await_teardown(&group, parts.config.teardown_timeout).await;
    outcome
}

/// Turns a panic of `session` into a reason. Nobody sees the state that it leaves: the session is dropped.
async fn guarded(session: impl Future<Output = Reason>) -> Reason {
    AssertUnwindSafe(session)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| failure::internal("the session met a fault of this program; it is tried again"))
}

/// Waits for the TEARDOWN of dropped sessions, at most for `limit`. Whether it succeeds concerns the camera alone.
pub(crate) async fn await_teardown(group: &retina::client::SessionGroup, limit: Duration) {
    let _ = tokio::time::timeout(limit, group.await_teardown()).await;
}

async fn attempt(
    parts: &SessionParts,
    observer: &dyn Observer,
    group: Arc<retina::client::SessionGroup>,
) -> Reason {
    let endpoint = parts.source.endpoint();
    let opened = match open(&parts.source, &parts.config, group).await {
        Ok(opened) => opened,
        Err(reason) => return reason,
    };
    let play = opened.session.play(
        retina::client::PlayOptions::default()
            .initial_timestamp(retina::client::InitialTimestampPolicy::Permissive),
    );
    let limit = parts.config.request_timeout;
    let playing = match tokio::time::timeout(limit, play).await {
        Ok(Ok(playing)) => playing,
        Ok(Err(error)) => return failure::rtsp(&error, Step::Play, &endpoint),
        Err(_) => return failure::timeout(Step::Play, limit, &endpoint),
    };
    let media = match playing.demuxed() {
        Ok(media) => media,
        Err(error) => return failure::rtsp(&error, Step::Media, &endpoint),
    };
    observer.ready(opened.transport);
    Pump::new(parts, observer, opened.video, opened.audio, endpoint).run(media).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::model::stream::ReasonCode;

    #[tokio::test]
    async fn a_panic_is_a_reason() {
        let reason = guarded(async { panic!("planted") }).await;
        assert_eq!(reason.code, ReasonCode::Internal);
        assert!(!reason.text.contains("planted"));
    }
}

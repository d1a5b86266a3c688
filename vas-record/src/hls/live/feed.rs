//! From the hub into a live stream.

use super::LiveStream;
#[cfg(feature = "transcode")]
use super::sound::Playable;
use crate::segmenter::{MediaOrigin, Output, Segmenter, SegmenterConfig};
use std::time::Duration;
use vas_core::hub::{CloseReason, RecvError, Subscription};

/// Why a live stream is fed no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedEnd {
    /// The caller's `stop` completed.
    Stopped,
    /// The stream was closed in the hub.
    Closed(CloseReason),
}

/// Fills `live` from `subscription` until `stop` completes or the stream is closed; it has ended then. Chunks last `part`
/// at most.
pub async fn feed(
    mut subscription: Subscription,
    live: &LiveStream,
    part: Duration,
    stop: impl Future<Output = ()>,
) -> FeedEnd {
    let _end = EndOnDrop(live);
    let mut segmenter =
        Segmenter::new(SegmenterConfig { part, not_before: None, origin: MediaOrigin::UnixEpoch });
    #[cfg(feature = "transcode")]
    let mut playable = Playable::default();
    let mut outputs = Vec::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let mut received = tokio::select! {
            received = subscription.next() => Some(received),
            () = &mut stop => return FeedEnd::Stopped,
        };
        // All that is there at once: waking costs more than a unit.
        while let Some(unit) = received {
            match unit {
                Ok(unit) => {
                    if let Some(desc) = subscription.desc() {
                        #[cfg(feature = "transcode")]
                        playable.pass(&unit, &desc, |unit, desc| segmenter.push(unit, desc, &mut outputs));
                        #[cfg(not(feature = "transcode"))]
                        segmenter.push(&unit, &desc, &mut outputs);
                    }
                }
                Err(RecvError::Lagged { missed }) => segmenter.lagged(missed),
                Err(RecvError::Closed(reason)) => {
                    segmenter.flush(&mut outputs);
                    deliver(&mut outputs, live);
                    return FeedEnd::Closed(reason);
                }
                // A kind of failure that is not known here: what comes after it is not what was expected.
                Err(_) => segmenter.lagged(0),
            }
            received = subscription.try_next();
        }
        deliver(&mut outputs, live);
    }
}

fn deliver(outputs: &mut Vec<Output>, live: &LiveStream) {
    live.push(outputs.iter().filter_map(|output| match output {
        Output::Chunk(chunk) => Some(chunk),
        // The chunks name their section.
        Output::Section(_) => None,
    }));
    outputs.clear();
}

/// Ends the stream however the feed ends, so that nobody waits for a task that is gone.
struct EndOnDrop<'a>(&'a LiveStream);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

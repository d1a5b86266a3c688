//! Snapshots of what a stream shows now, from the group of pictures that the hub keeps.

use super::{Snapshot, SnapshotError, snapshot};
use std::sync::Arc;
use std::time::Duration;
use vas_core::StreamId;
use vas_core::decode::jpeg::JpegOptions;
use vas_core::decode::{CodedPicture, DecodePool, Wanted};
use vas_core::hub::{RecvError, StartAt, StreamHub, Subscription};
use vas_core::media::{AccessUnit, TrackFormat};

/// How long to wait for a key picture where the hub keeps none; cameras send one every few seconds.
const KEY_PATIENCE: Duration = Duration::from_secs(2);

/// The newest group of a stream's first video track, as far as it has arrived.
#[derive(Clone, Debug)]
pub struct LiveGroup {
    /// How to decode it.
    pub format: Arc<TrackFormat>,
    /// Its pictures in decoding order; at least the key picture.
    pub pictures: Vec<CodedPicture>,
    /// Packets were lost in it: what came after that shows the damage and is left out.
    pub cut: bool,
}

impl LiveGroup {
    fn new(key: &AccessUnit) -> Self {
        Self { format: key.format.clone(), pictures: vec![key.into()], cut: false }
    }

    fn push(&mut self, unit: &AccessUnit) {
        self.cut |= unit.lost_before > 0;
        if !self.cut {
            self.pictures.push(unit.into());
        }
    }
}

/// Takes a snapshot of the newest picture of a stream.
///
/// # Errors
/// The stream is not live, sends no key picture within two seconds, or its pictures can't be decoded; see
/// [`SnapshotError`].
pub async fn live(
    pool: &DecodePool,
    hub: &StreamHub,
    stream: StreamId,
    options: JpegOptions,
) -> Result<Snapshot, SnapshotError> {
    let mut subscription = hub.subscribe(stream, StartAt::LastKey).map_err(|_| SnapshotError::NotLive)?;
    let group = tokio::time::timeout(KEY_PATIENCE, live_group(&mut subscription)).await;
    let group = group.map_err(|_| SnapshotError::NoPicture)??;
    drop(subscription);
    let format = group.format.video().ok_or(SnapshotError::NoPicture)?.clone();
    let snapshot = snapshot(pool, format, group.pictures, Wanted::Newest, options).await?;
    Ok(Snapshot { exact: snapshot.exact && !group.cut, ..snapshot })
}

/// Reads a subscription that starts at a key picture, such as that of the cached group ([`StartAt::LastKey`]), up to the
/// newest picture of the first video track. Where there is no key picture yet it waits for one, without end.
///
/// # Errors
/// [`SnapshotError::NotLive`] when the stream is removed meanwhile.
pub async fn live_group(subscription: &mut Subscription) -> Result<LiveGroup, SnapshotError> {
    let mut group: Option<LiveGroup> = None;
    loop {
        let next = match (subscription.try_next(), group.take()) {
            (None, Some(group)) => return Ok(group),
            (None, None) => subscription.next().await,
            (Some(next), held) => {
                group = held;
                next
            }
        };
        let video = || Some(subscription.desc()?.video()?.0.id);
        match next {
            Ok(unit) if !unit.is_video() || video().is_some_and(|track| track != unit.track) => {}
            Ok(unit) if unit.is_key() => group = Some(LiveGroup::new(&unit)),
            Ok(unit) => {
                if let Some(group) = &mut group {
                    group.push(&unit);
                }
            }
            Err(RecvError::Lagged { .. }) => group = None,
            Err(_) => return group.ok_or(SnapshotError::NotLive),
        }
    }
}

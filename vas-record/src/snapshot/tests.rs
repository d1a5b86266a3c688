//! Snapshots of small streams that need no encoder: what is decoded is tested where the decoders are.

use super::{LiveGroup, SnapshotError, live, live_group, snapshot};
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use vas_core::decode::jpeg::JpegOptions;
use vas_core::decode::{CodedPicture, DecodeError, DecodePool, PoolConfig, Wanted};
use vas_core::hub::{StartAt, StreamHub};
use vas_core::media::{AccessUnit, StreamDesc, TrackFormat, VideoFormat, nal};
use vas_core::testing::{audio_unit, delta_picture, key_picture, video_desc};
use vas_core::{StreamId, SystemClock, WallTime};

fn pool() -> DecodePool {
    let config = PoolConfig { threads: 1, waiting: 8, patience: Duration::from_secs(60) };
    DecodePool::new(config, SystemClock::shared())
}

/// A red picture of 16x16 by x264.
const RED: [&[u8]; 3] = [
    &[
        0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x1e, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00,
        0xc8, 0x3c, 0x48, 0x99, 0x20,
    ],
    &[0x68, 0xcb, 0x83, 0xcb, 0x20],
    &[
        0x65, 0x88, 0x84, 0x0a, 0xf1, 0x18, 0xa0, 0x00, 0x24, 0x03, 0x1c, 0x00, 0x04, 0x3a, 0xe3, 0x80, 0x00,
        0x97, 0xc6,
    ],
];

#[tokio::test]
async fn a_live_picture_becomes_a_file_with_its_time() {
    let hub = StreamHub::default();
    let id = StreamId::random();
    let format = VideoFormat::h264(RED).unwrap();
    let unit = AccessUnit {
        data: nal::join(RED),
        format: Arc::new(TrackFormat::Video(format.clone())),
        ..key_picture(3)
    };
    let mut writer = hub.publish(id, StreamDesc::new([TrackFormat::Video(format)])).unwrap();
    writer.push(unit.clone());
    let snapshot = live(&pool(), &hub, id, JpegOptions::default()).await.unwrap();
    assert_eq!((snapshot.width, snapshot.height), (16, 16));
    assert_eq!((snapshot.time, snapshot.exact), (key_picture(3).captured, true));
    assert!(snapshot.jpeg.starts_with(&[0xff, 0xd8]) && snapshot.jpeg.ends_with(&[0xff, 0xd9]));

    let lost = AccessUnit { lost_before: 2, ..delta_picture(4) };
    writer.push(AccessUnit { format: unit.format.clone(), ..lost });
    let snapshot = live(&pool(), &hub, id, JpegOptions::default()).await.unwrap();
    assert_eq!((snapshot.time, snapshot.exact), (key_picture(3).captured, false));
}

fn times(group: &LiveGroup) -> Vec<WallTime> {
    group.pictures.iter().map(|picture| picture.time).collect()
}

#[tokio::test]
async fn the_newest_group_is_read_to_its_end() {
    let hub = StreamHub::default();
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    for unit in [key_picture(0), delta_picture(1), key_picture(2), audio_unit(2), delta_picture(3)] {
        writer.push(unit);
    }
    let mut subscription = hub.subscribe(id, StartAt::LastKey).unwrap();
    let group = live_group(&mut subscription).await.unwrap();
    assert_eq!(times(&group), [key_picture(2).captured, delta_picture(3).captured]);
    assert!(!group.cut);

    // A key picture that arrives while it is read starts another one.
    for unit in [delta_picture(4), key_picture(5), delta_picture(6)] {
        writer.push(unit);
    }
    let group = live_group(&mut subscription).await.unwrap();
    assert_eq!(times(&group), [key_picture(5).captured, delta_picture(6).captured]);
}

#[tokio::test]
async fn what_comes_after_a_loss_is_left_out() {
    let hub = StreamHub::default();
    let id = StreamId::random();
    let mut writer = hub.publish(id, video_desc()).unwrap();
    let mut lossy = delta_picture(2);
    lossy.lost_before = 1;
    for unit in [key_picture(0), delta_picture(1), lossy, delta_picture(3)] {
        writer.push(unit);
    }
    let group = live_group(&mut hub.subscribe(id, StartAt::LastKey).unwrap()).await.unwrap();
    assert!(group.cut);
    assert_eq!(times(&group), [key_picture(0).captured, delta_picture(1).captured]);
}

#[tokio::test]
async fn a_stream_without_pictures_and_one_that_is_not_there() {
    let hub = StreamHub::default();
    let id = StreamId::random();
    let none = live(&pool(), &hub, id, JpegOptions::default()).await;
    assert!(matches!(none, Err(SnapshotError::NotLive)));
    hub.open(id);
    let mut subscription = hub.subscribe(id, StartAt::LastKey).unwrap();
    assert!(live_group(&mut subscription).now_or_never().is_none());
    hub.remove(id);
    assert!(matches!(live_group(&mut subscription).await, Err(SnapshotError::NotLive)));
}

#[tokio::test]
async fn broken_bits_and_other_codecs_are_refused_with_a_reason() {
    let pictures: Vec<CodedPicture> = vec![(&key_picture(0)).into()];
    let desc = video_desc();
    let format = desc.video().unwrap().1.clone();
    let broken = snapshot(&pool(), format, pictures.clone(), Wanted::Newest, JpegOptions::default()).await;
    assert!(matches!(broken.unwrap_err(), SnapshotError::Decode(DecodeError::Damaged(_))));
    let vp8 = VideoFormat::vp8(64, 64);
    let refused = snapshot(&pool(), vp8, pictures, Wanted::Newest, JpegOptions::default()).await;
    assert!(matches!(refused.unwrap_err(), SnapshotError::Decode(DecodeError::Codec(_))));
}

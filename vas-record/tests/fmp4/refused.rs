//! What does not fit a file is refused with its reason, and nothing makes the writer fall over.

use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Arc;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{
    AccessUnit, AudioCodec, AudioFormat, Codec, StreamDesc, TrackFormat, VideoCodec, VideoFormat,
};
use vas_core::testing::{audio_unit, delta_picture, key_picture, sized, video_desc};
use vas_core::{MediaTime, TrackId};
use vas_record::mux::fmp4::{Fmp4Writer, MuxError, carries};

fn writer() -> Fmp4Writer {
    Fmp4Writer::new(&video_desc()).unwrap()
}

/// Bytes of the `prft` of a chunk that begins in the first hours of a file.
const PRFT: usize = 28;

/// `moof` and `mdat` of the file of these units in one chunk.
fn chunk(units: &[AccessUnit]) -> Bytes {
    let mut writer = writer();
    for unit in units {
        writer.push(unit).unwrap();
    }
    writer.finish().unwrap().split_off(PRFT)
}

#[test]
fn streams_that_mp4_does_not_carry() {
    assert_eq!(Fmp4Writer::new(&StreamDesc::default()).unwrap_err(), MuxError::NoTracks);
    let g722 = TrackFormat::Audio(AudioFormat::g722());
    assert!(!carries(&g722));
    let track = TrackId(0);
    let codec = Codec::Audio(AudioCodec::G722);
    assert_eq!(
        Fmp4Writer::new(&StreamDesc::new([g722])).unwrap_err(),
        MuxError::UnsupportedCodec { track, codec }
    );
    let aac = AudioFormat::aac(VIDEO_CLOCK, 2, Bytes::new());
    let error = Fmp4Writer::new(&StreamDesc::new([TrackFormat::Audio(aac)])).unwrap_err();
    assert!(matches!(error, MuxError::BadFormat { .. }), "{error}");
    let surround = TrackFormat::Audio(AudioFormat::opus(6));
    let error = Fmp4Writer::new(&StreamDesc::new([surround])).unwrap_err();
    assert!(matches!(error, MuxError::BadFormat { .. }), "{error}");
}

#[test]
fn units_of_another_file() {
    let mut writer = writer();
    writer.push(&key_picture(0)).unwrap();
    assert_eq!(writer.push(&audio_unit(0)), Err(MuxError::UnknownTrack(TrackId(1))));

    let mut changed = delta_picture(1);
    let mut format = video_desc().video().unwrap().1.clone();
    format.parameter_sets.push(Bytes::from_static(&[0x68, 0xce, 0x3c, 0x81]));
    changed.format = Arc::new(TrackFormat::Video(format));
    let error = writer.push(&changed).unwrap_err();
    assert_eq!(error, MuxError::FormatChanged(TrackId(0)));
    assert!(error.to_string().contains("new initialisation section"));

    assert_eq!(writer.push(&AccessUnit { epoch: 1, ..delta_picture(1) }), Err(MuxError::EpochChanged));
    let far = MediaTime::new(i64::MAX, VIDEO_CLOCK);
    let error = writer.push(&AccessUnit { pts: far, dts: far, ..delta_picture(1) });
    assert_eq!(error, Err(MuxError::TimeOutOfRange(TrackId(0))));
    // What was pushed before is still there.
    assert!(writer.finish().is_some());
}

#[test]
fn nothing_before_the_first_key_picture() {
    let mut writer = writer();
    writer.push(&delta_picture(0)).unwrap();
    writer.push(&delta_picture(1)).unwrap();
    assert_eq!(writer.finish(), None);
    let late = [delta_picture(0), key_picture(1), delta_picture(2)];
    assert_eq!(chunk(&late), chunk(&[key_picture(0), delta_picture(1)]));
}

#[test]
fn decoding_times_that_do_not_rise_are_moved_up() {
    let twice = [key_picture(0), delta_picture(1), delta_picture(1), delta_picture(2)];
    let moved = AccessUnit { dts: MediaTime::new(3_601, VIDEO_CLOCK), ..delta_picture(1) };
    let rising = [key_picture(0), delta_picture(1), moved, delta_picture(2)];
    assert_eq!(chunk(&twice), chunk(&rising));
}

#[test]
fn repeated_parameter_sets_are_left_out() {
    let sets = video_desc().video().unwrap().1.parameter_sets.clone();
    let mut repeated = key_picture(0);
    let units = sets.iter().map(AsRef::as_ref).chain(vas_core::media::nal::units(&repeated.data));
    repeated.data = vas_core::media::nal::join(units);
    assert_eq!(chunk(&[repeated, delta_picture(1)]), chunk(&[key_picture(0), delta_picture(1)]));
}

#[test]
fn what_is_pending_is_bounded() {
    let mut writer = writer();
    writer.push(&key_picture(0)).unwrap();
    // One megabyte, shared by all units.
    let large = sized(delta_picture(1), 1 << 20);
    let unit = |n: i64| {
        let time = MediaTime::new(n * 3_600, VIDEO_CLOCK);
        AccessUnit { pts: time, dts: time, ..large.clone() }
    };
    let refused = (1..1_000).find_map(|n| writer.push(&unit(n)).err().map(|error| (n, error)));
    let (n, error) = refused.unwrap();
    assert_eq!(error, MuxError::ChunkFull);
    assert!((200..300).contains(&n), "{n}");
    assert!(writer.take_chunk().unwrap().len() > 200 << 20);
    assert_eq!(writer.push(&unit(n)), Ok(()));
}

fn damaged(codec: VideoCodec, sets: Vec<Vec<u8>>) -> StreamDesc {
    let format = VideoFormat {
        codec,
        parameter_sets: sets.into_iter().map(Bytes::from).collect(),
        ..video_desc().video().unwrap().1.clone()
    };
    StreamDesc::new([TrackFormat::Video(format)])
}

proptest! {
    #[test]
    fn any_parameter_sets_make_a_writer_or_an_error(
        sets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..40),
        header in prop::sample::select(vec![0x67_u8, 0x42]),
    ) {
        let mut sets = sets;
        if let Some(first) = sets.first_mut().and_then(|set| set.first_mut()) {
            *first = header;
        }
        let codec = if header == 0x67 { VideoCodec::H264 } else { VideoCodec::H265 };
        let _ = Fmp4Writer::new(&damaged(codec, sets));
    }

    #[test]
    fn any_times_and_bytes_make_a_chunk_or_an_error(
        units in proptest::collection::vec(
            (any::<i64>(), -100_000_i64..100_000, proptest::collection::vec(any::<u8>(), 0..40)), 1..20),
        small in any::<bool>(),
    ) {
        let mut writer = writer();
        for (time, offset, data) in units {
            let dts = if small { time % 10_000_000 } else { time };
            let unit = AccessUnit {
                dts: MediaTime::new(dts, VIDEO_CLOCK),
                pts: MediaTime::new(dts.saturating_add(offset), VIDEO_CLOCK),
                data: data.into(),
                ..key_picture(0)
            };
            let _ = writer.push(&unit);
        }
        let _ = writer.finish();
    }
}

//! Chunks: a reference time, a movie fragment and its media data (ISO/IEC 14496-12, sections 8.16.5, 8.8.4 and 8.1.1).

use super::track::{Sample, TrackWriter};
use bytes::Bytes;
use mp4_atom::{Atom, Encode, Mdat, Mfhd, Moof, Prft, ReferenceTime, Tfdt, Tfhd, Traf, Trun, TrunEntry};
use vas_core::WallTime;

/// Bytes of a box header with a 32-bit size.
const BOX_HEADER: usize = 8;
/// Most bytes of a `prft`.
const PRFT: usize = 32;
/// Bytes of a `moof` without fragments of tracks: its header and `mfhd`.
const EMPTY_MOOF: usize = BOX_HEADER + 16;
/// Bytes of a `traf` without samples: its header, `tfhd` with a number alone, 64-bit `tfdt`, `trun` with an offset.
const EMPTY_TRAF: usize = BOX_HEADER + 16 + 20 + 20;
/// Bytes of a sample in a `trun`: duration, size, flags and composition offset.
const TRUN_ENTRY: usize = 16;

/// Takes the samples that the tracks have marked; `None` when there are none. `clock` is the track whose first sample
/// was captured at `wall`.
pub(super) fn write(
    sequence: u32,
    tracks: &mut [TrackWriter],
    clock: usize,
    wall: WallTime,
) -> Option<Bytes> {
    let first = tracks[clock].marked().first()?;
    let prft = Prft {
        reference_track_id: tracks[clock].number(),
        ntp_timestamp: wall.to_ntp(),
        media_time: first.dts.unsigned_abs(),
        // The time at which the camera took the picture, "was input to the encoder" in the standard's words. These
        // flags, 0, are the only ones that every edition knows.
        utc_time_semantics: ReferenceTime::Input,
    };
    let with_samples = || tracks.iter().filter(|track| !track.marked().is_empty());
    let moof_size: usize = EMPTY_MOOF
        + with_samples().map(|track| EMPTY_TRAF + track.marked().len() * TRUN_ENTRY).sum::<usize>();
    let payload: usize = with_samples().map(|track| size(track.marked())).sum();
    // The offsets count from the start of the moof.
    let mut offset = moof_size + BOX_HEADER;
    let runs = with_samples().map(|track| {
        let run = traf(track, offset);
        offset += size(track.marked());
        run
    });
    let moof = Moof { mfhd: Mfhd { sequence_number: sequence }, traf: runs.collect() };

    let mut out = Vec::with_capacity(PRFT + moof_size + BOX_HEADER + payload);
    prft.encode(&mut out).expect("a vector takes everything");
    let start = out.len();
    moof.encode(&mut out).expect("times were checked by push, and a vector takes everything");
    debug_assert_eq!(out.len() - start, moof_size, "the offsets count on this size");
    let mdat_size = u32::try_from(BOX_HEADER + payload).expect("what is pending is bounded far below 2 GiB");
    out.extend_from_slice(&mdat_size.to_be_bytes());
    out.extend_from_slice(Mdat::KIND.as_ref());
    for track in tracks {
        track.take_marked(&mut out);
    }
    debug_assert_eq!(out.len() - start, offset, "every sample has the size that the run says");
    Some(out.into())
}

fn size(samples: &[Sample]) -> usize {
    samples.iter().map(|sample| sample.size as usize).sum()
}

/// The fragment of one track, whose data begins at `offset`.
fn traf(track: &TrackWriter, offset: usize) -> Traf {
    let entry = |sample: &Sample| TrunEntry {
        duration: Some(sample.duration),
        size: Some(sample.size),
        flags: Some(sample.flags),
        cts: Some(i64::from(sample.offset)),
    };
    let samples: Vec<_> = track.marked().iter().map(entry).collect();
    let first = track.marked().first().map_or(0, |sample| sample.dts.unsigned_abs());
    let offset = i32::try_from(offset).expect("what is pending is bounded far below 2 GiB");
    Traf {
        tfhd: Tfhd { track_id: track.number(), default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: first }),
        trun: vec![Trun { data_offset: Some(offset), samples: samples.into() }],
        ..Traf::default()
    }
}

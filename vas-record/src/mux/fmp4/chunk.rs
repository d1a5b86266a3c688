//! Chunks: a movie fragment and its media data (ISO/IEC 14496-12, sections 8.8.4 and 8.1.1).

use super::track::{Sample, TrackWriter};
use bytes::Bytes;
use mp4_atom::{Atom, Encode, Mdat, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

/// Bytes of a box header with a 32-bit size.
const BOX_HEADER: usize = 8;

/// Takes the complete samples of all tracks; `None` when there are none.
pub(super) fn write(sequence: u32, tracks: &mut [TrackWriter]) -> Option<Bytes> {
    let runs: Vec<_> = tracks.iter().filter_map(traf).collect();
    if runs.is_empty() {
        return None;
    }
    let mut moof = Moof { mfhd: Mfhd { sequence_number: sequence }, traf: runs };
    let mut out = Vec::new();
    encode(&moof, &mut out);
    // The offsets count from the start of the moof, whose size does not depend on their values.
    let mut offset = out.len() + BOX_HEADER;
    for (traf, track) in moof.traf.iter_mut().zip(tracks.iter().filter(|track| !track.ready().is_empty())) {
        traf.trun[0].data_offset =
            Some(i32::try_from(offset).expect("what is pending is bounded far below 2 GiB"));
        offset += size(track.ready());
    }
    out.clear();
    out.reserve_exact(offset);
    encode(&moof, &mut out);
    let mdat_size = u32::try_from(offset - out.len()).expect("what is pending is bounded far below 2 GiB");
    out.extend_from_slice(&mdat_size.to_be_bytes());
    out.extend_from_slice(Mdat::KIND.as_ref());
    for track in tracks {
        track.drain_into(&mut out);
    }
    debug_assert_eq!(out.len(), offset, "every sample has the size that the run says");
    Some(out.into())
}

fn encode(moof: &Moof, out: &mut Vec<u8>) {
    moof.encode(out).expect("times were checked by push, and a vector takes everything");
}

fn size(samples: &[Sample]) -> usize {
    samples.iter().map(|sample| sample.size as usize).sum()
}

/// The fragment of one track; `None` when it has no complete sample.
fn traf(track: &TrackWriter) -> Option<Traf> {
    let first = track.ready().first()?;
    let entries: Vec<_> = track
        .ready()
        .iter()
        .map(|sample| TrunEntry {
            duration: Some(sample.duration),
            size: Some(sample.size),
            flags: Some(sample.flags),
            cts: Some(i64::from(sample.offset)),
        })
        .collect();
    Some(Traf {
        tfhd: Tfhd { track_id: track.number(), default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: first.dts.unsigned_abs() }),
        trun: vec![Trun { data_offset: Some(0), samples: entries.into() }],
        ..Traf::default()
    })
}

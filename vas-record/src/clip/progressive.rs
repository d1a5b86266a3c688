//! The head of a progressive file: `ftyp`, a `moov` that tells of all samples, the header of the `mdat`.

use super::assembly::{Assembly, ClipTrack, Piece, TrackKind};
use super::movie::{boxed, ftyp, mdat, mvhd, put, tracks, trak};
use bytes::Bytes;
use mp4_atom::{Stsc, StscEntry, Stss};
use vas_core::WallTime;

/// What stands before the media data, which are the pieces one after the other.
pub(super) fn head(assembly: &Assembly, start: WallTime, duration: u64) -> Bytes {
    let media_len = assembly.media_len();
    // Offsets of chunks depend on the length of the boxes that hold them, and nothing else in these does.
    let mut wide = false;
    let mut out = encode(assembly, start, duration, None);
    if out.len() as u64 + media_len > u32::MAX.into() {
        wide = true;
        out = encode(assembly, start, duration, Some((0, true)));
    }
    encode(assembly, start, duration, Some((out.len() as u64, wide))).into()
}

/// `offsets`: where the media data start, and whether offsets have 64 bits. Without them all are 0.
fn encode(assembly: &Assembly, start: WallTime, duration: u64, offsets: Option<(u64, bool)>) -> Vec<u8> {
    let (base, wide) = offsets.unwrap_or_default();
    let mut out = Vec::new();
    ftyp(&mut out, b"isom");
    boxed(&mut out, b"moov", |out| {
        mvhd(out, assembly, start, duration);
        for (number, track) in tracks(assembly) {
            let kind = if number == 1 { TrackKind::Leader } else { TrackKind::Sound };
            trak(out, (number, track), false, |out| tables(out, assembly, (kind, track), base, wide));
        }
    });
    mdat(&mut out, assembly.media_len());
    out
}

fn tables(
    out: &mut Vec<u8>,
    assembly: &Assembly,
    (kind, track): (TrackKind, &ClipTrack),
    base: u64,
    wide: bool,
) {
    let table = &track.table;
    runs(out, b"stts", 0, table.durations.iter().map(|run| [run.sample_count, run.sample_delta]));
    if table.is_reordered() {
        // Version 1 has signed offsets; there they all fit (section 8.6.1.3).
        let runs_of = table.offsets.iter().map(|run| [run.sample_count, run.sample_offset as i32 as u32]);
        runs(out, b"ctts", 1, runs_of);
    }
    if !table.all_sync() {
        put(out, &Stss { entries: table.sync.clone() });
    }
    put(out, &Stsc { entries: chunk_runs(&assembly.pieces, kind) });
    boxed(out, b"stsz", |out| {
        numbers(out, [0, 0, table.count()].into_iter().chain(table.sizes.iter().copied()));
    });
    let chunks = || {
        let places = assembly.pieces.iter().scan(base, |at, piece| {
            let place = *at;
            *at += u64::from(piece.len);
            Some((piece.track, place))
        });
        places.filter(|(track, _)| *track == kind).map(|(_, place)| place)
    };
    let count = chunks().count() as u32;
    if wide {
        boxed(out, b"co64", |out| {
            numbers(out, [0, count]);
            chunks().for_each(|place| out.extend_from_slice(&place.to_be_bytes()));
        });
    } else {
        boxed(out, b"stco", |out| {
            numbers(out, [0, count].into_iter().chain(chunks().map(|place| place as u32)))
        });
    }
}

fn numbers(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    numbers.into_iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

/// A table of runs of equal values, without a copy of it.
fn runs(out: &mut Vec<u8>, kind: &[u8; 4], version: u32, runs: impl ExactSizeIterator<Item = [u32; 2]>) {
    boxed(out, kind, |out| {
        numbers(out, [version << 24, runs.len() as u32].into_iter().chain(runs.flatten()))
    });
}

/// How many samples chunks have, and which entry describes them (section 8.7.4).
fn chunk_runs(pieces: &[Piece], kind: TrackKind) -> Vec<StscEntry> {
    let mut entries: Vec<StscEntry> = Vec::new();
    for (first_chunk, piece) in (1..).zip(pieces.iter().filter(|piece| piece.track == kind)) {
        let (samples_per_chunk, sample_description_index) = (piece.samples, piece.description.into());
        let same = |last: &StscEntry| {
            (last.samples_per_chunk, last.sample_description_index)
                == (samples_per_chunk, sample_description_index)
        };
        if !entries.last().is_some_and(same) {
            entries.push(StscEntry { first_chunk, samples_per_chunk, sample_description_index });
        }
    }
    entries
}

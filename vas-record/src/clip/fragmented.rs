//! The fragmented form: an initialisation section, and a `moof` before the pieces of about a second each.

use super::assembly::{Assembly, Piece, TrackKind};
use super::movie::{boxed, ftyp, mdat, mvhd, put, tracks, trak};
use super::table::TableSample;
use bytes::Bytes;
use mp4_atom::{Encode, Mfhd, Moof, Mvex, Stco, Stsc, Stsz, Stts, Tfdt, Tfhd, Traf, Trex, Trun, TrunEntry};
use vas_core::WallTime;

/// Sample flags (ISO/IEC 14496-12, section 8.8.3.1): a picture that needs no other, and one that does.
const SYNC: u32 = 2 << 24;
const DELTA: u32 = 1 << 24 | 1 << 16;

/// What stands before the pieces: the section before the first, then a `moof` and the header of its `mdat` before each
/// fragment, with the number of the piece that it stands before.
pub(super) fn heads(assembly: &Assembly, start: WallTime, sound_starts: u64) -> Vec<(u32, Bytes)> {
    let mut heads = vec![(0, init(assembly, start))];
    let leader = assembly.leader.iter().flat_map(|track| track.table.samples());
    let sound = assembly.sound.iter().flat_map(|track| track.table.samples());
    let mut runs = [
        Track { number: 1, samples: Box::new(leader), time: 0 },
        Track { number: 2, samples: Box::new(sound), time: sound_starts },
    ];
    let mut first = 0;
    for (sequence, &mark) in (1..).zip(&assembly.marks) {
        let pieces = &assembly.pieces[first as usize..mark as usize];
        heads.push((first, fragment(sequence, pieces, &mut runs)));
        first = mark;
    }
    heads
}

fn init(assembly: &Assembly, start: WallTime) -> Bytes {
    let mut out = Vec::new();
    ftyp(&mut out, b"iso6");
    boxed(&mut out, b"moov", |out| {
        mvhd(out, assembly, start, 0);
        for (number, track) in tracks(assembly) {
            trak(out, (number, track), true, |out| {
                put(out, &Stts::default());
                put(out, &Stsc::default());
                put(out, &Stsz::default());
                put(out, &Stco::default());
            });
        }
        let trex = |(track_id, _)| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
        put(out, &Mvex { mehd: None, trex: tracks(assembly).map(trex).collect() });
    });
    out.into()
}

/// A track that is walked through.
struct Track<'a> {
    number: u32,
    samples: Box<dyn Iterator<Item = TableSample> + 'a>,
    /// When the next sample is decoded, in ticks.
    time: u64,
}

impl Track<'_> {
    /// The samples of a piece.
    fn run(&mut self, samples: u32) -> Vec<TrunEntry> {
        let entry = |sample: TableSample| {
            self.time += u64::from(sample.duration);
            TrunEntry {
                duration: Some(sample.duration),
                size: Some(sample.size),
                flags: Some(if sample.key { SYNC } else { DELTA }),
                cts: Some(sample.offset),
            }
        };
        self.samples.by_ref().take(samples as usize).map(entry).collect()
    }
}

/// `moof` and the header of the `mdat` for pieces of one run.
fn fragment(sequence: u32, pieces: &[Piece], tracks: &mut [Track<'_>; 2]) -> Bytes {
    let mut trafs: [Option<Traf>; 2] = [None, None];
    let mut len = 0_u64;
    // Where each run's data lie behind the header of the mdat.
    let mut places: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    for piece in pieces {
        let index = usize::from(piece.track == TrackKind::Sound);
        let track = &mut tracks[index];
        let traf = trafs[index].get_or_insert_with(|| Traf {
            tfhd: Tfhd {
                track_id: track.number,
                sample_description_index: Some(piece.description.into()),
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt { base_media_decode_time: track.time }),
            ..Traf::default()
        });
        traf.trun.push(Trun { data_offset: Some(0), samples: track.run(piece.samples).into() });
        places[index].push(len);
        len += u64::from(piece.len);
    }
    let mut moof =
        Moof { mfhd: Mfhd { sequence_number: sequence }, traf: trafs.into_iter().flatten().collect() };
    let mut out = Vec::new();
    let write = |moof: &Moof, out: &mut Vec<u8>| {
        out.clear();
        moof.encode(out).expect("a vector takes everything, and all numbers fit their fields");
        mdat(out, len);
    };
    write(&moof, &mut out);
    // Offsets count from the start of the moof, whose size does not depend on them.
    let base = out.len() as u64;
    let places = places.into_iter().filter(|places| !places.is_empty());
    for (traf, places) in moof.traf.iter_mut().zip(places) {
        for (trun, place) in traf.trun.iter_mut().zip(places) {
            trun.data_offset = Some(i32::try_from(base + place).unwrap_or(i32::MAX));
        }
    }
    write(&moof, &mut out);
    out.into()
}

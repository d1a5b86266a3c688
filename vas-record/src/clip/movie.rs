//! The boxes that both forms of a clip have in common (ISO/IEC 14496-12, section 8). Leaves are mp4-atom's; sample
//! entries are copied from the stored files as they are, so that whatever a file carries a clip carries too.

use super::assembly::{Assembly, ClipTrack, Entry};
use mp4_atom::{
    Atom, Dinf, Dref, Edts, Elst, ElstEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mvhd, Smhd, Tkhd, Url, Vmhd,
};
use vas_core::WallTime;

/// Seconds from the epoch of MP4 (1904-01-01) to that of Unix.
const EPOCH_1904: i64 = 2_082_844_800;

/// Adds a box with what `content` adds.
pub(super) fn boxed(out: &mut Vec<u8>, kind: &[u8; 4], content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    content(out);
    let size = u32::try_from(out.len() - start).expect("tables of a day's samples have less than 4 GiB");
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

pub(super) fn put(out: &mut Vec<u8>, atom: &impl Encode) {
    atom.encode(out).expect("a vector takes everything, and all numbers fit their fields");
}

pub(super) fn ftyp(out: &mut Vec<u8>, major: &[u8; 4]) {
    // iso4 and later have signed composition offsets, iso6 has data offsets from the moof.
    let brands = [b"isom", b"iso4", b"iso6", b"mp41"];
    let compatible_brands = brands.into_iter().map(FourCC::new).collect();
    put(out, &Ftyp { major_brand: FourCC::new(major), minor_version: 0, compatible_brands });
}

/// The tracks of a clip with their numbers.
pub(super) fn tracks(assembly: &Assembly) -> impl Iterator<Item = (u32, &ClipTrack)> {
    (1..).zip([&assembly.leader, &assembly.sound].into_iter().flatten())
}

/// `mvhd`, with a `duration` in ticks of the leader. The movie tells when it was taken.
pub(super) fn mvhd(out: &mut Vec<u8>, assembly: &Assembly, start: WallTime, duration: u64) {
    let timescale = assembly.leader.as_ref().map_or(1_000, |leader| leader.timescale.get());
    let creation_time = (start.as_unix_micros().div_euclid(1_000_000) + EPOCH_1904).max(0).unsigned_abs();
    put(
        out,
        &Mvhd {
            creation_time,
            modification_time: creation_time,
            timescale,
            duration,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: 3,
            ..Mvhd::default()
        },
    );
}

/// `trak`, with its edits and a sample table that `tables` fills after the sample entries. Durations are 0 where
/// fragments follow.
pub(super) fn trak(
    out: &mut Vec<u8>,
    (number, track): (u32, &ClipTrack),
    fragmented: bool,
    tables: impl FnOnce(&mut Vec<u8>),
) {
    let told = |length| if fragmented { 0 } else { length };
    let shown = track.edits.iter().map(|edit| edit.length).sum();
    let largest = |side: fn(&Entry) -> u32| {
        u16::try_from(track.entries.iter().map(side).max().unwrap_or(0)).unwrap_or(u16::MAX).into()
    };
    let mut tkhd = Tkhd {
        track_id: number,
        duration: told(shown),
        enabled: true,
        in_movie: true,
        width: largest(|entry| entry.width),
        height: largest(|entry| entry.height),
        ..Tkhd::default()
    };
    let (handler, name) = if track.is_video { (b"vide", "video") } else { (b"soun", "sound") };
    if !track.is_video {
        tkhd.volume = 1.into();
    }
    let mdhd = Mdhd {
        timescale: track.timescale.get(),
        duration: told(track.table.length()),
        language: "und".to_owned(),
        ..Mdhd::default()
    };
    boxed(out, b"trak", |out| {
        put(out, &tkhd);
        put(out, &edits(track, fragmented));
        boxed(out, b"mdia", |out| {
            put(out, &mdhd);
            put(out, &Hdlr { handler: handler.into(), name: name.to_owned() });
            boxed(out, b"minf", |out| {
                if track.is_video {
                    put(out, &Vmhd::default());
                } else {
                    put(out, &Smhd::default());
                }
                // One entry, flagged as "in this file" (section 8.7.2).
                put(out, &Dinf { dref: Dref { entries: vec![Url::default().into()] } });
                boxed(out, b"stbl", |out| {
                    stsd(out, track);
                    tables(out);
                });
            });
        });
    });
}

fn edits(track: &ClipTrack, fragmented: bool) -> Edts {
    let entry =
        |media_time, segment_duration| ElstEntry { segment_duration, media_time, media_rate: 1.into() };
    let entries = if fragmented {
        // An edit of a fragmented file shows all that comes (section 8.6.6.1), so that there is one at most.
        track
            .edits
            .iter()
            .find_map(|edit| edit.media)
            .map(|media| entry(Some(media), 0))
            .into_iter()
            .collect()
    } else {
        track.edits.iter().map(|edit| entry(edit.media, edit.length)).collect()
    };
    Edts { elst: Some(Elst { entries }) }
}

fn stsd(out: &mut Vec<u8>, track: &ClipTrack) {
    boxed(out, b"stsd", |out| {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(track.entries.len() as u32).to_be_bytes());
        for entry in &track.entries {
            out.extend_from_slice(&entry.data);
        }
    });
}

/// The header of an `mdat` with `len` bytes in it.
pub(super) fn mdat(out: &mut Vec<u8>, len: u64) {
    let kind: [u8; 4] = mp4_atom::Mdat::KIND.into();
    match u32::try_from(len + 8) {
        Ok(size) => {
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&kind);
        }
        Err(_) => {
            out.extend_from_slice(&1_u32.to_be_bytes());
            out.extend_from_slice(&kind);
            out.extend_from_slice(&(len + 16).to_be_bytes());
        }
    }
}

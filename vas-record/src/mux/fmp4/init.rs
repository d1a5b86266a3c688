//! The initialisation section: `ftyp` and a `moov` that announces fragments (ISO/IEC 14496-12, sections 4.3, 8.2
//! and 8.8.1).

use super::{MuxError, sample_entry};
use bytes::Bytes;
use mp4_atom::{
    Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Smhd, Stbl, Stsd, Tkhd, Trak,
    Trex, Url, Vmhd,
};
use vas_core::media::{StreamDesc, Track, TrackFormat};

/// The brand that has signed composition offsets, 64-bit decode times and offsets from the `moof` (annex E.8).
const BRAND: FourCC = FourCC::new(b"iso6");
/// Ticks per second of the movie header; it has no durations to count.
const MOVIE_TIMESCALE: u32 = 1_000;

/// The section for the tracks of `desc`, which get the numbers 1, 2 and so on.
pub(super) fn section(desc: &StreamDesc) -> Result<Bytes, MuxError> {
    let numbered = || (1_u32..).zip(&desc.tracks);
    let trak = numbered().map(|(number, track)| trak(number, track)).collect::<Result<Vec<_>, _>>()?;
    let moov = Moov {
        mvhd: Mvhd {
            timescale: MOVIE_TIMESCALE,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: desc.tracks.len() as u32 + 1,
            ..Mvhd::default()
        },
        mvex: Some(Mvex {
            mehd: None,
            trex: numbered()
                .map(|(track_id, _)| Trex {
                    track_id,
                    default_sample_description_index: 1,
                    ..Trex::default()
                })
                .collect(),
        }),
        trak,
        ..Moov::default()
    };
    let ftyp =
        Ftyp { major_brand: BRAND, minor_version: 0, compatible_brands: vec![BRAND, FourCC::new(b"mp41")] };
    let mut out = Vec::new();
    // What has limits of its own was checked when the sample entries were made.
    ftyp.encode(&mut out).and_then(|()| moov.encode(&mut out)).expect("a vector takes everything");
    Ok(out.into())
}

fn trak(number: u32, track: &Track) -> Result<Trak, MuxError> {
    let codec = sample_entry::of(track)?;
    let mut tkhd = Tkhd { track_id: number, enabled: true, in_movie: true, ..Tkhd::default() };
    let mut minf = Minf {
        // One entry, flagged as "in this file" (section 8.7.2).
        dinf: Dinf { dref: Dref { entries: vec![Url::default().into()] } },
        stbl: Stbl { stsd: Stsd { codecs: vec![codec] }, stco: Some(Default::default()), ..Stbl::default() },
        ..Minf::default()
    };
    let (handler, name) = match &*track.format {
        TrackFormat::Video(video) => {
            (tkhd.width, tkhd.height) = {
                let (width, height) = sample_entry::size(track.id, video)?;
                (width.into(), height.into())
            };
            minf.vmhd = Some(Vmhd::default());
            (b"vide", "video")
        }
        _ => {
            tkhd.volume = 1.into();
            minf.smhd = Some(Smhd::default());
            (b"soun", "sound")
        }
    };
    Ok(Trak {
        tkhd,
        mdia: Mdia {
            mdhd: Mdhd {
                timescale: track.format.clock_rate().get(),
                language: "und".to_owned(),
                ..Mdhd::default()
            },
            hdlr: Hdlr { handler: handler.into(), name: name.to_owned() },
            minf,
        },
        ..Trak::default()
    })
}

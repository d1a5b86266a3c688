//! The initialisation section: `ftyp` and a `moov` that announces fragments (ISO/IEC 14496-12, sections 4.3, 8.2
//! and 8.8.1).

use super::{MuxError, sample_entry};
use bytes::Bytes;
use mp4_atom::{
    BufMut, Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mvex, Mvhd, Smhd, Stco, Stsc, Stsz, Stts, Tkhd,
    Trex, Url, Vmhd,
};
use vas_core::media::{Codec, StreamDesc, Track, TrackFormat, VideoCodec};

/// The brand that has signed composition offsets, 64-bit decode times and offsets from the `moof` (annex E.8).
const BRAND: FourCC = FourCC::new(b"iso6");
/// Ticks per second of the movie header; it has no durations to count.
const MOVIE_TIMESCALE: u32 = 1_000;

/// The section for the tracks of `desc`, which get the numbers 1, 2 and so on.
pub(super) fn section(desc: &StreamDesc) -> Result<Bytes, MuxError> {
    let mut brands = vec![BRAND, FourCC::new(b"mp41")];
    if desc.tracks.iter().any(|track| track.format.codec() == Codec::Video(VideoCodec::Av1)) {
        brands.push(FourCC::new(b"av01"));
    }
    let traks = (1_u32..).zip(&desc.tracks).map(|(number, track)| Trak::new(number, track));
    let movie = Movie { traks: traks.collect::<Result<_, _>>()? };
    let ftyp = Ftyp { major_brand: BRAND, minor_version: 0, compatible_brands: brands };
    let mut out = Vec::new();
    // What has limits of its own was checked when the sample entries were made.
    ftyp.encode(&mut out).and_then(|()| movie.encode(&mut out)).expect("a vector takes everything");
    Ok(out.into())
}

/// `moov`. The library's own has no place for sample entries that it does not know, so that the nesting is done here.
struct Movie {
    traks: Vec<Trak>,
}

impl Movie {
    fn encode(&self, out: &mut Vec<u8>) -> mp4_atom::Result<()> {
        let count = self.traks.len() as u32;
        let mvhd = Mvhd {
            timescale: MOVIE_TIMESCALE,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: count + 1,
            ..Mvhd::default()
        };
        let trex = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
        let mvex = Mvex { mehd: None, trex: (1..=count).map(trex).collect() };
        out.encode_atom(b"moov", |out| {
            mvhd.encode(out)?;
            self.traks.iter().try_for_each(|trak| trak.encode(out))?;
            mvex.encode(out)
        })
    }
}

/// `trak`.
struct Trak {
    tkhd: Tkhd,
    mdhd: Mdhd,
    hdlr: Hdlr,
    entry: sample_entry::SampleEntry,
    video: bool,
}

impl Trak {
    fn new(number: u32, track: &Track) -> Result<Self, MuxError> {
        let entry = sample_entry::of(track)?;
        let mut tkhd = Tkhd { track_id: number, enabled: true, in_movie: true, ..Tkhd::default() };
        let video = track.format.video();
        if let Some(video) = video {
            let (width, height) = sample_entry::size(track.id, video)?;
            (tkhd.width, tkhd.height) = (width.into(), height.into());
        } else {
            tkhd.volume = 1.into();
        }
        let (handler, name) = match *track.format {
            TrackFormat::Video(_) => (b"vide", "video"),
            _ => (b"soun", "sound"),
        };
        let mdhd = Mdhd {
            timescale: track.format.clock_rate().get(),
            language: "und".to_owned(),
            ..Mdhd::default()
        };
        let hdlr = Hdlr { handler: handler.into(), name: name.to_owned() };
        Ok(Self { tkhd, mdhd, hdlr, entry, video: video.is_some() })
    }

    fn encode(&self, out: &mut Vec<u8>) -> mp4_atom::Result<()> {
        out.encode_atom(b"trak", |out| {
            self.tkhd.encode(out)?;
            out.encode_atom(b"mdia", |out| {
                self.mdhd.encode(out)?;
                self.hdlr.encode(out)?;
                out.encode_atom(b"minf", |out| self.encode_minf(out))
            })
        })
    }

    fn encode_minf(&self, out: &mut Vec<u8>) -> mp4_atom::Result<()> {
        if self.video {
            Vmhd::default().encode(out)?;
        } else {
            Smhd::default().encode(out)?;
        }
        // One entry, flagged as "in this file" (section 8.7.2).
        Dinf { dref: Dref { entries: vec![Url::default().into()] } }.encode(out)?;
        out.encode_atom(b"stbl", |out| {
            out.encode_atom(b"stsd", |out| {
                // Version and flags, then the number of entries (section 8.5.2).
                [0_u32, 1].iter().try_for_each(|field| field.encode(out))?;
                self.entry.encode(out)
            })?;
            Stts::default().encode(out)?;
            Stsc::default().encode(out)?;
            Stsz::default().encode(out)?;
            Stco::default().encode(out)
        })
    }
}

//! The initialisation section, read.

use super::boxes::{Boxed, Boxes};
use super::error::{BoxKind, ReadError};
use mp4_atom::{Atom, Av1c, Avcc, Dops, Hvcc};
use std::num::NonZeroU32;
use vas_core::media::{AudioCodec, AudioFormat, StreamDesc, TrackFormat, VideoFormat, nal};

/// Bytes of a visual sample entry before its boxes (ISO/IEC 14496-12, section 12.1.3), and where its width stands.
const VISUAL_ENTRY: usize = 78;
const VISUAL_WIDTH: usize = 24;
/// Bytes of an audio sample entry before its boxes (section 12.2.3), and where its channel count stands.
const AUDIO_ENTRY: usize = 28;
const AUDIO_CHANNELS: usize = 16;
/// More tracks than a camera has.
const MAX_TRACKS: usize = 16;
/// Longer than the parameter sets of any camera. Repeated sets are looked for, which takes time by the square of their
/// number.
const MAX_CONFIG: usize = 1 << 16;
/// Longer than any `esds` of sound. Its descriptors may lie within each other, which a decoder follows by recursion.
const MAX_ESDS: usize = 1_024;

/// The initialisation section of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Init {
    /// The tracks in the file's order.
    pub tracks: Vec<Track>,
    /// Bytes of the section: the first fragment begins here.
    pub len: usize,
}

/// A track of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its number in the file (`track_ID`).
    pub number: u32,
    /// Ticks per second of its samples' times.
    pub timescale: NonZeroU32,
    /// How to decode it.
    pub format: TrackFormat,
}

impl Init {
    /// The track that leads: the first one with pictures, else the first.
    #[must_use]
    pub fn leader(&self) -> &Track {
        self.tracks.iter().find(|track| track.format.video().is_some()).unwrap_or(&self.tracks[0])
    }

    /// The track of a number.
    #[must_use]
    pub fn track(&self, number: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.number == number)
    }

    /// The tracks as a stream has them, numbered from 0.
    #[must_use]
    pub fn desc(&self) -> StreamDesc {
        StreamDesc::new(self.tracks.iter().map(|track| track.format.clone()))
    }
}

/// Reads the section at the start of `data`, up to the end of `moov`.
///
/// # Errors
/// It is not wholly there or damaged, or tells of something that is not written here.
pub fn init(data: &[u8]) -> Result<Init, ReadError> {
    for boxed in Boxes::new(data, 0) {
        let boxed = boxed?;
        match &boxed.header.kind.0 {
            b"moov" => {
                let tracks = tracks(&boxed)?;
                return Ok(Init { tracks, len: boxed.header.end() as usize });
            }
            b"moof" | b"mdat" => break,
            _ => {}
        }
    }
    Err(ReadError::Missing { kind: BoxKind(*b"moov") })
}

fn tracks(moov: &Boxed<'_>) -> Result<Vec<Track>, ReadError> {
    let mut tracks = Vec::new();
    for child in moov.children(0)? {
        let child = child?;
        if child.header.kind.0 != *b"trak" {
            continue;
        }
        if tracks.len() == MAX_TRACKS {
            return Err(moov.header.malformed("it has too many tracks"));
        }
        tracks.push(track(&child)?);
    }
    if tracks.is_empty() { Err(moov.header.malformed("it has no tracks")) } else { Ok(tracks) }
}

fn track(trak: &Boxed<'_>) -> Result<Track, ReadError> {
    let tkhd = trak.child(b"tkhd")?;
    let number = after_dates(&tkhd).ok_or_else(|| tkhd.header.malformed("it is too short"))?;
    let mdia = trak.child(b"mdia")?;
    let mdhd = mdia.child(b"mdhd")?;
    let timescale = after_dates(&mdhd).and_then(NonZeroU32::new);
    let timescale = timescale.ok_or_else(|| mdhd.header.malformed("it has no time scale"))?;
    let stsd = mdia.child(b"minf")?.child(b"stbl")?.child(b"stsd")?;
    // Version, flags and the number of entries.
    let entry = stsd.children(8)?.next().ok_or_else(|| stsd.header.malformed("it has no entry"))??;
    let format = format(&entry, timescale)?;
    Ok(Track { number, timescale, format })
}

/// The number after creation and modification times of `tkhd` and `mdhd` (sections 8.3.2 and 8.4.2).
fn after_dates(boxed: &Boxed<'_>) -> Option<u32> {
    let mut fields = boxed.fields();
    let (version, _) = fields.version_and_flags()?;
    fields.sized(version)?;
    fields.sized(version)?;
    fields.u32()
}

/// The format that a sample entry tells.
fn format(entry: &Boxed<'_>, rate: NonZeroU32) -> Result<TrackFormat, ReadError> {
    let bad = |problem| entry.header.malformed(problem);
    let video = match &entry.header.kind.0 {
        b"avc1" | b"avc3" => {
            let avcc: Avcc = config(entry, VISUAL_ENTRY)?;
            if usize::from(avcc.length_size) != nal::LENGTH_SIZE {
                return Err(bad("its lengths do not have four bytes"));
            }
            let sets = avcc.sequence_parameter_sets.iter().chain(&avcc.picture_parameter_sets);
            VideoFormat::h264(sets.map(Vec::as_slice)).ok()
        }
        b"hvc1" | b"hev1" => {
            let hvcc: Hvcc = config(entry, VISUAL_ENTRY)?;
            if usize::from(hvcc.length_size_minus_one) != nal::LENGTH_SIZE - 1 {
                return Err(bad("its lengths do not have four bytes"));
            }
            let sets = hvcc.arrays.iter().flat_map(|array| &array.nalus);
            VideoFormat::h265(sets.map(Vec::as_slice)).ok()
        }
        b"av01" => {
            let av1c: Av1c = config(entry, VISUAL_ENTRY)?;
            VideoFormat::av1(&av1c.config_obus).ok()
        }
        b"vp08" => {
            let side = |at| number_at(entry, at).map(u32::from);
            side(VISUAL_WIDTH)
                .zip(side(VISUAL_WIDTH + 2))
                .map(|(width, height)| VideoFormat::vp8(width, height))
        }
        _ => return audio(entry, rate).map(TrackFormat::Audio),
    };
    video.map(TrackFormat::Video).ok_or_else(|| bad("its parameter sets can't be read"))
}

fn audio(entry: &Boxed<'_>, clock_rate: NonZeroU32) -> Result<AudioFormat, ReadError> {
    let bad = |problem| entry.header.malformed(problem);
    let channels = number_at(entry, AUDIO_CHANNELS).and_then(|channels| u8::try_from(channels).ok());
    let channels = channels.ok_or_else(|| bad("its number of channels can't be read"))?;
    let g711 = |codec| Ok(AudioFormat { clock_rate, channels, ..AudioFormat::g711(codec) });
    match &entry.header.kind.0 {
        b"mp4a" => {
            let esds: mp4_atom::esds::Esds = config(entry, AUDIO_ENTRY)?;
            let config = esds.es_desc.dec_config.dec_specific.map(|specific| specific.raw);
            let config = config.ok_or_else(|| bad("it has no AudioSpecificConfig"))?;
            Ok(AudioFormat::aac(clock_rate, channels, config.into()))
        }
        b"Opus" => {
            let dops: Dops = config(entry, AUDIO_ENTRY)?;
            Ok(AudioFormat { clock_rate, ..AudioFormat::opus(dops.output_channel_count) })
        }
        b"ulaw" => g711(AudioCodec::Pcmu),
        b"alaw" => g711(AudioCodec::Pcma),
        _ => Err(bad("it is of a codec that is not written here")),
    }
}

fn number_at(entry: &Boxed<'_>, at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*entry.body.get(at..)?.first_chunk()?))
}

/// The box that configures a decoder, which stands in the entry after `skipped` bytes. None of those that are read like
/// this has boxes in it.
fn config<T: Atom>(entry: &Boxed<'_>, skipped: usize) -> Result<T, ReadError> {
    let wanted: [u8; 4] = T::KIND.into();
    for child in entry.children(skipped)? {
        let child = child?;
        if child.header.kind.0 == wanted {
            let most = if wanted == *b"esds" { MAX_ESDS } else { MAX_CONFIG };
            let body = Some(child.body).filter(|body| body.len() <= most);
            let decoded = body.and_then(|mut body| T::decode_body(&mut body).ok());
            return decoded.ok_or_else(|| child.header.malformed("it can't be read"));
        }
    }
    Err(entry.header.malformed("the configuration of the decoder is missing"))
}

//! What a run's initialisation section says of the tracks that a clip takes.

use crate::read::{self, ReadError};
use bytes::Bytes;
use std::num::NonZeroU32;
use vas_core::media::{AudioCodec, Codec, TrackFormat, VideoCodec};

/// What Opus needs before its sound is right, in milliseconds (RFC 7845, section 4.6).
const OPUS_PRE_ROLL_MS: u32 = 80;
/// Samples of an AAC frame, each of which overlaps the next.
const AAC_FRAME: u32 = 1_024;

/// One track of a run.
#[derive(Clone, Debug)]
pub(super) struct SectionTrack {
    /// `track_ID`.
    pub(super) number: u32,
    /// Ticks per second.
    pub(super) timescale: NonZeroU32,
    pub(super) format: TrackFormat,
    /// Its sample entry, a whole box, exactly as it is stored.
    pub(super) entry: Bytes,
}

/// The tracks of a run that a clip takes: the first with pictures and the first with sound.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) video: Option<SectionTrack>,
    pub(super) audio: Option<SectionTrack>,
}

impl Section {
    /// Reads `ftyp` and `moov`.
    pub(super) fn parse(bytes: &Bytes) -> Result<Self, ReadError> {
        let init = read::init(bytes)?;
        let mut section = Self { video: None, audio: None };
        for track in init.tracks {
            let Some(entry) = sample_entry(bytes, track.number) else { continue };
            let place = match track.format {
                TrackFormat::Video(_) => &mut section.video,
                _ => &mut section.audio,
            };
            if place.is_none() {
                let (number, timescale, format) = (track.number, track.timescale, track.format);
                *place = Some(SectionTrack { number, timescale, format, entry });
            }
        }
        Ok(section)
    }
}

impl SectionTrack {
    pub(super) fn is_h265(&self) -> bool {
        matches!(self.format.codec(), Codec::Video(VideoCodec::H265))
    }

    pub(super) fn is_h264(&self) -> bool {
        matches!(self.format.codec(), Codec::Video(VideoCodec::H264))
    }

    /// Ticks that have to be decoded before the sound that is wanted, so that it is right.
    pub(super) fn pre_roll(&self) -> u32 {
        match self.format.codec() {
            Codec::Audio(AudioCodec::Aac) => AAC_FRAME,
            Codec::Audio(AudioCodec::Opus) => self.timescale.get() / 1_000 * OPUS_PRE_ROLL_MS,
            _ => 0,
        }
    }
}

/// The first sample entry of a track.
fn sample_entry(init: &Bytes, number: u32) -> Option<Bytes> {
    let moov = child(init, b"moov")?;
    let trak = boxes(moov).find(|(kind, body)| kind == b"trak" && track_id(body) == Some(number))?.1;
    let stsd = [b"mdia", b"minf", b"stbl", b"stsd"].into_iter().try_fold(trak, child)?;
    // Version, flags and the number of entries come first.
    let entries = stsd.get(8..)?;
    let length = u32::from_be_bytes(*entries.first_chunk()?) as usize;
    Some(init.slice_ref(entries.get(..length).filter(|entry| entry.len() > 8)?))
}

/// ISO/IEC 14496-12, section 8.3.2: it stands behind two times, which have 64 bits in version 1.
fn track_id(trak: &[u8]) -> Option<u32> {
    let tkhd = child(trak, b"tkhd")?;
    let at = if *tkhd.first()? == 0 { 12 } else { 20 };
    Some(u32::from_be_bytes(*tkhd.get(at..)?.first_chunk()?))
}

fn child<'a>(data: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(data).find(|(kind, _)| kind == wanted).map(|(_, body)| body)
}

/// The boxes in `data` up to the first that is cut short: their kinds and bodies. Sizes of 64 bits are not needed in
/// an initialisation section.
fn boxes(mut data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(*data.first_chunk()?) as usize;
        let (whole, rest) = data.split_at_checked(size)?;
        let (header, body) = whole.split_at_checked(8)?;
        data = rest;
        Some((*header.last_chunk()?, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mux::fmp4::Fmp4Writer;
    use proptest::prelude::*;
    use vas_core::testing::video_desc;

    #[test]
    fn the_entry_is_kept_as_it_is() {
        let init = Fmp4Writer::new(&video_desc()).unwrap().init_section();
        let section = Section::parse(&init).unwrap();
        let video = section.video.unwrap();
        assert_eq!((video.number, video.timescale.get()), (1, 90_000));
        assert_eq!(&video.entry[4..8], b"avc1");
        assert_eq!(u32::from_be_bytes(*video.entry.first_chunk().unwrap()) as usize, video.entry.len());
        assert!(section.audio.is_none());
    }

    proptest! {
        #[test]
        fn damage_is_no_panic(at in 0_usize..700, to: u8, cut in 0_usize..700) {
            let mut init = Fmp4Writer::new(&video_desc()).unwrap().init_section().to_vec();
            let length = init.len();
            init[at % length] = to;
            init.truncate(length.min(cut.max(8)));
            let _ = Section::parse(&init.into());
        }
    }
}

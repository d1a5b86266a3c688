//! Sample entries: what tells a player how to decode a track.

mod audio;
mod nal;
mod video;

use super::MuxError;
use mp4_atom::{Audio, BufMut, Codec, Encode, FourCC, Visual};
use vas_core::TrackId;
use vas_core::media::{AudioCodec, Track, TrackFormat, VideoCodec, VideoFormat};

/// The entry of a track.
pub(super) enum SampleEntry {
    /// One that the library knows.
    Known(Box<Codec>),
    /// G.711: a sound sample entry without boxes of its own, as QuickTime has it.
    Plain(FourCC, Audio),
}

impl Encode for SampleEntry {
    fn encode<B: BufMut>(&self, out: &mut B) -> mp4_atom::Result<()> {
        match self {
            Self::Known(codec) => codec.encode(out),
            Self::Plain(kind, audio) => out.encode_atom(*kind, |out| audio.encode(out)),
        }
    }
}

/// The entry of a track, checked against the limits of its fields.
pub(super) fn of(track: &Track) -> Result<SampleEntry, MuxError> {
    let bad = |problem| MuxError::BadFormat { track: track.id, problem };
    let unsupported = || MuxError::UnsupportedCodec { track: track.id, codec: track.format.codec() };
    let known = |codec: Result<Codec, &'static str>| Ok(SampleEntry::Known(Box::new(codec.map_err(bad)?)));
    match &*track.format {
        TrackFormat::Video(format) => {
            let (width, height) = size(track.id, format)?;
            let visual = Visual { data_reference_index: 1, width, height, ..Visual::default() };
            match format.codec {
                VideoCodec::H264 => known(nal::avc1(visual, format)),
                VideoCodec::H265 => known(nal::hvc1(visual, format)),
                VideoCodec::Av1 => known(video::av01(visual, format)),
                VideoCodec::Vp8 => known(Ok(video::vp08(visual))),
                _ => Err(unsupported()),
            }
        }
        TrackFormat::Audio(format) => match format.codec {
            AudioCodec::Aac => known(audio::mp4a(format)),
            AudioCodec::Opus => known(audio::opus(format)),
            AudioCodec::Pcmu => Ok(audio::g711(FourCC::new(b"ulaw"), format)),
            AudioCodec::Pcma => Ok(audio::g711(FourCC::new(b"alaw"), format)),
            _ => Err(unsupported()),
        },
        _ => Err(unsupported()),
    }
}

/// Width and height in pixels as the boxes hold them.
pub(super) fn size(track: TrackId, video: &VideoFormat) -> Result<(u16, u16), MuxError> {
    let side = |pixels| u16::try_from(pixels).ok();
    let problem = "its pictures are larger than 65,535 pixels";
    side(video.width).zip(side(video.height)).ok_or(MuxError::BadFormat { track, problem })
}

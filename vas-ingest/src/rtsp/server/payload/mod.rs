//! RTP payload formats: access units cut into packets.
//!
//! H.264 by RFC 6184 (packetization mode 1), H.265 by RFC 7798, AAC by RFC 3640 (AAC-hbr, section 3.3.6), and the
//! formats in which a packet is a run of samples or a frame as it is: G.711 and G.722 (RFC 3551), Opus (RFC 7587).

mod audio;
mod nals;

use vas_core::media::{AccessUnit, AudioCodec, Codec, TrackFormat, VideoCodec};

/// A packet's payload, in the two parts it is made of, so that nothing is copied for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload<'a> {
    /// What the payload format puts before the data.
    pub(super) prefix: &'a [u8],
    /// The data, as the access unit holds it.
    pub(super) data: &'a [u8],
    /// The marker bit.
    pub(super) marker: bool,
    /// Ticks after the unit's own time.
    pub(super) ticks: u32,
}

/// Whether there is a payload format here for `codec`.
pub(super) const fn is_served(codec: Codec) -> bool {
    match codec {
        Codec::Video(video) => matches!(video, VideoCodec::H264 | VideoCodec::H265),
        Codec::Audio(audio) => matches!(
            audio,
            AudioCodec::Aac | AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 | AudioCodec::Opus
        ),
    }
}

/// Cuts `unit` into payloads of at most `limit` bytes. Codecs that are not served give none. `scratch` is working
/// space that is kept between calls.
pub(super) fn packetize(
    unit: &AccessUnit,
    limit: usize,
    scratch: &mut Vec<u8>,
    mut emit: impl FnMut(Payload<'_>),
) {
    match &*unit.format {
        TrackFormat::Video(format) => match format.codec {
            VideoCodec::H264 => nals::packetize::<nals::H264>(unit, format, limit, scratch, &mut emit),
            VideoCodec::H265 => nals::packetize::<nals::H265>(unit, format, limit, scratch, &mut emit),
            _ => {}
        },
        TrackFormat::Audio(format) => match format.codec {
            AudioCodec::Aac => audio::aac(&unit.data, limit, &mut emit),
            AudioCodec::Opus => emit(Payload { prefix: &[], data: &unit.data, marker: false, ticks: 0 }),
            AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => {
                audio::samples(&unit.data, limit, &mut emit);
            }
            _ => {}
        },
        _ => {}
    }
}

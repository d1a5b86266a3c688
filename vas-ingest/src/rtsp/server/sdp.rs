//! The description of a stream (RFC 8866; RFC 2326, appendix C).

use super::payload;
use std::fmt::Write;
use std::net::IpAddr;
use vas_core::TrackId;
use vas_core::media::{AudioCodec, AudioFormat, Codec, StreamDesc, Track, TrackFormat};

/// First payload type that is given by the description and not by RFC 3551.
const DYNAMIC: u8 = 96;

/// The tracks of a stream that can be served, in its order.
pub(super) fn served(desc: &StreamDesc) -> impl Iterator<Item = &Track> {
    desc.tracks.iter().filter(|track| payload::is_served(track.format.codec()))
}

/// The payload type of a track: RFC 3551's where it has one, so that the oldest clients play.
pub(super) const fn payload_type(track: TrackId, codec: Codec) -> u8 {
    match codec {
        Codec::Audio(AudioCodec::Pcmu) => 0,
        Codec::Audio(AudioCodec::Pcma) => 8,
        Codec::Audio(AudioCodec::G722) => 9,
        _ => DYNAMIC + track.0 % (128 - DYNAMIC),
    }
}

/// What a track is called in URLs, below the stream's own.
pub(super) fn control(track: TrackId) -> String {
    format!("trackID={track}")
}

/// Writes the description; `None` when no track can be served. `address` is this server's as the client sees it.
pub(super) fn write(desc: &StreamDesc, name: &str, session: u64, address: IpAddr) -> Option<String> {
    let (family, any) = if address.is_ipv4() { ("IP4", "0.0.0.0") } else { ("IP6", "::") };
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut sdp = format!(
        "v=0\r\no=- {session} 1 IN {family} {address}\r\ns={name}\r\nc=IN {family} {any}\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n"
    );
    let head = sdp.len();
    for track in served(desc) {
        write_track(&mut sdp, track);
    }
    (sdp.len() > head).then_some(sdp)
}

fn write_track(sdp: &mut String, track: &Track) {
    let codec = track.format.codec();
    let pt = payload_type(track.id, codec);
    let kind = if codec.is_video() { "video" } else { "audio" };
    let (name, rate) = (codec.encoding_name(), track.format.clock_rate());
    // Writing to a String can't fail.
    let _ = write!(sdp, "m={kind} 0 RTP/AVP {pt}\r\na=rtpmap:{pt} {name}/{rate}");
    match &*track.format {
        TrackFormat::Video(video) => {
            let _ = write!(sdp, "\r\na=fmtp:{pt} {}\r\n", video.fmtp());
            if let Some(fps) = video.fps {
                let _ = write!(sdp, "a=framerate:{fps}\r\n");
            }
        }
        TrackFormat::Audio(audio) => write_audio(sdp, pt, audio),
        _ => sdp.push_str("\r\n"),
    }
    let _ = write!(sdp, "a=control:{}\r\n", control(track.id));
}

fn write_audio(sdp: &mut String, pt: u8, audio: &AudioFormat) {
    // RFC 7587, section 7: Opus always says two channels.
    let channels = if audio.codec == AudioCodec::Opus { 2 } else { audio.channels };
    let _ = write!(sdp, "/{channels}\r\n");
    if audio.codec == AudioCodec::Aac {
        // RFC 3640, section 4.1. The level is left open, as the configuration says all that decoders ask for.
        let config = audio.config.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let _ = write!(
            sdp,
            "a=fmtp:{pt} streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
             indexdeltalength=3;config={config}\r\n"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;
    use vas_core::testing;

    #[test]
    fn a_description_reads_as_the_standards_say() {
        let mut desc = testing::video_desc();
        let rate = NonZeroU32::new(48_000).unwrap();
        let aac = AudioFormat::aac(rate, 2, Bytes::from_static(&[0x11, 0x90]));
        desc.tracks.push(Track { id: TrackId(1), format: TrackFormat::Audio(aac).into() });
        let pcmu = AudioFormat::g711(AudioCodec::Pcmu);
        desc.tracks.push(Track { id: TrackId(2), format: TrackFormat::Audio(pcmu).into() });
        let sdp = write(&desc, "gate\r\nx", 7, IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        let parsed = sdp_types::Session::parse(sdp.as_bytes()).unwrap();
        assert_eq!((parsed.session_name.as_str(), parsed.medias.len()), ("gate  x", 3));
        let attribute = |n: usize, name| parsed.medias[n].get_first_attribute_value(name).unwrap().unwrap();
        assert_eq!(attribute(0, "rtpmap"), "96 H264/90000");
        assert!(attribute(0, "fmtp").starts_with("96 packetization-mode=1;profile-level-id=42c01e;sprop-"));
        assert_eq!(attribute(1, "rtpmap"), "97 mpeg4-generic/48000/2");
        assert!(attribute(1, "fmtp").ends_with(";config=1190"));
        assert_eq!((attribute(2, "rtpmap"), attribute(2, "control")), ("0 PCMU/8000/1", "trackID=2"));
    }

    #[test]
    fn a_stream_without_a_track_to_serve_has_no_description() {
        assert_eq!(write(&StreamDesc::default(), "x", 1, IpAddr::V4(Ipv4Addr::LOCALHOST)), None);
    }
}

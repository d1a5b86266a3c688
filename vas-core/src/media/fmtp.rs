//! Format parameters of session descriptions (`a=fmtp`) that carry what a decoder must know before the first packet.

use super::codec::VideoCodec;
use super::format::VideoFormat;
use super::h265;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

impl VideoFormat {
    /// The value of `a=fmtp` behind the payload type (RFC 6184, section 8.1; RFC 7798, section 7.1), parameter sets
    /// included; empty for codecs that need none.
    #[must_use]
    pub fn fmtp(&self) -> String {
        let joined = |sets: &mut dyn Iterator<Item = &Bytes>| {
            sets.map(|set| STANDARD.encode(set)).collect::<Vec<_>>().join(",")
        };
        match self.codec {
            VideoCodec::H264 => format!(
                "packetization-mode=1;profile-level-id={};sprop-parameter-sets={}",
                self.profile_level_id(),
                joined(&mut self.parameter_sets.iter())
            ),
            VideoCodec::H265 => {
                let of = |kind| {
                    joined(&mut self.parameter_sets.iter().filter(|set| h265::nal_unit_type(set) == kind))
                };
                format!(
                    "sprop-vps={};sprop-sps={};sprop-pps={}",
                    of(h265::nal_type::VPS),
                    of(h265::nal_type::SPS),
                    of(h265::nal_type::PPS)
                )
            }
            VideoCodec::Av1 | VideoCodec::Vp8 => String::new(),
        }
    }
}

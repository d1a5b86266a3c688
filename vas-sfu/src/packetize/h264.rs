//! The RTP payload format of H.264 (RFC 6184) in packetization mode 1: single NAL units, STAP-A, FU-A.

use super::{NalFormat, Packets, Role, packetize_nals};
use vas_core::media::AccessUnit;
use vas_core::media::h264::{nal_type, nal_unit_type};

/// Payload type of a single-time aggregation packet without decoding order numbers (section 5.7.1).
const STAP_A: u8 = 24;
/// Payload type of a fragmentation unit without decoding order number (section 5.8).
const FU_A: u8 = 28;
/// `forbidden_zero_bit` of a NAL unit header.
const FORBIDDEN: u8 = 0x80;
/// `nal_ref_idc` of a NAL unit header.
const REF_IDC: u8 = 0x60;
/// The start bit of a fragment.
const START: u8 = 0x80;
/// The end bit of a fragment.
const END: u8 = 0x40;

/// Packetises a picture into `packets`, which are left empty where there is nothing to send.
pub(super) fn packetize_h264(unit: &AccessUnit, packets: &mut Packets) {
    packetize_nals::<H264>(unit, packets);
}

/// Slices and parameter sets: delimiters, filler and most SEI cost packets and change no picture.
struct H264;

impl NalFormat for H264 {
    type Header = [u8; 1];
    type FragmentHeader = [u8; 2];
    const HEADER: usize = 1;
    const FRAGMENT_HEADER: usize = 2;
    const PARAMETER_SETS: u8 = 0b11;

    fn role(nal: &[u8]) -> Role {
        if nal.len() <= Self::HEADER {
            return Role::Useless;
        }
        match nal_unit_type(nal) {
            nal_type::SLICE..=nal_type::IDR => Role::Slice,
            nal_type::SPS => Role::ParameterSet(0b01),
            nal_type::PPS => Role::ParameterSet(0b10),
            nal_type::SEI => Role::RecoveryHint,
            // Types above 23 would be read as packet types of the payload format.
            _ => Role::Useless,
        }
    }

    /// The type is [`STAP_A`], `nal_ref_idc` the highest of the units', the forbidden bit set where any of theirs is.
    fn aggregation_header<'a>(nals: impl Iterator<Item = &'a [u8]>) -> [u8; 1] {
        let merge = |(forbidden, reference), nal: &[u8]| {
            (forbidden | (nal[0] & FORBIDDEN), (nal[0] & REF_IDC).max(reference))
        };
        let (forbidden, reference) = nals.fold((0, 0), merge);
        [forbidden | reference | STAP_A]
    }

    fn fragment_header(nal: &[u8], first: bool, last: bool) -> [u8; 2] {
        let flags = if first { START } else { 0 } | if last { END } else { 0 };
        [(nal[0] & (FORBIDDEN | REF_IDC)) | FU_A, flags | nal_unit_type(nal)]
    }
}

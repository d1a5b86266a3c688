//! The RTP payload format of H.265 (RFC 7798) without decoding order numbers: single NAL units, aggregation packets,
//! fragmentation units.

use super::{NalFormat, Packets, Role, packetize_nals};
use vas_core::media::AccessUnit;
use vas_core::media::h265::{nal_type, nal_unit_type};

/// Payload type of an aggregation packet (section 4.4.2).
const AGGREGATION: u8 = 48;
/// Payload type of a fragmentation unit (section 4.4.3).
const FRAGMENTATION: u8 = 49;
/// `forbidden_zero_bit` in the first header byte.
const FORBIDDEN: u8 = 0x80;
/// `nal_unit_type` in the first header byte.
const TYPE: u8 = 0x7e;
/// `nuh_layer_id` and `nuh_temporal_id_plus1` over both header bytes.
const LAYER: u16 = 0x01f8;
/// See [`LAYER`].
const TEMPORAL: u16 = 0x0007;
/// The start bit of a fragment.
const START: u8 = 0x80;
/// The end bit of a fragment.
const END: u8 = 0x40;

/// Packetises a picture into `packets`, which are left empty where there is nothing to send.
pub(super) fn packetize_h265(unit: &AccessUnit, packets: &mut Packets) {
    packetize_nals::<H265>(unit, packets);
}

/// Slices and parameter sets. A picture that decoding may start at shows it by its type, so SEI is never needed.
struct H265;

impl NalFormat for H265 {
    type Header = [u8; 2];
    type FragmentHeader = [u8; 3];
    const HEADER: usize = 2;
    const FRAGMENT_HEADER: usize = 3;
    const PARAMETER_SETS: u8 = 0b111;

    fn role(nal: &[u8]) -> Role {
        if nal.len() <= Self::HEADER {
            return Role::Useless;
        }
        match nal_unit_type(nal) {
            // 10 to 15 and 22 to 31 are reserved.
            0..=9 | 16..=nal_type::CRA => Role::Slice,
            nal_type::VPS => Role::ParameterSet(0b001),
            nal_type::SPS => Role::ParameterSet(0b010),
            nal_type::PPS => Role::ParameterSet(0b100),
            // Types above 47 would be read as packet types of the payload format.
            _ => Role::Useless,
        }
    }

    /// Layer and temporal id are the lowest of the units', the forbidden bit is set where any of theirs is.
    fn aggregation_header<'a>(nals: impl Iterator<Item = &'a [u8]>) -> [u8; 2] {
        let merge = |(forbidden, layer, temporal), nal: &[u8]| {
            let header = u16::from_be_bytes([nal[0], nal[1]]);
            (forbidden | (nal[0] & FORBIDDEN), (header & LAYER).min(layer), (header & TEMPORAL).min(temporal))
        };
        let (forbidden, layer, temporal) = nals.fold((0, LAYER, TEMPORAL), merge);
        (u16::from_be_bytes([forbidden | (AGGREGATION << 1), 0]) | layer | temporal).to_be_bytes()
    }

    fn fragment_header(nal: &[u8], first: bool, last: bool) -> [u8; 3] {
        let flags = if first { START } else { 0 } | if last { END } else { 0 };
        [(nal[0] & !TYPE) | (FRAGMENTATION << 1), nal[1], flags | nal_unit_type(nal)]
    }
}

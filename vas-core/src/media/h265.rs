//! H.265 (ITU-T Rec. H.265): NAL unit types, sequence parameter sets, and what kind of picture a unit holds.

use super::bits::BitReader;
use super::nal;
use super::unit::{KeyKind, UnitKind};

/// `nal_unit_type` (table 7-1) of the units that routing looks at.
pub mod nal_type {
    /// First IDR type (with leading pictures that can be decoded).
    pub const IDR_W_RADL: u8 = 19;
    /// IDR without leading pictures.
    pub const IDR_N_LP: u8 = 20;
    /// Clean random access: pictures that precede it in output may not be decodable.
    pub const CRA: u8 = 21;
    /// Last type of coded slices.
    pub const LAST_SLICE: u8 = 31;
    /// Video parameter set.
    pub const VPS: u8 = 32;
    /// Sequence parameter set.
    pub const SPS: u8 = 33;
    /// Picture parameter set.
    pub const PPS: u8 = 34;
    /// Access unit delimiter.
    pub const AUD: u8 = 35;
    /// End of sequence.
    pub const END_OF_SEQUENCE: u8 = 36;
    /// End of bitstream.
    pub const END_OF_BITSTREAM: u8 = 37;
    /// Filler data.
    pub const FILLER: u8 = 38;
    /// Supplemental enhancement information before the picture.
    pub const PREFIX_SEI: u8 = 39;
    /// Supplemental enhancement information after the picture.
    pub const SUFFIX_SEI: u8 = 40;
}

/// The `nal_unit_type` of a unit; 63 (unspecified) for an empty one.
#[must_use]
pub fn nal_unit_type(nal: &[u8]) -> u8 {
    nal.first().map_or(63, |header| (header >> 1) & 0x3f)
}

/// What a sequence parameter set says (section 7.3.2.2.1), as far as this system needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `general_profile_space`, 0 to 3.
    pub profile_space: u8,
    /// `general_tier_flag`: the high tier.
    pub high_tier: bool,
    /// `general_profile_idc`.
    pub profile_idc: u8,
    /// `general_profile_compatibility_flag[0..32]`, the first flag in the top bit.
    pub compatibility: u32,
    /// The six bytes of constraint flags.
    pub constraints: [u8; 6],
    /// `general_level_idc`: thirty times the level.
    pub level_idc: u8,
    /// Width in pixels within the conformance window.
    pub width: u32,
    /// Height in pixels within the conformance window.
    pub height: u32,
    /// `sps_max_num_reorder_pics` of the highest sub-layer; 0: no reordering.
    pub max_reorder: u8,
}

impl Sps {
    /// Parses a unit of type 33, its two header bytes included. `None`: cut short or out of range.
    #[must_use]
    pub fn parse(nal: &[u8]) -> Option<Self> {
        if nal_unit_type(nal) != nal_type::SPS || nal.len() < 3 {
            return None;
        }
        let mut r = BitReader::new(&nal[2..]);
        r.bits(4)?; // sps_video_parameter_set_id
        let max_sub_layers_minus1 = r.bits(3)?;
        if max_sub_layers_minus1 > 6 {
            return None;
        }
        r.flag()?; // sps_temporal_id_nesting_flag
        let profile_space = r.bits(2)? as u8;
        let high_tier = r.flag()?;
        let profile_idc = r.bits(5)? as u8;
        let compatibility = r.bits(32)?;
        let mut constraints = [0; 6];
        for byte in &mut constraints {
            *byte = r.bits(8)? as u8;
        }
        let level_idc = r.bits(8)? as u8;
        skip_sub_layer_levels(&mut r, max_sub_layers_minus1)?;
        r.ue()?; // sps_seq_parameter_set_id
        let chroma_format = r.ue()?;
        if chroma_format > 3 {
            return None;
        }
        if chroma_format == 3 {
            r.flag()?; // separate_colour_plane_flag
        }
        let (mut width, mut height) = (r.ue()?, r.ue()?);
        if width > 16_384 || height > 16_384 {
            return None;
        }
        if r.flag()? {
            let (unit_x, unit_y) = match chroma_format {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            let window = [r.ue()?, r.ue()?, r.ue()?, r.ue()?];
            width = width.checked_sub(window[0].checked_add(window[1])?.checked_mul(unit_x)?)?;
            height = height.checked_sub(window[2].checked_add(window[3])?.checked_mul(unit_y)?)?;
        }
        if width == 0 || height == 0 {
            return None;
        }
        r.ue()?; // bit_depth_luma_minus8
        r.ue()?; // bit_depth_chroma_minus8
        r.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        let every_sub_layer = r.flag()?;
        let mut max_reorder = 0;
        for _ in if every_sub_layer { 0 } else { max_sub_layers_minus1 }..=max_sub_layers_minus1 {
            r.ue()?; // sps_max_dec_pic_buffering_minus1
            max_reorder = u8::try_from(r.ue()?).ok().filter(|&n| n <= 16)?;
            r.ue()?; // sps_max_latency_increase_plus1
        }
        Some(Self {
            profile_space,
            high_tier,
            profile_idc,
            compatibility,
            constraints,
            level_idc,
            width,
            height,
            max_reorder,
        })
    }

    /// The parameters after `hvc1.` of the RFC 6381 string (ISO 14496-15, annex E.3).
    #[must_use]
    pub fn codec_parameters(&self) -> String {
        let space = ["", "A", "B", "C"][usize::from(self.profile_space & 3)];
        let tier = if self.high_tier { 'H' } else { 'L' };
        let mut text = format!(
            "{space}{}.{:X}.{tier}{}",
            self.profile_idc,
            self.compatibility.reverse_bits(),
            self.level_idc
        );
        let used = self.constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for byte in &self.constraints[..used] {
            text.push_str(&format!(".{byte:X}"));
        }
        text
    }
}

/// The sub-layer part of `profile_tier_level` (section 7.3.3).
fn skip_sub_layer_levels(r: &mut BitReader<'_>, max_sub_layers_minus1: u32) -> Option<()> {
    let mut present = [(false, false); 7];
    for layer in present.iter_mut().take(max_sub_layers_minus1 as usize) {
        *layer = (r.flag()?, r.flag()?);
    }
    if max_sub_layers_minus1 > 0 {
        r.skip(2 * (8 - max_sub_layers_minus1))?;
    }
    for (profile, level) in present {
        r.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// Classifies an access unit of length-prefixed NAL units; `None` when it holds no slice.
///
/// Pictures of the sub-layer non-reference types (even numbers below 14, table 7-1) are disposable. They and the
/// leading pictures (6 to 9) count as bipredictive: the types tell no more, and slice types would not either, since
/// encoders without reordering write B slices too.
#[must_use]
pub fn classify(data: &[u8]) -> Option<UnitKind> {
    let mut slices = 0;
    let (mut disposable, mut leading) = (true, true);
    for unit in nal::units(data) {
        match nal_unit_type(unit) {
            nal_type::IDR_W_RADL | nal_type::IDR_N_LP => return Some(UnitKind::Key(KeyKind::Idr)),
            // Broken-link access pictures (16 to 18) start a group just as a CRA picture does.
            16..=18 | nal_type::CRA => return Some(UnitKind::Key(KeyKind::Cra)),
            kind if kind <= nal_type::LAST_SLICE => {
                slices += 1;
                disposable &= kind < 14 && kind % 2 == 0;
                leading &= matches!(kind, 6..=9);
            }
            _ => {}
        }
    }
    (slices > 0).then_some(UnitKind::Delta { disposable, bipredictive: disposable || leading })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// x265, main profile, 640x360.
    const MAIN_640X360: [u8; 42] = [
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
        0x3f, 0xa0, 0x05, 0x02, 0x01, 0x69, 0x65, 0x95, 0x9a, 0x49, 0x32, 0xbc, 0x05, 0xa0, 0x20, 0x00, 0x00,
        0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0x21,
    ];

    #[test]
    fn reads_a_main_profile_sps() {
        let sps = Sps::parse(&MAIN_640X360).unwrap();
        assert_eq!((sps.width, sps.height), (640, 360));
        assert_eq!(sps.codec_parameters(), "1.6.L63.90");
    }

    #[test]
    fn tells_kinds_of_pictures_apart() {
        let unit = |kind: u8| nal::join([&[kind << 1, 1, 0x80][..]]);
        assert_eq!(classify(&unit(19)), Some(UnitKind::Key(KeyKind::Idr)));
        assert_eq!(classify(&unit(21)), Some(UnitKind::Key(KeyKind::Cra)));
        assert_eq!(classify(&unit(1)), Some(UnitKind::REFERENCE));
        assert_eq!(classify(&unit(0)), Some(UnitKind::Delta { disposable: true, bipredictive: true }));
        assert_eq!(classify(&unit(7)), Some(UnitKind::Delta { disposable: false, bipredictive: true }));
        assert_eq!(classify(&unit(32)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(mut data in proptest::collection::vec(any::<u8>(), 3..120)) {
            let _ = classify(&data);
            (data[0], data[1]) = (0x42, 0x01);
            if let Some(sps) = Sps::parse(&data) {
                let _ = sps.codec_parameters();
            }
        }

        #[test]
        fn a_damaged_sps_is_parsed_without_panic(at in 2_usize..42, to in any::<u8>()) {
            let mut nal = MAIN_640X360;
            nal[at] = to;
            let _ = Sps::parse(&nal);
        }
    }
}

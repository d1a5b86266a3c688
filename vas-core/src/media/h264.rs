//! H.264 (ITU-T Rec. H.264): NAL unit types, sequence parameter sets, and what kind of picture a unit holds.

use super::bits::BitReader;
use super::nal;
use super::unit::{KeyKind, UnitKind};

/// `nal_unit_type` (table 7-1) of the units that routing looks at.
pub mod nal_type {
    /// A slice of a picture that is not an IDR picture.
    pub const SLICE: u8 = 1;
    /// A slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const AUD: u8 = 9;
    /// End of sequence.
    pub const END_OF_SEQUENCE: u8 = 10;
    /// End of stream.
    pub const END_OF_STREAM: u8 = 11;
    /// Filler data.
    pub const FILLER: u8 = 12;
}

/// The `nal_unit_type` of a unit; 0 (unspecified) for an empty one.
#[must_use]
pub fn nal_unit_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// What a sequence parameter set says (section 7.3.2.1.1), as far as this system needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    /// `profile_idc`.
    pub profile_idc: u8,
    /// The byte of constraint flags after it.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level_idc: u8,
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// Frames per second by the VUI timing, where there is one.
    pub fps: Option<f64>,
    /// Pictures that may precede a picture in decoding order and follow it in output order; 0: no reordering.
    pub max_reorder: u8,
}

impl Sps {
    /// Parses a unit of type 7, its header byte included. `None`: cut short or out of range.
    #[must_use]
    pub fn parse(nal: &[u8]) -> Option<Self> {
        if nal_unit_type(nal) != nal_type::SPS {
            return None;
        }
        let mut r = BitReader::new(&nal[1..]);
        let profile_idc = r.bits(8)? as u8;
        let constraints = r.bits(8)? as u8;
        let level_idc = r.bits(8)? as u8;
        r.ue()?; // seq_parameter_set_id
        let mut chroma_format = 1;
        if has_chroma_fields(profile_idc) {
            chroma_format = r.ue()?;
            if chroma_format > 3 {
                return None;
            }
            if chroma_format == 3 {
                r.flag()?; // separate_colour_plane_flag
            }
            r.ue()?; // bit_depth_luma_minus8
            r.ue()?; // bit_depth_chroma_minus8
            r.flag()?; // qpprime_y_zero_transform_bypass_flag
            if r.flag()? {
                skip_scaling_lists(&mut r, if chroma_format == 3 { 12 } else { 8 })?;
            }
        }
        r.ue()?; // log2_max_frame_num_minus4
        let poc_type = r.ue()?;
        match poc_type {
            0 => {
                r.ue()?; // log2_max_pic_order_cnt_lsb_minus4
            }
            1 => {
                r.flag()?;
                r.se()?;
                r.se()?;
                let cycle = r.ue()?;
                if cycle > 255 {
                    return None;
                }
                for _ in 0..cycle {
                    r.se()?;
                }
            }
            2 => {}
            _ => return None,
        }
        let max_num_ref_frames = r.ue()?;
        r.flag()?; // gaps_in_frame_num_value_allowed_flag
        let width_mbs = r.ue()?.checked_add(1)?;
        let height_units = r.ue()?.checked_add(1)?;
        let frame_mbs_only = r.flag()?;
        if !frame_mbs_only {
            r.flag()?; // mb_adaptive_frame_field_flag
        }
        r.flag()?; // direct_8x8_inference_flag
        let fields = if frame_mbs_only { 1 } else { 2 };
        let (mut width, mut height) =
            (width_mbs.checked_mul(16)?, height_units.checked_mul(16)?.checked_mul(fields)?);
        if width > 16_384 || height > 16_384 {
            return None;
        }
        if r.flag()? {
            let (unit_x, unit_y) = match chroma_format {
                0 | 3 => (1, fields),
                2 => (2, fields),
                _ => (2, 2 * fields),
            };
            let crop = [r.ue()?, r.ue()?, r.ue()?, r.ue()?];
            width = width.checked_sub(crop[0].checked_add(crop[1])?.checked_mul(unit_x)?)?;
            height = height.checked_sub(crop[2].checked_add(crop[3])?.checked_mul(unit_y)?)?;
        }
        if width == 0 || height == 0 {
            return None;
        }
        // A VUI that is cut short does not make the pictures unusable.
        let vui = if r.flag()? { Vui::parse(&mut r).unwrap_or_default() } else { Vui::default() };
        // Section E.2.1: without the restriction, only these profiles and order types exclude reordering.
        let intra_only = constraints & 0x10 != 0 && matches!(profile_idc, 44 | 86 | 100 | 110 | 122 | 244);
        let max_reorder = if let Some(reorder) = vui.max_reorder {
            reorder
        } else if profile_idc == 66 || poc_type == 2 || intra_only {
            0
        } else {
            u8::try_from(max_num_ref_frames.min(16)).unwrap_or(16)
        };
        Some(Self { profile_idc, constraints, level_idc, width, height, fps: vui.fps, max_reorder })
    }

    /// The six hexadecimal digits of `profile-level-id` (RFC 6184, section 8.1).
    #[must_use]
    pub fn profile_level_id(&self) -> String {
        format!("{:02x}{:02x}{:02x}", self.profile_idc, self.constraints, self.level_idc)
    }
}

const fn has_chroma_fields(profile_idc: u8) -> bool {
    matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

fn skip_scaling_lists(r: &mut BitReader<'_>, count: u32) -> Option<()> {
    for list in 0..count {
        if !r.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                let delta = r.se().filter(|delta| (-128..=127).contains(delta))?;
                next = (last + delta).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

#[derive(Default)]
struct Vui {
    fps: Option<f64>,
    max_reorder: Option<u8>,
}

impl Vui {
    /// Section E.1.1.
    fn parse(r: &mut BitReader<'_>) -> Option<Self> {
        let mut vui = Self::default();
        if r.flag()? && r.bits(8)? == 255 {
            r.skip(32)?; // sar_width, sar_height
        }
        if r.flag()? {
            r.flag()?; // overscan_appropriate_flag
        }
        if r.flag()? {
            r.skip(4)?; // video_format, video_full_range_flag
            if r.flag()? {
                r.skip(24)?;
            }
        }
        if r.flag()? {
            r.ue()?;
            r.ue()?;
        }
        if r.flag()? {
            let (units, scale) = (r.bits(32)?, r.bits(32)?);
            r.flag()?; // fixed_frame_rate_flag
            if units > 0 && scale > 0 {
                // Two ticks a frame: a tick is a field's time.
                let fps = f64::from(scale) / (2.0 * f64::from(units));
                vui.fps = (0.01..=1000.0).contains(&fps).then_some(fps);
            }
        }
        let nal_hrd = r.flag()?;
        if nal_hrd {
            skip_hrd(r)?;
        }
        let vcl_hrd = r.flag()?;
        if vcl_hrd {
            skip_hrd(r)?;
        }
        if nal_hrd || vcl_hrd {
            r.flag()?; // low_delay_hrd_flag
        }
        r.flag()?; // pic_struct_present_flag
        if r.flag()? {
            r.flag()?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                r.ue()?;
            }
            vui.max_reorder = u8::try_from(r.ue()?).ok().filter(|&n| n <= 16);
        }
        Some(vui)
    }
}

fn skip_hrd(r: &mut BitReader<'_>) -> Option<()> {
    let count = r.ue()?;
    if count > 31 {
        return None;
    }
    r.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=count {
        r.ue()?;
        r.ue()?;
        r.flag()?;
    }
    r.skip(20)
}

/// What a slice header says of its picture (section 7.3.3).
fn is_b_slice(nal: &[u8]) -> bool {
    let mut r = BitReader::new(&nal[1..]);
    r.ue().and_then(|_first_mb| r.ue()).is_some_and(|slice_type| slice_type % 5 == 1)
}

/// Whether an SEI unit holds a recovery point message (section D.1.8) that is exact from this picture on.
fn is_recovery_point(nal: &[u8]) -> bool {
    let mut payload = &nal[1..];
    while payload.len() > 2 {
        let (mut kind, mut size) = (0_usize, 0_usize);
        for target in [&mut kind, &mut size] {
            loop {
                let Some((&byte, rest)) = payload.split_first() else { return false };
                payload = rest;
                *target += usize::from(byte);
                if byte != 255 {
                    break;
                }
            }
        }
        if kind == 6 {
            return BitReader::new(payload).ue() == Some(0);
        }
        payload = payload.get(size..).unwrap_or(&[]);
    }
    false
}

/// Classifies an access unit of length-prefixed NAL units; `None` when it holds no slice.
///
/// An IDR picture is a key. So is a picture after a recovery point of zero frames, which cameras with open groups
/// send. A picture that nothing refers to (`nal_ref_idc` of 0) is disposable, and bipredictive where any of its slices
/// is a B slice: cameras with temporal layers send disposable pictures of P slices, those with B pictures the others.
#[must_use]
pub fn classify(data: &[u8]) -> Option<UnitKind> {
    let mut recovery_point = false;
    let mut slices = 0;
    let mut disposable = true;
    let mut bipredictive = false;
    for unit in nal::units(data) {
        match nal_unit_type(unit) {
            nal_type::IDR => return Some(UnitKind::Key(KeyKind::Idr)),
            nal_type::SEI => recovery_point |= is_recovery_point(unit),
            nal_type::SLICE => {
                slices += 1;
                disposable &= unit[0] & 0x60 == 0;
                bipredictive |= is_b_slice(unit);
            }
            _ => {}
        }
    }
    if slices == 0 {
        return None;
    }
    Some(if recovery_point && !(disposable && bipredictive) {
        UnitKind::Key(KeyKind::RecoveryPoint)
    } else {
        UnitKind::Delta { disposable, bipredictive }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// x264, high profile, 640x360 at 25 fps, three B-frames.
    const HIGH_640X360: [u8; 26] = [
        0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
        0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2d, 0x96,
    ];
    /// x264, constrained baseline, 1920x1080 (cropped from 1088) at 25 fps.
    const BASELINE_1080: [u8; 26] = [
        0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
        0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc9, 0x20,
    ];

    #[test]
    fn reads_a_high_profile_sps() {
        let sps = Sps::parse(&HIGH_640X360).unwrap();
        assert_eq!((sps.width, sps.height, sps.fps), (640, 360, Some(25.0)));
        assert_eq!(sps.profile_level_id(), "64001e");
        assert!(sps.max_reorder > 0);
    }

    #[test]
    fn reads_a_cropped_baseline_sps() {
        let sps = Sps::parse(&BASELINE_1080).unwrap();
        assert_eq!((sps.width, sps.height, sps.fps), (1920, 1080, Some(25.0)));
        assert_eq!((sps.profile_level_id().as_str(), sps.max_reorder), ("42c028", 0));
    }

    #[test]
    fn every_truncation_is_refused_or_harmless() {
        for length in 0..HIGH_640X360.len() {
            let _ = Sps::parse(&HIGH_640X360[..length]);
        }
    }

    fn unit(nals: &[&[u8]]) -> bytes::Bytes {
        nal::join(nals.iter().copied())
    }

    #[test]
    fn tells_kinds_of_pictures_apart() {
        // first_mb 0 (1), slice_type 0 = P (1), 1 = B (010), 2 = I (011)
        let (p, b, i) = (0b1100_0000, 0b1010_0000, 0b1011_0000);
        assert_eq!(classify(&unit(&[&[0x67, 1], &[0x65, i]])), Some(UnitKind::Key(KeyKind::Idr)));
        let delta = |disposable, bipredictive| Some(UnitKind::Delta { disposable, bipredictive });
        assert_eq!(classify(&unit(&[&[0x41, p]])), Some(UnitKind::REFERENCE));
        assert_eq!(classify(&unit(&[&[0x01, b]])), delta(true, true));
        assert_eq!(classify(&unit(&[&[0x01, p]])), delta(true, false));
        assert_eq!(classify(&unit(&[&[0x41, b]])), delta(false, true));
        // One slice decides for the picture.
        assert_eq!(classify(&unit(&[&[0x01, p], &[0x01, b]])), delta(true, true));
        assert_eq!(classify(&unit(&[&[0x01, p], &[0x41, p]])), Some(UnitKind::REFERENCE));
        let recovery = [0x06, 6, 1, 0b1000_0000, 0x80];
        assert_eq!(classify(&unit(&[&recovery, &[0x41, i]])), Some(UnitKind::Key(KeyKind::RecoveryPoint)));
        assert_eq!(classify(&unit(&[&[0x67, 1], &[0x68, 1]])), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(mut data in proptest::collection::vec(any::<u8>(), 1..120)) {
            let _ = classify(&data);
            let _ = classify(&unit(&[&data]));
            data[0] = 0x67;
            if let Some(sps) = Sps::parse(&data) {
                prop_assert!(sps.width <= 16_384 && sps.height <= 16_384 && sps.max_reorder <= 16);
            }
        }

        #[test]
        fn a_damaged_sps_is_parsed_without_panic(at in 1_usize..26, to in any::<u8>()) {
            let mut nal = HIGH_640X360;
            nal[at] = to;
            let _ = Sps::parse(&nal);
        }
    }
}

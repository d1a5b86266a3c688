//! What of H.265's sequence parameter sets decides over memory and looks (H.265, sections 7.3.2.2.1, 7.3.3, 7.3.4,
//! 7.3.7).

use crate::decode::colours::Colours;
use crate::media::bits::BitReader;

/// The most pictures a picture may refer to, at any size (section A.4.2: 16 in the buffer, one of them the current).
pub(super) const MAX_REFERENCES: usize = 15;

/// A sequence parameter set.
#[derive(Clone, Debug)]
pub(super) struct Sps {
    pub(super) colours: Colours,
    /// Luma samples of a picture before cropping.
    pub(super) pixels: u64,
    /// Coding tree blocks of a picture.
    pub(super) blocks: u32,
    /// Bits of `slice_pic_order_cnt_lsb`.
    pub(super) order_bits: u32,
    /// The sets of references that slices choose from.
    pub(super) sets: Vec<ReferenceSet>,
    /// The long-term references that slices choose from; `None`: slices name none.
    pub(super) long_term: Option<u32>,
}

/// `st_ref_pic_set`: where the references of a picture lie in the order of output, counted from it; those before it,
/// nearest first, then those after it, nearest first.
#[derive(Clone, Debug, Default)]
pub(super) struct ReferenceSet(Vec<i32>);

impl Sps {
    /// Reads a payload without emulation prevention bytes; gives its id too. `None`: cut short, or out of the
    /// standard's range.
    pub(super) fn read(payload: &[u8]) -> Option<(u32, Self)> {
        let mut r = BitReader::plain(payload);
        r.skip(4)?; // sps_video_parameter_set_id
        let sub_layers = at_most(r.bits(3)?, 6)?;
        r.flag()?; // sps_temporal_id_nesting_flag
        skip_profile_tier_level(&mut r, sub_layers)?;
        let id = at_most(r.ue()?, 15)?;
        if at_most(r.ue()?, 3)? == 3 {
            r.flag()?; // separate_colour_plane_flag
        }
        let (width, height) = (at_most(r.ue()?, 16_384)?, at_most(r.ue()?, 16_384)?);
        if r.flag()? {
            for _ in 0..4 {
                r.ue()?; // conformance window
            }
        }
        r.ue()?; // bit_depth_luma_minus8
        r.ue()?; // bit_depth_chroma_minus8
        let order_bits = 4 + at_most(r.ue()?, 12)?;
        let first = if r.flag()? { 0 } else { sub_layers };
        for _ in first..=sub_layers {
            for _ in 0..3 {
                r.ue()?; // sizes of the buffer of decoded pictures
            }
        }
        let block_bits = 3 + at_most(r.ue()?, 3)? + at_most(r.ue()?, 3)?;
        for _ in 0..4 {
            r.ue()?; // sizes and depths of transforms
        }
        if r.flag()? && r.flag()? {
            skip_scaling_lists(&mut r)?;
        }
        r.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
        if r.flag()? {
            r.skip(8)?; // pcm_sample_bit_depth_luma_minus1, _chroma_minus1
            r.ue()?;
            r.ue()?;
            r.flag()?; // pcm_loop_filter_disabled_flag
        }
        let count = at_most(r.ue()?, 64)?;
        let mut sets = Vec::new();
        for _ in 0..count {
            sets.push(ReferenceSet::read(&mut r, &sets, false)?);
        }
        let mut long_term = None;
        if r.flag()? {
            let count = at_most(r.ue()?, 32)?;
            r.skip(count * (order_bits + 1))?;
            long_term = Some(count);
        }
        r.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
        // A VUI that is cut short leaves the usual colours.
        let colours = Colours::read(&mut r).unwrap_or_default();
        let blocks = |length: u32| length.div_ceil(1 << block_bits);
        let (pixels, blocks) = (u64::from(width) * u64::from(height), blocks(width) * blocks(height));
        Some((id, Self { colours, pixels, blocks, order_bits, sets, long_term }))
    }
}

impl ReferenceSet {
    /// Reads the set after `sets`, which it may be predicted from; in a slice it tells from which.
    pub(super) fn read(r: &mut BitReader<'_>, sets: &[Self], in_slice: bool) -> Option<Self> {
        if !sets.is_empty() && r.flag()? {
            let back = if in_slice { r.ue()?.checked_add(1)? as usize } else { 1 };
            return sets.get(sets.len().checked_sub(back)?)?.predict(r);
        }
        let (before, after) = (r.ue()? as usize, r.ue()? as usize);
        if before.checked_add(after)? > MAX_REFERENCES {
            return None;
        }
        let mut distances = Vec::with_capacity(before + after);
        for (count, sign) in [(before, -1), (after, 1)] {
            let mut distance = 0;
            for _ in 0..count {
                distance += sign * (at_most(r.ue()?, 0x7fff)? as i32 + 1);
                r.flag()?; // used_by_curr_pic_flag
                distances.push(distance);
            }
        }
        Some(Self(distances))
    }

    /// Equations 7-61 and 7-62: the distances moved by one, which joins them, as far as flags say.
    fn predict(&self, r: &mut BitReader<'_>) -> Option<Self> {
        let negative = r.flag()?;
        let size = at_most(r.ue()?, 0x7fff)? as i32 + 1;
        let delta = if negative { -size } else { size };
        let mut distances = Vec::with_capacity(self.0.len() + 1);
        for distance in self.0.iter().map(|distance| distance.saturating_add(delta)).chain([delta]) {
            // used_by_curr_pic_flag, use_delta_flag
            let kept = r.flag()? || r.flag()?;
            if kept && distance != 0 {
                distances.push(distance);
            }
        }
        if distances.len() > MAX_REFERENCES {
            return None;
        }
        distances.sort_unstable_by_key(|&distance| (distance > 0, distance.unsigned_abs()));
        Some(Self(distances))
    }

    /// How many references.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

fn at_most(value: u32, max: u32) -> Option<u32> {
    (value <= max).then_some(value)
}

fn skip_profile_tier_level(r: &mut BitReader<'_>, sub_layers: u32) -> Option<()> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    r.skip(PROFILE + LEVEL)?;
    let mut bits = 0;
    for _ in 0..sub_layers {
        bits += if r.flag()? { PROFILE } else { 0 };
        bits += if r.flag()? { LEVEL } else { 0 };
    }
    if sub_layers > 0 {
        r.skip(2 * (8 - sub_layers))?;
    }
    r.skip(bits)
}

fn skip_scaling_lists(r: &mut BitReader<'_>) -> Option<()> {
    for size in 0..4_u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !r.flag()? {
                r.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                r.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..if size == 0 { 16 } else { 64 } {
                r.se()?;
            }
        }
    }
    Some(())
}

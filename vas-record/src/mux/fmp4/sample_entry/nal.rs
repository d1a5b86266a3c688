//! Sample entries of H.264 and H.265: `avc1` with `avcC` (ISO/IEC 14496-15, section 5.3.3.1) and `hvc1` with `hvcC`
//! (section 8.3.3.1).

use mp4_atom::{Avc1, Avcc, AvccExt, Codec, Hvc1, HvcCArray, Hvcc, Visual};
use vas_core::media::bits::BitReader;
use vas_core::media::{VideoFormat, h264, h265, nal};

/// Most sequence parameter sets in an `avcC`, whose count has 5 bits. Of picture parameter sets it holds 255.
const MAX_AVC_SPS: usize = 31;

const MALFORMED: &str = "a sequence parameter set is malformed";
const TOO_MANY: &str = "there are too many parameter sets, or one is too long";

pub(super) fn avc1(visual: Visual, video: &VideoFormat) -> Result<Codec, &'static str> {
    Ok(Avc1 { visual, avcc: avcc(video)?, ..Avc1::default() }.into())
}

pub(super) fn hvc1(visual: Visual, video: &VideoFormat) -> Result<Codec, &'static str> {
    Ok(Hvc1 { visual, hvcc: hvcc(video)?, ..Hvc1::default() }.into())
}

/// The parameter sets of one type.
fn sets(video: &VideoFormat, type_of: fn(&[u8]) -> u8, wanted: u8) -> Vec<Vec<u8>> {
    video.parameter_sets.iter().filter(|set| type_of(set) == wanted).map(|set| set.to_vec()).collect()
}

fn fits(sets: &[Vec<u8>], most: usize) -> Result<(), &'static str> {
    let short = sets.iter().all(|set| set.len() <= usize::from(u16::MAX));
    if short && sets.len() <= most { Ok(()) } else { Err(TOO_MANY) }
}

fn avcc(video: &VideoFormat) -> Result<Avcc, &'static str> {
    use h264::nal_type::{PPS, SPS};
    let (sps, pps) = (sets(video, h264::nal_unit_type, SPS), sets(video, h264::nal_unit_type, PPS));
    fits(&sps, MAX_AVC_SPS)?;
    fits(&pps, usize::from(u8::MAX))?;
    let first = sps.first().ok_or("there is no sequence parameter set")?;
    let &[_, profile, compatibility, level, ..] = &first[..] else { return Err(MALFORMED) };
    let ext = avcc_extension(first).ok_or(MALFORMED)?;
    Ok(Avcc {
        configuration_version: 1,
        avc_profile_indication: profile,
        profile_compatibility: compatibility,
        avc_level_indication: level,
        length_size: nal::LENGTH_SIZE as u8,
        sequence_parameter_sets: sps,
        picture_parameter_sets: pps,
        ext,
    })
}

/// Chroma format and bit depths, which the record has for all but the baseline, main and extended profiles. The outer
/// `None`: the SPS is malformed.
fn avcc_extension(sps: &[u8]) -> Option<Option<AvccExt>> {
    let profile = sps[1];
    if matches!(profile, 66 | 77 | 88) {
        return Some(None);
    }
    let mut ext = AvccExt::default();
    // ITU-T H.264, section 7.3.2.1.1: the profiles whose SPS has these fields.
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        let mut r = BitReader::new(&sps[4..]);
        r.ue()?; // seq_parameter_set_id
        ext.chroma_format = u8::try_from(r.ue()?).ok().filter(|&format| format <= 3)?;
        if ext.chroma_format == 3 {
            r.flag()?; // separate_colour_plane_flag
        }
        ext.bit_depth_luma = 8 + depth_above_8(&mut r)?;
        ext.bit_depth_chroma = 8 + depth_above_8(&mut r)?;
    }
    Some(Some(ext))
}

/// `bit_depth_luma_minus8` or `bit_depth_chroma_minus8`, which have three bits in both records.
fn depth_above_8(r: &mut BitReader<'_>) -> Option<u8> {
    u8::try_from(r.ue()?).ok().filter(|&depth| depth <= 7)
}

fn hvcc(video: &VideoFormat) -> Result<Hvcc, &'static str> {
    use h265::nal_type::{PPS, SPS, VPS};
    let arrays: Vec<_> = [VPS, SPS, PPS]
        .into_iter()
        // All sets of the stream are here: none may come in a sample of `hvc1`.
        .map(|kind| HvcCArray {
            completeness: true,
            nal_unit_type: kind,
            nalus: sets(video, h265::nal_unit_type, kind),
        })
        .filter(|array| !array.nalus.is_empty())
        .collect();
    for array in &arrays {
        fits(&array.nalus, usize::from(u16::MAX))?;
    }
    let sets = video.parameter_sets.iter();
    let first = sets.clone().find(|set| h265::nal_unit_type(set) == SPS);
    let first = first.ok_or("there is no sequence parameter set")?;
    let (sps, layout) = h265::Sps::parse(first).zip(HevcLayout::parse(first)).ok_or(MALFORMED)?;
    Ok(Hvcc {
        general_profile_space: sps.profile_space,
        general_tier_flag: sps.high_tier,
        general_profile_idc: sps.profile_idc,
        general_profile_compatibility_flags: sps.compatibility.to_be_bytes(),
        general_constraint_indicator_flags: sps.constraints,
        general_level_idc: sps.level_idc,
        chroma_format_idc: layout.chroma_format,
        bit_depth_luma_minus8: layout.luma_above_8,
        bit_depth_chroma_minus8: layout.chroma_above_8,
        num_temporal_layers: layout.temporal_layers,
        temporal_id_nested: layout.temporal_id_nested,
        length_size_minus_one: nal::LENGTH_SIZE as u8 - 1,
        arrays,
        // Segmentation, parallelism and frame rates: 0 is "not told".
        ..Hvcc::new()
    })
}

/// What `hvcC` repeats of an SPS (ITU-T H.265, section 7.3.2.2.1) beside profile and level.
struct HevcLayout {
    temporal_layers: u8,
    temporal_id_nested: bool,
    chroma_format: u8,
    luma_above_8: u8,
    chroma_above_8: u8,
}

impl HevcLayout {
    fn parse(sps: &[u8]) -> Option<Self> {
        let mut r = BitReader::new(sps.get(2..)?);
        r.skip(4)?; // sps_video_parameter_set_id
        let sub_layers = r.bits(3)?;
        let temporal_id_nested = r.flag()?;
        r.skip(96)?; // the general profile and level
        // The profiles and levels of the sub-layers (section 7.3.3), of which all flags come first.
        let mut skipped = 0;
        for _ in 0..sub_layers {
            skipped += if r.flag()? { 88 } else { 0 };
            skipped += if r.flag()? { 8 } else { 0 };
        }
        if sub_layers > 0 {
            skipped += 2 * (8 - sub_layers);
        }
        r.skip(skipped)?;
        r.ue()?; // sps_seq_parameter_set_id
        let chroma_format = u8::try_from(r.ue()?).ok().filter(|&format| format <= 3)?;
        if chroma_format == 3 {
            r.flag()?; // separate_colour_plane_flag
        }
        r.ue()?; // pic_width_in_luma_samples
        r.ue()?; // pic_height_in_luma_samples
        if r.flag()? {
            for _ in 0..4 {
                r.ue()?; // the conformance window
            }
        }
        Some(Self {
            temporal_layers: sub_layers as u8 + 1,
            temporal_id_nested,
            chroma_format,
            luma_above_8: depth_above_8(&mut r)?,
            chroma_above_8: depth_above_8(&mut r)?,
        })
    }
}

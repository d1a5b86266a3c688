//! Sample entries of AV1 (AV1 Codec ISO Media File Format Binding, section 2.3) and VP8 (VP Codec ISO Media File
//! Format Binding).

use mp4_atom::{Av01, Av1c, Codec, Visual, Vp08, VpcC};
use vas_core::media::VideoFormat;
use vas_core::media::av1::SequenceHeader;

/// "Unspecified" of the colour description (ISO/IEC 23091-2): VP8 says nothing of it.
const UNSPECIFIED: u8 = 2;
/// `chroma_subsampling` of 4:2:0 whose chroma samples lie with luma samples; all that VP8 has.
const COLOCATED_420: u8 = 1;

pub(super) fn av01(visual: Visual, video: &VideoFormat) -> Result<Codec, &'static str> {
    let set = video.parameter_sets.first().ok_or("there is no sequence header")?;
    let header = SequenceHeader::parse_bytes(set).ok_or("the sequence header is malformed")?;
    let av1c = Av1c {
        seq_profile: header.profile,
        seq_level_idx_0: header.level_idx,
        seq_tier_0: header.high_tier,
        high_bitdepth: header.bit_depth > 8,
        twelve_bit: header.bit_depth > 10,
        monochrome: header.monochrome,
        chroma_subsampling_x: header.subsampling_x,
        chroma_subsampling_y: header.subsampling_y,
        chroma_sample_position: header.chroma_sample_position,
        initial_presentation_delay: None,
        config_obus: set.to_vec(),
    };
    Ok(Av01 { visual, av1c, ..Av01::default() }.into())
}

pub(super) fn vp08(visual: Visual) -> Codec {
    let vpcc = VpcC {
        profile: 0,
        level: 0,
        bit_depth: 8,
        chroma_subsampling: COLOCATED_420,
        video_full_range_flag: false,
        color_primaries: UNSPECIFIED,
        transfer_characteristics: UNSPECIFIED,
        matrix_coefficients: UNSPECIFIED,
        codec_initialization_data: Vec::new(),
    };
    Vp08 { visual, vpcc, ..Vp08::default() }.into()
}

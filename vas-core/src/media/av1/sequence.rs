//! The sequence header.

use super::{Obu, obu_type};
use crate::media::bits::BitReader;

/// `SELECT_SCREEN_CONTENT_TOOLS` and `SELECT_INTEGER_MV` (section 3): each frame says it.
const SELECT: u8 = 2;
/// The most operating points.
const MAX_OPERATING_POINTS: usize = 32;

/// What a sequence header says (section 5.5), as far as this system needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceHeader {
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point, which is all layers: 4 times the level's major number less 2,
    /// and its minor number (annex A.3).
    pub level_idx: u8,
    /// `seq_tier` of the first operating point: the high tier.
    pub high_tier: bool,
    /// Largest width of a frame in pixels.
    pub width: u32,
    /// Largest height of a frame in pixels.
    pub height: u32,
    /// Frames per second by the timing information, where the pictures are equally spaced.
    pub fps: Option<f64>,
    /// Bits per sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// No chroma.
    pub monochrome: bool,
    /// `subsampling_x`: chroma has half the width.
    pub subsampling_x: bool,
    /// `subsampling_y`: chroma has half the height.
    pub subsampling_y: bool,
    /// `chroma_sample_position`, 0 (unknown) to 3.
    pub chroma_sample_position: u8,
    /// What frame headers depend on.
    pub(super) frame: FrameSyntax,
}

/// What the sequence header says about the fields of frame headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameSyntax {
    /// `reduced_still_picture_header`.
    pub(super) reduced_still_picture: bool,
    /// Bits of a frame id; 0: there is none.
    pub(super) frame_id_bits: u32,
    /// Bits of an order hint.
    pub(super) order_hint_bits: u32,
    /// `seq_force_screen_content_tools`; `None`: each frame says it.
    pub(super) screen_content_tools: Option<bool>,
    /// `seq_force_integer_mv` is left to frames.
    pub(super) select_integer_mv: bool,
    /// Bits of `frame_presentation_time`; 0: there is none.
    pub(super) presentation_time_bits: u32,
    /// The decoder model, where there is one.
    pub(super) decoder_model: Option<DecoderModel>,
}

/// What `decoder_model_info` (section 5.5.4) and the operating points say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecoderModel {
    /// Bits of a `buffer_removal_time`.
    pub(super) removal_time_bits: u32,
    /// `operating_point_idc` of each operating point that has a model; `None`: it has none.
    pub(super) points: [Option<u16>; MAX_OPERATING_POINTS],
}

impl SequenceHeader {
    /// Parses an OBU of type 1. `None`: another type, cut short or out of range.
    #[must_use]
    pub fn parse(obu: Obu<'_>) -> Option<Self> {
        if obu.kind() != obu_type::SEQUENCE_HEADER {
            return None;
        }
        let mut r = BitReader::plain(obu.payload);
        let r = &mut r;
        let profile = r.bits(3)? as u8;
        if profile > 2 {
            return None;
        }
        r.flag()?; // still_picture
        let mut frame = FrameSyntax { reduced_still_picture: r.flag()?, ..FrameSyntax::default() };
        let points = OperatingPoints::parse(r, &mut frame)?;
        let (width_bits, height_bits) = (r.bits(4)? + 1, r.bits(4)? + 1);
        let (width, height) = (r.bits(width_bits)? + 1, r.bits(height_bits)? + 1);
        if !frame.reduced_still_picture && r.flag()? {
            let delta_bits = r.bits(4)? + 2;
            frame.frame_id_bits = delta_bits + r.bits(3)? + 1;
        }
        r.skip(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
        frame.select_integer_mv = true;
        if !frame.reduced_still_picture {
            parse_tools(r, &mut frame)?;
        }
        r.skip(3)?; // enable_superres, enable_cdef, enable_restoration
        let color = Color::parse(r, profile)?;
        Some(Self {
            profile,
            level_idx: points.level_idx,
            high_tier: points.high_tier,
            width,
            height,
            fps: points.fps,
            bit_depth: color.bit_depth,
            monochrome: color.monochrome,
            subsampling_x: color.subsampling.0,
            subsampling_y: color.subsampling.1,
            chroma_sample_position: color.sample_position,
            frame,
        })
    }

    /// Parses the OBU that `data` begins with, with its size or without. `None`: as [`Self::parse`].
    #[must_use]
    pub fn parse_bytes(data: &[u8]) -> Option<Self> {
        Obu::split(data).and_then(|(obu, _)| Self::parse(obu))
    }

    /// The parameters after `av01.` of the RFC 6381 string (AV1 Codec ISO Media File Format Binding, section 5).
    #[must_use]
    pub fn codec_parameters(&self) -> String {
        let tier = if self.high_tier { 'H' } else { 'M' };
        format!("{}.{:02}{tier}.{:02}", self.profile, self.level_idx, self.bit_depth)
    }
}

/// The timing and the operating points.
struct OperatingPoints {
    level_idx: u8,
    high_tier: bool,
    fps: Option<f64>,
}

impl OperatingPoints {
    fn parse(r: &mut BitReader<'_>, frame: &mut FrameSyntax) -> Option<Self> {
        if frame.reduced_still_picture {
            return Some(Self { level_idx: r.bits(5)? as u8, high_tier: false, fps: None });
        }
        let (mut fps, mut delay_bits) = (None, 0);
        if r.flag()? {
            // timing_info (section 5.5.3)
            let (units, scale) = (r.bits(32)?, r.bits(32)?);
            let equal_interval = r.flag()?;
            if equal_interval {
                let ticks = f64::from(r.ue()?) + 1.0;
                let rate = f64::from(scale) / (f64::from(units) * ticks);
                fps = Some(rate).filter(|rate| (0.01..=1000.0).contains(rate));
            }
            if r.flag()? {
                // decoder_model_info (section 5.5.4)
                delay_bits = r.bits(5)? + 1;
                r.skip(32)?; // num_units_in_decoding_tick
                let removal_time_bits = r.bits(5)? + 1;
                let presentation_time_bits = r.bits(5)? + 1;
                frame.presentation_time_bits = if equal_interval { 0 } else { presentation_time_bits };
                let points = [None; MAX_OPERATING_POINTS];
                frame.decoder_model = Some(DecoderModel { removal_time_bits, points });
            }
        }
        let display_delay = r.flag()?;
        let count = r.bits(5)? + 1;
        let mut first = None;
        for point in 0..count as usize {
            let idc = r.bits(12)? as u16;
            let level_idx = r.bits(5)? as u8;
            let high_tier = level_idx > 7 && r.flag()?;
            if let Some(model) = &mut frame.decoder_model
                && r.flag()?
            {
                r.skip(2 * delay_bits + 1)?; // operating_parameters_info (section 5.5.5)
                model.points[point] = Some(idc);
            }
            if display_delay && r.flag()? {
                r.skip(4)?;
            }
            first.get_or_insert((level_idx, high_tier));
        }
        let (level_idx, high_tier) = first?;
        Some(Self { level_idx, high_tier, fps })
    }
}

/// The coding tools that frames may use, but for those of reduced still pictures.
fn parse_tools(r: &mut BitReader<'_>, frame: &mut FrameSyntax) -> Option<()> {
    // enable_interintra_compound, enable_masked_compound, enable_warped_motion, enable_dual_filter
    r.skip(4)?;
    let order_hint = r.flag()?;
    if order_hint {
        r.skip(2)?; // enable_jnt_comp, enable_ref_frame_mvs
    }
    let screen_content_tools = if r.flag()? { SELECT } else { r.bits(1)? as u8 };
    frame.screen_content_tools = (screen_content_tools != SELECT).then_some(screen_content_tools == 1);
    if screen_content_tools > 0 {
        frame.select_integer_mv = r.flag()?;
        if !frame.select_integer_mv {
            r.flag()?; // seq_force_integer_mv
        }
    }
    if order_hint {
        frame.order_hint_bits = r.bits(3)? + 1;
    }
    Some(())
}

/// What `color_config` says (section 5.5.2).
struct Color {
    bit_depth: u8,
    monochrome: bool,
    subsampling: (bool, bool),
    sample_position: u8,
}

impl Color {
    fn parse(r: &mut BitReader<'_>, profile: u8) -> Option<Self> {
        /// `CP_BT_709`, `TC_SRGB`, `MC_IDENTITY` (section 6.4.2): RGB.
        const SRGB: u32 = 0x01_0d_00;
        let high_bit_depth = r.flag()?;
        let bit_depth = match (profile, high_bit_depth) {
            (_, false) => 8,
            (2, true) if r.flag()? => 12,
            _ => 10,
        };
        let monochrome = profile != 1 && r.flag()?;
        let description = if r.flag()? { Some(r.bits(24)?) } else { None };
        let mut color = Self { bit_depth, monochrome, subsampling: (true, true), sample_position: 0 };
        if monochrome {
            r.flag()?; // color_range
            return Some(color);
        }
        if description == Some(SRGB) {
            color.subsampling = (false, false);
        } else {
            r.flag()?; // color_range
            color.subsampling = match (profile, bit_depth) {
                (0, _) => (true, true),
                (1, _) => (false, false),
                (_, 12) => {
                    let x = r.flag()?;
                    (x, x && r.flag()?)
                }
                _ => (true, false),
            };
            if color.subsampling == (true, true) {
                color.sample_position = r.bits(2)? as u8;
            }
        }
        r.flag()?; // separate_uv_delta_q
        Some(color)
    }
}

//! What the decoder is not let see.
//!
//! `rust_h264` trusts its stream in places where a hostile one costs gigabytes or mixes pictures of two sizes. The
//! fields that decide over that are read here first (H.264 sections 7.3.2.1.1, 7.3.2.2, 7.3.3, E.1.1) and held to the
//! bounds of the standard.

use crate::decode::colours::Colours;
use crate::decode::{DecodeError, DecodeLimits};
use crate::media::bits::BitReader;
use crate::media::h264::nal_type;
use std::collections::BTreeMap;

/// Macroblocks in the decoded picture buffer at level 6.2, the largest (table A-1, MaxDpbMbs).
const MAX_BUFFERED_MACROBLOCKS: u64 = 696_320;
/// Reference pictures of any level, and entries of a list of references: twice as many, as fields.
const MAX_REFERENCES: u32 = 16;
const MAX_LIST: u32 = 2 * MAX_REFERENCES;

/// Whether the decoder gets a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Decode,
    /// It is nothing to a decoder.
    PassOver,
}

/// What of a sequence parameter set decides over memory and looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    pub(super) colours: Colours,
    /// Height in pixels after cropping.
    pub(super) height: u32,
    /// `frame_mbs_only_flag`: no interlacing.
    pub(super) frames_only: bool,
    shape: Shape,
    frame_num_bits: u32,
    order: Order,
}

/// What all pictures that refer to each other have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    macroblocks: (u32, u32),
    chroma_format: u32,
    depth: u32,
    frames_only: bool,
}

/// How slices tell the order of their pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Bits(u32),
    Deltas,
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Pps {
    sps: u32,
    order_of_fields: bool,
    list_sizes: [u32; 2],
}

#[derive(Debug)]
pub(super) struct Guard {
    limits: DecodeLimits,
    sps: BTreeMap<u32, Sps>,
    pps: BTreeMap<u32, Pps>,
    active: Option<Sps>,
    /// Whether there has been a slice, so that `active` is that of a picture.
    started: bool,
}

const DAMAGED_SPS: DecodeError = DecodeError::Damaged("its sequence parameter set can't be read");
const DAMAGED_PPS: DecodeError = DecodeError::Damaged("its picture parameter set can't be read");
const DAMAGED_SLICE: DecodeError = DecodeError::Damaged("a slice header can't be read");

impl Guard {
    pub(super) const fn new(limits: DecodeLimits) -> Self {
        Self { limits, sps: BTreeMap::new(), pps: BTreeMap::new(), active: None, started: false }
    }

    /// The parameters of the latest picture; before the first one those that came first.
    pub(super) const fn active(&self) -> Option<&Sps> {
        self.active.as_ref()
    }

    pub(super) const fn coded_pixels(&self) -> u64 {
        match &self.active {
            Some(sps) => sps.shape.pixels(),
            None => 0,
        }
    }

    /// Judges a unit by its header byte and its payload, from which emulation prevention bytes have been taken out.
    pub(super) fn judge(&mut self, header: u8, payload: &[u8]) -> Result<Verdict, DecodeError> {
        match header & 0x1f {
            nal_type::SPS => {
                let (id, sps) = read_sps(payload).ok_or(DAMAGED_SPS)?;
                self.limits.check_pixels(sps.shape.pixels())?;
                self.sps.insert(id, sps);
                self.active.get_or_insert(sps);
            }
            nal_type::PPS => {
                let (id, pps) = read_pps(payload)?;
                self.pps.insert(id, pps);
            }
            nal_type::SLICE => self.judge_slice(payload, false)?,
            nal_type::IDR => self.judge_slice(payload, true)?,
            _ => return Ok(Verdict::PassOver),
        }
        Ok(Verdict::Decode)
    }

    fn judge_slice(&mut self, payload: &[u8], idr: bool) -> Result<(), DecodeError> {
        let mut r = BitReader::plain(payload);
        let mut ue = || r.ue().ok_or(DAMAGED_SLICE);
        let (first_macroblock, slice_type, pps_id) = (ue()?, ue()?, ue()?);
        let pps = self.pps.get(&pps_id);
        let pps = pps.ok_or(DecodeError::Damaged("a slice refers to a missing parameter set"))?;
        let sps = self.sps.get(&pps.sps);
        let sps = *sps.ok_or(DecodeError::Damaged("a slice refers to a missing parameter set"))?;
        let is_b = match slice_type {
            0 | 5 => false,
            1 | 6 => true,
            2 | 7 => return self.activate(sps, idr && first_macroblock == 0),
            3 | 4 | 8 | 9 => return Err(DecodeError::Unsupported("switching slices")),
            _ => return Err(DAMAGED_SLICE),
        };
        if idr {
            return Err(DecodeError::Damaged("an IDR picture refers to others"));
        }
        let sizes = list_sizes(&mut r, &sps, pps, is_b).ok_or(DAMAGED_SLICE)?;
        if sizes.iter().any(|&size| size > MAX_LIST) {
            return Err(DecodeError::Damaged("a list of references is too long"));
        }
        self.activate(sps, false)
    }

    /// Pictures of another shape may begin with an IDR picture alone: all others are predicted from what is there.
    fn activate(&mut self, sps: Sps, anew: bool) -> Result<(), DecodeError> {
        if !anew && self.started && self.active.is_some_and(|active| active.shape != sps.shape) {
            return Err(DecodeError::Damaged("its size changes without a key picture"));
        }
        (self.active, self.started) = (Some(sps), true);
        Ok(())
    }
}

impl Shape {
    const fn pixels(&self) -> u64 {
        self.macroblocks.0 as u64 * self.macroblocks.1 as u64 * 256
    }
}

/// Reads on from `frame_num` to the sizes of the lists of references.
fn list_sizes(r: &mut BitReader<'_>, sps: &Sps, pps: &Pps, is_b: bool) -> Option<[u32; 2]> {
    r.skip(sps.frame_num_bits)?;
    let field = !sps.frames_only && r.flag()?;
    if field {
        r.flag()?; // bottom_field_flag
    }
    let deltas = if pps.order_of_fields && !field { 2 } else { 1 };
    match sps.order {
        Order::Bits(bits) => {
            r.skip(bits)?;
            if deltas == 2 {
                r.se()?;
            }
        }
        Order::Deltas => {
            for _ in 0..deltas {
                r.se()?;
            }
        }
        Order::Nothing => {}
    }
    if is_b {
        r.flag()?; // direct_spatial_mv_pred_flag
    }
    let mut sizes = pps.list_sizes;
    if r.flag()? {
        sizes[0] = r.ue()?.saturating_add(1);
        if is_b {
            sizes[1] = r.ue()?.saturating_add(1);
        }
    }
    Some(sizes)
}

fn read_pps(payload: &[u8]) -> Result<(u32, Pps), DecodeError> {
    let mut r = BitReader::plain(payload);
    let mut ue = || r.ue().ok_or(DAMAGED_PPS);
    let (id, sps) = (ue()?, ue()?);
    r.flag().ok_or(DAMAGED_PPS)?; // entropy_coding_mode_flag
    let order_of_fields = r.flag().ok_or(DAMAGED_PPS)?;
    let mut ue = || r.ue().ok_or(DAMAGED_PPS);
    if ue()? != 0 {
        return Err(DecodeError::Unsupported("slice groups"));
    }
    let list_sizes = [ue()?, ue()?].map(|size| size.saturating_add(1));
    if id > 255 || list_sizes.iter().any(|&size| size > MAX_LIST) {
        return Err(DAMAGED_PPS);
    }
    Ok((id, Pps { sps, order_of_fields, list_sizes }))
}

/// `None`: cut short, or out of the standard's range.
fn read_sps(payload: &[u8]) -> Option<(u32, Sps)> {
    let mut r = BitReader::plain(payload);
    let profile = r.bits(8)?;
    r.skip(16)?; // constraints, level_idc
    let id = at_most(r.ue()?, 31)?;
    let (mut chroma_format, mut depth) = (1, 8);
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format = at_most(r.ue()?, 3)?;
        if chroma_format == 3 {
            r.flag()?; // separate_colour_plane_flag
        }
        depth = 8 + at_most(r.ue()?, 6)?;
        at_most(r.ue()?, 6)?; // bit_depth_chroma_minus8
        r.flag()?; // qpprime_y_zero_transform_bypass_flag
        if r.flag()? {
            skip_scaling_lists(&mut r, if chroma_format == 3 { 12 } else { 8 })?;
        }
    }
    let frame_num_bits = 4 + at_most(r.ue()?, 12)?;
    let order = read_order(&mut r)?;
    let references = at_most(r.ue()?, MAX_REFERENCES)?;
    r.flag()?; // gaps_in_frame_num_value_allowed_flag
    let columns = at_most(r.ue()?, 1_023)? + 1;
    let map_units = at_most(r.ue()?, 1_023)? + 1;
    let frames_only = r.flag()?;
    if !frames_only {
        r.flag()?; // mb_adaptive_frame_field_flag
    }
    r.flag()?; // direct_8x8_inference_flag
    let lines = if frames_only { 1 } else { 2 };
    let rows = map_units * lines;
    if u64::from(columns * rows) * u64::from(references) > MAX_BUFFERED_MACROBLOCKS {
        return None;
    }
    let mut height = rows * 16;
    if r.flag()? {
        let unit = if chroma_format == 1 { 2 * lines } else { lines };
        r.ue()?;
        r.ue()?;
        let cropped = r.ue()?.checked_add(r.ue()?)?.checked_mul(unit)?;
        height = height.checked_sub(cropped).filter(|&height| height > 0)?;
    }
    // A VUI that is cut short leaves the usual colours.
    let colours = Colours::read(&mut r).unwrap_or_default();
    let shape = Shape { macroblocks: (columns, rows), chroma_format, depth, frames_only };
    Some((id, Sps { colours, height, frames_only, shape, frame_num_bits, order }))
}

fn at_most(value: u32, max: u32) -> Option<u32> {
    (value <= max).then_some(value)
}

fn skip_scaling_lists(r: &mut BitReader<'_>, count: u32) -> Option<()> {
    for list in 0..count {
        if !r.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + r.se().filter(|delta| (-128..=127).contains(delta))?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

fn read_order(r: &mut BitReader<'_>) -> Option<Order> {
    Some(match r.ue()? {
        0 => Order::Bits(4 + at_most(r.ue()?, 12)?),
        1 => {
            let none_in_slices = r.flag()?; // delta_pic_order_always_zero_flag
            r.se()?;
            r.se()?;
            for _ in 0..at_most(r.ue()?, 255)? {
                r.se()?;
            }
            if none_in_slices { Order::Nothing } else { Order::Deltas }
        }
        2 => Order::Nothing,
        _ => return None,
    })
}

//! What the decoder is not let see.
//!
//! `rust_h265` puts a grey picture in the place of every reference that is missing: a slice header of a few bytes that
//! names dozens of them costs gigabytes. The references of each slice are counted here first (H.265 section 7.3.6.1)
//! and held to the bounds of the standard.

use super::sps::{MAX_REFERENCES, ReferenceSet, Sps};
use crate::decode::colours::Colours;
use crate::decode::{DecodeError, DecodeLimits};
use crate::media::bits::BitReader;
use crate::media::h265::nal_type;
use std::collections::BTreeMap;

/// Luma samples of a picture at level 6.2, the largest (table A.8, MaxLumaPs).
const MAX_LUMA: u64 = 35_651_584;

/// Whether the decoder gets a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Decode,
    /// It is nothing to a decoder.
    PassOver,
}

#[derive(Clone, Copy, Debug)]
struct Pps {
    sps: u32,
    dependent_slices: bool,
    output_flag: bool,
    extra_bits: u32,
}

#[derive(Debug)]
pub(super) struct Guard {
    limits: DecodeLimits,
    sps: BTreeMap<u32, Sps>,
    pps: BTreeMap<u32, Pps>,
    pixels: u64,
    colours: Colours,
}

const DAMAGED_SPS: DecodeError = DecodeError::Damaged("its sequence parameter set can't be read");
const DAMAGED_PPS: DecodeError = DecodeError::Damaged("its picture parameter set can't be read");
const DAMAGED_SLICE: DecodeError = DecodeError::Damaged("a slice header can't be read");
const MISSING: DecodeError = DecodeError::Damaged("a slice refers to a missing parameter set");

impl Guard {
    pub(super) fn new(limits: DecodeLimits) -> Self {
        Self { limits, sps: BTreeMap::new(), pps: BTreeMap::new(), pixels: 0, colours: Colours::default() }
    }

    /// The colours of the latest picture.
    pub(super) const fn colours(&self) -> Colours {
        self.colours
    }

    pub(super) const fn coded_pixels(&self) -> u64 {
        self.pixels
    }

    /// Judges a unit by its type and its payload, from which emulation prevention bytes have been taken out.
    pub(super) fn judge(&mut self, unit_type: u8, payload: &[u8]) -> Result<Verdict, DecodeError> {
        match unit_type {
            0..=9 | 16..=nal_type::CRA => self.judge_slice(unit_type, payload)?,
            nal_type::SPS => {
                let (id, sps) = Sps::read(payload).ok_or(DAMAGED_SPS)?;
                self.limits.check_pixels(sps.pixels)?;
                self.pixels = sps.pixels;
                self.sps.insert(id, sps);
            }
            nal_type::PPS => {
                let (id, pps) = read_pps(payload).ok_or(DAMAGED_PPS)?;
                self.pps.insert(id, pps);
            }
            nal_type::END_OF_SEQUENCE => {}
            _ => return Ok(Verdict::PassOver),
        }
        Ok(Verdict::Decode)
    }

    fn judge_slice(&mut self, unit_type: u8, payload: &[u8]) -> Result<(), DecodeError> {
        let mut r = BitReader::plain(payload);
        let first = r.flag().ok_or(DAMAGED_SLICE)?;
        if unit_type >= 16 {
            r.flag().ok_or(DAMAGED_SLICE)?; // no_output_of_prior_pics_flag
        }
        let pps_id = r.ue().ok_or(DAMAGED_SLICE)?;
        let pps = self.pps.get(&pps_id).ok_or(MISSING)?;
        let sps = self.sps.get(&pps.sps).ok_or(MISSING)?;
        let references = references(&mut r, unit_type, first, sps, pps).ok_or(DAMAGED_SLICE)?;
        if references > max_references(sps.pixels) {
            return Err(DecodeError::Damaged("it refers to too many pictures"));
        }
        (self.pixels, self.colours) = (sps.pixels, sps.colours);
        Ok(())
    }
}

/// Section A.4.2, MaxDpbSize at the largest level, less the current picture.
const fn max_references(pixels: u64) -> usize {
    if pixels <= MAX_LUMA / 4 {
        MAX_REFERENCES
    } else if pixels <= MAX_LUMA / 2 {
        11
    } else if pixels <= MAX_LUMA / 4 * 3 {
        7
    } else {
        5
    }
}

/// Reads on from `dependent_slice_segment_flag` and counts the references; 0 where the slice names none.
fn references(r: &mut BitReader<'_>, unit_type: u8, first: bool, sps: &Sps, pps: &Pps) -> Option<usize> {
    if !first {
        let dependent = pps.dependent_slices && r.flag()?;
        r.skip(bits_for(sps.blocks))?; // slice_segment_address
        if dependent {
            return Some(0);
        }
    }
    r.skip(pps.extra_bits)?;
    r.ue()?; // slice_type
    if pps.output_flag {
        r.flag()?; // pic_output_flag
    }
    if matches!(unit_type, nal_type::IDR_W_RADL | nal_type::IDR_N_LP) {
        return Some(0);
    }
    r.skip(sps.order_bits)?;
    let mut count = if r.flag()? {
        let index = r.bits(bits_for(sps.sets.len() as u32))?;
        sps.sets.get(index as usize)?.len()
    } else {
        ReferenceSet::read(r, &sps.sets, true)?.len()
    };
    if let Some(known) = sps.long_term {
        if known > 0 {
            count = count.checked_add(r.ue()? as usize)?;
        }
        count = count.checked_add(r.ue()? as usize)?;
    }
    Some(count)
}

/// Bits of a number below `count`: Ceil(Log2(count)).
const fn bits_for(count: u32) -> u32 {
    u32::BITS - count.saturating_sub(1).leading_zeros()
}

fn read_pps(payload: &[u8]) -> Option<(u32, Pps)> {
    let mut r = BitReader::plain(payload);
    let (id, sps) = (r.ue()?, r.ue()?);
    let (dependent_slices, output_flag) = (r.flag()?, r.flag()?);
    let extra_bits = r.bits(3)?;
    (id <= 63 && sps <= 15).then_some((id, Pps { sps, dependent_slices, output_flag, extra_bits }))
}

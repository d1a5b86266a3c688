//! The first pass over recordings: what of them belongs to a clip.

use super::assembly::Stored;
use super::cutter::{Cutter, MARGIN};
use super::section::Section;
use super::{ClipError, Footage, Timeline};
use crate::read;
use bytes::Bytes;
use std::ops::Range;
use vas_core::DeviceId;
use vas_core::media::{h265, nal};
use vas_core::model::{GapReason, Group, Recording, WallRange};
use vas_core::ports::store::MAX_READ;

/// Bytes that are read at once, unless a group alone is larger.
const BATCH: u64 = 4 << 20;
/// A hole of more than this between two groups, in ticks of 90 kHz, is one although the index names no gap: what lay
/// there is not kept any more. Half a second.
const HOLE: i64 = 45_000;

/// NAL unit types of leading pictures that can't be decoded when decoding starts with the picture that they lead (ITU-T
/// H.265, section 7.4.2.2: `RASL_N` and `RASL_R`).
const SKIPPED_LEADING: [u8; 2] = [8, 9];

/// A group and the recording that it lies in.
#[derive(Clone, Copy)]
struct Place<'a> {
    recording: u32,
    row: &'a Recording,
    group: &'a Group,
}

/// What the pass is done with.
pub(super) struct Planned {
    pub(super) cutter: Cutter,
    pub(super) recordings: Vec<Recording>,
}

/// Reads what lies in `range` and cuts it.
pub(super) async fn plan(
    footage: &dyn Footage,
    device: DeviceId,
    layer: u8,
    range: WallRange,
) -> Result<Planned, ClipError> {
    // Beyond its ends: the index has the wall times of groups alone, and pictures are stored in the order of decoding.
    let around = WallRange::new(range.start.add_micros(-MARGIN), range.end.add_micros(MARGIN));
    let recordings = footage.recordings(device, layer, around).await?;
    let pictures = recordings.iter().any(|row| row.width > 0);
    let mut cutter = Cutter::new(range);
    let mut number = 0;
    for run in recordings.chunk_by(|one, next| one.run == next.run) {
        let numbered = (number..).zip(run);
        number += run.len() as u32;
        let places: Vec<_> = numbered
            .flat_map(|(recording, row)| {
                row.groups.as_slice().iter().map(move |group| Place { recording, row, group })
            })
            .collect();
        take_run(footage, &mut cutter, &places, range, pictures).await?;
        if cutter.is_done() {
            break;
        }
    }
    cutter.finish();
    Ok(Planned { cutter, recordings })
}

/// Takes what belongs to the clip of one run.
async fn take_run(
    footage: &dyn Footage,
    cutter: &mut Cutter,
    places: &[Place<'_>],
    range: WallRange,
    pictures: bool,
) -> Result<(), ClipError> {
    let Some(timeline) = Timeline::new(places.iter().map(|place| place.group)) else { return Ok(()) };
    // What is shown first is decoded from the last key picture shown before it on. The last one that is decoded before
    // it may be shown after it, and then it is the one before that.
    let decoded =
        places.iter().rposition(|place| place.group.key && place.group.wall <= range.start).unwrap_or(0);
    let first = places[..decoded].iter().rposition(|place| place.group.key).unwrap_or(decoded);
    let places = &places[first..];
    let row = places[0].row;
    let init = footage.read(row, 0..row.init_len.into()).await?;
    let damaged =
        |error: read::ReadError| ClipError::Damaged { recording: row.id, problem: error.to_string() };
    let section = Section::parse(&init).map_err(damaged)?;
    cutter.begin_run(section, timeline, pictures, places[0].group.gap.unwrap_or(GapReason::Storage));

    let mut previous: Option<Place<'_>> = None;
    let mut left = places;
    while let Some(place) = left.first() {
        let range = batch(left);
        let length = range.end.saturating_sub(range.start);
        if length > MAX_READ {
            let problem = format!("a group of {length} bytes is too large");
            return Err(ClipError::Damaged { recording: place.row.id, problem });
        }
        let bytes = footage.read(place.row, range.clone()).await?;
        let here = place.recording;
        while let Some(&place) = left.first()
            && place.recording == here
            && place.group.end_offset() <= range.end
        {
            if let Some(previous) = previous {
                cross(cutter, previous, place);
            }
            take_group(cutter, place, &bytes, range.start)?;
            if cutter.is_done() {
                return Ok(());
            }
            previous = Some(place);
            left = &left[1..];
        }
    }
    Ok(())
}

/// The bytes of the groups at the start of `places` that are read at once.
fn batch(places: &[Place<'_>]) -> Range<u64> {
    let first = places[0];
    let mut range = first.group.offset..first.group.end_offset();
    for place in &places[1..] {
        let adjacent = place.recording == first.recording && place.group.offset == range.end;
        if !adjacent || place.group.end_offset() - range.start > BATCH {
            break;
        }
        range.end = place.group.end_offset();
    }
    range
}

/// Tells the cutter of what lies between two groups of a run.
fn cross(cutter: &mut Cutter, before: Place<'_>, next: Place<'_>) {
    let hole = next.group.media.saturating_sub(before.group.media_end()) > HOLE;
    match next.group.gap {
        Some(reason) if reason.is_loss() => cutter.gap(reason, next.group.key),
        _ if hole => cutter.gap(GapReason::Storage, next.group.key),
        Some(GapReason::ClockJump) => cutter.clock_jump(before.group.wall_end(), next.group.wall),
        _ if before.row.thinned && !next.row.thinned => cutter.restart(),
        _ => {}
    }
}

/// Takes the samples of a group; `bytes` are those of the file from `start` on.
fn take_group(cutter: &mut Cutter, place: Place<'_>, bytes: &Bytes, start: u64) -> Result<(), ClipError> {
    let Place { recording, row, group } = place;
    let damaged = |problem: String| ClipError::Damaged { recording: row.id, problem };
    let from = group.offset.saturating_sub(start) as usize;
    let range = from..from.saturating_add(group.size as usize);
    if range.end > bytes.len() {
        return Err(damaged("its file ends before the index does".to_owned()));
    }
    let data = bytes.slice(range);
    for fragment in read::fragments(data.clone()) {
        let fragment = fragment.map_err(|error| damaged(error.to_string()))?;
        for sample in fragment.samples {
            let read::Sample { track, dts, pts, duration, key, data: payload, .. } = sample;
            if payload.is_empty() {
                continue;
            }
            // Samples share the memory of the group.
            let within = (payload.as_ptr() as usize).wrapping_sub(data.as_ptr() as usize);
            let stored = Stored {
                recording,
                offset: group.offset.saturating_add(within as u64),
                size: payload.len() as u32,
                check: crc32c::crc32c(&payload),
                dts,
                pts,
                duration,
                key,
                restart: false,
            };
            cutter.take(track, stored, || is_skipped_leading(&payload));
        }
    }
    cutter.flush();
    Ok(())
}

fn is_skipped_leading(picture: &[u8]) -> bool {
    nal::units(picture).any(|unit| SKIPPED_LEADING.contains(&h265::nal_unit_type(unit)))
}

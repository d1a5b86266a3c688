//! The playable form of recordings whose sound players of HLS don't decode: sections and segments that are computed, with
//! Opus in place of G.711. The pictures are those of the file, byte for byte.
//!
//! Each segment is made by itself, from the file alone, and still joins the next without a seam: packets lie on one grid
//! of 20 ms for the whole run; the encoder hears what was before the segment, so that it has settled where the segment
//! begins, and what comes after it, so that the last packet is whole.
//!
//! Of a recording whose key pictures alone are left, the playable form has no sound: players wait for what a section
//! announces and the file no longer has.

use super::Stretch;
use crate::library::{Library, LibraryError};
use crate::mux::fmp4::{self, Fmp4Writer, MuxError};
use crate::read::{self, Fragment, Init, ReadError, Sample, Track};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use vas_core::media::{AccessUnit, AudioCodec, AudioFormat, StreamDesc, TrackFormat, UnitKind};
use vas_core::model::recording::{Group, MEDIA_CLOCK, Recording};
use vas_core::transcode::{OpusPacket, ToOpus};
use vas_core::{MediaTime, TrackId, WallTime};

/// Ticks of Opus in a second, and those of a packet.
const OPUS_RATE: i64 = 48_000;
const PACKET: i64 = 960;
/// What the encoder hears before and after a segment, in ticks of 90 kHz: a quarter of a second. Opus has settled after
/// 80 ms (RFC 7845, section 4.6).
const BESIDE: i64 = MEDIA_CLOCK.get() as i64 / 4;

/// Whether a recording needs it.
#[must_use]
pub fn is_needed(recording: &Recording) -> bool {
    let mut codecs = recording.codecs.split(',');
    if recording.thinned { codecs.count() > 1 } else { codecs.any(|codec| matches!(codec, "ulaw" | "alaw")) }
}

/// The initialisation section of the playable form, made of the recording's own.
///
/// # Errors
/// None in practice: what was written once can be written again.
pub fn section(recording: &Recording, init: &Init) -> Result<Bytes, MuxError> {
    let desc = StreamDesc::new(tracks(recording, init).map(|(_, format)| format));
    Ok(Fmp4Writer::new(&desc)?.init_section())
}

/// The tracks that are played and what they become.
fn tracks<'a>(
    recording: &'a Recording,
    init: &'a Init,
) -> impl Iterator<Item = (&'a Track, TrackFormat)> + use<'a> {
    let played = |track: &&Track| !recording.thinned || track.format.video().is_some();
    init.tracks.iter().filter(played).map(|track| (track, became(&track.format)))
}

fn became(format: &TrackFormat) -> TrackFormat {
    match format.audio() {
        Some(audio) if is_g711(audio.codec) => TrackFormat::Audio(AudioFormat::opus(audio.channels)),
        _ => format.clone(),
    }
}

const fn is_g711(codec: AudioCodec) -> bool {
    matches!(codec, AudioCodec::Pcmu | AudioCodec::Pcma)
}

/// What a segment is made of.
#[derive(Clone, Debug)]
pub struct Source {
    init: Arc<Init>,
    recording: Recording,
    /// The groups before the segment, its own, and those after it.
    bytes: [Bytes; 3],
    /// Media times of the segment, in ticks of 90 kHz.
    media: Range<i64>,
}

/// Reads what the segment of a stretch is made of: nothing where [`Stretch::bytes`] finds none in the recording.
///
/// # Errors
/// [`LibraryError`].
pub async fn source(
    library: &Library,
    recording: &Recording,
    stretch: &Stretch,
) -> Result<Source, LibraryError> {
    let groups = recording.groups.as_slice();
    let (first, last) = (stretch.first as usize, stretch.last as usize);
    let bytes = stretch.bytes(recording).unwrap_or(0..0);
    let start = groups.get(first).map_or(0, |group| group.media);
    let media = start..groups.get(last).map_or(start, Group::media_end);
    let before = match first.checked_sub(1).and_then(|before| groups.get(before)) {
        Some(before) => library.read(recording, before.offset..before.end_offset()).await?,
        None => neighbour(library, recording, recording.span.start.add_micros(-1)).await?,
    };
    let after = match groups.get(last + 1) {
        Some(after) => library.read(recording, after.offset..after.end_offset()).await?,
        None => neighbour(library, recording, recording.span.end.add_micros(1)).await?,
    };
    let bytes = [before, library.read(recording, bytes).await?, after];
    Ok(Source { init: library.init(recording).await?, recording: recording.clone(), bytes, media })
}

/// The group that holds `time` in a neighbouring file of the same run; nothing where there is none.
async fn neighbour(library: &Library, recording: &Recording, time: WallTime) -> Result<Bytes, LibraryError> {
    let (device, layer) = (recording.device, recording.layer);
    let found = library.at_or_before(device, layer, time).await?;
    let Some(other) = found.filter(|other| other.run == recording.run && other.id != recording.id) else {
        return Ok(Bytes::new());
    };
    // Of a later file the first group, of an earlier one the last.
    let groups = other.groups.as_slice();
    let group = if other.span.start > recording.span.start { groups.first() } else { groups.last() };
    match group {
        Some(group) => library.read(&other, group.offset..group.end_offset()).await,
        None => Ok(Bytes::new()),
    }
}

/// The segment, as chunks like those of the file.
///
/// # Errors
/// The file is damaged.
pub fn segment(source: &Source) -> Result<Bytes, ReadError> {
    let [before, own, after] = source.bytes.clone().map(fragments);
    let own = own?;
    // What is beside the segment is heard where it can be read.
    let beside = [before.unwrap_or_default(), after.unwrap_or_default()];
    let mut sounds = Vec::new();
    for (track, format) in tracks(&source.recording, &source.init) {
        if format != track.format {
            let heard = beside[0].iter().chain(&own).chain(&beside[1]).flat_map(|fragment| &fragment.samples);
            let heard: Vec<_> = heard.filter(|sample| sample.track == track.number).collect();
            sounds.push((track.number, packets(track, &heard, &source.media)));
        }
    }
    let leader = source.init.leader();
    let begins = |fragment: &Fragment| {
        let first = fragment.samples.iter().find(|sample| sample.track == leader.number)?;
        Some(MediaTime::new(first.dts, leader.timescale).rescale(MEDIA_CLOCK).ticks())
    };
    let mut out = Vec::new();
    for (index, fragment) in own.iter().enumerate() {
        let start = if index == 0 { Some(source.media.start) } else { begins(fragment) };
        let next = own.get(index + 1).and_then(begins).unwrap_or(source.media.end);
        let time = start.unwrap_or(next)..next;
        let played = tracks(&source.recording, &source.init).zip(1..).map(|((track, format), number)| {
            let samples = match sounds.iter().find(|(made, _)| *made == track.number) {
                Some((_, packets)) => {
                    packets.iter().filter(|packet| time.contains(&media_of(packet))).cloned().collect()
                }
                None => {
                    fragment.samples.iter().filter(|sample| sample.track == track.number).cloned().collect()
                }
            };
            (number, format, samples)
        });
        let sequence = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let wall = fragment.wall.unwrap_or(source.recording.span.start);
        out.extend_from_slice(&fmp4::chunk_of(sequence, played, wall).unwrap_or_default());
    }
    Ok(out.into())
}

fn fragments(bytes: Bytes) -> Result<Vec<Fragment>, ReadError> {
    read::fragments(bytes).collect()
}

/// When a packet is played, in ticks of 90 kHz.
const fn media_of(packet: &Sample) -> i64 {
    packet.pts * 15 / 8
}

/// Opus of the samples of a track, as far as it is played in the times `media`.
fn packets(track: &Track, samples: &[&Sample], media: &Range<i64>) -> Vec<Sample> {
    let rate = track.timescale;
    let Some(audio) = track.format.audio() else { return Vec::new() };
    let Ok(mut opus) = ToOpus::new(audio) else { return Vec::new() };
    let near = |time: i64| MediaTime::new(time, MEDIA_CLOCK).rescale(rate).ticks();
    let heard = near(media.start - BESIDE)..near(media.end + BESIDE);
    let mut heard = samples.iter().filter(|sample| heard.contains(&sample.pts));
    let Some(first) = heard.next() else { return Vec::new() };
    let begin = on_the_grid(first.pts, rate.get().into(), opus.lead().into());
    let source = Arc::new(track.format.clone());
    let channels = usize::from(audio.channels.max(1));
    let mut made: Vec<OpusPacket> = Vec::new();
    for sample in std::iter::once(first).chain(heard) {
        // What comes before the place where the grid begins is left out.
        let cut = usize::try_from(begin - sample.pts).unwrap_or(0) * channels;
        if cut < sample.data.len() {
            let pts = MediaTime::new(sample.pts.max(begin), rate);
            opus.push(&unit(pts, sample.data.slice(cut..), &source), &mut made);
        }
    }
    let mut last = i64::MIN;
    let mut kept = Vec::new();
    for packet in made {
        // The grid is met to a few ticks; after a gap to half a packet.
        let place = ticks_of(packet.captured);
        let place = (place + PACKET / 2).div_euclid(PACKET) * PACKET;
        if place > last && media.contains(&(place * 15 / 8)) {
            kept.push(Sample {
                track: track.number,
                dts: place,
                pts: place,
                duration: PACKET as u32,
                key: true,
                disposable: false,
                data: packet.data,
            });
        }
        last = last.max(place);
    }
    kept
}

/// The first sample from `first` on, at `rate`, with which sound may begin so that its packets, which start `lead` ticks
/// before it, lie on the grid of all segments.
fn on_the_grid(first: i64, rate: i64, lead: i64) -> i64 {
    let off = |sample: i64| {
        let place = (sample * OPUS_RATE).div_euclid(rate) - lead;
        let rest = place.rem_euclid(PACKET);
        rest.min(PACKET - rest)
    };
    (first..=first + rate / 50).min_by_key(|sample| off(*sample)).unwrap_or(first)
}

/// A unit as the transcoder takes it, whose time of capture is its media time: the pictures beside it keep theirs.
fn unit(pts: MediaTime, data: Bytes, format: &Arc<TrackFormat>) -> AccessUnit {
    let micros = i128::from(pts.ticks()) * 1_000_000 / i128::from(pts.rate().get());
    let time = WallTime::from_unix_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    AccessUnit {
        track: TrackId(0),
        seq: 0,
        epoch: 0,
        pts,
        dts: pts,
        received: time,
        captured: time,
        kind: UnitKind::Audio,
        lost_before: 0,
        format: format.clone(),
        data,
    }
}

fn ticks_of(time: WallTime) -> i64 {
    let ticks = (i128::from(time.as_unix_micros()) * i128::from(OPUS_RATE) + 500_000).div_euclid(1_000_000);
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_begins_where_the_grid_is() {
        for (rate, lead) in [(8_000, 695), (16_000, 500), (44_100, 333), (48_000, 0)] {
            for first in [0, 1, 159, 160, 12_345] {
                let begin = on_the_grid(first, rate, lead);
                assert!((first..=first + rate / 50).contains(&begin));
                let rest = (begin * OPUS_RATE / rate - lead).rem_euclid(PACKET);
                assert!(rest.min(PACKET - rest) <= 3, "{rate} {first}: {rest}");
            }
        }
    }
}

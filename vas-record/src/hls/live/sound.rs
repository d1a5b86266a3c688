//! Sound that players of HLS don't decode, made into Opus on its way into a live window.
//!
//! The sound keeps its own timeline: what follows from its media times, not from the times of its capture, since the
//! pictures beside it keep theirs.

use std::sync::Arc;
use vas_core::media::{AccessUnit, AudioCodec, AudioFormat, Codec, StreamDesc, TrackFormat};
use vas_core::transcode::{OpusPacket, ToOpus, TranscodeError};
use vas_core::{MediaTime, TrackId, WallTime};

/// Microseconds of a second.
const SECOND: i128 = 1_000_000;

/// One stream with Opus in place of G.711, and all else as it came.
#[derive(Debug, Default)]
pub(super) struct Playable {
    /// The stream's description as it came, and as it is passed on.
    desc: Option<(Arc<StreamDesc>, Arc<StreamDesc>)>,
    made: Vec<Made>,
    packets: Vec<OpusPacket>,
}

/// A track that becomes Opus.
#[derive(Debug)]
struct Made {
    track: TrackId,
    epoch: u32,
    /// What the units have.
    source: Arc<TrackFormat>,
    opus: ToOpus,
    /// What is made of them.
    format: Arc<TrackFormat>,
}

impl Playable {
    /// Gives `take` what becomes of a unit of the stream that `desc` describes: one unit, none or some.
    pub(super) fn pass(
        &mut self,
        unit: &AccessUnit,
        desc: &Arc<StreamDesc>,
        mut take: impl FnMut(&AccessUnit, &Arc<StreamDesc>),
    ) {
        let desc = self.describe(desc);
        if !is_g711(&unit.format) {
            return take(unit, &desc);
        }
        let Ok(index) = self.made_of(unit) else { return take(unit, &desc) };
        let Made { opus, format, .. } = &mut self.made[index];
        let timed = AccessUnit { captured: time_of(unit.pts), ..unit.clone() };
        opus.push(&timed, &mut self.packets);
        for packet in self.packets.drain(..) {
            let rate = format.clock_rate();
            let pts = MediaTime::new(ticks_of(packet.captured, rate.get()), rate);
            let captured = unit.captured.add_micros(packet.captured.micros_since(timed.captured));
            let (format, data) = (format.clone(), packet.data);
            let made = AccessUnit { pts, dts: pts, captured, lost_before: 0, format, data, ..unit.clone() };
            take(&made, &desc);
        }
    }

    /// The description of what is passed on.
    fn describe(&mut self, desc: &Arc<StreamDesc>) -> Arc<StreamDesc> {
        if let Some((_, made)) = self.desc.as_ref().filter(|(known, _)| Arc::ptr_eq(known, desc)) {
            return made.clone();
        }
        let mut made = desc.clone();
        if desc.tracks.iter().any(|track| is_g711(&track.format)) {
            for track in &mut Arc::make_mut(&mut made).tracks {
                if let Ok((_, format)) = opus_of(&track.format) {
                    track.format = format;
                }
            }
        }
        self.desc = Some((desc.clone(), made.clone()));
        made
    }

    /// The number of what makes Opus of the track of `unit`, whose times go on from the last one's.
    fn made_of(&mut self, unit: &AccessUnit) -> Result<usize, TranscodeError> {
        let known = self.made.iter().position(|made| made.track == unit.track);
        let goes_on = |made: &Made| made.epoch == unit.epoch && *made.source == *unit.format;
        if let Some(index) = known.filter(|index| goes_on(&self.made[*index])) {
            return Ok(index);
        }
        let (opus, format) = opus_of(&unit.format)?;
        let made = Made { track: unit.track, epoch: unit.epoch, source: unit.format.clone(), opus, format };
        match known {
            Some(index) => self.made[index] = made,
            None => self.made.push(made),
        }
        Ok(known.unwrap_or(self.made.len() - 1))
    }
}

fn is_g711(format: &TrackFormat) -> bool {
    matches!(format.codec(), Codec::Audio(AudioCodec::Pcmu | AudioCodec::Pcma))
}

fn opus_of(format: &TrackFormat) -> Result<(ToOpus, Arc<TrackFormat>), TranscodeError> {
    let audio = format.audio().filter(|_| is_g711(format)).ok_or(TranscodeError::Config)?;
    let opus = ToOpus::new(audio)?;
    let format = AudioFormat::opus(opus.channels() as u8);
    Ok((opus, Arc::new(TrackFormat::Audio(format))))
}

/// A media time as the transcoder takes it.
fn time_of(time: MediaTime) -> WallTime {
    let micros = i128::from(time.ticks()) * SECOND / i128::from(time.rate().get());
    WallTime::from_unix_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// A time of the transcoder as a media time; a microsecond is far less than a tick.
fn ticks_of(time: WallTime, rate: u32) -> i64 {
    let ticks = (i128::from(time.as_unix_micros()) * i128::from(rate) + SECOND / 2).div_euclid(SECOND);
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::testing;

    fn passed(units: &[AccessUnit], desc: &Arc<StreamDesc>) -> Vec<AccessUnit> {
        let (mut playable, mut out) = (Playable::default(), Vec::new());
        for unit in units {
            playable.pass(unit, desc, |unit, desc| {
                assert!(desc.tracks.iter().all(|track| !is_g711(&track.format)));
                out.push(unit.clone());
            });
        }
        out
    }

    /// 20 ms of silence, `n` packets after the first one.
    fn unit(n: i64, epoch: u32) -> AccessUnit {
        let unit = testing::audio_unit(0);
        let pts = MediaTime::new(16_000 + n * 160, unit.pts.rate());
        let captured = WallTime::from_unix_micros(1_700_000_000_000_000 + n * 20_000);
        AccessUnit { pts, dts: pts, captured, epoch, data: vec![0xff; 160].into(), ..unit }
    }

    #[test]
    fn sound_keeps_its_time_and_goes_on() {
        let desc = Arc::new(StreamDesc::new([TrackFormat::Audio(AudioFormat::g711(AudioCodec::Pcmu))]));
        let units: Vec<_> = (0..100).map(|n| unit(n, 0)).collect();
        let out = passed(&units, &desc);
        assert!((95..=101).contains(&out.len()), "{}", out.len());
        // 16,000 ticks of 8 kHz are two seconds; the first packet begins with what the filters delay.
        let first = out[0].pts.ticks();
        assert!((96_000 - 1_000..=96_000).contains(&first), "{first}");
        for (n, unit) in out.iter().enumerate() {
            assert_eq!(unit.pts.ticks(), first + n as i64 * 960);
            let told = unit.captured.micros_since(out[0].captured);
            assert!(told.abs_diff(n as i64 * 20_000) <= 20, "{told}");
            assert_eq!(unit.format.codec(), Codec::Audio(AudioCodec::Opus));
        }
    }

    #[test]
    fn a_new_session_begins_anew_and_pictures_pass() {
        let desc = testing::video_desc();
        let picture = testing::key_picture(0);
        assert_eq!(passed(std::slice::from_ref(&picture), &desc.into())[0].data, picture.data);
        let desc = Arc::new(StreamDesc::new([TrackFormat::Audio(AudioFormat::g711(AudioCodec::Pcmu))]));
        let units: Vec<_> = (0..20).map(|n| unit(n, 0)).chain((0..20).map(|n| unit(n, 1))).collect();
        let out = passed(&units, &desc);
        let first = |epoch| out.iter().find(|unit| unit.epoch == epoch).map(|unit| unit.pts.ticks());
        assert_eq!(first(0), first(1));
    }
}

//! Decides, sample by sample, what belongs to a clip.

use super::Timeline;
use super::assembly::{Assembly, Stored, TrackKind};
use super::section::{Section, SectionTrack};
use super::sound::{End, SoundQueue, Wanted};
use std::num::NonZeroU32;
use vas_core::model::{GapReason, MEDIA_CLOCK, WallRange};
use vas_core::{MediaTime, WallTime};

/// Pictures of a part that are looked at before its place in the clip is settled: more than any codec reorders.
const LOOKAHEAD: u64 = 32;
/// Microseconds past the end of the range after which nothing is looked for any more.
pub(super) const MARGIN: i64 = 10_000_000;

/// Takes the samples of recordings in the order of their files.
///
/// What it takes falls into *parts*, stretches without a gap. Their pictures follow each other without a gap in the
/// clip. Samples that nothing shown needs are left out as far as that can be told from their order.
#[derive(Debug)]
pub(super) struct Cutter {
    range: WallRange,
    pub(super) assembly: Assembly,
    run: Option<Run>,
    part: Part,
    sound: SoundQueue,
    /// The gap before the next picture that is shown: where it starts, and why it is.
    gap: Option<(WallTime, GapReason)>,
    pub(super) gaps: Vec<(WallRange, GapReason)>,
    /// UTC of the first picture shown, and of the end of the last of the parts that have ended.
    pub(super) start: Option<WallTime>,
    pub(super) end: WallTime,
    /// Pictures that are shown.
    pub(super) pictures: u64,
    /// Length of the parts that have ended, in ticks of the leader.
    pub(super) length: u64,
    /// Where the last of them ends among the leader's samples.
    media_end: i64,
    /// How much later than by their stored times pictures are shown after they are decoded, in ticks of the leader.
    bias: i64,
    done: bool,
}

/// What is being read.
#[derive(Debug)]
struct Run {
    timeline: Timeline,
    leader: RunTrack,
    sound: Option<RunTrack>,
}

#[derive(Debug)]
struct RunTrack {
    track: SectionTrack,
    description: u16,
    /// Ticks per second in the clip.
    timescale: NonZeroU32,
}

/// A stretch without a gap.
#[derive(Debug, Default)]
struct Part {
    /// A key picture has come, so that those after it can be decoded.
    decoding: bool,
    /// The time of a key picture that those before it are missing to: what is shown before it can't be decoded.
    leading: Option<i64>,
    /// Taken, and not yet in the assembly.
    pending: Vec<Stored>,
    /// How many of them are needed by what is shown so far.
    needed: usize,
    shown: Option<Shown>,
    /// The first picture after the end of the range that has come.
    beyond: Option<i64>,
    /// A key picture after the end of the range.
    past: Option<i64>,
    /// What is added to decoding times.
    shift: Option<i64>,
}

/// The pictures of a part that are shown.
#[derive(Clone, Copy, Debug)]
struct Shown {
    count: u64,
    first: i64,
    first_wall: WallTime,
    last: i64,
    last_duration: u32,
    /// The longest duration of the others.
    longest: u32,
}

/// A time of the run in the ticks of another clock.
pub(super) fn rescale(ticks: i64, from: NonZeroU32, to: NonZeroU32) -> i64 {
    MediaTime::new(ticks, from).rescale(to).ticks()
}

impl Cutter {
    pub(super) fn new(range: WallRange) -> Self {
        Self {
            range,
            assembly: Assembly::default(),
            run: None,
            part: Part::default(),
            sound: SoundQueue::default(),
            gap: None,
            gaps: Vec::new(),
            start: None,
            end: range.start,
            pictures: 0,
            length: 0,
            media_end: 0,
            bias: 0,
            done: false,
        }
    }

    /// Nothing that comes can belong to the clip any more.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// A run begins, after `reason`. `pictures`: the clip shows pictures; a run without them is passed over.
    pub(super) fn begin_run(
        &mut self,
        section: Section,
        timeline: Timeline,
        pictures: bool,
        reason: GapReason,
    ) {
        self.end_part(reason, false);
        self.part = Part::default();
        let Section { video, audio } = section;
        let (leader, sound) = if pictures { (video, audio) } else { (audio, None) };
        let mut describe = |kind, track: SectionTrack| {
            let (description, timescale) = self.assembly.describe(kind, &track);
            RunTrack { track, description, timescale }
        };
        self.run = leader.map(|leader| Run {
            timeline,
            leader: describe(TrackKind::Leader, leader),
            sound: sound.map(|sound| describe(TrackKind::Sound, sound)),
        });
    }

    /// Media is missing here. `key`: a key picture is next.
    pub(super) fn gap(&mut self, reason: GapReason, key: bool) {
        let decoding = self.part.decoding && !key;
        if decoding && self.part.shown.is_none() {
            // What was read is still needed to decode what comes.
            return;
        }
        self.end_part(reason, false);
        self.part = Part { decoding, ..Part::default() };
    }

    /// Pictures that the next ones may need are not there, though no time is missing.
    pub(super) const fn restart(&mut self) {
        self.part.decoding = false;
    }

    /// This machine's clock was set from `before` to `after`; no media is missing.
    pub(super) fn clock_jump(&mut self, before: WallTime, after: WallTime) {
        if self.part.shown.is_some() && before < after {
            self.gaps.push((WallRange::new(before, after), GapReason::ClockJump));
        }
    }

    /// Takes a sample of track `number`, whose times are in the ticks of its file. `undecodable` tells of a picture of
    /// an H.265 stream that it can't be decoded when it is shown before the key picture that decoding started with.
    pub(super) fn take(&mut self, number: u32, sample: Stored, undecodable: impl FnOnce() -> bool) {
        let Some(run) = &self.run else { return };
        let in_clip = |track: &RunTrack, sample: Stored| {
            let (from, to) = (track.track.timescale, track.timescale);
            Stored {
                dts: rescale(sample.dts, from, to),
                pts: rescale(sample.pts, from, to),
                duration: u32::try_from(rescale(sample.duration.into(), from, to)).unwrap_or(u32::MAX),
                ..sample
            }
        };
        if number == run.leader.track.number {
            let media = rescale(sample.pts, run.leader.track.timescale, MEDIA_CLOCK);
            let wall = run.timeline.wall_of(media);
            let sample = in_clip(&run.leader, sample);
            let open = if run.leader.track.is_h265() { undecodable() } else { run.leader.track.is_h264() };
            self.take_leader(sample, wall, open);
        } else if let Some(sound) = &run.sound
            && number == sound.track.number
        {
            self.sound.push(in_clip(sound, sample));
        }
    }

    fn take_leader(&mut self, mut sample: Stored, wall: WallTime, undecodable: bool) {
        if self.done {
            // The sound of what is shown may still come.
            return;
        }
        let part = &mut self.part;
        if !part.decoding {
            if !sample.key {
                return;
            }
            (part.decoding, part.leading) = (true, Some(sample.pts));
            sample.restart = self.run.as_ref().is_some_and(|run| run.leader.track.is_h265());
        } else if sample.key {
            part.leading = None;
        }
        if sample.key && part.shown.is_none() && wall <= self.range.start {
            // Nothing shown needs what came before; what leads this picture goes with it.
            part.pending.clear();
            part.leading = Some(sample.pts);
        }
        if let Some(key) = part.leading
            && !sample.key
        {
            if sample.pts >= key {
                part.leading = None;
            } else if undecodable {
                return;
            }
        }
        if wall >= self.range.end {
            if part.past.is_some_and(|past| sample.pts > past) || wall.micros_since(self.range.end) > MARGIN {
                self.done = true;
                return;
            }
            if sample.key {
                part.past.get_or_insert(sample.pts);
            }
            part.beyond = Some(part.beyond.map_or(sample.pts, |beyond| beyond.min(sample.pts)));
        }
        part.pending.push(sample);
        if self.range.contains(wall) {
            part.needed = part.pending.len();
            match &mut part.shown {
                Some(shown) => shown.add(&sample, wall),
                shown => *shown = Some(Shown::new(&sample, wall)),
            }
        }
    }

    /// Puts what is settled into the assembly: called after every group.
    pub(super) fn flush(&mut self) {
        match self.part.shown {
            Some(shown) if self.part.shift.is_some() || shown.count >= LOOKAHEAD => {
                self.settle(shown);
                self.settle_sound(shown, None);
            }
            Some(_) => {}
            None => {
                // The sound of what is only decoded is not needed.
                if let (Some(first), Some(run)) = (self.part.pending.first(), &self.run)
                    && let Some(sound) = &run.sound
                {
                    self.sound.forget_before(rescale(first.pts, run.leader.timescale, sound.timescale));
                }
            }
        }
        self.assembly.mark();
    }

    /// Puts the needed samples of the part into the assembly.
    fn settle(&mut self, shown: Shown) {
        if self.part.shift.is_none()
            && let Some(run) = &self.run
        {
            self.part.begin_with(shown.first, run.leader.track.is_h265());
        }
        let (Some(run), Some(first)) = (&self.run, self.part.pending.first()) else { return };
        let is_first = self.assembly.leader.as_ref().is_none_or(|leader| leader.table.count() == 0);
        let shift = *self.part.shift.get_or_insert_with(|| {
            if is_first {
                // An edit can't start before the first sample is decoded, and players like pictures to be shown no earlier
                // than they are decoded.
                let early =
                    self.part.pending.iter().map(|sample| sample.dts.saturating_sub(sample.pts)).max();
                self.bias = first.dts.saturating_sub(shown.first).max(early.unwrap_or(0)).max(0);
                first.dts.saturating_neg()
            } else {
                // Presentation goes on at once; decoding times that overlap with those before are moved up by the table.
                self.media_end.saturating_sub(shown.first).saturating_sub(self.bias)
            }
        });
        for sample in self.part.pending.drain(..self.part.needed) {
            let offset = sample.pts.saturating_sub(sample.dts).saturating_add(self.bias);
            let offset = offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            let dts = sample.dts.saturating_add(shift);
            self.assembly.add(TrackKind::Leader, run.leader.description, &sample, dts, offset);
        }
        self.part.needed = 0;
    }

    /// Puts the sound of the part into the assembly, up to what is surely shown or, where the part ends, to its `end`.
    fn settle_sound(&mut self, shown: Shown, end: Option<(i64, bool)>) {
        let Some(Run { leader, sound: Some(sound), .. }) = &self.run else { return };
        let in_sound = |ticks| rescale(ticks, leader.timescale, sound.timescale);
        // Only the first part has sound that is hidden: the others go on where sound has been.
        let pre_roll = (self.length == 0)
            .then(|| rescale(sound.track.pre_roll().into(), sound.track.timescale, sound.timescale));
        let wanted = Wanted {
            start: in_sound(shown.first),
            at: in_sound(i64::try_from(self.length).unwrap_or(i64::MAX)),
            pre_roll,
            end: match end {
                None => End::Open(in_sound(shown.last)),
                Some((end, true)) => End::Last(in_sound(end)),
                Some((end, false)) => End::Inner(in_sound(end)),
            },
        };
        let assembly = &mut self.assembly;
        self.sound.take(wanted, |packet, place| {
            assembly.add(TrackKind::Sound, sound.description, packet, place, 0);
        });
    }

    /// Ends the part before a gap, or with the clip where it is the `last`.
    fn end_part(&mut self, reason: GapReason, last: bool) {
        if let Some(shown) = self.part.shown {
            self.settle(shown);
            let end = self.part.end(shown, last);
            self.settle_sound(shown, Some((end, last)));
            if let (Some(shift), Some(track)) = (self.part.shift, &mut self.assembly.leader) {
                let media = shown.first.saturating_add(shift).saturating_add(self.bias);
                let length = end.saturating_sub(shown.first).unsigned_abs();
                track.show(Some(media.max(0).unsigned_abs()), length);
                self.media_end = media.saturating_add_unsigned(length);
                self.length = self.length.saturating_add(length);
            }
            if let Some((before, why)) = self.gap.take()
                && before < shown.first_wall
            {
                self.gaps.push((WallRange::new(before, shown.first_wall), why));
            }
            self.start.get_or_insert(shown.first_wall);
            self.pictures += shown.count;
            if let Some(run) = &self.run {
                self.end = run.timeline.wall_until(rescale(end, run.leader.timescale, MEDIA_CLOCK));
            }
            self.gap = Some((self.end, reason));
        }
        self.sound.clear();
        self.assembly.mark();
    }

    /// Where the sound starts, in ticks of its track; 0 where it starts with the pictures or before them.
    pub(super) fn sound_starts(&self) -> u64 {
        self.sound.first.map_or(0, |first| first.max(0).unsigned_abs())
    }

    /// Nothing comes any more.
    pub(super) fn finish(&mut self) {
        self.end_part(GapReason::Started, true);
        self.assembly.drop_unused();
        // The clock may have been set after the last picture.
        self.gaps.retain(|(gap, _)| gap.end < self.end);
        self.gaps.sort_by_key(|(gap, _)| gap.start);
        if let Some(leader) = &mut self.assembly.leader {
            leader.table.finish();
        }
        let Some(sound) = &mut self.assembly.sound else { return };
        let Some(first) = self.sound.first else {
            self.assembly.sound = None;
            return;
        };
        sound.table.finish();
        let leader = self.assembly.leader.as_ref().map_or(sound.timescale, |leader| leader.timescale);
        // Sound that starts with the pictures or before them, or a stretch without any.
        let silent = rescale(first.max(0), sound.timescale, leader).unsigned_abs().min(self.length);
        if silent > 0 {
            sound.show(None, silent);
        }
        let hidden = first.min(0).unsigned_abs();
        let audible = i64::try_from(sound.table.length().saturating_sub(hidden)).unwrap_or(i64::MAX);
        let audible = rescale(audible, sound.timescale, leader).unsigned_abs();
        sound.show(Some(hidden), audible.min(self.length - silent));
    }
}

impl Part {
    /// Where the first picture shown is a key picture, nothing shown needs what is decoded before it: nor do pictures that
    /// lead it, which go as well. That can only be told when it is known that none of these is shown.
    ///
    /// Players that count samples anew for an edit list that begins a group later, as ffmpeg does, would also look for a
    /// change of parameters in the wrong place.
    fn begin_with(&mut self, first: i64, is_h265: bool) {
        let key = self.pending.iter().rposition(|sample| sample.key && sample.pts == first);
        let Some(key) = key.filter(|key| *key > 0) else { return };
        let needed = self.pending.drain(..key).count();
        self.needed -= needed.min(self.needed);
        let leads = |sample: &Stored| sample.pts < first;
        self.needed -= self.pending[..self.needed].iter().filter(|sample| leads(sample)).count();
        self.pending.retain(|sample| !leads(sample));
        self.pending[0].restart = is_h265;
    }

    /// Where its last picture ends. That of the clip lasts until the next one, which is not shown; before a gap a
    /// picture's duration may have come to hold the gap, so that it is taken to be no longer than others.
    fn end(&self, shown: Shown, last: bool) -> i64 {
        let duration = match self.beyond {
            Some(beyond) if beyond > shown.last => beyond.saturating_sub(shown.last),
            _ if last || shown.longest == 0 => shown.last_duration.into(),
            _ => shown.last_duration.min(shown.longest).into(),
        };
        shown.last.saturating_add(duration.max(1))
    }
}

impl Shown {
    const fn new(sample: &Stored, wall: WallTime) -> Self {
        Self {
            count: 1,
            first: sample.pts,
            first_wall: wall,
            last: sample.pts,
            last_duration: sample.duration,
            longest: 0,
        }
    }

    fn add(&mut self, sample: &Stored, wall: WallTime) {
        self.count += 1;
        if sample.pts < self.first {
            (self.first, self.first_wall) = (sample.pts, wall);
        }
        if sample.pts > self.last {
            self.longest = self.longest.max(self.last_duration);
            (self.last, self.last_duration) = (sample.pts, sample.duration);
        } else {
            self.longest = self.longest.max(sample.duration);
        }
    }
}

//! A clip as it is put together: tables of samples, the stored bytes they are, and what of them is shown.

use super::section::SectionTrack;
use super::table::SampleTable;
use bytes::Bytes;
use std::num::NonZeroU32;

/// Bytes that a piece grows to. A larger sample is a piece of its own.
const MAX_PIECE: u32 = 1 << 20;

/// A sample of a stored file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Place of its recording in the plan's list.
    pub(super) recording: u32,
    /// Its first byte in the file.
    pub(super) offset: u64,
    pub(super) size: u32,
    /// CRC-32C of its bytes.
    pub(super) check: u32,
    /// In ticks of the clip's track, in the timeline of the run.
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) duration: u32,
    pub(super) key: bool,
    /// A key picture of H.265 before which pictures are missing.
    pub(super) restart: bool,
}

/// Samples of one track that lie side by side in a stored file and in the clip: a "chunk" of the standard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) len: u32,
    /// CRC-32C of its bytes, as they were when the clip was planned.
    pub(super) check: u32,
    pub(super) samples: u32,
    pub(super) recording: u32,
    /// Which of the track's sample entries describes it, from 1.
    pub(super) description: u16,
    pub(super) track: TrackKind,
    /// It is one picture, to be marked by [`broken_link`](super::link::broken_link).
    pub(super) broken_link: bool,
}

/// The tracks of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrackKind {
    /// The one that decides what is shown: the pictures, or the sound where there are none.
    Leader,
    /// The sound that goes with pictures.
    Sound,
}

/// A stretch of a track's samples that is shown (ISO/IEC 14496-12, section 8.6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Where it starts among the samples, in ticks of the track; `None`: nothing is shown.
    pub(super) media: Option<u64>,
    /// Its length in ticks of the movie, which are those of the leader.
    pub(super) length: u64,
}

/// A sample entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// The whole box.
    pub(super) data: Bytes,
    /// In pixels; 0 for sound.
    pub(super) width: u32,
    pub(super) height: u32,
    /// As in RFC 6381.
    codec: String,
}

/// One track of the clip.
#[derive(Debug)]
pub(super) struct ClipTrack {
    pub(super) timescale: NonZeroU32,
    pub(super) is_video: bool,
    /// Its sample entries, each once.
    pub(super) entries: Vec<Entry>,
    pub(super) table: SampleTable,
    pub(super) edits: Vec<Edit>,
}

impl ClipTrack {
    fn new(track: &SectionTrack) -> Self {
        Self {
            timescale: track.timescale,
            is_video: track.format.video().is_some(),
            entries: Vec::new(),
            table: SampleTable::default(),
            edits: Vec::new(),
        }
    }

    /// The number of the sample entry of `track`.
    fn describe(&mut self, track: &SectionTrack) -> u16 {
        let known = self.entries.iter().position(|entry| entry.data == track.entry);
        let index = known.unwrap_or_else(|| {
            let (width, height) = track.format.video().map_or((0, 0), |video| (video.width, video.height));
            let codec = track.format.rfc6381().to_owned();
            self.entries.push(Entry { data: track.entry.clone(), width, height, codec });
            self.entries.len() - 1
        });
        u16::try_from(index + 1).unwrap_or(u16::MAX)
    }

    /// Shows `length` more, from `media` on.
    pub(super) fn show(&mut self, media: Option<u64>, length: u64) {
        let joins = |last: &Edit| match (last.media, media) {
            // Only the leader has more than one, and its ticks are the movie's.
            (Some(start), Some(next)) => start.checked_add(last.length) == Some(next),
            _ => false,
        };
        match self.edits.last_mut() {
            Some(last) if joins(last) => last.length += length,
            _ => self.edits.push(Edit { media, length }),
        }
    }
}

/// What was taken so far.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    pub(super) leader: Option<ClipTrack>,
    pub(super) sound: Option<ClipTrack>,
    pub(super) pieces: Vec<Piece>,
    /// Where a fragment may end, as numbers of pieces.
    pub(super) marks: Vec<u32>,
}

impl Assembly {
    /// The number of a sample entry in its track, and the track's ticks per second.
    pub(super) fn describe(&mut self, kind: TrackKind, track: &SectionTrack) -> (u16, NonZeroU32) {
        let place = match kind {
            TrackKind::Leader => &mut self.leader,
            TrackKind::Sound => &mut self.sound,
        };
        let known = place.get_or_insert_with(|| ClipTrack::new(track));
        (known.describe(track), known.timescale)
    }

    /// Adds a sample, which is decoded at `dts` and shown `shift` later, in ticks of the track.
    pub(super) fn add(&mut self, kind: TrackKind, description: u16, sample: &Stored, dts: i64, shift: i32) {
        let track = match kind {
            TrackKind::Leader => &mut self.leader,
            TrackKind::Sound => &mut self.sound,
        };
        let Some(track) = track else { return };
        let broken_link = sample.restart && track.table.count() > 0;
        track.table.push(dts, shift, sample.duration, sample.size, sample.key);
        let pieces = self.pieces.len();
        let marked = self.marks.last().map_or(0, |&mark| mark as usize);
        match self.pieces.last_mut() {
            Some(piece)
                if piece.track == kind
                    && !(piece.broken_link || broken_link)
                    && piece.description == description
                    && piece.recording == sample.recording
                    && piece.offset + u64::from(piece.len) == sample.offset
                    && piece.len.saturating_add(sample.size) <= MAX_PIECE
                    && marked < pieces =>
            {
                piece.check = crc32c::crc32c_combine(piece.check, sample.check, sample.size as usize);
                piece.len += sample.size;
                piece.samples += 1;
            }
            _ => self.pieces.push(Piece {
                offset: sample.offset,
                len: sample.size,
                check: sample.check,
                samples: 1,
                recording: sample.recording,
                description,
                track: kind,
                broken_link,
            }),
        }
    }

    /// Lets a fragment end here.
    pub(super) fn mark(&mut self) {
        let pieces = u32::try_from(self.pieces.len()).unwrap_or(u32::MAX);
        if self.marks.last().copied().unwrap_or(0) < pieces {
            self.marks.push(pieces);
        }
    }

    /// Bytes of all samples.
    pub(super) fn media_len(&self) -> u64 {
        self.pieces.iter().map(|piece| u64::from(piece.len)).sum()
    }

    /// Forgets the sample entries that describe nothing: those of runs that were read for their neighbours' sake.
    pub(super) fn drop_unused(&mut self) {
        for (kind, track) in [(TrackKind::Leader, &mut self.leader), (TrackKind::Sound, &mut self.sound)] {
            let Some(track) = track else { continue };
            let mut used = vec![false; track.entries.len()];
            for piece in self.pieces.iter().filter(|piece| piece.track == kind) {
                used[usize::from(piece.description) - 1] = true;
            }
            let kept = |index: u16| used[..usize::from(index)].iter().filter(|used| **used).count() as u16;
            for piece in self.pieces.iter_mut().filter(|piece| piece.track == kind) {
                piece.description = kept(piece.description);
            }
            let mut used = used.into_iter();
            track.entries.retain(|_| used.next() == Some(true));
        }
    }

    /// The codecs of all tracks as in RFC 6381, with commas between.
    pub(super) fn codecs(&self) -> String {
        let tracks = [&self.leader, &self.sound].into_iter().flatten();
        let mut names: Vec<&str> = Vec::new();
        for entry in tracks.flat_map(|track| &track.entries) {
            if !names.contains(&entry.codec.as_str()) {
                names.push(&entry.codec);
            }
        }
        names.join(",")
    }
}

//! Fragmented MP4 (ISO/IEC 14496-12) with H.264 and H.265 (ISO/IEC 14496-15), AV1, VP8, AAC (ISO/IEC 14496-14), Opus and
//! G.711.
//!
//! What is written:
//!
//! - An initialisation section: `ftyp` (brand `iso6`) and a `moov` without samples. H.264 is `avc1`, H.265 is `hvc1`:
//!   parameter sets stand in the sample entry alone, and are left out of the samples where a camera repeats them. AV1 is
//!   `av01`, VP8 `vp08`, Opus `Opus`, G.711 QuickTime's `ulaw` and `alaw`, a packet a sample.
//! - Chunks: a `prft` (section 8.16.5) that tells when the first sample was captured, a `moof` and its `mdat`, with 64-bit
//!   decode times (`tfdt`, section 8.8.12), a run per track (`trun`, section 8.8.8) and data offsets counted from the
//!   `moof`. A file is the section followed by any number of chunks, and a chunk that is cut off harms none before it.
//!
//! Times: presentation starts at 0 with the first key picture, or at its capture ([`MediaOrigin`]). Composition offsets are signed, so that no edit list
//! is needed where pictures are reordered. Tracks, whose media times have origins of their own, are laid beside each
//! other by the capture times of their first units. Where media is missing for more than two seconds a chunk ends, and
//! the next one begins as much later: no sample is stretched over the hole.
//!
//! Deliberately absent: G.722, which no sample entry that players know stands for (refused by [`Fmp4Writer::new`], see
//! [`carries`]), segment indexes, encryption.

mod chunk;
mod init;
mod sample_entry;
mod track;

#[cfg(feature = "transcode")]
use crate::read::Sample;
use bytes::Bytes;
pub(crate) use track::Marked;
use track::TrackWriter;
use vas_core::media::{AccessUnit, AudioCodec, Codec, StreamDesc, Track, TrackFormat, VideoCodec};
use vas_core::{ErrorKind, HasKind, TrackId, WallTime};

/// Most that may be pending, in bytes: about a minute of the largest cameras. The offsets of a run have 31 bits.
const MAX_PENDING: usize = 256 << 20;

/// Why MP4 can't be made of a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MuxError {
    /// The description has no tracks.
    #[error("the stream has no tracks; describe it before recording it")]
    NoTracks,
    /// The track's codec is not written; see [`carries`].
    #[error("track {track} carries {codec}, which is not written to MP4; leave the track out")]
    UnsupportedCodec {
        /// The track.
        track: TrackId,
        /// Its codec.
        codec: Codec,
    },
    /// The track's format can't be put into a sample entry.
    #[error("the format of track {track} is unusable: {problem}")]
    BadFormat {
        /// The track.
        track: TrackId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The unit belongs to a track that the writer was not made for.
    #[error("track {0} is not part of this file; leave its units out")]
    UnknownTrack(TrackId),
    /// The unit has another format than the initialisation section tells.
    #[error("the format of track {0} changed; finish this file and start a new initialisation section")]
    FormatChanged(TrackId),
    /// The unit comes from another session of the source, whose media times have no relation to those before.
    #[error("the source started over; finish this file and start a new initialisation section")]
    EpochChanged,
    /// The unit lies further from the one before, or its presentation from its decoding, than a run can express.
    #[error("the time of track {0} jumps out of range; finish this file and start a new one")]
    TimeOutOfRange(TrackId),
    /// Too much was pushed since the last chunk was taken.
    #[error("more than {MAX_PENDING} bytes are pending; take chunks more often")]
    ChunkFull,
}

impl HasKind for MuxError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoTracks
            | Self::UnsupportedCodec { .. }
            | Self::BadFormat { .. }
            | Self::UnknownTrack(_)
            | Self::TimeOutOfRange(_) => ErrorKind::InvalidInput,
            Self::FormatChanged(_) | Self::EpochChanged => ErrorKind::Conflict,
            Self::ChunkFull => ErrorKind::Exhausted,
        }
    }
}

/// Whether a track of this format can be written.
#[must_use]
pub const fn carries(format: &TrackFormat) -> bool {
    matches!(
        format.codec(),
        Codec::Video(VideoCodec::H264 | VideoCodec::H265 | VideoCodec::Av1 | VideoCodec::Vp8)
            | Codec::Audio(AudioCodec::Aac | AudioCodec::Opus | AudioCodec::Pcmu | AudioCodec::Pcma)
    )
}

/// The codecs of the tracks as RFC 6381 names them in MP4, separated by commas.
#[must_use]
pub fn codecs(desc: &StreamDesc) -> String {
    let name = |track: &Track| match track.format.codec() {
        // Profile 0, level unknown, 8 bits (VP Codec ISO Media File Format Binding, "Codecs Parameter String").
        Codec::Video(VideoCodec::Vp8) => "vp08.00.00.08".to_owned(),
        _ => track.format.rfc6381().to_owned(),
    };
    desc.tracks.iter().map(name).collect::<Vec<_>>().join(",")
}

/// A chunk of samples that were read from another file, whose times they keep: of each track its number here, its format and
/// its samples in order. `None` when there are none.
#[cfg(feature = "transcode")]
pub(crate) fn chunk_of(
    sequence: u32,
    tracks: impl Iterator<Item = (u32, TrackFormat, Vec<Sample>)>,
    wall: WallTime,
) -> Option<Bytes> {
    let mut tracks: Vec<_> = tracks
        .map(|(number, format, samples)| TrackWriter::of_samples(number, format, samples, wall))
        .collect();
    let clock = tracks.iter().position(|track| !track.marked().is_empty())?;
    chunk::write(sequence, &mut tracks, clock, wall)
}

/// What the times in a file are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaOrigin {
    /// The first key picture, which is shown at 0.
    #[default]
    FirstPicture,
    /// The Unix epoch: the first key picture is shown at the time of its capture, and what follows as much later as its
    /// media times say. So pictures of one moment have one time, whichever stream of a camera they are of.
    UnixEpoch,
}

/// Makes one fragmented MP4 file of the access units of a stream.
///
/// The writer keeps payloads by reference until [`Self::take_chunk`] copies them out, 256 MiB at most.
#[derive(Debug)]
pub struct Fmp4Writer {
    tracks: Vec<TrackWriter>,
    /// Index of the track that the file starts with: the first video track, else the first.
    leader: usize,
    origin: MediaOrigin,
    start: Option<Start>,
    init: Bytes,
    /// Number of the next chunk (`mfhd`, section 8.8.5).
    sequence: u32,
    pending: usize,
}

/// Where the file starts.
#[derive(Clone, Copy, Debug)]
struct Start {
    epoch: u32,
    /// UTC of the first picture; what was captured before it is not in the file.
    captured: WallTime,
    /// UTC of the time 0 in the file.
    zero: WallTime,
}

impl Fmp4Writer {
    /// A writer for all tracks of `desc`, whose file starts at 0.
    ///
    /// # Errors
    /// There is no track, or one that can't be written: [`MuxError::NoTracks`], [`MuxError::UnsupportedCodec`],
    /// [`MuxError::BadFormat`]. Leave tracks out of `desc` that [`carries`] refuses.
    pub fn new(desc: &StreamDesc) -> Result<Self, MuxError> {
        Self::with_origin(desc, MediaOrigin::FirstPicture)
    }

    /// As [`Self::new`], with times that are counted from `origin`.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn with_origin(desc: &StreamDesc, origin: MediaOrigin) -> Result<Self, MuxError> {
        if desc.tracks.is_empty() {
            return Err(MuxError::NoTracks);
        }
        let init = init::section(desc)?;
        let tracks: Vec<_> = (1..).zip(&desc.tracks).map(|(number, t)| TrackWriter::new(number, t)).collect();
        let leader = tracks.iter().position(TrackWriter::is_video).unwrap_or(0);
        Ok(Self { tracks, leader, origin, start: None, init, sequence: 1, pending: 0 })
    }

    /// The initialisation section: what stands before all chunks of the file.
    #[must_use]
    pub fn init_section(&self) -> Bytes {
        self.init.clone()
    }

    /// Adds a unit; units of a track come in decoding order.
    ///
    /// What comes before the stream's first key picture, was captured before it or is shown before it is passed over.
    /// A decoding time that does not rise is moved up by as little as possible; the presentation time stays.
    ///
    /// # Errors
    /// The unit does not fit this file ([`MuxError::FormatChanged`], [`MuxError::EpochChanged`],
    /// [`MuxError::UnknownTrack`], [`MuxError::TimeOutOfRange`]) or chunks were not taken ([`MuxError::ChunkFull`]).
    /// The unit is not added then; what was pushed before can still be taken.
    pub fn push(&mut self, unit: &AccessUnit) -> Result<(), MuxError> {
        self.add(unit).map(|_| ())
    }

    /// As [`Self::push`]; tells whether the unit was kept and is one of the leading track.
    pub(crate) fn add(&mut self, unit: &AccessUnit) -> Result<bool, MuxError> {
        let unknown = MuxError::UnknownTrack(unit.track);
        let index = self.tracks.iter().position(|track| track.id() == unit.track).ok_or(unknown)?;
        let track = &mut self.tracks[index];
        track.check_format(&unit.format)?;
        if self.pending >= MAX_PENDING {
            return Err(MuxError::ChunkFull);
        }
        let start = match self.start {
            Some(start) if start.epoch != unit.epoch => return Err(MuxError::EpochChanged),
            Some(start) => start,
            None if index != self.leader || !track.can_start_with(unit) => return Ok(false),
            None => {
                let captured = unit.captured;
                let zero = match self.origin {
                    MediaOrigin::FirstPicture => captured,
                    // Files have no times before 0.
                    MediaOrigin::UnixEpoch => captured.min(WallTime::from_unix_micros(0)),
                };
                *self.start.insert(Start { epoch: unit.epoch, captured, zero })
            }
        };
        let kept = track.push(unit, start)?;
        self.pending += kept;
        Ok(kept > 0 && index == self.leader)
    }

    /// The next chunk, of all that was pushed since the last one but for the newest unit of each track, whose duration
    /// is told by its successor. `None` when there is nothing to take.
    ///
    /// A chunk that is taken right after pushing a key picture thus ends before that picture. It ends before a hole too,
    /// and what follows that is in the next one.
    #[must_use]
    pub fn take_chunk(&mut self) -> Option<Bytes> {
        let clock = self.mark(None);
        let captured = self.tracks[clock].describe_marked()?.captured;
        self.take_marked(clock, captured)
    }

    /// The last chunk, with the newest units too; each is taken to last as long as the one before it. More than one
    /// where there is a hole.
    #[must_use]
    pub fn finish(mut self) -> Option<Bytes> {
        self.release();
        let first = self.take_chunk()?;
        let Some(second) = self.take_chunk() else { return Some(first) };
        let mut all = [first, second].concat();
        all.extend(std::iter::from_fn(|| self.take_chunk()).flatten());
        Some(all.into())
    }

    /// What comes next has no relation to the units before: a hole follows these, and decoding starts again at the next
    /// key picture.
    pub(crate) fn interrupt(&mut self) {
        self.tracks.iter_mut().for_each(TrackWriter::interrupt);
    }

    /// Completes the newest units without their successors.
    pub(crate) fn release(&mut self) {
        self.tracks.iter_mut().for_each(TrackWriter::release);
    }

    /// Whether a hole follows what is complete of the leading track.
    pub(crate) fn ends_with_hole(&self) -> bool {
        self.tracks[self.leader].ends_with_hole()
    }

    /// How long the complete samples of the leading track last, and how long the newest is expected to last; in ticks of
    /// 90 kHz.
    pub(crate) fn lasting(&self) -> (i64, i64) {
        self.tracks[self.leader].lasting()
    }

    /// The next chunk, at most `most` ticks of 90 kHz of the leading track but at least one sample, with the time that
    /// `wall` makes of what is in it. `None` where nothing is complete of the leading track.
    pub(crate) fn take_chunk_with(
        &mut self,
        most: Option<i64>,
        wall: impl FnOnce(&Marked) -> WallTime,
    ) -> Option<(Marked, Bytes)> {
        self.mark(most);
        let marked = self.tracks[self.leader].describe_marked()?;
        let wall = wall(&marked);
        self.take_marked(self.leader, wall).map(|data| (marked, data))
    }

    /// Whether the stream has pictures.
    pub(crate) fn has_video(&self) -> bool {
        self.tracks[self.leader].is_video()
    }

    /// Marks what the next chunk takes, and tells the track whose first sample its time is told by.
    fn mark(&mut self, most: Option<i64>) -> usize {
        for (index, track) in self.tracks.iter_mut().enumerate() {
            track.mark(if index == self.leader { most } else { None });
        }
        let with_samples = |index: &usize| !self.tracks[*index].marked().is_empty();
        std::iter::once(self.leader).chain(0..self.tracks.len()).find(with_samples).unwrap_or(self.leader)
    }

    fn take_marked(&mut self, clock: usize, wall: WallTime) -> Option<Bytes> {
        let chunk = chunk::write(self.sequence, &mut self.tracks, clock, wall)?;
        self.sequence = self.sequence.wrapping_add(1);
        self.pending = self.tracks.iter().map(TrackWriter::pending).sum();
        Some(chunk)
    }
}

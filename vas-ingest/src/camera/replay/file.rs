//! Reading an MP4 file (ISO 14496-12 and 14496-15): its tracks, the order of their samples, and the samples.

use bytes::Bytes;
use mp4::{MediaType, Mp4Reader, Mp4Track};
use std::fs::File;
use std::io::{self, BufReader};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vas_core::hub::PublishError;
use vas_core::media::{AudioFormat, FormatError, StreamDesc, TrackFormat, UnitKind, VideoFormat, h264, nal};
use vas_core::{ErrorKind, HasKind, MediaTime};

/// Most samples of a file: a day of pictures and sound.
const MAX_SAMPLES: usize = 10_000_000;
/// Clock of all times here.
const NANOS: NonZeroU32 = NonZeroU32::new(1_000_000_000).expect("not zero");

/// Why a file can't be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file can't be opened or read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no MP4 file, or one that is cut short or damaged.
    #[error("the file is no MP4 file, or it is cut short or damaged: {0}")]
    Malformed(String),
    /// The samples are in fragments.
    #[error("the file is fragmented; rewrite it with all samples in one piece (ffmpeg -c copy)")]
    Fragmented,
    /// There is no H.264 track.
    #[error("the file has no H.264 track (found: {0}); encode its video as H.264")]
    NoVideo(String),
    /// The H.264 track's parameter sets are unusable.
    #[error("the file's H.264 track is unusable: {0}")]
    Format(#[from] FormatError),
    /// It has more samples than this camera holds in its index.
    #[error("the file has more than {MAX_SAMPLES} samples; cut it")]
    TooLong,
    /// Another source has the stream.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The system has no thread to give.
    #[error("can't start a thread for the file: {0}")]
    Thread(#[source] io::Error),
}

impl HasKind for ReplayError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Publish(error) => error.kind(),
            Self::Thread(_) => ErrorKind::Exhausted,
            _ => ErrorKind::InvalidInput,
        }
    }
}

/// Where a sample is and when it is to be sent, counted from the file's first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) due: Duration,
    /// Index of the track in the description.
    pub(super) track: usize,
    /// Number of the sample in its track, from 1 on.
    number: u32,
    dts: i64,
    pts: i64,
}

/// A sample, with times from the file's first decoding time on.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) pts: MediaTime,
    pub(super) dts: MediaTime,
    pub(super) pts_micros: i64,
    pub(super) kind: UnitKind,
    pub(super) data: Bytes,
}

/// A file that can be replayed.
#[derive(Debug)]
pub(super) struct Movie {
    path: PathBuf,
    reader: Mp4Reader<BufReader<File>>,
    tracks: Vec<MovieTrack>,
    places: Vec<Place>,
    duration: Duration,
}

#[derive(Debug)]
struct MovieTrack {
    id: u32,
    format: TrackFormat,
    /// Bytes of the length in front of a NAL unit; 0 for sound.
    length_size: usize,
}

impl Movie {
    /// Opens a file and makes the order of its samples.
    pub(super) fn open(path: &Path) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let reader = guarded(|| Mp4Reader::read_header(BufReader::new(file), size))?;
        if reader.is_fragmented() || reader.moov.mvex.is_some() {
            return Err(ReplayError::Fragmented);
        }
        let mut tracks = vec![video_track(&reader)?];
        tracks.extend(audio_track(&reader));

        let mut places = Vec::new();
        let mut duration = 0;
        for (index, track) in tracks.iter().enumerate() {
            let source = &reader.tracks()[&track.id];
            let span = list_samples(source, reader.timescale(), size, index, &mut places)?;
            duration = duration.max(span);
        }
        let start = places.iter().map(|place| place.dts).min().unwrap_or(0);
        for place in &mut places {
            place.dts -= start;
            place.pts -= start;
            place.due = Duration::from_nanos(place.dts.unsigned_abs());
        }
        places.sort_by_key(|place| place.due);
        let path = path.to_owned();
        let duration = Duration::from_nanos(duration.unsigned_abs());
        let mut movie = Self { path, reader, tracks, places, duration };
        movie.check_ends()?;
        Ok(movie)
    }

    /// Reads the last sample of each track, so that a file that was cut short is refused at once.
    fn check_ends(&mut self) -> Result<(), ReplayError> {
        for track in 0..self.tracks.len() {
            if let Some(last) = self.places.iter().rposition(|place| place.track == track) {
                self.read(last)?;
            }
        }
        Ok(())
    }

    pub(super) fn desc(&self) -> StreamDesc {
        StreamDesc::new(self.tracks.iter().map(|track| track.format.clone()))
    }

    /// The time of one pass.
    pub(super) const fn duration(&self) -> Duration {
        self.duration
    }

    /// Samples of all tracks, in the order of sending.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn place(&self, n: usize) -> Place {
        self.places[n]
    }

    /// Reads the `n`th sample.
    pub(super) fn read(&mut self, n: usize) -> Result<Sample, ReplayError> {
        let place = self.places[n];
        let track = &self.tracks[place.track];
        let read = guarded(|| self.reader.read_sample(track.id, place.number)).map_err(|error| {
            ReplayError::Malformed(format!("sample {} of {}: {error}", place.number, self.path.display()))
        })?;
        let missing = || ReplayError::Malformed(format!("sample {} is not in the file", place.number));
        let bytes = read.ok_or_else(missing)?.bytes;
        let (kind, data) = if track.length_size == 0 {
            (UnitKind::Audio, bytes)
        } else {
            let data = with_long_lengths(bytes, track.length_size)
                .ok_or_else(|| ReplayError::Malformed(format!("sample {} is no picture", place.number)))?;
            (h264::classify(&data).unwrap_or(UnitKind::REFERENCE), data)
        };
        let time = |nanos| MediaTime::new(nanos, NANOS);
        Ok(Sample { pts: time(place.pts), dts: time(place.dts), pts_micros: place.pts / 1_000, kind, data })
    }
}

/// Runs a call of the `mp4` crate, which panics on some damaged files, and gives its failure as an error.
fn guarded<T>(call: impl FnOnce() -> mp4::Result<T>) -> Result<T, ReplayError> {
    // What the call has borrowed is dropped after a failure.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| ReplayError::Malformed(error.to_string())),
        Err(_) => Err(ReplayError::Malformed("its tables contradict each other".to_owned())),
    }
}

fn of_type(reader: &Mp4Reader<BufReader<File>>, wanted: MediaType) -> Option<&Mp4Track> {
    let tracks = reader.tracks().values().filter(|track| track.media_type().is_ok_and(|kind| kind == wanted));
    tracks.min_by_key(|track| track.track_id())
}

fn video_track(reader: &Mp4Reader<BufReader<File>>) -> Result<MovieTrack, ReplayError> {
    let found = || {
        let names = reader.tracks().values().map(|track| {
            track.media_type().map_or_else(|_| "an unknown codec".to_owned(), |kind| kind.to_string())
        });
        let names = names.collect::<Vec<_>>().join(", ");
        ReplayError::NoVideo(if names.is_empty() { "no track".to_owned() } else { names })
    };
    let track = of_type(reader, MediaType::H264).ok_or_else(found)?;
    let avcc = &track.trak.mdia.minf.stbl.stsd.avc1.as_ref().ok_or_else(found)?.avcc;
    let sets = avcc.sequence_parameter_sets.iter().chain(&avcc.picture_parameter_sets);
    let format = VideoFormat::h264(sets.map(|set| set.bytes.as_ref()))?;
    let length_size = usize::from(avcc.length_size_minus_one & 3) + 1;
    Ok(MovieTrack { id: track.track_id(), format: TrackFormat::Video(format), length_size })
}

/// The AAC track, where there is one that RTP can carry.
fn audio_track(reader: &Mp4Reader<BufReader<File>>) -> Option<MovieTrack> {
    const MPEG4_AUDIO: u8 = 0x40;
    let track = of_type(reader, MediaType::AAC)?;
    let esds = track.trak.mdia.minf.stbl.stsd.mp4a.as_ref()?.esds.as_ref()?;
    let config = &esds.es_desc.dec_config;
    let specific = &config.dec_specific;
    let rate = NonZeroU32::new(track.sample_freq_index().ok()?.freq())?;
    if config.object_type_indication != MPEG4_AUDIO || specific.profile >= 31 || specific.chan_conf == 0 {
        return None;
    }
    // AudioSpecificConfig (ISO 14496-3, section 1.6.2.1): 5 bits object type, 4 bits rate, 4 bits channels.
    let (object, frequency, channels) = (specific.profile, specific.freq_index, specific.chan_conf);
    let specific = [(object << 3) | (frequency >> 1), (frequency << 7) | (channels << 3)];
    let channels = if channels == 7 { 8 } else { channels };
    let format = AudioFormat::aac(rate, channels, Bytes::copy_from_slice(&specific));
    Some(MovieTrack { id: track.track_id(), format: TrackFormat::Audio(format), length_size: 0 })
}

/// Adds a track's samples to `places`, with times in nanoseconds on the movie's timeline; returns their span.
fn list_samples(
    track: &Mp4Track,
    movie_timescale: u32,
    file_size: u64,
    index: usize,
    places: &mut Vec<Place>,
) -> Result<i64, ReplayError> {
    let malformed = |text: &str| ReplayError::Malformed(format!("track {}: {text}", track.track_id()));
    let tables = &track.trak.mdia.minf.stbl;
    let timescale = track.timescale();
    let count = track.sample_count() as usize;
    if timescale == 0 || movie_timescale == 0 {
        return Err(malformed("its clock stands still"));
    }
    if count == 0 {
        return Err(malformed("it has no samples"));
    }
    if places.len() + count > MAX_SAMPLES {
        return Err(ReplayError::TooLong);
    }
    if tables.stsz.sample_sizes.iter().any(|&size| u64::from(size) > file_size)
        || u64::from(tables.stsz.sample_size) > file_size
    {
        return Err(malformed("a sample is larger than the file"));
    }
    let nanos = |ticks: i64, scale: u32| {
        i64::try_from(i128::from(ticks) * 1_000_000_000 / i128::from(scale)).unwrap_or(i64::MAX)
    };
    let (delay, skipped) = edit(track);
    let origin = nanos(delay, movie_timescale);
    let deltas = tables.stts.entries.iter().flat_map(|run| repeat(run.sample_count, run.sample_delta));
    let offsets = tables.ctts.iter().flat_map(|table| &table.entries);
    let mut offsets = offsets.flat_map(|run| repeat(run.sample_count, run.sample_offset));
    let mut dts: i64 = 0;
    let mut listed = 0;
    for (number, delta) in (1..=count as u32).zip(deltas) {
        let offset = i64::from(offsets.next().unwrap_or(0));
        let at = |ticks: i64| nanos(ticks.saturating_sub(skipped), timescale).saturating_add(origin);
        places.push(Place {
            due: Duration::ZERO,
            track: index,
            number,
            dts: at(dts),
            pts: at(dts.saturating_add(offset)),
        });
        dts = dts.saturating_add(i64::from(delta));
        listed += 1;
    }
    if listed < count {
        return Err(malformed("its table of times is too short"));
    }
    if dts == 0 {
        return Err(malformed("its samples take no time"));
    }
    Ok(nanos(dts, timescale))
}

fn repeat<T: Clone>(count: u32, value: T) -> impl Iterator<Item = T> {
    std::iter::repeat_n(value, count as usize)
}

/// What the edit list says of the start (ISO 14496-12, section 8.6.6): the delay in the movie's ticks and what is
/// skipped, in the track's. Encoders use it to hide the reordering of pictures and the priming of sound.
fn edit(track: &Mp4Track) -> (i64, i64) {
    let mut delay = 0_i64;
    let list = track.trak.edts.as_ref().and_then(|edits| edits.elst.as_ref());
    for entry in list.iter().flat_map(|list| &list.entries) {
        let empty = entry.media_time == u64::MAX || entry.media_time == u64::from(u32::MAX);
        if !empty {
            return (delay, i64::try_from(entry.media_time).unwrap_or(0));
        }
        delay = delay.saturating_add(i64::try_from(entry.segment_duration).unwrap_or(0));
    }
    (delay, 0)
}

/// The NAL units of a sample with lengths of four bytes; `None`: they are no NAL units.
fn with_long_lengths(data: Bytes, length_size: usize) -> Option<Bytes> {
    if length_size == nal::LENGTH_SIZE {
        return nal::is_well_formed(&data).then_some(data);
    }
    let mut units = Vec::new();
    let mut rest = &data[..];
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_size)?;
        let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let (unit, after) = after.split_at_checked(length)?;
        if !unit.is_empty() {
            units.push(unit);
        }
        rest = after;
    }
    (!units.is_empty()).then(|| nal::join(units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_lengths_become_long_ones() {
        let data = Bytes::from_static(&[0, 2, 0x65, 1, 0, 1, 0x41]);
        let long = with_long_lengths(data, 2).unwrap();
        assert_eq!(&long[..], [0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41]);
        assert_eq!(with_long_lengths(Bytes::from_static(&[0, 9, 1]), 2), None);
        assert_eq!(with_long_lengths(Bytes::from_static(&[0, 0, 0, 9, 1]), 4), None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Movie::open(Path::new("/no/such/file.mp4")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("/no/such/file.mp4"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1_usize..5) {
            let _ = with_long_lengths(Bytes::from(bytes), size);
        }
    }
}

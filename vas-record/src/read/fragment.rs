//! Fragments of a file that is in memory.

use super::boxes::{Boxes, Header};
use super::error::ReadError;
use super::moof::{self, Entry};
use bytes::Bytes;
use vas_core::WallTime;

/// A chunk as it is stored: `moof` and `mdat`, with the `prft` before them.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Its first byte in what was given to read, that of the `prft` where there is one.
    pub offset: usize,
    /// Its bytes.
    pub len: usize,
    /// UTC of its first picture.
    pub wall: Option<WallTime>,
    /// The samples, track after track and in decoding order.
    pub samples: Vec<Sample>,
}

/// A sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The number of its track.
    pub track: u32,
    /// When to decode it: ticks of the track in the timeline of the run.
    pub dts: i64,
    /// When to show it: ticks of the track in the timeline of the run.
    pub pts: i64,
    /// In ticks of the track.
    pub duration: u32,
    /// Decoding can start with it.
    pub key: bool,
    /// No other sample needs it.
    pub disposable: bool,
    /// Its payload, as an access unit has it but for parameter sets. Shares the memory of what was given to read.
    pub data: Bytes,
}

/// The fragments in `data`: a whole file, or any stretch of one that begins at a fragment. Other boxes are passed over.
///
/// The last item is an error where `data` are damaged or end within a box; the fragments before it are whole.
#[must_use]
pub const fn fragments(data: Bytes) -> Fragments {
    Fragments { data, position: 0 }
}

/// Iterator over fragments, made by [`fragments`].
#[derive(Clone, Debug)]
pub struct Fragments {
    data: Bytes,
    position: usize,
}

/// What was read of a fragment that is not complete yet.
#[derive(Default)]
struct Partial {
    offset: Option<usize>,
    wall: Option<WallTime>,
    entries: Option<(Header, Vec<Entry>)>,
}

impl Fragments {
    fn read(&mut self) -> Result<Option<Fragment>, ReadError> {
        let mut partial = Partial::default();
        for boxed in Boxes::new(&self.data[self.position..], self.position as u64) {
            let boxed = boxed?;
            let header = boxed.header;
            match &header.kind.0 {
                b"prft" => {
                    partial.offset.get_or_insert(header.offset as usize);
                    partial.wall = Some(moof::reference_time(&boxed)?);
                }
                b"moof" => {
                    partial.offset.get_or_insert(header.offset as usize);
                    partial.entries = Some((header, moof::entries(&boxed)?));
                }
                b"mdat" => {
                    let Some((moof, entries)) = partial.entries.take() else { continue };
                    let samples = entries.iter().map(|entry| self.sample(entry, &moof, &header));
                    let samples = samples.collect::<Result<_, _>>()?;
                    self.position = header.end() as usize;
                    let offset = partial.offset.unwrap_or_default();
                    return Ok(Some(Fragment {
                        offset,
                        len: self.position - offset,
                        wall: partial.wall,
                        samples,
                    }));
                }
                _ => {}
            }
        }
        match partial.entries {
            Some((moof, _)) => Err(moof.cut_short()),
            None => Ok(None),
        }
    }

    fn sample(&self, entry: &Entry, moof: &Header, mdat: &Header) -> Result<Sample, ReadError> {
        if !entry.lies_in(mdat) {
            return Err(moof.malformed("a sample lies outside of the media data"));
        }
        let start = entry.start as usize;
        Ok(Sample {
            track: entry.track,
            dts: entry.dts,
            pts: entry.pts,
            duration: entry.duration,
            key: entry.is_key(),
            disposable: entry.is_disposable(),
            data: self.data.slice(start..start + entry.size as usize),
        })
    }
}

impl Iterator for Fragments {
    type Item = Result<Fragment, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if !matches!(read, Ok(Some(_))) {
            self.position = self.data.len();
        }
        read.transpose()
    }
}

//! A stored file of any size, walked for what is whole in it.

use super::boxes::{Boxed, Header, LONG_HEADER};
use super::error::{BoxKind, ReadError};
use super::init::{Init, Track, init};
use super::moof::{self, Entry};
use std::io::{Read, Seek, SeekFrom};
use vas_core::model::recording::MEDIA_CLOCK;
use vas_core::model::{GapReason, Group, GroupBuilder};
use vas_core::{MediaTime, WallTime};

/// Most bytes of a box that is read into memory: of the description of an hour of pictures, or of parameter sets.
const MAX_BOX: u64 = 4 << 20;
/// A chunk that begins later than the one before ends by more than this, in ticks of 90 kHz, comes after a hole.
const ROUNDING: i64 = 90;
/// One whose wall time is farther ahead than this, in microseconds, comes after a jump of the clock.
const JUMP: i64 = 2_000_000;

/// What is whole in a file.
#[derive(Debug)]
pub struct Scan {
    /// Its initialisation section.
    pub init: Init,
    /// Its groups, as the recorder makes them. Which packets were lost is not in the file, and of gaps it tells holes and
    /// jumps of the clock.
    pub groups: Vec<Group>,
    /// The file is good up to here: the end of its last whole chunk.
    pub valid_len: u64,
    /// Why it is not good from there on; `None` at the end of the file.
    pub problem: Option<ReadError>,
}

/// Walks a file from its start to where it ends or is damaged. Reads the descriptions and passes over the media data,
/// of which it makes sure that they are there; memory is bounded whatever the file's size.
///
/// # Errors
/// The initialisation section is missing or damaged, so that nothing in the file can be decoded, or the file can't be
/// read.
pub fn scan(reader: impl Read + Seek) -> Result<Scan, ReadError> {
    let mut walker = Walker::new(reader)?;
    let init = walker.init()?;
    let mut valid_len = walker.position;
    let mut chunks = Chunks { builder: GroupBuilder::new(), last: None };
    let problem = loop {
        match walker.chunk(init.leader()) {
            Ok(Some(chunk)) => {
                valid_len = chunk.end;
                chunks.push(&chunk);
            }
            Ok(None) => break None,
            Err(ReadError::Io(error)) => return Err(error.into()),
            Err(error) => break Some(error),
        }
    };
    Ok(Scan { init, groups: chunks.builder.as_slice().to_vec(), valid_len, problem })
}

/// A chunk of the file.
struct Chunk {
    offset: u64,
    end: u64,
    wall: Option<WallTime>,
    /// What its leading track has: begin and end in ticks of 90 kHz, samples, and whether it begins with a key sample.
    media: Option<(i64, i64, u32, bool)>,
}

/// Reads box after box.
struct Walker<R> {
    reader: R,
    position: u64,
    len: u64,
    buffer: Vec<u8>,
}

impl<R: Read + Seek> Walker<R> {
    fn new(mut reader: R) -> Result<Self, ReadError> {
        let len = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, position: 0, len, buffer: Vec::new() })
    }

    /// Fills the buffer with `wanted` bytes from `offset`, or with as many as the file has.
    fn fill(&mut self, offset: u64, wanted: u64) -> Result<(), ReadError> {
        self.reader.seek(SeekFrom::Start(offset))?;
        self.buffer.clear();
        (&mut self.reader).take(wanted).read_to_end(&mut self.buffer)?;
        Ok(())
    }

    /// The next header, of a box that is wholly there; `None` at the end of the file.
    fn header(&mut self) -> Result<Option<Header>, ReadError> {
        if self.position >= self.len {
            return Ok(None);
        }
        self.fill(self.position, LONG_HEADER)?;
        let header = Header::parse(&self.buffer, self.position)?;
        if header.end() > self.len {
            return Err(header.cut_short());
        }
        self.position = header.end();
        Ok(Some(header))
    }

    /// The content of a box.
    fn content(&mut self, header: Header) -> Result<Boxed<'_>, ReadError> {
        if header.size > MAX_BOX {
            return Err(header.malformed("it is too large"));
        }
        self.fill(header.body(), header.size - header.len)?;
        Ok(Boxed { header, body: &self.buffer })
    }

    fn init(&mut self) -> Result<Init, ReadError> {
        let missing = || ReadError::Missing { kind: BoxKind(*b"moov") };
        while let Some(header) = self.header()? {
            match &header.kind.0 {
                b"moov" => {
                    if self.position > MAX_BOX {
                        return Err(header.malformed("it is too large"));
                    }
                    self.fill(0, self.position)?;
                    return init(&self.buffer);
                }
                b"moof" | b"mdat" => break,
                _ => {}
            }
        }
        Err(missing())
    }

    fn chunk(&mut self, leader: &Track) -> Result<Option<Chunk>, ReadError> {
        let (mut offset, mut wall, mut entries) = (None, None, None);
        while let Some(header) = self.header()? {
            match &header.kind.0 {
                b"prft" => {
                    offset.get_or_insert(header.offset);
                    wall = Some(moof::reference_time(&self.content(header)?)?);
                }
                b"moof" => {
                    offset.get_or_insert(header.offset);
                    entries = Some((header, moof::entries(&self.content(header)?)?));
                }
                b"mdat" => {
                    let Some((moof, entries)) = entries.take() else { continue };
                    if !entries.iter().all(|entry| entry.lies_in(&header)) {
                        return Err(moof.malformed("a sample lies outside of the media data"));
                    }
                    let media = describe(leader, &entries);
                    return Ok(Some(Chunk {
                        offset: offset.unwrap_or(moof.offset),
                        end: header.end(),
                        wall,
                        media,
                    }));
                }
                _ => {}
            }
        }
        match entries {
            Some((moof, _)) => Err(moof.cut_short()),
            None => Ok(None),
        }
    }
}

/// What the samples of the leading track are.
fn describe(leader: &Track, entries: &[Entry]) -> Option<(i64, i64, u32, bool)> {
    let to_media = |ticks: i64| MediaTime::new(ticks, leader.timescale).rescale(MEDIA_CLOCK).ticks();
    let mut of_leader = entries.iter().filter(|entry| entry.track == leader.number);
    let first = of_leader.clone().next()?;
    let samples = of_leader.clone().count() as u32;
    let last = of_leader.next_back().unwrap_or(first);
    let end = last.dts.saturating_add(last.duration.into());
    Some((to_media(first.dts), to_media(end), samples, first.is_key()))
}

/// Makes groups of chunks.
struct Chunks {
    builder: GroupBuilder,
    /// Media and wall time at the end of the last chunk.
    last: Option<(i64, WallTime)>,
}

impl Chunks {
    fn push(&mut self, chunk: &Chunk) {
        let last = self.last.unwrap_or_default();
        let (media, end, pictures, key) = chunk.media.unwrap_or((last.0, last.0, 0, false));
        let duration = u32::try_from(end.saturating_sub(media)).unwrap_or(0);
        let wall = chunk.wall.unwrap_or(last.1);
        let hole = self.last.is_some_and(|(end, _)| media.saturating_sub(end) > ROUNDING);
        let ahead = wall.micros_since(last.1);
        let gap = match self.last {
            Some(_) if hole => Some(GapReason::Silence),
            Some(_) if ahead > JUMP => Some(GapReason::ClockJump),
            _ => None,
        };
        let group = Group {
            offset: chunk.offset,
            size: u32::try_from(chunk.end - chunk.offset).unwrap_or(u32::MAX),
            media,
            duration,
            wall,
            pictures,
            key,
            gap,
            lost: 0,
        };
        self.last = Some((group.media_end(), group.wall_end()));
        self.builder.push(group);
    }
}

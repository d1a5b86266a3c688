//! A planned clip as a stream of bytes.

use super::assembly::Piece;
use super::link::broken_link;
use super::{Clip, ClipError, Footage};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a stored file that are read at once, unless a piece alone is larger: what streaming a clip holds.
const WINDOW: u64 = 2 << 20;

/// Where a stream is.
struct Cursor {
    clip: Arc<Clip>,
    footage: Arc<dyn Footage>,
    /// The next head and the next piece.
    head: usize,
    piece: usize,
    /// The place of these in the output.
    at: u64,
    wanted: Range<u64>,
    /// Pieces that were read with those before them.
    read: VecDeque<Bytes>,
}

/// The bytes `wanted` of the clip's output.
pub(super) fn stream(
    clip: Arc<Clip>,
    footage: Arc<dyn Footage>,
    wanted: Range<u64>,
) -> impl Stream<Item = Result<Bytes, ClipError>> + Send + 'static {
    let cursor = Cursor { clip, footage, head: 0, piece: 0, at: 0, wanted, read: VecDeque::new() };
    stream::try_unfold(
        cursor,
        |mut cursor| async move { Ok(cursor.next().await?.map(|bytes| (bytes, cursor))) },
    )
}

impl Cursor {
    async fn next(&mut self) -> Result<Option<Bytes>, ClipError> {
        while self.at < self.wanted.end {
            let head = self.clip.heads.get(self.head).filter(|(before, _)| *before as usize <= self.piece);
            let bytes = if let Some((_, head)) = head {
                self.head += 1;
                let head = head.clone();
                Some(self.taken(&head))
            } else if let Some(piece) = self.clip.pieces.get(self.piece).copied() {
                let after = self.at + u64::from(piece.len);
                if after <= self.wanted.start {
                    // Passed over without being read.
                    (self.at, self.piece) = (after, self.piece + 1);
                    continue;
                }
                if self.read.is_empty() {
                    self.read_window().await?;
                }
                self.piece += 1;
                self.read.pop_front().map(|bytes| self.taken(&bytes))
            } else {
                None
            };
            match bytes {
                Some(bytes) if bytes.is_empty() => {}
                bytes => return Ok(bytes),
            }
        }
        Ok(None)
    }

    /// Moves past `bytes`, and gives what of them is wanted.
    fn taken(&mut self, bytes: &Bytes) -> Bytes {
        let start = self.at;
        self.at += bytes.len() as u64;
        let within =
            |place: u64| place.clamp(start, start + bytes.len() as u64).saturating_sub(start) as usize;
        let (from, to) = (within(self.wanted.start), within(self.wanted.end));
        if from < to { bytes.slice(from..to) } else { Bytes::new() }
    }

    /// Reads the next piece, and those after it that lie near it in the same file.
    async fn read_window(&mut self) -> Result<(), ClipError> {
        let pieces = &self.clip.pieces[self.piece..];
        let Some(first) = pieces.first() else { return Ok(()) };
        let end = |piece: &Piece| piece.offset + u64::from(piece.len);
        let mut range = first.offset..end(first);
        let mut count = 1;
        let mut place = self.at + u64::from(first.len);
        for piece in &pieces[1..] {
            let wider = range.start.min(piece.offset)..range.end.max(end(piece));
            if piece.recording != first.recording
                || wider.end - wider.start > WINDOW
                || place >= self.wanted.end
            {
                break;
            }
            (range, count) = (wider, count + 1);
            place += u64::from(piece.len);
        }
        let recording = &self.clip.recordings[first.recording as usize];
        let bytes = self.footage.read(recording, range.clone()).await?;
        for piece in &pieces[..count] {
            let from = (piece.offset - range.start) as usize;
            let data = bytes.len().checked_sub(from).filter(|&left| left >= piece.len as usize);
            let data = data.map(|_| bytes.slice(from..from + piece.len as usize));
            let data = data.filter(|data| crc32c::crc32c(data) == piece.check);
            let data = data.ok_or(ClipError::Changed { recording: recording.id })?;
            self.read.push_back(if piece.broken_link { broken_link(&data).into() } else { data });
        }
        Ok(())
    }
}

//! From a key picture to the picture that is wanted.

use super::reading::RawPicture;
use super::{Deadline, DecodeError, DecodeLimits, Picture, PictureDecoder};
use crate::media::{AccessUnit, KeyKind, UnitKind, VideoCodec, VideoFormat, nal};
use crate::time::WallTime;
use bytes::Bytes;

/// A coded picture, from the hub or from a file.
#[derive(Clone, Debug)]
pub struct CodedPicture {
    /// When it is shown, in ticks of any one clock: puts the pictures of a group into order.
    pub pts: i64,
    /// UTC of its capture.
    pub time: WallTime,
    /// What it is to others.
    pub kind: UnitKind,
    /// NAL units with 4-byte length prefixes.
    pub data: Bytes,
}

impl From<&AccessUnit> for CodedPicture {
    fn from(unit: &AccessUnit) -> Self {
        Self { pts: unit.pts.ticks(), time: unit.captured, kind: unit.kind, data: unit.data.clone() }
    }
}

/// Which picture of a group is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one that is shown last.
    Newest,
    /// The last one that was captured at or before this time.
    At(WallTime),
}

/// A decoded picture of a group.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The picture.
    pub picture: Picture,
    /// Its place in the group.
    pub index: usize,
    /// Whether it is the one that was wanted; otherwise an earlier one, the last that the limits allowed.
    pub exact: bool,
}

/// A key picture and the pictures that were sent after it, in the order of decoding.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    pictures: &'a [CodedPicture],
    key: &'a CodedPicture,
}

impl<'a> Group<'a> {
    /// A group of these pictures.
    ///
    /// # Errors
    /// [`DecodeError::NoKey`] when the first one is not a key picture.
    pub fn new(pictures: &'a [CodedPicture]) -> Result<Self, DecodeError> {
        let key = pictures.first().filter(|first| matches!(first.kind, UnitKind::Key(_)));
        Ok(Self { pictures, key: key.ok_or(DecodeError::NoKey)? })
    }

    /// Whether a picture is shown before an open group's key picture: it may refer to pictures that are not here, so
    /// it is never shown.
    fn is_leading(&self, picture: &CodedPicture) -> bool {
        self.key.kind != UnitKind::Key(KeyKind::Idr) && picture.pts < self.key.pts
    }

    /// The place of the picture that is wanted.
    ///
    /// # Errors
    /// [`DecodeError::NothingBefore`] when all pictures are later.
    pub fn find(&self, wanted: Wanted) -> Result<usize, DecodeError> {
        let shown = self.pictures.iter().enumerate().filter(|(_, picture)| !self.is_leading(picture));
        let found = match wanted {
            Wanted::Newest => shown.max_by_key(|(_, picture)| picture.pts),
            Wanted::At(time) => shown
                .filter(|(_, picture)| picture.time <= time)
                .max_by_key(|(_, picture)| (picture.time, picture.pts)),
        };
        found.map(|(index, _)| index).ok_or(DecodeError::NothingBefore)
    }

    /// Decodes the picture that is wanted, and before it those that it may refer to.
    ///
    /// When these are more than `limits` allow, the key picture is decoded in its place; when `deadline` passes on
    /// the way, the last picture until then that is shown before it is given.
    ///
    /// # Errors
    /// A picture on the way is damaged or can't be decoded; see [`DecodeError`].
    pub fn decode(
        &self,
        format: &VideoFormat,
        wanted: Wanted,
        limits: DecodeLimits,
        deadline: &Deadline,
    ) -> Result<Decoded, DecodeError> {
        let target = self.find(wanted)?;
        let mut decoder = PictureDecoder::new(format, limits, deadline)?;
        let skips = self.may_skip(format.codec);
        let needed = self.needed(target, skips).count();
        let samples = decoder.coded_pixels().saturating_mul(needed as u64);
        let within = needed <= limits.max_pictures && samples <= limits.max_samples;
        let end = if within { target } else { 0 };
        if !self.is_shown_by(end, target) {
            return Err(DecodeError::NothingBefore);
        }

        let mut best: Option<(usize, RawPicture)> = None;
        for index in self.needed(end, skips) {
            let picture = &self.pictures[index];
            match decoder.decode_raw(&picture.data, deadline) {
                Ok(Some(raw)) if self.is_shown_by(index, target) => {
                    if best.as_ref().is_none_or(|(held, _)| self.pictures[*held].pts <= picture.pts) {
                        best = Some((index, raw));
                    }
                }
                Ok(None) if index == end => return Err(DecodeError::Damaged("no picture came out")),
                Ok(_) => {}
                Err(DecodeError::TimedOut) if best.is_some() => break,
                // What refers to pictures that are not here may fail, and nothing that is shown depends on it.
                Err(DecodeError::Damaged(_)) if self.is_leading(picture) => {}
                Err(error) => return Err(error),
            }
        }
        let (index, raw) = best.ok_or(DecodeError::Damaged("no picture came out"))?;
        Ok(Decoded { picture: raw.into_picture()?, index, exact: index == target })
    }

    /// Whether the picture at `index` is shown, and not after the one at `target`.
    fn is_shown_by(&self, index: usize, target: usize) -> bool {
        let (picture, target) = (&self.pictures[index], &self.pictures[target]);
        !self.is_leading(picture) && picture.pts <= target.pts
    }

    /// The places of the pictures up to `target` that it may refer to, and its own.
    fn needed(&self, target: usize, skips: bool) -> impl Iterator<Item = usize> + use<'a> {
        let disposable = |kind| matches!(kind, UnitKind::Delta { disposable: true, .. });
        let pictures = self.pictures;
        (0..=target).filter(move |&index| !skips || index == target || !disposable(pictures[index].kind))
    }

    /// Whether nothing refers to disposable pictures. In H.265 pictures of higher temporal layers may (section 3,
    /// sub-layer non-reference picture).
    fn may_skip(&self, codec: VideoCodec) -> bool {
        let lowest = |picture: &CodedPicture| {
            nal::units(&picture.data).all(|unit| unit.get(1).is_none_or(|header| header & 7 <= 1))
        };
        codec != VideoCodec::H265 || self.pictures.iter().all(lowest)
    }
}

//! The boxes `prft` and `moof`, read (ISO/IEC 14496-12, sections 8.16.5 and 8.8.4 to 8.8.12).

use super::boxes::{Boxed, Fields, Header};
use super::error::ReadError;
use vas_core::WallTime;

/// More samples than any chunk has. A run may tell of any number of them in a few bytes.
const MAX_SAMPLES: usize = 1 << 16;

/// `tf_flags` (section 8.8.7).
mod tfhd {
    pub(super) const BASE_OFFSET: u32 = 0x1;
    pub(super) const DESCRIPTION: u32 = 0x2;
    pub(super) const DURATION: u32 = 0x8;
    pub(super) const SIZE: u32 = 0x10;
    pub(super) const FLAGS: u32 = 0x20;
}

/// `tr_flags` (section 8.8.8).
mod trun {
    pub(super) const DATA_OFFSET: u32 = 0x1;
    pub(super) const FIRST_FLAGS: u32 = 0x4;
    pub(super) const DURATION: u32 = 0x100;
    pub(super) const SIZE: u32 = 0x200;
    pub(super) const FLAGS: u32 = 0x400;
    pub(super) const COMPOSITION: u32 = 0x800;
}

/// `sample_is_non_sync_sample` (section 8.8.3.1).
const NON_SYNC: u32 = 1 << 16;

/// A sample and where its data lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) track: u32,
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) duration: u32,
    pub(super) flags: u32,
    /// Offset of the data, counted as that of the box is.
    pub(super) start: u64,
    pub(super) size: u32,
}

impl Entry {
    pub(super) const fn is_key(&self) -> bool {
        self.flags & NON_SYNC == 0
    }

    /// `sample_is_depended_on` of 2: no other sample needs it.
    pub(super) const fn is_disposable(&self) -> bool {
        self.flags >> 22 & 3 == 2
    }

    /// Whether its data lie in the content of the box.
    pub(super) fn lies_in(&self, mdat: &Header) -> bool {
        mdat.body() <= self.start
            && self.start.checked_add(self.size.into()).is_some_and(|end| end <= mdat.end())
    }
}

/// The UTC that a `prft` tells.
pub(super) fn reference_time(prft: &Boxed<'_>) -> Result<WallTime, ReadError> {
    let ntp = || {
        let mut fields = prft.fields();
        fields.version_and_flags()?;
        fields.u32()?; // reference_track_ID
        fields.u64()
    };
    ntp().map(WallTime::from_ntp).ok_or_else(|| prft.header.malformed("it is too short"))
}

/// The samples that a `moof` tells of, in the order of its runs.
pub(super) fn entries(moof: &Boxed<'_>) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    for child in moof.children(0)? {
        let child = child?;
        if child.header.kind.0 == *b"traf" {
            track_fragment(moof, &child, &mut entries)?;
        }
    }
    Ok(entries)
}

/// What `tfhd` says of all samples of a track fragment.
struct Defaults {
    track: u32,
    base: u64,
    duration: u32,
    size: u32,
    flags: u32,
}

impl Defaults {
    fn parse(mut fields: Fields<'_>, moof: u64) -> Option<Self> {
        let (_, flags) = fields.version_and_flags()?;
        let track = fields.u32()?;
        let base = if flags & tfhd::BASE_OFFSET != 0 { fields.u64()? } else { moof };
        fields.u32_if(flags & tfhd::DESCRIPTION != 0)?;
        Some(Self {
            track,
            base,
            duration: fields.u32_if(flags & tfhd::DURATION != 0)?,
            size: fields.u32_if(flags & tfhd::SIZE != 0)?,
            flags: fields.u32_if(flags & tfhd::FLAGS != 0)?,
        })
    }
}

fn track_fragment(moof: &Boxed<'_>, traf: &Boxed<'_>, entries: &mut Vec<Entry>) -> Result<(), ReadError> {
    let tfhd = traf.child(b"tfhd")?;
    let defaults = Defaults::parse(tfhd.fields(), moof.header.offset);
    let defaults = defaults.ok_or_else(|| tfhd.header.malformed("it is too short"))?;
    let tfdt = traf.child(b"tfdt")?;
    let mut fields = tfdt.fields();
    let start = fields.version_and_flags().and_then(|(version, _)| fields.sized(version));
    let start = start.and_then(|time| i64::try_from(time).ok());
    let mut next =
        Next { dts: start.ok_or_else(|| tfdt.header.malformed("its time is wrong"))?, data: defaults.base };
    for child in traf.children(0)? {
        let child = child?;
        if child.header.kind.0 == *b"trun" {
            let read = run(child.fields(), &defaults, &mut next, entries);
            read.ok_or_else(|| child.header.malformed("what it says of its samples is wrong"))?;
        }
    }
    Ok(())
}

/// Time and place of the next sample.
struct Next {
    dts: i64,
    data: u64,
}

fn run(mut fields: Fields<'_>, defaults: &Defaults, next: &mut Next, entries: &mut Vec<Entry>) -> Option<()> {
    let (version, flags) = fields.version_and_flags()?;
    let count = fields.u32()?;
    if flags & trun::DATA_OFFSET != 0 {
        next.data = defaults.base.checked_add_signed(i64::from(fields.u32()? as i32))?;
    }
    let mut first_flags = if flags & trun::FIRST_FLAGS != 0 { Some(fields.u32()?) } else { None };
    let mut field = |flag: u32, default: u32| if flags & flag != 0 { fields.u32() } else { Some(default) };
    for _ in 0..count {
        let duration = field(trun::DURATION, defaults.duration)?;
        let size = field(trun::SIZE, defaults.size)?;
        let own_flags = field(trun::FLAGS, defaults.flags)?;
        let composition = field(trun::COMPOSITION, 0)?;
        let offset = if version == 0 { i64::from(composition) } else { i64::from(composition as i32) };
        if size == 0 || entries.len() == MAX_SAMPLES {
            return None;
        }
        entries.push(Entry {
            track: defaults.track,
            dts: next.dts,
            pts: next.dts.checked_add(offset)?,
            duration,
            flags: first_flags.take().unwrap_or(own_flags),
            start: next.data,
            size,
        });
        next.dts = next.dts.checked_add(duration.into())?;
        next.data = next.data.checked_add(size.into())?;
    }
    Some(())
}

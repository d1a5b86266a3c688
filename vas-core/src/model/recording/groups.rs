//! The table of a recording's groups, as it is stored: a few hundred bytes a minute.
//!
//! A version byte, a number of varints (LEB128) for each group, and the CRC-32C of all that. Every number is the
//! difference to what was to be expected, so that most take a byte or two.

use super::GapReason;
use crate::time::WallTime;

/// The form written here. One of another version is refused, and can be rebuilt from its file.
const VERSION: u8 = 1;
/// Bytes of the check at the end.
const CHECK: usize = 4;
/// Groups in one table at most: some hours of one file.
const MAX_GROUPS: usize = 1 << 16;
/// A group ends with the first chunk that makes it this long, in ticks of 90 kHz.
const GROUP_TICKS: i64 = 90_000;

/// Flags of a group.
mod flag {
    pub(super) const KEY: u64 = 1;
    pub(super) const GAP: u64 = 2;
    pub(super) const LOST: u64 = 4;
}

/// Whole chunks of about one second: what the index knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its first byte in the file.
    pub offset: u64,
    /// Its bytes.
    pub size: u32,
    /// When its first picture is shown: ticks of 90 kHz in the timeline of the run.
    pub media: i64,
    /// Ticks of 90 kHz until its last picture has been shown.
    pub duration: u32,
    /// UTC of its first picture.
    pub wall: WallTime,
    /// Pictures in it; packets of sound where there are no pictures.
    pub pictures: u32,
    /// Whether it begins with a key picture.
    pub key: bool,
    /// Why media is missing before it, where some is.
    pub gap: Option<GapReason>,
    /// Packets of the camera known to be lost before or in it.
    pub lost: u32,
}

impl Group {
    /// The first byte after it.
    #[must_use]
    pub const fn end_offset(&self) -> u64 {
        self.offset.saturating_add(self.size as u64)
    }

    /// The media time at its end.
    #[must_use]
    pub const fn media_end(&self) -> i64 {
        self.media.saturating_add(self.duration as i64)
    }

    /// UTC at its end, taking the camera's clock to be right for so long.
    #[must_use]
    pub const fn wall_end(&self) -> WallTime {
        self.wall.add_micros(ticks_to_micros(self.duration as i64))
    }
}

const fn ticks_to_micros(ticks: i64) -> i64 {
    ticks.saturating_mul(100) / 9
}

/// Why bytes are no table of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupTableError {
    /// It was written by a newer version.
    #[error("the table has version {0}, which is not known here; update the server or repair the recording")]
    Version(u8),
    /// Its check does not fit.
    #[error("the table is damaged; repair the recording to rebuild it from its file")]
    Damaged,
}

/// The groups of a recording in the order of the file. What lies in it: see [`Group`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTable {
    groups: Vec<Group>,
}

impl GroupTable {
    /// The groups.
    #[must_use]
    pub fn as_slice(&self) -> &[Group] {
        &self.groups
    }

    /// Pictures in all of them.
    #[must_use]
    pub fn pictures(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.pictures)).sum()
    }

    /// Packets of the camera lost before or in any of them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.lost)).sum()
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.groups.len() * 10);
        out.push(VERSION);
        write_unsigned(&mut out, self.groups.len() as u64);
        let mut expected = Expected::default();
        for group in &self.groups {
            expected.write(group, &mut out);
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// It has another version or is damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupTableError> {
        let damaged = GroupTableError::Damaged;
        let version = *bytes.first().ok_or(damaged)?;
        if version != VERSION {
            return Err(GroupTableError::Version(version));
        }
        let (body, check) = bytes.split_at_checked(bytes.len().saturating_sub(CHECK)).ok_or(damaged)?;
        if check != crc32c::crc32c(body).to_le_bytes() {
            return Err(damaged);
        }
        let mut input = body.get(1..).ok_or(damaged)?;
        let count = read_unsigned(&mut input).ok_or(damaged)?;
        // A group takes at least seven bytes, so that a wrong number asks for no more memory than was given.
        let count = usize::try_from(count).ok().filter(|&count| count <= input.len() / 7).ok_or(damaged)?;
        let mut expected = Expected::default();
        let groups: Option<Vec<_>> = (0..count).map(|_| expected.read(&mut input)).collect();
        match groups {
            Some(groups) if input.is_empty() => Ok(Self { groups }),
            _ => Err(damaged),
        }
    }
}

impl FromIterator<Group> for GroupTable {
    /// Groups in the order of the file; as many as a table holds, which is more than a file has.
    fn from_iter<T: IntoIterator<Item = Group>>(groups: T) -> Self {
        Self { groups: groups.into_iter().take(MAX_GROUPS).collect() }
    }
}

/// What the next group would be if nothing changed.
#[derive(Debug, Default)]
struct Expected {
    offset: u64,
    size: u32,
    media: i64,
    duration: u32,
    wall: i64,
    pictures: u32,
}

impl Expected {
    fn write(&mut self, group: &Group, out: &mut Vec<u8>) {
        let mut flags = 0;
        for (flag, set) in
            [(flag::KEY, group.key), (flag::GAP, group.gap.is_some()), (flag::LOST, group.lost > 0)]
        {
            flags |= if set { flag } else { 0 };
        }
        write_unsigned(out, flags);
        write_signed(out, group.offset.wrapping_sub(self.offset) as i64);
        write_signed(out, i64::from(group.size) - i64::from(self.size));
        write_signed(out, group.media.wrapping_sub(self.media));
        write_signed(out, i64::from(group.duration) - i64::from(self.duration));
        write_signed(out, group.wall.as_unix_micros().wrapping_sub(self.wall));
        write_signed(out, i64::from(group.pictures) - i64::from(self.pictures));
        if let Some(gap) = group.gap {
            write_unsigned(out, u64::from(gap.code()));
        }
        if group.lost > 0 {
            write_unsigned(out, u64::from(group.lost));
        }
        self.follow(group);
    }

    fn read(&mut self, input: &mut &[u8]) -> Option<Group> {
        let flags = read_unsigned(input)?;
        let plus = |base: u32, change: i64| u32::try_from(i64::from(base).checked_add(change)?).ok();
        let offset = self.offset.wrapping_add(read_signed(input)? as u64);
        let size = plus(self.size, read_signed(input)?)?;
        let media = self.media.wrapping_add(read_signed(input)?);
        let duration = plus(self.duration, read_signed(input)?)?;
        let wall = WallTime::from_unix_micros(self.wall.wrapping_add(read_signed(input)?));
        let pictures = plus(self.pictures, read_signed(input)?)?;
        let gap = match flags & flag::GAP {
            0 => None,
            // A reason of a later version is still a gap.
            _ => Some(u8::try_from(read_unsigned(input)?).ok().and_then(GapReason::from_code))
                .map(|reason| reason.unwrap_or(GapReason::Started)),
        };
        let lost = if flags & flag::LOST == 0 { 0 } else { u32::try_from(read_unsigned(input)?).ok()? };
        let key = flags & flag::KEY != 0;
        let group = Group { offset, size, media, duration, wall, pictures, key, gap, lost };
        self.follow(&group);
        Some(group)
    }

    const fn follow(&mut self, group: &Group) {
        *self = Self {
            offset: group.end_offset(),
            size: group.size,
            media: group.media_end(),
            duration: group.duration,
            wall: group.wall_end().as_unix_micros(),
            pictures: group.pictures,
        };
    }
}

fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign in few bytes: 0, -1, 1, -2 become 0, 1, 2, 3.
fn write_signed(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn read_unsigned(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn read_signed(input: &mut &[u8]) -> Option<i64> {
    let value = read_unsigned(input)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Makes groups of about one second out of chunks, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct GroupBuilder {
    groups: Vec<Group>,
    /// The last group takes no more chunks.
    closed: bool,
}

impl GroupBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk, which `chunk` describes as if it were a group of its own. It joins the last group while that is
    /// shorter than a second, unless it begins with a key picture or after a gap.
    pub fn push(&mut self, chunk: Group) {
        match self.groups.last_mut() {
            Some(last) if !self.closed && !chunk.key && chunk.gap.is_none() => {
                last.size = last.size.saturating_add(chunk.size);
                let end = chunk.media_end().max(last.media_end());
                last.duration = u32::try_from(end.saturating_sub(last.media)).unwrap_or(u32::MAX);
                last.pictures = last.pictures.saturating_add(chunk.pictures);
                last.lost = last.lost.saturating_add(chunk.lost);
            }
            _ => self.groups.push(chunk),
        }
        self.closed = self.groups.last().is_some_and(|last| i64::from(last.duration) >= GROUP_TICKS);
    }

    /// The groups so far; the last one may still grow.
    #[must_use]
    pub fn as_slice(&self) -> &[Group] {
        &self.groups
    }

    /// The table of all of them.
    #[must_use]
    pub fn table(&self) -> GroupTable {
        self.groups.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minute() -> GroupTable {
        let mut builder = GroupBuilder::new();
        let mut offset = 812;
        for n in 0..120_i64 {
            let size = 60_000 + (n * 7_919 % 9_001) as u32;
            builder.push(Group {
                offset,
                size,
                media: n * 45_000,
                duration: 45_000,
                wall: WallTime::from_unix_micros(1_795_305_600_000_000 + n * 500_013),
                pictures: 12 + (n % 2) as u32,
                key: n % 4 == 0,
                gap: (n == 0).then_some(GapReason::Started),
                lost: u32::from(n == 77) * 3,
            });
            offset += u64::from(size);
        }
        builder.table()
    }

    #[test]
    fn a_minute_of_a_camera_takes_under_a_kilobyte() {
        let table = minute();
        assert_eq!((table.as_slice().len(), table.pictures(), table.lost()), (60, 1_500, 3));
        let groups = table.as_slice();
        assert!(groups.iter().enumerate().all(|(n, group)| group.key == (n % 2 == 0)));
        assert!(groups.windows(2).all(|pair| pair[0].end_offset() == pair[1].offset));
        let stored = table.encode();
        assert!(stored.len() < 1_000, "{} bytes", stored.len());
        assert_eq!(GroupTable::decode(&stored), Ok(table));
    }

    #[test]
    fn damage_and_later_versions_are_told_apart() {
        let mut stored = minute().encode();
        assert_eq!(GroupTable::decode(&[]), Err(GroupTableError::Damaged));
        stored[9] ^= 1;
        assert_eq!(GroupTable::decode(&stored), Err(GroupTableError::Damaged));
        stored[0] = 2;
        assert_eq!(GroupTable::decode(&stored), Err(GroupTableError::Version(2)));
    }

    prop_compose! {
        fn any_group()(
            offset: u64, size: u32, media: i64, duration: u32, wall: i64, pictures: u32, key: bool, gap in 0_u8..8,
            lost: u32,
        ) -> Group {
            let wall = WallTime::from_unix_micros(wall);
            Group { offset, size, media, duration, wall, pictures, key, gap: GapReason::from_code(gap), lost }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(groups in proptest::collection::vec(any_group(), 0..40)) {
            let table: GroupTable = groups.into_iter().collect();
            prop_assert_eq!(GroupTable::decode(&table.encode()), Ok(table));
        }

        #[test]
        fn any_bytes_are_taken(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = GroupTable::decode(&bytes);
            // With a version and a check that fit, too.
            bytes.insert(0, VERSION);
            let check = crc32c::crc32c(&bytes).to_le_bytes();
            bytes.extend_from_slice(&check);
            let _ = GroupTable::decode(&bytes);
        }
    }
}

//! The rules of rfc8216bis for live playlists, and for what may change from one to the next.

use std::collections::BTreeMap;

/// A part as a playlist names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) independent: bool,
}

/// A segment as a playlist names it; the last one of a live playlist may be growing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Segment {
    /// Empty while it grows.
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) date: String,
    pub(crate) map: String,
    pub(crate) discontinuities: u64,
    pub(crate) parts: Vec<Part>,
}

/// A live playlist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Playlist {
    pub(crate) target: f64,
    pub(crate) part_target: f64,
    pub(crate) part_hold_back: f64,
    pub(crate) skip_until: f64,
    pub(crate) sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) skipped: u64,
    /// Whole ones by their numbers; those that are skipped are not there.
    pub(crate) segments: BTreeMap<u64, Segment>,
    pub(crate) growing: Option<Segment>,
    pub(crate) hint: Option<String>,
    pub(crate) reports: Vec<String>,
}

/// The value of an attribute (section 4.2), without quotation marks.
fn attribute(list: &str, name: &str) -> Option<String> {
    let start = list.split(',').find_map(|item| item.strip_prefix(name)?.strip_prefix('='))?;
    Some(start.trim_matches('"').to_owned())
}

impl Playlist {
    /// Reads a playlist and holds it against the rules that every one must keep.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U\n#EXT-X-VERSION:9\n"), "{text}");
        let mut all = Self::default();
        let mut next = Segment::default();
        let mut map = String::new();
        let mut discontinuities = 0;
        let mut number = None;
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            let seconds = |name: &str| attribute(value, name).unwrap().parse::<f64>().unwrap();
            match tag {
                "#EXT-X-TARGETDURATION" => all.target = value.parse().unwrap(),
                "#EXT-X-SERVER-CONTROL" => {
                    assert_eq!(attribute(value, "CAN-BLOCK-RELOAD").as_deref(), Some("YES"));
                    all.part_hold_back = seconds("PART-HOLD-BACK");
                    all.skip_until = seconds("CAN-SKIP-UNTIL");
                }
                "#EXT-X-PART-INF" => all.part_target = seconds("PART-TARGET"),
                "#EXT-X-MEDIA-SEQUENCE" => {
                    all.sequence = value.parse().unwrap();
                    number = Some(all.sequence);
                }
                "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                    all.discontinuity_sequence = value.parse().unwrap();
                    discontinuities = all.discontinuity_sequence;
                }
                "#EXT-X-SKIP" => {
                    all.skipped = attribute(value, "SKIPPED-SEGMENTS").unwrap().parse().unwrap();
                    assert!(all.skipped > 0);
                    number = number.map(|number| number + all.skipped);
                }
                "#EXT-X-DISCONTINUITY" => discontinuities += 1,
                "#EXT-X-MAP" => map = attribute(value, "URI").unwrap(),
                "#EXT-X-PROGRAM-DATE-TIME" => value.clone_into(&mut next.date),
                "#EXT-X-PART" => next.parts.push(Part {
                    uri: attribute(value, "URI").unwrap(),
                    duration: seconds("DURATION"),
                    independent: attribute(value, "INDEPENDENT").is_some_and(|text| text == "YES"),
                }),
                "#EXTINF" => next.duration = value.trim_end_matches(',').parse().unwrap(),
                "#EXT-X-PRELOAD-HINT" => {
                    assert_eq!(all.hint.replace(attribute(value, "URI").unwrap()), None);
                    assert_eq!(attribute(value, "TYPE").as_deref(), Some("PART"));
                }
                "#EXT-X-RENDITION-REPORT" => all.reports.push(value.to_owned()),
                "#EXTM3U" | "#EXT-X-VERSION" | "#EXT-X-INDEPENDENT-SEGMENTS" => {}
                _ => {
                    assert!(!line.starts_with('#'), "an unknown tag: {line}");
                    let segment = std::mem::take(&mut next);
                    let segment =
                        Segment { uri: line.to_owned(), map: map.clone(), discontinuities, ..segment };
                    let key = number.unwrap();
                    all.segments.insert(key, segment);
                    number = Some(key + 1);
                }
            }
        }
        if !next.parts.is_empty() {
            all.growing = Some(Segment { map, discontinuities, ..next });
        }
        all.check(text);
        all
    }

    fn check(&self, text: &str) {
        assert!(self.part_target > 0.0, "4.4.3.7\n{text}");
        assert!(self.part_hold_back >= 3.0 * self.part_target, "4.4.3.8\n{text}");
        assert!(self.skip_until >= 6.0 * self.target, "4.4.3.8\n{text}");
        let mut before: Option<&Segment> = None;
        for segment in self.segments.values().chain(&self.growing) {
            assert!(segment.duration.round() <= self.target, "4.4.3.1\n{text}");
            assert!(!segment.date.is_empty());
            assert!(self.skipped > 0 || !segment.map.is_empty(), "4.4.4.5\n{text}");
            if let Some(before) = before {
                assert!(
                    before.map == segment.map || before.discontinuities < segment.discontinuities,
                    "6.2.1"
                );
                assert!(before.parts.is_empty() || !segment.parts.is_empty(), "6.2.2\n{text}");
            }
            before = Some(segment);
            for (index, part) in segment.parts.iter().enumerate() {
                assert!(part.duration <= self.part_target, "4.4.4.9: {part:?}\n{text}");
                let whole = !segment.uri.is_empty();
                let last = whole && index + 1 == segment.parts.len();
                // Of a growing segment it is not known yet whether its newest part is its last one.
                let newest = !whole && index + 1 == segment.parts.len();
                assert!(
                    last || newest || part.duration >= 0.85 * self.part_target,
                    "4.4.4.9: {part:?}\n{text}"
                );
            }
            let parts: f64 = segment.parts.iter().map(|part| part.duration).sum();
            let whole = !segment.uri.is_empty() && !segment.parts.is_empty();
            assert!(!whole || (parts - segment.duration).abs() < 1e-3, "3.2\n{text}");
        }
        let mut left =
            self.growing.iter().flat_map(|segment| &segment.parts).map(|part| part.duration).sum::<f64>();
        for segment in self.segments.values().rev() {
            // One rounding is allowed for.
            assert!(left <= 3.0 * self.target + 1e-3 || segment.parts.is_empty(), "6.2.2\n{text}");
            left += segment.duration;
        }
    }

    /// Segment and part that a playlist hints at.
    pub(crate) fn hint_of(text: &str) -> Option<(u64, u32)> {
        let hint = text.lines().find_map(|line| line.strip_prefix("#EXT-X-PRELOAD-HINT:"))?;
        let name = attribute(hint, "URI").unwrap();
        let (segment, part) = name.strip_suffix(".m4s").unwrap().split_once('.').unwrap();
        Some((segment.parse().unwrap(), part.parse().unwrap()))
    }

    /// The number of the segment that grows.
    pub(crate) fn growing_number(&self) -> u64 {
        self.sequence + self.skipped + self.segments.len() as u64
    }

    fn duration(&self) -> f64 {
        self.segments.values().map(|segment| segment.duration).sum()
    }

    /// What may have changed since `before` (sections 6.2.1 and 6.2.2).
    pub(crate) fn check_follows(&self, before: &Self) {
        let fixed = |list: &Self| (list.target, list.part_target, list.part_hold_back, list.skip_until);
        assert_eq!(fixed(self), fixed(before));
        assert!(self.sequence >= before.sequence && self.growing_number() >= before.growing_number());
        assert!(self.discontinuity_sequence >= before.discontinuity_sequence);
        assert!(self.sequence == before.sequence || self.duration() >= 3.0 * self.target, "6.2.2");
        for (number, segment) in &self.segments {
            let Some(old) = before.segments.get(number) else { continue };
            let same = Segment { parts: old.parts.clone(), ..segment.clone() };
            assert_eq!(&same, old);
            assert!(segment.parts.is_empty() || segment.parts == old.parts);
        }
        if let Some(old) = &before.growing {
            let number = before.growing_number();
            let new = self.segments.get(&number).or(self.growing.as_ref()).unwrap();
            assert_eq!(
                (&old.date, &old.map, old.discontinuities),
                (&new.date, &new.map, new.discontinuities)
            );
            assert!(new.parts.starts_with(&old.parts));
        }
    }

    /// What a player has that holds `before` and gets this delta update.
    pub(crate) fn merged_into(&self, before: &Self) -> Self {
        let mut all = self.clone();
        let mut map = String::new();
        for number in self.sequence..self.sequence + self.skipped {
            let old = before.segments.get(&number).unwrap();
            map.clone_from(&old.map);
            // Parts that old are taken off by the player as well.
            all.segments.insert(number, Segment { parts: Vec::new(), ..old.clone() });
        }
        // What the skipped tags said holds on.
        let skipped = (self.sequence..self.sequence + self.skipped)
            .filter_map(|number| before.segments.get(&number))
            .map(|segment| segment.discontinuities)
            .max();
        let gone = skipped.map_or(0, |last| last - self.discontinuity_sequence);
        for segment in all
            .segments
            .range_mut(self.sequence + self.skipped..)
            .map(|(_, segment)| segment)
            .chain(&mut all.growing)
        {
            segment.discontinuities += gone;
            if segment.map.is_empty() {
                segment.map.clone_from(&map);
            }
        }
        all.skipped = 0;
        all
    }
}

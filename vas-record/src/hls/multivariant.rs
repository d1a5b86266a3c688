//! Multivariant playlists (rfc8216bis, section 4.4.6): which renditions there are, and what they need.

use super::text::SECOND;
use crate::segment::Section;
use m3u8_rs::{MasterPlaylist, Resolution, VariantStream};

/// What a player needs to know to choose a rendition.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantInfo {
    /// Bits per second of the most expensive stretch of about a target duration (`BANDWIDTH`).
    pub peak: u64,
    /// Bits per second of all that is listed (`AVERAGE-BANDWIDTH`).
    pub average: u64,
    /// The codecs as RFC 6381 names them, with commas between.
    pub codecs: String,
    /// Width in pixels; 0: there are no pictures.
    pub width: u32,
    /// Height in pixels; 0: there are no pictures.
    pub height: u32,
    /// Pictures per second; 0: there are none.
    pub fps: f64,
}

impl VariantInfo {
    /// The figures of `section`, of which `segments` are listed: the duration of each in ticks of 90 kHz, and its bytes.
    /// `pictures` were counted in `duration` ticks, for a stream that does not tell its rate.
    pub(super) fn measured(
        section: &Section,
        segments: impl Iterator<Item = (u64, u64)>,
        target: u64,
        duration: u64,
        pictures: u64,
    ) -> Self {
        let segments: Vec<_> = segments.collect();
        let all = segments.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let average = bits_per_second(all);
        let declared = section.desc.video().and_then(|(_, format)| format.fps);
        let measured = pictures as f64 * SECOND as f64 / duration.max(1) as f64;
        Self {
            peak: peak(&segments, target).unwrap_or(average).max(average),
            average,
            codecs: section.codecs.clone(),
            width: section.width,
            height: section.height,
            fps: (declared.unwrap_or(measured) * 1_000.0).round() / 1_000.0,
        }
    }
}

fn bits_per_second((ticks, bytes): (u64, u64)) -> u64 {
    if ticks == 0 {
        0
    } else {
        u64::try_from(u128::from(bytes) * 8 * u128::from(SECOND) / u128::from(ticks)).unwrap_or(u64::MAX)
    }
}

/// The highest rate of neighbouring segments that last between half of the target duration and one and a half of it
/// together (rfc8216bis, section 4.1).
fn peak(segments: &[(u64, u64)], target: u64) -> Option<u64> {
    let from = |first: usize| {
        let sums = segments[first..].iter().scan((0, 0), |sum, one| {
            *sum = (sum.0 + one.0, sum.1 + one.1);
            Some(*sum)
        });
        sums.skip_while(|sum| sum.0 * 2 < target)
            .take_while(|sum| sum.0 * 2 <= target * 3)
            .map(bits_per_second)
            .max()
    };
    (0..segments.len()).filter_map(from).max()
}

/// The text of a multivariant playlist of renditions, the best one first, each with its URI: relative or absolute,
/// without line breaks.
///
/// That segments begin with key pictures is left to the playlists to say: with groups of pictures longer than the target
/// duration some don't.
#[must_use]
pub fn playlist<'a>(variants: impl IntoIterator<Item = (String, &'a VariantInfo)>) -> String {
    let variants = variants.into_iter().map(|(uri, info)| VariantStream {
        uri,
        bandwidth: info.peak.max(1),
        average_bandwidth: Some(info.average.max(1)),
        codecs: Some(info.codecs.clone()).filter(|codecs| !codecs.is_empty()),
        resolution: (info.width > 0 && info.height > 0)
            .then(|| Resolution { width: info.width.into(), height: info.height.into() }),
        frame_rate: (info.fps > 0.0).then_some(info.fps),
        ..VariantStream::default()
    });
    let playlist =
        MasterPlaylist { version: Some(7), variants: variants.collect(), ..MasterPlaylist::default() };
    super::text::written(|out| playlist.write_to(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_a_target_duration() {
        let second = |bytes| (SECOND, bytes);
        // One second is too short to count alone with a target of 4 s; two are not.
        let segments = [second(1_000), second(9_000), second(1_000), second(1_000), second(1_000)];
        assert_eq!(peak(&segments, 4 * SECOND), Some(40_000));
        assert_eq!(peak(&segments, 2 * SECOND), Some(72_000));
        assert_eq!(peak(&[second(1_000)], 6 * SECOND), None);
    }

    #[test]
    fn renditions_are_told_with_what_they_need() {
        let info = VariantInfo {
            peak: 2_500_000,
            average: 2_000_000,
            codecs: "avc1.64001f,mp4a.40.2".to_owned(),
            width: 1_280,
            height: 720,
            fps: 29.97,
        };
        let text = playlist([("main.m3u8".to_owned(), &info)]);
        let line = "#EXT-X-STREAM-INF:BANDWIDTH=2500000,AVERAGE-BANDWIDTH=2000000,\
                    CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.97\nmain.m3u8\n";
        assert!(text.starts_with("#EXTM3U\n") && text.ends_with(line), "{text}");
    }
}

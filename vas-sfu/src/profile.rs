//! Which profiles that a viewer states fit a camera's stream, and how well.
//!
//! Levels never decide alone: browsers decode beyond the level that they state (Chromium states 3.1 for every codec),
//! and a camera can't be asked for less.

use vas_core::media::VideoFormat;

/// A profile of H.264 by `profile_idc` and constraint flags, as far as offers tell them apart (RFC 6184, table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    Other(u8),
}

impl H264Profile {
    /// By the six hexadecimal digits of `profile-level-id`.
    fn of(profile_level_id: &str) -> Option<Self> {
        let is_hexadecimal = profile_level_id.len() == 6 && !profile_level_id.starts_with('+');
        let id = u32::from_str_radix(profile_level_id, 16).ok().filter(|_| is_hexadecimal)?;
        let [_, profile_idc, constraints, _] = id.to_be_bytes();
        let set = |flags: u8| constraints & flags == flags;
        Some(match profile_idc {
            // constraint_set1_flag: a Baseline stream that Main decoders read, which is Constrained Baseline.
            0x42 if set(0x40) => Self::ConstrainedBaseline,
            0x42 => Self::Baseline,
            0x4d if set(0x80) => Self::ConstrainedBaseline,
            0x4d => Self::Main,
            0x58 if set(0xc0) => Self::ConstrainedBaseline,
            0x64 if set(0x0c) => Self::ConstrainedHigh,
            0x64 => Self::High,
            other => Self::Other(other),
        })
    }

    /// Its place among the profiles for 8 bits and 4:2:0, of which decoders of a higher one read the lower ones.
    /// Baseline is read by none of the others by the letter, but its extra tools are unknown among cameras.
    const fn rank(self) -> Option<u8> {
        match self {
            Self::ConstrainedBaseline | Self::Baseline => Some(0),
            Self::Main => Some(1),
            Self::ConstrainedHigh => Some(2),
            Self::High => Some(3),
            Self::Other(_) => None,
        }
    }
}

/// How far an offered `profile-level-id` of H.264 is from the one that a camera sends; less is better.
///
/// The same profile comes first, then the next higher one. Nothing is out of reach: Constrained Baseline, which every
/// viewer offers, stands for whatever else a camera sends, since decoders play what comes in any profile for 8 bits
/// and 4:2:0. Profiles beyond them, which browsers leave to slower decoders, are chosen for their own kind alone.
pub(crate) fn h264(offered: Option<&str>, sent: &str) -> u8 {
    const FOR_ALL: u8 = 5;
    const OTHERS: u8 = 6;
    // Without the parameter it is Baseline (RFC 6184, section 8.1).
    let offered = offered.map_or(Some(H264Profile::Baseline), H264Profile::of);
    let sent = H264Profile::of(sent);
    let Some(offered) = offered else { return OTHERS };
    if sent == Some(offered) {
        return 0;
    }
    if let Some(sent) = sent {
        use H264Profile::{Baseline, ConstrainedHigh, High};
        match (offered.rank(), sent.rank()) {
            _ if offered == Baseline => {}
            // Cameras of either leave out the other's few tools.
            _ if offered == ConstrainedHigh && sent == High => return 1,
            (Some(higher), Some(lower)) if higher >= lower => return 1 + (higher - lower),
            _ => {}
        }
    }
    if offered == H264Profile::ConstrainedBaseline { FOR_ALL } else { OTHERS }
}

/// How far an offered `profile-id` of H.265 (RFC 7798, section 7.1) is from the one that a camera sends; less is
/// better. `None`: such a viewer can't decode the stream.
pub(crate) fn h265(offered: Option<&str>, format: &VideoFormat) -> Option<u8> {
    const MAIN: u8 = 1;
    const MAIN_10: u8 = 2;
    // The digits after `hvc1.`, and the letter before them where there is one.
    let parameters = format.rfc6381.strip_prefix("hvc1.").unwrap_or("");
    let sent = parameters.split('.').next().unwrap_or("");
    let sent: u8 = sent.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap_or(MAIN);
    // Main where nothing is said.
    match offered.map_or(Some(MAIN), |id| id.parse().ok())? {
        offered if offered == sent => Some(0),
        MAIN_10 if sent == MAIN => Some(1),
        _ => None,
    }
}

/// How far an offered `profile`, `level-idx` and `tier` of AV1 (AV1 RTP payload format, section 7.2) are from those of
/// a stream; less is better. `None`: such a viewer can't decode the stream. Decoders of a profile read those below.
pub(crate) fn av1([profile, level, tier]: [Option<&str>; 3], format: &VideoFormat) -> Option<u8> {
    let number = |text: Option<&str>, default: u8| text.map_or(Some(default), |text| text.parse().ok());
    // As in `av01.0.05M.08`, which the format's maker wrote.
    let mut sent = format.rfc6381.strip_prefix("av01.")?.split('.');
    let sent_profile: u8 = sent.next()?.parse().ok()?;
    let (sent_level, sent_tier) = sent.next()?.split_at_checked(2)?;
    // What is not said is Main, level 3.1 and the main tier.
    let beyond = number(profile, 0)?.checked_sub(sent_profile)?;
    let level_fits =
        number(level, 5)? >= sent_level.parse().ok()? && number(tier, 0)? >= u8::from(sent_tier == "H");
    Some(beyond.saturating_mul(2).saturating_add(u8::from(!level_fits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vas_core::media::VideoCodec;

    fn format(codec: VideoCodec, rfc6381: &str) -> VideoFormat {
        VideoFormat { codec, rfc6381: rfc6381.to_owned(), ..VideoFormat::vp8(640, 360) }
    }

    #[test]
    fn the_same_profile_of_h264_is_nearest_and_higher_ones_are_next() {
        let order = |sent: &str, offered: &[&str]| {
            let distances: Vec<_> = offered.iter().map(|offered| h264(Some(offered), sent)).collect();
            assert!(distances.is_sorted_by(|a, b| a < b), "{sent}: {distances:?}");
        };
        order("42c01f", &["42e01f", "4d001f", "640c1f", "64001f", "f4001f"]);
        order("42001f", &["420029", "42e01f", "4d001f", "640c1f", "64001f", "f4001f"]);
        order("4d0028", &["4d001f", "640c1f", "64001f", "42e01f", "f4001f"]);
        order("640032", &["64001f", "640c1f", "42e01f", "4d001f"]);
        order("640c32", &["640c1f", "64001f", "42e01f", "4d001f"]);
        order("f4001f", &["f4001f", "42e01f", "64001f"]);
        order("4d8028", &["42e01f", "4d001f"]);
        assert_eq!(h264(None, "42001f"), 0, "Baseline where nothing is said");
        for malformed in ["", "42e0", "+2e01f", "42e01f00", "zzzzzz"] {
            assert_eq!(h264(Some(malformed), "42e01f"), 6, "{malformed}");
            assert_eq!(h264(Some("42e01f"), malformed), 5, "{malformed}");
        }
    }

    #[test]
    fn main_10_of_h265_reads_main_and_main_not_main_10() {
        let main = format(VideoCodec::H265, "hvc1.1.6.L93.90");
        let main_10 = format(VideoCodec::H265, "hvc1.A2.4.L93.90");
        let range = format(VideoCodec::H265, "hvc1.4.10.L93.90");
        let distances = |offered| [&main, &main_10, &range].map(|format| h265(offered, format));
        assert_eq!(distances(None), [Some(0), None, None]);
        assert_eq!(distances(Some("1")), [Some(0), None, None]);
        assert_eq!(distances(Some("2")), [Some(1), Some(0), None]);
        assert_eq!(distances(Some("4")), [None, None, Some(0)]);
        assert_eq!(distances(Some("x")), [None; 3]);
    }

    #[test]
    fn av1_needs_the_streams_profile_or_a_higher_one() {
        let distance = |offered: [Option<&str>; 3], sent: &str| av1(offered, &format(VideoCodec::Av1, sent));
        let [main, high] = ["0", "1"].map(|profile| [Some(profile), Some("5"), Some("0")]);
        assert_eq!(distance([None; 3], "av01.0.05M.08"), Some(0));
        assert_eq!((distance(main, "av01.0.04M.10"), distance(high, "av01.0.04M.10")), (Some(0), Some(2)));
        assert_eq!((distance(main, "av01.1.04M.08"), distance(high, "av01.1.04M.08")), (None, Some(0)));
        assert_eq!((distance(high, "av01.2.04M.08"), distance(main, "vp8")), (None, None));
        assert_eq!(distance(main, "av01.0.08M.08"), Some(1), "a higher level is played all the same");
        assert_eq!(distance([None, Some("8"), Some("0")], "av01.0.08H.08"), Some(1));
        assert_eq!(distance([None, Some("8"), Some("1")], "av01.0.08H.08"), Some(0));
        assert_eq!(distance([Some("x"), None, None], "av01.0.08M.08"), None);
        assert_eq!(distance([Some("255"), Some("255"), None], "av01.0.08M.08"), Some(255));
    }
}

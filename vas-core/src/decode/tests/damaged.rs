//! Streams whose bits were changed on the way: an error or a picture, never a panic in the caller, never a hang.

use super::source::{Recipe, Source};
use crate::clock::SystemClock;
use crate::decode::{
    CodedPicture, DecodeError, DecodeLimits, DecodePool, Group, PictureDecoder, PoolConfig, PoolError, Wanted,
};
use crate::media::{VideoCodec, VideoFormat, nal};
use bytes::Bytes;
use proptest::prelude::*;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

const H265: [&str; 2] = ["-x265-params", "log-level=error:info=0:pools=1:frame-threads=1:bframes=2"];

fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let small = Recipe { size: (96, 80), count: 8, ..Recipe::default() };
        let make = |codec, pixels, options| Source::make(&Recipe { codec, pixels, options, ..small });
        vec![
            make(VideoCodec::H264, "yuv420p", &["-bf", "2"][..]),
            make(VideoCodec::H264, "yuv420p", &["-profile:v", "baseline", "-slices", "3"]),
            make(VideoCodec::H264, "yuv420p", &["-flags", "+ilme+ildct", "-x264-params", "tff=1"]),
            make(VideoCodec::H264, "yuv420p10le", &[]),
            make(VideoCodec::H265, "yuv420p", &H265),
            make(VideoCodec::H265, "yuv420p10le", &[]),
        ]
    })
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());

/// Decodes on a pool, as everybody does: a panic of the library becomes an error there.
fn decode(format: VideoFormat, pictures: Vec<CodedPicture>) -> Result<Result<(), DecodeError>, PoolError> {
    let config = PoolConfig { threads: 1, waiting: 0, patience: Duration::from_secs(20) };
    let pool = DecodePool::new(config, SystemClock::shared());
    RUNTIME.block_on(pool.run(move |deadline| {
        let group = Group::new(&pictures)?;
        group.decode(&format, Wanted::Newest, DecodeLimits::default(), deadline).map(|_| ())
    }))
}

/// A change of bits: at a part of the whole in 65536ths, to a value.
type Flip = (u16, u8);

fn flipped(data: &[u8], flips: &[Flip]) -> Bytes {
    let mut data = data.to_vec();
    for &(place, value) in flips {
        let at = data.len() * usize::from(place) / 65_536;
        data[at] ^= value;
    }
    data.into()
}

fn assert_ends(result: &Result<Result<(), DecodeError>, PoolError>) -> Result<(), TestCaseError> {
    prop_assert!(
        !matches!(result, Err(PoolError::TimedOut | PoolError::Busy | PoolError::NoThread)),
        "{:?}",
        result
    );
    prop_assert_ne!(result, &Ok(Err(DecodeError::TimedOut)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_of_pictures(
        which in 0_usize..6,
        picture in 0_usize..8,
        flips in proptest::collection::vec((any::<u16>(), 1_u8..), 1..6),
    ) {
        let source = &sources()[which];
        let mut pictures = source.pictures.clone();
        let data = &pictures[picture].data;
        // The lengths stay: what becomes of those is tested where they are read.
        let units: Vec<_> = nal::units(data).map(|unit| flipped(unit, &flips)).collect();
        pictures[picture].data = nal::join(units.iter().map(AsRef::as_ref));
        assert_ends(&decode(source.format.clone(), pictures))?;
    }

    #[test]
    fn flipped_bits_of_parameter_sets(
        which in 0_usize..6,
        set in 0_usize..3,
        flips in proptest::collection::vec((any::<u16>(), 1_u8..), 1..4),
    ) {
        let source = &sources()[which];
        let mut format = source.format.clone();
        let set = set % format.parameter_sets.len();
        format.parameter_sets[set] = flipped(&format.parameter_sets[set], &flips);
        // Without the sets that the pictures bring along.
        let strip = |picture: &CodedPicture| {
            let slices = nal::units(&picture.data).filter(|unit| source.format.classify(&nal::join([*unit])).is_some());
            CodedPicture { data: nal::join(slices), ..picture.clone() }
        };
        assert_ends(&decode(format, source.pictures.iter().map(strip).collect()))?;
    }

    #[test]
    fn cut_pictures(which in 0_usize..6, picture in 0_usize..8, part in any::<u16>()) {
        let source = &sources()[which];
        let mut pictures = source.pictures.clone();
        let data = &mut pictures[picture].data;
        *data = data.slice(..data.len() * usize::from(part) / 65_536);
        assert_ends(&decode(source.format.clone(), pictures))?;
    }

    #[test]
    fn any_bytes(which in 0_usize..6, bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let source = &sources()[which];
        let deadline = super::source::no_deadline();
        let mut decoder = PictureDecoder::new(&source.format, DecodeLimits::default(), &deadline).unwrap();
        let _ = decoder.decode(&bytes, &deadline);
        let mut picture = source.pictures[0].clone();
        picture.data = nal::join([&[if which < 4 { 0x65 } else { 0x26 }, 1][..], &bytes].map(<[u8]>::as_ref));
        assert_ends(&decode(source.format.clone(), vec![picture]))?;
    }
}

/// A picture that lost its end is refused, and not shown as half a picture.
#[test]
fn half_a_picture_is_damaged() {
    for source in sources() {
        let mut pictures = source.pictures.clone();
        let units: Vec<_> =
            nal::units(&pictures[0].data).map(|unit| unit[..unit.len().div_ceil(2)].to_vec()).collect();
        pictures[0].data = nal::join(units.iter().map(Vec::as_slice));
        let result = decode(source.format.clone(), pictures);
        assert!(!matches!(result, Ok(Ok(()))), "{:?}: {result:?}", source.format.codec);
    }
}

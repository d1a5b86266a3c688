//! Every kind of stream that is promised, picture by picture as ffmpeg decodes it.

use super::source::{Recipe, Source, bytes, no_deadline, psnr};
use crate::decode::{DecodeError, DecodeLimits, Group, PictureDecoder, Range, Wanted};
use crate::media::{VideoCodec, VideoFormat};

/// Decodes all pictures in one go and compares each with ffmpeg's.
fn assert_same_pictures(recipe: &Recipe<'_>) -> Source {
    let source = Source::make(recipe);
    assert_eq!(source.pictures.len(), recipe.count);
    let limits = DecodeLimits::default();
    let mut decoder = PictureDecoder::new(&source.format, limits, &no_deadline()).unwrap();
    for coded in &source.pictures {
        let picture = decoder.decode(&coded.data, &no_deadline()).unwrap();
        let picture = picture.unwrap_or_else(|| panic!("nothing for pts {}", coded.pts));
        assert_eq!((picture.width(), picture.height()), recipe.size);
        let psnr = psnr(&bytes(&picture), source.original(coded.pts));
        // ffmpeg rounds where more than 8 bits become 8, and dithers.
        let least = if recipe.pixels == "yuv420p" { f64::INFINITY } else { 45.0 };
        assert!(psnr >= least, "pts {}: {psnr} dB", coded.pts);
    }
    source
}

#[test]
fn h264_baseline() {
    assert_same_pictures(&Recipe { options: &["-profile:v", "baseline"], ..Recipe::default() });
}

#[test]
fn h264_high_with_b_frames() {
    let options = ["-profile:v", "high", "-bf", "3", "-g", "15", "-x264-params", "b-pyramid=normal:ref=4"];
    let source = assert_same_pictures(&Recipe { options: &options, ..Recipe::default() });
    assert!(source.pictures.windows(2).any(|pair| pair[0].pts > pair[1].pts));
}

#[test]
fn h264_of_several_slices() {
    assert_same_pictures(&Recipe { options: &["-slices", "4"], ..Recipe::default() });
}

#[test]
fn h264_interlaced() {
    let options = ["-flags", "+ilme+ildct", "-x264-params", "tff=1"];
    assert_same_pictures(&Recipe { size: (352, 288), options: &options, ..Recipe::default() });
}

#[test]
fn h264_of_10_bits() {
    assert_same_pictures(&Recipe { pixels: "yuv420p10le", ..Recipe::default() });
}

#[test]
fn h264_of_4_2_2() {
    let recipe = Recipe { pixels: "yuv422p", count: 3, ..Recipe::default() };
    let source = Source::make(&recipe);
    let decoded = Group::new(&source.pictures).unwrap().decode(
        &source.format,
        Wanted::Newest,
        DecodeLimits::default(),
        &no_deadline(),
    );
    let picture = decoded.unwrap().picture;
    let psnr = psnr(&bytes(&picture), source.original(2));
    assert!(psnr > 35.0, "{psnr} dB");
}

#[test]
fn h265_main() {
    let options = ["-x265-params", "log-level=error:info=0:pools=1:frame-threads=1:bframes=3"];
    assert_same_pictures(&Recipe { codec: VideoCodec::H265, options: &options, ..Recipe::default() });
}

#[test]
fn h265_main_10() {
    assert_same_pictures(&Recipe { codec: VideoCodec::H265, pixels: "yuv420p10le", ..Recipe::default() });
}

/// Sizes that macroblocks and coding tree blocks don't divide, down to one macroblock.
#[test]
fn odd_sizes_are_cropped() {
    for (codec, size) in [
        (VideoCodec::H264, (16, 16)),
        (VideoCodec::H264, (2, 2)),
        (VideoCodec::H264, (322, 182)),
        (VideoCodec::H264, (1920, 1080)),
        (VideoCodec::H265, (16, 16)),
        (VideoCodec::H265, (322, 182)),
        (VideoCodec::H265, (1920, 1080)),
    ] {
        assert_same_pictures(&Recipe { codec, size, count: 2, ..Recipe::default() });
    }
}

#[test]
fn the_range_is_read_from_both_codecs() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        for (name, range) in [("pc", Range::Full), ("tv", Range::Limited)] {
            let options = ["-color_range", name];
            let recipe = Recipe { codec, count: 1, options: &options, ..Recipe::default() };
            let source = Source::make(&recipe);
            let mut decoder =
                PictureDecoder::new(&source.format, DecodeLimits::default(), &no_deadline()).unwrap();
            let picture = decoder.decode(&source.pictures[0].data, &no_deadline()).unwrap().unwrap();
            assert_eq!(picture.range(), range, "{codec:?}");
        }
    }
}

#[test]
fn codecs_without_a_decoder_are_refused() {
    let error = PictureDecoder::new(&VideoFormat::vp8(64, 64), DecodeLimits::default(), &no_deadline());
    assert_eq!(error.unwrap_err(), DecodeError::Codec(VideoCodec::Vp8));
}

#[test]
fn pictures_above_the_limit_are_refused() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let source = Source::make(&Recipe { codec, count: 1, ..Recipe::default() });
        let limits = DecodeLimits { max_pixels: 320 * 100, ..DecodeLimits::default() };
        let error = PictureDecoder::new(&source.format, limits, &no_deadline()).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { .. }), "{error}");
    }
}

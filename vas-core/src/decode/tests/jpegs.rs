//! JPEG files as ffmpeg reads them.

use super::source::{Recipe, Source, no_deadline, psnr, run};
use crate::decode::jpeg::{Jpeg, JpegOptions, encode};
use crate::decode::{DecodeLimits, Matrix, Picture, PictureDecoder, Range};

/// Without sharp coloured edges, at which programs differ in how they spread half the resolution over a whole one.
const SMOOTH: [&str; 2] = ["-vf", "gblur=sigma=4"];

fn first_picture(recipe: &Recipe<'_>) -> (Source, Picture) {
    let source = Source::make(recipe);
    let mut decoder = PictureDecoder::new(&source.format, DecodeLimits::default(), &no_deadline()).unwrap();
    let picture = decoder.decode(&source.pictures[0].data, &no_deadline()).unwrap().unwrap();
    (source, picture)
}

/// The colours of a JPEG in red, green and blue as ffmpeg shows them, scaled by it where a width is given.
fn rgb_of_jpeg(jpeg: &Jpeg) -> Vec<u8> {
    let decoded =
        run("ffmpeg", &["-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], &jpeg.data);
    assert_eq!(decoded.len(), usize::from(jpeg.width) * usize::from(jpeg.height) * 3);
    decoded
}

/// The colours of planes as ffmpeg shows them.
fn rgb_of_planes(planes: &[u8], size: (usize, usize), range: Range, matrix: Matrix, filter: &str) -> Vec<u8> {
    let size = format!("{}x{}", size.0, size.1);
    let matrix = if matrix == Matrix::Bt709 { "bt709" } else { "bt601" };
    let range = if range == Range::Full { "pc" } else { "tv" };
    let filter = format!("scale=in_color_matrix={matrix}:in_range={range}{filter}");
    let input = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", &size, "-i", "-"];
    run(
        "ffmpeg",
        &[&input[..], &["-vf", &filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]].concat(),
        planes,
    )
}

#[test]
fn colours_are_those_of_the_stream() {
    for (range, range_name) in [(Range::Limited, "tv"), (Range::Full, "pc")] {
        for (matrix, matrix_name) in [(Matrix::Bt601, "smpte170m"), (Matrix::Bt709, "bt709")] {
            let options = ["-color_range", range_name, "-colorspace", matrix_name, "-crf", "10"];
            let options = [&options[..], &SMOOTH].concat();
            let recipe = Recipe { scene: "smptehdbars", count: 1, options: &options, ..Recipe::default() };
            let (source, picture) = first_picture(&recipe);
            assert_eq!((picture.range(), picture.matrix()), (range, matrix));
            let jpeg = encode(&picture, JpegOptions { quality: 95, max_width: None }).unwrap();
            assert_eq!((jpeg.width, jpeg.height), (320, 180));
            let expected = rgb_of_planes(source.original(0), recipe.size, range, matrix, "");
            let psnr = psnr(&rgb_of_jpeg(&jpeg), &expected);
            assert!(psnr > 35.0, "{range:?} {matrix:?}: {psnr} dB");
        }
    }
}

#[test]
fn planes_survive() {
    let recipe = Recipe { options: &["-color_range", "pc", "-colorspace", "smpte170m"], ..Recipe::default() };
    let (source, picture) = first_picture(&recipe);
    let jpeg = encode(&picture, JpegOptions { quality: 95, max_width: None }).unwrap();
    let decoded =
        run("ffmpeg", &["-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "yuvj420p", "-"], &jpeg.data);
    let psnr = psnr(&decoded, source.original(0));
    assert!(psnr > 35.0, "{psnr} dB");
}

#[test]
fn sizes_are_kept_or_scaled() {
    for size in [(2, 2), (16, 16), (322, 182)] {
        let (_, picture) = first_picture(&Recipe { size, count: 1, ..Recipe::default() });
        let jpeg = encode(&picture, JpegOptions::default()).unwrap();
        assert_eq!((usize::from(jpeg.width), usize::from(jpeg.height)), size);
        rgb_of_jpeg(&jpeg);
    }
    let bars = Recipe { scene: "smptehdbars", count: 1, options: &SMOOTH, ..Recipe::default() };
    let (source, picture) = first_picture(&bars);
    for (max_width, size) in
        [(1, (1, 1)), (101, (101, 57)), (160, (160, 90)), (320, (320, 180)), (999, (320, 180))]
    {
        let jpeg = encode(&picture, JpegOptions { quality: 90, max_width: Some(max_width) }).unwrap();
        assert_eq!((jpeg.width, jpeg.height), size);
        let decoded = rgb_of_jpeg(&jpeg);
        if max_width == 160 {
            let filter = ":w=160:h=90:flags=bilinear";
            let expected =
                rgb_of_planes(source.original(0), (320, 180), Range::Limited, Matrix::Bt601, filter);
            let psnr = psnr(&decoded, &expected);
            assert!(psnr > 35.0, "{psnr} dB");
        }
    }
}

#[test]
fn better_quality_is_larger() {
    let (_, picture) = first_picture(&Recipe::default());
    let size = |quality| encode(&picture, JpegOptions { quality, max_width: None }).unwrap().data.len();
    assert!(size(0) == size(1) && size(1) < size(50) && size(50) < size(100) && size(100) == size(255));
}

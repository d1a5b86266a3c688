//! How long decoding takes; printed, never judged.

use super::source::{Recipe, Source, no_deadline};
use crate::decode::jpeg::{JpegOptions, encode};
use crate::decode::{DecodeLimits, Group, Wanted};
use crate::media::VideoCodec;
use std::time::Instant;

#[test]
#[ignore = "a measurement"]
fn milliseconds_of_1080p() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let options = ["-bf", "0", "-g", "50", "-b:v", "4M"];
        let source = Source::make(&Recipe {
            codec,
            size: (1920, 1080),
            count: 50,
            options: &options,
            ..Recipe::default()
        });
        for count in [1, 50] {
            let start = Instant::now();
            let group = Group::new(&source.pictures[..count]).unwrap();
            let decoded =
                group.decode(&source.format, Wanted::Newest, DecodeLimits::default(), &no_deadline());
            let decoding = start.elapsed();
            let picture = decoded.unwrap().picture;
            let start = Instant::now();
            let jpeg = encode(&picture, JpegOptions::default()).unwrap();
            let encoding = start.elapsed();
            let start = Instant::now();
            encode(&picture, JpegOptions { max_width: Some(320), ..JpegOptions::default() }).unwrap();
            println!(
                "{codec:?}, {count} pictures: decoded in {decoding:?}, JPEG of {} kB in {encoding:?}, of 320 in {:?}",
                jpeg.data.len() / 1_000,
                start.elapsed()
            );
        }
    }
}

//! Interlaced H.264 whose fields are pictures of their own. x264 makes none, so these are written by hand, of samples
//! that are not compressed.

use super::bits::Bits;
use super::hostile::{format, h264_pps};
use super::source::no_deadline;
use crate::decode::{DecodeLimits, Picture, PictureDecoder};
use crate::media::{VideoCodec, VideoFormat, nal};

/// 16x32, a macroblock for each field.
fn fields() -> VideoFormat {
    let bits = Bits::default().u(8, 77).u(16, 40).ue(0).ue(0).ue(2).ue(1).u(1, 0).ue(0).ue(0);
    format(VideoCodec::H264, vec![bits.u(2, 0).u(1, 1).u(2, 0).unit(&[0x67]), h264_pps(1)])
}

/// A field of one luma: the upper one of an IDR picture, or the lower one that belongs to it.
fn field(upper: bool, luma: u32) -> Vec<u8> {
    let bits = Bits::default().ue(0).ue(7).ue(0).u(4, 0).u(1, 1);
    // Whether it is the bottom field; idr_pic_id; dec_ref_pic_marking
    let bits = if upper { bits.u(1, 0).ue(0).u(2, 0) } else { bits.u(1, 1).u(1, 0) };
    let bits = bits.ue(0).ue(25).aligned();
    let bits = (0..256).fold(bits, |bits, _| bits.u(8, luma));
    (0..128).fold(bits, |bits, _| bits.u(8, 128)).unit(if upper { &[0x65] } else { &[0x41] })
}

fn lines(picture: &Picture) -> Vec<u8> {
    let [y, ..] = picture.planes();
    assert_eq!((y.width(), y.height()), (16, 32));
    (0..32).map(|row| y.row(row)[0]).collect()
}

#[test]
fn two_fields_of_an_access_unit_are_woven() {
    let unit = nal::join([field(true, 50).as_slice(), &field(false, 200)]);
    let mut decoder = PictureDecoder::new(&fields(), DecodeLimits::default(), &no_deadline()).unwrap();
    let picture = decoder.decode(&unit, &no_deadline()).unwrap().unwrap();
    assert_eq!(lines(&picture), [50, 200].repeat(16));
}

#[test]
fn a_field_alone_fills_the_lines_of_the_other() {
    let mut decoder = PictureDecoder::new(&fields(), DecodeLimits::default(), &no_deadline()).unwrap();
    for (upper, luma) in [(true, 50), (false, 200)] {
        let unit = nal::join([field(upper, luma).as_slice()]);
        let picture = decoder.decode(&unit, &no_deadline()).unwrap().unwrap();
        assert_eq!(lines(&picture), [luma as u8; 32]);
    }
}

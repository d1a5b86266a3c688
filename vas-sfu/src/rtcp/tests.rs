//! Tests against the RTCP of `rtc`, both ways.

use super::read::{IntraRequest, IntraRequests, Lost, Reports, Ssrcs};
use super::*;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use rtc::rtcp::Packet;
use rtc::rtcp::goodbye::Goodbye;
use rtc::rtcp::packet::{marshal, unmarshal};
use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::payload_feedbacks::slice_loss_indication::SliceLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{SdesType, SourceDescription};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

fn bytes(packets: &[Box<dyn Packet>]) -> Vec<u8> {
    marshal(packets).unwrap().to_vec()
}

fn only(datagram: &[u8]) -> Rtcp<'_> {
    let mut all = packets(datagram);
    let first = all.next().unwrap();
    assert!(all.next().is_none());
    first
}

fn reception(ssrc: u32, lost: u32) -> ReceptionReport {
    ReceptionReport {
        ssrc,
        fraction_lost: 12,
        total_lost: lost,
        last_sequence_number: 0x0001_fffe,
        jitter: 90,
        last_sender_report: 0xdead_beef,
        delay: 65_536,
    }
}

#[test]
fn reads_a_receiver_report() {
    let report = ReceiverReport {
        ssrc: 1,
        reports: vec![reception(7, 5), reception(8, 0xff_ffff)],
        ..Default::default()
    };
    let data = bytes(&[Box::new(report)]);
    let Rtcp::Report { reports } = only(&data) else { panic!("a receiver report") };
    let blocks: Vec<_> = reports.collect();
    let expected = ReportBlock {
        ssrc: 7,
        fraction_lost: 12,
        cumulative_lost: 5,
        highest_sequence: 0x0001_fffe,
        jitter: 90,
        last_sender_report: 0xdead_beef,
        delay: 65_536,
    };
    assert_eq!(blocks, [expected, ReportBlock { ssrc: 8, cumulative_lost: -1, ..expected }]);
}

#[test]
fn reads_a_compound_packet_to_its_end() {
    let sender = SenderReport {
        ssrc: 1,
        ntp_time: 0x0102_0304_0506_0708,
        rtp_time: 9,
        packet_count: 10,
        octet_count: 11,
        reports: vec![reception(7, 0)],
        ..Default::default()
    };
    let data = bytes(&[
        Box::new(sender),
        Box::new(SourceDescription::default()),
        Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc: 7 }),
        Box::new(SliceLossIndication { sender_ssrc: 1, media_ssrc: 7, sli_entries: vec![] }),
        Box::new(Goodbye { sources: vec![1, 2], reason: Bytes::from_static(b"closed") }),
    ]);
    let all: Vec<_> = packets(&data).collect();
    let [
        Rtcp::Report { reports },
        Rtcp::Other,
        Rtcp::PictureLoss { media_ssrc: 7 },
        Rtcp::Other,
        Rtcp::Other,
    ] = &all[..]
    else {
        panic!("{all:?}")
    };
    assert_eq!(reports.clone().count(), 1);
}

#[test]
fn reads_full_intra_requests() {
    let fir = vec![FirEntry { ssrc: 7, sequence_number: 3 }, FirEntry { ssrc: 8, sequence_number: 255 }];
    let data = bytes(&[Box::new(FullIntraRequest { sender_ssrc: 1, media_ssrc: 0, fir })]);
    let Rtcp::FullIntraRequest { requests } = only(&data) else { panic!("a full intra request") };
    let expected = [IntraRequest { ssrc: 7, sequence: 3 }, IntraRequest { ssrc: 8, sequence: 255 }];
    assert_eq!(requests.collect::<Vec<_>>(), expected);
}

#[test]
fn reads_remb_whatever_its_exponent() {
    for bitrate in [0.0, 262_143.0, 1_500_000.0, 8_927_168.0, 3.0e12] {
        let remb = ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate, ssrcs: vec![7, 8] };
        let data = bytes(&[Box::new(remb)]);
        let Rtcp::Bandwidth { bitrate: read, ssrcs } = only(&data) else { panic!("REMB") };
        // Eighteen bits of mantissa.
        assert!(
            (read as f64 - f64::from(bitrate)).abs() <= f64::from(bitrate) / 131_072.0,
            "{bitrate} {read}"
        );
        assert_eq!(ssrcs.collect::<Vec<_>>(), [7, 8]);
    }
    let mut data = vec![0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0];
    data.extend_from_slice(b"REMB\x00\xff\xff\xff");
    assert!(matches!(only(&data), Rtcp::Bandwidth { bitrate: u64::MAX, .. }));
    data[12] = b'r';
    assert_eq!(only(&data), Rtcp::Other);
}

#[test]
fn padding_is_taken_off() {
    let padded = [0xa1, 206, 0, 3, 0, 0, 0, 9, 0, 0, 0, 7, 0, 0, 0, 4];
    assert_eq!(only(&padded), Rtcp::PictureLoss { media_ssrc: 7 });
    for count in [0, 5, 13, 255] {
        let mut wrong = padded;
        wrong[15] = count;
        assert!(packets(&wrong).next().is_none(), "{count}");
    }
}

#[test]
fn a_malformed_packet_ends_the_iteration() {
    let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7];
    let after = |bad: &[u8]| packets(&[&pli, bad, &pli].concat()).count();
    assert_eq!(after(&[]), 2);
    assert_eq!(after(&[0x41, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 7]), 1, "version 1");
    assert_eq!(after(&[0x81, 206, 0, 1, 0, 0, 0, 1]), 1, "no media SSRC");
    assert_eq!(after(&[0x82, 201, 0, 7]), 1, "two report blocks in 24 bytes");
    assert_eq!(after(&[0x81, 206, 0xff, 0xff]), 1, "longer than the datagram");
    for length in 0..pli.len() {
        assert_eq!(packets(&pli[..length]).count(), 0);
    }
}

#[test]
fn the_library_reads_our_reports() {
    const SSRC: u32 = 0x0102_0304;
    const NTP: u64 = 0x1112_1314_1516_1718;
    for length in [0, 1, 2, 3, 4, 5, 36, 255, 300] {
        let cname = "c".repeat(length);
        let mut data = Vec::new();
        write_sender_report(&mut data, SSRC, NTP, 5, 6, u32::MAX, &cname);
        write_bye(&mut data, SSRC);
        assert!(data.len().is_multiple_of(4));
        let read = unmarshal(&mut Bytes::from(data.clone())).unwrap();
        assert_eq!(read.len(), 3);
        let sender = read[0].as_any().downcast_ref::<SenderReport>().unwrap();
        assert_eq!(
            (sender.ssrc, sender.ntp_time, sender.rtp_time, sender.packet_count, sender.octet_count),
            (SSRC, NTP, 5, 6, u32::MAX)
        );
        let description = read[1].as_any().downcast_ref::<SourceDescription>().unwrap();
        let chunk = &description.chunks[0];
        assert_eq!((chunk.source, chunk.items[0].sdes_type), (SSRC, SdesType::SdesCname));
        assert_eq!(chunk.items[0].text, cname[..length.min(255)]);
        let bye = read[2].as_any().downcast_ref::<Goodbye>().unwrap();
        assert_eq!(bye.sources, [SSRC]);
        // And so do we.
        assert_eq!(packets(&data).count(), 3);
        assert!(matches!(packets(&data).next(), Some(Rtcp::Report { .. })));
    }
}

/// Reads everything that a packet holds.
fn exhaust(packet: Rtcp<'_>) -> usize {
    match packet {
        Rtcp::Report { reports } => Reports::count(reports),
        Rtcp::Nack { lost, .. } => Lost::count(lost),
        Rtcp::FullIntraRequest { requests } => IntraRequests::count(requests),
        Rtcp::Bandwidth { ssrcs, .. } => Ssrcs::count(ssrcs),
        Rtcp::PictureLoss { .. } | Rtcp::Other => 0,
    }
}

proptest! {
    #[test]
    fn nacks_name_what_the_library_named(mut lost in vec(any::<u16>(), 1..60)) {
        lost.sort_unstable();
        lost.dedup();
        let nacks = nack_pairs_from_sequence_numbers(&lost);
        let data = bytes(&[Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc: 7, nacks })]);
        let Rtcp::Nack { media_ssrc: 7, lost: read } = only(&data) else { panic!("a NACK") };
        prop_assert_eq!(read.collect::<Vec<_>>(), lost);
    }

    #[test]
    fn any_bytes_are_read_without_panic(data in vec(any::<u8>(), 0..300)) {
        prop_assert!(packets(&data).map(exhaust).sum::<usize>() <= data.len() * 8);
    }

    #[test]
    fn any_body_is_read_without_panic(
        first in 0x80_u8..0xc0,
        kind in 200_u8..208,
        body in vec(any::<[u8; 4]>(), 0..40),
        after in vec(any::<u8>(), 0..12),
    ) {
        let length = (body.len() as u16).to_be_bytes();
        let data = [&[first, kind, length[0], length[1]], body.as_flattened(), &after].concat();
        prop_assert!(packets(&data).map(exhaust).sum::<usize>() <= data.len() * 8);
    }
}

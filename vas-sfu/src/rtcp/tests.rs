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
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
    SymbolTypeTcc, TransportLayerCc,
};
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

const NO: SymbolTypeTcc = SymbolTypeTcc::PacketNotReceived;
const SMALL: SymbolTypeTcc = SymbolTypeTcc::PacketReceivedSmallDelta;
const LARGE: SymbolTypeTcc = SymbolTypeTcc::PacketReceivedLargeDelta;

fn run(packet_status_symbol: SymbolTypeTcc, run_length: u16) -> PacketStatusChunk {
    let type_tcc = StatusChunkTypeTcc::RunLengthChunk;
    PacketStatusChunk::RunLengthChunk(RunLengthChunk { type_tcc, packet_status_symbol, run_length })
}

fn vector(symbol_size: SymbolSizeTypeTcc, symbol_list: &[SymbolTypeTcc]) -> PacketStatusChunk {
    let type_tcc = StatusChunkTypeTcc::StatusVectorChunk;
    let symbol_list = symbol_list.to_vec();
    PacketStatusChunk::StatusVectorChunk(StatusVectorChunk { type_tcc, symbol_size, symbol_list })
}

/// A message of the library's; deltas in units of 250 us.
fn feedback(base: u16, count: u16, chunks: Vec<PacketStatusChunk>, deltas: &[i16]) -> Vec<u8> {
    let delta = |units: &i16| RecvDelta {
        type_tcc_packet: if u8::try_from(*units).is_ok() { SMALL } else { LARGE },
        delta: i64::from(*units) * 250,
    };
    bytes(&[Box::new(TransportLayerCc {
        sender_ssrc: 1,
        media_ssrc: 7,
        base_sequence_number: base,
        packet_status_count: count,
        reference_time: 0xfe_dcba,
        fb_pkt_count: 3,
        packet_chunks: chunks,
        recv_deltas: deltas.iter().map(delta).collect(),
    })])
}

fn statuses(data: &[u8]) -> Vec<(u16, Option<i16>)> {
    let Rtcp::TransportFeedback(feedback) = only(data) else { panic!("transport-wide feedback") };
    feedback.statuses().collect()
}

#[test]
fn reads_transport_wide_feedback_of_all_kinds_of_chunks() {
    let chunks = vec![
        run(SMALL, 2),
        run(NO, 3),
        vector(SymbolSizeTypeTcc::OneBit, &[SMALL, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, SMALL]),
        vector(SymbolSizeTypeTcc::TwoBit, &[LARGE, NO, SMALL, NO, NO, NO, NO]),
        run(LARGE, 1),
    ];
    let data = feedback(65_534, 27, chunks, &[255, 0, 1, 2, -300, 3, 32_767]);
    let Rtcp::TransportFeedback(read) = only(&data) else { panic!("transport-wide feedback") };
    assert_eq!((read.base, read.count, read.reference), (65_534, 27, 0xfe_dcba));
    let all = statuses(&data);
    assert_eq!(all.len(), 27);
    let arrived: Vec<_> = all.iter().filter_map(|(number, delta)| Some((*number, (*delta)?))).collect();
    assert_eq!(arrived, [(65_534, 255), (65_535, 0), (3, 1), (16, 2), (17, -300), (19, 3), (24, 32_767)]);
}

#[test]
fn malformed_transport_wide_feedback_ends_where_it_is_malformed() {
    // Fewer deltas than packets.
    let mut data = feedback(5, 3, vec![run(SMALL, 3)], &[1, 2, 3]);
    data[15] = 8;
    data[20..22].copy_from_slice(&[0x20, 8]);
    assert_eq!(statuses(&data), [(5, Some(1)), (6, Some(2)), (7, Some(3))]);
    // A reserved symbol.
    let mut data = feedback(5, 7, vec![vector(SymbolSizeTypeTcc::TwoBit, &[SMALL; 7])], &[9; 7]);
    data[20..22].copy_from_slice(&0xd700_u16.to_be_bytes());
    assert_eq!(statuses(&data), [(5, Some(9)), (6, Some(9))]);
    // Chunks that don't reach the count, and a run of nothing.
    let mut data = feedback(5, 7, vec![run(NO, 7)], &[]);
    data[15] = 8;
    assert!(packets(&data).next().is_none());
    data[15] = 7;
    data[20..22].copy_from_slice(&[0, 0]);
    assert!(packets(&data).next().is_none());
}

#[test]
fn a_run_without_end_is_not_followed_to_its_end() {
    let data = feedback(0, 65_535, vec![run(NO, 8_191); 9], &[]);
    let all = statuses(&data);
    assert_eq!(all.len(), 4_096);
    assert!(all.iter().all(|(_, delta)| delta.is_none()));
}

/// Reads everything that a packet holds.
fn exhaust(packet: Rtcp<'_>) -> usize {
    match packet {
        Rtcp::Report { reports } => Reports::count(reports),
        Rtcp::Nack { lost, .. } => Lost::count(lost),
        Rtcp::FullIntraRequest { requests } => IntraRequests::count(requests),
        Rtcp::Bandwidth { ssrcs, .. } => Ssrcs::count(ssrcs),
        // A run of packets costs two bytes however long it is, so the bound is one of its own.
        Rtcp::TransportFeedback(feedback) => feedback.statuses().count().div_ceil(4_096),
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
    fn transport_wide_feedback_says_what_the_library_wrote(
        base in any::<u16>(),
        arrivals in vec(proptest::option::of(any::<i16>()), 1..200),
    ) {
        let symbol = |delta: &Option<i16>| match delta {
            None => NO,
            Some(0..=255) => SMALL,
            Some(_) => LARGE,
        };
        let chunks = arrivals
            .chunks(7)
            .map(|seven| vector(SymbolSizeTypeTcc::TwoBit, &seven.iter().map(symbol).collect::<Vec<_>>()))
            .collect();
        let deltas: Vec<i16> = arrivals.iter().flatten().copied().collect();
        let data = feedback(base, arrivals.len() as u16, chunks, &deltas);
        let expected: Vec<_> =
            arrivals.iter().enumerate().map(|(n, delta)| (base.wrapping_add(n as u16), *delta)).collect();
        prop_assert_eq!(statuses(&data), expected);
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

//! The RTCP a viewer sends and reads: receiver reports, NACK, PLI; sender reports (RFC 3550, RFC 4585, RFC
//! 5506).

use bytes::{Bytes, BytesMut};
use rtc::rtcp::packet::{Packet, marshal};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use super::event::SenderReport;

const SENDER_REPORT: u8 = 200;

/// Writes RTCP in one viewer's name.
#[derive(Debug)]
pub(super) struct Feedback {
    pub(super) ssrc: u32,
    pub(super) cname: Bytes,
    /// Whether feedback may travel without a report before it (RFC 5506).
    pub(super) reduced_size: bool,
}

impl Feedback {
    /// A compound packet with a receiver report.
    pub(super) fn report(&self, report: Option<ReceptionReport>) -> BytesMut {
        write(&self.compound(report))
    }

    /// Asks for the packets `sequences`.
    pub(super) fn nack(&self, media_ssrc: u32, sequences: &[u16]) -> BytesMut {
        self.feedback(Box::new(TransportLayerNack {
            sender_ssrc: self.ssrc,
            media_ssrc,
            nacks: nack_pairs_from_sequence_numbers(sequences),
        }))
    }

    /// Asks for a keyframe.
    pub(super) fn picture_loss(&self, media_ssrc: u32) -> BytesMut {
        self.feedback(Box::new(PictureLossIndication { sender_ssrc: self.ssrc, media_ssrc }))
    }

    fn feedback(&self, packet: Box<dyn Packet>) -> BytesMut {
        let mut packets = if self.reduced_size { Vec::new() } else { self.compound(None) };
        packets.push(packet);
        write(&packets)
    }

    fn compound(&self, report: Option<ReceptionReport>) -> Vec<Box<dyn Packet>> {
        let items = vec![SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: self.cname.clone() }];
        vec![
            Box::new(ReceiverReport {
                ssrc: self.ssrc,
                reports: report.into_iter().collect(),
                ..ReceiverReport::default()
            }),
            Box::new(SourceDescription { chunks: vec![SourceDescriptionChunk { source: self.ssrc, items }] }),
        ]
    }
}

fn write(packets: &[Box<dyn Packet>]) -> BytesMut {
    marshal(packets).expect("invariant: one report and one feedback message fit their length fields")
}

/// The sender reports in a decrypted RTCP datagram.
pub(super) fn sender_reports(mut datagram: &[u8]) -> impl Iterator<Item = SenderReport> {
    std::iter::from_fn(move || {
        loop {
            let header = datagram.first_chunk::<4>()?;
            let length = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
            let (packet, rest) = datagram.split_at_checked(length)?;
            datagram = rest;
            if header[1] == SENDER_REPORT
                && let Some(fields) = packet.get(4..28)
            {
                let word = |at: usize| {
                    u32::from_be_bytes([fields[at], fields[at + 1], fields[at + 2], fields[at + 3]])
                };
                return Some(SenderReport {
                    ssrc: word(0),
                    ntp: u64::from(word(4)) << 32 | u64::from(word(8)),
                    timestamp: word(12),
                    packets: word(16),
                    bytes: word(20),
                });
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtc::rtcp::packet::unmarshal;

    use super::*;

    #[test]
    fn asks_for_packets_across_the_wrap() {
        let feedback = Feedback { ssrc: 1, cname: Bytes::from_static(b"v"), reduced_size: true };
        let sequences = [65_530, 65_535, 0, 40, 41];
        let mut datagram = feedback.nack(2, &sequences);
        let packets = unmarshal(&mut datagram).unwrap();
        let nack = packets[0].as_any().downcast_ref::<TransportLayerNack>().unwrap();
        let asked: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        assert_eq!(asked, sequences);
    }

    #[test]
    fn sends_a_report_first_unless_the_answer_says_otherwise() {
        let mut feedback = Feedback { ssrc: 1, cname: Bytes::from_static(b"v"), reduced_size: false };
        assert_eq!(feedback.picture_loss(2)[1], 201);
        feedback.reduced_size = true;
        assert_eq!(feedback.picture_loss(2)[1], 206);
    }

    #[test]
    fn finds_the_sender_report_in_a_compound_packet() {
        let mut datagram = vec![0x80, 201, 0, 1, 0, 0, 0, 9, 0x80, 200, 0, 6];
        for word in [7_u32, 1, 2, 3, 4, 5] {
            datagram.extend(word.to_be_bytes());
        }
        let expected = SenderReport { ssrc: 7, ntp: 1 << 32 | 2, timestamp: 3, packets: 4, bytes: 5 };
        assert_eq!(sender_reports(&datagram).collect::<Vec<_>>(), [expected]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(datagram in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = sender_reports(&datagram).count();
        }
    }
}

//! Counts the packets of one video stream: what came, what is missing, when, and how evenly.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::srtp::context::Context;

use super::answer::{Answer, Payload};
use super::config::{Decrypt, ViewerConfig};
use super::event::{self, Event};
use super::keyframe::{Codec, FirstKeyframe, begins_keyframe};
use super::missing::Missing;
use super::playback::{Piece, Playback};
use super::rtp::{RtpHeader, RtpPacket};
use super::sequence::{Arrival, Sequence};
use super::stats::ViewerStats;
use super::twcc::TransportFeedback;

/// All video payload formats run on this clock.
const CLOCK_RATE: f64 = 90_000.0;

/// The receive side of a session.
#[derive(Debug)]
pub(super) struct Receiver {
    payloads: Box<[Option<Payload>; 128]>,
    ssrc: Option<u32>,
    nack: bool,
    transport_cc: Option<u8>,
    playout_delay: Option<u8>,
    sequence: Sequence,
    finished: bool,
    pub(super) missing: Missing,
    pub(super) transport: TransportFeedback,
    keyframe: Option<FirstKeyframe>,
    playback: Playback,
    jitter: Jitter,
    /// The newest sender report: the middle of its NTP time, and when it came.
    sender_report: Option<(u32, Instant)>,
    /// `expected` and `packets` at the last receiver report.
    reported: (u64, u64),
    pub(super) stats: ViewerStats,
}

impl Receiver {
    pub(super) fn new(now: Instant, answer: &Answer) -> Self {
        Self {
            payloads: answer.payloads.clone(),
            ssrc: answer.ssrc,
            nack: answer.nack,
            transport_cc: answer.transport_cc,
            playout_delay: answer.playout_delay,
            sequence: Sequence::new(),
            finished: false,
            missing: Missing::default(),
            transport: TransportFeedback::new(now),
            keyframe: Some(FirstKeyframe::default()),
            playback: Playback::default(),
            jitter: Jitter::default(),
            sender_report: None,
            reported: (0, 0),
            stats: ViewerStats { answered_at: Some(now), ..ViewerStats::default() },
        }
    }

    /// The media source, once known.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// Takes an SRTP packet.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        datagram: &[u8],
        inbound: &mut Context,
        config: &ViewerConfig,
        events: &mut VecDeque<Event>,
    ) {
        let known = RtpHeader::parse(datagram)
            .and_then(|header| Some((header, self.payloads[usize::from(header.payload_type)]?)));
        // Another source's packets are not this stream's, and a session before this one may have had the same
        // port.
        let ours = known.filter(|(header, payload)| {
            matches!(payload, Payload::Repair(_)) || self.ssrc.is_none_or(|ssrc| ssrc == header.ssrc)
        });
        let Some((header, payload)) = ours else {
            self.stats.ignored += 1;
            return;
        };
        let open = match (payload, config.decrypt) {
            (Payload::Repair(_), _) | (_, Decrypt::All) => true,
            (Payload::Media(_), Decrypt::Sample { first, every }) => {
                let count = self.stats.packets;
                self.keyframe.is_some()
                    || count < u64::from(first)
                    || (every != 0 && count.is_multiple_of(u64::from(every)))
            }
        };
        let packet = if open {
            let Ok(packet) = inbound.decrypt_rtp(datagram) else {
                self.stats.rejected += 1;
                return;
            };
            self.stats.authenticated += 1;
            Some(packet.freeze())
        } else {
            None
        };
        self.stats.bytes += datagram.len() as u64;
        if let Some(number) = self.transport_cc.and_then(|id| header.extension(datagram, id)?.try_into().ok())
        {
            self.transport.record(u16::from_be_bytes(number), now);
        }
        if let Some(value) = self.playout_delay.and_then(|id| header.extension(datagram, id)?.try_into().ok())
        {
            self.playback.set_playout_delay(value);
        }
        match payload {
            Payload::Media(codec) => self.media(now, codec, header, packet, config, events),
            Payload::Repair(original) => self.repair(now, original, header, packet, config, events),
        }
    }

    fn media(
        &mut self,
        now: Instant,
        codec: Codec,
        header: RtpHeader,
        packet: Option<Bytes>,
        config: &ViewerConfig,
        events: &mut VecDeque<Event>,
    ) {
        // Where the answer names no source the first packet does; it has been decrypted, as all are up to the
        // first keyframe.
        self.ssrc = Some(header.ssrc);
        let extended = match self.sequence.insert(header.sequence) {
            Arrival::New { extended, gap_start } => {
                if self.nack && gap_start < extended {
                    self.missing.add(gap_start..extended, now);
                }
                extended
            }
            Arrival::Filled { extended } => {
                self.stats.reordered += 1;
                self.missing.remove(extended);
                extended
            }
            Arrival::Duplicate => {
                self.stats.duplicates += 1;
                return;
            }
            Arrival::Outside => {
                self.stats.ignored += u64::from(!self.finished);
                return;
            }
        };
        self.stats.packets += 1;
        self.stats.first_packet_at.get_or_insert(now);
        self.jitter.push(now, header.timestamp);
        let payload = packet.as_ref().and_then(|packet| Some(packet.slice_ref(header.payload(packet)?)));
        self.arrived(now, codec, header, extended, false, packet.zip(payload), config, events);
    }

    /// A retransmission carries the original sequence number before the original payload (RFC 4588, section
    /// 4).
    fn repair(
        &mut self,
        now: Instant,
        original: u8,
        mut header: RtpHeader,
        packet: Option<Bytes>,
        config: &ViewerConfig,
        events: &mut VecDeque<Event>,
    ) {
        let Some(packet) = packet else { return };
        let body = header.payload(&packet).and_then(|payload| payload.split_at_checked(2));
        let (Some((number, payload)), Some(ssrc)) = (body, self.ssrc) else {
            self.stats.ignored += 1; // padding, by which some servers probe the bandwidth
            return;
        };
        self.stats.repairs += 1;
        header.sequence = u16::from_be_bytes([number[0], number[1]]);
        header.payload_type = original;
        header.ssrc = ssrc;
        match self.sequence.repair(header.sequence) {
            Arrival::New { .. } | Arrival::Outside => self.stats.ignored += 1,
            Arrival::Duplicate => self.stats.duplicates += 1,
            Arrival::Filled { extended } => {
                self.stats.recovered += 1;
                self.missing.remove(extended);
                let payload = packet.slice_ref(payload);
                if let Some(Payload::Media(codec)) = self.payloads[usize::from(original & 0x7F)] {
                    self.arrived(now, codec, header, extended, true, Some((packet, payload)), config, events);
                }
            }
        }
    }

    /// A packet that is new, whichever way it came.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one packet, which has no owner while it is counted"
    )]
    fn arrived(
        &mut self,
        now: Instant,
        codec: Codec,
        header: RtpHeader,
        extended_sequence: u64,
        repaired: bool,
        opened: Option<(Bytes, Bytes)>,
        config: &ViewerConfig,
        events: &mut VecDeque<Event>,
    ) {
        self.stats.pictures += u64::from(header.marker);
        let Some((packet, payload)) = opened else { return };
        if let Some(keyframe) = &mut self.keyframe
            && keyframe.push(codec, extended_sequence, header.timestamp, header.marker, &payload)
        {
            self.stats.first_keyframe_at = Some(now);
            self.keyframe = None;
        }
        if config.decrypt == Decrypt::All {
            let begins_keyframe = begins_keyframe(codec, &payload);
            let RtpHeader { timestamp, marker, .. } = header;
            self.playback.push(now, extended_sequence, Piece { timestamp, marker, begins_keyframe });
        }
        if config.deliver {
            let event = Event::Rtp(RtpPacket { header, extended_sequence, repaired, payload, packet });
            self.stats.undelivered += u64::from(!event::offer(events, event));
        }
    }

    pub(super) fn sender_report(&mut self, now: Instant, ntp: u64) {
        self.stats.sender_reports += 1;
        self.sender_report = Some(((ntp >> 16) as u32, now));
    }

    /// Nothing newer counts from now on.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.sequence.finish();
    }

    /// The counters up to now.
    pub(super) fn stats(&self) -> ViewerStats {
        let expected = self.sequence.expected();
        ViewerStats {
            expected,
            lost: expected - self.sequence.unique(),
            jitter: self.jitter.value(),
            shown: self.playback.shown,
            shown_at: self.playback.shown_at,
            freezes: self.playback.freezes,
            frozen: self.playback.frozen,
            held: self.playback.held,
            ..self.stats.clone()
        }
    }

    /// The reception report on the stream since the last one (RFC 3550, section 6.4.1). A repair came on
    /// another source, so that a packet it brought counts as lost here, as it does in browsers.
    pub(super) fn report(&mut self, now: Instant) -> Option<ReceptionReport> {
        let ssrc = self.ssrc?;
        let totals = (self.sequence.expected(), self.stats.packets);
        if totals.1 == 0 {
            return None;
        }
        let (expected, packets) = (totals.0 - self.reported.0, totals.1 - self.reported.1);
        self.reported = totals;
        let lost = expected.saturating_sub(packets);
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(ntp, at)| {
            (ntp, (now.duration_since(at).as_secs_f64() * 65_536.0) as u32) // units of 1/65,536 s
        });
        Some(ReceptionReport {
            ssrc,
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            total_lost: totals.0.saturating_sub(totals.1).min(0x7F_FFFF) as u32,
            last_sequence_number: self.sequence.highest() as u32,
            jitter: self.jitter.ticks as u32,
            last_sender_report,
            delay,
        })
    }
}

/// Interarrival jitter (RFC 3550, appendix A.8), in ticks of the media clock.
#[derive(Debug, Default)]
struct Jitter {
    last: Option<(Instant, u32)>,
    ticks: f64,
}

impl Jitter {
    fn push(&mut self, now: Instant, timestamp: u32) {
        if let Some((at, before)) = self.last.replace((now, timestamp)) {
            let arrival = now.duration_since(at).as_secs_f64() * CLOCK_RATE;
            let media = f64::from(timestamp.wrapping_sub(before) as i32);
            self.ticks += ((arrival - media).abs() - self.ticks) / 16.0;
        }
    }

    fn value(&self) -> Duration {
        Duration::from_secs_f64(self.ticks / CLOCK_RATE)
    }
}

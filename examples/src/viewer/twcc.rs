//! Feedback on transport-wide sequence numbers (draft-holmer-rmcat-transport-wide-cc-extensions-01, section
//! 3.1).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};

/// How often feedback is sent: as browsers do where 5 % of the received rate suffice for it.
const INTERVAL: Duration = Duration::from_millis(50);
/// Packets in one feedback message: two bits and at most two bytes each, so that it fits a datagram.
const MAX_PACKETS: u64 = 400;
/// Arrival times kept; past it the oldest are forgotten.
const MAX_ARRIVALS: usize = 8192;
/// The unit of a reference time is 64 ms, that of a delta 250 us.
const TICKS_PER_REFERENCE: i64 = 256;
const TICK: Duration = Duration::from_micros(250);
/// How long a reported arrival is kept: a packet that comes later than those behind it is reported together with
/// them once more, as browsers do.
const KEPT_TICKS: i64 = 2_000;

/// Arrival times, and what has been reported of them.
#[derive(Debug)]
pub(super) struct TransportFeedback {
    epoch: Instant,
    due: Option<Instant>,
    sent: Option<Instant>,
    /// The next number to report on, and the newest one seen, without wrap-around.
    next: u64,
    newest: Option<u64>,
    /// In ticks since the epoch.
    arrivals: BTreeMap<u64, i64>,
    count: u8,
}

impl TransportFeedback {
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, due: None, sent: None, next: 0, newest: None, arrivals: BTreeMap::new(), count: 0 }
    }

    /// Notes the arrival of the packet `number`.
    pub(super) fn record(&mut self, number: u16, now: Instant) {
        let extended = match self.newest {
            // Far from zero, so that an older one has a place too.
            None => (1 << 32) + u64::from(number),
            Some(newest) => newest.wrapping_add_signed(i64::from(number.wrapping_sub(newest as u16) as i16)),
        };
        if self.newest.is_none() {
            self.next = extended;
        }
        self.newest = self.newest.max(Some(extended));
        let ticks = (now.duration_since(self.epoch).as_nanos() / TICK.as_nanos()) as i64;
        let oldest = self.arrivals.first_key_value().map_or(self.next, |(oldest, _)| *oldest);
        let known = self.arrivals.contains_key(&extended);
        if known || extended < oldest || self.arrivals.len() >= MAX_ARRIVALS {
            return;
        }
        self.arrivals.insert(extended, ticks);
        self.next = self.next.min(extended);
        if self.due.is_none() {
            self.due = Some(self.sent.map_or(now, |sent| now.max(sent + INTERVAL)));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// The feedback message that is due, as an RTCP packet.
    pub(super) fn take_due(&mut self, now: Instant, sender: u32, media: u32) -> Option<BytesMut> {
        self.due.filter(|due| *due <= now)?;
        let mut unreported = self.arrivals.range(self.next..).peekable();
        let &(&first, &first_ticks) = unreported.peek()?;
        // Everything since the last report is reported on, lost or not; only a huge gap is skipped.
        let base = if first - self.next < MAX_PACKETS / 2 { self.next } else { first };
        let reference = first_ticks.div_euclid(TICKS_PER_REFERENCE);
        let mut before = reference * TICKS_PER_REFERENCE;
        let mut symbols = Vec::new();
        let mut deltas = BytesMut::new();
        for (&extended, &ticks) in unreported {
            let Ok(delta) = i16::try_from(ticks - before) else { break };
            if extended - base >= MAX_PACKETS {
                break;
            }
            symbols.resize((extended - base) as usize, NOT_RECEIVED);
            if let Ok(small) = u8::try_from(delta) {
                symbols.push(SMALL_DELTA);
                deltas.put_u8(small);
            } else {
                symbols.push(LARGE_DELTA);
                deltas.put_i16(delta);
            }
            before = ticks;
        }
        self.next = base + symbols.len() as u64;
        self.forget(now);
        self.sent = Some(now);
        // What found no place goes at once.
        self.due = self.arrivals.range(self.next..).next().map(|_| now);
        let count = self.count;
        self.count = count.wrapping_add(1);

        let mut packet = BytesMut::new();
        packet.put_slice(&[0x80 | 15, 205, 0, 0]);
        packet.put_u32(sender);
        packet.put_u32(media);
        packet.put_u16(base as u16);
        packet.put_u16(symbols.len() as u16);
        packet.put_uint(reference as u64 & 0xFF_FFFF, 3);
        packet.put_u8(count);
        for seven in symbols.chunks(7) {
            // A vector of two-bit symbols, the first in the highest bits.
            let bits = seven.iter().fold(0, |bits, symbol| bits << 2 | symbol);
            packet.put_u16(0xC000 | bits << (2 * (7 - seven.len())));
        }
        packet.put_slice(&deltas);
        let padding = packet.len().next_multiple_of(4) - packet.len();
        if padding != 0 {
            packet[0] |= 0x20;
            packet.put_bytes(0, padding - 1);
            packet.put_u8(padding as u8);
        }
        let words = (packet.len() / 4 - 1) as u16;
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        Some(packet)
    }

    /// Drops what was reported and came too long ago to be reported again.
    fn forget(&mut self, now: Instant) {
        let ticks = (now.duration_since(self.epoch).as_nanos() / TICK.as_nanos()) as i64;
        while let Some(oldest) = self.arrivals.first_entry()
            && *oldest.key() < self.next
            && *oldest.get() < ticks - KEPT_TICKS
        {
            oldest.remove();
        }
    }
}

const NOT_RECEIVED: u16 = 0;
const SMALL_DELTA: u16 = 1;
const LARGE_DELTA: u16 = 2;

#[cfg(test)]
mod tests {
    use rtc::rtcp::packet::unmarshal;
    use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
        PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
    };

    use super::*;

    fn read(mut packet: BytesMut) -> (TransportLayerCc, Vec<u16>) {
        let packets = unmarshal(&mut packet).unwrap();
        let feedback = packets[0].as_any().downcast_ref::<TransportLayerCc>().unwrap().clone();
        let mut symbols = Vec::new();
        for chunk in &feedback.packet_chunks {
            let PacketStatusChunk::StatusVectorChunk(chunk) = chunk else { panic!("a run-length chunk") };
            symbols.extend(chunk.symbol_list.iter().map(|symbol| match symbol {
                SymbolTypeTcc::PacketNotReceived => NOT_RECEIVED,
                SymbolTypeTcc::PacketReceivedSmallDelta => SMALL_DELTA,
                _ => LARGE_DELTA,
            }));
        }
        symbols.truncate(usize::from(feedback.packet_status_count));
        (feedback, symbols)
    }

    #[test]
    fn reports_what_came_and_what_did_not() {
        let epoch = Instant::now();
        let at = |ms: u64| epoch + Duration::from_millis(ms);
        let mut transport = TransportFeedback::new(epoch);
        for (number, ms) in [(65_534, 70), (65_535, 71), (2, 73), (1, 200)] {
            transport.record(number, at(ms));
        }
        let (feedback, symbols) = read(transport.take_due(at(200), 1, 2).unwrap());
        assert_eq!(feedback.base_sequence_number, 65_534);
        assert_eq!(symbols, [SMALL_DELTA, SMALL_DELTA, NOT_RECEIVED, LARGE_DELTA, LARGE_DELTA]);
        assert_eq!(feedback.reference_time, 1);
        let deltas: Vec<i64> = feedback.recv_deltas.iter().map(|delta| delta.delta).collect();
        assert_eq!(deltas, [6_000, 1_000, 129_000, -127_000]); // microseconds

        assert_eq!(transport.deadline(), None);
        transport.record(5, at(210));
        assert!(transport.take_due(at(210), 1, 2).is_none());
        assert_eq!(transport.deadline(), Some(at(250)));
        let (feedback, symbols) = read(transport.take_due(at(250), 1, 2).unwrap());
        assert_eq!((feedback.base_sequence_number, feedback.fb_pkt_count), (3, 1));
        assert_eq!(symbols, [NOT_RECEIVED, NOT_RECEIVED, SMALL_DELTA]);
    }

    /// Or the sender would take it for lost.
    #[test]
    fn what_comes_after_its_report_is_reported_later() {
        let epoch = Instant::now();
        let at = |ms: u64| epoch + Duration::from_millis(ms);
        let mut transport = TransportFeedback::new(epoch);
        for number in [1, 2, 4, 5] {
            transport.record(number, at(10));
        }
        let (_, symbols) = read(transport.take_due(at(10), 1, 2).unwrap());
        assert_eq!(symbols, [SMALL_DELTA, SMALL_DELTA, NOT_RECEIVED, SMALL_DELTA, SMALL_DELTA]);
        transport.record(3, at(40));
        let (feedback, symbols) = read(transport.take_due(at(60), 1, 2).unwrap());
        assert_eq!(feedback.base_sequence_number, 3);
        assert_eq!(symbols, [SMALL_DELTA, LARGE_DELTA, SMALL_DELTA]);
        let deltas: Vec<i64> = feedback.recv_deltas.iter().map(|delta| delta.delta).collect();
        assert_eq!(deltas, [40_000, -30_000, 0]);

        // Not for ever: what is kept of the past ends.
        for number in 6..100 {
            transport.record(number, at(40 + u64::from(number) * 20));
            transport.take_due(at(40 + u64::from(number) * 20), 1, 2);
        }
        assert!(transport.arrivals.len() < 40, "{}", transport.arrivals.len());
        transport.record(3, at(2_100));
        assert_eq!(transport.deadline(), None);
    }

    #[test]
    fn a_silence_of_minutes_and_a_burst_are_reported_in_parts() {
        let epoch = Instant::now();
        let mut transport = TransportFeedback::new(epoch);
        transport.record(0, epoch);
        let later = epoch + Duration::from_secs(100);
        for number in 1..1000 {
            transport.record(number, later);
        }
        let mut reported = 0;
        while let Some(packet) = transport.take_due(later, 1, 2) {
            assert!(packet.len() < 1200);
            reported += read(packet).1.len();
        }
        assert_eq!(reported, 1000);
    }
}

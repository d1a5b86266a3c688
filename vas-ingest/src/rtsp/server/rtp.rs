//! RTP and RTCP of one track of one session (RFC 3550): numbering, headers, sender reports.

use super::payload::Payload;
use bytes::{BufMut, BytesMut};
use vas_core::WallTime;

/// Bytes of an RTP header without extensions.
pub(super) const HEADER: usize = 12;
/// Most bytes of an RTP packet, header included.
pub(super) const MAX_PACKET: usize = 1_400;

/// Version 2, no padding (section 5.1 and 6.4.1).
const VERSION: u8 = 2 << 6;
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;

/// The sender of one track.
#[derive(Debug)]
pub(super) struct RtpSender {
    payload_type: u8,
    ssrc: u32,
    next_seq: u16,
    packets: u32,
    octets: u32,
    /// The newest instant of capture and its RTP time: what reports tell.
    newest: Option<(WallTime, u32)>,
    /// When the last report was written.
    reported: Option<WallTime>,
}

impl RtpSender {
    /// A sender with a random SSRC and first sequence number.
    pub(super) fn new(payload_type: u8) -> Self {
        Self {
            payload_type,
            ssrc: rand::random(),
            next_seq: rand::random(),
            packets: 0,
            octets: 0,
            newest: None,
            reported: None,
        }
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) const fn next_seq(&self) -> u16 {
        self.next_seq
    }

    /// Writes the packet of `payload` of a unit whose RTP time is `time`.
    pub(super) fn write(&mut self, payload: &Payload<'_>, time: u32, out: &mut BytesMut) {
        let length = payload.prefix.len() + payload.data.len();
        out.put_u8(VERSION);
        out.put_u8((u8::from(payload.marker) << 7) | self.payload_type);
        out.put_u16(self.next_seq);
        out.put_u32(time.wrapping_add(payload.ticks));
        out.put_u32(self.ssrc);
        out.put_slice(payload.prefix);
        out.put_slice(payload.data);
        self.next_seq = self.next_seq.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
    }

    /// Notes a unit about to be sent and tells whether a report is due before it: one before the first packet, so
    /// that the client knows UTC from the start, and then one each `interval_micros`.
    pub(super) fn observe(
        &mut self,
        captured: WallTime,
        time: u32,
        now: WallTime,
        interval_micros: i64,
    ) -> bool {
        self.newest = Some((captured, time));
        let since = self.reported.map(|reported| now.micros_since(reported));
        // A wall clock that was set back makes the report due as well.
        !since.is_some_and(|micros| (0..interval_micros).contains(&micros))
    }

    /// Writes a sender report with the CNAME (sections 6.4.1 and 6.5.1); nothing before the first unit. NTP and RTP
    /// time are those of the newest unit's capture.
    pub(super) fn write_report(&mut self, cname: &str, now: WallTime, out: &mut BytesMut) {
        const WORDS_AFTER_FIRST: u16 = 6;
        let Some((captured, time)) = self.newest else { return };
        self.reported = Some(now);
        out.put_u8(VERSION);
        out.put_u8(SENDER_REPORT);
        out.put_u16(WORDS_AFTER_FIRST);
        out.put_u32(self.ssrc);
        out.put_u64(captured.to_ntp());
        out.put_u32(time);
        out.put_u32(self.packets);
        out.put_u32(self.octets);

        // SSRC, item type, item length, text, and at least one zero byte up to the next word.
        let cname = &cname.as_bytes()[..cname.len().min(255)];
        let chunk = 4 + 2 + cname.len();
        let padding = 4 - chunk % 4;
        out.put_u8(VERSION | 1);
        out.put_u8(SOURCE_DESCRIPTION);
        out.put_u16(((chunk + padding) / 4) as u16);
        out.put_u32(self.ssrc);
        out.put_u8(CNAME);
        out.put_u8(cname.len() as u8);
        out.put_slice(cname);
        out.put_bytes(0, padding);
    }

    /// Writes a report and a goodbye (section 6.6); nothing before the first unit.
    pub(super) fn write_goodbye(&mut self, cname: &str, now: WallTime, out: &mut BytesMut) {
        if self.newest.is_none() {
            return;
        }
        self.write_report(cname, now, out);
        out.put_u8(VERSION | 1);
        out.put_u8(GOODBYE);
        out.put_u16(1);
        out.put_u32(self.ssrc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_reports_are_laid_out_as_the_standard_says() {
        let mut sender = RtpSender::new(96);
        (sender.ssrc, sender.next_seq) = (0x0102_0304, u16::MAX);
        let mut out = BytesMut::new();
        let payload = Payload { prefix: &[9], data: &[7, 8], marker: true, ticks: 1 };
        sender.write(&payload, u32::MAX, &mut out);
        assert_eq!(&out[..], [0x80, 0x80 | 96, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3, 4, 9, 7, 8]);
        assert_eq!(sender.next_seq(), 0);

        let at = WallTime::from_unix_micros(1_500_000);
        out.clear();
        sender.write_goodbye("ab", at, &mut out);
        assert!(out.is_empty(), "no unit yet");
        assert!(sender.observe(at, 77, at, 5_000_000));
        sender.write_goodbye("ab", at, &mut out);
        assert_eq!(out.len(), 28 + 16 + 8);
        assert_eq!(&out[..8], [0x80, 200, 0, 6, 1, 2, 3, 4]);
        assert_eq!(&out[8..16], at.to_ntp().to_be_bytes());
        assert_eq!(&out[16..28], [0, 0, 0, 77, 0, 0, 0, 1, 0, 0, 0, 3]);
        assert_eq!(&out[28..44], [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, b'a', b'b', 0, 0, 0, 0]);
        assert_eq!(&out[44..], [0x81, 203, 0, 1, 1, 2, 3, 4]);
        assert!(!sender.observe(at, 78, at.add_micros(4_999_999), 5_000_000));
        assert!(sender.observe(at, 79, at.add_micros(5_000_000), 5_000_000));
        assert!(sender.observe(at, 79, at.add_micros(-1), 5_000_000));
    }
}

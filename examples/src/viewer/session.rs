//! One session after its answer: the transport under it, and what goes where (RFC 7983).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::answer::Answer;
use super::config::ViewerConfig;
use super::dtls::{Handshake, Progress, Srtp};
use super::error::{AnswerError, CloseReason};
use super::event::{self, Event};
use super::feedback::{self, Feedback};
use super::ice::Checker;
use super::offer::Credentials;
use super::receiver::Receiver;
use super::stats::ViewerStats;
use super::transmit::Transmit;

/// From the first answered check to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Sequence numbers in one NACK message: 4 bytes each at worst.
const MAX_NACKED: usize = 250;

/// A session, with everything that an answer brings.
pub(super) struct Session {
    checker: Checker,
    handshake: Handshake,
    srtp: Option<Srtp>,
    receiver: Receiver,
    feedback: Feedback,
    /// When the handshake has to be complete; unset before a check was answered and once it is complete.
    handshake_deadline: Option<Instant>,
    /// When the next receiver report is due.
    report_due: Option<Instant>,
}

impl Session {
    pub(super) fn start(
        now: Instant,
        config: &ViewerConfig,
        local: &Credentials,
        answer: Answer,
        feedback: Feedback,
    ) -> Result<Self, AnswerError> {
        let identity = config.identity.clone();
        let handshake = Handshake::start(now, identity, answer.role, answer.fingerprint, config.srtp)
            .map_err(AnswerError::Dtls)?;
        let receiver = Receiver::new(now, &answer);
        let remote = Credentials { ufrag: answer.ufrag, password: answer.password };
        let checker = Checker::new(now, config, local, &remote, answer.candidates);
        Ok(Self {
            checker,
            handshake,
            srtp: None,
            receiver,
            feedback,
            handshake_deadline: None,
            report_due: None,
        })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    pub(super) fn stats(&self) -> ViewerStats {
        self.receiver.stats()
    }

    pub(super) fn received(&self) -> (u64, u64) {
        (self.receiver.stats.packets, self.receiver.stats.bytes)
    }

    pub(super) fn finish_counting(&mut self) {
        self.receiver.finish();
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        config: &ViewerConfig,
        out: &mut VecDeque<Transmit>,
        events: &mut VecDeque<Event>,
    ) -> Result<(), CloseReason> {
        match datagram {
            [0..=3, ..] => {
                if self.checker.handle(now, from, datagram, out) {
                    self.receiver.stats.reachable_at = Some(now);
                    self.handshake_deadline = Some(now + HANDSHAKE_TIMEOUT);
                    self.drain_handshake(out);
                }
                Ok(())
            }
            [20..=63, ..] => self.handle_dtls(now, datagram, config, out, events),
            // RTCP's packet types lie where an RTP marker and payload types 64 to 95 would (RFC 5761, section
            // 4).
            [128..=191, 192..=223, ..] => {
                self.handle_rtcp(now, datagram, events);
                Ok(())
            }
            [128..=191, ..] => {
                match &mut self.srtp {
                    Some(srtp) => self.receiver.receive(now, datagram, &mut srtp.inbound, config, events),
                    None => self.receiver.stats.early += 1,
                }
                Ok(())
            }
            _ => {
                self.receiver.stats.ignored += 1;
                Ok(())
            }
        }
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        datagram: &[u8],
        config: &ViewerConfig,
        out: &mut VecDeque<Transmit>,
        events: &mut VecDeque<Event>,
    ) -> Result<(), CloseReason> {
        let progress = self.handshake.read(now, datagram);
        self.drain_handshake(out);
        match progress {
            Ok(Progress::None) => {}
            Ok(Progress::Complete(srtp)) => {
                self.receiver.stats.gcm = Some(srtp.gcm);
                self.receiver.stats.connected_at = Some(now);
                self.srtp = Some(*srtp);
                self.handshake_deadline = None;
                // The first report tells the server that media arrives, so it comes early (RFC 3550, section
                // 6.2, halves the first interval).
                self.report_due = Some(now + config.report_interval / 2);
                events.push_back(Event::Connected);
            }
            Ok(Progress::Closed) => return Err(CloseReason::Remote),
            // After the handshake a datagram that cannot be read is anybody's, and no reason to stop.
            Err(error) if self.srtp.is_none() => return Err(CloseReason::Handshake(error.to_string())),
            Err(_) => self.receiver.stats.ignored += 1,
        }
        Ok(())
    }

    fn handle_rtcp(&mut self, now: Instant, datagram: &[u8], events: &mut VecDeque<Event>) {
        let Some(srtp) = &mut self.srtp else {
            self.receiver.stats.early += 1;
            return;
        };
        let Ok(packets) = srtp.inbound.decrypt_rtcp(datagram) else {
            self.receiver.stats.rejected += 1;
            return;
        };
        for report in feedback::sender_reports(&packets) {
            if self.receiver.ssrc().is_none_or(|ssrc| ssrc == report.ssrc) {
                self.receiver.sender_report(now, report.ntp);
            }
            event::offer(events, Event::SenderReport(report));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        // Nothing of DTLS is sent before the server's address is known.
        let handshake = self.checker.selected().and_then(|_| self.handshake.deadline());
        [
            self.checker.deadline(),
            handshake,
            self.handshake_deadline,
            self.report_due,
            self.receiver.missing.deadline(),
            self.receiver.transport.deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        config: &ViewerConfig,
        out: &mut VecDeque<Transmit>,
    ) -> Result<(), CloseReason> {
        self.checker.handle_timeout(now, out)?;
        if self.checker.selected().is_none() {
            return Ok(());
        }
        if self.handshake_deadline.is_some_and(|deadline| deadline <= now) {
            let seconds = HANDSHAKE_TIMEOUT.as_secs();
            return Err(CloseReason::Handshake(format!("not complete after {seconds} s")));
        }
        if self.srtp.is_none() && self.handshake.deadline().is_some_and(|deadline| deadline <= now) {
            let handled = self.handshake.handle_timeout(now);
            self.drain_handshake(out);
            handled.map_err(|error| CloseReason::Handshake(error.to_string()))?;
        }
        if self.report_due.is_some_and(|due| due <= now) {
            self.report_due = Some(now + config.report_interval);
            let report = self.receiver.report(now);
            self.send_rtcp(&self.feedback.report(report), out);
        }
        let missing = self.receiver.missing.take_due(now, self.checker.round_trip());
        self.send_nack(&missing, out);
        if let Some(media) = self.receiver.ssrc() {
            while let Some(packet) = self.receiver.transport.take_due(now, self.feedback.ssrc, media) {
                self.send_rtcp(&packet, out);
            }
        }
        Ok(())
    }

    pub(super) fn request_keyframe(&mut self, out: &mut VecDeque<Transmit>) {
        if let Some(media) = self.receiver.ssrc()
            && self.send_rtcp(&self.feedback.picture_loss(media), out)
        {
            self.receiver.stats.keyframe_requests += 1;
        }
    }

    pub(super) fn send_nack(&mut self, sequences: &[u16], out: &mut VecDeque<Transmit>) {
        let Some(media) = self.receiver.ssrc() else { return };
        for sequences in sequences.chunks(MAX_NACKED) {
            if self.send_rtcp(&self.feedback.nack(media, sequences), out) {
                self.receiver.stats.nacks += 1;
                self.receiver.stats.nacked += sequences.len() as u64;
            }
        }
    }

    pub(super) fn close(&mut self, now: Instant, out: &mut VecDeque<Transmit>) {
        self.handshake.close(now);
        self.drain_handshake(out);
    }

    /// Encrypts and queues RTCP; false before there are keys.
    fn send_rtcp(&mut self, packets: &BytesMut, out: &mut VecDeque<Transmit>) -> bool {
        let (Some(srtp), Some(to)) = (&mut self.srtp, self.checker.selected()) else { return false };
        let Ok(datagram) = srtp.outbound.encrypt_rtcp(packets) else { return false };
        out.push_back(Transmit { to, payload: datagram.freeze() });
        true
    }

    fn drain_handshake(&mut self, out: &mut VecDeque<Transmit>) {
        let Some(to) = self.checker.selected() else { return };
        while let Some(payload) = self.handshake.poll_transmit() {
            out.push_back(Transmit { to, payload });
        }
    }
}

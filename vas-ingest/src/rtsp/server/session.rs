//! A session: the tracks that a client has set up, and the way of units from the hub to them.

use super::StartMode;
use super::link::{Datagrams, Link, put_interleaved};
use super::payload;
use super::rtp::{self, RtpSender};
use super::timeline::Timeline;
use bytes::BytesMut;
use std::sync::Arc;
use vas_core::hub::{RecvError, StartAt, StreamHub, SubscribeError, Subscription};
use vas_core::media::{AccessUnit, Codec, Track};
use vas_core::{SharedClock, StreamId, TrackId, WallTime};

/// How often clients are told how RTP time and UTC go together.
const REPORT_MICROS: i64 = 4_000_000;

/// The stream has become another than the one described, so that the client must describe it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamChanged;

/// Where in the stream a client starts: RTP-Info (RFC 2326, section 12.33).
#[derive(Clone, Copy, Debug)]
pub(super) struct TrackStart {
    pub(super) track: TrackId,
    pub(super) seq: u16,
    pub(super) time: Option<u32>,
}

/// What a client has set up.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    /// The path of the stream, by which the client asked.
    pub(super) path: String,
    stream: StreamId,
    tracks: Vec<SessionTrack>,
    subscription: Option<Subscription>,
    /// The first unit, read ahead to know where time starts.
    first: Option<Arc<AccessUnit>>,
    /// The newest unit that was sent.
    sent: Option<u64>,
    cname: String,
    scratch: Vec<u8>,
    datagrams: Datagrams,
}

#[derive(Debug)]
struct SessionTrack {
    id: TrackId,
    codec: Codec,
    timeline: Timeline,
    sender: RtpSender,
    link: Link,
}

impl Session {
    /// A session of nothing yet, with an id nobody can guess (RFC 2326, section 3.4).
    pub(super) fn new(path: String, stream: StreamId, cname: String) -> Self {
        Self {
            id: format!("{:032x}", rand::random::<u128>()),
            path,
            stream,
            tracks: Vec::new(),
            subscription: None,
            first: None,
            sent: None,
            cname,
            scratch: Vec::new(),
            datagrams: Datagrams::default(),
        }
    }

    pub(super) const fn is_playing(&self) -> bool {
        self.subscription.is_some()
    }

    pub(super) fn tracks(&self) -> impl Iterator<Item = TrackId> {
        self.tracks.iter().map(|track| track.id)
    }

    /// Adds a track or gives it another transport; returns its SSRC.
    pub(super) fn set_up(&mut self, track: &Track, payload_type: u8, link: Link) -> u32 {
        self.tracks.retain(|known| known.id != track.id);
        self.tracks.push(SessionTrack {
            id: track.id,
            codec: track.format.codec(),
            timeline: Timeline::new(rand::random(), track.format.clock_rate()),
            sender: RtpSender::new(payload_type),
            link,
        });
        self.tracks.last().map_or(0, |track| track.sender.ssrc())
    }

    /// The channels for a track: those that the client would like, unless another track has them.
    pub(super) fn channels(&self, track: TrackId, wanted: Option<(u8, u8)>) -> Option<(u8, u8)> {
        let taken = |channel: u8| {
            self.tracks
                .iter()
                .filter(|known| known.id != track)
                .any(|known| matches!(known.link, Link::Tcp(a, b) if a == channel || b == channel))
        };
        let free = |&(a, b): &(u8, u8)| a != b && !taken(a) && !taken(b);
        wanted.filter(free).or_else(|| (0..=u8::MAX / 2).map(|n| (2 * n, 2 * n + 1)).find(free))
    }

    /// Begins or resumes sending, and tells where each track starts.
    ///
    /// # Errors
    /// The stream is not in the hub any more.
    pub(super) fn play(
        &mut self,
        hub: &StreamHub,
        start: StartMode,
    ) -> Result<Vec<TrackStart>, SubscribeError> {
        // After a pause the cached group is the way back to where the client left, and what it has is passed over.
        let start = match start {
            StartMode::NextKey if self.sent.is_none() => StartAt::NextKey,
            _ => StartAt::LastKey,
        };
        let mut subscription = hub.subscribe(self.stream, start)?;
        while let Some(next) = subscription.try_next() {
            // Lagged: the group was dropped in this moment, and the next is waited for.
            if let Ok(unit) = next
                && self.is_new(&unit)
            {
                self.first = Some(unit);
                break;
            }
        }
        self.subscription = Some(subscription);
        let captured = self.first.as_ref().map(|unit| unit.captured);
        if let Some(captured) = captured {
            self.tracks.iter_mut().for_each(|track| track.timeline.start(captured));
        }
        let starts = self.tracks.iter().map(|track| TrackStart {
            track: track.id,
            seq: track.sender.next_seq(),
            time: captured.map(|captured| track.timeline.at(captured)),
        });
        Ok(starts.collect())
    }

    pub(super) fn pause(&mut self) {
        self.subscription = None;
        self.first = None;
    }

    /// The next unit to be sent. Cancel-safe. Never completes while nothing is played.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub(super) async fn next(&mut self) -> Result<Arc<AccessUnit>, RecvError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        match &mut self.subscription {
            Some(subscription) => subscription.next().await,
            None => std::future::pending().await,
        }
    }

    fn is_new(&self, unit: &AccessUnit) -> bool {
        self.sent.is_none_or(|sent| unit.seq > sent)
    }

    /// Where the stream has a newer start than `unit`: goes on there and returns how many units are left out.
    pub(super) fn skip_ahead(&mut self, unit: &AccessUnit, hub: &StreamHub) -> Option<u64> {
        let mut ahead = hub.subscribe(self.stream, StartAt::LastKey).ok()?;
        let first = ahead.try_next()?.ok()?;
        let missed = first.seq.checked_sub(unit.seq).filter(|&missed| missed > 0)?;
        self.subscription = Some(ahead);
        self.first = Some(first);
        Some(missed)
    }

    /// Sends a unit: into `out` what goes over the connection, to the network what goes over UDP.
    ///
    /// # Errors
    /// The unit is of another codec than the one that was described.
    pub(super) async fn send(
        &mut self,
        unit: &AccessUnit,
        clock: &SharedClock,
        out: &mut BytesMut,
    ) -> Result<(), StreamChanged> {
        if !self.is_new(unit) {
            return Ok(());
        }
        self.sent = Some(unit.seq);
        self.tracks.iter_mut().for_each(|track| track.timeline.start(unit.captured));
        let Some(track) = self.tracks.iter_mut().find(|track| track.id == unit.track) else { return Ok(()) };
        if track.codec != unit.format.codec() || track.timeline.rate() != unit.format.clock_rate() {
            return Err(StreamChanged);
        }
        let Some(time) = track.timeline.place(unit) else { return Ok(()) };
        let now = clock.wall();
        let SessionTrack { sender, link, .. } = track;
        if sender.observe(unit.captured, time, now, REPORT_MICROS) {
            link.send_report(out, |report| sender.write_report(&self.cname, now, report));
        }
        let limit = rtp::MAX_PACKET - rtp::HEADER;
        match link {
            Link::Tcp(channel, _) => payload::packetize(unit, limit, &mut self.scratch, |payload| {
                let length = rtp::HEADER + payload.prefix.len() + payload.data.len();
                put_interleaved(*channel, length, out);
                sender.write(&payload, time, out);
            }),
            Link::Udp(pair) => {
                let datagrams = &mut self.datagrams;
                datagrams.clear();
                payload::packetize(unit, limit, &mut self.scratch, |payload| {
                    sender.write(&payload, time, &mut datagrams.bytes);
                    datagrams.end();
                });
                datagrams.send(pair).await;
            }
        }
        Ok(())
    }

    /// Says goodbye on every track (RFC 3550, section 6.6).
    pub(super) fn say_goodbye(&mut self, now: WallTime, out: &mut BytesMut) {
        for track in &mut self.tracks {
            let SessionTrack { sender, link, .. } = track;
            link.send_report(out, |report| sender.write_goodbye(&self.cname, now, report));
        }
    }

    /// Whether the client has reported over UDP since the last look: a sign of life.
    pub(super) fn heard_over_udp(&self) -> bool {
        self.tracks.iter().fold(false, |heard, track| match &track.link {
            Link::Udp(pair) => pair.drain_reports() || heard,
            Link::Tcp(..) => heard,
        })
    }

    /// Whether all media goes over the connection, so that its progress shows that the client lives.
    pub(super) fn is_interleaved(&self) -> bool {
        self.tracks.iter().all(|track| matches!(track.link, Link::Tcp(..)))
    }
}

//! The task of one session: packets in, access units into the hub, requests for key pictures out.

use super::PublishObserver;
use super::config::WhipConfig;
use super::connection::Events;
use super::error::WhipEnd;
use super::session::Counters;
use super::track::{AudioTrack, Now, VideoTrack};
use rtc::rtcp::Packet as RtcpPacket;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use vas_core::hub::{StreamHub, StreamWriter};
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::{SharedClock, StreamId, TaskScope};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::RTCPeerConnectionState;

/// How often what depends on time is looked at: gaps, requests, silence.
const TICK: Duration = Duration::from_millis(50);
/// Shortest time between two requests for a key picture.
const REQUEST_EVERY: Duration = Duration::from_millis(500);
/// A publisher that ignores requests is not asked more often than this while it can be decoded all the same.
const REMIND_EVERY: Duration = Duration::from_secs(2);

/// What a session's task works on.
pub(super) struct Pump {
    pub(super) stream: StreamId,
    pub(super) hub: StreamHub,
    pub(super) clock: SharedClock,
    pub(super) config: Arc<WhipConfig>,
    pub(super) observer: Arc<dyn PublishObserver>,
    pub(super) counters: Arc<Counters>,
    pub(super) events: Events,
    pub(super) video: VideoTrack,
    pub(super) audio: Option<AudioTrack>,
}

/// The running state of a session's task.
struct Running {
    pump: Pump,
    /// Made once the pictures' format is known.
    writer: Option<StreamWriter>,
    /// Since the last of each, or since the start.
    last_packet: Instant,
    last_unit: Instant,
    last_key: Instant,
    last_request: Option<Instant>,
    /// SSRC of the pictures, to ask for key pictures by.
    ssrc: Option<u32>,
    connected: bool,
}

impl Pump {
    /// Ends when the session does, or when `stop` is cancelled.
    pub(super) async fn run(self, stop: TaskScope) -> WhipEnd {
        let now = self.clock.now();
        let running = Running {
            pump: self,
            writer: None,
            last_packet: now,
            last_unit: now,
            last_key: now,
            last_request: None,
            ssrc: None,
            connected: false,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => WhipEnd::Closed,
            end = running.run() => end,
        }
    }
}

/// The next event of a track; never, of one that has not come yet.
async fn next(track: Option<&Arc<dyn TrackRemote>>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => std::future::pending().await,
    }
}

impl Running {
    async fn run(mut self) -> WhipEnd {
        let (mut pictures, mut sound) = (None, None);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let end = tokio::select! {
                changed = self.pump.events.state.changed() => match changed {
                    Ok(()) => self.state_changed(),
                    Err(_) => Some(self.gone()),
                },
                Some(track) = self.pump.events.tracks.recv() => {
                    let kind = track.kind().await;
                    let place = if kind == RtpCodecKind::Video { &mut pictures } else { &mut sound };
                    if place.is_none() {
                        *place = Some(track);
                    }
                    None
                }
                event = next(pictures.as_ref()) => self.picture_event(event),
                event = next(sound.as_ref()) => {
                    // Pictures go on where sound ends.
                    if matches!(event, None | Some(TrackRemoteEvent::OnEnded)) {
                        sound = None;
                    }
                    self.sound_event(event)
                }
                _ = tick.tick() => self.passed(),
            };
            if let Some(end) = end {
                return end;
            }
            if let Some(track) = &pictures
                && let Some(ssrc) = self.key_request()
            {
                let request: Box<dyn RtcpPacket> =
                    Box::new(PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc });
                // Fails only when the connection has gone, which its state tells.
                let _ = track.write_rtcp(vec![request]).await;
            }
        }
    }

    fn now(&self) -> Now {
        Now { mono: self.pump.clock.now(), wall: self.pump.clock.wall() }
    }

    fn state_changed(&mut self) -> Option<WhipEnd> {
        let state = *self.pump.events.state.borrow_and_update();
        match state {
            RTCPeerConnectionState::Connected if !self.connected => {
                self.connected = true;
                let now = self.pump.clock.now();
                (self.last_packet, self.last_unit) = (now, now);
                self.pump.observer.connected();
                None
            }
            RTCPeerConnectionState::Failed => Some(self.gone()),
            RTCPeerConnectionState::Closed => Some(WhipEnd::Left),
            _ => None,
        }
    }

    const fn gone(&self) -> WhipEnd {
        if self.connected { WhipEnd::Lost } else { WhipEnd::NeverConnected }
    }

    fn picture_event(&mut self, event: Option<TrackRemoteEvent>) -> Option<WhipEnd> {
        let now = self.now();
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                self.last_packet = now.mono;
                self.pump.counters.packets.fetch_add(1, Relaxed);
                self.ssrc = Some(packet.header.ssrc);
                self.pump.video.push(packet, now.mono);
                self.pictures(now)
            }
            Some(TrackRemoteEvent::OnRtcpPacket(packets)) => {
                for report in sender_reports(&packets) {
                    self.pump.video.report(report.rtp_time, report.ntp_time);
                }
                None
            }
            Some(TrackRemoteEvent::OnEnded) | None => Some(WhipEnd::Left),
            Some(_) => None,
        }
    }

    fn sound_event(&mut self, event: Option<TrackRemoteEvent>) -> Option<WhipEnd> {
        let now = self.now();
        let audio = self.pump.audio.as_mut()?;
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                self.pump.counters.packets.fetch_add(1, Relaxed);
                audio.push(packet, now.mono);
                self.sound(now)
            }
            Some(TrackRemoteEvent::OnRtcpPacket(packets)) => {
                for report in sender_reports(&packets) {
                    audio.report(report.rtp_time, report.ntp_time);
                }
                None
            }
            _ => None,
        }
    }

    /// Time went by: what was waited for may be given up.
    fn passed(&mut self) -> Option<WhipEnd> {
        let now = self.now();
        if let Some(end) = self.pictures(now).or_else(|| self.sound(now)) {
            return Some(end);
        }
        let config = &self.pump.config;
        let since = |earlier: Instant| now.mono.saturating_duration_since(earlier);
        if !self.connected {
            return (since(self.last_packet) > config.connect_timeout).then_some(WhipEnd::NeverConnected);
        }
        if since(self.last_packet) > config.media_timeout {
            return Some(WhipEnd::NoMedia);
        }
        // A publisher that heeds no request sends a key picture of its own accord now and then.
        (since(self.last_unit) > config.media_timeout * 3).then_some(WhipEnd::NoKey)
    }

    fn pictures(&mut self, now: Now) -> Option<WhipEnd> {
        while let Some(unit) = self.pump.video.poll(now) {
            self.last_unit = now.mono;
            if unit.is_key() {
                self.last_key = now.mono;
            }
            if let Some(end) = self.push(unit) {
                return Some(end);
            }
        }
        None
    }

    fn sound(&mut self, now: Now) -> Option<WhipEnd> {
        while let Some(unit) = self.pump.audio.as_mut()?.poll(now) {
            // Nobody can join before the first key picture.
            if self.writer.is_some()
                && let Some(end) = self.push(unit)
            {
                return Some(end);
            }
        }
        None
    }

    /// Hands a unit to the hub.
    fn push(&mut self, unit: AccessUnit) -> Option<WhipEnd> {
        let Pump { observer, counters, hub, stream, video, audio, .. } = &self.pump;
        let writer = match &mut self.writer {
            Some(writer) if writer.is_closed() => return Some(WhipEnd::StreamGone),
            Some(writer) => writer,
            None => {
                let tracks = video.track().into_iter().chain(audio.as_ref().map(AudioTrack::track)).collect();
                let Ok(writer) = hub.publish(*stream, StreamDesc { tracks }) else {
                    return Some(WhipEnd::StreamGone);
                };
                observer.described(writer.desc());
                self.writer.insert(writer)
            }
        };
        counters.units.fetch_add(1, Relaxed);
        counters.bytes.fetch_add(unit.data.len() as u64, Relaxed);
        counters.lost.fetch_add(unit.lost_before.into(), Relaxed);
        observer.unit(&unit);
        let before = Arc::as_ptr(writer.desc());
        writer.push(unit);
        if before != Arc::as_ptr(writer.desc()) {
            observer.described(writer.desc());
        }
        None
    }

    /// The SSRC to ask a key picture of, where one is due: viewers can't start, or could not start for long.
    fn key_request(&mut self) -> Option<u32> {
        let ssrc = self.ssrc?;
        let now = self.pump.clock.now();
        let overdue = now.saturating_duration_since(self.last_key) >= self.pump.config.key_interval;
        let pause = match (self.pump.video.needs_key(), overdue) {
            (true, _) => REQUEST_EVERY,
            (false, true) => REMIND_EVERY,
            (false, false) => return None,
        };
        if self.last_request.is_some_and(|last| now.saturating_duration_since(last) < pause) {
            return None;
        }
        self.last_request = Some(now);
        self.pump.counters.key_requests.fetch_add(1, Relaxed);
        Some(ssrc)
    }
}

fn sender_reports(packets: &[Box<dyn RtcpPacket>]) -> impl Iterator<Item = &SenderReport> {
    packets.iter().filter_map(|packet| packet.as_any().downcast_ref())
}

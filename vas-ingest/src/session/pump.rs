//! From frames to units in the hub, with a watchdog.

use super::track::{AudioTrack, Outcome, VideoTrack};
use super::{Observer, SessionParts};
use crate::failure::{self, MediaError, Step};
use crate::health::Picture;
use futures_util::StreamExt;
use retina::client::Demuxed;
use retina::codec::{AudioFrame, CodecItem, VideoFrame};
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};
use vas_core::hub::StreamWriter;
use vas_core::media::{AccessUnit, StreamDesc};
use vas_core::model::stream::Reason;

/// Moves the media of one session into the hub.
pub(crate) struct Pump<'a> {
    parts: &'a SessionParts,
    observer: &'a dyn Observer,
    video: VideoTrack,
    audio: Option<AudioTrack>,
    endpoint: String,
    /// Made once the video's format is known.
    writer: Option<StreamWriter>,
    live: bool,
    /// When the last sound picture arrived, or the session began.
    last_picture: Instant,
    /// When the last unit went to the hub.
    last_unit: Instant,
    had_picture: bool,
    /// Garbage since then.
    garbage: u64,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        parts: &'a SessionParts,
        observer: &'a dyn Observer,
        video: VideoTrack,
        audio: Option<AudioTrack>,
        endpoint: String,
    ) -> Self {
        observer.meter(&mut |meter| meter.begin_session());
        Self {
            parts,
            observer,
            video,
            audio,
            endpoint,
            writer: None,
            live: false,
            last_picture: Instant::now(),
            last_unit: Instant::now(),
            had_picture: false,
            garbage: 0,
        }
    }

    /// Ends with the reason of the failure.
    pub(crate) async fn run(mut self, mut media: Demuxed) -> Reason {
        if let Err(reason) = self.publish() {
            return reason;
        }
        let limit = self.parts.config.media_timeout;
        let mut watchdog = std::pin::pin!(sleep_until(self.last_picture + limit));
        loop {
            let item = tokio::select! {
                item = media.next() => item,
                () = watchdog.as_mut() => {
                    // Set anew only here, as pictures come far more often than this.
                    let due = self.last_picture + limit;
                    if due > Instant::now() {
                        watchdog.as_mut().reset(due);
                        continue;
                    }
                    return self.silence();
                }
            };
            let result = match item {
                Some(Ok(CodecItem::VideoFrame(frame))) => self.picture(frame, &media),
                Some(Ok(CodecItem::AudioFrame(frame))) => {
                    self.sound(&frame);
                    Ok(())
                }
                Some(Ok(CodecItem::Rtcp(packets))) => {
                    self.report(&packets);
                    Ok(())
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => self.malformed(&error, &media),
                None => Err(self.end()),
            };
            if let Err(reason) = result {
                return reason;
            }
        }
    }

    /// Publishes the stream once the video's format is known.
    fn publish(&mut self) -> Result<(), Reason> {
        let Some(video) = self.video.track() else { return Ok(()) };
        let tracks = std::iter::once(video).chain(self.audio.as_ref().map(AudioTrack::track)).collect();
        let writer = self
            .parts
            .hub
            .publish(self.parts.source.stream, StreamDesc { tracks })
            .map_err(|error| failure::internal(&error.to_string()))?;
        self.observer.described(writer.desc());
        self.writer = Some(writer);
        self.tell_format(false);
        Ok(())
    }

    fn tell_format(&self, changed: bool) {
        if let Some(format) = self.video.video_format() {
            self.observer.meter(&mut |meter| meter.format(format.width, format.height, changed));
        }
    }

    fn picture(&mut self, frame: VideoFrame, media: &Demuxed) -> Result<(), Reason> {
        if frame.has_new_parameters() && self.video.learn(&media.streams()[self.video.index()]) {
            if self.writer.is_some() {
                self.tell_format(true);
            } else {
                self.publish()?;
            }
        }
        let (first_packet, complete) = (frame.start_ctx().received(), frame.end_ctx().received());
        let received = self.parts.clock.wall();
        let unit = match self.video.unit(frame, self.parts.config.max_unit_bytes, received) {
            Outcome::Unit(unit) => unit,
            Outcome::Waiting => {
                self.alive();
                let limit = self.parts.config.key_timeout;
                if self.last_unit.elapsed() > limit {
                    return Err(failure::no_key(limit, &self.endpoint));
                }
                return Ok(());
            }
            Outcome::Garbage => {
                self.count_garbage();
                return Ok(());
            }
        };
        self.alive();
        self.last_unit = self.last_picture;
        let picture = Picture {
            first_packet,
            complete,
            pts: unit.pts.as_secs_f64(),
            dts: unit.dts.as_secs_f64(),
            bytes: unit.data.len(),
            lost: unit.lost_before,
            key: unit.is_key(),
        };
        let (drift, jumps) = self.video.clock();
        self.observer.meter(&mut |meter| {
            meter.picture(&picture);
            meter.clock(drift, jumps);
        });
        self.push(unit);
        if !self.live {
            self.live = true;
            self.observer.live();
        }
        Ok(())
    }

    fn sound(&mut self, frame: &AudioFrame) {
        let received = self.parts.clock.wall();
        let Some(audio) = &mut self.audio else { return };
        let unit = audio.unit(frame, received);
        let (bytes, lost, at) = (unit.data.len(), unit.lost_before, frame.ctx().received());
        self.observer.meter(&mut |meter| meter.sound(at, bytes, lost));
        self.push(unit);
    }

    fn push(&mut self, unit: AccessUnit) {
        let Some(writer) = &mut self.writer else { return };
        let before = Arc::as_ptr(writer.desc());
        writer.push(unit);
        if before != Arc::as_ptr(writer.desc()) {
            self.observer.described(writer.desc());
        }
    }

    /// A sender report (RFC 3550, section 6.4.1) ties media time to the camera's clock.
    fn report(&mut self, packets: &retina::rtcp::ReceivedCompoundPacket) {
        let Some(time) = packets.rtp_timestamp() else { return };
        let Some(Ok(Some(report))) = packets.pkts().next().map(|packet| packet.as_sender_report()) else {
            return;
        };
        let track = if packets.stream_id() == self.video.index() {
            &mut self.video.stamper
        } else if let Some(audio) = &mut self.audio {
            &mut audio.stamper
        } else {
            return;
        };
        track.report(time.elapsed(), report.ntp_timestamp().0);
    }

    /// A well-formed picture: the camera is alive, whether the picture can be shown yet or not.
    fn alive(&mut self) {
        self.last_picture = Instant::now();
        self.had_picture = true;
        self.garbage = 0;
    }

    /// What could not be understood is dropped where only packets are concerned.
    fn malformed(&mut self, error: &retina::Error, media: &Demuxed) -> Result<(), Reason> {
        match failure::media(error, &media.streams()[self.video.index()], &self.endpoint) {
            MediaError::Packet { of_stream } => {
                if of_stream {
                    self.video.damaged();
                }
                self.count_garbage();
                Ok(())
            }
            MediaError::Fatal(reason) => Err(reason),
        }
    }

    fn count_garbage(&mut self) {
        self.garbage += 1;
        self.observer.meter(&mut |meter| meter.garbage());
    }

    /// Nothing usable came for the configured time.
    fn silence(&self) -> Reason {
        let limit = self.parts.config.media_timeout;
        if self.garbage > 0 {
            failure::bad_media(limit, self.garbage, &self.endpoint)
        } else {
            failure::no_media(limit, self.had_picture, &self.endpoint)
        }
    }

    /// The connection ended, or retina gave up on what came.
    fn end(&self) -> Reason {
        if self.garbage > 0 && !self.had_picture {
            failure::bad_media(self.last_picture.elapsed(), self.garbage, &self.endpoint)
        } else {
            failure::disconnected(Step::Media, &self.endpoint)
        }
    }
}

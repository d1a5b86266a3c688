//! From units to payloads: pictures packetised, sound packetised or, where viewers can't take it, made into Opus first.

use super::layer::Counters;
use crate::ortc::MediaKind;
use crate::packetize::{PacketRun, Packets, packetize, packetize_audio};
use std::sync::atomic::Ordering;
use vas_core::WallTime;
use vas_core::hub::StartAt;
use vas_core::media::format::VIDEO_CLOCK;
use vas_core::media::{AccessUnit, AudioCodec, AudioFormat, UnitKind};
#[cfg(feature = "transcode")]
use vas_core::transcode::{OpusPacket, ToOpus};

/// Opus's RTP clock (RFC 7587, section 4.1).
#[cfg(feature = "transcode")]
const OPUS_CLOCK: u32 = 48_000;

/// What becomes a frame.
pub(super) struct Encoded {
    /// Time in the layer's clock, within the source's session.
    pub(super) time: u32,
    pub(super) captured: WallTime,
    pub(super) key: bool,
    pub(super) disposable: bool,
    pub(super) run: PacketRun,
}

/// Makes frames of one kind of units.
pub(super) struct Encoder {
    kind: MediaKind,
    packets: Packets,
    clock_rate: u32,
    #[cfg(feature = "transcode")]
    transcoder: Option<Transcoder>,
}

#[cfg(feature = "transcode")]
struct Transcoder {
    opus: ToOpus,
    packets: Vec<OpusPacket>,
}

impl Encoder {
    pub(super) fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            packets: Packets::default(),
            clock_rate: VIDEO_CLOCK.get(),
            #[cfg(feature = "transcode")]
            transcoder: None,
        }
    }

    /// Where reading begins: sound of the past is of no use to anybody.
    pub(super) const fn start_at(&self) -> StartAt {
        match self.kind {
            MediaKind::Video => StartAt::LastKey,
            MediaKind::Audio => StartAt::Next,
        }
    }

    /// Whether units of this kind concern it.
    pub(super) const fn wants(&self, unit: &AccessUnit) -> bool {
        unit.is_video() == matches!(self.kind, MediaKind::Video)
    }

    /// Whether viewers can begin with this unit.
    pub(super) const fn can_start_at(&self, unit: &AccessUnit) -> bool {
        matches!(self.kind, MediaKind::Audio) || unit.is_key()
    }

    /// Ticks per second of the frames' times.
    pub(super) const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Whether times go on by themselves when a source begins a new session.
    pub(super) fn is_continuous(&self) -> bool {
        #[cfg(feature = "transcode")]
        return self.transcoder.is_some();
        #[cfg(not(feature = "transcode"))]
        false
    }

    /// Nobody takes frames for a while, or some were missed.
    pub(super) fn reset(&mut self) {
        #[cfg(feature = "transcode")]
        {
            self.transcoder = None;
        }
    }

    /// Appends the frames of a unit: none for what does not go to viewers.
    pub(super) fn encode(&mut self, unit: &AccessUnit, counters: &Counters, out: &mut Vec<Encoded>) {
        match self.kind {
            MediaKind::Video => self.picture(unit, counters, out),
            MediaKind::Audio => self.sound(unit, counters, out),
        }
    }

    fn sound(&mut self, unit: &AccessUnit, counters: &Counters, out: &mut Vec<Encoded>) {
        let Some(format) = unit.format.audio() else { return };
        self.clock_rate = format.clock_rate.get();
        if format.codec == AudioCodec::Aac {
            return self.transcode(unit, format, counters, out);
        }
        packetize_audio(unit, |ticks, run| {
            let later = i64::from(ticks) * 1_000_000 / i64::from(format.clock_rate.get());
            out.push(Encoded {
                time: (unit.pts.ticks() as u32).wrapping_add(ticks),
                captured: WallTime::from_unix_micros(unit.captured.as_unix_micros() + later),
                key: true,
                disposable: false,
                run,
            });
        });
    }

    #[cfg(feature = "transcode")]
    fn transcode(
        &mut self,
        unit: &AccessUnit,
        format: &AudioFormat,
        counters: &Counters,
        out: &mut Vec<Encoded>,
    ) {
        self.clock_rate = OPUS_CLOCK;
        let Some(transcoder) = &mut self.transcoder else {
            match ToOpus::new(format) {
                Ok(opus) => self.transcoder = Some(Transcoder { opus, packets: Vec::new() }),
                Err(error) => {
                    // Said once for each listener that comes, not for each unit.
                    if counters.undecodable.fetch_add(1, Ordering::Relaxed) == 0 {
                        tracing::warn!(%error, "a stream's sound can't be made into Opus");
                    }
                    return;
                }
            }
            return self.transcode(unit, format, counters, out);
        };
        transcoder.opus.push(unit, &mut transcoder.packets);
        counters.undecodable.store(transcoder.opus.stats().undecodable, Ordering::Relaxed);
        out.extend(transcoder.packets.drain(..).map(|packet| Encoded {
            time: packet.timestamp as u32,
            captured: packet.captured,
            key: true,
            disposable: false,
            run: PacketRun::of_packet(packet.data),
        }));
    }

    #[cfg(not(feature = "transcode"))]
    fn transcode(&mut self, _: &AccessUnit, _: &AudioFormat, counters: &Counters, _: &mut Vec<Encoded>) {
        counters.undecodable.fetch_add(1, Ordering::Relaxed);
    }

    fn picture(&mut self, unit: &AccessUnit, counters: &Counters, out: &mut Vec<Encoded>) {
        let reorders = unit.format.video().is_some_and(|video| video.max_reorder > 0);
        let (disposable, bipredictive) = match unit.kind {
            UnitKind::Delta { disposable, bipredictive } => (disposable, bipredictive),
            UnitKind::Key(_) | UnitKind::Audio => (false, false),
        };
        if reorders && disposable && bipredictive {
            counters.dropped_b.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let run = packetize(unit, &mut self.packets);
        if !run.is_empty() {
            let time = unit.pts.ticks() as u32;
            out.push(Encoded { time, captured: unit.captured, key: unit.is_key(), disposable, run });
        }
    }
}

//! The RTP payload formats of sound: Opus (RFC 7587), G.711 and G.722 (RFC 3551).
//!
//! In all of them a payload is the codec's bytes as they are, so nothing is copied: runs share the unit's data.

use super::{MAX_PAYLOAD, PacketRun};
use bytes::Bytes;
use vas_core::media::{AccessUnit, AudioCodec, AudioFormat};

/// Packets a second of G.711 and G.722: the 20 ms that RFC 3551, section 4.2 has as default, and that jitter buffers
/// expect.
const PACKETS_PER_SECOND: u32 = 50;

/// Packetises a unit of sound: calls `emit` with each payload's time after the unit's own, in ticks of the track's
/// clock, and a run of that one payload. Not at all where there is nothing to send: no bytes, an Opus packet too
/// large for a payload, or a codec without a payload format here.
pub(crate) fn packetize_audio(unit: &AccessUnit, mut emit: impl FnMut(u32, PacketRun)) {
    let Some(format) = unit.format.audio() else { return };
    match format.codec {
        // An Opus packet says itself how long it lasts, and can't be cut.
        AudioCodec::Opus => {
            let run = PacketRun::of_packet(unit.data.clone());
            if !run.is_empty() {
                emit(0, run);
            }
        }
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => samples(&unit.data, format, emit),
        _ => {}
    }
}

/// Formats of one byte a tick and channel: G.711 by RFC 3551, section 4.5.14, and G.722, of whose clock a tick is two
/// samples, by section 4.5.2. A long unit is cut to packets of 20 ms between ticks.
fn samples(data: &Bytes, format: &AudioFormat, mut emit: impl FnMut(u32, PacketRun)) {
    let bytes_per_tick = usize::from(format.channels.max(1));
    let most = (MAX_PAYLOAD / bytes_per_tick) as u32;
    let step = (format.clock_rate.get() / PACKETS_PER_SECOND).clamp(1, most);
    let whole = data.len() - data.len() % bytes_per_tick;
    let size = step as usize * bytes_per_tick;
    for (ticks, start) in (0_u32..).step_by(step as usize).zip((0..whole).step_by(size)) {
        emit(ticks, PacketRun::of_packet(data.slice(start..whole.min(start + size))));
    }
}

impl PacketRun {
    /// A run of one payload, which is shared and not copied; empty where that is empty or too large to be sent.
    pub(crate) fn of_packet(payload: Bytes) -> Self {
        match u32::try_from(payload.len()) {
            Ok(end @ 1..) if payload.len() <= MAX_PAYLOAD => Self { payloads: payload, ends: [end].into() },
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtc::rtp::codec::opus::OpusPacket;
    use rtc::rtp::packetizer::Depacketizer;
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use vas_core::media::TrackFormat;
    use vas_core::testing;

    fn unit(format: AudioFormat, data: Vec<u8>) -> AccessUnit {
        let format = Arc::new(TrackFormat::Audio(format));
        AccessUnit { format, data: data.into(), ..testing::audio_unit(0) }
    }

    /// Times and payloads.
    fn packets(unit: &AccessUnit) -> Vec<(u32, Vec<u8>)> {
        let mut packets = Vec::new();
        packetize_audio(unit, |ticks, run| {
            assert_eq!((run.len(), run.segments_from(0, 16)), (1, 1));
            assert_eq!(run.payload(0).len(), run.bytes());
            packets.push((ticks, run.payload(0).to_vec()));
        });
        packets
    }

    #[test]
    fn an_opus_packet_is_a_payload() {
        for size in [1, 160, MAX_PAYLOAD] {
            let data = vec![0x78; size];
            let made = packets(&unit(AudioFormat::opus(2), data.clone()));
            assert_eq!(made, [(0, data.clone())]);
            let heard = OpusPacket.depacketize(&Bytes::from(made[0].1.clone())).unwrap();
            assert_eq!(heard, data);
        }
        assert!(packets(&unit(AudioFormat::opus(2), vec![])).is_empty());
        assert!(packets(&unit(AudioFormat::opus(2), vec![0x78; MAX_PAYLOAD + 1])).is_empty());
    }

    #[test]
    fn a_unit_of_20_ms_is_a_packet_and_a_longer_one_is_cut() {
        for format in [
            AudioFormat::g711(AudioCodec::Pcmu),
            AudioFormat::g711(AudioCodec::Pcma),
            // 160 bytes of G.722 are 320 samples, and 160 ticks.
            AudioFormat::g722(),
        ] {
            let made = |size| packets(&unit(format.clone(), vec![0x55; size]));
            let cut = |size| made(size).into_iter().map(|(ticks, p)| (ticks, p.len())).collect::<Vec<_>>();
            assert_eq!(cut(160), [(0, 160)]);
            assert_eq!(cut(320), [(0, 160), (160, 160)]);
            assert_eq!(cut(256), [(0, 160), (160, 96)]);
            assert_eq!(cut(80), [(0, 80)]);
            assert!(made(0).is_empty());
        }
    }

    #[test]
    fn channels_stay_together() {
        let stereo = AudioFormat { channels: 2, ..AudioFormat::g711(AudioCodec::Pcmu) };
        let made = packets(&unit(stereo, (0..=255).cycle().take(643).collect()));
        let shape: Vec<_> = made.iter().map(|(ticks, payload)| (*ticks, payload.len())).collect();
        assert_eq!(shape, [(0, 320), (160, 320), (320, 2)], "half a frame is none");
    }

    #[test]
    fn what_has_no_payload_format_here_is_not_sent() {
        let rate = NonZeroU32::new(48_000).unwrap();
        assert!(packets(&unit(AudioFormat::aac(rate, 2, Bytes::new()), vec![1; 100])).is_empty());
        assert!(packets(&testing::key_picture(0)).is_empty());
    }

    proptest! {
        #[test]
        fn samples_come_together_again(
            data in proptest::collection::vec(any::<u8>(), 0..5_000),
            rate in prop::sample::select(vec![1_u32, 8_000, 16_000, 192_000, u32::MAX]),
            channels in any::<u8>(),
        ) {
            let clock_rate = NonZeroU32::new(rate).unwrap();
            let format = AudioFormat { clock_rate, channels, ..AudioFormat::g722() };
            let made = packets(&unit(format, data.clone()));
            let bytes_per_tick = usize::from(channels.max(1));
            let mut joined = Vec::new();
            for (ticks, payload) in made {
                prop_assert!(payload.len() <= MAX_PAYLOAD);
                prop_assert_eq!(ticks as usize * bytes_per_tick, joined.len());
                joined.extend(payload);
            }
            prop_assert!(data.starts_with(&joined) && data.len() - joined.len() < bytes_per_tick);
        }
    }
}

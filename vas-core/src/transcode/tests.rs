//! Real AAC, made by ffmpeg, judged by what libopus makes of the packets.

use super::*;
use crate::media::{AudioCodec, UnitKind};
use crate::{MediaTime, TrackId};
use media::{Aac, adts, decode_with_libopus};
use proptest::prelude::*;
use std::num::NonZeroU32;

#[path = "test_media.rs"]
mod media;

/// UTC of the first sample that was encoded.
const START: i64 = 1_700_000_000_000_000;

/// A quiet tone of 1 kHz.
fn tone(rate: u32, channels: u32, seconds: u32) -> Aac {
    adts(&format!("sine=frequency=1000:sample_rate={rate}:duration={seconds},volume=4"), channels)
}

/// The units of a stream, captured when they were by a clock without fault.
fn units(aac: &Aac) -> impl Iterator<Item = AccessUnit> + '_ {
    let rate = NonZeroU32::new(aac.rate).unwrap();
    let format = Arc::new(TrackFormat::Audio(AudioFormat::aac(rate, aac.channels, aac.config.clone())));
    aac.frames.iter().enumerate().map(move |(n, data)| {
        // The encoder puts one frame in front (ISO 14496-3, section 4.5.2: what overlaps with the first).
        let ticks = (n as i64 - 1) * UNIT_SAMPLES as i64;
        let pts = MediaTime::new(ticks, rate);
        let captured = WallTime::from_unix_micros(START + ticks * 1_000_000 / i64::from(aac.rate));
        AccessUnit {
            track: TrackId(1),
            seq: n as u64,
            epoch: 0,
            pts,
            dts: pts,
            received: captured,
            captured,
            kind: UnitKind::Audio,
            lost_before: 0,
            format: format.clone(),
            data: data.clone(),
        }
    })
}

fn transcoder(aac: &Aac) -> ToOpus {
    let rate = NonZeroU32::new(aac.rate).unwrap();
    ToOpus::new(&AudioFormat::aac(rate, aac.channels, aac.config.clone())).unwrap()
}

fn transcode(aac: &Aac) -> (Vec<OpusPacket>, TranscodeStats) {
    let (mut transcoder, mut packets) = (transcoder(aac), Vec::new());
    units(aac).for_each(|unit| transcoder.push(&unit, &mut packets));
    (packets, transcoder.stats())
}

fn assert_continuous(packets: &[OpusPacket]) {
    for (n, packet) in packets.iter().enumerate() {
        assert_eq!(packet.timestamp, packets[0].timestamp + n as u64 * 960);
        assert_eq!(packet.marker, n == 0);
        assert!(packet.captured.micros_since(packets[0].captured).abs_diff(n as i64 * 20_000) <= 1);
        assert!(!packet.data.is_empty() && packet.data.len() <= MAX_PACKET);
    }
}

/// Power of a 1 kHz tone against that of all else, in decibels, over whole periods.
fn signal_to_noise(samples: &[f32]) -> f64 {
    let samples = &samples[..samples.len() / 48 * 48];
    let angle = |n: usize| std::f64::consts::TAU * (n % 48) as f64 / 48.0;
    let scale = 2.0 / samples.len() as f64;
    let part = |of: fn(f64) -> f64| {
        samples.iter().enumerate().map(|(n, &s)| f64::from(s) * of(angle(n))).sum::<f64>() * scale
    };
    let (sine, cosine) = (part(f64::sin), part(f64::cos));
    let noise: f64 = samples
        .iter()
        .enumerate()
        .map(|(n, &s)| (f64::from(s) - sine * angle(n).sin() - cosine * angle(n).cos()).powi(2))
        .sum();
    let signal = samples.len() as f64 * (sine * sine + cosine * cosine) / 2.0;
    10.0 * (signal / noise).log10()
}

#[test]
fn a_tone_is_heard_as_it_was() {
    for (rate, channels) in [(8_000, 1), (16_000, 1), (44_100, 1), (48_000, 1), (48_000, 2)] {
        let aac = tone(rate, channels, 3);
        let (packets, stats) = transcode(&aac);
        assert_eq!((stats.undecodable, stats.jumps, stats.silence_micros), (0, 1, 0));
        assert_continuous(&packets);
        assert!((145..=165).contains(&packets.len()), "{}", packets.len());
        let bits = packets.iter().map(|packet| packet.data.len() * 8).sum::<usize>() / 3;
        assert!(bits < 40_000 * channels as usize, "{bits} bits a second");
        let heard = decode_with_libopus(&packets, channels);
        for channel in heard {
            let quality = signal_to_noise(&channel[24_000..120_000]);
            println!("{rate} Hz, {channels} channels: {quality:.1} dB");
            assert!(quality > 20.0, "{rate} Hz, {channels} channels: {quality}");
        }
    }
}

#[test]
fn a_beep_is_heard_when_it_was_captured() {
    // A beep begins with each full second.
    let beeps = "aevalsrc='if(lt(mod(t,1),0.1),0.5*sin(2*PI*1000*t),0)':sample_rate=16000:duration=6";
    let aac = adts(beeps, 1);
    let (packets, _) = transcode(&aac);
    let heard = decode_with_libopus(&packets, 1).remove(0);
    let first = packets[0].captured.micros_since(WallTime::from_unix_micros(START)) as f64 / 1e6;
    let time = |n: usize| first + n as f64 / 48_000.0;
    for second in 1..6 {
        let near = |n: &usize| (time(*n) - f64::from(second)).abs() < 0.05;
        let begin = (0..heard.len()).filter(near).find(|&n| heard[n].abs() > 0.15).unwrap();
        // The wave passes that level after 0.05 ms; codecs smear the edge a little.
        let off = time(begin) - f64::from(second);
        assert!(off.abs() < 0.004, "{off}");
    }
}

#[test]
fn the_core_of_high_efficiency_is_heard() {
    let core = tone(24_000, 1, 2);
    // What announces twice the rate, in a fill element (ISO 14496-3, section 4.4.2.7) in front of the frame's
    // own elements: bits 110 0010 1101 and twelve more.
    let with_sbr = |frame: &Bytes| {
        let fill: &[u8] = &[0b1100_0101, 0b1010_1010, 0b1010_1010];
        let bits = fill.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).take(23);
        let bits: Vec<u8> =
            bits.chain(frame.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))).collect();
        bits.chunks(8).map(|byte| (0..8).fold(0, |all, n| all << 1 | byte.get(n).unwrap_or(&0))).collect()
    };
    let frames: Vec<Bytes> = core.frames.iter().map(with_sbr).collect();
    // Object types 5 and 29 over a core of 24 kHz, one channel.
    for config in [&[0x2b, 0x09, 0x88, 0x00], &[0xeb, 0x09, 0x88, 0x00]] {
        let aac = Aac { config: Bytes::from_static(config), frames: frames.clone(), ..core.clone() };
        let (packets, stats) = transcode(&aac);
        assert_eq!(stats.undecodable, 0);
        let heard = decode_with_libopus(&packets, 1).remove(0);
        let quality = signal_to_noise(&heard[24_000..72_000]);
        assert!(quality > 20.0, "{quality}");
    }
}

#[test]
fn what_can_not_be_decoded_is_silence_of_its_length() {
    let mut aac = tone(48_000, 1, 3);
    let garbage = Bytes::from_static(&[0xa5; 90]);
    let count = aac.frames.len();
    for n in (20..count).step_by(10) {
        aac.frames[n] = if n % 20 == 0 { garbage.clone() } else { Bytes::new() };
    }
    let (packets, stats) = transcode(&aac);
    assert_eq!(stats.units as usize, count);
    assert_eq!(stats.undecodable as usize, (20..count).step_by(10).count());
    assert_eq!((stats.jumps, stats.silence_micros), (1, 0));
    assert_continuous(&packets);
}

#[test]
fn a_lost_unit_and_a_new_session() {
    let aac = tone(48_000, 2, 4);
    let (mut transcoder, mut packets) = (transcoder(&aac), Vec::new());
    for (n, mut unit) in units(&aac).enumerate() {
        match n {
            40 | 41 => continue,
            42 => unit.lost_before = 2,
            // The camera comes back after two seconds.
            100.. => {
                unit.epoch = 1;
                unit.captured = unit.captured.add_micros(2_000_000);
            }
            _ => {}
        }
        transcoder.push(&unit, &mut packets);
    }
    let stats = transcoder.stats();
    assert_eq!((stats.jumps, stats.undecodable), (2, 0));
    assert!(stats.silence_micros.abs_diff(42_667) < 100, "{stats:?}");
    let starts: Vec<_> = (0..packets.len()).filter(|&n| packets[n].marker).collect();
    assert_eq!(starts.len(), 2);
    let (before, after) = (&packets[starts[1] - 1], &packets[starts[1]]);
    assert!((96_000..98_000).contains(&(after.timestamp - before.timestamp)));
    let passed = after.captured.micros_since(before.captured);
    assert!(passed.abs_diff((after.timestamp - before.timestamp) as i64 * 1_000 / 48) <= 1);
}

#[test]
fn a_change_of_format_is_followed() {
    let (mono, stereo) = (tone(16_000, 1, 1), tone(48_000, 2, 2));
    let mut transcoder = transcoder(&mono);
    let mut packets = Vec::new();
    units(&mono).for_each(|unit| transcoder.push(&unit, &mut packets));
    assert_eq!(transcoder.channels(), 1);
    // Opus in between is nothing to transcode.
    let before = packets.len();
    let opus = Arc::new(TrackFormat::Audio(AudioFormat::opus(1)));
    transcoder.push(&AccessUnit { format: opus, ..crate::testing::audio_unit(0) }, &mut packets);
    assert_eq!((packets.len(), transcoder.stats().undecodable), (before, 1));
    for mut unit in units(&stereo).skip(1) {
        unit.captured = unit.captured.add_micros(1_000_000);
        transcoder.push(&unit, &mut packets);
    }
    assert_eq!((transcoder.channels(), transcoder.stats().jumps), (2, 2));
    assert!(packets.windows(2).all(|pair| pair[1].timestamp >= pair[0].timestamp + 960));
    let heard = decode_with_libopus(&packets[before + 5..], 2).remove(1);
    assert!(signal_to_noise(&heard[9_600..67_200]) > 20.0);
}

/// A tone of 1 kHz in G.711, in units of 20 ms.
fn g711(codec: AudioCodec, encode: fn(i16) -> u8, seconds: usize) -> Vec<AccessUnit> {
    let format = AudioFormat::g711(codec);
    let rate = format.clock_rate;
    let format = Arc::new(TrackFormat::Audio(format));
    let sample = |n: usize| (8_000.0 * (std::f64::consts::TAU * n as f64 / 8.0).sin()) as i16;
    let unit = |n: usize| {
        let pts = MediaTime::new(n as i64 * 160, rate);
        let captured = WallTime::from_unix_micros(START + n as i64 * 20_000);
        let data = (n * 160..(n + 1) * 160).map(|n| encode(sample(n))).collect();
        let unit = crate::testing::audio_unit(0);
        AccessUnit { pts, dts: pts, received: captured, captured, format: format.clone(), data, ..unit }
    };
    (0..seconds * 50).map(unit).collect()
}

#[test]
fn both_laws_of_g711_are_heard() {
    use audio_codec_algorithms::{encode_alaw, encode_ulaw};
    for (codec, encode) in [(AudioCodec::Pcmu, encode_ulaw as fn(i16) -> u8), (AudioCodec::Pcma, encode_alaw)]
    {
        let units = g711(codec, encode, 3);
        let mut transcoder = ToOpus::new(units[0].format.audio().unwrap()).unwrap();
        let mut packets = Vec::new();
        units.iter().for_each(|unit| transcoder.push(unit, &mut packets));
        let stats = transcoder.stats();
        assert_eq!((stats.undecodable, stats.jumps, stats.silence_micros), (0, 1, 0));
        assert_continuous(&packets);
        assert!((145..=150).contains(&packets.len()), "{}", packets.len());
        let heard = decode_with_libopus(&packets, 1).remove(0);
        let quality = signal_to_noise(&heard[24_000..120_000]);
        println!("{codec:?}: {quality:.1} dB");
        assert!(quality > 20.0, "{codec:?}: {quality}");
    }
}

#[test]
fn pictures_are_passed_over() {
    let aac = tone(48_000, 1, 1);
    let (mut transcoder, mut packets) = (transcoder(&aac), Vec::new());
    transcoder.push(&crate::testing::key_picture(0), &mut packets);
    assert_eq!((packets.len(), transcoder.stats()), (0, TranscodeStats::default()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_transcoded_without_panic(
        seed in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..12),
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..40),
        stereo in any::<bool>(),
    ) {
        // Damaged real units go deeper than noise does.
        let aac = media::sample(stereo);
        let mut transcoder = transcoder(&aac);
        let mut packets = Vec::new();
        for (n, mut unit) in units(&aac).enumerate() {
            if let Some(noise) = seed.get(n / 2).filter(|_| n % 2 == 0) {
                unit.data = Bytes::copy_from_slice(noise);
            } else if !unit.data.is_empty() {
                let mut data = unit.data.to_vec();
                for &(at, value) in flips.iter().skip(n % 4).step_by(4) {
                    let at = usize::from(at) % data.len();
                    data[at] ^= value;
                }
                unit.data = data.into();
            }
            transcoder.push(&unit, &mut packets);
        }
        prop_assert_eq!(transcoder.stats().units as usize, aac.frames.len());
        prop_assert!(packets.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp + 960));
    }
}

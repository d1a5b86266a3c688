//! AAC made by ffmpeg, and Opus decoded by ffmpeg's libopus.

use crate::transcode::OpusPacket;
use bytes::Bytes;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// An AAC-LC stream.
#[derive(Clone, Debug)]
pub(super) struct Aac {
    pub(super) rate: u32,
    pub(super) channels: u8,
    /// AudioSpecificConfig.
    pub(super) config: Bytes,
    pub(super) frames: Vec<Bytes>,
}

/// Runs ffmpeg with `input` on its standard input.
fn ffmpeg(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut process = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg; `make test` installs it");
    let mut stdin = process.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        process.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "ffmpeg {arguments:?}");
    output.stdout
}

/// Encodes a source of ffmpeg's filters as AAC-LC; frames and configuration are read from ADTS (ISO 13818-7,
/// section 6.2).
pub(super) fn adts(source: &str, channels: u32) -> Aac {
    let channels = channels.to_string();
    let arguments = ["-f", "lavfi", "-i", source, "-ac", &channels, "-c:a", "aac", "-f", "adts", "pipe:1"];
    let stream = ffmpeg(&arguments, &[]);
    let mut frames = Vec::new();
    let mut rest = &stream[..];
    let header = u64::from_be_bytes(stream[..8].try_into().unwrap()) >> 8;
    let (object_type, index) = ((header >> 38 & 3) + 1, header >> 34 & 15);
    let configuration = header >> 30 & 7;
    while rest.len() > 7 {
        let length = (u32::from_be_bytes(rest[3..7].try_into().unwrap()) >> 13 & 0x1fff) as usize;
        frames.push(Bytes::copy_from_slice(&rest[7..length]));
        rest = &rest[length..];
    }
    let config = (object_type << 11 | index << 7 | configuration << 3) as u16;
    let rates =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000];
    Aac {
        rate: rates[index as usize],
        channels: configuration as u8,
        config: Bytes::copy_from_slice(&config.to_be_bytes()),
        frames,
    }
}

/// A second of noise and tones, made once.
pub(super) fn sample(stereo: bool) -> Aac {
    static MADE: [OnceLock<Aac>; 2] = [const { OnceLock::new() }; 2];
    let source = "anoisesrc=r=16000:d=1:a=0.2";
    MADE[usize::from(stereo)].get_or_init(|| adts(source, 1 + u32::from(stereo))).clone()
}

/// What libopus makes of the packets: the samples of each channel, from the first one's time on.
pub(super) fn decode_with_libopus(packets: &[OpusPacket], channels: u32) -> Vec<Vec<f32>> {
    let count = channels.to_string();
    let arguments = ["-c:a", "libopus", "-f", "ogg", "-i", "pipe:0", "-ac", &count, "-f", "f32le", "pipe:1"];
    let output = ffmpeg(&arguments, &ogg(packets, channels as u8));
    let samples: Vec<f32> =
        output.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let of = |channel| samples.iter().skip(channel).step_by(channels as usize).copied().collect();
    (0..channels as usize).map(of).collect()
}

/// Ogg Opus (RFC 7845) with one packet a page and no samples to skip.
fn ogg(packets: &[OpusPacket], channels: u8) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend_from_slice(&[0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]);
    let tags = b"OpusTags\x04\0\0\0test\0\0\0\0".to_vec();
    let mut file = Vec::new();
    page(&mut file, 2, 0, 0, &head);
    page(&mut file, 0, 0, 1, &tags);
    for (n, packet) in packets.iter().enumerate() {
        let last = n + 1 == packets.len();
        page(&mut file, if last { 4 } else { 0 }, (n as u64 + 1) * 960, n as u32 + 2, &packet.data);
    }
    file
}

/// A page of one packet (RFC 3533, section 6).
fn page(file: &mut Vec<u8>, flags: u8, granule: u64, sequence: u32, packet: &[u8]) {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend_from_slice(&granule.to_le_bytes());
    page.extend_from_slice(&1_u32.to_le_bytes());
    page.extend_from_slice(&sequence.to_le_bytes());
    page.extend_from_slice(&[0; 4]);
    page.push((packet.len() / 255) as u8 + 1);
    page.extend(std::iter::repeat_n(255, packet.len() / 255));
    page.push((packet.len() % 255) as u8);
    page.extend_from_slice(packet);
    let checksum = page.iter().fold(0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| {
            sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    });
    page[22..26].copy_from_slice(&checksum.to_le_bytes());
    file.extend_from_slice(&page);
}

//! Access units to samples.

use super::config::{Coding, Core, TranscodeError};
use audio_codec_algorithms::{decode_alaw, decode_ulaw};
use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::AacDecoder;

/// Samples of a channel in an access unit of AAC, and those of silence in place of a unit that can't be decoded.
pub(super) const UNIT_SAMPLES: usize = 1_024;

/// Decodes access units of one stream.
pub(super) struct Decoder {
    inner: Inner,
    channels: usize,
    /// The last unit's samples, interleaved.
    samples: Vec<f32>,
}

enum Inner {
    // It is large, and a stream has one.
    Aac(Box<AacDecoder>),
    /// What a byte stands for (ITU-T G.711).
    Law(fn(u8) -> i16),
}

impl Decoder {
    pub(super) fn new(core: Core) -> Result<Self, TranscodeError> {
        let inner = match core.coding {
            Coding::Aac => Inner::Aac(Box::new(aac(core)?)),
            Coding::MuLaw => Inner::Law(decode_ulaw),
            Coding::ALaw => Inner::Law(decode_alaw),
        };
        Ok(Self { inner, channels: core.channels, samples: vec![0.0; UNIT_SAMPLES * core.channels] })
    }

    /// The samples of an access unit, interleaved and from -1 to 1; `None` where it is malformed.
    pub(super) fn decode(&mut self, data: &[u8]) -> Option<&[f32]> {
        let decoder = match &mut self.inner {
            Inner::Aac(decoder) => decoder,
            Inner::Law(decode) => {
                let whole = data.len() / self.channels * self.channels;
                self.samples.clear();
                self.samples.extend(data[..whole].iter().map(|byte| f32::from(decode(*byte)) / 32_768.0));
                return (whole > 0).then_some(&self.samples);
            }
        };
        // Without a single element (ID_END, ISO 14496-3 section 4.5.2.1) it would give the last unit's samples.
        const ID_END: u8 = 7;
        if data.first().is_none_or(|first| first >> 5 == ID_END) {
            return None;
        }
        let packet = PacketRef::new(0, Timestamp::from(0), Duration::from(UNIT_SAMPLES as u64), data);
        let Ok(decoded) = decoder.decode_ref(&packet) else {
            // What a damaged unit left in the overlap would be heard in the next.
            decoder.reset();
            return None;
        };
        if decoded.num_planes() != self.channels || decoded.frames() != UNIT_SAMPLES {
            return None;
        }
        decoded.copy_to_slice_interleaved(&mut self.samples);
        for sample in &mut self.samples {
            // Hostile scale factors make anything; one infinity would stay in the filters behind.
            *sample = if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) };
        }
        Some(&self.samples)
    }

    /// The next unit does not follow the last one.
    pub(super) fn reset(&mut self) {
        if let Inner::Aac(decoder) = &mut self.inner {
            decoder.reset();
        }
    }
}

fn aac(core: Core) -> Result<AacDecoder, TranscodeError> {
    let layout = if core.channels == 1 { CHANNEL_LAYOUT_MONO } else { CHANNEL_LAYOUT_STEREO };
    // Rate and channels stand for the configuration: with it HE-AAC would be refused, whose core is wanted.
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(CODEC_ID_AAC).with_sample_rate(core.rate).with_channels(layout);
    AacDecoder::try_new(&parameters, &AudioDecoderOptions::default())
        .map_err(|error| TranscodeError::Setup(error.to_string()))
}

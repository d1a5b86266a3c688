//! What of a track's format the decoder needs.

use crate::media::{AudioCodec, AudioFormat};
use crate::{ErrorKind, HasKind};

/// Sampling rates that AAC has, in Hz (ISO 14496-3, table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Audio object types (ISO 14496-3, table 1.17).
mod object_type {
    pub(super) const LC: u32 = 2;
    pub(super) const SBR: u32 = 5;
    pub(super) const PS: u32 = 29;
    pub(super) const BSAC: u32 = 22;
    pub(super) const ESCAPE: u32 = 31;
}

/// Why a track can't be transcoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TranscodeError {
    /// The track is neither AAC nor G.711.
    #[error("only AAC and G.711 are transcoded, and the track is {}", .0.encoding_name())]
    Codec(AudioCodec),
    /// The AudioSpecificConfig is cut short or names reserved values.
    #[error("the camera's AudioSpecificConfig is malformed; set its sound to AAC-LC or G.711")]
    Config,
    /// Another kind of AAC.
    #[error("AAC of audio object type {0} can't be decoded; set the camera's sound to AAC-LC or G.711")]
    ObjectType(u32),
    /// Frames of 960 samples, as in broadcasting.
    #[error("AAC with frames of 960 samples can't be decoded; set the camera's sound to AAC-LC or G.711")]
    FrameLength,
    /// More than two channels, or channels that the configuration does not tell.
    #[error("sound of channel configuration {0} can't be transcoded; set the camera to one or two channels")]
    Channels(u32),
    /// No sampling rate of AAC, nor one that G.711 is used with.
    #[error("sound of {0} Hz can't be transcoded; set the camera to 8000 to 48000 Hz")]
    SampleRate(u32),
    /// A codec refused what this module asked for.
    #[error("the codec could not be set up: {0}")]
    Setup(String),
}

impl HasKind for TranscodeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config => ErrorKind::Protocol,
            Self::Setup(_) => ErrorKind::Internal,
            Self::Codec(_)
            | Self::ObjectType(_)
            | Self::FrameLength
            | Self::Channels(_)
            | Self::SampleRate(_) => ErrorKind::InvalidInput,
        }
    }
}

/// How the samples of a unit are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// AAC-LC.
    Aac,
    /// G.711 with the μ-law of North America and Japan.
    MuLaw,
    /// G.711 with the A-law of everybody else.
    ALaw,
}

/// An AAC-LC stream, the AAC-LC core of an HE-AAC stream, or G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Core {
    pub(super) coding: Coding,
    /// Samples a second and channel; half of what HE-AAC announces.
    pub(super) rate: u32,
    /// 1 or 2.
    pub(super) channels: usize,
}

impl Core {
    /// Reads the configuration of a track: ISO 14496-3, section 1.6.2.1, for AAC; G.711 has none beside rate and channels.
    ///
    /// HE-AAC is AAC-LC at half the rate with hints to guess the upper half of the spectrum (and, in version 2, a
    /// second channel) from, which a decoder may pass over: sound of lower bandwidth beats silence.
    pub(super) fn of(format: &AudioFormat) -> Result<Self, TranscodeError> {
        let coding = match format.codec {
            AudioCodec::Aac => return Self::parse(Bits::new(&format.config)),
            AudioCodec::Pcmu => Coding::MuLaw,
            AudioCodec::Pcma => Coding::ALaw,
            other => return Err(TranscodeError::Codec(other)),
        };
        let (rate, channels) = (format.clock_rate.get(), format.channels);
        if !RATES.contains(&rate) {
            return Err(TranscodeError::SampleRate(rate));
        }
        if !matches!(channels, 1 | 2) {
            return Err(TranscodeError::Channels(channels.into()));
        }
        Ok(Self { coding, rate, channels: channels.into() })
    }

    fn parse(mut bits: Bits) -> Result<Self, TranscodeError> {
        use TranscodeError::Config;
        let announced = bits.object_type().ok_or(Config)?;
        let rate = bits.rate().ok_or(Config)?;
        let channels = bits.take(4).ok_or(Config)?;
        let mut kind = announced;
        if matches!(announced, object_type::SBR | object_type::PS) {
            bits.rate().ok_or(Config)?;
            kind = bits.object_type().ok_or(Config)?;
            if kind == object_type::BSAC {
                return Err(TranscodeError::ObjectType(kind));
            }
        }
        if kind != object_type::LC {
            return Err(TranscodeError::ObjectType(kind));
        }
        // GASpecificConfig (section 4.4.1) starts with frameLengthFlag.
        if bits.take(1).ok_or(Config)? == 1 {
            return Err(TranscodeError::FrameLength);
        }
        if !(1..=2).contains(&channels) {
            return Err(TranscodeError::Channels(channels));
        }
        if !RATES.contains(&rate) {
            return Err(TranscodeError::SampleRate(rate));
        }
        Ok(Self { coding: Coding::Aac, rate, channels: channels as usize })
    }
}

/// The first bits of a configuration: it has no more than 83 up to the last one that is read here.
#[derive(Clone, Copy, Debug)]
struct Bits {
    value: u128,
    left: u32,
}

impl Bits {
    fn new(data: &[u8]) -> Self {
        let mut first = [0; 16];
        let length = data.len().min(first.len());
        first[..length].copy_from_slice(&data[..length]);
        Self { value: u128::from_be_bytes(first), left: length as u32 * 8 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        self.left = self.left.checked_sub(count)?;
        let taken = self.value >> (128 - count);
        self.value <<= count;
        Some(taken as u32)
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            object_type::ESCAPE => Some(32 + self.take(6)?),
            kind => Some(kind),
        }
    }

    fn rate(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => RATES.get(index as usize).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(data: &[u8]) -> Result<Core, TranscodeError> {
        Core::parse(Bits::new(data))
    }

    #[test]
    fn reads_low_complexity() {
        assert_eq!(parse(&[0x11, 0x90]), Ok(Core { coding: Coding::Aac, rate: 48_000, channels: 2 }));
        assert_eq!(parse(&[0x14, 0x08]), Ok(Core { coding: Coding::Aac, rate: 16_000, channels: 1 }));
        // 44,100 Hz written out in 24 bits.
        assert_eq!(
            parse(&[0x17, 0x80, 0x56, 0x22, 0x08]),
            Ok(Core { coding: Coding::Aac, rate: 44_100, channels: 1 })
        );
        // Low complexity with an extension that older decoders pass over (section 1.6.6.1).
        assert_eq!(
            parse(&[0x13, 0x10, 0x56, 0xe5, 0x98]),
            Ok(Core { coding: Coding::Aac, rate: 24_000, channels: 2 })
        );
    }

    #[test]
    fn finds_the_core_of_high_efficiency() {
        assert_eq!(
            parse(&[0x2b, 0x11, 0x88, 0x00]),
            Ok(Core { coding: Coding::Aac, rate: 24_000, channels: 2 })
        );
        assert_eq!(
            parse(&[0xeb, 0x09, 0x88, 0x00]),
            Ok(Core { coding: Coding::Aac, rate: 24_000, channels: 1 })
        );
    }

    #[test]
    fn takes_both_laws() {
        let core = |codec, channels| Core::of(&AudioFormat { channels, ..AudioFormat::g711(codec) });
        assert_eq!(core(AudioCodec::Pcmu, 1), Ok(Core { coding: Coding::MuLaw, rate: 8_000, channels: 1 }));
        assert_eq!(core(AudioCodec::Pcma, 2), Ok(Core { coding: Coding::ALaw, rate: 8_000, channels: 2 }));
        assert_eq!(core(AudioCodec::Pcma, 3), Err(TranscodeError::Channels(3)));
        assert_eq!(Core::of(&AudioFormat::g722()), Err(TranscodeError::Codec(AudioCodec::G722)));
    }

    #[test]
    fn names_what_it_refuses() {
        assert_eq!(parse(&[]), Err(TranscodeError::Config));
        assert_eq!(parse(&[0x11]), Err(TranscodeError::Config));
        assert_eq!(parse(&[0x0a, 0x10]), Err(TranscodeError::ObjectType(1)));
        assert_eq!(parse(&[0xf8, 0xe6, 0x40, 0x00]), Err(TranscodeError::ObjectType(39)));
        assert_eq!(parse(&[0x11, 0x94]), Err(TranscodeError::FrameLength));
        assert_eq!(parse(&[0x11, 0xb0]), Err(TranscodeError::Channels(6)));
        assert_eq!(parse(&[0x11, 0x80]), Err(TranscodeError::Channels(0)));
        assert_eq!(parse(&[0x17, 0x80, 0x00, 0x00, 0x90]), Err(TranscodeError::SampleRate(1)));
        let opus = AudioFormat::opus(2);
        assert_eq!(Core::of(&opus), Err(TranscodeError::Codec(AudioCodec::Opus)));
        assert!(TranscodeError::ObjectType(1).to_string().contains("object type 1 "));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(data in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(core) = parse(&data) {
                prop_assert!(RATES.contains(&core.rate) && (1..=2).contains(&core.channels));
            }
        }
    }
}

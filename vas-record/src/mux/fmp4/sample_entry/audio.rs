//! Sample entries of sound: `mp4a` with `esds` (ISO/IEC 14496-14, section 6.7), `Opus` with `dOps` (Encapsulation of
//! Opus in ISO Base Media File Format, section 4.3), and QuickTime's `ulaw` and `alaw`.

use super::SampleEntry;
use mp4_atom::{Audio, Codec, Dops, FourCC, Mp4a, Opus, esds};
use vas_core::media::AudioFormat;

/// `objectTypeIndication` of MPEG-4 audio (ISO/IEC 14496-1, table 5).
const MPEG4_AUDIO: u8 = 0x40;
/// `streamType` of sound (ISO/IEC 14496-1, table 6).
const AUDIO_STREAM: u8 = 5;

fn audio(format: &AudioFormat) -> Audio {
    Audio {
        data_reference_index: 1,
        channel_count: format.channels.into(),
        sample_size: 16,
        // Rates that 16 bits can't hold are told by the codec's own box alone.
        sample_rate: u16::try_from(format.clock_rate.get()).unwrap_or(0).into(),
    }
}

pub(super) fn mp4a(format: &AudioFormat) -> Result<Codec, &'static str> {
    // The length of a descriptor has 28 bits; a real configuration has a few bytes.
    if format.config.is_empty() || format.config.len() > usize::from(u8::MAX) {
        return Err("its AudioSpecificConfig is missing or too long");
    }
    let dec_specific = esds::DecoderSpecific { raw: format.config.to_vec(), ..Default::default() };
    let dec_config = esds::DecoderConfig {
        object_type_indication: MPEG4_AUDIO,
        stream_type: AUDIO_STREAM,
        dec_specific: Some(dec_specific),
        ..Default::default()
    };
    let es_desc = esds::EsDescriptor { dec_config, ..Default::default() };
    Ok(Mp4a { audio: audio(format), esds: esds::Esds { es_desc }, btrt: None, taic: None }.into())
}

/// Opus of one or two channels. What a decoder needs before its output is right is not marked to be left out
/// (`PreSkip` of 0): a recording starts within a stream.
pub(super) fn opus(format: &AudioFormat) -> Result<Codec, &'static str> {
    if !matches!(format.channels, 1 | 2) {
        return Err("it is neither mono nor stereo");
    }
    let dops = Dops {
        output_channel_count: format.channels,
        pre_skip: 0,
        input_sample_rate: format.clock_rate.get(),
        output_gain: 0,
        channel_mapping: None,
    };
    Ok(Opus { audio: audio(format), dops, btrt: None }.into())
}

/// A sample of G.711 has 16 bits once it is decoded, which is what the entry tells.
pub(super) fn g711(kind: FourCC, format: &AudioFormat) -> SampleEntry {
    SampleEntry::Plain(kind, audio(format))
}

//! What a viewer's offer and a stream's producers have in common.

use crate::ortc::{AgreedCodec, Extensions as ExtensionIds, Match, MediaKind, Parameters, mime_type, uri};
use crate::producer::Producer;
use crate::sdp::{self, ABS_SEND_TIME, ChosenCodec, Offer, OfferedMedia, choose_audio, choose_video};
use crate::shard::{Congestion, Extensions};
use std::sync::Arc;
use vas_core::media::{Codec, TrackFormat};

/// A producer and the section of the offer that it is sent on.
#[derive(Debug)]
pub(crate) struct Agreed {
    /// The section's place in the offer.
    pub(crate) section: usize,
    /// The codecs that it may be sent in, each once.
    pub(crate) codecs: Vec<ChosenCodec>,
    /// What each layer is sent as.
    pub(crate) matched: Match,
    pub(crate) extensions: Extensions,
    /// The same for the answer: number and URI.
    pub(crate) extmaps: Vec<(u8, &'static str)>,
}

/// Why a producer can't be sent to who made the offer.
#[derive(Debug)]
pub(crate) enum Disagreement {
    /// Nothing is known of its media yet.
    NoMedia,
    /// None of its codecs is offered; their names.
    NoCodec(Vec<&'static str>),
}

/// Finds a section of the offer, other than the `taken` ones, on which a producer can be sent.
pub(crate) fn agree(offer: &Offer, producer: &Producer, taken: &[usize]) -> Result<Agreed, Disagreement> {
    let formats = producer.formats();
    if formats.iter().all(Option::is_none) {
        return Err(Disagreement::NoMedia);
    }
    let kind = match producer.kind() {
        MediaKind::Video => sdp::MediaKind::Video,
        MediaKind::Audio => sdp::MediaKind::Audio,
    };
    let fits = |(place, section): &(usize, &OfferedMedia)| {
        section.kind == kind && section.can_receive() && !taken.contains(place)
    };
    let mut sections = offer.sections.iter().enumerate().filter(fits);
    let found = sections.find_map(|(place, section)| Some((place, section, choose(section, &formats)?)));
    let Some((place, section, chosen)) = found else {
        let mut names: Vec<_> =
            formats.iter().flatten().map(|format| format.codec().encoding_name()).collect();
        names.dedup();
        return Err(Disagreement::NoCodec(names));
    };
    Ok(agreed(producer.kind(), place, section, chosen))
}

/// The codec of each layer in a section; `None`: the viewer takes none of them.
fn choose(
    section: &OfferedMedia,
    formats: &[Option<Arc<TrackFormat>>],
) -> Option<Vec<Option<(Codec, ChosenCodec)>>> {
    let of_format = |format: &Arc<TrackFormat>| {
        let chosen = match &**format {
            TrackFormat::Video(video) => choose_video(section, video),
            TrackFormat::Audio(audio) => choose_audio(section, audio),
            _ => None,
        };
        chosen.map(|chosen| (format.codec(), chosen))
    };
    let of_known: Vec<Option<_>> = formats.iter().map(|format| format.as_ref().map(of_format)).collect();
    // A layer whose source is not there yet will most likely be like the others.
    let likely = of_known.iter().flatten().flatten().next().cloned()?;
    Some(of_known.into_iter().map(|layer| layer.unwrap_or_else(|| Some(likely.clone()))).collect())
}

fn agreed(
    kind: MediaKind,
    place: usize,
    section: &OfferedMedia,
    chosen: Vec<Option<(Codec, ChosenCodec)>>,
) -> Agreed {
    let mut codecs: Vec<ChosenCodec> = Vec::new();
    for (_, codec) in chosen.iter().flatten() {
        if codecs.iter().all(|known| known.payload_type != codec.payload_type) {
            codecs.push(codec.clone());
        }
    }
    let told = codecs.iter().any(|codec| codec.feedback.transport_cc);
    let estimates = codecs.iter().any(|codec| codec.feedback.remb);
    let transport_cc = section.short_extension(uri::TRANSPORT_CC).filter(|_| told);
    let send_time = section.short_extension(ABS_SEND_TIME).filter(|_| estimates);
    let playout_delay = section.short_extension(uri::PLAYOUT_DELAY).filter(|_| kind == MediaKind::Video);
    let congestion = match (transport_cc, send_time) {
        (Some(id), _) => Congestion::TransportWide(id),
        (None, Some(id)) => Congestion::SendTime(id),
        (None, None) => Congestion::Reports,
    };
    let extmaps = [
        (playout_delay, uri::PLAYOUT_DELAY),
        (transport_cc, uri::TRANSPORT_CC),
        (send_time.filter(|_| transport_cc.is_none()), ABS_SEND_TIME),
    ];
    Agreed {
        section: place,
        codecs,
        matched: Match {
            kind,
            layers: chosen.into_iter().map(|layer| layer.and_then(in_ortc)).collect(),
            extensions: ExtensionIds { mid: None, transport_cc, playout_delay },
        },
        extensions: Extensions { playout_delay, congestion },
        extmaps: extmaps.into_iter().filter_map(|(id, uri)| Some((id?, uri))).collect(),
    }
}

/// The same in the vocabulary of consumers.
fn in_ortc((codec, chosen): (Codec, ChosenCodec)) -> Option<AgreedCodec> {
    let parameters = chosen.fmtp.split(';').filter_map(|pair| pair.split_once('='));
    let parameters: Parameters = parameters
        .map(|(name, value)| {
            let value = value.trim();
            let value = value.parse::<i64>().map_or_else(|_| value.into(), Into::into);
            (name.trim().to_owned(), value)
        })
        .collect();
    Some(AgreedCodec {
        codec,
        mime_type: mime_type(codec)?,
        payload_type: chosen.payload_type,
        rtx: chosen.rtx,
        clock_rate: chosen.clock_rate,
        channels: (!codec.is_video()).then_some(chosen.channels),
        parameters,
        feedback: chosen.feedback,
    })
}

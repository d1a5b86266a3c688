//! From RTP payloads back to NAL units (RFC 6184, RFC 7798), with every rule of the stream checked on the way.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use vas_examples::viewer::{Codec, RtpPacket};

/// A picture as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) timestamp: u32,
    pub(super) units: Vec<Vec<u8>>,
}

/// Checks that no sequence number is missing.
pub(super) fn ensure_contiguous(packets: &BTreeMap<u64, RtpPacket>) -> Result<()> {
    for (before, after) in packets.keys().zip(packets.keys().skip(1)) {
        ensure!(before + 1 == *after, "{} packets are missing after {before}", after - before - 1);
    }
    Ok(())
}

/// The whole pictures among `packets`; those that miss a packet are left out. Checks that timestamps run forwards,
/// that all packets of a picture have one timestamp, and that the marker is on the last of them alone.
pub(super) fn pictures(codec: Codec, packets: &BTreeMap<u64, RtpPacket>) -> Result<Vec<Picture>> {
    let mut pictures: Vec<Picture> = Vec::new();
    let mut payloads: Vec<&[u8]> = Vec::new();
    let mut whole = true;
    let mut before: Option<(u64, &RtpPacket)> = None;
    for (&sequence, packet) in packets {
        let header = &packet.header;
        if let Some((last_sequence, last)) = before {
            let step = header.timestamp.wrapping_sub(last.header.timestamp) as i32;
            if sequence != last_sequence + 1 {
                ensure!(step >= 0, "the timestamp steps by {step} over the gap before {sequence}");
                payloads.clear();
                whole = false;
            } else if last.header.marker {
                ensure!(step > 0, "the timestamp steps by {step} to the picture that starts at {sequence}");
                whole = true;
            } else {
                ensure!(step == 0, "a timestamp step of {step} without a marker before {sequence}");
            }
        }
        before = Some((sequence, packet));
        payloads.push(&packet.payload);
        if header.marker {
            if whole {
                let units = units(codec, &payloads)
                    .with_context(|| format!("in the picture that ends at {sequence}"))?;
                pictures.push(Picture { timestamp: header.timestamp, units });
            }
            payloads.clear();
        }
    }
    Ok(pictures)
}

/// As an Annex B byte stream.
pub(super) fn annex_b(pictures: &[Picture]) -> Vec<u8> {
    let units = pictures.iter().flat_map(|picture| &picture.units);
    units.flat_map(|unit| [&[0, 0, 0, 1], &unit[..]].concat()).collect()
}

/// The NAL units in the payloads of one picture.
fn units(codec: Codec, payloads: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
    let mut units = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    // Bytes of a unit's header, and its type; both payload formats use reserved types for their own structures.
    let h265 = codec == Codec::H265;
    let (header, aggregation, fragment) = if h265 { (2, 48, 49) } else { (1, 24, 28) };
    for payload in payloads {
        ensure!(payload.len() > header, "a payload of {} bytes", payload.len());
        let kind = if h265 { (payload[0] >> 1) & 0x3f } else { payload[0] & 0x1f };
        ensure!(open.is_none() || kind == fragment, "a fragmented unit does not end");
        if kind == aggregation {
            let mut rest = &payload[header..];
            while let Some((size, after)) = rest.split_first_chunk::<2>() {
                let size = usize::from(u16::from_be_bytes(*size));
                ensure!(size > 0 && size <= after.len(), "an aggregated unit of {size} bytes");
                units.push(after[..size].to_vec());
                rest = &after[size..];
            }
            ensure!(rest.is_empty(), "an odd byte after aggregated units");
        } else if kind == fragment {
            let (flags, body) = (payload[header], &payload[header + 1..]);
            let (start, end) = (flags & 0x80 != 0, flags & 0x40 != 0);
            ensure!(!(start && end) && start == open.is_none(), "fragment flags {flags:#x} out of place");
            let unit = open.get_or_insert_with(|| {
                if h265 {
                    vec![payload[0] & 0x81 | (flags & 0x3f) << 1, payload[1]]
                } else {
                    vec![payload[0] & 0xe0 | flags & 0x1f]
                }
            });
            unit.extend_from_slice(body);
            if end {
                units.extend(open.take());
            }
        } else {
            units.push(payload.to_vec());
        }
    }
    if open.is_some() {
        bail!("a picture ends within a fragmented unit");
    }
    Ok(units)
}

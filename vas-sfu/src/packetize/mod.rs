//! Access units as RTP payloads, made once for all viewers.
//!
//! Every payload is at most [`MAX_PAYLOAD`] bytes, and the fragments of a NAL unit, an OBU or a frame are
//! equal in size but for the last: UDP_SEGMENT cuts a buffer into datagrams of one size. Payloads carry no RTP header;
//! that belongs to the viewer, as sequence number, timestamp offset and SSRC do. The last payload of a picture gets
//! the marker bit.

mod audio;
mod av1;
mod h264;
mod h265;
#[cfg(test)]
mod tests;
mod vp8;

pub(crate) use audio::packetize_audio;
use av1::packetize_av1;
use bytes::Bytes;
use h264::packetize_h264;
use h265::packetize_h265;
use vas_core::media::{AccessUnit, KeyKind, TrackFormat, UnitKind, VideoCodec, nal};
use vp8::packetize_vp8;

/// The largest RTP payload in bytes. With RTP header and extensions, RTX's two bytes (RFC 4588, section 4),
/// SRTP tag, UDP and IPv6 headers it stays within 1,280 bytes, which every IPv6 path carries.
pub(crate) const MAX_PAYLOAD: usize = 1_180;

/// The largest access unit that is sent, in bytes. Its packets stay well within half the sequence number space,
/// beyond which a receiver can't tell old from new (RFC 3550, appendix A.1).
const MAX_UNIT: usize = 16 << 20;

/// Bytes in front of each NAL unit of an aggregation packet (RFC 6184, section 5.7.1; RFC 7798, section 4.4.2).
const AGGREGATED_SIZE: usize = 2;

/// A packetised access unit: payloads in one buffer, shared by all viewers.
#[derive(Clone, Debug, Default)]
pub(crate) struct PacketRun {
    payloads: Bytes,
    ends: Box<[u32]>,
}

impl PacketRun {
    /// A run of payloads as they are, for tests and benchmarks of what sends them.
    pub(crate) fn from_payloads<'a>(payloads: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut packets = Packets::default();
        for payload in payloads {
            packets.buffer.extend_from_slice(payload);
            packets.end_payload();
        }
        packets.finish()
    }

    /// Number of payloads.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all payloads together.
    pub(crate) fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// The payload at `index`.
    ///
    /// # Panics
    /// `index` is not below [`PacketRun::len`].
    pub(crate) fn payload(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.payloads[start..self.ends[index] as usize]
    }

    /// Bytes of the payloads from `first` on; 0: it is past the end.
    pub(crate) fn bytes_from(&self, first: usize) -> usize {
        let before = first.min(self.len()).checked_sub(1).map_or(0, |last| self.ends[last] as usize);
        self.payloads.len() - before
    }

    /// How many payloads from `first` on, at most `max`, may leave in one UDP_SEGMENT send: all of one size, but
    /// for the last, which may be smaller. 0: `first` is past the end.
    pub(crate) fn segments_from(&self, first: usize, max: usize) -> usize {
        if first >= self.len() {
            return 0;
        }
        let size = self.payload(first).len();
        let mut count = 0;
        for index in first..self.len().min(first.saturating_add(max)) {
            let this = self.payload(index).len();
            if this > size {
                break;
            }
            count += 1;
            if this < size {
                break;
            }
        }
        count
    }
}

/// Builds [`PacketRun`]s; kept by a producer from one access unit to the next.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    buffer: Vec<u8>,
    ends: Vec<u32>,
}

impl Packets {
    /// Takes what was packetised.
    pub(crate) fn finish(&mut self) -> PacketRun {
        let run = PacketRun {
            payloads: Bytes::from(std::mem::take(&mut self.buffer)),
            ends: self.ends.as_slice().into(),
        };
        self.ends.clear();
        run
    }

    /// Forgets what was not taken and makes room, so that payload bytes are copied once.
    fn begin(&mut self, size: usize) {
        self.buffer.clear();
        self.ends.clear();
        // Length prefixes pay for the headers of whole units; fragments are more than half of MAX_PAYLOAD.
        self.buffer.reserve(size + size / 128 + 16);
    }

    /// Ends a payload whose bytes are in the buffer.
    fn end_payload(&mut self) {
        self.ends.push(u32::try_from(self.buffer.len()).expect("MAX_UNIT bounds the buffer"));
    }
}

/// Packetises a picture. The run is empty where there is nothing to send: no slice or frame, a wrong length, more
/// than 16 MiB, or a codec without a payload format here.
pub(crate) fn packetize(unit: &AccessUnit, packets: &mut Packets) -> PacketRun {
    match unit.format.video().map(|format| format.codec) {
        Some(VideoCodec::H264) => packetize_h264(unit, packets),
        Some(VideoCodec::H265) => packetize_h265(unit, packets),
        Some(VideoCodec::Av1) => packetize_av1(unit, packets),
        Some(VideoCodec::Vp8) => packetize_vp8(unit, packets),
        _ => packets.begin(0),
    }
    packets.finish()
}

/// What a NAL unit is to the packetiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A part of the picture.
    Slice,
    /// A parameter set; the bit tells which kind.
    ParameterSet(u8),
    /// May say that decoding can start here, where the slices do not say it themselves.
    RecoveryHint,
    /// Of no use to a viewer, or unfit to be sent.
    Useless,
}

/// What tells the payload formats of H.264 and H.265 apart.
trait NalFormat {
    /// The NAL unit header, which an aggregation packet's payload header has the shape of.
    type Header: AsRef<[u8]>;
    /// The headers in front of a fragment.
    type FragmentHeader: AsRef<[u8]>;
    /// Bytes of [`NalFormat::Header`].
    const HEADER: usize;
    /// Bytes of [`NalFormat::FragmentHeader`].
    const FRAGMENT_HEADER: usize;
    /// The bits of all kinds of parameter sets.
    const PARAMETER_SETS: u8;

    /// What a unit is; a unit of no more than its header is [`Role::Useless`].
    fn role(nal: &[u8]) -> Role;
    /// The payload header of an aggregation packet of these units.
    fn aggregation_header<'a>(nals: impl Iterator<Item = &'a [u8]>) -> Self::Header;
    /// The payload header and fragment header of a part of `nal`.
    fn fragment_header(nal: &[u8], first: bool, last: bool) -> Self::FragmentHeader;
}

/// Packetises the units of a picture, on a key picture behind the format's parameter sets unless it brings its own.
fn packetize_nals<F: NalFormat>(unit: &AccessUnit, packets: &mut Packets) {
    packets.begin(0);
    if unit.data.len() > MAX_UNIT || !nal::is_well_formed(&unit.data) {
        return;
    }
    let (mut slices, mut carried) = (false, 0);
    for nal in nal::units(&unit.data) {
        match F::role(nal) {
            Role::Slice => slices = true,
            Role::ParameterSet(bit) => carried |= bit,
            Role::RecoveryHint | Role::Useless => {}
        }
    }
    if !slices {
        return;
    }
    // Some of the kinds in band may refer to others that only the format has: then all of them go in front.
    let sets = match &*unit.format {
        TrackFormat::Video(format) if unit.is_key() && carried != F::PARAMETER_SETS => {
            &format.parameter_sets[..]
        }
        _ => &[],
    };
    let sets_size: usize = sets.iter().map(|set| set.len() + nal::LENGTH_SIZE).sum();
    packets.begin(sets_size + unit.data.len());
    // A decoder would not start at such a picture without its SEI.
    let hints = unit.kind == UnitKind::Key(KeyKind::RecoveryPoint);
    let useful = |nal: &&[u8]| match F::role(nal) {
        Role::Slice | Role::ParameterSet(_) => true,
        Role::RecoveryHint => hints,
        Role::Useless => false,
    };
    packets.put::<F>(sets.iter().map(AsRef::as_ref).chain(nal::units(&unit.data)).filter(useful));
}

impl Packets {
    /// Lays out units in as few payloads as their order allows: small neighbours share one, large ones are cut.
    fn put<'a, F: NalFormat>(&mut self, mut nals: impl Iterator<Item = &'a [u8]> + Clone) {
        while let Some(first) = nals.clone().next() {
            let mut size = F::HEADER;
            let fits = |nal: &&[u8]| {
                size += AGGREGATED_SIZE + nal.len();
                size <= MAX_PAYLOAD
            };
            let neighbours = nals.clone().take_while(fits).count();
            if neighbours > 1 {
                self.aggregate::<F>(nals.clone().take(neighbours));
                nals.by_ref().take(neighbours).for_each(drop);
            } else {
                self.put_alone::<F>(first);
                nals.next();
            }
        }
    }

    fn aggregate<'a, F: NalFormat>(&mut self, nals: impl Iterator<Item = &'a [u8]> + Clone) {
        self.buffer.extend_from_slice(F::aggregation_header(nals.clone()).as_ref());
        for nal in nals {
            let size = u16::try_from(nal.len()).expect("an aggregated unit is smaller than a payload");
            self.buffer.extend_from_slice(&size.to_be_bytes());
            self.buffer.extend_from_slice(nal);
        }
        self.end_payload();
    }

    /// A unit in a payload of its own where it fits, else in fragments.
    fn put_alone<F: NalFormat>(&mut self, nal: &[u8]) {
        if nal.len() <= MAX_PAYLOAD {
            self.buffer.extend_from_slice(nal);
            self.end_payload();
            return;
        }
        // The fragments' headers carry what the unit's own header says. A unit that large is at least two
        // fragments, so none of them is first and last at once, which both standards forbid.
        let body = &nal[F::HEADER..];
        let count = body.len().div_ceil(MAX_PAYLOAD - F::FRAGMENT_HEADER);
        let fragments = body.chunks(body.len().div_ceil(count));
        let last = fragments.len() - 1;
        for (index, fragment) in fragments.enumerate() {
            self.buffer.extend_from_slice(F::fragment_header(nal, index == 0, index == last).as_ref());
            self.buffer.extend_from_slice(fragment);
            self.end_payload();
        }
    }
}

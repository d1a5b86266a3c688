//! RTP headers, read in place (RFC 3550, section 5.1; extensions by RFC 8285).

use bytes::Bytes;

/// The fields of an RTP header that a receiver counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// The marker bit: the last packet of a picture.
    pub marker: bool,
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The sequence number, modulo 2^16.
    pub sequence: u16,
    /// The media timestamp in ticks of the codec's clock (90 kHz for video), modulo 2^32.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The length of the whole header with contributing sources and extensions, in bytes.
    pub length: usize,
    padding: bool,
    extensions: Option<Extensions>,
}

/// Where the extension block lies, and its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extensions {
    profile: u16,
    start: usize,
    end: usize,
}

const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;

impl RtpHeader {
    /// Reads the header of a packet; `None` for anything that is no RTP version 2 packet or is cut short.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut length = 12 + 4 * usize::from(fixed[0] & 0x0F);
        let mut extensions = None;
        if fixed[0] & 0x10 != 0 {
            let block: &[u8; 4] = packet.get(length..)?.first_chunk()?;
            let start = length + 4;
            length = start + 4 * usize::from(u16::from_be_bytes([block[2], block[3]]));
            let profile = u16::from_be_bytes([block[0], block[1]]);
            extensions = Some(Extensions { profile, start, end: length });
        }
        if packet.len() < length {
            return None;
        }
        Some(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7F,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            length,
            padding: fixed[0] & 0x20 != 0,
            extensions,
        })
    }

    /// The value of the header extension `id` in `packet`, which is the packet this header was read from.
    #[must_use]
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let Extensions { profile, start, end } = self.extensions?;
        let mut rest = packet.get(start..end)?;
        let two_byte = match profile {
            ONE_BYTE_PROFILE => false,
            // The low four bits are the application's (RFC 8285, section 4.3).
            other if other & 0xFFF0 == TWO_BYTE_PROFILE => true,
            _ => return None,
        };
        while let Some((&first, after)) = rest.split_first() {
            if first == 0 {
                rest = after; // padding
                continue;
            }
            let (found, length, after) = if two_byte {
                let (&length, after) = after.split_first()?;
                (first, usize::from(length), after)
            } else if first >> 4 == 15 {
                return None; // reserved: a receiver stops here (RFC 8285, section 4.2)
            } else {
                (first >> 4, usize::from(first & 0x0F) + 1, after)
            };
            if found == id {
                return after.get(..length);
            }
            rest = after.get(length..)?;
        }
        None
    }

    /// The bytes of a decrypted packet between header and padding; `None` where the padding is longer than
    /// the packet.
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let body = packet.get(self.length..)?;
        let padding = if self.padding { usize::from(*body.last()?) } else { 0 };
        body.get(..body.len().checked_sub(padding)?)
    }
}

/// A decrypted packet, as handed out by [`Event::Rtp`](super::Event::Rtp).
#[derive(Clone, Debug)]
pub struct RtpPacket {
    /// The header. That of a repaired packet has the original payload type, sequence number and source.
    pub header: RtpHeader,
    /// The sequence number without wrap-around, counted on from the first packet's.
    pub extended_sequence: u64,
    /// Whether it came as a retransmission (RFC 4588).
    pub repaired: bool,
    /// The payload, in the form of the codec's RTP payload format.
    pub payload: Bytes,
    pub(super) packet: Bytes,
}

impl RtpPacket {
    /// The value of the header extension `id`, as the answer numbers them.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<&[u8]> {
        self.header.extension(&self.packet, id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_header_extension_and_payload() {
        let packet = [
            0xB1, 0xE6, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, // one CSRC, padding, extension
            0, 0, 0, 1, // the CSRC
            0xBE, 0xDE, 0, 2, 0, 0x31, 0xAA, 0xBB, 0x50, 0xCC, 0, 0, // ids 3 and 5
            1, 2, 3, 0, 0, 3,
        ];
        let header = RtpHeader::parse(&packet).unwrap();
        assert!(header.marker);
        assert_eq!(
            (header.payload_type, header.sequence, header.timestamp, header.ssrc),
            (102, 0x1234, 9, 7)
        );
        assert_eq!(header.extension(&packet, 3), Some(&[0xAA, 0xBB][..]));
        assert_eq!(header.extension(&packet, 5), Some(&[0xCC][..]));
        assert_eq!(header.extension(&packet, 4), None);
        assert_eq!(header.payload(&packet), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn reads_two_byte_extensions() {
        let packet = [0x90, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 1, 20, 1, 0xEE, 0];
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.extension(&packet, 20), Some(&[0xEE][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            packet in proptest::collection::vec(any::<u8>(), 0..80),
            id in any::<u8>(),
        ) {
            if let Some(header) = RtpHeader::parse(&packet) {
                let _ = header.extension(&packet, id);
                let _ = header.payload(&packet);
                prop_assert!(header.length <= packet.len());
            }
        }
    }
}

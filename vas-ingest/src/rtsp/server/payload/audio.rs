//! Payload formats of sound.

use super::Payload;

/// AAC-hbr (RFC 3640, section 3.3.6): one frame a packet behind one AU-header of 13 bits of size and 3 bits of
/// index. A frame that is too large is cut; each part carries the size of the whole (section 3.2.3.1).
pub(super) fn aac(frame: &[u8], limit: usize, emit: &mut impl FnMut(Payload<'_>)) {
    const AU_HEADERS_BITS: u8 = 16;
    let Some(size) = u16::try_from(frame.len()).ok().filter(|&size| size > 0 && size < 1 << 13) else {
        return;
    };
    let header = (size << 3).to_be_bytes();
    let prefix = [0, AU_HEADERS_BITS, header[0], header[1]];
    let mut parts = frame.chunks(limit - prefix.len()).peekable();
    while let Some(data) = parts.next() {
        emit(Payload { prefix: &prefix, data, marker: parts.peek().is_none(), ticks: 0 });
    }
}

/// Formats of one byte a tick (RFC 3551, sections 4.5.2 and 4.5.14): cut anywhere.
pub(super) fn samples(data: &[u8], limit: usize, emit: &mut impl FnMut(Payload<'_>)) {
    let mut ticks = 0;
    for data in data.chunks(limit) {
        emit(Payload { prefix: &[], data, marker: false, ticks });
        ticks += data.len() as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(run: impl FnOnce(&mut dyn FnMut(Payload<'_>))) -> Vec<(Vec<u8>, Vec<u8>, bool, u32)> {
        let mut packets = Vec::new();
        run(&mut |p| packets.push((p.prefix.to_vec(), p.data.to_vec(), p.marker, p.ticks)));
        packets
    }

    #[test]
    fn an_aac_frame_says_its_size_in_every_part() {
        let frame: Vec<u8> = (0..250).map(|n| n as u8).collect();
        let whole = collect(|mut emit| aac(&frame, 1400, &mut emit));
        assert_eq!(whole, [(vec![0, 16, 250 >> 5, (250 << 3) as u8], frame.clone(), true, 0)]);
        let parts = collect(|mut emit| aac(&frame, 104, &mut emit));
        assert_eq!(
            parts.iter().map(|p| (p.1.len(), p.2)).collect::<Vec<_>>(),
            [(100, false), (100, false), (50, true)]
        );
        assert!(parts.iter().all(|p| p.0 == [0, 16, 250 >> 5, (250 << 3) as u8]));
        assert!(collect(|mut emit| aac(&[0; 1 << 13], 1400, &mut emit)).is_empty());
    }

    #[test]
    fn samples_are_cut_with_their_times() {
        let packets = collect(|mut emit| samples(&[0xff; 250], 100, &mut emit));
        assert_eq!(
            packets.iter().map(|p| (p.1.len(), p.3)).collect::<Vec<_>>(),
            [(100, 0), (100, 100), (50, 200)]
        );
    }
}

//! From units of elementary streams to packets of 188 bytes.

use bytes::Bytes;
use mpeg2ts::Error;
use mpeg2ts::es::{StreamId, StreamType};
use mpeg2ts::pes::PesHeader;
use mpeg2ts::time::{ClockReference, Timestamp};
use mpeg2ts::ts::payload::{self, Pat, Pes, Pmt, Section};
use mpeg2ts::ts::{
    AdaptationField, ContinuityCounter, EsInfo, Pid, ProgramAssociation, TransportScramblingControl,
    TsHeader, TsPacket, TsPacketWriter, TsPayload, VersionNumber, WriteTsPacket,
};

/// Payload of a packet.
const PAYLOAD: usize = TsPacket::SIZE - 4;
/// Values of a continuity counter.
const COUNTERS: usize = 16;
const PMT_PID: u16 = 0x1000;
const FIRST_STREAM_PID: u16 = 0x100;
const PROGRAM: u16 = 1;
/// What a unit's clock reference lies before its decoding time, in ticks of 90 kHz: the time to receive it in.
const LEAD: i64 = 45_000;
/// Bits of a time stamp.
const TIME_MASK: i64 = Timestamp::MAX as i64;
const VALID: &str =
    "invariant: identifiers are constants in range, times are masked, payloads are cut to fit";

/// An elementary stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) kind: StreamType,
    pub(super) video: bool,
}

/// What one PES packet carries.
#[derive(Debug)]
pub(super) struct Unit {
    /// Index of the stream.
    pub(super) stream: usize,
    /// In ticks of 90 kHz.
    pub(super) pts: i64,
    /// In ticks of 90 kHz.
    pub(super) dts: i64,
    /// Decoding can start here.
    pub(super) random_access: bool,
    pub(super) data: Vec<u8>,
}

impl Unit {
    /// Bytes of the header of its PES packet.
    const fn header_size(&self) -> usize {
        9 + 5 + if self.pts == self.dts { 0 } else { 5 }
    }

    /// Whether its first packet has the clock: every unit of the first stream.
    const fn has_clock(&self) -> bool {
        self.stream == 0
    }

    /// Most bytes of it in its first packet.
    const fn room_in_first(&self) -> usize {
        let adaptation = if self.has_clock() { 2 + 6 } else { 2 };
        PAYLOAD - adaptation - self.header_size()
    }

    /// The fewest packets that it fits into.
    fn packets(&self) -> usize {
        1 + self.data.len().saturating_sub(self.room_in_first()).div_ceil(PAYLOAD)
    }

    /// Packets that it may be spread over on top: with a byte in each but for the first.
    fn spare(&self) -> usize {
        (1 + self.data.len()).saturating_sub(self.packets())
    }
}

/// Writes one segment.
pub(super) struct Packetizer {
    streams: Vec<Stream>,
    /// Packets of each stream so far, to count on from.
    counters: Vec<ContinuityCounter>,
    out: TsPacketWriter<Vec<u8>>,
}

impl Packetizer {
    pub(super) fn new(streams: Vec<Stream>) -> Self {
        let counters = streams.iter().map(|_| ContinuityCounter::new()).collect();
        Self { streams, counters, out: TsPacketWriter::new(Vec::new()) }
    }

    /// The segment of these units.
    pub(super) fn segment(mut self, units: &[Unit]) -> Bytes {
        let extra = self.padding(units);
        let packets: usize = units.iter().zip(&extra).map(|(unit, extra)| unit.packets() + extra).sum();
        self.out = TsPacketWriter::new(Vec::with_capacity((packets + 2 * COUNTERS) * TsPacket::SIZE));
        let tables = self.tables().expect(VALID);
        let mut written = 0;
        for (index, (unit, extra)) in units.iter().zip(extra).enumerate() {
            // Sixteen pairs of tables, spread over the segment: one at its start, and one each few hundred
            // milliseconds for those who come later.
            while written < COUNTERS && written * units.len() <= index * COUNTERS {
                self.write_tables(&tables, written);
                written += 1;
            }
            self.write_unit(unit, unit.packets() + extra).expect(VALID);
        }
        for count in written..COUNTERS {
            self.write_tables(&tables, count);
        }
        self.out.into_stream().into()
    }

    /// By how many packets more than it needs each unit is spread, so that every stream gets a multiple of sixteen.
    fn padding(&self, units: &[Unit]) -> Vec<usize> {
        let mut missing = vec![0; self.streams.len()];
        for unit in units {
            missing[unit.stream] += unit.packets();
        }
        for missing in &mut missing {
            *missing = missing.next_multiple_of(COUNTERS) - *missing;
        }
        // Segments of so little media that there is no room for this don't join; players take that for a lost packet.
        let extra = |unit: &Unit| {
            let extra = unit.spare().min(missing[unit.stream]);
            missing[unit.stream] -= extra;
            extra
        };
        units.iter().map(extra).collect()
    }

    /// The packets of the program association and map tables, with continuity counters of 0.
    fn tables(&self) -> Result<[TsPacket; 2], Error> {
        let program_map_pid = Pid::new(PMT_PID)?;
        let pat = TsPayload::Pat(Pat {
            transport_stream_id: 1,
            version_number: VersionNumber::new(),
            table: vec![ProgramAssociation { program_num: PROGRAM, program_map_pid }],
        });
        let entry = |(index, stream): (usize, &Stream)| {
            Ok(EsInfo {
                stream_type: stream.kind,
                elementary_pid: stream_pid(index)?,
                descriptors: Vec::new(),
            })
        };
        let pmt = TsPayload::Pmt(Pmt {
            program_num: PROGRAM,
            pcr_pid: Some(stream_pid(0)?),
            version_number: VersionNumber::new(),
            program_info: Vec::new(),
            es_info: self.streams.iter().enumerate().map(entry).collect::<Result<_, Error>>()?,
        });
        Ok([table(Pid::new(Pid::PAT)?, pat)?, table(program_map_pid, pmt)?])
    }

    fn write_tables(&mut self, tables: &[TsPacket; 2], count: usize) {
        for table in tables {
            let mut table = table.clone();
            table.header.continuity_counter =
                ContinuityCounter::from_u8((count % COUNTERS) as u8).expect(VALID);
            self.out.write_ts_packet(&table).expect(VALID);
        }
    }

    /// Writes a unit as `packets` packets.
    fn write_unit(&mut self, unit: &Unit, packets: usize) -> Result<(), Error> {
        let pid = stream_pid(unit.stream)?;
        // Each packet after this one needs a byte.
        let size = unit.room_in_first().min(unit.data.len() - (packets - 1).min(unit.data.len()));
        let (first, mut rest) = unit.data.split_at(size);
        let clock = ClockReference::from(stamp(unit.dts - LEAD)?);
        let adaptation = AdaptationField {
            discontinuity_indicator: false,
            random_access_indicator: unit.random_access,
            es_priority_indicator: false,
            pcr: unit.has_clock().then_some(clock),
            opcr: None,
            splice_countdown: None,
            transport_private_data: Vec::new(),
            extension: None,
        };
        let header = PesHeader {
            stream_id: StreamId::new(if self.streams[unit.stream].video {
                StreamId::VIDEO_MIN
            } else {
                StreamId::AUDIO_MIN
            }),
            priority: false,
            data_alignment_indicator: true,
            copyright: false,
            original_or_copy: false,
            pts: Some(stamp(unit.pts)?),
            dts: if unit.pts == unit.dts { None } else { Some(stamp(unit.dts)?) },
            escr: None,
        };
        // What follows the length field; 0 is "not told", which pictures may have (section 2.4.3.7).
        let pes_packet_len = u16::try_from(unit.header_size() - 6 + unit.data.len()).unwrap_or(0);
        let pes = Pes { header, pes_packet_len, data: payload::Bytes::new(first)? };
        self.write(unit.stream, pid, Some(adaptation), TsPayload::PesStart(pes))?;
        for left in (1..packets).rev() {
            let (data, after) = rest.split_at(PAYLOAD.min((rest.len() + 1).saturating_sub(left)));
            rest = after;
            self.write(unit.stream, pid, None, TsPayload::PesContinuation(payload::Bytes::new(data)?))?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        stream: usize,
        pid: Pid,
        adaptation_field: Option<AdaptationField>,
        payload: TsPayload,
    ) -> Result<(), Error> {
        let counter = &mut self.counters[stream];
        let header = header(pid, *counter);
        counter.increment();
        self.out.write_ts_packet(&TsPacket { header, adaptation_field, payload: Some(payload) })
    }
}

fn stream_pid(index: usize) -> Result<Pid, Error> {
    Pid::new(FIRST_STREAM_PID + index as u16)
}

const fn stamp_bits(time: i64) -> u64 {
    (time & TIME_MASK) as u64
}

fn stamp(time: i64) -> Result<Timestamp, Error> {
    Timestamp::new(stamp_bits(time))
}

const fn header(pid: Pid, continuity_counter: ContinuityCounter) -> TsHeader {
    TsHeader {
        transport_error_indicator: false,
        transport_priority: false,
        pid,
        transport_scrambling_control: TransportScramblingControl::NotScrambled,
        continuity_counter,
    }
}

/// The packet of a table, filled up after its section. The crate fills up before it, in an adaptation field, which some
/// players don't expect in front of tables.
fn table(pid: Pid, payload: TsPayload) -> Result<TsPacket, Error> {
    let header = header(pid, ContinuityCounter::new());
    let mut writer = TsPacketWriter::new(Vec::with_capacity(TsPacket::SIZE));
    writer.write_ts_packet(&TsPacket {
        header: header.clone(),
        adaptation_field: None,
        payload: Some(payload),
    })?;
    let packet = writer.into_stream();
    // Header, length of the adaptation field, the field; then a pointer of 0 and the section.
    let section = 4 + 1 + usize::from(packet[4]) + 1;
    let mut data = [0xff; PAYLOAD - 1];
    data[..packet.len() - section].copy_from_slice(&packet[section..]);
    let payload = TsPayload::Section(Section { pointer_field: 0, data: payload::Bytes::new(&data)? });
    Ok(TsPacket { header, adaptation_field: None, payload: Some(payload) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn streams() -> Vec<Stream> {
        vec![
            Stream { kind: StreamType::H264, video: true },
            Stream { kind: StreamType::AdtsAac, video: false },
        ]
    }

    /// What the packets of a stream carry behind the headers of its PES packets, and how many packets there are.
    fn carried(segment: &[u8], stream: usize) -> (Vec<u8>, usize) {
        let mut data = Vec::new();
        let mut packets = 0;
        for packet in segment.chunks(TsPacket::SIZE) {
            assert_eq!((packet.len(), packet[0]), (TsPacket::SIZE, TsPacket::SYNC_BYTE));
            if u16::from_be_bytes([packet[1], packet[2]]) & Pid::MAX != stream_pid(stream).unwrap().as_u16() {
                continue;
            }
            assert_eq!(usize::from(packet[3] & 15), packets % COUNTERS);
            packets += 1;
            let adaptation = if packet[3] & 0x20 == 0 { 0 } else { 1 + usize::from(packet[4]) };
            let payload = &packet[4 + adaptation..];
            let header = if packet[1] & 0x40 == 0 { 0 } else { 9 + usize::from(payload[8]) };
            data.extend_from_slice(&payload[header..]);
        }
        (data, packets)
    }

    proptest! {
        #[test]
        fn all_bytes_arrive_in_a_multiple_of_sixteen_packets(
            sizes in proptest::collection::vec((0_usize..2, 0_usize..1_500, any::<i64>(), any::<bool>()), 0..40),
        ) {
            let unit = |(n, &(stream, size, time, key)): (usize, &(usize, usize, i64, bool))| Unit {
                stream,
                pts: time / 2,
                dts: if key { time / 2 } else { time / 2 - 3_600 },
                random_access: key,
                data: vec![n as u8; size],
            };
            let units: Vec<_> = sizes.iter().enumerate().map(unit).collect();
            let segment = Packetizer::new(streams()).segment(&units);
            for stream in 0..2 {
                let own = || units.iter().filter(|unit| unit.stream == stream);
                let expected: Vec<u8> = own().flat_map(|unit| unit.data.iter().copied()).collect();
                let (data, packets) = carried(&segment, stream);
                prop_assert_eq!(data, expected);
                let room: usize = own().map(|unit| unit.packets() + unit.spare()).sum();
                let least: usize = own().map(Unit::packets).sum();
                prop_assert!(packets == least.next_multiple_of(COUNTERS).min(room), "{packets} {least} {room}");
            }
        }
    }
}

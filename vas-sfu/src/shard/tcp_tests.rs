//! Framing over any cut of the stream, and the bounds on what a connection may cost.

use super::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;

/// The datagrams of a stream that arrives in pieces; `None` where the connection would be closed.
fn deframe(stream: &[u8], cuts: &[usize]) -> Option<Vec<Vec<u8>>> {
    let (mut unread, mut datagrams, mut from) = (Vec::new(), Vec::new(), 0);
    let ends = cuts.iter().copied().chain([stream.len()]);
    for end in ends {
        unread.extend_from_slice(&stream[from..end]);
        from = end;
        let mut at = 0;
        loop {
            match next_frame(&unread[at..]) {
                Next::Frame(data) => {
                    datagrams.push(data.to_vec());
                    at += PREFIX + data.len();
                }
                Next::Partial => break,
                Next::TooLong => return None,
            }
        }
        unread.drain(..at);
    }
    unread.is_empty().then_some(datagrams)
}

fn framed(data: &[u8], segment: usize) -> Vec<u8> {
    frames(data, segment).flat_map(|(length, datagram)| [length.as_slice(), datagram].concat()).collect()
}

proptest! {
    #[test]
    fn any_cut_of_a_stream_gives_its_datagrams(
        sizes in prop::collection::vec(0_usize..=MAX_DATAGRAM, 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let datagrams: Vec<Vec<u8>> = sizes.iter().map(|&size| vec![size as u8; size]).collect();
        let stream: Vec<u8> = datagrams
            .iter()
            .flat_map(|datagram| [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat())
            .collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(deframe(&stream, &cuts), Some(datagrams));
    }

    #[test]
    fn a_run_of_segments_becomes_its_datagrams(length in 1_usize..8_000, segment in 1_usize..=MAX_DATAGRAM) {
        let data: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let expected: Vec<Vec<u8>> = data.chunks(segment).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(deframe(&framed(&data, segment), &[]), Some(expected));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_096)) {
        let _ = deframe(&bytes, &[]);
    }
}

#[test]
fn a_frame_beyond_the_bound_is_refused_by_its_length_alone() {
    assert_eq!(next_frame(&((MAX_DATAGRAM + 1) as u16).to_be_bytes()), Next::TooLong);
    assert_eq!(next_frame(&(MAX_DATAGRAM as u16).to_be_bytes()), Next::Partial);
    assert_eq!(next_frame(&[0]), Next::Partial);
    assert_eq!(next_frame(&[0, 0, 7]), Next::Frame(&[]));
}

/// The accepting side of a connection on loopback, and the other end.
fn connection() -> (TcpPorts, TcpKey, TcpStream) {
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut ports = TcpPorts::new(vec![listener], Admission::new(4, 4));
    let poll = mio::Poll::new().unwrap();
    ports.register(poll.registry()).unwrap();
    let now = Instant::now();
    while ports.is_empty() {
        ports.sweep(now);
        ports.accept(now);
    }
    let key = ports.readable[0];
    (ports, key, far)
}

#[test]
fn a_full_queue_takes_whole_datagrams_or_nothing() {
    let (mut ports, key, mut far) = connection();
    let data = vec![0x5a; 16 * 1_200];
    let mut taken = 0;
    while ports.send(key, &data, 1_200) == Sent::Taken {
        taken += 16;
    }
    assert_eq!(ports.send(key, &data, 1_200), Sent::Full);
    assert!(ports.get_mut(key).unwrap().queue.len() <= MAX_QUEUED);
    let reader = std::thread::spawn(move || {
        let mut stream = Vec::new();
        far.read_to_end(&mut stream).unwrap();
        stream
    });
    ports.end(key);
    while ports.get_mut(key).is_some() {
        ports.flush(key);
    }
    let datagrams = deframe(&reader.join().unwrap(), &[]).unwrap();
    assert_eq!(datagrams.len(), taken);
    assert!(datagrams.iter().all(|datagram| datagram.len() == 1_200));
    assert_eq!(ports.send(key, &data, 1_200), Sent::Failed, "ended");
}

#[test]
fn who_proves_nothing_in_time_or_falls_silent_is_closed() {
    for (proved, late) in [(false, PROOF), (true, IDLE)] {
        let (mut ports, key, mut far) = connection();
        if proved {
            ports.prove(key);
        }
        let opened = ports.get_mut(key).unwrap().opened;
        ports.sweep(opened + late);
        assert!(ports.get_mut(key).is_some());
        ports.sweep(opened + late + Duration::from_millis(1));
        assert_eq!(ports.lost(), proved.then_some(key));
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "closed");
    }
}

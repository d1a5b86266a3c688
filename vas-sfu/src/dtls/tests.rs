//! The server against the client of `rtc`, over a network that loses and reorders.

use super::*;
use crate::srtp::Srtp;
use std::collections::VecDeque;

const SERVER: SocketAddr = PEER;
/// A client's flight interval; it repeats a flight seven times at the most.
const QUICK: Duration = Duration::from_millis(50);

/// A client with a certificate of its own; `gcm_last` offers AES-GCM after SHA1-80, as browsers do.
struct Client {
    endpoint: Endpoint,
    fingerprint: [u8; 32],
    done: bool,
}

impl Client {
    fn new(profiles: Vec<SrtpProtectionProfile>, now: Instant, flight: Duration) -> Self {
        let provider = rtc::crypto::default_provider().unwrap();
        let certificate =
            Certificate::generate_self_signed(vec!["client".to_owned()], provider.crypto()).unwrap();
        let hash = provider.crypto().hash(HashAlgorithm::Sha256, &certificate.certificate[0]).unwrap();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(flight)
            .build(true, None)
            .unwrap();
        let mut endpoint = Endpoint::new("192.0.2.2:2".parse().unwrap(), TransportProtocol::UDP, None);
        endpoint.connect(now, SERVER, Arc::new(config), None).unwrap();
        Self { endpoint, fingerprint: hash.try_into().unwrap(), done: false }
    }
}

fn browser_order() -> Vec<SrtpProtectionProfile> {
    vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm]
}

/// Runs a handshake in virtual time. `lose(to_server, n)` tells whether the nth datagram of a direction is lost.
fn handshake(
    client: &mut Client,
    server: &mut DtlsServer,
    start: Instant,
    mut lose: impl FnMut(bool, usize) -> bool,
) -> Result<Option<Box<SrtpKeys>>, DtlsError> {
    let (mut now, mut keys) = (start, None);
    let (mut sent_up, mut sent_down) = (0, 0);
    for _ in 0..200 {
        let mut quiet = true;
        let mut up = VecDeque::new();
        while let Some(message) = client.endpoint.poll_transmit() {
            sent_up += 1;
            if !lose(true, sent_up) {
                up.push_back(message.message);
            }
        }
        for datagram in up {
            quiet = false;
            if let Some(DtlsEvent::Keys(fresh)) = server.handle(now, &datagram)? {
                keys = Some(fresh);
            }
        }
        let mut down = VecDeque::new();
        while let Some(datagram) = server.poll_transmit() {
            sent_down += 1;
            if !lose(false, sent_down) {
                down.push_back(datagram);
            }
        }
        for datagram in down {
            quiet = false;
            for event in
                client.endpoint.read(now, SERVER, None, BytesMut::from(&datagram[..])).unwrap_or_default()
            {
                client.done |= matches!(event, EndpointEvent::HandshakeComplete);
            }
        }
        if keys.is_some() && client.done {
            break;
        }
        if quiet {
            now += Duration::from_millis(20);
            let _ = client.endpoint.handle_timeout(SERVER, now);
            if server.poll_timeout().is_some_and(|at| at <= now) {
                server.handle_timeout(now)?;
            }
        }
    }
    Ok(keys)
}

fn pair(profiles: Vec<SrtpProtectionProfile>) -> (Client, DtlsServer, Instant) {
    patient_pair(profiles, QUICK)
}

fn patient_pair(profiles: Vec<SrtpProtectionProfile>, flight: Duration) -> (Client, DtlsServer, Instant) {
    let now = Instant::now();
    let client = Client::new(profiles, now, flight);
    let identity = Arc::new(DtlsIdentity::generate().unwrap());
    let server = DtlsServer::new(identity, Arc::new([client.fingerprint])).unwrap();
    (client, server, now)
}

#[test]
fn chooses_gcm_whatever_the_clients_order() {
    let (mut client, mut server, now) = pair(browser_order());
    let keys = handshake(&mut client, &mut server, now, |_, _| false).unwrap().unwrap();
    assert!(format!("{keys:?}").contains("AeadAes128Gcm"));
    // The keys are the client's own.
    let state = client.endpoint.get_connection_state(SERVER).unwrap();
    let theirs = SrtpKeys::export(Profile::AeadAes128Gcm, |label, length| {
        state.export_keying_material(label, &[], length).map(|material| {
            // The exporter gives the client's keys first; a server's view swaps them.
            let m: Vec<u8> = material.as_ref().to_vec();
            [&m[16..32], &m[..16], &m[44..56], &m[32..44]].concat()
        })
    })
    .unwrap();
    let provider = rtc::crypto::default_provider().unwrap();
    let mut ours = Srtp::new(*keys, &provider).unwrap();
    let mut peer = Srtp::new(theirs, &provider).unwrap();
    let sealed = peer.seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 7]).unwrap();
    assert!(ours.open_rtcp(&sealed).is_ok());
}

#[test]
fn accepts_sha1_80_where_nothing_better_is_offered() {
    let (mut client, mut server, now) = pair(vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80]);
    let keys = handshake(&mut client, &mut server, now, |_, _| false).unwrap().unwrap();
    assert!(format!("{keys:?}").contains("Aes128CmHmacSha1_80"));
}

#[test]
fn any_single_lost_datagram_is_sent_again() {
    for to_server in [true, false] {
        for lost in 1..6 {
            let (mut client, mut server, now) = pair(browser_order());
            let keys =
                handshake(&mut client, &mut server, now, |up, n| up == to_server && n == lost).unwrap();
            assert!(keys.is_some() && client.done, "datagram {lost}, to the server: {to_server}");
        }
    }
}

#[test]
fn the_certificate_flight_lost_twice_is_sent_again() {
    // What the server sends after its HelloVerifyRequest is the certificate flight.
    let (mut client, mut server, now) = pair(browser_order());
    let mut certificate_flights = 0;
    let keys = handshake(&mut client, &mut server, now, |up, n| {
        let flight = !up && n > 1;
        certificate_flights += usize::from(flight);
        flight && certificate_flights <= 2
    })
    .unwrap();
    assert!(keys.is_some() && client.done);
}

#[test]
fn another_certificate_than_the_one_announced_is_refused() {
    let now = Instant::now();
    let mut client = Client::new(browser_order(), now, QUICK);
    let identity = Arc::new(DtlsIdentity::generate().unwrap());
    let mut server = DtlsServer::new(identity, Arc::new([[7; 32]])).unwrap();
    assert!(!matches!(handshake(&mut client, &mut server, now, |_, _| false), Ok(Some(_))));
}

/// A record in the clear with a handshake fragment of one byte.
fn one_byte_fragment(record: u16, offset: u16) -> Vec<u8> {
    let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0];
    datagram.extend(record.to_be_bytes());
    datagram.extend([0, 13, 11, 0, 0x80, 0, 0, 0, 0]);
    datagram.extend(offset.to_be_bytes());
    datagram.extend([0, 0, 1, 7]);
    datagram
}

#[test]
fn endless_fragments_end_the_handshake_and_not_the_process() {
    let (_, mut server, now) = pair(browser_order());
    let mut taken = 0;
    let refused = (0..u16::MAX).rev().find_map(|n| {
        taken += 1;
        server.handle(now, &one_byte_fragment(n, n)).err()
    });
    assert!(refused.is_some() && taken <= HANDSHAKE_BUDGET / 26 + 1);
}

#[test]
fn nothing_that_anybody_can_send_ends_an_association() {
    let (mut client, mut server, now) = pair(browser_order());
    handshake(&mut client, &mut server, now, |_, _| false).unwrap().unwrap();
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let sealed_nonsense = [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4];
    for datagram in [&[22][..], &[22, 0xfe, 0xfd], &alert, &sealed_nonsense, &[63; 40]] {
        assert!(matches!(server.handle(now, datagram), Ok(None)), "{datagram:?}");
    }
    for n in 0..20_000 {
        assert!(matches!(server.handle(now, &one_byte_fragment(n, n)), Ok(None)));
    }
    client.endpoint.close(now).unwrap();
    let goodbye = client.endpoint.poll_transmit().unwrap().message;
    assert!(matches!(server.handle(now, &goodbye), Ok(Some(DtlsEvent::Closed))));
}

#[test]
fn flights_are_repeated_for_seconds_at_growing_intervals() {
    let (mut client, mut server, start) = patient_pair(browser_order(), Duration::from_secs(1));
    // Nothing of the server's certificate flight arrives for four seconds.
    let mut now = start;
    let mut flights = Vec::new();
    while now < start + Duration::from_secs(4) {
        while let Some(message) = client.endpoint.poll_transmit() {
            server.handle(now, &message.message).unwrap();
        }
        while let Some(datagram) = server.poll_transmit() {
            if starts_handshake(&datagram, HANDSHAKE_SERVER_HELLO) {
                flights.push(now - start);
            } else if !server.server_hello_sent {
                let _ = client.endpoint.read(now, SERVER, None, BytesMut::from(&datagram[..]));
            }
        }
        now += Duration::from_millis(10);
        let _ = client.endpoint.handle_timeout(SERVER, now);
        if server.poll_timeout().is_some_and(|at| at <= now) {
            server.handle_timeout(now).unwrap();
        }
    }
    assert!((4..=7).contains(&flights.len()), "{flights:?}");
    assert!(handshake(&mut client, &mut server, now, |_, _| false).unwrap().is_some());
}

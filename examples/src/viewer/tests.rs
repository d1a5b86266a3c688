//! Viewers against a server leg in memory, under virtual time: every datagram may be dropped, and no test
//! waits.

mod peer;
mod server;
mod standard_peer;

use std::time::Duration;

use bytes::Bytes;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use super::*;
use peer::{Pair, identity};

/// A picture of `parts` packets; `key` makes it an IDR picture.
fn picture(parts: usize, key: bool) -> Vec<Bytes> {
    (0..parts)
        .map(|part| {
            let kind = if key { 5 } else { 1 };
            let edges = u8::from(part == 0) << 7 | u8::from(part + 1 == parts) << 6;
            let mut payload = vec![0x60 | 28, edges | kind];
            payload.extend((0..200).map(|n| (n + part) as u8));
            Bytes::from(payload)
        })
        .collect()
}

/// Sends a keyframe and `pictures` others of five packets each, 40 ms apart.
fn play(pair: &mut Pair, pictures: u32) {
    for n in 0..=pictures {
        pair.server.send_picture(n * 3600, &picture(5, n == 0));
        pair.advance(Duration::from_millis(40));
    }
}

#[test]
fn connects_and_hands_out_every_packet() {
    let mut pair = Pair::connected(ViewerConfig::delivering(identity()));
    play(&mut pair, 99);
    let packets = pair.packets();
    assert_eq!(packets.len(), 500);
    assert!(packets.windows(2).all(|two| two[0].extended_sequence + 1 == two[1].extended_sequence));
    assert_eq!(packets[4].payload, picture(5, true)[4]);
    assert!(packets[4].header.marker && !packets[3].header.marker);
    assert_eq!(packets[0].extension(5), Some(&[0, 0, 0][..]));

    let stats = pair.viewer.stats();
    assert_eq!((stats.packets, stats.expected, stats.lost), (500, 500, 0));
    assert_eq!((stats.authenticated, stats.pictures, stats.nacks), (500, 100, 0));
    assert_eq!(stats.gcm, Some(true));
    assert!(stats.first_packet_at <= stats.first_keyframe_at);
    assert!(stats.first_keyframe_at < stats.first_packet_at.map(|at| at + Duration::from_millis(40)));
}

#[test]
fn jitter_follows_the_arrival_times() {
    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    for n in 0..200 {
        pair.server.send_picture(n * 3600, &picture(1, n == 0));
        // Late by 8 ms every other time: each step is 8 ms off, one way or the other.
        pair.advance(Duration::from_millis(if n % 2 == 0 { 48 } else { 32 }));
    }
    let jitter = pair.viewer.stats().jitter.as_secs_f64();
    assert!((jitter - 0.008).abs() < 0.000_1, "{jitter}");
}

#[test]
fn counts_by_headers_and_opens_a_sample() {
    let config =
        ViewerConfig { decrypt: Decrypt::Sample { first: 10, every: 50 }, ..ViewerConfig::new(identity()) };
    let mut pair = Pair::connected(config);
    play(&mut pair, 99);
    let stats = pair.viewer.stats();
    assert_eq!((stats.packets, stats.rejected), (500, 0));
    assert_eq!(stats.authenticated, 10 + 9);
    assert!(pair.packets().is_empty());
}

#[test]
fn missing_packets_are_asked_for_and_repaired() {
    let mut pair = Pair::connected(ViewerConfig::delivering(identity()));
    let first = pair.server.next_sequence();
    let lost = [7, 8, 20].map(|n| first.wrapping_add(n));
    pair.server.lose(&lost);
    pair.server.never_repair(lost[2]);
    play(&mut pair, 40);

    let asked: Vec<u16> = pair
        .server
        .received::<TransportLayerNack>()
        .iter()
        .flat_map(|nack| nack.nacks.iter().flat_map(|pair| pair.packet_list()))
        .collect();
    assert!(lost.iter().all(|sequence| asked.contains(sequence)));
    assert_eq!(asked.iter().filter(|asked| **asked == lost[0]).count(), 1);
    assert_eq!(asked.iter().filter(|asked| **asked == lost[2]).count(), 10);

    let stats = pair.viewer.stats();
    assert_eq!((stats.expected, stats.packets, stats.recovered, stats.lost), (205, 202, 2, 1));
    assert_eq!((stats.repairs, stats.duplicates), (2, 0));
    let packets = pair.packets();
    let repaired: Vec<_> = packets.iter().filter(|packet| packet.repaired).collect();
    assert_eq!(repaired.iter().map(|packet| packet.header.sequence).collect::<Vec<_>>(), &lost[..2]);
    assert_eq!(repaired[0].payload, picture(5, false)[2]);
    assert_eq!(repaired[0].header.payload_type, 102);

    // What the server is told is what its own packets met, repairs aside.
    let reports = pair.server.received::<ReceiverReport>();
    let last = reports.iter().rev().find_map(|report| report.reports.first()).unwrap();
    assert_eq!(last.total_lost, 3);
    assert!(reports.iter().any(|report| report.reports.first().is_some_and(|r| r.fraction_lost > 0)));
}

#[test]
fn a_viewer_without_nack_only_counts_the_loss() {
    let mut pair = Pair::connected(ViewerConfig { nack: false, ..ViewerConfig::new(identity()) });
    let lost = pair.server.next_sequence().wrapping_add(3);
    pair.server.lose(&[lost]);
    play(&mut pair, 20);
    assert!(pair.server.received::<TransportLayerNack>().is_empty());
    let stats = pair.viewer.stats();
    assert_eq!((stats.lost, stats.nacks), (1, 0));
    assert!(stats.first_keyframe_at.is_none());
}

#[test]
fn a_repair_that_comes_after_the_end_still_counts() {
    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    let lost = pair.server.next_sequence().wrapping_add(8);
    pair.server.lose(&[lost]);
    pair.server.send_picture(0, &picture(5, true));
    pair.server.send_picture(3600, &picture(5, false));
    pair.deliver_to_viewer();
    pair.viewer.finish_counting();
    pair.advance(Duration::from_millis(40));
    play(&mut pair, 3);
    let stats = pair.viewer.stats();
    assert_eq!((stats.expected, stats.recovered, stats.lost), (10, 1, 0));
}

#[test]
fn forged_packets_are_rejected() {
    let mut pair = Pair::connected(ViewerConfig::delivering(identity()));
    play(&mut pair, 1);
    let mut forged = pair.server.seal(3 * 3600, &[1; 100]);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let (now, from) = (pair.now, pair.server.address);
    pair.viewer.handle_datagram(now, from, &forged);
    for junk in [&[][..], &[0], &[22, 1, 2], &[128], &[128, 102], &[129, 200, 0, 0], &[255, 1]] {
        pair.viewer.handle_datagram(now, from, junk);
    }
    let stats = pair.viewer.stats();
    assert_eq!((stats.packets, stats.rejected), (10, 2));
    assert!(pair.viewer.is_connected());
}

#[test]
fn sender_reports_are_handed_out_and_answered() {
    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    play(&mut pair, 5);
    pair.server.send_report(0x1234_5678_9ABC_DEF0, 18_000);
    play(&mut pair, 30);
    let report = pair
        .events
        .iter()
        .find_map(|event| match event {
            Event::SenderReport(report) => Some(*report),
            _ => None,
        })
        .unwrap();
    assert_eq!((report.ntp, report.timestamp), (0x1234_5678_9ABC_DEF0, 18_000));
    let reports = pair.server.received::<ReceiverReport>();
    let last = reports.iter().rev().find_map(|report| report.reports.first()).unwrap();
    assert_eq!(last.last_sender_report, 0x5678_9ABC);
    assert!(last.delay > 0);
}

#[test]
fn asks_for_a_keyframe() {
    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    play(&mut pair, 1);
    pair.viewer.request_keyframe();
    pair.advance(Duration::from_millis(1));
    assert_eq!(pair.server.keyframe_requests(), 1);
    assert_eq!(pair.viewer.stats().keyframe_requests, 1);
}

#[test]
fn transport_wide_feedback_is_sent_where_it_is_agreed() {
    let mut pair = Pair::connected(ViewerConfig { transport_cc: true, ..ViewerConfig::new(identity()) });
    play(&mut pair, 50);
    let reported: u32 = pair
        .server
        .received::<TransportLayerCc>()
        .iter()
        .map(|feedback| u32::from(feedback.packet_status_count))
        .sum();
    assert!((250..=255).contains(&reported), "{reported}");
}

#[test]
fn any_one_lost_datagram_delays_the_connection_only() {
    for to_server in [true, false] {
        for lost in 0..12 {
            let mut pair = Pair::new(ViewerConfig::new(identity()));
            pair.drop_one(to_server, lost);
            pair.advance_until(Duration::from_secs(5), Pair::is_connected);
        }
    }
}

#[test]
fn an_old_protection_profile_works_too() {
    let mut pair = Pair::connected(ViewerConfig {
        srtp: SrtpOffer::Sha1Only,
        decrypt: Decrypt::All,
        ..ViewerConfig::new(identity())
    });
    play(&mut pair, 10);
    let stats = pair.viewer.stats();
    assert_eq!((stats.gcm, stats.authenticated, stats.rejected), (Some(false), 55, 0));
}

#[test]
fn ends_with_a_reason() {
    let closed = |pair: &Pair| pair.events.iter().any(|event| matches!(event, Event::Closed(_)));
    let reason = |pair: Pair| match pair.events.last() {
        Some(Event::Closed(reason)) => reason.to_string(),
        other => panic!("not closed: {other:?}"),
    };

    let mut pair = Pair::new(ViewerConfig::new(identity()));
    pair.cut();
    pair.advance_until(Duration::from_secs(11), closed);
    assert_eq!(reason(pair), "no candidate answered a connectivity check within 10s");

    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    pair.advance(Duration::from_secs(60));
    assert!(pair.viewer.is_connected());
    pair.cut();
    pair.advance_until(Duration::from_secs(31), closed);
    assert_eq!(reason(pair), "the server answered no consent check for 30s");

    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    pair.server.close(pair.now);
    pair.advance_until(Duration::from_secs(1), closed);
    assert_eq!(reason(pair), "closed by the server");

    let mut pair = Pair::connected(ViewerConfig::new(identity()));
    pair.viewer.close(pair.now);
    pair.advance_until(Duration::from_secs(1), closed);
    assert!(pair.server.is_closed());
    assert!(!pair.viewer.is_connected());
    assert_eq!(pair.viewer.poll_timeout(), None);
    assert_eq!(reason(pair), "closed by the viewer");

    let mut pair = Pair::with_answer(ViewerConfig::new(identity()), |answer| {
        let at = answer.find("sha-256 ").unwrap() + "sha-256 ".len();
        format!("{}{}{}", &answer[..at], ["00"; 32].join(":"), &answer[at + 95..])
    });
    pair.advance_until(Duration::from_secs(30), closed);
    assert!(reason(pair).starts_with("the DTLS handshake failed: "));
}

//! Tests of the lists of hosts.

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use vas_core::StreamId;
use vas_core::model::stream::ReasonCode;

/// The lists that the server has unless told otherwise.
const DEFAULT: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "public"];

fn rules(texts: &[&str]) -> Vec<HostRule> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn policy(allow: &[&str], deny: &[&str]) -> HostPolicy {
    HostPolicy::new(rules(allow), rules(deny), vec![8080])
}

fn source(text: &str) -> Source {
    Source::parse(StreamId::random(), "camera", text).unwrap()
}

fn verdict(policy: &HostPolicy, address: &str) -> Result<(), NotAllowed> {
    policy.check_address(None, address.parse().unwrap())
}

#[test]
fn cameras_of_the_house_and_of_the_internet_are_allowed_and_nothing_special() {
    let policy = policy(&DEFAULT, &[]);
    for address in [
        "10.0.0.5:554",
        "172.31.255.1:554",
        "192.168.1.5:8554",
        "100.64.0.1:554",
        "[fd12::5]:554",
        "192.0.2.10:554",
        "8.8.8.8:554",
        "[2a00:1450::1]:554",
        "[::ffff:10.0.0.5]:554",
        "[64:ff9b::a00:5]:554",
    ] {
        assert_eq!(verdict(&policy, address), Ok(()), "{address}");
    }
    for address in [
        "127.0.0.1:554",
        "127.255.255.254:554",
        "[::1]:554",
        "[::ffff:127.0.0.1]:554",
        "[::127.0.0.1]:554",
        "[64:ff9b::7f00:1]:554",
        "[2002:7f00:1::]:554",
        "169.254.169.254:80",
        "[::ffff:169.254.169.254]:80",
        "[64:ff9b::a9fe:a9fe]:80",
        "169.254.170.2:80",
        "100.100.100.200:80",
        "168.63.129.16:80",
        "[fd00:ec2::254]:80",
        "169.254.1.1:554",
        "[fe80::1]:554",
        "224.0.0.1:554",
        "239.255.255.250:1900",
        "[ff02::1]:554",
        "0.0.0.0:554",
        "0.1.2.3:554",
        "[::]:554",
        "255.255.255.255:554",
        "240.0.0.1:554",
    ] {
        assert!(matches!(verdict(&policy, address), Err(NotAllowed::Special(_))), "{address}");
    }
}

#[test]
fn what_is_special_must_be_named() {
    for (rule, address, allowed) in [
        ("0.0.0.0/0", "127.0.0.1:1", false),
        ("::/0", "[::1]:1", false),
        ("::/0", "[2a00::1]:1", true),
        ("::/0", "8.8.8.8:1", false),
        ("0.0.0.0/0", "8.8.8.8:1", true),
        ("127.0.0.0/8", "127.0.0.1:1", true),
        ("127.0.0.0/8", "[::ffff:127.0.0.1]:1", true),
        ("127.0.0.1:8554", "127.0.0.1:8554", true),
        ("127.0.0.1:8554", "127.0.0.1:8555", false),
        ("[::1]:8554", "[::1]:8554", true),
        ("::1", "[::1]:9", true),
        ("169.254.0.0/16", "169.254.7.7:1", true),
        ("169.254.0.0/16", "169.254.169.254:1", false),
        ("169.254.169.254", "169.254.169.254:1", true),
        ("fc00::/7", "[fd00:ec2::254]:1", false),
        ("::ffff:127.0.0.0/104", "127.3.4.5:1", true),
        ("10.0.0.0/8", "11.0.0.1:1", false),
        ("10.0.0.5", "10.0.0.6:1", false),
    ] {
        assert_eq!(verdict(&policy(&[rule], &[]), address).is_ok(), allowed, "{rule} {address}");
    }
}

#[test]
fn a_port_of_the_server_itself_needs_a_rule_with_the_port() {
    let port = |rules: &[&str], address| verdict(&policy(rules, &[]), address);
    assert_eq!(port(&["127.0.0.0/8"], "127.0.0.1:8080"), Err(NotAllowed::Own));
    assert_eq!(port(&["127.0.0.1"], "127.0.0.1:8080"), Err(NotAllowed::Own));
    assert_eq!(port(&["::1"], "[::1]:8080"), Err(NotAllowed::Own));
    assert_eq!(port(&["127.0.0.1:8080"], "127.0.0.1:8080"), Ok(()));
    assert_eq!(port(&["192.0.2.0/24"], "192.0.2.1:8080"), Ok(()), "another machine's port");
}

#[test]
fn denial_is_stronger() {
    let policy = policy(&["10.0.0.0/8", "*.example.com"], &["10.9.0.0/16", "bad.example.com", "10.0.0.7:80"]);
    assert_eq!(verdict(&policy, "10.8.0.1:554"), Ok(()));
    assert_eq!(verdict(&policy, "10.9.0.1:554"), Err(NotAllowed::Denied));
    assert_eq!(verdict(&policy, "10.0.0.7:80"), Err(NotAllowed::Denied));
    assert_eq!(verdict(&policy, "10.0.0.7:554"), Ok(()));
    let named = |name, address: &str| policy.check_address(Some(name), address.parse().unwrap());
    assert_eq!(named("gate.example.com", "192.0.2.1:1"), Ok(()));
    assert_eq!(named("GATE.example.com.", "192.0.2.1:1"), Ok(()));
    assert_eq!(named("example.com", "192.0.2.1:1"), Err(NotAllowed::Unlisted));
    assert_eq!(named("bad.example.com", "10.0.0.1:1"), Err(NotAllowed::Denied));
    assert_eq!(named("Bad.Example.com.", "10.0.0.1:1"), Err(NotAllowed::Denied));
    // A name that is allowed does not open what is special.
    assert!(matches!(named("gate.example.com", "127.0.0.1:1"), Err(NotAllowed::Special(_))));
}

#[test]
fn addresses_are_checked_however_they_are_written() {
    let policy = policy(&DEFAULT, &["evil.example"]);
    for url in [
        "rtsp://127.0.0.1/1",
        "rtsp://127.1/1",
        "rtsp://2130706433/1",
        "rtsp://0x7f000001/1",
        "rtsp://0177.0.0.1/1",
        "rtsp://[::1]:8554/1",
        "rtsp://[::ffff:7f00:1]/1",
        "rtsp://169.254.169.254/latest",
        "rtsp://evil.example/1",
    ] {
        let reason = policy.check(&source(url)).unwrap_err().reason;
        assert_eq!(reason.code, ReasonCode::NotAllowed, "{url}");
        assert!(reason.text.contains("ingest."), "{reason}");
    }
    for url in ["rtsp://10.0.0.5/1", "rtsp://camera.lan/1", "whip://front-door"] {
        policy.check(&source(url)).unwrap();
    }
    HostPolicy::unrestricted().check(&source("rtsp://127.0.0.1/1")).unwrap();
}

#[tokio::test]
async fn names_are_checked_by_what_they_lead_to() {
    let local = source("rtsp://localhost:8554/1");
    let reason = policy(&DEFAULT, &[]).resolve(&local).await.unwrap_err();
    assert_eq!(reason.code, ReasonCode::NotAllowed);
    assert!(reason.text.contains("loopback"), "{reason}");
    let found = policy(&["127.0.0.0/8", "::1"], &[]).resolve(&local).await.unwrap().unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 8554));
    assert_eq!(HostPolicy::unrestricted().resolve(&local).await.unwrap(), None);
    let nowhere = policy(&DEFAULT, &[]).resolve(&source("rtsp://camera.invalid/1")).await.unwrap_err();
    assert_eq!(nowhere.code, ReasonCode::HostUnreachable);
}

#[test]
fn what_is_no_rule_is_refused() {
    for text in [
        "",
        "10.0.0.0/33",
        "fe80::/129",
        "::ffff:1.2.3.4/64",
        "a b",
        "*",
        "*.",
        "*x.de",
        "h:0",
        "h:x",
        "1.2.3",
    ] {
        assert!(text.parse::<HostRule>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn an_address_is_judged_alike_in_both_families(bits: u32, port: u16) {
        let policy = policy(&["0.0.0.0/0", "127.0.0.0/9"], &["10.0.0.0/9"]);
        let v4 = Ipv4Addr::from_bits(bits);
        let nat64 = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
        let plain = policy.check_address(None, SocketAddr::new(v4.into(), port));
        for other in [v4.to_ipv6_mapped(), nat64] {
            prop_assert_eq!(plain, policy.check_address(None, SocketAddr::new(other.into(), port)));
        }
    }

    #[test]
    fn wide_rules_never_open_what_is_special(bits: u128, v4: bool, port in 1_u16..8_000, prefix in 0_u8..4) {
        let ip: IpAddr = if v4 { Ipv4Addr::from_bits(bits as u32).into() } else { Ipv6Addr::from_bits(bits).into() };
        let wide = format!("{}/{prefix}", judged(ip)).parse().unwrap();
        let policy = HostPolicy::new(vec![wide], Vec::new(), Vec::new());
        let verdict = policy.check_address(None, SocketAddr::new(ip, port));
        prop_assert_eq!(verdict.is_err(), special(judged(ip)).is_some());
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}") {
        let _ = text.parse::<HostRule>();
    }
}

//! Tests of the import: a file of each kind, and files that are none.

use super::*;
use proptest::prelude::*;

const MEDIAMTX: &str = include_str!("samples/mediamtx.yml");
const GO2RTC: &str = include_str!("samples/go2rtc.yaml");
const FRIGATE: &str = include_str!("samples/frigate.yml");

fn variable(name: &str) -> Option<String> {
    let known = [("GATE_PASSWORD", "n0rth"), ("FRIGATE_RTSP_PASSWORD", "s0uth")];
    known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// Name, address and address of the sub stream of each device.
fn addresses(found: &Found) -> Vec<(&str, &str, Option<&str>)> {
    found
        .devices
        .iter()
        .map(|device| {
            (device.name.as_str(), device.url.expose(), device.sub_url.as_ref().map(Secret::expose))
        })
        .collect()
}

fn skipped(found: &Found) -> Vec<&str> {
    found.skipped.iter().map(|skipped| skipped.entry.as_str()).collect()
}

fn named<'a>(found: &'a Found, name: &str) -> &'a FoundDevice {
    found.devices.iter().find(|device| device.name == name).unwrap()
}

#[test]
fn mediamtx() {
    let found = read(MEDIAMTX, &variable).unwrap();
    assert_eq!(found.format, Format::MediaMtx);
    assert_eq!(
        addresses(&found),
        [
            (
                "gate",
                "rtsp://admin:p@ssw0rd@192.0.2.10:554/Streaming/Channels/101",
                Some("rtsp://admin:p@ssw0rd@192.0.2.10:554/Streaming/Channels/102")
            ),
            ("old", "rtsp://192.0.2.12/1", None),
            ("yard", "rtsp://192.0.2.11/stream1", None),
        ]
    );
    let (gate, yard) = (named(&found, "gate"), named(&found, "yard"));
    assert_eq!((gate.transport, gate.on_demand), (Some(Transport::Tcp), false));
    assert_eq!((yard.on_demand, yard.idle_seconds), (true, Some(90)));
    assert_eq!(named(&found, "old").transport, Some(Transport::Udp));
    assert_eq!(skipped(&found), ["all_others", "clip", "phone", "pi", "secure", "~^relay_(.+)$"]);
    assert!(found.skipped.iter().any(|skipped| skipped.reason.contains("whip://")));
    assert_eq!(gate.masked_url(), "rtsp://admin:***@192.0.2.10:554/Streaming/Channels/101");
}

#[test]
fn go2rtc() {
    let found = read(GO2RTC, &variable).unwrap();
    assert_eq!(found.format, Format::Go2Rtc);
    assert_eq!(
        addresses(&found),
        [
            ("gate", "rtsp://admin:n0rth@192.0.2.10/ch0", Some("rtsp://admin:n0rth@192.0.2.10/ch1")),
            ("lobby", "rtsp://admin:secret-a@192.0.2.12:554/1", None),
            ("yard", "rtsp://view:pw@192.0.2.11/av_stream/ch0", None),
        ]
    );
    assert!(found.devices.iter().all(|device| device.on_demand));
    assert_eq!(skipped(&found), ["doorbell", "empty", "shed"]);
    assert_eq!(found.missing, ["SHED_PASSWORD".to_owned()].into());
    let told = format!("{:?} {:?}", found.skipped, found.devices);
    assert!(!["n0rth", "secret-a", "secret-b"].iter().any(|secret| told.contains(secret)), "{told}");
}

#[test]
fn frigate() {
    let found = read(FRIGATE, &variable).unwrap();
    assert_eq!(found.format, Format::Frigate);
    assert_eq!(
        addresses(&found),
        [
            ("alley", "rtsp://192.0.2.15/1", None),
            ("gate", "rtsp://user:s0uth@192.0.2.10:554/main", Some("rtsp://user:s0uth@192.0.2.10:554/sub")),
            ("yard", "rtsp://user:s0uth@192.0.2.11/both", None),
        ]
    );
    let yard = named(&found, "yard");
    assert_eq!((yard.enabled, yard.transport), (false, Some(Transport::Udp)));
    assert_eq!(skipped(&found), ["dock", "ghost", "usb"]);
    assert_eq!(found.missing, ["FRIGATE_DOCK_PASSWORD".to_owned()].into());
}

#[test]
fn what_is_none_is_refused_without_showing_it() {
    for (text, part) in [
        ("", "no configuration"),
        ("streams: rtsp://u:s3cret@cam/1", "no configuration"),
        ("- a\n- b", "no configuration"),
        ("paths:\n  a: [s3cret", "line "),
        ("paths:\n  a: {}\n  a: {}", "twice"),
        ("a: &a [x, x]\nb: &b [*a, *a, *a]\n? s3cret\n\t: {", "line "),
    ] {
        let error = read(text, &variable).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("s3cret"), "{text}: {error}");
    }
    let deep = format!("paths: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(matches!(read(&deep, &variable), Err(ImportError::Yaml { .. })));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..9 {
        let before = format!("*a{},", n - 1).repeat(10);
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    assert!(read(&bomb, &variable).is_err());
    assert_eq!(read(&" ".repeat(MAX_BYTES + 1), &variable).unwrap_err(), ImportError::TooLarge);
    let many: String = (0..=MAX_ENTRIES).map(|n| format!("  c{n}: rtsp://cam/{n}\n")).collect();
    assert_eq!(read(&format!("streams:\n{many}"), &variable).unwrap_err(), ImportError::TooMany);
}

proptest! {
    #[test]
    fn any_text_is_taken_without_a_panic(text in "\\PC{0,200}") {
        let _ = read(&text, &variable);
    }

    #[test]
    fn any_change_of_a_file_is_taken_without_a_panic(
        sample in prop::sample::select(vec![MEDIAMTX, GO2RTC, FRIGATE]),
        at in 0..1_000_usize,
        cut in 0..40_usize,
        put in "[ -~\n]{0,12}",
    ) {
        let at = at % sample.len();
        let end = (at + cut).min(sample.len());
        let changed = format!("{}{put}{}", &sample[..at], &sample[end..]);
        if let Ok(found) = read(&changed, &variable) {
            for device in &found.devices {
                prop_assert!(readable(device.url.expose()).is_ok());
                prop_assert!(device.name.chars().count() <= 200);
            }
        }
    }

    #[test]
    fn any_name_and_source_is_taken(name in "\\PC{0,30}", source in "\\PC{0,60}") {
        for key in ["paths", "streams"] {
            let entry = if key == "paths" { serde_json::json!({ "source": source }) } else { source.clone().into() };
            let mut entries = serde_json::Map::new();
            entries.insert(name.clone(), entry);
            let mut root = serde_json::Map::new();
            root.insert(key.to_owned(), serde_json::Value::Object(entries));
            let found = read(&serde_json::Value::Object(root).to_string(), &variable);
            if let Ok(found) = found {
                prop_assert!(found.devices.len() <= 1);
            }
        }
    }
}

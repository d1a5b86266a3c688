//! The bus: order, bounds, and who is told what.

use super::*;
use crate::auth::DeviceAccess;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use vas_core::WallTime;
use vas_core::testing::ManualClock;

fn bus() -> Events {
    Events::new(Arc::new(ManualClock::new(WallTime::from_unix_micros(1_795_341_600_000_000))))
}

fn reader(events: &Events, tenant: &str, since: Option<u64>) -> EventReader {
    events.read(Audience::of(TenantId::new(tenant.to_owned())), Topic::ALL.to_vec(), since)
}

async fn next(reader: &mut EventReader) -> Value {
    let event = timeout(Duration::from_secs(10), reader.next()).await.expect("an event comes");
    let message: Value = serde_json::from_str(&event.text).unwrap();
    assert_eq!((&message["seq"], &message["topic"]), (&json!(event.seq), &json!(event.topic.name())));
    assert!(message["at"].is_string());
    message
}

/// What is told first.
async fn connected(reader: &mut EventReader) -> u64 {
    let message = next(reader).await;
    assert_eq!((&message["topic"], &message["data"]["type"]), (&json!("system"), &json!("connected")));
    message["seq"].as_u64().unwrap()
}

fn publish(events: &Events, tenant: &str, number: usize) {
    events.publish(Topic::Alert, Some(&TenantId::new(tenant.to_owned())), None, &json!({ "n": number }));
}

#[tokio::test]
async fn events_come_in_order_and_to_their_tenant_alone() {
    let events = bus();
    let (mut own, mut foreign) = (reader(&events, "a", None), reader(&events, "b", None));
    connected(&mut own).await;
    connected(&mut foreign).await;
    publish(&events, "a", 1);
    events.publish(Topic::System, None, None, &json!({ "n": 2 }));
    publish(&events, "a", 3);
    let mut last = 0;
    for n in 1..=3 {
        let message = next(&mut own).await;
        assert_eq!(message["data"]["n"], n);
        assert!(message["seq"].as_u64().unwrap() > last);
        last = message["seq"].as_u64().unwrap();
    }
    assert_eq!(next(&mut foreign).await["data"]["n"], 2);
    assert!(timeout(Duration::from_millis(50), foreign.next()).await.is_err());
}

#[tokio::test]
async fn a_reader_goes_on_from_where_it_was() {
    let events = bus();
    let mut first = reader(&events, "a", None);
    connected(&mut first).await;
    publish(&events, "a", 1);
    let seq = next(&mut first).await["seq"].as_u64().unwrap();
    drop(first);
    publish(&events, "a", 2);
    let mut again = reader(&events, "a", Some(seq));
    assert_eq!(connected(&mut again).await, seq);
    assert_eq!(next(&mut again).await["data"]["n"], 2);
}

#[tokio::test]
async fn who_is_overtaken_or_of_another_time_is_told() {
    let events = bus();
    publish(&events, "a", 0);
    for since in [0, u64::MAX] {
        let mut lost = reader(&events, "a", Some(since));
        connected(&mut lost).await;
        assert_eq!(next(&mut lost).await["data"]["type"], "gap", "{since}");
    }
    let mut slow = reader(&events, "a", None);
    connected(&mut slow).await;
    for n in 0..20_000 {
        publish(&events, "a", n);
    }
    assert_eq!(next(&mut slow).await["data"]["type"], "gap");
    let first = next(&mut slow).await["data"]["n"].as_u64().unwrap();
    assert!(first > 10_000, "{first}");
    assert_eq!(next(&mut slow).await["data"]["n"], first + 1);
}

#[tokio::test]
async fn many_large_events_take_bounded_memory() {
    let events = bus();
    let mut slow = reader(&events, "a", None);
    connected(&mut slow).await;
    let large = "x".repeat(1 << 20);
    for n in 0..20 {
        events.publish(Topic::Alert, None, None, &json!({ "n": n, "large": large }));
    }
    assert_eq!(next(&mut slow).await["data"]["type"], "gap");
    assert!(next(&mut slow).await["data"]["n"].as_u64().unwrap() >= 12);
}

#[tokio::test]
async fn of_what_does_not_last_the_newest_is_told() {
    let events = bus();
    let mut own = reader(&events, "a", None);
    connected(&mut own).await;
    let owner = |tenant: &str| Owner { tenant: TenantId::new(tenant.to_owned()), device: None };
    for n in 0..3 {
        let parts = [(owner("a"), json!({ "n": n })), (owner("b"), json!({ "n": 100 }))];
        let head = serde_json::Map::from_iter([("type".to_owned(), json!("t"))]);
        events.tell_all(Topic::Metrics, &head, parts.into_iter());
        events.tell_all(Topic::Recording, &serde_json::Map::new(), parts_of(n, &owner("a")));
        publish(&events, "a", n);
    }
    for n in 0..2 {
        assert_eq!(next(&mut own).await["data"], json!({ "n": n }));
    }
    assert_eq!(next(&mut own).await["data"], json!({ "type": "t", "streams": [{ "n": 2 }] }));
    assert_eq!(next(&mut own).await["data"], json!({ "streams": [{ "n": 2 }] }));
    assert_eq!(next(&mut own).await["data"], json!({ "n": 2 }));
}

fn parts_of(n: usize, owner: &Owner) -> impl Iterator<Item = (Owner, Value)> {
    std::iter::once((owner.clone(), json!({ "n": n })))
}

#[tokio::test]
async fn only_topics_that_were_asked_for_are_told() {
    let events = bus();
    let audience = Audience::of(TenantId::default());
    let mut alerts = events.read(audience, vec![Topic::Alert], None);
    connected(&mut alerts).await;
    events.publish(Topic::Bookmark, None, None, &json!({ "n": 1 }));
    events.publish(Topic::Alert, None, None, &json!({ "n": 2 }));
    assert_eq!(next(&mut alerts).await["data"]["n"], 2);
}

#[tokio::test]
async fn who_sees_some_devices_is_told_of_those() {
    let (events, tenant) = (bus(), TenantId::new("a"));
    let [gate, yard] = [DeviceId::random(), DeviceId::random()];
    let only = DeviceAccess::Only(Arc::new([gate].into()));
    let audience = Audience::of(tenant.clone()).limited_to(only);
    let mut guest = events.read(audience, Topic::ALL.to_vec(), None);
    connected(&mut guest).await;
    for (n, device) in [(1, Some(yard)), (2, Some(gate)), (3, None)] {
        events.publish(Topic::Alert, Some(&tenant), device, &json!({ "n": n }));
    }
    events.publish(Topic::System, None, None, &json!({ "n": 4 }));
    assert_eq!(next(&mut guest).await["data"]["n"], 2);
    assert_eq!(next(&mut guest).await["data"]["n"], 4);
    let parts = [gate, yard].map(|device| {
        let tenant = tenant.clone();
        (Owner { tenant, device: Some(device) }, json!(device))
    });
    events.tell_all(Topic::Metrics, &serde_json::Map::new(), parts.into_iter());
    assert_eq!(next(&mut guest).await["data"], json!({ "streams": [gate] }));
}

#[test]
fn topics_have_names() {
    for topic in Topic::ALL {
        assert_eq!(topic.name().parse(), Ok(topic));
    }
    assert!("weather".parse::<Topic>().is_err());
}

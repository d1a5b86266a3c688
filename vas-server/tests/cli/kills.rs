//! `kill -9` at random moments, while devices are added, changed, started and deleted: what was answered holds, nothing is
//! there twice, nothing by half.

use crate::support::{Serving, Site};
use rand::Rng;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest life between two kills, in milliseconds.
const LONGEST: u64 = 300;

/// What was answered, and what may or may not have happened.
#[derive(Default)]
struct Known {
    /// Devices that were added, by id, as they were last answered.
    there: BTreeMap<String, Value>,
    /// Devices that were deleted.
    gone: BTreeSet<String>,
    /// Those that a request was under way for when the server was killed.
    open: BTreeSet<String>,
    /// The stream of each that was started.
    streams: BTreeMap<String, String>,
    added: u32,
}

/// Changes devices until the server is gone.
async fn change(serving: &Serving, known: &mut Known) {
    loop {
        let number = known.added;
        known.added += 1;
        let on_demand = number.is_multiple_of(3);
        let device = json!({
            "name": format!("camera {number}"), "rtsp_url": format!("rtsp://127.0.0.1:9/{number}"),
            "sub_rtsp_url": format!("rtsp://127.0.0.1:9/{number}/sub"),
            "group": format!("group {number}"), "on_demand": on_demand, "idle_seconds": 30,
        });
        let Ok((status, added)) = serving.call(Method::POST, "api/v1/devices", Some(&device)).await else {
            return;
        };
        assert_eq!(status, StatusCode::CREATED, "{added}");
        let id = added["id"].as_str().unwrap().to_owned();
        known.there.insert(id.clone(), added);
        let path = format!("api/v1/devices/{id}");
        known.open.insert(id.clone());
        if number.is_multiple_of(2) {
            let started = serving.call(Method::POST, &format!("{path}/start-stream"), None).await;
            let Ok((status, started)) = started else { return };
            assert_eq!(status, StatusCode::OK, "{started}");
            known.streams.insert(id.clone(), started["v2_stream_id"].as_str().unwrap().to_owned());
        }
        let change = json!({ "location": format!("place {number}"), "group": null });
        let Ok((status, changed)) = serving.call(Method::PUT, &path, Some(&change)).await else { return };
        assert_eq!(status, StatusCode::OK, "{changed}");
        known.there.insert(id.clone(), changed);
        if number % 5 == 4 {
            let Ok((status, _)) = serving.call(Method::DELETE, &path, None).await else { return };
            assert_eq!(status, StatusCode::NO_CONTENT);
            known.there.remove(&id);
            known.gone.insert(id.clone());
        }
        known.open.remove(&id);
    }
}

/// What is there must be what was answered; of what was under way, before or after.
async fn compare(serving: &Serving, known: &mut Known) {
    let list = serving.get("api/v1/devices?limit=1000").await;
    let devices: BTreeMap<_, _> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|device| (device["id"].as_str().unwrap().to_owned(), device))
        .collect();
    assert_eq!(devices.len(), list.as_array().unwrap().len(), "twice: {list}");
    for field in ["name", "rtsp_url"] {
        let values: BTreeSet<_> = devices.values().map(|device| device[field].as_str().unwrap()).collect();
        assert_eq!(values.len(), devices.len(), "{field} twice");
    }
    for id in &known.gone {
        assert!(!devices.contains_key(id), "it came back: {id}");
    }
    let open = std::mem::take(&mut known.open);
    let mut lost = Vec::new();
    for (id, answered) in &known.there {
        match devices.get(id) {
            Some(device) if open.contains(id) => assert_eq!(device["name"], answered["name"]),
            Some(device) => {
                for field in
                    ["name", "rtsp_url", "sub_rtsp_url", "location", "group", "on_demand", "idle_seconds"]
                {
                    assert_eq!(device[field], answered[field], "{field}");
                }
            }
            // It was being deleted.
            None if open.contains(id) => lost.push(id.clone()),
            None => panic!("lost: {answered}"),
        }
    }
    for id in lost {
        known.there.remove(&id);
    }
    for (id, device) in &devices {
        // Added by a request that was never answered, and yet whole: its options came with it.
        if !known.there.contains_key(id) {
            let number: u32 = device["name"].as_str().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
            assert_eq!(device["on_demand"], number.is_multiple_of(3), "{device}");
            assert_eq!(
                (&device["idle_seconds"], device["sub_rtsp_url"].is_string()),
                (&json!(30), true),
                "{device}"
            );
            assert_eq!(device["group"], format!("group {number}"));
            known.there.insert(id.clone(), (*device).clone());
        } else {
            known.there.insert(id.clone(), (*device).clone());
        }
        let status = serving.get(&format!("api/v1/devices/{id}/status")).await;
        if let Some(stream) = known.streams.get(id).filter(|_| !open.contains(id)) {
            assert_eq!(
                status["streaming"]["stream_id"],
                json!(stream),
                "a device that ran runs again: {status}"
            );
        }
    }
}

async fn kills(times: u32) {
    let site = Site::new();
    let mut known = Known::default();
    let mut serving = site.serve(&["serve"]).await;
    for _ in 0..times {
        let moment = Duration::from_millis(rand::rng().random_range(0..LONGEST));
        tokio::select! {
            () = change(&serving, &mut known) => panic!("the server ended by itself: {}", serving.log()),
            () = tokio::time::sleep(moment) => {}
        }
        serving.kill();
        serving = site.serve(&["serve"]).await;
        compare(&serving, &mut known).await;
    }
    println!("{times} kills among {} devices: none lost, none twice, none by half", known.added);
}

#[tokio::test]
async fn twenty_times() {
    kills(20).await;
}

#[tokio::test]
#[ignore = "long form, see `make soak`"]
async fn three_hundred_times() {
    kills(300).await;
}

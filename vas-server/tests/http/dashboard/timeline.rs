//! Tiles of the timeline.

use super::{OK, Recorded};
use crate::support::Answer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn bytes(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_tile_tells_what_was_recorded_and_what_happened() {
    let recorded = Recorded::start(6.0).await;
    let Recorded { server, stream, device, start, end, .. } = &recorded;
    let snapshot = json!({ "source": "live" });
    server.post(&format!("/v2/streams/{stream}/snapshots"), &snapshot).await.expect(StatusCode::CREATED);
    let middle = (start + end) / 2;
    let center = chrono::DateTime::from_timestamp_millis(middle).unwrap().to_rfc3339();
    let bookmark = json!({ "source": "historical", "center_timestamp": center, "before_seconds": 1, "after_seconds": 1, "label": "Van" });
    let bookmark = server.post(&format!("/v2/streams/{stream}/bookmarks"), &bookmark).await;
    let bookmark = bookmark.expect(StatusCode::CREATED);

    let (from, to) = (start - 10_500, end + 30_000);
    let path = format!("/v2/timeline?stream_ids={stream}&start={from}&end={to}&bucket_ms=1000");
    let tile = server.get(&path).await;
    assert_eq!(tile.header("cache-control"), "private, no-cache");
    let shown = tile.expect(OK);
    assert_eq!(shown["bucket_ms"], 1_000);
    let first = shown["start"].as_i64().unwrap();
    assert_eq!((first % 1_000, first <= from && from < first + 1_000), (0, true));
    assert!(shown["live_edge"].as_i64().unwrap() >= *end);
    let lane = &shown["lanes"][0];
    assert_eq!((&lane["stream_id"], &lane["device_id"]), (&json!(stream), &json!(device)));
    assert_eq!(lane["ranges"].as_array().unwrap().len(), 1, "{lane}");
    assert!((lane["ranges"][0][0].as_i64().unwrap() - start).abs() <= 1);
    assert!((lane["retained_from"].as_i64().unwrap() - start).abs() <= 1);
    let (coverage, activity) = (bytes(&lane["coverage"]), bytes(&lane["activity"]));
    assert_eq!(coverage.len(), shown["buckets"].as_u64().unwrap() as usize);
    let at = |time: i64| ((time - first) / 1_000) as usize;
    assert_eq!((coverage[0], coverage[at(start + 1_500)], coverage[coverage.len() - 1]), (0, 255, 0));
    assert!((1..=254).contains(&coverage[at(*start)]) || start % 1_000 < 60, "{coverage:?}");
    assert_eq!(activity.len(), coverage.len());
    assert!(activity[at(start + 1_500)] > 0, "{activity:?}");
    let mark = &lane["bookmarks"][0];
    assert_eq!((&mark["id"], &mark["label"], &mark["at"]), (&bookmark["id"], &json!("Van"), &json!(middle)));
    assert_eq!(mark["end"].as_i64().unwrap() - mark["start"].as_i64().unwrap(), 2_000);
    let events = lane["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["type"] == "snapshot" && event["count"] == 1), "{events:?}");

    // Long buckets are counted by the database, and say the same.
    let hours =
        format!("/v2/timeline?stream_ids={stream}&start={}&end={to}&bucket_ms=3600000", from - 86_400_000);
    let long = server.get(&hours).await.expect(OK);
    let lane = &long["lanes"][0];
    assert!((lane["ranges"][0][0].as_i64().unwrap() - start).abs() <= 1, "{lane}");
    assert_eq!((lane["ranges"].as_array().unwrap().len(), &lane["activity"]), (1, &Value::Null));
    assert!(bytes(&lane["coverage"]).iter().any(|level| (1..255).contains(level)));
}

#[tokio::test]
async fn a_tile_of_the_past_stays_as_it_is() {
    let recorded = Recorded::start(1.0).await;
    let Recorded { server, stream, start, .. } = &recorded;
    let path = format!(
        "/v2/timeline?stream_ids={stream}&start={}&end={}&bucket_ms=10000",
        start - 900_000,
        start - 600_000
    );
    let tile = server.get(&path).await;
    assert!(tile.header("cache-control").contains("immutable"));
    let shown = tile.json();
    assert_eq!((&shown["live_edge"], &shown["lanes"][0]["ranges"]), (&Value::Null, &json!([])));
    assert_eq!(shown["lanes"][0]["activity"], Value::Null);
    let request = server.request(Method::GET, &path).header("If-None-Match", tile.header("etag"));
    assert_eq!(Answer::of(request).await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let recorded = Recorded::start(1.0).await;
    let Recorded { server, stream, .. } = &recorded;
    for (query, field) in [
        ("start=1000&end=2000&bucket_ms=1000".to_owned(), "stream_ids"),
        (format!("stream_ids={stream}&start=2000&end=1000&bucket_ms=1000"), "end"),
        (format!("stream_ids={stream}&start=0&end=9000000000&bucket_ms=1000"), "bucket_ms"),
        (format!("stream_ids={stream}&start=0&end=1000&bucket_ms=5"), "bucket_ms"),
        (format!("stream_ids={stream}&end=1000&bucket_ms=1000"), "start"),
        (format!("stream_ids={stream}&start=noon&end=1000&bucket_ms=1000"), "start"),
    ] {
        let details = server.get(&format!("/v2/timeline?{query}")).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"].get(field).is_some(), "{query}: {details}");
    }
    for id in ["no-stream", "01890000-0000-7000-8000-000000000000"] {
        let path = format!("/v2/timeline?stream_ids={stream},{id}&start=0&end=1000&bucket_ms=1000");
        server.get(&path).await.problem(404, "NOT_FOUND");
    }
}

//! Alerts and activity.

use super::{OK, Recorded};
use crate::support::{Server, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A server whose recordings have nowhere to go.
async fn without_storage() -> Server {
    Server::start_with(|config| {
        let file = config.data_dir.join("no-folder");
        std::fs::create_dir_all(&config.data_dir).unwrap();
        std::fs::write(&file, "a file is where a folder should be").unwrap();
        config.recording.folder = file;
    })
    .await
}

async fn alert(server: &Server, code: &str) -> Value {
    until(code, async || {
        let list = server.get("/v2/alerts").await.expect(OK);
        let alerts = list["alerts"].as_array().unwrap().clone();
        alerts.into_iter().find(|alert| alert["code"] == code)
    })
    .await
}

#[tokio::test]
async fn an_alert_outlives_a_restart_and_is_acknowledged() {
    let mut server = without_storage().await;
    let opened = alert(&server, "STORAGE_UNAVAILABLE").await;
    assert_eq!((&opened["severity"], &opened["until"]), (&json!("critical"), &Value::Null));
    assert_eq!((&opened["device_id"], &opened["acknowledged"]), (&Value::Null, &Value::Null));
    assert!(opened["action"].as_str().unwrap().len() > 10);

    let id = opened["id"].as_str().unwrap().to_owned();
    let seen = server.call(&format!("/v2/alerts/{id}/ack")).await.expect(OK);
    assert_eq!(seen["acknowledged"]["by"], "anonymous");
    let again = server.call(&format!("/v2/alerts/{id}/ack")).await.expect(OK);
    assert_eq!(again["acknowledged"], seen["acknowledged"], "the first time counts");
    let list = server.get("/v2/alerts").await.expect(OK);
    assert_eq!((&list["open"], &list["unacknowledged"]), (&json!(1), &json!(0)));
    server.call("/v2/alerts/01890000-0000-7000-8000-000000000000/ack").await.problem(404, "NOT_FOUND");

    server.restart().await;
    let after = alert(&server, "STORAGE_UNAVAILABLE").await;
    assert_eq!((&after["id"], &after["acknowledged"]), (&opened["id"], &seen["acknowledged"]));
    let activity = server.get("/v2/activity").await.expect(OK);
    let entry = &activity["items"][0];
    assert_eq!((&entry["type"], &entry["data"]["alert_id"]), (&json!("alert"), &opened["id"]));
    assert_eq!(entry["data"]["open"], true);
}

#[tokio::test]
async fn what_happened_is_listed_page_by_page() {
    let recorded = Recorded::start(2.0).await;
    let Recorded { server, stream, device, .. } = &recorded;
    for label in ["Van", "Dog"] {
        let body = json!({ "source": "live", "before_seconds": 1, "after_seconds": 0, "label": label });
        server.post(&format!("/v2/streams/{stream}/bookmarks"), &body).await;
    }
    server.post(&format!("/v2/streams/{stream}/snapshots"), &json!({ "source": "live" })).await;

    let mut items: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/v2/activity?limit=2&cursor={cursor}")).await.expect(OK);
        let found = page["items"].as_array().unwrap().clone();
        assert!(found.len() <= 2);
        items.extend(found);
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let ids: BTreeSet<_> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), items.len(), "each once");
    let times: Vec<_> = items.iter().map(|item| item["at"].as_str().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
    let kinds = |kind: &str| items.iter().filter(|item| item["type"] == kind).count();
    assert_eq!((kinds("bookmark"), kinds("snapshot")), (2, 1));
    let live = items.iter().find(|item| item["data"]["to"] == "LIVE").unwrap();
    assert_eq!((&live["name"], &live["text"]), (&json!("Gate"), &json!("Gate is live")));
    assert_eq!((&live["stream_id"], &live["device_id"]), (&json!(stream), &json!(device)));
    server.get("/v2/activity?cursor=yesterday").await.problem(422, "VALIDATION_ERROR");

    // What is found by a word, and by a tag.
    let found = server.get("/v2/bookmarks?q=vAn").await.expect(OK);
    assert_eq!((&found["pagination"]["total"], &found["bookmarks"][0]["label"]), (&json!(1), &json!("Van")));
    let id = found["bookmarks"][0]["id"].as_str().unwrap();
    server.put(&format!("/v2/bookmarks/{id}"), &json!({ "tags": ["50%", "night"] })).await.expect(OK);
    for (query, count) in
        [("tag=night", 1), ("tag=nigh", 0), ("tag=50%25", 1), ("q=NIGHT", 1), ("q=%25", 1), ("q=_", 0)]
    {
        let found = server.get(&format!("/v2/bookmarks?{query}")).await.expect(OK);
        assert_eq!(found["pagination"]["total"], count, "{query}");
    }
}

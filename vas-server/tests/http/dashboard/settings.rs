//! Settings.

use super::OK;
use crate::support::Server;
use serde_json::{Value, json};

fn setting<'a>(settings: &'a Value, key: &str) -> &'a Value {
    let section = key.split('.').next().unwrap();
    let sections = settings["sections"].as_array().unwrap();
    let section = sections.iter().find(|known| known["name"] == section).unwrap();
    section["settings"].as_array().unwrap().iter().find(|known| known["key"] == key).unwrap()
}

#[tokio::test]
async fn settings_are_shown_with_their_schema() {
    let server = Server::start().await;
    let settings = server.get("/v2/settings").await.expect(OK);
    let days = setting(&settings, "recording.retention.days");
    assert_eq!((&days["source"], &days["restart"]), (&json!("default"), &json!(false)));
    assert!(days["description"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(setting(&settings, "http.listen")["restart"], true);
    assert_eq!(settings["schema"]["type"], "object");
    // Nobody told this server where its settings come from.
    let change = json!({ "settings": { "recording.retention.days": 9 } });
    server.put("/v2/settings", &change).await.problem(409, "SETTINGS_FIXED");
}

#[tokio::test]
async fn settings_are_changed_and_kept() {
    let server = Server::start().await;
    server.follow();
    let change = json!({ "settings": { "recording.retention.days": 9, "log.level": "debug" } });
    let changed = server.put("/v2/settings", &change).await.expect(OK);
    let days = setting(&changed, "recording.retention.days");
    assert_eq!(
        (&days["value"], &days["source"], &days["editable"]),
        (&json!(9), &json!("overlay"), &json!(true))
    );
    let plan = std::fs::read_to_string(server.folder().join("settings.toml")).unwrap();
    assert!(plan.contains("days = 9"), "{plan}");

    for (change, field) in [
        (json!({ "http.listen": "0.0.0.0:80" }), "http.listen"),
        (json!({ "recording.retention.days": "many" }), "recording.retention.days"),
        (json!({ "turn.secret": "x" }), "turn.secret"),
    ] {
        let body = json!({ "settings": change });
        let details = server.put("/v2/settings", &body).await.problem(422, "VALIDATION_ERROR");
        assert!(details["fields"].get(field).is_some(), "{change}: {details}");
    }
    let undo = json!({ "settings": { "recording.retention.days": null } });
    let undone = server.put("/v2/settings", &undo).await.expect(OK);
    // What the file says holds again.
    let days = setting(&undone, "recording.retention.days");
    assert_eq!((&days["source"], &days["value"]), (&json!("file"), &days["default"]));
    assert_eq!(setting(&undone, "log.level")["source"], "overlay");
}

//! Cameras' passwords: encrypted in the database, and nowhere else to be found.

use crate::support::{Server, camera, log};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use vas_core::Credentials;
use vas_server::config::SecretText;

const PLANTED: &str = "Buried9Treasure";

/// The database with the log of changes beside it, and whatever else lies in the folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every route that is read from is asked, with every id that could stand in its path.
#[tokio::test]
async fn a_planted_password_is_found_nowhere() {
    let mut server = Server::start().await;
    let camera = camera(Some(Credentials::new("operator", PLANTED)));
    let url = camera.url("main").replace("rtsp://", &format!("rtsp://operator:{PLANTED}@"));
    let body =
        json!({ "name": "Gate", "rtsp_url": url, "sub_rtsp_url": format!("{url}/sub?password={PLANTED}") });
    let device = server.post("/api/v1/devices", &body).await.expect(StatusCode::CREATED);
    let device = device["id"].as_str().unwrap().to_owned();
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;

    let document = server.get("/openapi.json").await.json();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Endless answers have tests of their own.
        if methods.get("get").is_none() || path.ends_with("/events") || path.starts_with("/ws/") {
            continue;
        }
        for id in [&device, &stream] {
            let parts = path.split('/').map(|part| if part.starts_with('{') { id } else { part });
            let target = parts.collect::<Vec<_>>().join("/");
            let answer = server.request(reqwest::Method::GET, &target).send().await.unwrap();
            let head = format!("{:?}", answer.headers());
            let bytes = answer.bytes().await.unwrap();
            assert!(!head.contains(PLANTED) && !holds(&bytes, PLANTED), "GET {target}");
            asked += 1;
        }
    }
    assert!(asked > 60, "hardly anything was asked: {asked}");

    server.stop().await;
    for (name, bytes) in files(server.folder()) {
        assert!(!holds(&bytes, PLANTED), "{name}");
    }
    let lines: Vec<_> =
        log().text().lines().filter(|line| line.contains(PLANTED)).map(str::to_owned).collect();
    assert!(lines.is_empty(), "{lines:#?}");
    for name in ["vas.db", "secret.key"] {
        let mode = std::fs::metadata(server.folder().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

async fn device(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/v1/devices/{id}")).await.expect(StatusCode::OK)
}

/// A key that is lost takes no device with it: all are listed, and say what to do.
#[tokio::test]
async fn devices_outlive_a_lost_key() {
    let mut server = Server::start().await;
    let url = format!("rtsp://operator:{PLANTED}@192.0.2.1/1");
    let id = server.add("Gate", &url).await;
    let stream = server.start_stream(&id).await;
    let key = server.folder().join("secret.key");
    let kept = server.folder().join("kept.key");
    std::fs::rename(&key, &kept).unwrap();
    server.restart_with(|_| {}).await;

    assert_eq!(device(&server, &id).await["rtsp_url"], "***");
    let list = server.get("/api/v1/devices").await.expect(StatusCode::OK);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let refused = server.call(&format!("/api/v1/devices/{id}/start-stream")).await;
    let details = refused.problem(422, "VALIDATION_ERROR");
    assert!(details["fields"]["rtsp_url"].as_str().unwrap().contains("secret.key"), "{details}");
    // What else is known of it can be changed, and its address stays what it was.
    let renamed = json!({ "name": "Yard" });
    server.put(&format!("/api/v1/devices/{id}"), &renamed).await.expect(StatusCode::OK);
    // Another one is added under the new key.
    let other = server.add("Dock", "rtsp://192.0.2.1/2").await;

    // The old key is back beside the new one: everything can be read again.
    let keys = std::fs::read_to_string(&key).unwrap() + &std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&key, keys).unwrap();
    server.restart_with(|_| {}).await;
    let back = device(&server, &id).await;
    assert_eq!(
        (&back["name"], &back["rtsp_url"]),
        (&json!("Yard"), &json!("rtsp://operator:***@192.0.2.1/1"))
    );
    assert_eq!(device(&server, &other).await["rtsp_url"], "rtsp://192.0.2.1/2");
    assert_eq!(server.start_stream(&id).await, stream);
    // And taken up under the new one, by which addresses are compared.
    server.post("/api/v1/devices", &json!({ "name": "x", "rtsp_url": url })).await.problem(409, "CONFLICT");
}

#[tokio::test]
async fn a_key_can_be_changed() {
    let mut server =
        Server::start_with(|config| config.auth.secret_key = SecretText::new("a".repeat(40))).await;
    let id = server.add("Gate", "rtsp://u:p@192.0.2.1/1").await;
    assert!(!server.folder().join("secret.key").exists());
    server
        .restart_with(|config| {
            config.auth.secret_key = SecretText::new("b".repeat(40));
            config.auth.old_secret_keys = vec![SecretText::new("a".repeat(40))];
        })
        .await;
    assert_eq!(device(&server, &id).await["rtsp_url"], "rtsp://u:***@192.0.2.1/1");
    // Everything was encrypted anew: the old key may go.
    server.restart_with(|config| config.auth.old_secret_keys.clear()).await;
    assert_eq!(device(&server, &id).await["rtsp_url"], "rtsp://u:***@192.0.2.1/1");
    let again = json!({ "name": "x", "rtsp_url": "rtsp://u:p@192.0.2.1/1" });
    server.post("/api/v1/devices", &again).await.problem(409, "CONFLICT");
}

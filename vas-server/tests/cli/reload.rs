//! Settings that change while the real server runs: on SIGHUP and with the file.

use crate::support::{SOON, Serving, Site};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn until_status(serving: &Serving, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + SOON;
    loop {
        let status = serving.get("v2/system/config-status").await;
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < end, "{status}\n{}", serving.log());
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn settings_change_with_the_file_and_on_a_signal() {
    let site = Site::new();
    let origin = "https://portal.example.com";
    let file = site.write("vas.toml", "[log]\nlevel = \"info\"\n");
    let serving = site.serve(&["--config", &file]).await;
    let before = serving.get("v2/system/config-status").await;
    assert_eq!((before["status"].as_str(), before["reloaded_at"].is_null()), (Some("ok"), true));

    let allowed = async || {
        let request =
            reqwest::Client::new().get(format!("{}/health", serving.base())).header("Origin", origin);
        let response = request.send().await.unwrap();
        response.headers().get("access-control-allow-origin").is_some_and(|value| value == origin)
    };
    assert!(!allowed().await);
    site.write(
        "vas.toml",
        &format!("[log]\nlevel = \"debug\"\n[http]\ncors_origins = [\"{origin}\"]\n[publishers]\nmax = 3\n"),
    );
    let status = until_status(&serving, |status| !status["applied"].as_array().unwrap().is_empty()).await;
    assert_eq!(status["applied"], serde_json::json!(["http.cors_origins", "log.level"]));
    assert_eq!(status["restart_required"], serde_json::json!(["publishers.max"]));
    assert_eq!(status["status"], "restart_required");
    assert!(allowed().await);
    assert!(serving.log().contains("publishers.max"), "{}", serving.log());

    // Broken: what was in force stays, and it is told why.
    site.write("vas.toml", "[log]\nlevel = ");
    let status = until_status(&serving, |status| status["status"] == "error").await;
    assert!(status["error"].as_str().unwrap().contains("vas.toml"), "{status}");
    assert!(allowed().await);

    // And a signal reads it anew, whether it changed or not.
    let pid = Pid::from_raw(i32::try_from(serving.id()).unwrap()).unwrap();
    let at = status["reloaded_at"].clone();
    kill_process(pid, Signal::HUP).unwrap();
    until_status(&serving, |status| status["reloaded_at"] != at).await;
}

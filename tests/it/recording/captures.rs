//! Bookmarks and snapshots as clients ask for them.

use super::{SOON, fetch, judge, micros, recorded, rfc3339};
use crate::live::{synthetic, test_camera};
use crate::server::Server;
use crate::turn;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Waits until what is at `path` is no longer being made.
async fn made(server: &Server, path: &str) -> Result<Value> {
    until(SOON, "a capture", async || {
        let view = server.get(path).await.ok()?;
        (view["status"] != "processing").then_some(view)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_bookmark_holds_the_time_around_it() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    recorded(&server, &live, 6).await?;
    let body = json!({
        "source": "live", "before_seconds": 3, "after_seconds": 2, "label": "<img onerror>", "tags": ["a", "b"],
        "confidence": 0.5, "event_type": "person", "metadata": { "zone": 4 },
    });
    let asked = server.post(&format!("v2/streams/{}/bookmarks", live.stream), &body).await?;
    ensure!(asked["status"] == "processing" && asked["video_url"].is_null(), "{asked:#}");
    ensure!(asked["duration_seconds"] == 5.0 && asked["metadata"]["zone"] == 4, "{asked:#}");
    let id = asked["id"].as_str().context("an id")?.to_owned();
    let bookmark = made(&server, &format!("v2/bookmarks/{id}")).await?;
    ensure!(bookmark["status"] == "ready", "{bookmark:#}");
    let url = |name: &str| server.url(bookmark[name].as_str().unwrap_or_default().trim_start_matches('/'));

    let folder = tempfile::tempdir()?;
    let (headers, video) = fetch(&url("video_url")).await?;
    ensure!(headers["content-type"] == "video/mp4");
    let file = folder.path().join("bookmark.mp4");
    std::fs::write(&file, &video)?;
    let file = file.display().to_string();
    judge::decodes(&file).await?;
    // 25 pictures a second, of which those at either end may fall on either side.
    let pictures = judge::pictures(&file).await?.len();
    ensure!((124..=126).contains(&pictures), "{pictures} pictures in 5 s");

    let (headers, jpeg) = fetch(&url("thumbnail_url")).await?;
    ensure!(headers["content-type"] == "image/jpeg" && jpeg.starts_with(&[0xff, 0xd8]));
    let file = folder.path().join("thumbnail.jpg");
    std::fs::write(&file, &jpeg)?;
    let shown = judge::pictures(&file.display().to_string()).await?;
    ensure!(shown.len() == 1 && shown[0]["width"] == 480, "{shown:?}");

    let part = reqwest::Client::new().get(url("video_url")).header("range", "bytes=4-7").send().await?;
    ensure!(part.status() == 206 && &part.bytes().await?[..] == b"ftyp");
    let found = server.get("v2/bookmarks?event_type=person&limit=5").await?;
    ensure!(
        found["pagination"]["total"] == 1 && found["bookmarks"][0]["label"] == "<img onerror>",
        "{found:#}"
    );
    let client = reqwest::Client::new();
    let changed =
        client.put(server.url(&format!("v2/bookmarks/{id}"))).json(&json!({ "tags": ["c"] })).send().await?;
    let changed: Value = changed.json().await?;
    ensure!(changed["tags"] == json!(["c"]) && changed["event_type"] == "person", "{changed:#}");
    ensure!(client.delete(server.url(&format!("api/v1/bookmarks/{id}"))).send().await?.status() == 204);
    ensure!(reqwest::get(url("video_url")).await?.status() == 404);
    ensure!(server.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_now_and_of_the_past() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(50))?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let (start, _) = recorded(&server, &live, 4).await?;
    let wanted = start + 2_500_000;
    let snapshots = format!("v2/streams/{}/snapshots", live.stream);
    let folder = tempfile::tempdir()?;
    for body in [
        json!({ "source": "live", "created_by": "guard" }),
        json!({ "source": "historical", "timestamp": rfc3339(wanted), "created_by": "guard" }),
    ] {
        let asked = server.post(&snapshots, &body).await?;
        ensure!(asked["status"] == "processing" && asked["file_size"].is_null(), "{asked:#}");
        let id = asked["id"].as_str().context("an id")?;
        let snapshot = made(&server, &format!("v2/snapshots/{id}")).await?;
        ensure!(
            snapshot["status"] == "ready" && snapshot["width"] == 640 && snapshot["height"] == 360,
            "{snapshot:#}"
        );
        if body["source"] == "historical" {
            let off = wanted - micros(snapshot["timestamp"].as_str().unwrap_or_default())?;
            ensure!((0..=41_000).contains(&off), "the picture is {off} us before the time asked for");
        }
        let (_, jpeg) = fetch(&server.url(&format!("v2/snapshots/{id}/image"))).await?;
        ensure!(snapshot["file_size"] == jpeg.len(), "the size that is told is that of the file");
        let file = folder.path().join("snapshot.jpg");
        std::fs::write(&file, &jpeg)?;
        let shown = judge::pictures(&file.display().to_string()).await?;
        ensure!(shown.len() == 1 && shown[0]["width"] == 640, "{shown:?}");
    }
    let found = server.get("v2/snapshots?created_by=guard&source=historical").await?;
    ensure!(found["pagination"]["total"] == 1, "{found:#}");

    let client = reqwest::Client::new();
    let post = async |body: Value| client.post(server.url(&snapshots)).json(&body).send().await;
    let never = post(json!({ "source": "historical", "timestamp": "2001-01-01T00:00:00Z" })).await?;
    let (status, problem): (_, Value) = (never.status(), never.json().await?);
    ensure!(status == 404 && problem["error"] == "NO_RECORDING", "{status} {problem:#}");
    let wrong =
        post(json!({ "source": "historical", "timestamp": "../../etc/passwd", "metadata": 4 })).await?;
    let (status, problem): (_, Value) = (wrong.status(), wrong.json().await?);
    ensure!(status == 422 && problem["details"]["fields"]["timestamp"].is_string(), "{status} {problem:#}");
    ensure!(server.stop().await);
    Ok(())
}

/// What a viewer without any codec of the stream is told to take, and gets: the newest picture, decoded once for many.
#[tokio::test(flavor = "multi_thread")]
async fn stills_are_the_last_way_to_see_a_stream() -> Result<()> {
    let _turn = turn::shared().await;
    let camera = test_camera(synthetic(25))?;
    let server = Server::start().await?;
    let live = server.add_live("gate", &camera.url("cam")).await?;
    let capabilities =
        json!({ "codecs": [{ "kind": "video", "mimeType": "video/VP9", "clockRate": 90_000 }] });
    let body = json!({ "client_id": "old", "rtp_capabilities": capabilities });
    let path = format!("v2/streams/{}/consume", live.stream);
    let refused = reqwest::Client::new().post(server.url(&path)).json(&body).send().await?;
    ensure!(refused.status() == 422);
    let refused: Value = refused.json().await?;
    let stills = refused["details"]["fallback"]["stills"].as_str().context("stills are named")?;
    let url = server.url(stills.trim_start_matches('/'));
    let (headers, first) = fetch(&format!("{url}?width=320")).await?;
    let taken =
        |headers: &reqwest::header::HeaderMap| micros(headers["x-captured-at"].to_str().unwrap_or_default());
    let before = taken(&headers)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("still.jpg");
    std::fs::write(&file, &first)?;
    let shown = judge::pictures(&file.display().to_string()).await?;
    ensure!(shown.len() == 1 && shown[0]["width"] == 320, "{shown:?}");
    until(SOON, "a later picture", async || {
        let (headers, later) = fetch(&format!("{url}?width=320")).await.ok()?;
        (taken(&headers).ok()? > before && later != first).then_some(())
    })
    .await?;
    ensure!(server.stop().await);
    Ok(())
}

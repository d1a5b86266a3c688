//! Live HLS over HTTP.

use crate::support::{Answer, Server, camera, dead_camera, until};
use reqwest::{Method, StatusCode};
use serde_json::json;
use vas_ingest::camera::TestCamera;

const OK: StatusCode = StatusCode::OK;

async fn live(server: &Server, camera: &TestCamera) -> String {
    let device = server.add("Gate", &camera.url("main")).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;
    stream
}

fn uris(playlist: &Answer) -> Vec<String> {
    assert_eq!(playlist.status, OK, "{}", playlist.text);
    assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
    playlist
        .text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// The values of an attribute of a tag, in order.
fn attributes(playlist: &str, tag: &str, attribute: &str) -> Vec<String> {
    let lines = playlist.lines().filter_map(|line| line.strip_prefix(tag));
    let value = |line: &str| {
        let (_, rest) = line.split_once(&format!("{attribute}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    lines.filter_map(value).collect()
}

#[tokio::test]
async fn old_clients_play_segments_without_recording() {
    let server =
        Server::start_with(|config| config.recording.mode = vas_server::config::RecordingMode::Off).await;
    let camera = camera(None);
    let stream = live(&server, &camera).await;
    let folder = format!("/v2/streams/{stream}/hls");
    // The first request waits for a whole segment.
    let playlist = server.get(&format!("{folder}/playlist.m3u8")).await;
    assert_eq!(playlist.header("cache-control"), "no-store");
    let names = uris(&playlist);
    assert!(names.iter().all(|name| name.ends_with(".ts") && !name.contains('/')), "{names:?}");
    // Sequence, expiry, MAC.
    assert!(names[0].split('-').take(2).all(|part| part.bytes().all(|byte| byte.is_ascii_digit())));
    let again = uris(&server.get(&format!("{folder}/playlist.m3u8")).await);
    assert!(again.contains(&names[0]), "a segment keeps its name");

    let path = format!("{folder}/{}", names[0]);
    let answer = server.request(Method::GET, &path).send().await.unwrap();
    assert_eq!((answer.status(), answer.headers()["content-type"].to_str().unwrap()), (OK, "video/mp2t"));
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let segment = answer.bytes().await.unwrap();
    assert!(segment.len() > 188 && segment.len() % 188 == 0 && segment[0] == 0x47);
    let part = server.request(Method::GET, &path).header("Range", "bytes=188-375").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), segment[188..376]);

    server.get(&format!("{folder}/{}", names[0].replacen('1', "2", 1))).await.problem(403, "FORBIDDEN");
    let health = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
    assert_eq!(
        (&health["recording"]["active"], &health["recording"]["mode"]),
        (&json!(false), &json!("off"))
    );
}

#[tokio::test]
async fn the_low_latency_form_has_parts_waits_and_answers_changes() {
    let server = Server::start().await;
    let camera = camera(None);
    let stream = live(&server, &camera).await;
    let folder = format!("/v2/streams/{stream}/hls");
    let index = server.get(&format!("{folder}/index.m3u8")).await;
    let media = uris(&index);
    assert_eq!(media.len(), 1, "{}", index.text);
    assert!(
        index.text.contains("CODECS=\"avc1.") && index.text.contains("RESOLUTION=320x192"),
        "{}",
        index.text
    );

    let path = format!("{folder}/{}", media[0]);
    let playlist = server.get(&path).await;
    let names = uris(&playlist);
    for tag in [
        "CAN-BLOCK-RELOAD=YES",
        "#EXT-X-PART-INF:PART-TARGET=",
        "#EXT-X-PROGRAM-DATE-TIME:",
        "#EXT-X-PRELOAD-HINT:TYPE=PART",
    ] {
        assert!(playlist.text.contains(tag), "{tag}: {}", playlist.text);
    }
    let sections = attributes(&playlist.text, "#EXT-X-MAP:", "URI");
    let parts = attributes(&playlist.text, "#EXT-X-PART:", "URI");
    let hint = attributes(&playlist.text, "#EXT-X-PRELOAD-HINT:", "URI");
    // The part that is still to come is waited for.
    for name in [&sections[0], &names[0], parts.last().unwrap(), &hint[0]] {
        let answer = server.request(Method::GET, &format!("{folder}/{name}")).send().await.unwrap();
        assert_eq!(
            (answer.status(), answer.headers()["content-type"].to_str().unwrap()),
            (OK, "video/mp4"),
            "{name}"
        );
        let bytes = answer.bytes().await.unwrap();
        assert!([&b"ftyp"[..], b"prft", b"moof", b"styp"].contains(&&bytes[4..8]), "{name}");
    }

    // Blocking reload: the next segment is in the answer.
    let last = playlist.text.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap();
    let next = last.parse::<u64>().unwrap() + names.len() as u64;
    let reloaded = server.get(&format!("{path}?_HLS_msn={next}")).await;
    assert!(uris(&reloaded).len() > names.len(), "{}", reloaded.text);
    assert_eq!(uris(&reloaded)[0], names[0]);
    server.get(&format!("{path}?_HLS_part=1")).await.problem(400, "BAD_REQUEST");
    server.get(&format!("{path}?_HLS_msn={}", next + 1_000)).await.problem(400, "BAD_REQUEST");
    for query in [
        "_HLS_msn=x",
        "_HLS_msn=-1",
        "_HLS_msn=99999999999999999999999",
        "_HLS_msn=1&_HLS_part=x",
        "_HLS_skip=maybe",
    ] {
        server.get(&format!("{path}?{query}")).await.problem(422, "VALIDATION_ERROR");
    }
    assert_eq!(server.get(&format!("{path}?_HLS_skip=YES")).await.status, OK);

    // Worth compressing, and compressed for who takes it; media is not.
    let zipped = server.request(Method::GET, &path).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    assert_eq!(&zipped.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
    let segment = server.request(Method::GET, &format!("{folder}/{}", names[0]));
    let segment = segment.header("Accept-Encoding", "gzip").send().await.unwrap();
    assert!(segment.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn what_does_not_run_is_not_offered() {
    let server = Server::start_with(|config| config.hls.max_streams = 1).await;
    let camera = camera(None);
    let device = server.add("Dead", &dead_camera()).await;
    let dead = server.start_stream(&device).await;
    server.until_state(&dead, "ERROR").await;
    for file in ["playlist.m3u8", "index.m3u8"] {
        let refused = server.get(&format!("/v2/streams/{dead}/hls/{file}")).await;
        let details = refused.problem(409, "STREAM_NOT_LIVE");
        assert_eq!(details["current_state"], "error");
    }

    let stream = live(&server, &camera).await;
    let playlist = format!("/v2/streams/{stream}/hls/playlist.m3u8");
    let names = uris(&server.get(&playlist).await);
    let device = server.add("Yard", &format!("{}?again", camera.url("main"))).await;
    let other = server.start_stream(&device).await;
    server.until_state(&other, "LIVE").await;
    server.get(&format!("/v2/streams/{other}/hls/playlist.m3u8")).await.problem(503, "LIMIT_REACHED");

    server.call(&format!("/api/v1/streams/{stream}/stop")).await.expect(OK);
    server.get(&playlist).await.problem(409, "STREAM_NOT_LIVE");
    server.delete(&format!("/v2/streams/{stream}")).await;
    until("its window is gone", async || {
        let answer =
            server.request(Method::GET, &format!("/v2/streams/{stream}/hls/{}", names[0])).send().await;
        (answer.unwrap().status() == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

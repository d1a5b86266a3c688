//! Recording over HTTP: what is recorded, played, cut out and told of.

use crate::support::{Answer, Server, camera, dead_camera, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const OK: StatusCode = StatusCode::OK;

/// A camera whose stream runs and of which some seconds are recorded: the device, the stream, and the recorded stretch.
async fn recorded(
    server: &Server,
    camera: &vas_ingest::camera::TestCamera,
    seconds: f64,
) -> (String, String, Value) {
    let device = server.add("Gate", &camera.url("main")).await;
    let stream = server.start_stream(&device).await;
    let stretch = until_recorded(server, &stream, seconds).await;
    (device, stream, stretch)
}

/// Waits until the newest stretch of a stream is so long.
async fn until_recorded(server: &Server, stream: &str, seconds: f64) -> Value {
    let path = format!("/v2/streams/{stream}/recordings");
    until("seconds are recorded", async || {
        let answer = server.get(&path).await;
        let timeline = (answer.status == OK).then(|| answer.json())?;
        let last = timeline["ranges"].as_array()?.last()?.clone();
        (last["duration_seconds"].as_f64()? >= seconds).then_some(last)
    })
    .await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// `?start=&end=` of a stretch.
fn query(stretch: &Value) -> String {
    format!("start={}&end={}", text(&stretch["start"]), text(&stretch["end"]))
}

/// The lines of a playlist that are no tags.
fn uris(playlist: &Answer) -> Vec<String> {
    assert_eq!(playlist.status, OK, "{}", playlist.text);
    assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
    assert!(playlist.text.starts_with("#EXTM3U\n"));
    playlist
        .text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Status, headers and bytes of an answer that is no text.
async fn bytes(request: reqwest::RequestBuilder) -> (StatusCode, reqwest::header::HeaderMap, Vec<u8>) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

fn header<'a>(headers: &'a reqwest::header::HeaderMap, name: &str) -> &'a str {
    headers[name].to_str().unwrap()
}

#[tokio::test]
async fn what_runs_is_recorded_and_told_of() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream, stretch) = recorded(&server, &camera, 2.0).await;
    assert_eq!((&stretch["layer"], &stretch["thinned"]), (&json!("main"), &json!(false)));
    assert!(stretch["bytes"].as_u64().unwrap() > 1_000);

    let health = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
    let recording = &health["recording"];
    assert_eq!((&recording["active"], &recording["mode"]), (&json!(true), &json!("continuous")));
    assert!(recording["error"].is_null() && recording["layers"][0]["pictures"].as_u64().unwrap() > 10);
    let shown = server.get(&format!("/v2/streams/{stream}")).await.expect(OK);
    assert_eq!(shown["endpoints"]["hls"], format!("/v2/streams/{stream}/hls/playlist.m3u8"));

    let list = server.get("/api/v1/recordings/streams").await.expect(OK);
    assert_eq!((&list["total"], &list["streams"][0]["is_recording"]), (&json!(1), &json!(true)));
    for id in [&stream, &device] {
        let one = server.get(&format!("/api/v1/recordings/streams/{id}")).await.expect(OK);
        assert_eq!(one["stream_id"], json!(stream));
    }
    let dates = server.get(&format!("/api/v1/recordings/devices/{device}/dates")).await.expect(OK);
    assert_eq!((&dates["status"], &dates["device_id"]), (&json!("success"), &json!(device)));
    let day = &dates["dates"][0];
    assert_eq!((text(&day["date"]).len(), text(&day["formatted"]).len()), (8, 10));
    assert_eq!(text(&day["formatted"]).replace('-', ""), text(&day["date"]));
    assert!(day["segments_count"].as_u64().unwrap() >= 1);
    let plan = server.get("/api/v1/recordings/plan").await.expect(OK);
    assert!(plan["bytes_left"].as_u64().is_some_and(|bytes| bytes > 0) && plan.get("days_left").is_some());
}

#[tokio::test]
async fn recording_is_switched_by_hand_and_stays_so() {
    let mut server = Server::start().await;
    let camera = camera(None);
    let (device, stream, _) = recorded(&server, &camera, 1.0).await;
    let stopped = server.call(&format!("/api/v1/recordings/streams/{stream}/stop")).await.expect(OK);
    assert_eq!((&stopped["is_recording"], &stopped["recording"]["switched"]), (&json!(false), &json!("off")));
    let before = server.get(&format!("/v2/streams/{stream}/recordings")).await.expect(OK);

    server.restart().await;
    server.until_state(&stream, "LIVE").await;
    let health = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
    assert_eq!(
        (&health["recording"]["active"], &health["recording"]["switched"]),
        (&json!(false), &json!("off"))
    );
    let after = server.get(&format!("/v2/streams/{stream}/recordings")).await.expect(OK);
    assert_eq!(after["total_bytes"], before["total_bytes"], "what was recorded is still there, and no more");

    server.call(&format!("/api/v1/recordings/streams/{device}/start")).await.expect(OK);
    until("it is recorded again", async || {
        let health = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
        (health["recording"]["active"] == true).then_some(())
    })
    .await;
    until("more is there than before", async || {
        let timeline = server.get(&format!("/v2/streams/{stream}/recordings")).await.expect(OK);
        (timeline["total_bytes"].as_u64() > before["total_bytes"].as_u64()).then_some(())
    })
    .await;

    // A mode of its own undoes what was done by hand.
    let path = format!("/api/v1/recordings/devices/{device}/options");
    let set = server.put(&path, &json!({ "mode": "event", "retention_days": 30 })).await.expect(OK);
    assert_eq!(
        (&set["mode"], &set["retention_days"], &set["switched"]),
        (&json!("event"), &json!(30), &json!(null))
    );
    assert_eq!(server.get(&path).await.expect(OK)["mode"], "event");
    server.put(&path, &json!({ "mode": "sometimes" })).await.problem(422, "VALIDATION_ERROR");
    let event = server.call(&format!("/api/v1/recordings/devices/{device}/event")).await.expect(OK);
    assert_eq!(event["recorded"], true);
    let cleaned = server.call(&format!("/api/v1/recordings/streams/{stream}/cleanup")).await.expect(OK);
    assert_eq!((&cleaned["status"], &cleaned["deleted"]), (&json!("success"), &json!(0)));
}

#[tokio::test]
async fn a_recorded_range_plays_in_both_forms() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream, stretch) = recorded(&server, &camera, 3.0).await;
    let path = format!("/v2/streams/{stream}/playback.m3u8?{}", query(&stretch));
    let playlist = server.get(&path).await;
    let names = uris(&playlist);
    for tag in ["#EXT-X-ENDLIST", "#EXT-X-PROGRAM-DATE-TIME:", "#EXT-X-MAP:URI=\"media/", "#EXT-X-BYTERANGE:"]
    {
        assert!(playlist.text.contains(tag), "{tag}: {}", playlist.text);
    }

    // A range of a file, as players ask for it.
    let media = format!("/v2/streams/{stream}/{}", names[0]);
    let (status, headers, head) =
        bytes(server.request(Method::GET, &media).header("Range", "bytes=0-7")).await;
    assert_eq!((status, head.len(), &head[4..8]), (StatusCode::PARTIAL_CONTENT, 8, &b"ftyp"[..]));
    assert_eq!((header(&headers, "content-type"), header(&headers, "accept-ranges")), ("video/mp4", "bytes"));
    let (_, total) = header(&headers, "content-range").rsplit_once('/').unwrap();
    let beyond = server.request(Method::GET, &media).header("Range", "bytes=99999999999-");
    let beyond = Answer::of(beyond).await;
    beyond.problem(416, "RANGE_NOT_SATISFIABLE");
    assert!(beyond.header("content-range").starts_with("bytes */"));
    let (status, headers, body) = bytes(server.request(Method::HEAD, &media)).await;
    assert_eq!((status, body.len()), (OK, 0));
    let length: u64 = header(&headers, "content-length").parse().unwrap();
    assert!(length >= total.parse().unwrap(), "the file only grows");

    let playlist = server.get(&format!("{path}&format=ts")).await;
    let ts = format!("/v2/streams/{stream}/{}", uris(&playlist)[0]);
    let (status, headers, body) = bytes(server.request(Method::GET, &ts)).await;
    assert_eq!(
        (status, header(&headers, "content-type"), body[0], body.len() % 188),
        (OK, "video/mp2t", 0x47, 0)
    );

    // The same for clients that ask by day.
    let dates = server.get(&format!("/api/v1/recordings/devices/{device}/dates")).await.expect(OK);
    let date = text(&dates["dates"][0]["date"]).to_owned();
    let folder = format!("/api/v1/recordings/devices/{device}");
    let names = until("a segment is whole", async || {
        let playlist = server.get(&format!("{folder}/playlist?date={date}")).await;
        if playlist.status == OK { Some(uris(&playlist)) } else { None }
    })
    .await;
    assert!(!names[0].contains('/'), "{names:?}");
    let (status, headers, _) = bytes(server.request(Method::GET, &format!("{folder}/{}", names[0]))).await;
    assert_eq!((status, header(&headers, "content-type")), (OK, "video/mp2t"));

    // What a name is worth elsewhere: nothing.
    let other = server.add("Other", &dead_camera()).await;
    server.get(&format!("/api/v1/recordings/devices/{other}/{}", names[0])).await.problem(403, "FORBIDDEN");
    server.get(&format!("/v2/streams/{stream}/hls/{}", names[0])).await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn a_clip_is_one_file_that_says_what_is_in_it() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream, stretch) = recorded(&server, &camera, 3.0).await;
    let path = format!("/v2/streams/{stream}/clip.mp4?{}", query(&stretch));
    let (status, headers, body) = bytes(server.request(Method::GET, &path)).await;
    assert_eq!((status, header(&headers, "content-type"), &body[4..8]), (OK, "video/mp4", &b"ftyp"[..]));
    assert_eq!(header(&headers, "content-length"), body.len().to_string());
    assert_eq!(header(&headers, "x-clip-start"), text(&stretch["start"]));
    assert!(header(&headers, "x-clip-pictures").parse::<u32>().unwrap() > 50);
    assert_eq!(header(&headers, "x-clip-gaps"), "");
    assert!(header(&headers, "content-disposition").starts_with("attachment; filename=\"Gate_2"));
    let tag = header(&headers, "etag").to_owned();

    let (status, _, part) = bytes(server.request(Method::GET, &path).header("Range", "bytes=100-299")).await;
    assert_eq!((status, &part[..]), (StatusCode::PARTIAL_CONTENT, &body[100..300]));
    let (status, ..) = bytes(server.request(Method::GET, &path).header("If-None-Match", &tag)).await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    let other = server.request(Method::GET, &path).header("Range", "bytes=0-9").header("If-Range", "\"x\"");
    let (status, ..) = bytes(other).await;
    assert_eq!(status, OK);

    let nothing =
        format!("/v2/streams/{stream}/clip.mp4?start=2020-01-01T00:00:00Z&end=2020-01-01T00:01:00Z");
    server.get(&nothing).await.problem(404, "NO_RECORDING");
    server.get(&nothing.replace("clip.mp4", "playback.m3u8")).await.problem(404, "NO_RECORDING");
}

#[tokio::test]
async fn players_for_mediamtx_find_what_they_know() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream, _) = recorded(&server, &camera, 2.0).await;
    for path in [device.as_str(), stream.as_str(), "Gate"] {
        let list = server.get(&format!("/list?path={path}")).await.expect(OK);
        let entry = &list[0];
        assert!(entry["duration"].as_f64().unwrap() >= 2.0);
        let url = text(&entry["url"]).strip_prefix(&server.url("")).unwrap().to_owned();
        assert!(url.starts_with("/get?"), "{url}");
        let (status, headers, body) = bytes(server.request(Method::GET, &url)).await;
        assert_eq!((status, header(&headers, "content-type"), &body[4..8]), (OK, "video/mp4", &b"ftyp"[..]));
    }
    let list = server.get("/list?path=Gate").await.expect(OK);
    let get = format!("/get?path=Gate&start={}&duration=1&format=mp4", text(&list[0]["start"]));
    let (status, headers, _) = bytes(server.request(Method::GET, &get)).await;
    let pictures: u32 = header(&headers, "x-clip-pictures").parse().unwrap();
    assert_eq!((status, pictures), (OK, 25));
    server.get("/list?path=Nowhere").await.problem(404, "NOT_FOUND");
    for query in [
        "",
        "path=Gate&start=x&duration=1",
        "path=Gate&start=2026-01-01T00:00:00Z&duration=-1",
        "path=Gate&start=2026-01-01T00:00:00Z&duration=1&format=avi",
    ] {
        server.get(&format!("/get?{query}")).await.problem(422, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn odd_times_ids_and_names_are_refused() {
    let server = Server::start().await;
    let device = server.add("Gate", &dead_camera()).await;
    let stream = server.start_stream(&device).await;
    let base = format!("/v2/streams/{stream}");
    for (query, field) in [
        ("", "start"),
        ("?start=2026-11-22T10:00:00Z", "end"),
        ("?start=x&end=2026-11-22T10:00:00Z", "start"),
        ("?start=2026-11-22T10:00:00Z&end=2026-11-22T10:00:00Z", "end"),
        ("?start=2026-11-22T10:00:00Z&end=2026-11-22T09:00:00Z", "end"),
        ("?start=2026-11-22T10:00:00Z&end=2027-11-22T10:00:00Z", "end"),
        ("?start=2026-11-22T10:00:00Z&end=99999999999999999999", "end"),
        ("?start=../../etc/passwd&end=%00", "start"),
    ] {
        for file in ["playback.m3u8", "clip.mp4"] {
            let answer = server.get(&format!("{base}/{file}{query}")).await;
            let details = answer.problem(422, "VALIDATION_ERROR");
            assert!(details["fields"][field].is_string(), "{query}: {details}");
        }
    }
    server.get(&format!("{base}/recordings?start=x")).await.problem(422, "VALIDATION_ERROR");
    for date in ["", "x", "20261301", "2026-11-22", "..%2f..%2f"] {
        let path = format!("/api/v1/recordings/devices/{device}/playlist?date={date}");
        server.get(&path).await.problem(422, "VALIDATION_ERROR");
    }
    let nobody = "00000000-0000-7000-8000-000000000000";
    for path in [
        format!("/v2/streams/{nobody}/clip.mp4?start=2026-11-22T10:00:00Z&end=2026-11-22T10:00:01Z"),
        format!("/v2/streams/{nobody}/hls/playlist.m3u8"),
        format!("/api/v1/recordings/devices/{nobody}/dates"),
        format!("/api/v1/recordings/streams/{nobody}"),
        "/v2/streams/..%2f..%2fetc/recordings".to_owned(),
        "/api/v1/recordings/devices/%00/dates".to_owned(),
        format!("{base}/hls/..%2f..%2fvas.db"),
        format!("{base}/hls/%2e%2e%2f%2e%2e%2fvas.db"),
        format!("{base}/hls/%00.ts"),
        format!("{base}/hls/%ff.ts"),
        format!("{base}/hls/1.ts"),
        format!("{base}/hls/99999999999999999999999999-1-AAAAAAAAAAAAAAAAAAAAAA.exe"),
        format!("{base}/media/..%2f..%2fvas.db"),
        format!("{base}/media/etc-1-AAAAAAAAAAAAAAAAAAAAAA.conf"),
        format!("/api/v1/recordings/devices/{device}/..%2fvas.db"),
    ] {
        server.get(&path).await.problem(404, "NOT_FOUND");
    }
    for path in [
        format!("{base}/hls/7-99999999999-AAAAAAAAAAAAAAAAAAAAAA.ts"),
        format!("{base}/media/a-1-AAAAAAAAAAAAAAAAAAAAAA.mp4"),
    ] {
        server.get(&path).await.problem(403, "FORBIDDEN");
    }
    // A stream of which nothing was recorded has an empty timeline.
    assert_eq!(server.get(&format!("{base}/recordings")).await.expect(OK)["ranges"], json!([]));
}

#[tokio::test]
async fn a_folder_that_is_out_of_reach_stops_no_stream() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let path = folder.path().to_owned();
    let server = Server::start_with(|config| config.recording.folder = path).await;
    let camera = camera(None);
    let device = server.add("Gate", &camera.url("main")).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;
    let health = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
    assert_eq!(health["recording"]["active"], false);
    assert!(text(&health["recording"]["error"]).contains("not empty"), "{health}");
    server.get(&format!("/v2/streams/{stream}/recordings")).await.problem(503, "UNAVAILABLE");
    let overview = server.get("/v2/health").await.expect(OK);
    assert_eq!(
        (&overview["status"], &overview["components"]["recording"]),
        (&json!("degraded"), &json!("down"))
    );
    // Live all the same.
    assert_eq!(server.get(&format!("/v2/streams/{stream}/hls/playlist.m3u8")).await.status, OK);

    // It is tried again until it works.
    std::fs::remove_file(folder.path().join("thesis.txt")).unwrap();
    until_recorded(&server, &stream, 1.0).await;
    let health = server.get(&format!("/v2/streams/{stream}/health")).await.expect(OK);
    assert!(health["recording"]["error"].is_null());
}

#[tokio::test]
async fn recordings_stay_with_the_device_and_go_with_it() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream, _) = recorded(&server, &camera, 1.0).await;
    server.delete(&format!("/v2/streams/{stream}")).await;
    let timeline = server.get(&format!("/v2/streams/{stream}/recordings")).await.expect(OK);
    assert_eq!(timeline["ranges"].as_array().unwrap().len(), 1);
    let next = server.start_stream(&device).await;
    let timeline = server.get(&format!("/v2/streams/{next}/recordings")).await.expect(OK);
    assert!(
        !timeline["ranges"].as_array().unwrap().is_empty(),
        "the next stream of the device shows them, too"
    );

    server.delete(&format!("/api/v1/devices/{device}")).await;
    server.get(&format!("/api/v1/recordings/devices/{device}/dates")).await.problem(404, "NOT_FOUND");
    let files = server.folder().join("recordings").join(&device);
    until("the files are gone", async || if files.exists() { None } else { Some(()) }).await;
}

//! The WHEP door: sessions and refusals. That pictures arrive is for tests with a browser to see.

use crate::support::{Answer, Server, camera, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// An offer as browsers make it, for the codec of this `rtpmap`.
pub(crate) fn offer(codec: &str) -> String {
    let fingerprint: Vec<_> = (0..32).map(|byte| format!("{byte:02X}")).collect();
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=video 9 UDP/TLS/RTP/SAVPF 102",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        &format!("a=fingerprint:sha-256 {}", fingerprint.join(":")),
        "a=setup:actpass",
        "a=mid:0",
        "a=recvonly",
        "a=rtcp-mux",
        &format!("a=rtpmap:102 {codec}/90000"),
        "a=rtcp-fb:102 nack",
        "a=rtcp-fb:102 nack pli",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "",
    ]
    .join("\r\n")
}

async fn live(server: &Server, camera_url: &str) -> (String, String) {
    let device = server.add("Gate", camera_url).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;
    (device, stream)
}

async fn viewers(server: &Server, stream: &str) -> Value {
    server.get(&format!("/v2/streams/{stream}")).await.expect(StatusCode::OK)["consumers"]["count"].clone()
}

#[tokio::test]
async fn a_session_is_made_restarted_and_ended() {
    let server = Server::start_with(|config| {
        config.media.ice_servers = vec!["stun:stun.example.com:3478".to_owned()];
    })
    .await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;

    let made = server.whep(&stream, SDP, offer("H264")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.header("content-type"), SDP);
    assert!(made.text.starts_with("v=0") && made.text.contains("a=sendonly"), "{}", made.text);
    assert_eq!(made.header("link"), "<stun:stun.example.com:3478>; rel=\"ice-server\"");
    let session = made.header("location").to_owned();
    let name = session.strip_prefix(&format!("/v2/streams/{stream}/whep/")).unwrap();
    assert!(name.len() >= 22, "at least 128 bits in base 64: {name}");
    let etag = made.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    assert_eq!(viewers(&server, &stream).await, 1);

    let patch = async |if_match: &str, body: &'static str| {
        let request = server.request(Method::PATCH, &session).header("If-Match", if_match);
        Answer::of(request.header("Content-Type", FRAGMENT).body(body)).await
    };
    const TRICKLE: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\n\
                           a=mid:0\r\na=end-of-candidates\r\n";
    const RESTART: &str = "a=ice-ufrag:efgh\r\na=ice-pwd:zyxwvutsrqponmlkjihgfedc\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\n\
                           a=mid:0\r\na=end-of-candidates\r\n";
    assert_eq!(patch(&etag, TRICKLE).await.status, StatusCode::NO_CONTENT);
    assert_eq!(patch(&format!("\"another\", {etag}"), TRICKLE).await.status, StatusCode::NO_CONTENT);
    let trickled = patch("*", TRICKLE).await;
    assert_eq!((trickled.status, trickled.header("etag")), (StatusCode::NO_CONTENT, ""));
    patch("\"another\"", TRICKLE).await.problem(412, "PRECONDITION_FAILED");
    patch(&format!("W/{etag}"), TRICKLE).await.problem(412, "PRECONDITION_FAILED");
    patch(&etag, "nonsense").await.problem(400, "INVALID_SDP");
    let unconditional = server.request(Method::PATCH, &session).header("Content-Type", FRAGMENT);
    Answer::of(unconditional.body(TRICKLE)).await.problem(428, "PRECONDITION_REQUIRED");
    let json = server.request(Method::PATCH, &session).header("Content-Type", "application/json");
    Answer::of(json.body("{}")).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let restarted = patch("*", RESTART).await;
    assert_eq!(restarted.status, StatusCode::OK, "{}", restarted.text);
    assert!(restarted.text.contains("a=ice-ufrag:") && restarted.header("etag") != etag);
    assert_eq!(restarted.header("content-type"), FRAGMENT);
    patch(&etag, TRICKLE).await.problem(412, "PRECONDITION_FAILED");

    assert_eq!(server.get(&session).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(&session).await.status, StatusCode::OK);
    server.delete(&session).await.problem(404, "NOT_FOUND");
    until("the viewer is gone", async || (viewers(&server, &stream).await == 0).then_some(())).await;
}

#[tokio::test]
async fn sessions_outlive_the_camera_and_end_with_the_stream() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream) = live(&server, &camera.url("main")).await;
    let made = server.whep(&stream, SDP, offer("H264")).await;
    let session = made.header("location").to_owned();

    camera.stop().await;
    server.until_state(&stream, "ERROR").await;
    let details = server.whep(&stream, SDP, offer("H264")).await.problem(409, "STREAM_NOT_LIVE");
    assert_eq!(details["current_state"], "error");
    assert_eq!(server.get(&session).await.status, StatusCode::NO_CONTENT, "the session waits");
    camera.resume().unwrap();
    server.until_state(&stream, "LIVE").await;
    assert_eq!(server.get(&session).await.status, StatusCode::NO_CONTENT);

    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(StatusCode::OK);
    server.get(&session).await.problem(404, "NOT_FOUND");
    let details = server.whep(&stream, SDP, offer("H264")).await.problem(409, "STREAM_NOT_LIVE");
    assert_eq!(details["current_state"], "stopped");
    server.delete(&format!("/v2/streams/{stream}")).await;
    let details = server.whep(&stream, SDP, offer("H264")).await.problem(409, "STREAM_NOT_LIVE");
    assert_eq!(details["current_state"], "closed");
}

#[tokio::test]
async fn what_can_not_be_answered_is_refused_with_its_reason() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;

    server.whep(&stream, SDP, "this is no SDP").await.problem(400, "INVALID_SDP");
    server.whep(&stream, SDP, "").await.problem(400, "INVALID_SDP");
    server.whep(&stream, SDP, vec![0xff, 0xfe]).await.problem(400, "INVALID_SDP");
    server.whep(&stream, "application/json", offer("H264")).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    server.whep(&stream, SDP, "x".repeat((64 << 10) + 1)).await.problem(413, "PAYLOAD_TOO_LARGE");
    server.whep("019aa0f0-0000-7000-8000-000000000000", SDP, offer("H264")).await.problem(404, "NOT_FOUND");
    server.whep("malformed", SDP, offer("H264")).await.problem(404, "NOT_FOUND");
    server.get(&format!("/v2/streams/{stream}/whep/unknown")).await.problem(404, "NOT_FOUND");
    assert_eq!(viewers(&server, &stream).await, 0);

    let endpoint = format!("/v2/streams/{stream}/whep");
    let options = Answer::of(server.request(Method::OPTIONS, &endpoint)).await;
    assert_eq!((options.status, options.header("accept-post")), (StatusCode::OK, SDP));
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = Answer::of(server.request(method, &endpoint)).await;
        assert_eq!(refused.header("allow").split(',').count(), 4, "{}", refused.header("allow"));
        refused.problem(405, "METHOD_NOT_ALLOWED");
    }
    let head = Answer::of(server.request(Method::HEAD, &endpoint)).await;
    assert_eq!(head.status, StatusCode::NO_CONTENT);
    let get = server.get(&endpoint).await;
    assert_eq!((get.status, get.text.as_str()), (StatusCode::NO_CONTENT, ""));
}

/// The answer to a counter-offer of one section, on which pictures of these formats are taken; with port 0, none are.
fn answer_to(counter: &str, port: u16) -> String {
    let line = counter.lines().find(|line| line.starts_with("m=video 9 ")).unwrap();
    let formats = line.split(' ').skip(3).collect::<Vec<_>>().join(" ");
    let payload_type = formats.split(' ').next().unwrap();
    offer("H264")
        .replace("m=video 9 UDP/TLS/RTP/SAVPF 102", &format!("m=video {port} UDP/TLS/RTP/SAVPF {formats}"))
        .replace(":102 ", &format!(":{payload_type} "))
        .replace("actpass", "active")
}

#[tokio::test]
async fn who_offers_the_wrong_codec_gets_an_offer() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let post = async || {
        let made = server.whep(&stream, SDP, offer("VP8")).await;
        assert_eq!(
            (made.status, made.header("content-type")),
            (StatusCode::NOT_ACCEPTABLE, SDP),
            "{}",
            made.text
        );
        assert!(made.text.contains("a=sendonly") && made.text.contains(" H264/90000"), "{}", made.text);
        assert!(made.text.contains("a=setup:actpass") && made.header("etag").len() > 2, "{}", made.text);
        made
    };
    let patch = async |made: &Answer, kind: &str, body: String| {
        let request = server.request(Method::PATCH, made.header("location")).header("Content-Type", kind);
        Answer::of(request.header("If-Match", "*").body(body)).await
    };

    let made = post().await;
    assert_eq!(viewers(&server, &stream).await, 1, "it is counted while it may still answer");
    patch(&made, FRAGMENT, "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n".to_owned())
        .await
        .problem(409, "CONFLICT");
    patch(&made, SDP, "this is no SDP".to_owned()).await.problem(400, "INVALID_SDP");
    let answered = patch(&made, SDP, answer_to(&made.text, 9)).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "{}", answered.text);
    patch(&made, SDP, answer_to(&made.text, 9)).await.problem(409, "CONFLICT");
    assert_eq!(server.delete(made.header("location")).await.status, StatusCode::OK);

    // Who can't take that either is told what else there is, and the session ends.
    let made = post().await;
    let details = patch(&made, SDP, answer_to(&made.text, 0)).await.problem(422, "UNSUPPORTED_CODEC");
    assert_eq!(details["fallback"]["hls"], format!("/v2/streams/{stream}/hls/playlist.m3u8"));
    until("the session has ended", async || {
        (server.get(made.header("location")).await.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;

    // The same at once for who asks for it.
    let request = server.request(Method::POST, &format!("/v2/streams/{stream}/whep"));
    let request = request.header("Accept", "application/sdp, application/problem+json");
    let refused = Answer::of(request.header("Content-Type", SDP).body(offer("VP8"))).await;
    assert!(refused.problem(406, "UNSUPPORTED_CODEC")["fallback"]["hls"].is_string());
    until("nobody watches", async || (viewers(&server, &stream).await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_stream_without_a_picture_yet_is_to_be_tried_again() {
    // Takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start_with(|config| config.ingest.connect_timeout_seconds = 30).await;
    let device = server.add("Gate", &format!("rtsp://{}/main", silent.local_addr().unwrap())).await;
    let stream = server.start_stream(&device).await;
    let answer = server.whep(&stream, SDP, offer("H264")).await;
    let details = answer.problem(409, "NO_PRODUCER");
    assert_eq!(details["retry_after_seconds"].as_u64().unwrap().to_string(), answer.header("retry-after"));
    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(StatusCode::OK);
    assert_eq!(server.get(&format!("/v2/streams/{stream}")).await.json()["state"], json!("STOPPED"));
}

//! The door of mediasoup-client: what it answers and what it refuses. That pictures arrive is for tests with a browser.

use crate::support::{Answer, Server, camera, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What mediasoup-client says it can receive, cut down to one codec.
pub(crate) fn capabilities(codec: &str) -> Value {
    json!({
        "codecs": [
            {
                "kind": "video",
                "mimeType": format!("video/{codec}"),
                "preferredPayloadType": 102,
                "clockRate": 90_000,
                "parameters": {"packetization-mode": 1, "profile-level-id": "42e01f"},
                "rtcpFeedback": [{"type": "nack", "parameter": ""}, {"type": "nack", "parameter": "pli"}],
            },
            {
                "kind": "video",
                "mimeType": "video/rtx",
                "preferredPayloadType": 103,
                "clockRate": 90_000,
                "parameters": {"apt": 102},
            },
        ],
        "headerExtensions": [],
    })
}

/// A viewer's certificates.
pub(crate) fn dtls_parameters() -> Value {
    let value = vec!["AB"; 32].join(":");
    json!({"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": value}]})
}

/// A live stream: its device and its id.
pub(crate) async fn live(server: &Server, camera_url: &str) -> (String, String) {
    let device = server.add("Gate", camera_url).await;
    let stream = server.start_stream(&device).await;
    server.until_state(&stream, "LIVE").await;
    (device, stream)
}

async fn consume(server: &Server, stream: &str, body: &Value) -> Answer {
    server.post(&format!("/v2/streams/{stream}/consume"), body).await
}

fn request() -> Value {
    json!({"client_id": "portal", "rtp_capabilities": capabilities("H264")})
}

async fn consumers(server: &Server, stream: &str) -> Value {
    server.get(&format!("/v2/streams/{stream}/consumers")).await.expect(StatusCode::OK)
}

#[tokio::test]
async fn a_consumer_is_made_connected_and_ended() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;

    let offered = server.get(&format!("/v2/streams/{stream}/router-capabilities")).await;
    let offered = offered.expect(StatusCode::OK)["rtp_capabilities"].clone();
    let codecs = offered["codecs"].as_array().unwrap();
    let h264 = codecs.iter().find(|codec| codec["mimeType"] == "video/H264").unwrap();
    assert_eq!(h264["parameters"]["profile-level-id"], "42e01f");
    assert_eq!(h264["parameters"]["packetization-mode"], 1);
    assert!(offered["headerExtensions"][0]["preferredId"].is_u64(), "{offered}");

    let made = consume(&server, &stream, &request()).await;
    let body = made.expect(StatusCode::CREATED);
    let id = body["consumer_id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/v2/streams/{stream}/consumers/{id}"));
    let transport = &body["transport"];
    assert_eq!(transport["ice_parameters"]["iceLite"], true);
    assert!(transport["ice_parameters"]["usernameFragment"].as_str().unwrap().len() >= 4);
    assert!(transport["ice_parameters"]["password"].as_str().unwrap().len() >= 22);
    let candidate = &transport["ice_candidates"][0];
    assert_eq!(
        (&candidate["type"], &candidate["ip"]),
        (&json!("host"), &candidate["address"]),
        "{candidate}"
    );
    assert_eq!(transport["dtls_parameters"]["role"], "auto");
    assert_eq!(transport["dtls_parameters"]["fingerprints"][0]["algorithm"], "sha-256");
    let parameters = &body["rtp_parameters"];
    assert_eq!(parameters["codecs"][0]["payloadType"], 102, "the viewer's own number: {parameters}");
    assert!(
        parameters["encodings"][0]["ssrc"].is_u64() && parameters["encodings"][0]["rtx"]["ssrc"].is_u64()
    );
    assert!(parameters["rtcp"]["cname"].as_str().is_some_and(|cname| !cname.is_empty()));

    let list = consumers(&server, &stream).await;
    assert_eq!((&list["total_consumers"], &list["active_consumers"]), (&json!(1), &json!(1)), "{list}");
    let listed = &list["consumers"][0];
    assert_eq!(
        (&listed["client_id"], &listed["state"]),
        (&json!("portal"), &json!("CONNECTING")),
        "{listed}"
    );
    assert!(
        listed["created_at"].is_string()
            && listed["last_seen_at"].is_string()
            && listed["closed_at"].is_null()
    );
    let shown = server.get(&format!("/v2/streams/{stream}")).await.json();
    assert_eq!(shown["consumers"], json!({"count": 1, "active": 0}));

    let path = format!("/v2/streams/{stream}/consumers/{id}");
    let connected =
        server.post(&format!("{path}/connect"), &json!({"dtls_parameters": dtls_parameters()})).await;
    let expected = json!({"status": "connected", "consumer_id": id, "transport_id": transport["id"]});
    assert_eq!(connected.expect(StatusCode::OK), expected);
    for candidate in
        [json!(null), json!("candidate:1 1 udp 1 192.0.2.1 5000 typ host"), json!({"candidate": ""})]
    {
        let taken = server.post(&format!("{path}/ice-candidate"), &json!({ "candidate": candidate })).await;
        assert_eq!(taken.expect(StatusCode::OK), json!({"status": "acknowledged", "consumer_id": id}));
    }

    assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
    server.delete(&path).await.problem(404, "NOT_FOUND");
    let list = consumers(&server, &stream).await;
    assert_eq!((&list["total_consumers"], &list["active_consumers"]), (&json!(1), &json!(0)), "{list}");
    assert_eq!(list["consumers"][0]["state"], "CLOSED");
    assert!(list["consumers"][0]["closed_at"].is_string());
    until("nobody watches", async || {
        let shown = server.get(&format!("/v2/streams/{stream}")).await.json();
        (shown["consumers"]["count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn several_consumers_share_a_transport_until_the_last_has_ended() {
    let server = Server::start().await;
    let cameras = [camera(None), camera(None)];
    let (_, first) = live(&server, &cameras[0].url("main")).await;
    let device = server.add("Yard", &cameras[1].url("main")).await;
    let second = server.start_stream(&device).await;
    server.until_state(&second, "LIVE").await;

    let one = consume(&server, &first, &request()).await.expect(StatusCode::CREATED);
    let mut more = request();
    more["transport_id"] = one["transport"]["id"].clone();
    let two = consume(&server, &second, &more).await.expect(StatusCode::CREATED);
    assert_eq!(one["transport"], two["transport"]);
    let [mid, other] = [&one, &two].map(|consumer| consumer["rtp_parameters"]["mid"].clone());
    assert_ne!(mid, other);

    // The short forms, and a consumer that is not the stream's.
    let [one, two] = [&one, &two].map(|consumer| consumer["consumer_id"].as_str().unwrap().to_owned());
    server.delete(&format!("/v2/streams/{first}/consumers/{two}")).await.problem(404, "NOT_FOUND");
    let connect = json!({"dtls_parameters": dtls_parameters()});
    server.post(&format!("/v2/consumers/{two}/connect"), &connect).await.expect(StatusCode::OK);
    assert_eq!(server.delete(&format!("/v2/consumers/{one}")).await.status, StatusCode::NO_CONTENT);
    let third = consume(&server, &first, &more).await.expect(StatusCode::CREATED);
    for consumer in [two.as_str(), third["consumer_id"].as_str().unwrap()] {
        assert_eq!(server.delete(&format!("/v2/consumers/{consumer}")).await.status, StatusCode::NO_CONTENT);
    }
    consume(&server, &first, &more).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_can_not_be_consumed_is_refused_with_its_reason() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let changed = |change: fn(&mut Value)| {
        let mut body = request();
        change(&mut body);
        body
    };
    let fields = async |body: Value| -> Vec<String> {
        let details = consume(&server, &stream, &body).await.problem(422, "VALIDATION_ERROR");
        details["fields"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(fields(json!({})).await, ["client_id", "rtp_capabilities"]);
    assert_eq!(fields(changed(|body| body["client_id"] = json!(7))).await, ["client_id"]);
    assert_eq!(fields(changed(|body| body["client_id"] = json!("x".repeat(201)))).await, ["client_id"]);
    assert_eq!(fields(changed(|body| body["rtp_capabilities"] = json!("all"))).await, ["rtp_capabilities"]);
    assert_eq!(fields(changed(|body| body["kind"] = json!("text"))).await, ["kind"]);
    assert_eq!(fields(changed(|body| body["layer"] = json!("sub"))).await, ["layer"]);
    assert_eq!(fields(changed(|body| body["width"] = json!(640))).await, ["height"]);
    assert_eq!(fields(changed(|body| body["paused"] = json!("no"))).await, ["paused"]);
    let of_codec = |name: &'static str, value: Value| {
        let mut body = request();
        body["rtp_capabilities"]["codecs"][0][name] = value;
        fields(body)
    };
    assert_eq!(of_codec("clockRate", json!("fast")).await, ["rtp_capabilities.codecs[0].clockRate"]);
    assert_eq!(
        of_codec("preferredPayloadType", json!(128)).await,
        ["rtp_capabilities.codecs[0].preferredPayloadType"]
    );
    assert_eq!(of_codec("mimeType", json!("text/plain")).await, ["rtp_capabilities.codecs[0].mimeType"]);
    let many = changed(|body| {
        let codec = body["rtp_capabilities"]["codecs"][0].clone();
        body["rtp_capabilities"]["codecs"] = json!(vec![codec; 129]);
    });
    assert_eq!(fields(many).await, ["rtp_capabilities.codecs"]);

    let vp9 = changed(|body| body["rtp_capabilities"] = capabilities("VP9"));
    let details = consume(&server, &stream, &vp9).await.problem(422, "UNSUPPORTED_CAPABILITIES");
    assert_eq!((&details["kind"], &details["codecs"]), (&json!("video"), &json!(["H264"])));
    assert_eq!(details["fallback"]["hls"], format!("/v2/streams/{stream}/hls/playlist.m3u8"));
    let none = changed(|body| body["rtp_capabilities"] = json!({}));
    consume(&server, &stream, &none).await.problem(422, "UNSUPPORTED_CAPABILITIES");
    // The camera sends no sound.
    consume(&server, &stream, &changed(|body| body["kind"] = json!("audio"))).await.problem(404, "NOT_FOUND");
    for transport in ["malformed", "019aa0f0-0000-7000-8000-000000000000"] {
        let mut body = request();
        body["transport_id"] = json!(transport);
        consume(&server, &stream, &body).await.problem(404, "NOT_FOUND");
    }

    for unknown in ["malformed", "019aa0f0-0000-7000-8000-000000000000"] {
        consume(&server, unknown, &request()).await.problem(404, "NOT_FOUND");
        server.get(&format!("/v2/streams/{unknown}/router-capabilities")).await.problem(404, "NOT_FOUND");
        server.get(&format!("/v2/streams/{unknown}/consumers")).await.problem(404, "NOT_FOUND");
        server.delete(&format!("/v2/consumers/{unknown}")).await.problem(404, "NOT_FOUND");
        server.delete(&format!("/v2/streams/{stream}/consumers/{unknown}")).await.problem(404, "NOT_FOUND");
        let connect = json!({"dtls_parameters": dtls_parameters()});
        server.post(&format!("/v2/consumers/{unknown}/connect"), &connect).await.problem(404, "NOT_FOUND");
        let path = format!("/v2/streams/{stream}/consumers/{unknown}/ice-candidate");
        server.post(&path, &json!({"candidate": null})).await.problem(404, "NOT_FOUND");
    }
    let endpoint = format!("/v2/streams/{stream}/consume");
    let post = |content_type: &str, body: String| {
        Answer::of(server.request(Method::POST, &endpoint).header("Content-Type", content_type).body(body))
    };
    post("application/sdp", request().to_string()).await.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    post("application/json", "{".to_owned()).await.problem(422, "VALIDATION_ERROR");
    post("application/json", "x".repeat((1 << 20) + 1)).await.problem(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(consumers(&server, &stream).await["total_consumers"], 0);
}

#[tokio::test]
async fn what_can_not_be_connected_is_refused_by_field() {
    let server = Server::start().await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let made = consume(&server, &stream, &request()).await.expect(StatusCode::CREATED);
    let id = made["consumer_id"].as_str().unwrap();
    let field = async |call: &str, body: Value| -> String {
        let answer = server.post(&format!("/v2/consumers/{id}/{call}"), &body).await;
        let details = answer.problem(422, "VALIDATION_ERROR");
        details["fields"].as_object().unwrap().keys().next().unwrap().clone()
    };
    let with =
        |fingerprints: Value| json!({"dtls_parameters": {"role": "client", "fingerprints": fingerprints}});
    assert_eq!(field("connect", json!({})).await, "dtls_parameters");
    assert_eq!(field("connect", json!({"dtls_parameters": {}})).await, "dtls_parameters");
    assert_eq!(field("connect", with(json!([]))).await, "dtls_parameters.fingerprints");
    let short = with(json!([{"algorithm": "sha-256", "value": "AB:CD"}]));
    assert_eq!(field("connect", short).await, "dtls_parameters.fingerprints[0].value");
    let mut server_role = json!({"dtls_parameters": dtls_parameters()});
    server_role["dtls_parameters"]["role"] = json!("server");
    assert_eq!(field("connect", server_role).await, "dtls_parameters.role");
    assert_eq!(field("ice-candidate", json!({})).await, "candidate");
    assert_eq!(field("ice-candidate", json!({"candidate": 1})).await, "candidate");
    // None of this was the end of it.
    let connect = json!({"dtls_parameters": dtls_parameters()});
    server.post(&format!("/v2/consumers/{id}/connect"), &connect).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn consumers_end_with_their_stream_which_then_says_what_it_is() {
    let server = Server::start().await;
    let camera = camera(None);
    let (device, stream) = live(&server, &camera.url("main")).await;
    let made = consume(&server, &stream, &request()).await.expect(StatusCode::CREATED);
    let id = made["consumer_id"].as_str().unwrap();
    let state = async || {
        let answer = consume(&server, &stream, &request()).await;
        answer.problem(409, "STREAM_NOT_LIVE")["current_state"].clone()
    };
    camera.stop().await;
    server.until_state(&stream, "ERROR").await;
    assert_eq!(state().await, "error");
    assert_eq!(consumers(&server, &stream).await["active_consumers"], 1, "it waits for the camera");

    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(StatusCode::OK);
    until("the consumer has ended", async || {
        (consumers(&server, &stream).await["consumers"][0]["state"] == "CLOSED").then_some(())
    })
    .await;
    server.delete(&format!("/v2/consumers/{id}")).await.problem(404, "NOT_FOUND");
    assert_eq!(state().await, "stopped");
    server.delete(&format!("/v2/streams/{stream}")).await;
    assert_eq!(state().await, "closed");
}

#[tokio::test]
async fn a_stream_without_a_picture_yet_is_to_be_tried_again() {
    // Takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start_with(|config| config.ingest.connect_timeout_seconds = 30).await;
    let device = server.add("Gate", &format!("rtsp://{}/main", silent.local_addr().unwrap())).await;
    let stream = server.start_stream(&device).await;
    let answer = consume(&server, &stream, &request()).await;
    let details = answer.problem(409, "NO_PRODUCER");
    assert_eq!(details["retry_after_seconds"].as_u64().unwrap().to_string(), answer.header("retry-after"));
    server.call(&format!("/api/v1/devices/{device}/stop-stream")).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn viewers_beyond_the_limit_are_to_try_again() {
    let server = Server::start_with(|config| config.media.max_viewers = 1).await;
    let camera = camera(None);
    let (_, stream) = live(&server, &camera.url("main")).await;
    let made = consume(&server, &stream, &request()).await.expect(StatusCode::CREATED);
    let refused = consume(&server, &stream, &request()).await;
    refused.problem(503, "LIMIT_REACHED");
    assert!(!refused.header("retry-after").is_empty());
    // One more on the same transport is no other viewer.
    let mut more = request();
    more["transport_id"] = made["transport"]["id"].clone();
    consume(&server, &stream, &more).await.expect(StatusCode::CREATED);
}

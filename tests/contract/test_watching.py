"""The three doors to a live stream, and HLS."""

import json
import re
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from client import SOON, UNKNOWN, URL, Vas
from shapes import Missing, check, integer, nullable, text, time

FINGERPRINT = ":".join(f"{byte:02X}" for byte in range(32))
OFFER = "\r\n".join(
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
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
        "a=mid:0",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtpmap:102 H264/90000",
        "a=rtcp-fb:102 nack",
        "a=rtcp-fb:102 nack pli",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "",
    ]
)
SDP = {"Content-Type": "application/sdp"}

CODEC = {
    "kind": text,
    "mimeType": text,
    "preferredPayloadType": integer,
    "clockRate": integer,
    "channels": Missing(integer),
    "parameters": dict,
    "rtcpFeedback": [{"type": text}],
}
EXTENSION = {"kind": text, "uri": text, "preferredId": integer, "preferredEncrypt": bool, "direction": text}
CAPABILITIES = {"codecs": [CODEC], "headerExtensions": [EXTENSION]}
TRANSPORT = {
    "id": text,
    "ice_parameters": {"usernameFragment": text, "password": text, "iceLite": bool},
    "ice_candidates": [
        {
            "foundation": text,
            "priority": integer,
            "ip": text,
            "address": text,
            "port": integer,
            "type": text,
            "protocol": text,
            "tcpType": Missing(text),
        }
    ],
    "dtls_parameters": {"role": "auto", "fingerprints": [{"algorithm": text, "value": text}]},
}
RTP = {
    "mid": Missing(text),
    "codecs": [dict],
    "headerExtensions": [dict],
    "encodings": [{"ssrc": integer, "rtx": Missing(dict)}],
    "rtcp": {"cname": text},
}
H264 = {
    "kind": "video",
    "mimeType": "video/H264",
    "preferredPayloadType": 102,
    "clockRate": 90000,
    "parameters": {"packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1},
    "rtcpFeedback": [{"type": "nack", "parameter": ""}],
}


def test_whep_answers_an_offer_and_ends(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/v2/streams/{live['stream']}/whep"
    answer = vas.expect(201, "POST", at, content=OFFER, headers=SDP)
    assert answer.headers["content-type"] == "application/sdp" and answer.text.startswith("v=0")
    session = httpx.URL(URL).join(answer.headers["location"]).path
    assert answer.headers["etag"]
    fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
    candidate = (
        "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host\r\n"
    )
    matching = fragment | {"If-Match": answer.headers["etag"]}
    vas.expect(204, "PATCH", session, content=candidate, headers=matching)
    vas.expect(428, "PATCH", session, content=candidate, headers=fragment)
    vas.expect(412, "PATCH", session, content=candidate, headers=fragment | {"If-Match": '"other"'})
    vas.expect(200, "DELETE", session)
    vas.expect(404, "DELETE", session)
    assert vas.call("OPTIONS", at).headers["accept-post"] == "application/sdp"


def test_whep_refuses_what_is_no_offer(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/v2/streams/{live['stream']}/whep"
    vas.problem(415, "UNSUPPORTED_MEDIA_TYPE", "POST", at, json={})
    vas.problem(413, "PAYLOAD_TOO_LARGE", "POST", at, content="v" * (70 << 10), headers=SDP)
    assert vas.call("POST", at, content="no sdp", headers=SDP).status_code == 400
    vas.expect(404, "POST", f"/v2/streams/{UNKNOWN}/whep", content=OFFER, headers=SDP)
    counter = vas.call("POST", at, content=OFFER.replace("H264/90000", "VP9/90000"), headers=SDP)
    assert counter.status_code == 406 and counter.headers["content-type"] == "application/sdp"


def test_a_stream_without_media_is_409(vas: Vas) -> None:
    device = vas.add_device("No media", "rtsp://127.0.0.1:9/none")["id"]
    stream = vas.start(device)
    vas.wait_state(stream, "ERROR")
    for method, path, arguments in [
        ("POST", "whep", {"content": OFFER, "headers": SDP}),
        (
            "POST",
            "consume",
            {"json": {"client_id": "c", "rtp_capabilities": {"codecs": [H264], "headerExtensions": []}}},
        ),
        ("GET", "hls/playlist.m3u8", {}),
    ]:
        details = vas.problem(409, "STREAM_NOT_LIVE", method, f"/v2/streams/{stream}/{path}", **arguments)
        assert details["current_state"].lower() == "error"
    vas.delete(f"/api/v1/devices/{device}")


def test_a_consumer_is_made_connected_listed_and_ended(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/v2/streams/{live['stream']}"
    capabilities = vas.get(f"{at}/router-capabilities")["rtp_capabilities"]
    check(capabilities, CAPABILITIES)
    h264 = [codec for codec in capabilities["codecs"] if codec["mimeType"].lower() == "video/h264"]
    assert {codec["parameters"]["profile-level-id"] for codec in h264} == {"42e01f"}
    assert {codec["parameters"]["packetization-mode"] for codec in h264} == {1}
    body = {"client_id": "contract", "rtp_capabilities": {"codecs": [H264], "headerExtensions": []}}
    made = vas.post(f"{at}/consume", body, 201)
    check(made, {"consumer_id": text, "transport": TRANSPORT, "rtp_parameters": RTP})
    consumer, transport = made["consumer_id"], made["transport"]["id"]
    found = vas.get(f"{at}/consumers")
    shape = {
        "id": text,
        "client_id": text,
        "state": text,
        "created_at": time,
        "last_seen_at": time,
        "closed_at": nullable(time),
    }
    check(
        found,
        {"stream_id": live["stream"], "total_consumers": integer, "active_consumers": integer, "consumers": [shape]},
    )
    assert consumer in [consumer["id"] for consumer in found["consumers"]]
    dtls = {"dtls_parameters": {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": FINGERPRINT}]}}
    connected = vas.post(f"{at}/consumers/{consumer}/connect", dtls)
    check(connected, {"status": "connected", "consumer_id": consumer, "transport_id": transport})
    taken = vas.post(f"{at}/consumers/{consumer}/ice-candidate", {"candidate": {"candidate": ""}})
    check(taken, {"status": "acknowledged", "consumer_id": consumer})
    # A second camera on the same transport.
    second = vas.post(f"{at}/consume", body | {"transport_id": transport}, 201)
    assert second["transport"]["id"] == transport
    vas.delete(f"{at}/consumers/{consumer}")
    vas.delete(f"/v2/consumers/{second['consumer_id']}")
    vas.problem(404, "NOT_FOUND", "DELETE", f"/v2/consumers/{consumer}")


def test_what_can_not_be_consumed_says_why(vas: Vas, live: dict[str, Any]) -> None:
    at = f"/v2/streams/{live['stream']}/consume"
    vas.wrong("POST", at, "client_id", "rtp_capabilities", json={})
    vp9 = H264 | {"mimeType": "video/VP9", "parameters": {}}
    body = {"client_id": "c", "rtp_capabilities": {"codecs": [vp9], "headerExtensions": []}}
    vas.problem(422, "UNSUPPORTED_CAPABILITIES", "POST", at, json=body)
    body = {"client_id": "c", "rtp_capabilities": {"codecs": [H264], "headerExtensions": []}}
    vas.problem(404, "NOT_FOUND", "POST", f"/v2/streams/{UNKNOWN}/consume", json=body)


class Socket:
    """A signalling socket."""

    def __init__(self, vas: Vas, path: str) -> None:
        self.socket = connect(f"ws{URL.removeprefix('http')}{path}?token={vas.token}", open_timeout=SOON)

    def ask(self, kind: str, payload: Any = None) -> Any:
        self.socket.send(json.dumps({"type": kind, "id": "1", "payload": payload or {}}))
        while True:
            message = json.loads(self.socket.recv(SOON))
            if message.get("id") == "1":
                assert message["type"] == kind
                return message


def test_signalling_answers_each_request_once(vas: Vas, live: dict[str, Any]) -> None:
    socket = Socket(vas, f"/ws/signaling/{live['stream']}")
    answer = socket.ask("getRouterRtpCapabilities")
    check(answer, {"ok": True, "payload": dict})
    transport = socket.ask("createWebRtcTransport")["payload"]
    check(transport, {"id": text, "iceParameters": dict, "iceCandidates": [dict], "dtlsParameters": dict})
    refused = socket.ask("consume", {"rtpCapabilities": 5})
    check(refused, {"ok": False, "error": {"error": text, "error_description": text, "details": nullable(dict)}})
    assert socket.ask("no such request")["ok"] is False
    check(socket.ask("ping"), {"ok": True})
    room = vas.get(f"/ws/streams/{live['stream']}/connections")
    check(room, {"stream_id": live["stream"], "connection_count": 1, "connections": [dict]})
    for bare, kind in [({"type": "ping"}, "pong"), ({"type": "get_room_info"}, "room_info")]:
        socket.socket.send(json.dumps(bare))
        assert json.loads(socket.socket.recv(SOON))["type"] == kind
    answer = socket.ask("offer", {"sdp": OFFER})
    assert answer["payload"]["sdp"].startswith("v=0")
    socket.socket.close()


@pytest.mark.parametrize("path", ["/ws/signaling/{stream}", "/ws/events"])
def test_sockets_want_a_token(live: dict[str, Any], path: str) -> None:
    with pytest.raises(Exception) as refused:
        connect(f"ws{URL.removeprefix('http')}{path.format(**live)}")
    assert refused.value.response.status_code == 401


def test_hls_plays_with_nothing_but_its_playlist(vas: Vas, live: dict[str, Any]) -> None:
    folder = f"/v2/streams/{live['stream']}/hls"
    playlist = vas.expect(200, "GET", f"{folder}/playlist.m3u8")
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    lines = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[^/?]+\.ts", line) for line in lines)
    # No header and no cookie: the name carries its permission.
    segment = httpx.get(f"{URL}{folder}/{lines[-1]}", timeout=SOON)
    assert (segment.status_code, segment.headers["content-type"]) == (200, "video/mp2t")
    assert segment.content[0] == 0x47 and len(segment.content) % 188 == 0
    forged = re.sub(r"-[^-.]+\.ts$", "-AAAAAAAAAAAAAAAAAAAAAA.ts", lines[-1])
    assert httpx.get(f"{URL}{folder}/{forged}").status_code in (403, 404)
    index = vas.expect(200, "GET", f"{folder}/index.m3u8")
    assert "#EXT-X-STREAM-INF" in index.text

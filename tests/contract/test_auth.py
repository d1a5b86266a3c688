"""`/v2/auth`: tokens in and out, in both forms, and what is refused."""

import base64

import pytest

from client import CLIENT_ID, CLIENT_SECRET, Vas
from shapes import TOKEN, check, text, time


def token(anonymous: Vas) -> dict:
    return anonymous.post("/v2/auth/token", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})


def test_a_token_is_issued_for_json_and_for_the_oauth2_form(anonymous: Vas) -> None:
    issued = token(anonymous)
    check(issued, TOKEN)
    assert issued["scope"].split() == issued["scopes"]
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    check(anonymous.expect(200, "POST", "/v2/auth/token", data=form), TOKEN)
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    headers = {"Authorization": f"Basic {basic}"}
    check(anonymous.expect(200, "POST", "/v2/auth/token", data=form, headers=headers), TOKEN)


def test_fewer_scopes_may_be_asked_for_and_hold(anonymous: Vas) -> None:
    body = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "scopes": ["streams:read"]}
    issued = anonymous.post("/v2/auth/token", body)
    assert issued["scopes"] == ["streams:read"]
    reader = Vas(anonymous.document, issued["access_token"])
    reader.get("/v2/streams")
    answer = reader.call("POST", "/api/v1/devices", json={"name": "x", "rtsp_url": "rtsp://127.0.0.1/x"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"client_id": CLIENT_ID, "client_secret": "wrong"},
        {"client_id": "nobody", "client_secret": CLIENT_SECRET},
    ],
)
def test_a_wrong_id_or_secret_is_401(anonymous: Vas, body: dict) -> None:
    anonymous.expect(401, "POST", "/v2/auth/token", json=body)


def test_a_body_without_its_fields_is_422(anonymous: Vas) -> None:
    anonymous.wrong("POST", "/v2/auth/token", "client_id", json={"client_secret": "x"})


def test_refresh_tokens_rotate_and_reuse_revokes_the_family(anonymous: Vas) -> None:
    first = token(anonymous)
    second = anonymous.post("/v2/auth/token/refresh", {"refresh_token": first["refresh_token"]})
    check(second, TOKEN)
    assert second["refresh_token"] != first["refresh_token"]
    anonymous.expect(401, "POST", "/v2/auth/token/refresh", json={"refresh_token": first["refresh_token"]})
    anonymous.expect(401, "POST", "/v2/auth/token/refresh", json={"refresh_token": second["refresh_token"]})


def test_revoking_is_200_always_and_holds(anonymous: Vas) -> None:
    issued = token(anonymous)
    caller = Vas(anonymous.document, issued["access_token"])
    caller.get("/v2/streams")
    anonymous.expect(200, "POST", "/v2/auth/token/revoke", json={"token": issued["access_token"]})
    caller.get("/v2/streams", 401)
    anonymous.expect(200, "POST", "/v2/auth/token/revoke", json={"token": "nonsense"})


def test_an_admin_makes_clients(vas: Vas, anonymous: Vas) -> None:
    made = vas.post("/v2/auth/clients", {"client_id": "contract-reader", "scopes": ["streams:read"]}, 201)
    shape = {"client_id": "contract-reader", "client_secret": text, "scopes": ["streams:read"], "created_at": time}
    check(made, shape)
    body = {"client_id": "contract-reader", "client_secret": made["client_secret"]}
    reader = Vas(anonymous.document, anonymous.post("/v2/auth/token", body)["access_token"])
    reader.get("/api/v1/devices")
    assert reader.call("POST", "/v2/auth/clients", json={"client_id": "x", "scopes": []}).status_code == 403
    assert vas.call("POST", "/v2/auth/clients", json={"client_id": "contract-reader", "scopes": []}).status_code in (
        409,
        422,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/devices",
        "/v2/streams",
        "/v2/health/streams",
        "/v2/snapshots",
        "/v2/bookmarks",
        "/v2/system/stats",
        "/api/v1/recordings/streams",
        "/v2/auth/clients",
    ],
)
def test_nothing_is_told_without_credentials(anonymous: Vas, path: str) -> None:
    anonymous.get(path, 401)
    assert Vas(anonymous.document, "nonsense").call("GET", path).json()["error"] == "INVALID_TOKEN"

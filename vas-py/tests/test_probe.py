"""vas.probe against the test camera, against cameras that fail, and against none."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import vas

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CAMERA = TARGET / "debug" / "examples" / "test_camera"

#: Seconds that nothing here takes unless it hangs.
DEADLINE = 60.0


@contextmanager
def camera(*arguments: str) -> Iterator[str]:
    """A running test camera; gives the address of its stream."""
    assert CAMERA.exists(), "build it: cargo build -p vas-examples --example test_camera"
    command = [str(CAMERA), "--listen", "127.0.0.1:0", "--width", "320", "--height", "180", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/test"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with camera("--audio") as address:
        yield address


@pytest.mark.parametrize("transport", ["auto", "tcp", "udp"])
def test_describes_the_tracks(url: str, transport: str) -> None:
    found = vas.probe(url, timeout=DEADLINE, transport=transport)  # type: ignore[arg-type]
    video, audio = found.tracks
    assert (video.kind, video.codec, video.width, video.height) == ("video", "H264", 320, 180)
    assert video.profile_level_id is not None
    assert video.rfc6381 == f"avc1.{video.profile_level_id}"
    assert video.fps == pytest.approx(25, abs=1)
    assert (video.clock_rate, video.channels) == (90_000, None)
    assert (audio.kind, audio.codec, audio.clock_rate, audio.channels) == ("audio", "PCMU", 8_000, 1)
    assert (audio.width, audio.height, audio.fps) == (None, None, None)
    assert found.video_ssrc is not None
    assert "H264 320x180" in repr(found)


def test_credentials() -> None:
    with camera("--user", "operator", "--password", "correct horse") as address:
        bare = address.removeprefix("rtsp://")
        assert vas.probe(f"rtsp://operator:correct%20horse@{bare}", timeout=DEADLINE).tracks
        for wrong in (address, f"rtsp://operator:battery@{bare}"):
            with pytest.raises(vas.Unauthorized) as caught:
                vas.probe(wrong, timeout=DEADLINE)
            assert "battery" not in str(caught.value)


def test_a_path_that_is_not_there(url: str) -> None:
    with pytest.raises(vas.NotFound):
        vas.probe(url.replace("/test", "/nowhere"), timeout=DEADLINE)


def test_a_port_where_nobody_listens() -> None:
    # Bound and not listening: nobody else can take the port, and connecting is refused.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(vas.Unavailable):
            vas.probe(f"rtsp://127.0.0.1:{taken.getsockname()[1]}/test", timeout=DEADLINE)


def test_a_server_that_is_no_camera() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(vas.Protocol):
            vas.probe(f"rtsp://127.0.0.1:{server.getsockname()[1]}/test", timeout=DEADLINE)
        thread.join(DEADLINE)


def test_other_threads_run_while_a_silent_camera_times_out() -> None:
    """The probe ends by its timeout alone; its thread is only seen running if the interpreter is released."""
    with silent_server() as address:
        caught: list[BaseException] = []

        def probe() -> None:
            try:
                vas.probe(address, timeout=1.0)
            except vas.Timeout as error:
                caught.append(error)

        thread = threading.Thread(target=probe)
        thread.start()
        turns = 0
        while thread.is_alive():
            thread.join(0.01)
            turns += 1
        assert len(caught) == 1
        assert turns > 5


@pytest.mark.parametrize(
    ("address", "timeout", "transport"),
    [
        ("http://127.0.0.1/", 1.0, "auto"),
        ("rtsp://127.0.0.1:notaport/", 1.0, "auto"),
        ("rtsp://127.0.0.1/", 0.0, "auto"),
        ("rtsp://127.0.0.1/", -1.0, "auto"),
        ("rtsp://127.0.0.1/", float("nan"), "auto"),
        ("rtsp://127.0.0.1/", float("inf"), "auto"),
        ("rtsp://127.0.0.1/", 1.0, "pigeon"),
    ],
)
def test_arguments_that_are_wrong(address: str, timeout: float, transport: str) -> None:
    with pytest.raises(vas.InvalidInput):
        vas.probe(address, timeout=timeout, transport=transport)  # type: ignore[arg-type]


def test_every_exception_is_a_vas_error() -> None:
    kinds = (vas.InvalidInput, vas.NotFound, vas.Protocol, vas.Timeout, vas.Unauthorized, vas.Unavailable)
    assert all(issubclass(kind, vas.VasError) for kind in kinds)
    assert repr(vas.Timeout("late")) == "Timeout('late')"
    assert vas.Timeout.__module__ == "vas"


def test_ctrl_c_ends_the_wait() -> None:
    script = "import sys, vas; vas.probe(sys.argv[1], timeout=3600)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"rtsp://127.0.0.1:{server.getsockname()[1]}/test"
        command = [sys.executable, "-c", script, address]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            # Once it has connected, it waits.
            server.settimeout(DEADLINE)
            connection, _ = server.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=DEADLINE)
        assert "KeyboardInterrupt" in errors


def test_the_version() -> None:
    assert vas.__version__.count(".") == 2

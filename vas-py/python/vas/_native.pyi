from typing import Literal, final

__all__ = [
    "InvalidInput",
    "NotFound",
    "Probe",
    "Protocol",
    "Timeout",
    "Track",
    "Unauthorized",
    "Unavailable",
    "VasError",
    "__version__",
    "probe",
]

__version__: str

class VasError(Exception):
    """Base of all exceptions of this package."""

class InvalidInput(VasError):
    """An argument is wrong; the message says which part."""

class Timeout(VasError):
    """The camera did not answer in time."""

class Unauthorized(VasError):
    """User name or password is missing or wrong."""

class NotFound(VasError):
    """The camera has no such path."""

class Unavailable(VasError):
    """The camera can't be reached, or closed the connection."""

class Protocol(VasError):
    """The camera answers with something that is not understood or supported."""

@final
class Track:
    """A track that a camera offers."""

    @property
    def kind(self) -> Literal["video", "audio"]:
        """Whether it carries pictures or sound."""
    @property
    def codec(self) -> str:
        """The encoding name of its RTP payload format, such as ``H264``, ``H265`` or ``mpeg4-generic``."""
    @property
    def rfc6381(self) -> str | None:
        """Codec and profile as in RFC 6381, such as ``avc1.64001f``. None: the description lacks the parameter sets."""
    @property
    def profile_level_id(self) -> str | None:
        """H.264's ``profile-level-id`` (RFC 6184, section 8.1), six hexadecimal digits; None for other codecs."""
    @property
    def width(self) -> int | None:
        """Width in pixels; None when unknown, and for sound."""
    @property
    def height(self) -> int | None:
        """Height in pixels; None when unknown, and for sound."""
    @property
    def fps(self) -> float | None:
        """Pictures per second: as measured, else as declared; None when neither is known, and for sound."""
    @property
    def clock_rate(self) -> int:
        """Ticks per second of the track's clock."""
    @property
    def channels(self) -> int | None:
        """Channels of sound; None for pictures."""

@final
class Probe:
    """What a camera offers."""

    @property
    def tracks(self) -> list[Track]:
        """The tracks that VAS would read, video first."""
    @property
    def video_ssrc(self) -> int | None:
        """The synchronization source of the video's RTP packets (RFC 3550); None when none came in time."""

def probe(url: str, *, timeout: float = 10.0, transport: Literal["auto", "tcp", "udp"] = "auto") -> Probe:
    """Describe a camera, and listen for a moment to tell its real rate.

    Other threads run meanwhile, and Ctrl-C ends the wait with KeyboardInterrupt.

    :param url: The RTSP address, such as ``rtsp://user:password@10.0.0.5:554/path``.
    :param timeout: Seconds that it may take in all; above 0 and at most 3600.
    :param transport: How media travels: ``tcp``, ``udp``, or ``auto`` for TCP and, where the camera refuses it, UDP.
    :raises InvalidInput: An argument is wrong.
    :raises Timeout: The camera did not answer in time.
    :raises Unauthorized: User name or password is missing or wrong.
    :raises NotFound: The camera has no such path.
    :raises Unavailable: The camera can't be reached, or closed the connection.
    :raises Protocol: The camera answers with something that is not understood or supported.
    """

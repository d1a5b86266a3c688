"""VAS for Python: look at cameras.

    >>> import vas
    >>> found = vas.probe("rtsp://operator:secret@10.0.0.5/main", timeout=5)
    >>> [(track.codec, track.width, track.height) for track in found.tracks]
    [('H264', 1920, 1080)]

Every error is a :class:`VasError`; its subclasses say what kind of failure it is. Messages never hold a password.
"""

from ._native import (
    InvalidInput,
    NotFound,
    Probe,
    Protocol,
    Timeout,
    Track,
    Unauthorized,
    Unavailable,
    VasError,
    __version__,
    probe,
)

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

//! Cameras in: RTSP sessions under a supervisor, an RTSP server and the built-in test camera.

//! Programs to run, and waiting for conditions.

use std::ops::RangeBounds;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use vas_core::Credentials;
use vas_ingest::camera::{CameraSource, SyntheticConfig, TestCamera, TestCameraConfig};

/// No test waits longer than this for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a program to its end on a thread of its own; it is killed when it takes too long.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60", program]).args(arguments);
    let name = program.to_owned();
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{name} is needed for this test: {error}"))
}

/// The program's output, when it succeeded and had nothing to complain about.
pub(crate) fn clean(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.trim().is_empty(), "{}: {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// ffmpeg decodes `frames` pictures of `url` over `transport` without a complaint.
pub(crate) async fn decode(url: &str, transport: &str, frames: &str) {
    let input = ["-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url];
    let arguments = [&input[..], &["-frames:v", frames, "-f", "null", "-"]].concat();
    clean(&run("ffmpeg", &arguments).await);
}

/// GStreamer plays with these arguments of `gst-launch-1.0` up to the end that one of its elements makes, and writes so
/// many bytes to its standard output.
///
/// That is what it is judged by, not by what it says at its end: GStreamer 1.22 begins a PAUSE there and cancels it in
/// the same instant for the TEARDOWN. At times it then takes its own cancellation for the end of the file and fails,
/// though the TEARDOWN is answered on the same connection, or warns of signal handlers that are gone.
pub(crate) async fn gstreamer(arguments: &[&str], bytes: impl RangeBounds<usize>) {
    let output = run("gst-launch-1.0", &[&["-q"], arguments].concat()).await;
    let (written, errors) = (output.stdout.len(), String::from_utf8_lossy(&output.stderr));
    assert!(bytes.contains(&written), "{written} bytes, {}: {errors}", output.status);
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A small synthetic camera at `/test` with a key picture every 25 frames.
pub(crate) fn camera(auth: Option<Credentials>, audio: bool) -> TestCamera {
    let mut config = TestCameraConfig::new("127.0.0.1:0".parse().unwrap());
    let source = SyntheticConfig {
        width: 320,
        height: 180,
        keyframe_interval: 25,
        audio,
        ..SyntheticConfig::default()
    };
    config.sources.push(("test".into(), CameraSource::Synthetic(source)));
    config.auth = auth;
    TestCamera::start(config).unwrap()
}

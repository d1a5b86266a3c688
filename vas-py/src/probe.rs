//! `vas.probe` and what it returns.

use crate::errors::{InvalidInput, exception};
use crate::wait::wait;
use pyo3::{Bound, Py, PyResult, Python, pyclass, pyfunction, pymethods};
use std::time::Duration;
use vas_core::StreamId;
use vas_core::media::Codec;
use vas_ingest::{ProbedTrack, Source, TransportMode};

/// Longest time that a camera is waited for.
const MAX_TIMEOUT: Duration = Duration::from_secs(3_600);

/// What a camera offers.
#[pyclass(frozen, module = "vas")]
#[derive(Debug)]
pub(crate) struct Probe {
    tracks: Vec<Py<Track>>,
    #[pyo3(get)]
    video_ssrc: Option<u32>,
}

#[pymethods]
impl Probe {
    #[getter]
    fn tracks(&self, py: Python<'_>) -> Vec<Py<Track>> {
        self.tracks.iter().map(|track| track.clone_ref(py)).collect()
    }

    fn __repr__(&self) -> String {
        let tracks: Vec<_> = self.tracks.iter().map(|track| track.get().__repr__()).collect();
        format!("Probe([{}])", tracks.join(", "))
    }
}

/// A track that a camera offers.
#[pyclass(frozen, get_all, module = "vas")]
#[derive(Debug)]
pub(crate) struct Track {
    kind: &'static str,
    codec: &'static str,
    rfc6381: Option<String>,
    profile_level_id: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    clock_rate: u32,
    channels: Option<u8>,
}

#[pymethods]
impl Track {
    fn __repr__(&self) -> String {
        let size = self.width.zip(self.height).map(|(width, height)| format!(" {width}x{height}"));
        let fps = self.fps.map(|fps| format!(" {fps:.2} fps"));
        let channels = self.channels.map(|channels| format!(" {} Hz, channels: {channels}", self.clock_rate));
        let details = [size, fps, channels].map(Option::unwrap_or_default).concat();
        format!("Track({} {}{details})", self.kind, self.codec)
    }
}

impl From<ProbedTrack> for Track {
    fn from(track: ProbedTrack) -> Self {
        let text = |text: String| (!text.is_empty()).then_some(text);
        let number = |number: u32| (number > 0).then_some(number);
        Self {
            kind: if matches!(track.codec, Codec::Video(_)) { "video" } else { "audio" },
            codec: track.codec.encoding_name(),
            rfc6381: text(track.rfc6381),
            profile_level_id: text(track.profile_level_id),
            width: number(track.width),
            height: number(track.height),
            fps: track.fps,
            clock_rate: track.clock_rate,
            channels: (track.channels > 0).then_some(track.channels),
        }
    }
}

/// Describes a camera, and listens for a moment to tell its real rate.
#[pyfunction]
#[pyo3(signature = (url, *, timeout = 10.0, transport = "auto"))]
pub(crate) fn probe<'py>(
    py: Python<'py>,
    url: &str,
    timeout: f64,
    transport: &str,
) -> PyResult<Bound<'py, Probe>> {
    let timeout = Duration::try_from_secs_f64(timeout)
        .ok()
        .filter(|timeout| !timeout.is_zero() && *timeout <= MAX_TIMEOUT)
        .ok_or_else(|| InvalidInput::new_err("timeout must be above 0 and at most 3600 seconds"))?;
    let transport = match transport {
        "auto" => TransportMode::Auto,
        "tcp" => TransportMode::Tcp,
        "udp" => TransportMode::Udp,
        _ => return Err(InvalidInput::new_err("transport must be 'auto', 'tcp' or 'udp'")),
    };
    let source = Source::parse(StreamId::random(), "camera", url).map_err(|error| exception(&error))?;
    let source = source.with_transport(transport);
    let found =
        wait(py, async { vas_ingest::probe(&source, timeout).await.map_err(|error| exception(&error)) })?;
    let tracks = found.tracks.into_iter().map(|track| Py::new(py, Track::from(track)));
    let probe = Probe { tracks: tracks.collect::<PyResult<_>>()?, video_ssrc: found.video_ssrc };
    Bound::new(py, probe)
}

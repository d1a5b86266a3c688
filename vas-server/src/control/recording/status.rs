//! How the recording of a device goes.

use super::engine::{NotRecording, Running};
use super::{Recordings, is_recording};
use crate::config::RecordingMode;
use crate::db::RecordingOptions;
use vas_core::DeviceId;
use vas_record::recorder::RecorderStatus;

/// Names of layers, in their order.
const LAYERS: [&str; 2] = ["main", "sub"];

/// How the recording of a device goes.
#[derive(Clone, Debug)]
pub(crate) struct RecordingStatus {
    /// Whether media is being recorded now.
    pub(crate) active: bool,
    /// When it is recorded.
    pub(crate) mode: RecordingMode,
    /// Switched on or off by hand, whatever the mode is.
    pub(crate) by_hand: Option<bool>,
    /// What is recorded, or waits to be.
    pub(crate) layers: Vec<LayerStatus>,
    /// Why nothing is recorded that should be.
    pub(crate) problem: Option<String>,
}

/// How the recording of one layer goes.
#[derive(Clone, Debug)]
pub(crate) struct LayerStatus {
    /// `main` or `sub`.
    pub(crate) name: &'static str,
    /// Its figures.
    pub(crate) status: RecorderStatus,
}

impl Recordings {
    /// How the recording of a device goes. Asks no database: of a device whose stream does not run the mode is that of
    /// the settings.
    pub(crate) fn status(&self, device: DeviceId) -> RecordingStatus {
        let inner = &self.inner;
        let options = inner.followed.lock().get(&device).map(|followed| followed.options);
        self.status_with(device, options.unwrap_or_default())
    }

    /// The same with the device's options at hand.
    pub(crate) fn status_with(&self, device: DeviceId, options: RecordingOptions) -> RecordingStatus {
        let inner = &self.inner;
        let engine = self.engine();
        let layers = engine.as_ref().map(|engine| layers(engine, device)).unwrap_or_default();
        let failure = layers.iter().find_map(|layer| layer.status.last_error.clone());
        let (rules, now) = (self.rules(), inner.clock.wall());
        let wished = inner
            .followed
            .lock()
            .get(&device)
            .is_some_and(|followed| rules.wish(followed, now).iter().any(Option::is_some));
        let problem = match &engine {
            Err(error @ NotRecording::Failed(_)) if wished => Some(error.to_string()),
            _ => inner.problems.lock().get(&device).cloned().or(failure),
        };
        RecordingStatus {
            active: engine.is_ok_and(|engine| is_recording(&engine.recorder, device)),
            mode: rules.mode(options),
            by_hand: options.by_hand,
            layers,
            problem,
        }
    }
}

fn layers(engine: &Running, device: DeviceId) -> Vec<LayerStatus> {
    let layer =
        |(layer, name)| engine.recorder.status(device, layer).map(|status| LayerStatus { name, status });
    (0..).zip(LAYERS).filter_map(layer).collect()
}

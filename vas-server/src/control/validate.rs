//! Tries an address out before a device is made of it.

use super::Control;
use std::time::Duration;
use vas_core::StreamId;
use vas_core::model::CameraUrl;
use vas_ingest::{Probe, Source};

/// Bound of the whole trial; the answer must be there within 10 s.
const TRIAL: Duration = Duration::from_millis(9_000);

/// What came of a trial.
#[derive(Debug)]
pub(crate) enum Validation {
    /// The camera answered with media that can be used.
    Valid(Probe),
    /// It did not, or the address is none, for this reason.
    Invalid(String),
}

impl Control {
    /// Tries an address out. Never takes longer than 10 s.
    pub(crate) async fn validate(&self, name: &str, url: &str) -> Validation {
        let source = match CameraUrl::parse(url) {
            Ok(url) if url.has_mask() => {
                return Validation::Invalid("the password is masked; give the real one".to_owned());
            }
            Ok(url) => {
                Source::parse(StreamId::random(), name, url.expose()).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let source = match source {
            Ok(source) => source,
            Err(error) => return Validation::Invalid(error),
        };
        let trial = async {
            let _permit = self.inner.probes.acquire().await.expect("the semaphore is never closed");
            self.inner.supervisor.probe(&source, TRIAL).await
        };
        match tokio::time::timeout(TRIAL, trial).await {
            Ok(Ok(probe)) => Validation::Valid(probe),
            Ok(Err(error)) => Validation::Invalid(error.to_string()),
            Err(_) => Validation::Invalid("the camera did not answer in time".to_owned()),
        }
    }
}

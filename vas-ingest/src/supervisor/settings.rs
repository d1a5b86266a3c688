//! The limits and times in force, which may change while sources run.

use crate::config::IngestConfig;
use crate::limits::ConnectLimits;
use parking_lot::Mutex;
use std::sync::Arc;

/// What holds for all sources.
#[derive(Debug)]
pub(crate) struct Settings {
    current: Mutex<Current>,
}

/// What holds at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) config: Arc<IngestConfig>,
    pub(crate) limits: Arc<ConnectLimits>,
}

impl Current {
    fn new(config: IngestConfig) -> Self {
        let limits = Arc::new(ConnectLimits::new(config.max_connects, config.max_connects_per_host));
        Self { config: Arc::new(config), limits }
    }
}

impl Settings {
    pub(crate) fn new(config: IngestConfig) -> Self {
        Self { current: Mutex::new(Current::new(config)) }
    }

    pub(crate) fn current(&self) -> Current {
        self.current.lock().clone()
    }

    /// Replaces what holds. Where the numbers of connects changed, those under way count against the old ones.
    pub(crate) fn replace(&self, config: IngestConfig) {
        let mut current = self.current.lock();
        let numbers = |config: &IngestConfig| (config.max_connects, config.max_connects_per_host);
        if numbers(&current.config) == numbers(&config) {
            current.config = Arc::new(config);
        } else {
            *current = Current::new(config);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn slots_are_kept_unless_their_number_changes() {
        let settings = Settings::new(IngestConfig::default());
        let first = settings.current();
        let second = Duration::from_secs(1);
        settings.replace(IngestConfig { media_timeout: second, ..IngestConfig::default() });
        assert!(Arc::ptr_eq(&settings.current().limits, &first.limits));
        assert_eq!(settings.current().config.media_timeout, second);
        settings.replace(IngestConfig { max_connects: 1, ..IngestConfig::default() });
        assert!(!Arc::ptr_eq(&settings.current().limits, &first.limits));
    }
}

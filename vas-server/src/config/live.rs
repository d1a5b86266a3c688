//! The configuration in force, which changes while the server runs.

use super::sections::Config;
use std::sync::Arc;
use tokio::sync::watch;

/// The configuration in force. `Clone` hands out the same. What can't change while the server runs keeps the values of
/// the start.
#[derive(Clone, Debug)]
pub(crate) struct LiveConfig {
    current: Arc<watch::Sender<Arc<Config>>>,
}

impl LiveConfig {
    /// The configuration of the start.
    pub(crate) fn new(config: Config) -> Self {
        Self { current: Arc::new(watch::Sender::new(Arc::new(config))) }
    }

    /// What holds now.
    pub(crate) fn current(&self) -> Arc<Config> {
        self.current.borrow().clone()
    }

    /// What holds now and every change of it.
    #[cfg(test)]
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Config>> {
        self.current.subscribe()
    }

    /// Puts another configuration in force.
    pub(crate) fn replace(&self, config: Config) {
        self.current.send_replace(Arc::new(config));
    }
}

//! The VAS server: devices, streams, live video and the page to watch it.

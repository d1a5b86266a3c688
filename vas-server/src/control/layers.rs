//! A device's main and sub stream: two sources and two streams of the hub, of which the outside sees one.
//!
//! The main stream has the id under which the stream is stored and shown; the sub stream's follows from it. What
//! befalls the sub stream concerns nobody but its own source: the stream is what the main one is.

use super::{Control, ControlError, LiveIds};
use crate::db::{DeviceOptions, DeviceTransport};
use uuid::Uuid;
use vas_core::model::{Device, Reason, TenantId};
use vas_core::{DeviceId, StreamId};
use vas_ingest::{IngestStatus, Source, TransportMode};

/// What to do about an address that can't be decrypted.
const LOST: &str = "the camera's address can't be decrypted: the key that it was stored with is missing; put it back \
                    (secret.key in the data folder, or auth.old_secret_keys), or give the address anew";

/// Where the version stands in a uuid (RFC 9562, section 4.2).
const VERSION_SHIFT: u32 = 76;
/// Custom ids (RFC 9562, section 5.8). Ids of streams are of version 7, so none is ever a sub stream's.
const CUSTOM: u128 = 8;

/// The hub's id of the sub stream that belongs to a stream; the same for ever.
pub(crate) fn sub_stream(main: StreamId) -> StreamId {
    let bits = main.as_uuid().as_u128() & !(0xf << VERSION_SHIFT);
    Uuid::from_u128(bits | CUSTOM << VERSION_SHIFT).into()
}

/// Whether an id of the hub is a sub stream's.
pub(super) fn is_sub_stream(id: StreamId) -> bool {
    id.as_uuid().get_version_num() == CUSTOM as usize
}

/// Where a device's stream comes from.
#[derive(Debug)]
pub(super) struct Layers {
    tenant: TenantId,
    device: DeviceId,
    main: Source,
    sub: Option<Source>,
    options: DeviceOptions,
}

impl Layers {
    /// The sources of a device that feed `stream`. A sub stream whose address can't be read is left out: it was checked
    /// when it was given, and the main stream must not miss a start for it.
    pub(super) fn of(
        device: &Device,
        options: &DeviceOptions,
        stream: StreamId,
    ) -> Result<Self, ControlError> {
        let fields = &device.fields;
        let transport = match options.transport {
            DeviceTransport::Auto => TransportMode::Auto,
            DeviceTransport::Tcp => TransportMode::Tcp,
            DeviceTransport::Udp => TransportMode::Udp,
        };
        if fields.url.as_sealed().is_some() {
            return Err(ControlError::url("rtsp_url", &LOST));
        }
        let main = Source::parse(stream, fields.name.as_str(), fields.url.expose())
            .map_err(|error| ControlError::url("rtsp_url", &error))?
            .with_transport(transport);
        let sub = fields.sub_url.as_ref().and_then(|url| {
            Source::parse(sub_stream(stream), format!("{} (sub)", fields.name), url.expose())
                .inspect_err(
                    |error| tracing::error!(device = %device.id, %error, "the sub stream can't be read"),
                )
                .ok()
                .map(|source| source.with_transport(transport))
        });
        Ok(Self { tenant: device.tenant.clone(), device: device.id, main, sub, options: options.clone() })
    }

    pub(super) const fn stream(&self) -> StreamId {
        self.main.stream
    }

    pub(super) const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(super) const fn device(&self) -> DeviceId {
        self.device
    }

    pub(super) const fn options(&self) -> &DeviceOptions {
        &self.options
    }

    pub(super) fn is_publisher(&self) -> bool {
        self.main.is_publisher()
    }
}

impl Control {
    /// Starts what is to run of a stream, or leaves it asleep where it runs on demand. The caller holds the device's lock.
    pub(super) async fn run(&self, layers: Layers) -> LiveIds {
        if self.rests(&layers).await {
            self.inner.facts.follow(layers.main.stream, &layers.tenant, layers.device);
            return self.inner.live.open(layers.main.stream, layers.sub.map(|sub| sub.stream));
        }
        self.run_awake(layers).await
    }

    /// Starts a stream and makes it ready to be watched and recorded; a sub stream that it has no more is removed.
    /// Sources that run already go on where their address is the same.
    pub(super) async fn run_awake(&self, layers: Layers) -> LiveIds {
        let supervisor = &self.inner.supervisor;
        let (stream, sub) = (layers.main.stream, layers.sub.as_ref().map(|sub| sub.stream));
        // Before anything happens to it that is to be told.
        self.inner.facts.follow(stream, &layers.tenant, layers.device);
        supervisor.start(layers.main);
        match layers.sub {
            Some(sub) => supervisor.start(sub),
            None => drop(supervisor.remove(sub_stream(stream)).await),
        }
        let ids = self.inner.live.open(stream, sub);
        self.inner.recordings.follow(&layers.tenant, layers.device, stream, sub).await;
        ids
    }

    /// Stops a stream's sources; returns when both have ended.
    pub(super) async fn stop_layers(&self, id: StreamId) {
        let supervisor = &self.inner.supervisor;
        tokio::join!(supervisor.stop(id), supervisor.stop(sub_stream(id)));
    }

    /// Stops a stream's sources for a reason; returns when both have ended.
    pub(super) async fn rest_layers(&self, id: StreamId, reason: &Reason) {
        let supervisor = &self.inner.supervisor;
        tokio::join!(
            supervisor.stop_for(id, reason.clone()),
            supervisor.stop_for(sub_stream(id), reason.clone())
        );
    }

    /// Begins anew with a stream's sources.
    pub(super) async fn restart_layers(&self, id: StreamId) {
        let supervisor = &self.inner.supervisor;
        tokio::join!(supervisor.restart(id), supervisor.restart(sub_stream(id)));
    }

    /// Stops a stream's sources for good.
    pub(super) async fn remove_layers(&self, id: StreamId) {
        let supervisor = &self.inner.supervisor;
        tokio::join!(supervisor.remove(id), supervisor.remove(sub_stream(id)));
    }

    /// What the sub stream of a stream does; `None` when it has none that runs.
    pub(super) fn sub_status(&self, id: StreamId) -> Option<IngestStatus> {
        self.inner.supervisor.status(sub_stream(id)).filter(|status| status.state.is_active())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_a_sub_stream_of_its_own() {
        let [first, second] = [StreamId::random(), StreamId::random()];
        let sub = sub_stream(first);
        assert_eq!(sub, sub_stream(first));
        assert_ne!(sub, sub_stream(second));
        assert!(is_sub_stream(sub) && !is_sub_stream(first));
    }
}

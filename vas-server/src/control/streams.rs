//! Streams: starting, stopping, restarting, deleting, and what they are at the moment.

use super::layers::Layers;
use super::{Control, ControlError, LiveIds};
use std::collections::{HashMap, HashSet};
use vas_core::model::{Device, Reason, ReasonCode, StreamState, Transition};
use vas_core::ports::{Page, RepoError, StreamFilter, StreamRecord};
use vas_core::{DeviceId, StreamId, WallTime};
use vas_ingest::IngestStatus;

/// A stream that was told to run.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    /// The stream.
    pub(crate) stream: StreamRecord,
    /// Its ids in the media server.
    pub(crate) ids: LiveIds,
    /// Whether it ran already.
    pub(crate) ran: bool,
}

/// What a stream is at the moment.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    /// Its state.
    pub(crate) state: StreamState,
    /// What led to it.
    pub(crate) reason: Reason,
    /// Since when.
    pub(crate) since: WallTime,
    /// More of a stream that runs.
    pub(crate) ingest: Option<IngestStatus>,
    /// The same of its sub stream, where it has one.
    pub(crate) sub: Option<IngestStatus>,
}

/// A stream with its device and what it is at the moment.
#[derive(Clone, Debug)]
pub(crate) struct StreamInfo {
    /// The stream.
    pub(crate) stream: StreamRecord,
    /// Its device.
    pub(crate) device: Device,
    /// What it is at the moment.
    pub(crate) present: Present,
}

impl Control {
    /// Starts the device's stream; returns at once, whether or not the camera answers. One that runs goes on.
    pub(crate) async fn start(&self, device: DeviceId) -> Result<Started, ControlError> {
        self.start_named(device, None, false).await
    }

    /// Starts a stream of the device that does not run yet.
    pub(crate) async fn create(
        &self,
        device: DeviceId,
        name: Option<String>,
    ) -> Result<Started, ControlError> {
        self.start_named(device, name, true).await
    }

    async fn start_named(
        &self,
        device: DeviceId,
        name: Option<String>,
        must_be_new: bool,
    ) -> Result<Started, ControlError> {
        let this = self.clone();
        self.carry_through("start stream", async move {
            let inner = &this.inner;
            let _guard = inner.locks.lock(device).await;
            let device = this.device(device).await?;
            let present = inner.streams.of_device(this.tenant(), device.id).await?;
            let id = present.as_ref().map_or_else(StreamId::random, |stream| stream.id);
            let layers = Layers::of(&device, &this.options(device.id).await?, id)?;
            let (now, ran) = (inner.clock.wall(), present.as_ref().is_some_and(|stream| stream.wanted));
            let stream = match present {
                Some(stream) if stream.wanted && must_be_new => return Err(ControlError::Running(stream.id)),
                Some(stream) if stream.wanted => stream,
                Some(stream) => {
                    inner.streams.start(id, now).await?;
                    StreamRecord { wanted: true, started_at: now, stopped_at: None, ..stream }
                }
                None => {
                    let stream = StreamRecord {
                        id,
                        tenant: this.tenant().clone(),
                        device: device.id,
                        name,
                        wanted: true,
                        created_at: now,
                        started_at: now,
                        stopped_at: None,
                        closed: false,
                    };
                    inner.streams.insert(&stream).await?;
                    stream
                }
            };
            Ok(Started { ids: this.run(layers).await, stream, ran })
        })
        .await
    }

    /// Stops a stream and ends its viewers. Nothing happens to one that does not run.
    pub(crate) async fn stop(&self, id: StreamId) -> Result<(), ControlError> {
        let this = self.clone();
        self.carry_through("stop stream", async move {
            let inner = &this.inner;
            let stream = this.record(id).await?;
            let _guard = inner.locks.lock(stream.device).await;
            inner.streams.stop(id, inner.clock.wall()).await?;
            inner.demand.forget(id);
            inner.live.close(id);
            inner.recordings.leave(stream.device).await;
            this.stop_layers(id).await;
            Ok(())
        })
        .await
    }

    /// Begins anew with the camera; viewers stay. A stream that does not run is started.
    pub(crate) async fn restart(&self, device: DeviceId) -> Result<Started, ControlError> {
        let started = self.start(device).await?;
        if started.ran {
            let (this, id) = (self.clone(), started.stream.id);
            self.carry_through("restart stream", async move {
                let _guard = this.inner.locks.lock(device).await;
                // Unless it was stopped meanwhile.
                if this.record(id).await?.wanted {
                    this.restart_layers(id).await;
                }
                Ok(())
            })
            .await?;
        }
        Ok(started)
    }

    /// The devices whose stream is to run.
    pub(crate) async fn active_devices(&self) -> Result<HashSet<DeviceId>, ControlError> {
        let streams = self.inner.streams.list(self.tenant(), StreamFilter::default()).await?;
        Ok(streams.into_iter().filter(|stream| stream.wanted).map(|stream| stream.device).collect())
    }

    /// Deletes a stream for good. Nothing happens to one that was deleted.
    pub(crate) async fn delete_stream(&self, id: StreamId) -> Result<(), ControlError> {
        let this = self.clone();
        self.carry_through("delete stream", async move {
            let inner = &this.inner;
            let device = this.record(id).await?.device;
            let _guard = inner.locks.lock(device).await;
            let stream = this.record(id).await?;
            let before = this.present(&stream);
            let now = inner.clock.wall();
            inner.streams.close(id, now).await?;
            inner.demand.forget(id);
            inner.live.close(id);
            if !stream.closed {
                inner.recordings.leave(device).await;
            }
            let is_supervised = inner.supervisor.status(id).is_some();
            this.remove_layers(id).await;
            if !is_supervised && !stream.closed {
                // The supervisor tells of the streams it knows; this one was stopped before it was started.
                let reason = Reason::new(ReasonCode::Deleted, "deleted");
                let change = Transition { from: before.state, to: StreamState::Closed, reason, at: now };
                inner.facts.follow(id, &stream.tenant, device);
                this.tell_state(id, &change);
                inner.history.add(id, change);
            }
            Ok(())
        })
        .await
    }

    /// Starts what ran when the server was last stopped. How many streams that were.
    pub(crate) async fn resume(&self) -> Result<usize, RepoError> {
        let inner = &self.inner;
        let mut resumed = 0;
        for stream in inner.streams.wanted().await? {
            let Some(device) = inner.devices.get(&stream.tenant, stream.device).await? else { continue };
            let options = inner.options.get(&stream.tenant, device.id).await?;
            match Layers::of(&device, &options, stream.id) {
                Ok(layers) => {
                    self.run(layers).await;
                    resumed += 1;
                }
                Err(error) => tracing::error!(device = %device.id, %error, "the stream can't be started"),
            }
        }
        Ok(resumed + self.autostart().await)
    }

    /// Starts what is to run whenever the server does, also where it was stopped. How many streams that were.
    async fn autostart(&self) -> usize {
        let mut started = 0;
        let devices = self.inner.options.autostarting().await;
        let devices =
            devices.inspect_err(|error| tracing::error!(%error, "what starts with the server can't be read"));
        for (tenant, device) in devices.unwrap_or_default() {
            match self.of_tenant(tenant).start(device).await {
                Ok(Started { ran, .. }) => started += usize::from(!ran),
                Err(error) => tracing::error!(%device, %error, "the stream can't be started"),
            }
        }
        started
    }

    /// The stream with its device and its present state, also one that was deleted.
    pub(crate) async fn stream(&self, id: StreamId) -> Result<StreamInfo, ControlError> {
        let stream = self.record(id).await?;
        let device = self.device(stream.device).await?;
        Ok(self.info(stream, device))
    }

    /// The device's stream, if it has one that was not deleted.
    pub(crate) async fn stream_of(&self, device: DeviceId) -> Result<Option<StreamRecord>, ControlError> {
        self.sight().must_see(device)?;
        Ok(self.inner.streams.of_device(self.tenant(), device).await?)
    }

    /// Streams in the order of their creation, with their devices.
    pub(crate) async fn streams(&self, filter: StreamFilter) -> Result<Vec<StreamInfo>, ControlError> {
        let inner = &self.inner;
        let records = inner.streams.list(self.tenant(), filter).await?;
        let all = Page { offset: 0, limit: u64::MAX };
        let devices = inner.devices.list(self.tenant(), all).await?;
        let seen = devices.into_iter().filter(|device| self.sight().devices.contains(device.id));
        let mut devices: HashMap<_, _> = seen.map(|device| (device.id, device)).collect();
        // A device has at most one stream that is not closed, so most devices are used once; closed ones need copies.
        let take = |stream: StreamRecord| {
            let device = if filter.with_closed {
                devices.get(&stream.device).cloned()
            } else {
                devices.remove(&stream.device)
            };
            device.map(|device| self.info(stream, device))
        };
        Ok(records.into_iter().filter_map(take).collect())
    }

    /// The newest changes of a stream's state, the newest first.
    pub(crate) async fn history(&self, id: StreamId, limit: u64) -> Result<Vec<Transition>, ControlError> {
        self.record(id).await?;
        Ok(self.inner.streams.history(id, limit).await?)
    }

    /// The stream that an id names which is a stream's or its device's; `None` for a device without one.
    pub(crate) async fn resolve(
        &self,
        id: uuid::Uuid,
    ) -> Result<(DeviceId, Option<StreamRecord>), ControlError> {
        match self.record(id.into()).await {
            Ok(stream) => Ok((stream.device, Some(stream))),
            Err(ControlError::NoStream) => {
                let device = self.device(id.into()).await.map_err(|error| match error {
                    ControlError::NoDevice => ControlError::NoStream,
                    other => other,
                })?;
                Ok((device.id, self.stream_of(device.id).await?))
            }
            Err(error) => Err(error),
        }
    }

    fn info(&self, stream: StreamRecord, device: Device) -> StreamInfo {
        let present = self.present(&stream);
        StreamInfo { stream, device, present }
    }

    async fn record(&self, id: StreamId) -> Result<StreamRecord, ControlError> {
        let found = self.inner.streams.get(self.tenant(), id).await?;
        found.filter(|stream| self.sight().devices.contains(stream.device)).ok_or(ControlError::NoStream)
    }

    /// What is wanted decides whether a stream runs; of one that does, the supervisor knows more.
    pub(crate) fn present(&self, stream: &StreamRecord) -> Present {
        let still = |state, code, text: &str, since| Present {
            state,
            reason: Reason::new(code, text),
            since,
            ingest: None,
            sub: None,
        };
        let since = stream.stopped_at.unwrap_or(stream.created_at);
        if stream.closed {
            return still(StreamState::Closed, ReasonCode::Deleted, "deleted", since);
        }
        if !stream.wanted {
            return still(StreamState::Stopped, ReasonCode::Stopped, "stopped", since);
        }
        if self.inner.demand.is_asleep(stream.id) {
            let text = "the stream starts when somebody watches it";
            return still(StreamState::Initializing, ReasonCode::Idle, text, stream.started_at);
        }
        match self.inner.supervisor.status(stream.id) {
            // Between the decision in the database and the supervisor's acting on it.
            Some(status) if !status.state.is_active() => {
                still(StreamState::Initializing, ReasonCode::Started, "started", stream.started_at)
            }
            Some(status) => Present {
                state: status.state,
                reason: status.reason.clone(),
                since: status.since,
                ingest: Some(status),
                sub: self.sub_status(stream.id),
            },
            None => still(StreamState::Initializing, ReasonCode::Started, "started", stream.started_at),
        }
    }
}

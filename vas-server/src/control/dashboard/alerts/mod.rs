//! Alerts: what needs attention, found out from how things are, opened and closed by themselves, kept over restarts, and
//! acknowledged by each account for itself.

mod board;
mod conditions;
mod watch;

use super::account_of;
use crate::auth::Subject;
use crate::control::events::Topic;
use crate::control::{Control, ControlError};
use crate::db::{Ack, Alert, AlertId, Severity};
use crate::rfc3339::time;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;
use vas_core::ports::{Page, RepoError};
use vas_core::{DeviceId, StreamId, WallTime};

/// Every code, so that alerts of an earlier version are told from those of this one.
const CODES: [&str; 11] = [
    "CAMERA_ERROR",
    "RECORDING_FAILED",
    "RECORDING_GAP",
    "PACKET_LOSS",
    "KEYFRAME_INTERVAL",
    "B_FRAMES",
    "CLOCK_DRIFT",
    "STORAGE_UNAVAILABLE",
    "SERVER_OVERLOADED",
    "RETENTION_CUT_SHORT",
    "DISK_NEARLY_FULL",
];
/// Alerts in one answer at most.
const MAX_LISTED: u64 = 2_000;
/// Closed alerts are shown for so long, in microseconds.
const SHOWN: i64 = 7 * 86_400_000_000;

/// An alert as it is answered and told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AlertView {
    #[schema(value_type = String, format = "uuid")]
    pub(crate) id: AlertId,
    /// Null: it is about the server.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(crate) device_id: Option<DeviceId>,
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(crate) stream_id: Option<StreamId>,
    /// The device's name, while there is one.
    pub(crate) name: Option<String>,
    pub(crate) severity: Severity,
    /// What it is, for programs, such as `CAMERA_ERROR`.
    pub(crate) code: String,
    /// What it is, for people.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) action: String,
    /// Since when (RFC 3339).
    #[schema(format = "date-time")]
    pub(crate) since: String,
    /// Until when; null while it lasts.
    #[schema(format = "date-time")]
    pub(crate) until: Option<String>,
    /// When the caller acknowledged it; null: not yet.
    pub(crate) acknowledged: Option<AckView>,
}

/// That the caller has seen an alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AckView {
    #[schema(format = "date-time")]
    pub(crate) at: String,
    pub(crate) by: String,
}

/// What became of an alert, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertEventType {
    /// It began.
    Opened,
    /// It says something else.
    Changed,
    /// It ended.
    Closed,
    /// Somebody acknowledged it.
    Acknowledged,
}

/// `alert`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AlertEvent {
    #[serde(rename = "type")]
    pub(crate) kind: AlertEventType,
    /// The alert; `acknowledged` is that of who acknowledged it, and null in other events.
    pub(crate) alert: AlertView,
}

pub(super) fn view(alert: Alert, name: Option<String>, ack: Option<Ack>) -> AlertView {
    AlertView {
        id: alert.id,
        device_id: alert.device,
        stream_id: alert.stream,
        name,
        severity: alert.severity,
        code: alert.code,
        text: alert.text,
        action: alert.action,
        since: time(alert.since),
        until: alert.until.map(time),
        acknowledged: ack.map(|ack| AckView { at: time(ack.at), by: ack.by }),
    }
}

impl Control {
    /// The alerts that this caller sees, the newest first: those that last, and with `closed` those that ended lately.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn alerts(
        &self,
        subject: &Subject,
        closed: bool,
    ) -> Result<Vec<AlertView>, ControlError> {
        let now = self.inner.clock.wall();
        let since = if closed { now.add_micros(-SHOWN) } else { WallTime::from_unix_micros(i64::MAX) };
        let found = self.alerts_before(Some(since), now.add_micros(1), MAX_LISTED).await?;
        let ids: Vec<_> = found.iter().map(|alert| alert.id).collect();
        let mut seen = self.dashboard().alert_repo().acknowledged(&ids, &account_of(subject)).await?;
        let names = self.device_names().await?;
        let shown = found.into_iter().map(|alert| {
            let name = alert.device.and_then(|device| names.get(&device).cloned());
            let ack = seen.remove(&alert.id);
            view(alert, name, ack)
        });
        Ok(shown.collect())
    }

    /// Alerts of this caller's sight that began before a time.
    pub(super) async fn alerts_before(
        &self,
        ended_since: Option<WallTime>,
        before: WallTime,
        limit: u64,
    ) -> Result<Vec<Alert>, RepoError> {
        let repo = self.dashboard().alert_repo();
        let mut found = repo.list(self.tenant(), ended_since, before, limit).await?;
        let devices = &self.sight().devices;
        // What is about the server concerns those who see all of it.
        found.retain(|alert| match alert.device {
            Some(device) => devices.contains(device),
            None => self.sight().only().is_none(),
        });
        Ok(found)
    }

    /// Notes that this caller has seen an alert.
    ///
    /// # Errors
    /// There is no such alert; the database failed.
    pub(crate) async fn acknowledge(
        &self,
        id: AlertId,
        subject: &Subject,
    ) -> Result<AlertView, ControlError> {
        let repo = self.dashboard().alert_repo();
        let unknown = ControlError::Repo(RepoError::NotFound { what: "alert" });
        let alert = repo.get(self.tenant(), id).await?.ok_or(unknown)?;
        let seen = match alert.device {
            Some(device) => self.sight().devices.contains(device),
            None => self.sight().only().is_none(),
        };
        if !seen {
            return Err(ControlError::Repo(RepoError::NotFound { what: "alert" }));
        }
        let account = account_of(subject);
        let ack = Ack { by: self.sight().name.to_string(), at: self.inner.clock.wall() };
        repo.acknowledge(id, &account, &ack).await?;
        // The first time counts.
        let ack = repo.acknowledged(&[id], &account).await?.remove(&id);
        let names = self.device_names().await?;
        let name = alert.device.and_then(|device| names.get(&device).cloned());
        let (tenant, device) = (alert.tenant.clone(), alert.device);
        let shown = view(alert, name, ack);
        let event = AlertEvent { kind: AlertEventType::Acknowledged, alert: shown.clone() };
        self.events().publish(Topic::Alert, Some(&tenant), device, &event);
        Ok(shown)
    }

    /// The names of the devices that this caller sees.
    pub(super) async fn device_names(&self) -> Result<HashMap<DeviceId, String>, ControlError> {
        let devices = self.devices(Page { offset: 0, limit: u64::MAX }).await?;
        Ok(devices.into_iter().map(|device| (device.id, device.fields.name)).collect())
    }
}

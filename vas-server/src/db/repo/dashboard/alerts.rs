//! Alerts and who has seen them.

use crate::db::convert::{rows, store_error};
use crate::db::entity::dashboard::{alert, alert_ack};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;
use vas_core::model::TenantId;
use vas_core::ports::RepoError;
use vas_core::{DeviceId, StreamId, WallTime};

vas_core::uuid_id! {
    /// Something that needs, or needed, attention.
    AlertId
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Good to know.
    Info,
    /// Something will fail, or is not as it should be.
    Warning,
    /// Something has failed.
    Critical,
}

impl Severity {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Info, "info"), (Self::Warning, "warning"), (Self::Critical, "critical")];

    /// Its name in the database and in answers.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("info", |(_, name)| name)
    }

    fn named(text: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == text).map_or(Self::Info, |(severity, _)| *severity)
    }
}

/// Something that needs, or needed, attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    /// Its id.
    pub(crate) id: AlertId,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The device that it is about; `None`: the server.
    pub(crate) device: Option<DeviceId>,
    /// Its stream.
    pub(crate) stream: Option<StreamId>,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What it is, for programs.
    pub(crate) code: String,
    /// What it is, for people.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) action: String,
    /// Since when.
    pub(crate) since: WallTime,
    /// Until when; `None` while it lasts.
    pub(crate) until: Option<WallTime>,
}

/// That somebody has seen an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// What that one is called.
    pub(crate) by: String,
    /// When.
    pub(crate) at: WallTime,
}

/// The alerts of all tenants.
#[derive(Clone, Debug)]
pub(crate) struct SqlAlerts {
    pools: Pools,
}

impl SqlAlerts {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Stores an alert, or what it has become.
    pub(crate) async fn put(&self, alert: &Alert) -> Result<(), RepoError> {
        use alert::Column::{Action, Severity, Text, UntilUs};
        let replace = OnConflict::column(alert::Column::Id)
            .update_columns([Severity, Text, Action, UntilUs])
            .to_owned();
        let attempt = || {
            let query = alert::Entity::insert(row(alert)).on_conflict(replace.clone());
            query.exec_without_returning(&self.pools.write)
        };
        let done = patiently(attempt).await;
        done.map(drop).map_err(store_error)
    }

    /// Those that last, of all tenants, the oldest first.
    pub(crate) async fn open(&self, limit: u64) -> Result<Vec<Alert>, RepoError> {
        let query = alert::Entity::find()
            .filter(alert::Column::UntilUs.is_null())
            .order_by_asc(alert::Column::Id)
            .limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(alert).collect())
    }

    /// Those of a tenant that began before `before`, the newest first. `ended_since`: only those that last, or ended no
    /// earlier.
    pub(crate) async fn list(
        &self,
        tenant: &TenantId,
        ended_since: Option<WallTime>,
        before: WallTime,
        limit: u64,
    ) -> Result<Vec<Alert>, RepoError> {
        let until = alert::Column::UntilUs;
        let lasting = ended_since
            .map(|time| Condition::any().add(until.is_null()).add(until.gte(time.as_unix_micros())));
        let query = alert::Entity::find()
            .filter(alert::Column::TenantId.eq(tenant.as_str()))
            .filter(alert::Column::SinceUs.lt(before.as_unix_micros()))
            .filter(Condition::all().add_option(lasting))
            .order_by_desc(alert::Column::SinceUs)
            .order_by_desc(alert::Column::Id)
            .limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(alert).collect())
    }

    /// One of a tenant's.
    pub(crate) async fn get(&self, tenant: &TenantId, id: AlertId) -> Result<Option<Alert>, RepoError> {
        let query =
            alert::Entity::find_by_id(id.as_uuid()).filter(alert::Column::TenantId.eq(tenant.as_str()));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(alert))
    }

    /// Notes that somebody has seen one; the first time counts.
    pub(crate) async fn acknowledge(&self, id: AlertId, subject: &str, ack: &Ack) -> Result<(), RepoError> {
        let row = alert_ack::ActiveModel {
            alert_id: Set(id.as_uuid()),
            subject: Set(subject.to_owned()),
            name: Set(ack.by.clone()),
            at_us: Set(ack.at.as_unix_micros()),
        };
        let known = OnConflict::columns([alert_ack::Column::AlertId, alert_ack::Column::Subject])
            .do_nothing()
            .to_owned();
        let attempt = || {
            let query = alert_ack::Entity::insert(row.clone()).on_conflict(known.clone());
            query.exec_without_returning(&self.pools.write)
        };
        let done = patiently(attempt).await;
        done.map(drop).map_err(store_error)
    }

    /// Which of these somebody has seen.
    pub(crate) async fn acknowledged(
        &self,
        ids: &[AlertId],
        subject: &str,
    ) -> Result<HashMap<AlertId, Ack>, RepoError> {
        let mut found = HashMap::new();
        for chunk in ids.chunks(super::super::CHUNK) {
            let query = alert_ack::Entity::find()
                .filter(alert_ack::Column::AlertId.is_in(chunk.iter().map(|id| id.as_uuid())))
                .filter(alert_ack::Column::Subject.eq(subject));
            let rows = self.pools.all(&query).await.map_err(store_error)?;
            found.extend(rows.into_iter().map(|row| {
                let ack = Ack { by: row.name, at: WallTime::from_unix_micros(row.at_us) };
                (AlertId::from(row.alert_id), ack)
            }));
        }
        Ok(found)
    }

    /// Forgets what ended before a time.
    pub(crate) async fn forget(&self, ended_before: WallTime) -> Result<(), RepoError> {
        let old = alert::Column::UntilUs.lt(ended_before.as_unix_micros());
        let query = alert::Entity::delete_many().filter(old);
        let done = patiently(|| query.clone().exec(&self.pools.write)).await;
        done.map(drop).map_err(store_error)
    }
}

fn row(alert: &Alert) -> alert::ActiveModel {
    alert::ActiveModel {
        id: Set(alert.id.as_uuid()),
        tenant_id: Set(alert.tenant.as_str().to_owned()),
        device_id: Set(alert.device.map(DeviceId::as_uuid)),
        stream_id: Set(alert.stream.map(StreamId::as_uuid)),
        severity: Set(alert.severity.name().to_owned()),
        code: Set(alert.code.clone()),
        text: Set(alert.text.clone()),
        action: Set(alert.action.clone()),
        since_us: Set(alert.since.as_unix_micros()),
        until_us: Set(alert.until.map(WallTime::as_unix_micros)),
    }
}

fn alert(row: alert::Model) -> Alert {
    Alert {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        device: row.device_id.map(DeviceId::from),
        stream: row.stream_id.map(StreamId::from),
        severity: Severity::named(&row.severity),
        code: row.code,
        text: row.text,
        action: row.action,
        since: WallTime::from_unix_micros(row.since_us),
        until: row.until_us.map(WallTime::from_unix_micros),
    }
}

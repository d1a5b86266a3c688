//! Exports: clips of several cameras that are made together.

use crate::db::convert::{rows, store_error};
use crate::db::entity::dashboard::export::{ActiveModel, Column, Entity, Model};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vas_core::model::{TenantId, WallRange};
use vas_core::ports::RepoError;
use vas_core::{DeviceId, StreamId, WallTime};

vas_core::uuid_id! {
    /// Clips that are made together.
    ExportId
}

/// How far an export, or a file of one, has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportStatus {
    /// It waits for its turn.
    Queued,
    /// It is being made.
    Running,
    /// It can be fetched.
    Ready,
    /// It can't be made; it says why.
    Failed,
}

impl ExportStatus {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Queued, "queued"),
        (Self::Running, "running"),
        (Self::Ready, "ready"),
        (Self::Failed, "failed"),
    ];

    /// Its name in the database and in answers.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("failed", |(_, name)| name)
    }

    fn named(text: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == text).map_or(Self::Failed, |(status, _)| *status)
    }

    /// Whether it is neither ready nor failed.
    pub(crate) const fn is_pending(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// Several clips of the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    /// Its id.
    pub(crate) id: ExportId,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// What somebody calls it.
    pub(crate) name: String,
    /// Who asked for it.
    pub(crate) created_by: String,
    /// The time that its clips show.
    pub(crate) span: WallRange,
    /// How far it has come.
    pub(crate) status: ExportStatus,
    /// Why it failed, when it did.
    pub(crate) problem: Option<String>,
    /// Its clips.
    pub(crate) files: Vec<ExportFile>,
    /// When it was asked for.
    pub(crate) created_at: WallTime,
    /// When it is deleted.
    pub(crate) expires_at: WallTime,
}

/// A clip of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportFile {
    /// Its name, which no other file of the export has.
    pub(crate) name: String,
    /// The stream.
    pub(crate) stream: StreamId,
    /// The stream's device.
    pub(crate) device: DeviceId,
    /// How far it has come.
    pub(crate) status: ExportStatus,
    /// Its bytes, when it is ready.
    pub(crate) bytes: Option<u64>,
    /// Why it failed, when it did.
    pub(crate) problem: Option<String>,
}

/// The exports of all tenants.
#[derive(Clone, Debug)]
pub(crate) struct SqlExports {
    pools: Pools,
}

impl SqlExports {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Adds one.
    pub(crate) async fn insert(&self, export: &Export) -> Result<(), RepoError> {
        let query = Entity::insert(row(export)?);
        query.exec_without_returning(&self.pools.write).await.map(drop).map_err(store_error)
    }

    /// Stores what has become of one. Whether it is still there.
    pub(crate) async fn update(&self, export: &Export) -> Result<bool, RepoError> {
        let query = Entity::update_many().set(row(export)?).filter(Column::Id.eq(export.id.as_uuid()));
        Ok(self.pools.change(&query).await.map_err(store_error)? > 0)
    }

    /// One of a tenant's.
    pub(crate) async fn get(&self, tenant: &TenantId, id: ExportId) -> Result<Option<Export>, RepoError> {
        let query = Entity::find_by_id(id.as_uuid()).filter(Column::TenantId.eq(tenant.as_str()));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(export))
    }

    /// A tenant's, the newest first.
    pub(crate) async fn list(&self, tenant: &TenantId, limit: u64) -> Result<Vec<Export>, RepoError> {
        // Ids are uuids of version 7: they sort by creation.
        let query = Entity::find()
            .filter(Column::TenantId.eq(tenant.as_str()))
            .order_by_desc(Column::Id)
            .limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(export).collect())
    }

    /// How many there are, of all tenants.
    pub(crate) async fn count(&self) -> Result<u64, RepoError> {
        patiently(|| Entity::find().count(&self.pools.read)).await.map_err(store_error)
    }

    /// Those that are to be made, or were being made when the server stopped, the oldest first.
    pub(crate) async fn pending(&self, limit: u64) -> Result<Vec<Export>, RepoError> {
        let pending = [ExportStatus::Queued, ExportStatus::Running].map(ExportStatus::name);
        let query =
            Entity::find().filter(Column::Status.is_in(pending)).order_by_asc(Column::Id).limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(export).collect())
    }

    /// Those whose time is over.
    pub(crate) async fn expired(&self, now: WallTime, limit: u64) -> Result<Vec<Export>, RepoError> {
        let query = Entity::find().filter(Column::ExpiresUs.lte(now.as_unix_micros())).limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(export).collect())
    }

    /// Drops one, after its files are gone.
    pub(crate) async fn remove(&self, id: ExportId) -> Result<(), RepoError> {
        let query = Entity::delete_by_id(id.as_uuid());
        let done = patiently(|| query.clone().exec(&self.pools.write)).await;
        done.map(drop).map_err(store_error)
    }
}

fn row(export: &Export) -> Result<ActiveModel, RepoError> {
    let files = serde_json::to_string(&export.files).map_err(|error| RepoError::Store(Box::new(error)))?;
    Ok(ActiveModel {
        id: Set(export.id.as_uuid()),
        tenant_id: Set(export.tenant.as_str().to_owned()),
        name: Set(export.name.clone()),
        created_by: Set(export.created_by.clone()),
        start_us: Set(export.span.start.as_unix_micros()),
        end_us: Set(export.span.end.as_unix_micros()),
        status: Set(export.status.name().to_owned()),
        problem: Set(export.problem.clone()),
        files: Set(files),
        created_us: Set(export.created_at.as_unix_micros()),
        expires_us: Set(export.expires_at.as_unix_micros()),
    })
}

fn export(row: Model) -> Export {
    let at = WallTime::from_unix_micros;
    Export {
        id: row.id.into(),
        tenant: TenantId::new(row.tenant_id),
        name: row.name,
        created_by: row.created_by,
        span: WallRange::new(at(row.start_us), at(row.end_us)),
        status: ExportStatus::named(&row.status),
        problem: row.problem,
        // What a later version wrote may not be readable here; the export is then one without files.
        files: serde_json::from_str(&row.files).unwrap_or_default(),
        created_at: at(row.created_us),
        expires_at: at(row.expires_us),
    }
}

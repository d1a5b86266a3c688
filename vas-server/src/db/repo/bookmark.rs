//! Bookmarks in the database.

use super::CHUNK;
use super::capture::{Joined, known_device, must_have_met};
use crate::db::convert::{bookmark, bookmark_row, rows, span, store_error, tags_text};
use crate::db::entity::bookmark::{ActiveModel, Column, Entity};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use async_trait::async_trait;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, UpdateMany,
};
use vas_core::model::{Bookmark, BookmarkChange, CaptureStatus, StoredFile, TenantId, WallRange};
use vas_core::ports::{BookmarkFilter, BookmarkRepo, Page, RepoError};
use vas_core::{BookmarkId, DeviceId};

/// [`BookmarkRepo`] on the database.
#[derive(Clone, Debug)]
pub struct SqlBookmarks {
    pools: Pools,
}

impl SqlBookmarks {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Changes what is known of a bookmark that is not deleted.
    async fn change(&self, id: BookmarkId, columns: ActiveModel) -> Result<(), RepoError> {
        let query = Entity::update_many().set(columns).filter(Column::Id.eq(id.as_uuid()));
        let query = query.filter(Column::Deleted.eq(false));
        must_have_met(self.pools.change(&query).await, "bookmark")
    }

    async fn spans(&self, query: Select<Entity>) -> Result<Vec<(DeviceId, WallRange)>, RepoError> {
        let query = query
            .select_only()
            .columns([Column::DeviceId, Column::StartUs, Column::EndUs])
            .filter(Column::Deleted.eq(false))
            .filter(Column::Status.ne(CaptureStatus::Failed.as_str()))
            .order_by_asc(Column::DeviceId)
            .order_by_asc(Column::StartUs);
        let found = patiently(|| query.clone().into_model::<SpanRow>().all(&self.pools.read)).await;
        let found = found.map_err(store_error)?.into_iter();
        let mut joined = Joined::default();
        found.for_each(|row| joined.push(row.device_id.into(), span(row.start_us, row.end_us)));
        Ok(joined.into_inner())
    }
}

#[derive(FromQueryResult)]
struct SpanRow {
    device_id: Uuid,
    start_us: i64,
    end_us: i64,
}

fn one(tenant: &TenantId, id: BookmarkId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.as_uuid()))
        .add(Column::TenantId.eq(tenant.as_str()))
        .add(Column::Deleted.eq(false))
}

fn passing(tenant: &TenantId, filter: &BookmarkFilter) -> Condition {
    let micros = |time: vas_core::WallTime| time.as_unix_micros();
    Condition::all()
        .add(Column::TenantId.eq(tenant.as_str()))
        .add(Column::Deleted.eq(false))
        .add_option(filter.device.map(|device| Column::DeviceId.eq(device.as_uuid())))
        .add_option(filter.among.as_ref().map(|among| among_devices(among)))
        .add_option(filter.stream.map(|stream| Column::StreamId.eq(stream.as_uuid())))
        .add_option(filter.event_type.as_ref().map(|event| Column::EventType.eq(event)))
        .add_option(filter.created_by.as_ref().map(|maker| Column::CreatedBy.eq(maker)))
        .add_option(filter.source.map(|source| Column::Source.eq(source.as_str())))
        .add_option(filter.start_after.map(|time| Column::StartUs.gte(micros(time))))
        .add_option(filter.start_before.map(|time| Column::StartUs.lt(micros(time))))
        .add_option(filter.created_before.map(|time| Column::CreatedUs.lt(micros(time))))
        .add_option(filter.text.as_deref().map(holding))
        .add_option(filter.tag.as_deref().map(|tag| like(Column::Tags, &tags_text(&[tag.to_owned()])[1..])))
}

/// Bookmarks that hold a text, in lower or upper case, where people look for it.
fn holding(text: &str) -> Condition {
    let text = text.to_lowercase();
    let lower = |column: Column| {
        let pattern = LikeExpr::new(format!("%{}%", escaped(&text))).escape('\\');
        Expr::expr(Func::lower(Expr::col(column))).like(pattern)
    };
    Condition::any().add(lower(Column::Label)).add(lower(Column::EventType)).add(lower(Column::Tags))
}

/// `quoted` is a JSON text with the bracket that ends its array.
fn like(column: Column, quoted: &str) -> SimpleExpr {
    let quoted = quoted.trim_end_matches(']');
    Expr::col(column).like(LikeExpr::new(format!("%{}%", escaped(quoted))).escape('\\'))
}

/// A text that stands for itself in a pattern.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn among_devices(among: &[DeviceId]) -> SimpleExpr {
    Column::DeviceId.is_in(among.iter().map(|device| device.as_uuid()))
}

/// Marks as deleted what a condition finds.
pub(super) fn marking(which: Condition) -> UpdateMany<Entity> {
    Entity::update_many().set(ActiveModel { deleted: Set(true), ..Default::default() }).filter(which)
}

#[async_trait]
impl BookmarkRepo for SqlBookmarks {
    async fn insert(&self, bookmark: &Bookmark) -> Result<(), RepoError> {
        let transaction = self.pools.begin().await.map_err(store_error)?;
        known_device(&transaction, bookmark.device).await?;
        Entity::insert(bookmark_row(bookmark))
            .exec_without_returning(&transaction)
            .await
            .map_err(store_error)?;
        transaction.commit().await.map_err(store_error)
    }

    async fn get(&self, tenant: &TenantId, id: BookmarkId) -> Result<Option<Bookmark>, RepoError> {
        let query = Entity::find().filter(one(tenant, id));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(bookmark))
    }

    async fn list(
        &self,
        tenant: &TenantId,
        filter: &BookmarkFilter,
        page: Page,
    ) -> Result<(Vec<Bookmark>, u64), RepoError> {
        let query = Entity::find().filter(passing(tenant, filter));
        let total = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        // Ids are uuids of version 7: they sort by creation.
        let query = query.order_by_desc(Column::Id).offset(rows(page.offset)).limit(rows(page.limit));
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok((found.into_iter().map(bookmark).collect(), total))
    }

    async fn update(
        &self,
        tenant: &TenantId,
        id: BookmarkId,
        change: &BookmarkChange,
    ) -> Result<Bookmark, RepoError> {
        let columns = ActiveModel {
            label: change.label.clone().map_or(NotSet, Set),
            event_type: change.event_type.clone().map_or(NotSet, Set),
            tags: change.tags.as_ref().map_or(NotSet, |tags| Set(tags_text(tags))),
            metadata: change.metadata.clone().map_or(NotSet, Set),
            ..Default::default()
        };
        if *change != BookmarkChange::default() {
            let query = Entity::update_many().set(columns).filter(one(tenant, id));
            must_have_met(self.pools.change(&query).await, "bookmark")?;
        }
        self.get(tenant, id).await?.ok_or(RepoError::NotFound { what: "bookmark" })
    }

    async fn ready(
        &self,
        id: BookmarkId,
        video: &StoredFile,
        thumbnail: Option<&StoredFile>,
    ) -> Result<(), RepoError> {
        let bytes = |file: &StoredFile| i64::try_from(file.bytes).unwrap_or(i64::MAX);
        let columns = ActiveModel {
            status: Set(CaptureStatus::Ready.as_str().to_owned()),
            problem: Set(None),
            video_key: Set(Some(video.key.clone())),
            video_bytes: Set(Some(bytes(video))),
            thumbnail_key: Set(thumbnail.map(|file| file.key.clone())),
            thumbnail_bytes: Set(thumbnail.map(bytes)),
            ..Default::default()
        };
        self.change(id, columns).await
    }

    async fn fail(&self, id: BookmarkId, problem: &str) -> Result<(), RepoError> {
        let columns = ActiveModel {
            status: Set(CaptureStatus::Failed.as_str().to_owned()),
            problem: Set(Some(problem.to_owned())),
            ..Default::default()
        };
        self.change(id, columns).await
    }

    async fn unfinished(&self, after: Option<BookmarkId>, limit: u64) -> Result<Vec<Bookmark>, RepoError> {
        let query = Entity::find()
            .filter(Column::Deleted.eq(false))
            .filter(Column::Status.eq(CaptureStatus::Processing.as_str()))
            .apply_if(after, |query, after| query.filter(Column::Id.gt(after.as_uuid())))
            .order_by_asc(Column::Id)
            .limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(bookmark).collect())
    }

    async fn pinned(&self, device: DeviceId, range: WallRange) -> Result<Vec<WallRange>, RepoError> {
        let query = Entity::find()
            .filter(Column::DeviceId.eq(device.as_uuid()))
            .filter(Column::StartUs.lt(range.end.as_unix_micros()))
            .filter(Column::EndUs.gt(range.start.as_unix_micros()));
        Ok(self.spans(query).await?.into_iter().map(|(_, span)| span).collect())
    }

    async fn all_pinned(&self) -> Result<Vec<(DeviceId, WallRange)>, RepoError> {
        self.spans(Entity::find()).await
    }

    async fn delete(&self, tenant: &TenantId, id: BookmarkId) -> Result<Option<Bookmark>, RepoError> {
        let Some(bookmark) = self.get(tenant, id).await? else { return Ok(None) };
        self.pools.change(&marking(one(tenant, id))).await.map_err(store_error)?;
        Ok(Some(bookmark))
    }

    async fn deleted(&self, limit: u64) -> Result<Vec<Bookmark>, RepoError> {
        let query = Entity::find().filter(Column::Deleted.eq(true)).limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.into_iter().map(bookmark).collect())
    }

    async fn remove(&self, ids: &[BookmarkId]) -> Result<(), RepoError> {
        for chunk in ids.chunks(CHUNK) {
            let ids = Column::Id.is_in(chunk.iter().map(|id| id.as_uuid()));
            let query = Entity::delete_many().filter(ids).filter(Column::Deleted.eq(true));
            patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        }
        Ok(())
    }
}

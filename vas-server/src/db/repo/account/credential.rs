//! What proves accounts: keys, refresh tokens, sessions, signing keys; and what was taken back.

use crate::auth::Revocation;
use crate::auth::model::{ApiKey, Owner, RefreshToken, Session, SigningKey};
use crate::db::convert::account as convert;
use crate::db::convert::{rows, store_error, write_error};
use crate::db::entity::account::{api_key, refresh_token, revocation, session, signing_key};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::ports::{Page, RepoError};

/// The credentials of all accounts.
#[derive(Clone, Debug)]
pub(crate) struct SqlCredentials {
    pools: Pools,
}

impl SqlCredentials {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Adds a key.
    pub(crate) async fn insert_key(&self, key: &ApiKey) -> Result<(), RepoError> {
        let row = api_key::Entity::insert(convert::key_row(key));
        row.exec_without_returning(&self.pools.write).await.map_err(store_error)?;
        Ok(())
    }

    /// The key of an id.
    pub(crate) async fn key(&self, id: Uuid) -> Result<Option<ApiKey>, RepoError> {
        Ok(self.pools.one(&api_key::Entity::find_by_id(id)).await.map_err(store_error)?.map(convert::key))
    }

    /// The keys of an account in the order of their creation, and how many there are.
    pub(crate) async fn keys(&self, owner: Owner, page: Page) -> Result<(Vec<ApiKey>, u64), RepoError> {
        let query = api_key::Entity::find().filter(api_key::Column::OwnerId.eq(owner.id()));
        let total = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        let query = query.order_by_asc(api_key::Column::Id).offset(rows(page.offset)).limit(rows(page.limit));
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok((found.into_iter().map(convert::key).collect(), total))
    }

    /// Notes when a key was used.
    pub(crate) async fn key_used(&self, id: Uuid, at: WallTime) -> Result<(), RepoError> {
        let columns =
            api_key::ActiveModel { last_used_us: Set(Some(at.as_unix_micros())), ..Default::default() };
        let query = api_key::Entity::update_many().set(columns).filter(api_key::Column::Id.eq(id));
        self.pools.change(&query).await.map_err(store_error)?;
        Ok(())
    }

    /// Deletes a key. Whether there was one.
    pub(crate) async fn delete_key(&self, id: Uuid) -> Result<bool, RepoError> {
        let query = api_key::Entity::delete_by_id(id);
        let done = patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(done.rows_affected > 0)
    }

    /// Adds a refresh token.
    pub(crate) async fn insert_refresh(&self, token: &RefreshToken) -> Result<(), RepoError> {
        let row = refresh_token::Entity::insert(convert::refresh_row(token));
        row.exec_without_returning(&self.pools.write).await.map_err(store_error)?;
        Ok(())
    }

    /// The refresh token of a hash.
    pub(crate) async fn refresh_of(&self, hash: &str) -> Result<Option<RefreshToken>, RepoError> {
        let query = refresh_token::Entity::find().filter(refresh_token::Column::Hash.eq(hash));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(convert::refresh))
    }

    /// Uses a refresh token up and adds the one in its place, both or neither. `false`: it was used up already, be it at
    /// this very moment.
    pub(crate) async fn rotate(
        &self,
        used: Uuid,
        at: WallTime,
        next: &RefreshToken,
    ) -> Result<bool, RepoError> {
        let transaction = self.pools.begin().await.map_err(store_error)?;
        let columns =
            refresh_token::ActiveModel { used_us: Set(Some(at.as_unix_micros())), ..Default::default() };
        let marked = refresh_token::Entity::update_many()
            .set(columns)
            .filter(refresh_token::Column::Id.eq(used))
            .filter(refresh_token::Column::UsedUs.is_null())
            .exec(&transaction)
            .await
            .map_err(store_error)?;
        if marked.rows_affected == 0 {
            return Ok(false);
        }
        let row = refresh_token::Entity::insert(convert::refresh_row(next));
        row.exec_without_returning(&transaction).await.map_err(store_error)?;
        transaction.commit().await.map_err(store_error)?;
        Ok(true)
    }

    /// Deletes a family of refresh tokens.
    pub(crate) async fn delete_family(&self, family: Uuid) -> Result<(), RepoError> {
        let query = refresh_token::Entity::delete_many().filter(refresh_token::Column::Family.eq(family));
        patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(())
    }

    /// Adds a session.
    pub(crate) async fn insert_session(&self, session: &Session) -> Result<(), RepoError> {
        let row = session::Entity::insert(convert::session_row(session));
        row.exec_without_returning(&self.pools.write).await.map_err(store_error)?;
        Ok(())
    }

    /// The session of a cookie's hash.
    pub(crate) async fn session_of(&self, hash: &str) -> Result<Option<Session>, RepoError> {
        let query = session::Entity::find().filter(session::Column::Hash.eq(hash));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(convert::session))
    }

    /// Notes when a session was used.
    pub(crate) async fn session_seen(&self, id: Uuid, at: WallTime) -> Result<(), RepoError> {
        let columns = session::ActiveModel { last_seen_us: Set(at.as_unix_micros()), ..Default::default() };
        let query = session::Entity::update_many().set(columns).filter(session::Column::Id.eq(id));
        self.pools.change(&query).await.map_err(store_error)?;
        Ok(())
    }

    /// Deletes a session. Whether there was one.
    pub(crate) async fn delete_session(&self, id: Uuid) -> Result<bool, RepoError> {
        let query = session::Entity::delete_by_id(id);
        let done = patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(done.rows_affected > 0)
    }

    /// Deletes all sessions of a user.
    pub(crate) async fn delete_sessions(&self, user: Uuid) -> Result<(), RepoError> {
        let query = session::Entity::delete_many().filter(session::Column::UserId.eq(user));
        patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(())
    }

    /// Stores what is taken back, in the place of what was known of the same id.
    pub(crate) async fn revoke(&self, revocation: &Revocation) -> Result<(), RepoError> {
        let replace = OnConflict::column(revocation::Column::Id)
            .update_columns([revocation::Column::Epoch, revocation::Column::ExpiresUs])
            .to_owned();
        let insert =
            || revocation::Entity::insert(convert::revocation_row(revocation)).on_conflict(replace.clone());
        patiently(|| insert().exec_without_returning(&self.pools.write)).await.map_err(store_error)?;
        Ok(())
    }

    /// What was taken back and has not expired.
    pub(crate) async fn revocations(&self, now: WallTime) -> Result<Vec<Revocation>, RepoError> {
        let after = revocation::Column::ExpiresUs.gt(now.as_unix_micros());
        let found = self.pools.all(&revocation::Entity::find().filter(after)).await.map_err(store_error)?;
        Ok(found.iter().map(convert::revocation).collect())
    }

    /// Adds a signing key.
    ///
    /// # Errors
    /// [`RepoError::Taken`] for `kid`.
    pub(crate) async fn insert_signing_key(&self, key: &SigningKey) -> Result<(), RepoError> {
        let row = signing_key::Entity::insert(convert::signing_key_row(key));
        row.exec_without_returning(&self.pools.write)
            .await
            .map_err(|error| write_error(error, |_| "kid", "tenant"))?;
        Ok(())
    }

    /// The signing keys, the newest first.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<SigningKey>, RepoError> {
        let query = signing_key::Entity::find().order_by_desc(signing_key::Column::CreatedUs);
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok(found.into_iter().map(convert::signing_key).collect())
    }

    /// Deletes signing keys that were made before a time.
    pub(crate) async fn delete_signing_keys(&self, before: WallTime) -> Result<(), RepoError> {
        let old = signing_key::Column::CreatedUs.lt(before.as_unix_micros());
        let query = signing_key::Entity::delete_many().filter(old);
        patiently(|| query.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(())
    }

    /// Deletes what has expired.
    pub(crate) async fn prune(&self, now: WallTime) -> Result<(), RepoError> {
        let now = now.as_unix_micros();
        let tokens = refresh_token::Entity::delete_many().filter(refresh_token::Column::ExpiresUs.lt(now));
        patiently(|| tokens.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        let sessions = session::Entity::delete_many().filter(session::Column::ExpiresUs.lt(now));
        patiently(|| sessions.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        let revoked = revocation::Entity::delete_many().filter(revocation::Column::ExpiresUs.lt(now));
        patiently(|| revoked.clone().exec(&self.pools.write)).await.map_err(store_error)?;
        Ok(())
    }
}

//! Accounts in the database: users and clients.

mod audit;
mod credential;
#[cfg(test)]
mod tests;

pub(crate) use audit::SqlAudit;
pub(crate) use credential::SqlCredentials;

use crate::auth::Role;
use crate::auth::model::{Client, User};
use crate::db::convert::account::{client, client_row, user, user_row};
use crate::db::convert::{rows, store_error, write_error};
use crate::db::entity::account::{api_key, client as clients, refresh_token, session, user as users};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
use vas_core::WallTime;
use vas_core::model::TenantId;
use vas_core::ports::{Page, RepoError};

/// The users and clients of all tenants.
#[derive(Clone, Debug)]
pub(crate) struct SqlAccounts {
    pools: Pools,
}

impl SqlAccounts {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`RepoError::Taken`] for `username` when another user of whatever tenant has the name.
    pub(crate) async fn insert_user(&self, user: &User) -> Result<(), RepoError> {
        let row = users::Entity::insert(user_row(user));
        row.exec_without_returning(&self.pools.write)
            .await
            .map_err(|error| write_error(error, |_| "username", "tenant"))?;
        Ok(())
    }

    /// The user of an id.
    pub(crate) async fn user(&self, id: Uuid) -> Result<Option<User>, RepoError> {
        Ok(self.pools.one(&users::Entity::find_by_id(id)).await.map_err(store_error)?.map(user))
    }

    /// The user of a name.
    pub(crate) async fn user_of_name(&self, name: &str) -> Result<Option<User>, RepoError> {
        let query = users::Entity::find().filter(users::Column::Name.eq(name));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(user))
    }

    /// The tenant's users in the order of their creation, and how many there are.
    pub(crate) async fn users(&self, tenant: &TenantId, page: Page) -> Result<(Vec<User>, u64), RepoError> {
        let query = users::Entity::find().filter(users::Column::TenantId.eq(tenant.as_str()));
        let total = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        let query = query.order_by_asc(users::Column::Id).offset(rows(page.offset)).limit(rows(page.limit));
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok((found.into_iter().map(user).collect(), total))
    }

    /// How many admins of a tenant can sign in.
    pub(crate) async fn admins(&self, tenant: &TenantId) -> Result<u64, RepoError> {
        let query = users::Entity::find()
            .filter(users::Column::TenantId.eq(tenant.as_str()))
            .filter(users::Column::Role.eq(Role::Admin.name()))
            .filter(users::Column::Disabled.eq(false));
        patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)
    }

    /// Whether there is any user at all.
    pub(crate) async fn has_users(&self) -> Result<bool, RepoError> {
        Ok(self.pools.one(&users::Entity::find()).await.map_err(store_error)?.is_some())
    }

    /// Stores a user as it is now. Whether it is still there.
    ///
    /// # Errors
    /// As for [`insert_user`](Self::insert_user).
    pub(crate) async fn update_user(&self, user: &User) -> Result<bool, RepoError> {
        let query = users::Entity::update_many().set(user_row(user)).filter(users::Column::Id.eq(user.id));
        let changed = self.pools.change(&query).await;
        Ok(changed.map_err(|error| write_error(error, |_| "username", "tenant"))? > 0)
    }

    /// Notes when a user signed in.
    pub(crate) async fn signed_in(&self, id: Uuid, at: WallTime) -> Result<(), RepoError> {
        let columns = users::ActiveModel {
            last_login_us: sea_orm::ActiveValue::Set(Some(at.as_unix_micros())),
            ..Default::default()
        };
        let query = users::Entity::update_many().set(columns).filter(users::Column::Id.eq(id));
        self.pools.change(&query).await.map_err(store_error)?;
        Ok(())
    }

    /// Deletes a user with its keys and sessions. Whether there was one.
    pub(crate) async fn delete_user(&self, id: Uuid) -> Result<bool, RepoError> {
        let transaction = self.pools.begin().await.map_err(store_error)?;
        let sessions = session::Entity::delete_many().filter(session::Column::UserId.eq(id));
        sessions.exec(&transaction).await.map_err(store_error)?;
        let keys = api_key::Entity::delete_many().filter(api_key::Column::OwnerId.eq(id));
        keys.exec(&transaction).await.map_err(store_error)?;
        let deleted = users::Entity::delete_by_id(id).exec(&transaction).await.map_err(store_error)?;
        transaction.commit().await.map_err(store_error)?;
        Ok(deleted.rows_affected > 0)
    }

    /// Adds a client.
    ///
    /// # Errors
    /// [`RepoError::Taken`] for `client_id` when another client of whatever tenant has it.
    pub(crate) async fn insert_client(&self, client: &Client) -> Result<(), RepoError> {
        let row = clients::Entity::insert(client_row(client));
        row.exec_without_returning(&self.pools.write)
            .await
            .map_err(|error| write_error(error, |_| "client_id", "tenant"))?;
        Ok(())
    }

    /// The client of an id.
    pub(crate) async fn client(&self, id: Uuid) -> Result<Option<Client>, RepoError> {
        Ok(self.pools.one(&clients::Entity::find_by_id(id)).await.map_err(store_error)?.map(client))
    }

    /// The client of a `client_id`.
    pub(crate) async fn client_of_name(&self, name: &str) -> Result<Option<Client>, RepoError> {
        let query = clients::Entity::find().filter(clients::Column::Name.eq(name));
        Ok(self.pools.one(&query).await.map_err(store_error)?.map(client))
    }

    /// The tenant's clients in the order of their creation, and how many there are.
    pub(crate) async fn clients(
        &self,
        tenant: &TenantId,
        page: Page,
    ) -> Result<(Vec<Client>, u64), RepoError> {
        let query = clients::Entity::find().filter(clients::Column::TenantId.eq(tenant.as_str()));
        let total = patiently(|| query.clone().count(&self.pools.read)).await.map_err(store_error)?;
        let query = query.order_by_asc(clients::Column::Id).offset(rows(page.offset)).limit(rows(page.limit));
        let found = self.pools.all(&query).await.map_err(store_error)?;
        Ok((found.into_iter().map(client).collect(), total))
    }

    /// Deletes a client with its keys and tokens. Whether there was one.
    pub(crate) async fn delete_client(&self, id: Uuid) -> Result<bool, RepoError> {
        let transaction = self.pools.begin().await.map_err(store_error)?;
        let tokens = refresh_token::Entity::delete_many().filter(refresh_token::Column::ClientId.eq(id));
        tokens.exec(&transaction).await.map_err(store_error)?;
        let keys = api_key::Entity::delete_many().filter(api_key::Column::OwnerId.eq(id));
        keys.exec(&transaction).await.map_err(store_error)?;
        let deleted = clients::Entity::delete_by_id(id).exec(&transaction).await.map_err(store_error)?;
        transaction.commit().await.map_err(store_error)?;
        Ok(deleted.rows_affected > 0)
    }
}

//! Accounts, what proves them, what was taken back, and who did what.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, pk_uuid, string, string_null, text, text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    TenantId,
    Name,
    Password,
    Role,
    Devices,
    Disabled,
    Epoch,
    CreatedUs,
    UpdatedUs,
    LastLoginUs,
}

#[derive(DeriveIden)]
enum Clients {
    Table,
    Id,
    TenantId,
    Name,
    Secret,
    Scopes,
    Devices,
    Epoch,
    CreatedUs,
    ExpiresUs,
}

#[derive(DeriveIden)]
enum ApiKeys {
    Table,
    Id,
    TenantId,
    OwnerKind,
    OwnerId,
    Name,
    Hash,
    Scopes,
    CreatedUs,
    ExpiresUs,
    LastUsedUs,
}

#[derive(DeriveIden)]
enum RefreshTokens {
    Table,
    Id,
    Family,
    TenantId,
    ClientId,
    Hash,
    Scopes,
    Epoch,
    ExpiresUs,
    UsedUs,
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    Id,
    TenantId,
    UserId,
    Hash,
    CreatedUs,
    ExpiresUs,
    LastSeenUs,
}

#[derive(DeriveIden)]
enum Revocations {
    Table,
    Id,
    Epoch,
    ExpiresUs,
}

#[derive(DeriveIden)]
enum SigningKeys {
    Table,
    Id,
    Algorithm,
    Sealed,
    CreatedUs,
}

#[derive(DeriveIden)]
enum AuditEntries {
    Table,
    Id,
    TenantId,
    AtUs,
    Actor,
    Action,
    Target,
    Allowed,
    Address,
}

fn unique(name: &str, table: impl IntoTableRef, column: impl IntoIden) -> IndexCreateStatement {
    Index::create().name(name).table(table).col(column.into_iden()).unique().to_owned()
}

fn index(name: &str, table: impl IntoTableRef, columns: &[DynIden]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column.clone());
    }
    index
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [accounts(), credentials(), records()].concat() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AuditEntries::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(SigningKeys::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Revocations::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Sessions::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(RefreshTokens::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(ApiKeys::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Clients::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Users::Table).to_owned()).await?;
        Ok(())
    }
}

/// Who there is.
fn accounts() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table(Users::Table)
            .col(pk_uuid(Users::Id))
            .col(string(Users::TenantId))
            .col(string(Users::Name))
            .col(string(Users::Password))
            .col(string(Users::Role))
            .col(text_null(Users::Devices))
            .col(boolean(Users::Disabled))
            .col(big_integer(Users::Epoch))
            .col(big_integer(Users::CreatedUs))
            .col(big_integer_null(Users::UpdatedUs))
            .col(big_integer_null(Users::LastLoginUs))
            .to_owned(),
        Table::create()
            .table(Clients::Table)
            .col(pk_uuid(Clients::Id))
            .col(string(Clients::TenantId))
            .col(string(Clients::Name))
            .col(string(Clients::Secret))
            .col(string(Clients::Scopes))
            .col(text_null(Clients::Devices))
            .col(big_integer(Clients::Epoch))
            .col(big_integer(Clients::CreatedUs))
            .col(big_integer_null(Clients::ExpiresUs))
            .to_owned(),
    ]
}

/// What proves them.
fn credentials() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table(ApiKeys::Table)
            .col(pk_uuid(ApiKeys::Id))
            .col(string(ApiKeys::TenantId))
            .col(string(ApiKeys::OwnerKind))
            .col(uuid(ApiKeys::OwnerId))
            .col(string(ApiKeys::Name))
            .col(string(ApiKeys::Hash))
            .col(string(ApiKeys::Scopes))
            .col(big_integer(ApiKeys::CreatedUs))
            .col(big_integer_null(ApiKeys::ExpiresUs))
            .col(big_integer_null(ApiKeys::LastUsedUs))
            .to_owned(),
        Table::create()
            .table(RefreshTokens::Table)
            .col(pk_uuid(RefreshTokens::Id))
            .col(uuid(RefreshTokens::Family))
            .col(string(RefreshTokens::TenantId))
            .col(uuid(RefreshTokens::ClientId))
            .col(string(RefreshTokens::Hash))
            .col(string(RefreshTokens::Scopes))
            .col(big_integer(RefreshTokens::Epoch))
            .col(big_integer(RefreshTokens::ExpiresUs))
            .col(big_integer_null(RefreshTokens::UsedUs))
            .to_owned(),
        Table::create()
            .table(Sessions::Table)
            .col(pk_uuid(Sessions::Id))
            .col(string(Sessions::TenantId))
            .col(uuid(Sessions::UserId))
            .col(string(Sessions::Hash))
            .col(big_integer(Sessions::CreatedUs))
            .col(big_integer(Sessions::ExpiresUs))
            .col(big_integer(Sessions::LastSeenUs))
            .to_owned(),
    ]
}

/// What holds for all of them, and what is kept of what happened.
fn records() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table(Revocations::Table)
            .col(pk_uuid(Revocations::Id))
            .col(big_integer(Revocations::Epoch))
            .col(big_integer(Revocations::ExpiresUs))
            .to_owned(),
        Table::create()
            .table(SigningKeys::Table)
            .col(string(SigningKeys::Id).primary_key())
            .col(string(SigningKeys::Algorithm))
            .col(text(SigningKeys::Sealed))
            .col(big_integer(SigningKeys::CreatedUs))
            .to_owned(),
        Table::create()
            .table(AuditEntries::Table)
            .col(pk_uuid(AuditEntries::Id))
            .col(string(AuditEntries::TenantId))
            .col(big_integer(AuditEntries::AtUs))
            .col(string(AuditEntries::Actor))
            .col(string(AuditEntries::Action))
            .col(text_null(AuditEntries::Target))
            .col(boolean(AuditEntries::Allowed))
            .col(string_null(AuditEntries::Address))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        unique("users_name", Users::Table, Users::Name),
        unique("clients_name", Clients::Table, Clients::Name),
        index("api_keys_owner", ApiKeys::Table, &[ApiKeys::OwnerId.into_iden()]),
        unique("refresh_tokens_hash", RefreshTokens::Table, RefreshTokens::Hash),
        index("refresh_tokens_family", RefreshTokens::Table, &[RefreshTokens::Family.into_iden()]),
        index("refresh_tokens_client", RefreshTokens::Table, &[RefreshTokens::ClientId.into_iden()]),
        index("refresh_tokens_expiry", RefreshTokens::Table, &[RefreshTokens::ExpiresUs.into_iden()]),
        unique("sessions_hash", Sessions::Table, Sessions::Hash),
        index("sessions_user", Sessions::Table, &[Sessions::UserId.into_iden()]),
        index("sessions_expiry", Sessions::Table, &[Sessions::ExpiresUs.into_iden()]),
        index("revocations_expiry", Revocations::Table, &[Revocations::ExpiresUs.into_iden()]),
        index(
            "audit_entries_tenant",
            AuditEntries::Table,
            &[AuditEntries::TenantId.into_iden(), AuditEntries::Id.into_iden()],
        ),
        index("audit_entries_at", AuditEntries::Table, &[AuditEntries::AtUs.into_iden()]),
    ]
}

//! Brings the encryption of cameras' addresses up to date when a database is opened: what an older version wrote in
//! plain text, and what was encrypted with a key that is no longer in use.
//!
//! Row by row, each in one statement that changes nothing where the row is no longer what was read. Ended at any point,
//! it goes on at the next start.

use super::convert::{UrlColumn, url_digest};
use super::entity::device::{Column, Entity, Model};
use super::pools::Pools;
use crate::keyring::{Keyring, UnsealError, is_sealed};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use std::collections::BTreeMap;

/// What has to be told of the rows that were looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Rows that were in plain text.
    pub(super) from_plain: usize,
    /// Rows that were encrypted with an older key.
    pub(super) from_older: usize,
    /// Rows that can't be decrypted, by the missing key; those that are damaged under no key.
    pub(super) unreadable: BTreeMap<Option<String>, usize>,
}

/// Encrypts what is not yet encrypted with the key in use.
pub(super) async fn bring_up_to_date(pools: &Pools, keys: &Keyring) -> Result<Sealed, DbErr> {
    let mut sealed = Sealed::default();
    for row in pools.all(&Entity::find()).await? {
        let urls = [(UrlColumn::Main, Some(&row.rtsp_url)), (UrlColumn::Sub, row.sub_rtsp_url.as_ref())];
        let was_plain = urls.iter().any(|(_, text)| text.is_some_and(|text| !is_sealed(text)));
        let is_current = urls.iter().all(|(_, text)| text.is_none_or(|text| keys.is_current(text)));
        let opened = urls.map(|(column, text)| text.map(|text| open(keys, column, &row, text)).transpose());
        let [Ok(main), Ok(sub)] = opened else {
            let missing = opened.into_iter().find_map(|opened| match opened {
                Err(UnsealError::UnknownKey(id)) => Some(id),
                _ => None,
            });
            *sealed.unreadable.entry(missing).or_default() += 1;
            continue;
        };
        if is_current && row.rtsp_url_digest.is_some() {
            continue;
        }
        write(pools, keys, &row, &main.unwrap_or_default(), sub.as_deref()).await?;
        *(if was_plain { &mut sealed.from_plain } else { &mut sealed.from_older }) += 1;
    }
    if sealed.from_plain > 0 {
        forget_plain(pools).await;
    }
    sealed.tell();
    Ok(sealed)
}

/// The address in a column; in plain text it stands there as it is.
fn open(keys: &Keyring, column: UrlColumn, row: &Model, text: &str) -> Result<String, UnsealError> {
    if is_sealed(text) { keys.unseal(&column.place(row.id), text) } else { Ok(text.to_owned()) }
}

async fn write(
    pools: &Pools,
    keys: &Keyring,
    row: &Model,
    main: &str,
    sub: Option<&str>,
) -> Result<(), DbErr> {
    let seal = |column: UrlColumn, text| keys.seal(&column.place(row.id), text);
    let query = Entity::update_many()
        .col_expr(Column::RtspUrl, Expr::value(seal(UrlColumn::Main, main)))
        .col_expr(Column::SubRtspUrl, Expr::value(sub.map(|sub| seal(UrlColumn::Sub, sub))))
        .col_expr(Column::RtspUrlDigest, Expr::value(url_digest(keys, &row.tenant_id, main)))
        .filter(Column::Id.eq(row.id))
        .filter(Column::RtspUrl.eq(row.rtsp_url.as_str()));
    let query = match &row.sub_rtsp_url {
        Some(sub) => query.filter(Column::SubRtspUrl.eq(sub.as_str())),
        None => query.filter(Column::SubRtspUrl.is_null()),
    };
    pools.change(&query).await.map(drop)
}

/// Both databases leave what was overwritten in their files until the place is used again. It is no reason not to start
/// that it can't be removed.
async fn forget_plain(pools: &Pools) {
    let statements: &[&str] = match pools.write.get_database_backend() {
        // The log of changes holds the pages of before as well.
        DbBackend::Sqlite => &["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"],
        DbBackend::Postgres => &["VACUUM FULL devices"],
        _ => &[],
    };
    for statement in statements {
        if let Err(error) = pools.write.execute_unprepared(statement).await {
            tracing::warn!(%error, "the database's file may still hold cameras' passwords in plain text");
        }
    }
}

impl Sealed {
    fn tell(&self) {
        if self.from_plain + self.from_older > 0 {
            let Self { from_plain, from_older, .. } = self;
            tracing::info!(from_plain, from_older, "addresses of cameras were encrypted with the key in use");
        }
        for (key, cameras) in &self.unreadable {
            match key {
                Some(key) => tracing::error!(
                    cameras,
                    key,
                    "addresses of cameras can't be decrypted: their key is missing. Put it back as a line of secret.key \
                     in the data folder or among auth.old_secret_keys, or give these cameras' addresses anew"
                ),
                None => tracing::error!(
                    cameras,
                    "addresses of cameras are damaged in the database; give them anew"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;
    use crate::db::migration::Migrator;
    use sea_orm_migration::MigratorTrait;
    use vas_core::Secret;
    use vas_core::model::{CameraUrl, Device, TenantId};
    use vas_core::ports::{DeviceRepo, Page, RepoError};
    use vas_core::testing::repo;

    const PLAIN: &str = "rtsp://u:planted-secret@camera/1";

    fn keys(letters: &[&str]) -> Keyring {
        let texts: Vec<_> = letters.iter().map(|letter| Secret::new(letter.repeat(32))).collect();
        Keyring::of(&texts)
    }

    async fn devices(database: &Database) -> Vec<Device> {
        let all = Page { offset: 0, limit: 99 };
        database.devices().list(&TenantId::default(), all).await.unwrap()
    }

    /// A database as the version before wrote it.
    async fn old(url: &str) {
        let pools = Pools::open(url).await.unwrap();
        Migrator::up(&pools.write, Some(2)).await.unwrap();
        for n in 0..20 {
            let row = format!(
                "INSERT INTO devices (id, tenant_id, name, rtsp_url, sub_rtsp_url, created_at) VALUES (randomblob(16), \
                 'default', 'Camera {n}', '{PLAIN}?{n}', '{PLAIN}/sub', '2026-01-01 00:00:00+00:00')"
            );
            pools.write.execute_unprepared(&row).await.unwrap();
        }
        // Of these, too, nothing may be left in the file.
        pools.write.execute_unprepared("UPDATE devices SET name = name || 'x'").await.unwrap();
        pools.close().await;
    }

    #[tokio::test]
    async fn what_an_older_version_wrote_is_encrypted_and_gone_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/vas.db", folder.path().display());
        old(&url).await;
        let holds_plain = || {
            let files =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()));
            files.map(Result::unwrap).any(|file| file.windows(14).any(|part| part == b"planted-secret"))
        };
        assert!(holds_plain());
        let database = Database::connect(&url, keys(&["a"])).await.unwrap();
        assert!(!holds_plain(), "while it is open");
        let found = devices(&database).await;
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|device| device.fields.url.expose().starts_with(PLAIN)));
        assert!(
            found.iter().all(|device| device.fields.sub_url.as_ref().unwrap().expose().ends_with("/sub"))
        );
        // A second time there is nothing to do.
        let again = bring_up_to_date(&database.pools, &keys(&["a"])).await.unwrap();
        assert_eq!(again, Sealed::default());
        // Equal addresses are still told.
        let mut twin = repo::device("twin");
        twin.fields.url = found[0].fields.url.clone();
        let taken = database.devices().insert(&twin).await;
        assert!(matches!(taken, Err(RepoError::Taken { field: "rtsp_url" })), "{taken:?}");
        database.close().await;
        assert!(!holds_plain());
    }

    /// Ended anywhere, it goes on at the next start: rows of both kinds, and of two keys, stand side by side.
    #[tokio::test]
    async fn what_was_begun_is_finished_and_keys_change() {
        let database = Database::connect("sqlite::memory:", keys(&["a"])).await.unwrap();
        for name in ["gate", "yard", "dock"] {
            database.devices().insert(&repo::device(name)).await.unwrap();
        }
        let before = devices(&database).await;
        let plain = format!(
            "UPDATE devices SET rtsp_url = '{}', rtsp_url_digest = NULL WHERE name = 'gate'",
            before[0].fields.url.expose()
        );
        database.pools.write.execute_unprepared(&plain).await.unwrap();
        let both = keys(&["b", "a"]);
        let sealed = bring_up_to_date(&database.pools, &both).await.unwrap();
        assert_eq!((sealed.from_plain, sealed.from_older), (1, 2));
        let database = Database { keys: keys(&["b"]), ..database };
        assert_eq!(devices(&database).await, before);
    }

    #[tokio::test]
    async fn rows_of_a_missing_key_are_told_and_left_as_they_are() {
        let database = Database::connect("sqlite::memory:", keys(&["a"])).await.unwrap();
        let device = repo::device("gate");
        database.devices().insert(&device).await.unwrap();
        let other = keys(&["b"]);
        let sealed = bring_up_to_date(&database.pools, &other).await.unwrap();
        assert_eq!(sealed.unreadable.values().sum::<usize>(), 1);
        assert!(sealed.unreadable.keys().all(Option::is_some));
        let locked = Database { keys: other, ..database.clone() };
        let found = devices(&locked).await;
        assert!(found[0].fields.url.as_sealed().is_some());
        // What is changed besides leaves the address as it is stored.
        let mut fields = found[0].fields.clone();
        fields.name = "yard".to_owned();
        let at = device.created_at;
        locked.devices().update(&device.tenant, device.id, &fields, at).await.unwrap();
        assert_eq!(devices(&database).await[0].fields.url, device.fields.url);
        // Given anew, it is stored with the key there is.
        fields.url = CameraUrl::parse("rtsp://camera/anew").unwrap();
        locked.devices().update(&device.tenant, device.id, &fields, at).await.unwrap();
        assert_eq!(devices(&locked).await[0].fields.url.expose(), "rtsp://camera/anew");
    }

    /// Whoever can write to the database can't have one camera's password sent to another.
    #[tokio::test]
    async fn an_address_counts_for_its_own_device_and_column_alone() {
        let database = Database::connect("sqlite::memory:", keys(&["a"])).await.unwrap();
        for name in ["gate", "yard"] {
            database.devices().insert(&repo::device(name)).await.unwrap();
        }
        let swap = "UPDATE devices SET rtsp_url = (SELECT rtsp_url FROM devices WHERE name = 'gate'), \
                    sub_rtsp_url = rtsp_url WHERE name = 'yard'";
        database.pools.write.execute_unprepared(swap).await.unwrap();
        let fields: Vec<_> = devices(&database).await.into_iter().map(|device| device.fields).collect();
        assert!(fields[0].url.as_sealed().is_none());
        assert!(
            fields[1].url.as_sealed().is_some() && fields[1].sub_url.as_ref().unwrap().as_sealed().is_some()
        );
    }
}

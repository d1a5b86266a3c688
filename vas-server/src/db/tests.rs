//! The database on SQLite. What runs on PostgreSQL too are the suites of vas-core, which the tests of the whole system
//! call with both.

use super::migration::Migrator;
use super::{Database, DatabaseError};
use crate::keyring::Keyring;
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigratorTrait;
use std::time::Duration;
use vas_core::model::{TenantId, WallRange};
use vas_core::ports::{BookmarkRepo, DeviceRepo, IndexError, Page, RecordingRepo};
use vas_core::testing::{bookmark, recording, repo, snapshot};
use vas_core::{DeviceId, WallTime};

async fn on_disk() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new/vas.db", folder.path().display());
    let database = Database::connect(&url, Keyring::random()).await.unwrap();
    (folder, database)
}

fn minute(device: DeviceId, n: i64) -> vas_core::model::Recording {
    let start = WallTime::from_unix_micros(n * 60_000_000);
    recording::recording(device, WallRange::new(start, start.add_micros(60_000_000)))
}

const ALL_TIME: WallRange =
    WallRange::new(WallTime::from_unix_micros(i64::MIN), WallTime::from_unix_micros(i64::MAX));

#[tokio::test]
async fn devices_on_sqlite() {
    let (_folder, database) = on_disk().await;
    repo::devices(&database.devices()).await;
    database.close().await;
}

#[tokio::test]
async fn streams_on_sqlite() {
    let (_folder, database) = on_disk().await;
    repo::streams(&database.devices(), &database.streams()).await;
}

#[tokio::test]
async fn recordings_on_sqlite() {
    let (_folder, database) = on_disk().await;
    recording::recordings(&database.recordings()).await;
    database.close().await;
    let database = Database::connect("sqlite::memory:", Keyring::random()).await.unwrap();
    recording::recordings(&database.recordings()).await;
}

#[tokio::test]
async fn bookmarks_on_sqlite() {
    let (_folder, database) = on_disk().await;
    bookmark::bookmarks(&database.devices(), &database.bookmarks()).await;
}

#[tokio::test]
async fn snapshots_on_sqlite() {
    let (_folder, database) = on_disk().await;
    snapshot::snapshots(&database.devices(), &database.snapshots()).await;
}

#[tokio::test]
async fn an_opened_database_opens_again_and_uses_wal() {
    let (folder, database) = on_disk().await;
    assert!(database.is_up().await);
    database.close().await;
    let file = folder.path().join("new/vas.db");
    // Bytes 18 and 19 of the file are 2 in WAL mode (SQLite's file format, section 1.3.3).
    assert_eq!(std::fs::read(&file).unwrap()[18..20], [2, 2]);
    Database::connect(&format!("sqlite://{}", file.display()), Keyring::random()).await.unwrap();
}

#[tokio::test]
async fn the_schema_goes_down_and_up_again() {
    let database = Database::connect("sqlite::memory:", Keyring::random()).await.unwrap();
    Migrator::down(&database.pools.write, None).await.unwrap();
    Migrator::up(&database.pools.write, None).await.unwrap();
    repo::devices(&database.devices()).await;
}

#[tokio::test]
async fn devices_of_the_first_release_have_no_sub_stream() {
    let database = Database::connect("sqlite::memory:", Keyring::random()).await.unwrap();
    Migrator::down(&database.pools.write, None).await.unwrap();
    Migrator::up(&database.pools.write, Some(1)).await.unwrap();
    let old = "INSERT INTO devices (id, tenant_id, name, rtsp_url, created_at) \
               VALUES (zeroblob(16), 'default', 'Gate', 'rtsp://camera/1', '2026-01-01 00:00:00+00:00')";
    database.pools.write.execute_unprepared(old).await.unwrap();
    Migrator::up(&database.pools.write, None).await.unwrap();
    let all = Page { offset: 0, limit: 9 };
    let devices = database.devices().list(&TenantId::default(), all).await.unwrap();
    assert_eq!((devices.len(), &devices[0].fields.sub_url), (1, &None));
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    assert!(matches!(Database::connect("mysql://x", Keyring::random()).await, Err(DatabaseError::Scheme)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vas.db");
    std::fs::write(&file, "this is no database, only a text that happens to lie where one was expected")
        .unwrap();
    assert!(Database::connect(&format!("sqlite://{}", file.display()), Keyring::random()).await.is_err());
}

/// While something is written, all that reads goes on, and sees what was committed before.
#[tokio::test]
async fn readers_do_not_wait_for_the_writer() {
    let (_folder, database) = on_disk().await;
    let (index, device) = (database.recordings(), DeviceId::random());
    index.complete(&[minute(device, 0)]).await.unwrap();
    let transaction = database.pools.begin().await.unwrap();
    transaction.execute_unprepared("DELETE FROM recordings").await.unwrap();
    assert_eq!(index.range(device, 0, ALL_TIME, 9).await.unwrap().len(), 1);
    assert!(database.is_up().await);
    transaction.commit().await.unwrap();
    assert_eq!(index.range(device, 0, ALL_TIME, 9).await.unwrap(), []);
    assert!(
        database.pools.read.execute_unprepared("DELETE FROM devices").await.is_err(),
        "readers only read"
    );
}

/// Another process, such as the server's own tools, writes at the same time.
#[tokio::test]
async fn a_database_that_is_busy_is_waited_for() {
    let (folder, database) = on_disk().await;
    let url = format!("sqlite://{}/new/vas.db", folder.path().display());
    let other = Database::connect(&url, Keyring::random()).await.unwrap();
    let (index, device) = (database.recordings(), DeviceId::random());
    let transaction = other.pools.begin().await.unwrap();
    let batch = [minute(device, 0)];
    let mut storing = std::pin::pin!(index.complete(&batch));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut storing).await;
    assert!(early.is_err(), "another process writes: {early:?}");
    transaction.commit().await.unwrap();
    assert!(storing.await.unwrap()[0].is_ok());
}

/// Rows that can't be read are left out of ranges, and don't hide those that can.
#[tokio::test]
async fn damaged_rows_are_left_out() {
    let database = Database::connect("sqlite::memory:", Keyring::random()).await.unwrap();
    let (index, device) = (database.recordings(), DeviceId::random());
    let rows: Vec<_> = (0..3).map(|n| minute(device, n)).collect();
    index.complete(&rows).await.unwrap();
    let damage = "UPDATE recordings SET groups = x'0100' WHERE start_us = 60000000";
    database.pools.write.execute_unprepared(damage).await.unwrap();
    let readable = [rows[0].clone(), rows[2].clone()];
    assert_eq!(index.range(device, 0, ALL_TIME, 9).await.unwrap(), readable);
    assert_eq!(index.heads(device, None, ALL_TIME, 9).await.unwrap().len(), 3);
    for damaged in [index.get(rows[1].id).await, index.at_or_before(device, 0, rows[1].span.start).await] {
        assert!(matches!(damaged, Err(IndexError::Damaged { id, .. }) if id == rows[1].id), "{damaged:?}");
    }
    // A repair stores what is in the file.
    index.replace(&rows[1]).await.unwrap();
    assert_eq!(index.range(device, 0, ALL_TIME, 9).await.unwrap(), rows);
    // To be deleted, a row need not be readable.
    database.pools.write.execute_unprepared(damage).await.unwrap();
    index.mark_deleting(&[rows[1].id]).await.unwrap();
    assert_eq!(index.unfinished(9).await.unwrap()[0].id, rows[1].id);
}

/// Files and rows of a device that is deleted go one after the other, and nothing is forgotten.
#[tokio::test]
async fn recordings_of_a_deleted_device_are_marked() {
    let (_folder, database) = on_disk().await;
    let (devices, index) = (database.devices(), database.recordings());
    let (gate, yard) = (repo::device("gate"), repo::device("yard"));
    for device in [&gate, &yard] {
        devices.insert(device).await.unwrap();
        index.complete(&[minute(device.id, 0), minute(device.id, 1)]).await.unwrap();
    }
    assert!(!devices.delete(&TenantId::new("other"), gate.id).await.unwrap());
    assert_eq!(index.unfinished(9).await.unwrap(), []);
    assert!(devices.delete(&gate.tenant, gate.id).await.unwrap());
    let unfinished = index.unfinished(9).await.unwrap();
    assert_eq!(unfinished.iter().map(|row| row.device).collect::<Vec<_>>(), [gate.id; 2]);
    assert_eq!(index.range(gate.id, 0, ALL_TIME, 9).await.unwrap(), []);
    assert_eq!(index.range(yard.id, 0, ALL_TIME, 9).await.unwrap().len(), 2);
    assert_eq!(database.bookmarks().deleted(9).await.unwrap(), []);
}

/// What is asked of a year must not read a year: each query finds its rows through an index.
#[tokio::test]
async fn queries_go_through_indexes() {
    let database = Database::connect("sqlite::memory:", Keyring::random()).await.unwrap();
    let plan = async |sql: &str| {
        let pool = &database.pools.read;
        let statement =
            Statement::from_string(pool.get_database_backend(), format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = pool.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect::<Vec<_>>().join("; ")
    };
    for (sql, expected) in super::repo::recording_plans() {
        let plan = plan(&sql).await;
        for part in expected {
            assert!(plan.contains(part), "{part} is not in the plan {plan} of {sql}");
        }
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan} of {sql}");
    }
}

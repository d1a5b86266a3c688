//! What the dashboard keeps, on SQLite; and on PostgreSQL where `VAS_TEST_POSTGRES` names a database.

use super::documents::Of;
use super::{
    Ack, Alert, AlertId, Export, ExportFile, ExportId, ExportStatus, Figures, Sample, Severity, Stored,
};
use crate::db::Database;
use crate::keyring::Keyring;
use uuid::Uuid;
use vas_core::model::{TenantId, WallRange};
use vas_core::{DeviceId, StreamId, WallTime};

fn at(seconds: i64) -> WallTime {
    WallTime::from_unix_micros(seconds * 1_000_000)
}

/// The databases that these tests run on.
async fn databases() -> Vec<Database> {
    let mut all = vec![Database::connect("sqlite::memory:", Keyring::random()).await.unwrap()];
    if let Ok(url) = std::env::var("VAS_TEST_POSTGRES") {
        all.push(Database::connect(&url, Keyring::random()).await.unwrap());
    }
    all
}

/// A tenant of this run alone.
fn tenant() -> TenantId {
    TenantId::new(Uuid::now_v7().to_string())
}

fn alert(tenant: &TenantId, since: i64) -> Alert {
    Alert {
        id: AlertId::random(),
        tenant: tenant.clone(),
        device: Some(DeviceId::random()),
        stream: None,
        severity: Severity::Warning,
        code: "PACKET_LOSS".to_owned(),
        text: "3 % of the packets are lost".to_owned(),
        action: "look at the network".to_owned(),
        since: at(since),
        until: None,
    }
}

#[tokio::test]
async fn alerts_open_close_and_are_forgotten() {
    for database in databases().await {
        let (alerts, tenant) = (database.alerts(), tenant());
        let (mut old, new) = (alert(&tenant, 10), alert(&tenant, 20));
        for one in [&old, &new, &new] {
            alerts.put(one).await.unwrap();
        }
        assert_eq!(alerts.list(&tenant, None, at(99), 9).await.unwrap(), [new.clone(), old.clone()]);
        assert_eq!(alerts.list(&tenant, None, at(20), 9).await.unwrap(), std::slice::from_ref(&old));
        assert_eq!(alerts.list(&TenantId::new("other"), None, at(99), 9).await.unwrap(), []);
        (old.until, old.severity) = (Some(at(30)), Severity::Critical);
        alerts.put(&old).await.unwrap();
        assert_eq!(alerts.get(&tenant, old.id).await.unwrap(), Some(old.clone()));
        assert_eq!(alerts.list(&tenant, Some(at(31)), at(99), 9).await.unwrap(), std::slice::from_ref(&new));
        assert_eq!(alerts.list(&tenant, Some(at(30)), at(99), 9).await.unwrap().len(), 2);
        let open = alerts.open(1_000).await.unwrap();
        assert!(open.contains(&new) && !open.contains(&old));

        let ack = |by: &str, time| Ack { by: by.to_owned(), at: at(time) };
        alerts.acknowledge(old.id, "user:1", &ack("Ann", 40)).await.unwrap();
        alerts.acknowledge(old.id, "user:1", &ack("Ann", 50)).await.unwrap();
        let ids = [old.id, new.id];
        let seen = alerts.acknowledged(&ids, "user:1").await.unwrap();
        assert_eq!((seen.len(), &seen[&old.id]), (1, &ack("Ann", 40)));
        assert!(alerts.acknowledged(&ids, "user:2").await.unwrap().is_empty());
        alerts.forget(at(31)).await.unwrap();
        assert_eq!(alerts.list(&tenant, None, at(99), 9).await.unwrap(), [new]);
        assert!(alerts.acknowledged(&ids, "user:1").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn documents_are_replaced_by_those_who_know_them() {
    for database in databases().await {
        let (documents, tenant) = (database.ui_documents(), tenant());
        let of = |subject: &'static str| Of { tenant: &tenant, subject, name: "views" };
        assert_eq!(documents.get(of("a")).await.unwrap(), None);
        let put = async |subject, body: &str, version| {
            documents.put(of(subject), body.to_owned(), version).await.unwrap()
        };
        assert_eq!(put("a", "1", 1).await, Stored::Changed);
        assert_eq!(put("a", "1", 0).await, Stored::Version(1));
        assert_eq!(put("a", "2", 0).await, Stored::Changed);
        assert_eq!(put("a", "2", 1).await, Stored::Version(2));
        assert_eq!(put("a", "3", 1).await, Stored::Changed);
        assert_eq!(put("b", "4", 0).await, Stored::Version(1));
        let found = documents.get(of("a")).await.unwrap().unwrap();
        assert_eq!((found.body.as_str(), found.version), ("2", 2));
    }
}

#[tokio::test]
async fn samples_are_kept_by_step() {
    for database in databases().await {
        let (samples, subject) = (database.samples(), Uuid::now_v7());
        let figures = Figures { fps: Some(25.0), loss: Some(0.0), ..Figures::default() };
        let sample = |step, at| Sample { subject, step, at, figures };
        let many: Vec<_> = (0..1_200).map(|n| sample(10, n * 10)).collect();
        samples.add(&many).await.unwrap();
        samples.add(&[sample(60, 60), sample(10, 10)]).await.unwrap();
        assert_eq!(samples.range(subject, 10, 10, 40, 9).await.unwrap(), many[1..4]);
        assert_eq!(samples.range(subject, 60, 0, 999, 9).await.unwrap(), [sample(60, 60)]);
        assert_eq!(samples.range(Uuid::now_v7(), 10, 0, 999, 9).await.unwrap(), []);
        samples.forget(10, 11_980).await.unwrap();
        assert_eq!(samples.range(subject, 10, 0, 99_999, 9).await.unwrap(), many[1_198..]);
        assert_eq!(samples.range(subject, 60, 0, 999, 9).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn exports_come_and_go() {
    for database in databases().await {
        let (exports, tenant) = (database.exports(), tenant());
        let file = ExportFile {
            name: "Gate.mp4".to_owned(),
            stream: StreamId::random(),
            device: DeviceId::random(),
            status: ExportStatus::Queued,
            bytes: None,
            problem: None,
        };
        let mut export = Export {
            id: ExportId::random(),
            tenant: tenant.clone(),
            name: "Night".to_owned(),
            created_by: "Ann".to_owned(),
            span: WallRange::new(at(1), at(2)),
            status: ExportStatus::Queued,
            problem: None,
            files: vec![file],
            created_at: at(3),
            expires_at: at(4),
        };
        exports.insert(&export).await.unwrap();
        assert!(exports.pending(1_000).await.unwrap().contains(&export));
        (export.status, export.files[0].status) = (ExportStatus::Ready, ExportStatus::Ready);
        export.files[0].bytes = Some(u64::from(u32::MAX) * 9);
        assert!(exports.update(&export).await.unwrap());
        assert_eq!(exports.get(&tenant, export.id).await.unwrap(), Some(export.clone()));
        assert_eq!(exports.get(&TenantId::new("other"), export.id).await.unwrap(), None);
        assert_eq!(exports.list(&tenant, 9).await.unwrap(), [export.clone()]);
        assert!(!exports.pending(1_000).await.unwrap().contains(&export));
        assert!(exports.count().await.unwrap() >= 1);
        assert!(!exports.expired(at(3), 1_000).await.unwrap().contains(&export));
        assert!(exports.expired(at(4), 1_000).await.unwrap().contains(&export));
        exports.remove(export.id).await.unwrap();
        assert!(!exports.update(&export).await.unwrap());
    }
}

//! [`ObjectStore`]: in memory, and on S3 through weather.

use crate::moto::{BUCKET, Moto};
use crate::proxy::{Proxy, Weather};
use std::time::Duration;
use vas_core::ports::store::{SegmentStore as _, StoreError};
use vas_core::testing::store::{contents, key, listed, spooled, suite};
use vas_core::{Secret, TaskScope};
use vas_record::store::{ObjectOptions, ObjectStore};

/// A file of three parts.
const LARGE: usize = 20 << 20;

/// Options that carry credentials which must not be seen anywhere.
fn options(endpoint: String) -> ObjectOptions {
    ObjectOptions {
        endpoint: Some(endpoint),
        region: Some("us-east-1".to_owned()),
        access_key_id: Some("AKIDPLANTED".to_owned()),
        secret_access_key: Some(Secret::new("planted-secret")),
        session_token: None,
        allow_http: true,
        path_style: true,
    }
}

pub(crate) fn s3(endpoint: String, scope: &TaskScope) -> ObjectStore {
    let url = format!("s3://{BUCKET}/site/one");
    ObjectStore::from_url(&url, options(endpoint), scope.clone()).unwrap()
}

/// A service behind a proxy, and a store on it.
struct Site {
    moto: Moto,
    proxy: Proxy,
    store: ObjectStore,
    scope: TaskScope,
    spool: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let moto = Moto::start().await;
        let proxy = Proxy::start(moto.address()).await;
        let scope = TaskScope::new();
        let store = s3(proxy.url(), &scope);
        Self { moto, proxy, store, scope, spool: tempfile::tempdir().unwrap() }
    }
}

#[tokio::test]
async fn the_one_in_memory_conforms() {
    let store = ObjectStore::from_url("memory:", ObjectOptions::default(), TaskScope::new()).unwrap();
    let spool = tempfile::tempdir().unwrap();
    suite(&store, spool.path()).await;
}

#[tokio::test]
async fn s3_conforms() {
    let site = Site::start().await;
    suite(&site.store, site.spool.path()).await;
    assert_eq!(site.moto.unfinished_uploads().await, 0);
    // Prefixes of one bucket are stores of their own.
    let other =
        ObjectStore::from_url(&format!("s3://{BUCKET}/site/on"), options(site.proxy.url()), site.scope)
            .unwrap();
    other.put(&key("e/a"), &spooled(site.spool.path(), "x", b"x")).await.unwrap();
    assert_eq!(listed(&site.store, None).await, []);
    assert_eq!(listed(&other, None).await, [("e/a".to_owned(), 1)]);
}

#[tokio::test]
async fn short_trouble_is_not_noticed() {
    let site = Site::start().await;
    let bytes = contents(LARGE);
    let file = spooled(site.spool.path(), "large", &bytes);
    // Connections break in the middle of parts, and then the service is overloaded for a moment.
    site.proxy.set(Weather::CutAfter(3 << 20));
    let weather = async {
        let cut = site.proxy.connections() + 2;
        while site.proxy.connections() < cut {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        site.proxy.set(Weather::Errors);
        let refused = site.proxy.connections() + 1;
        while site.proxy.connections() < refused {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        site.proxy.set(Weather::Fine);
    };
    let (name, ()) = (key("device/large"), ());
    let (put, ()) = tokio::join!(site.store.put(&name, &file), weather);
    assert_eq!(put.unwrap(), LARGE as u64);
    assert!(!file.exists());
    // Answers that break off are taken up where they did.
    site.proxy.set(Weather::CutAfter(9 << 20));
    let got = site.store.read(&name, 0..LARGE as u64).await.unwrap();
    assert!(got == bytes, "another file comes back");
    assert_eq!(site.moto.unfinished_uploads().await, 0);
}

#[tokio::test]
async fn an_outage_leaves_the_file_in_the_spool_and_no_parts_behind() {
    let site = Site::start().await;
    let file = spooled(site.spool.path(), "large", &contents(LARGE));
    let name = key("device/large");
    // Begun on a slow way, and given up with the way itself.
    site.proxy.set(Weather::Slow(2 << 20));
    let breaking = async {
        while site.moto.unfinished_uploads().await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The scope's end comes before the retries' one.
        let mut closing = std::pin::pin!(site.scope.shutdown(Duration::from_secs(30)));
        assert!((&mut closing).await, "the upload ends with its scope");
    };
    let (put, ()) = tokio::join!(site.store.put(&name, &file), breaking);
    let error = put.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(file.exists());
    assert_eq!(site.moto.unfinished_uploads().await, 0, "it was aborted");

    // Later, and from another process as it were, it is simply put again.
    site.proxy.set(Weather::Fine);
    let again = s3(site.proxy.url(), &TaskScope::new());
    assert_eq!(again.put(&name, &file).await.unwrap(), LARGE as u64);
    assert_eq!(again.len(&name).await.unwrap(), LARGE as u64);
}

#[tokio::test]
async fn errors_say_what_is_wrong_and_hold_no_secret() {
    let site = Site::start().await;
    let file = spooled(site.spool.path(), "x", b"x");
    let said = |error: &StoreError| {
        let text = format!("{error:?} {error}");
        assert!(!text.contains("planted") && !text.contains("AKIDPLANTED"), "{text}");
        text
    };
    // A bucket that does not exist is not a store whose files are gone.
    let absent =
        ObjectStore::from_url("s3://no-such-bucket", options(site.proxy.url()), TaskScope::new()).unwrap();
    for error in [
        absent.check().await.unwrap_err(),
        absent.put(&key("a"), &file).await.unwrap_err(),
        absent.read(&key("a"), 0..1).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(said(&error).contains("NoSuchBucket"), "{error:?}");
    }
    site.proxy.set(Weather::Down);
    let error = site.store.check().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    said(&error);
    assert!(file.exists());
}

//! What every [`DeviceRepo`] and [`StreamRepo`] must do. An implementation's tests call the suites with an empty
//! store; a suite panics at the first thing that is not so.

use crate::error::{ErrorKind, HasKind};
use crate::id::{DeviceId, StreamId};
use crate::model::{CameraUrl, Device, DeviceFields, Reason, ReasonCode, StreamState, TenantId, Transition};
use crate::ports::{DeviceRepo, Page, RepoError, StreamFilter, StreamRecord, StreamRepo};
use crate::time::WallTime;

const ALL: Page = Page { offset: 0, limit: u64::MAX };
/// With microseconds, which a store must keep.
const THEN: WallTime = WallTime::from_unix_micros(1_750_000_000_123_456);
const LATER: WallTime = WallTime::from_unix_micros(1_750_000_100_000_001);

fn tenant() -> TenantId {
    TenantId::default()
}

fn fields(name: &str) -> DeviceFields {
    let url = CameraUrl::parse(&format!("rtsp://user:pass@camera/{name}")).expect("a valid URL");
    DeviceFields {
        name: name.to_owned(),
        url,
        sub_url: None,
        description: None,
        location: Some("gate".to_owned()),
    }
}

/// A device of the default tenant that is named `name`, with a URL of its own.
#[must_use]
pub fn device(name: &str) -> Device {
    Device {
        id: DeviceId::random(),
        tenant: tenant(),
        fields: fields(name),
        created_at: THEN,
        updated_at: None,
    }
}

/// A running stream of `device`.
#[must_use]
pub fn stream(device: &Device) -> StreamRecord {
    StreamRecord {
        id: StreamId::random(),
        tenant: device.tenant.clone(),
        device: device.id,
        name: None,
        wanted: true,
        created_at: THEN,
        started_at: THEN,
        stopped_at: None,
        closed: false,
    }
}

fn taken(result: Result<impl std::fmt::Debug, RepoError>) -> &'static str {
    match result {
        Err(RepoError::Taken { field }) => field,
        other => panic!("a clash was expected, not {other:?}"),
    }
}

fn missing(result: Result<impl std::fmt::Debug, RepoError>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The suite of [`DeviceRepo`].
///
/// # Panics
/// Where the repository does not do what the trait says.
pub async fn devices(repo: &dyn DeviceRepo) {
    let [first, second] = [device("first"), device("second <img onerror=x>'; DROP TABLE devices; --")];
    let foreign = Device { tenant: TenantId::new("other"), ..device("first") };
    for device in [&first, &second, &foreign] {
        repo.insert(device).await.expect("insert");
    }

    // What went in comes out, for its tenant alone.
    assert_eq!(repo.get(&tenant(), second.id).await.expect("get"), Some(second.clone()));
    assert_eq!(repo.get(&tenant(), foreign.id).await.expect("get"), None);
    assert_eq!(repo.get(&tenant(), DeviceId::random()).await.expect("get"), None);
    assert_eq!(repo.list(&tenant(), ALL).await.expect("list"), [first.clone(), second.clone()]);
    let page = Page { offset: 1, limit: 1 };
    assert_eq!(repo.list(&tenant(), page).await.expect("list"), std::slice::from_ref(&second));
    assert_eq!(repo.list(&tenant(), Page { offset: 9, limit: 9 }).await.expect("list"), []);

    // Names and URLs are unique in a tenant.
    let same_name =
        Device { fields: DeviceFields { name: "first".to_owned(), ..fields("x") }, ..device("x") };
    assert_eq!(taken(repo.insert(&same_name).await), "name");
    let same_url = Device { fields: DeviceFields { name: "x".to_owned(), ..fields("first") }, ..device("x") };
    assert_eq!(taken(repo.insert(&same_url).await), "rtsp_url");
    assert_eq!(taken(repo.update(&tenant(), second.id, &same_url.fields, LATER).await), "rtsp_url");

    // Updates replace the fields and keep the rest.
    let sub_url = CameraUrl::parse("rtsp://user:pass@camera/small").expect("a valid URL");
    let changed = DeviceFields {
        sub_url: Some(sub_url.clone()),
        description: Some("new".to_owned()),
        location: None,
        ..fields("renamed")
    };
    let updated = repo.update(&tenant(), first.id, &changed, LATER).await.expect("update");
    assert_eq!(updated, Device { fields: changed.clone(), updated_at: Some(LATER), ..first.clone() });
    assert_eq!(repo.get(&tenant(), first.id).await.expect("get"), Some(updated));
    // Sub streams may be shared, and taken away.
    let same_sub = DeviceFields { sub_url: Some(sub_url), ..second.fields.clone() };
    repo.update(&tenant(), second.id, &same_sub, LATER).await.expect("the same sub stream");
    let without = repo.update(&tenant(), second.id, &second.fields, LATER).await.expect("update");
    assert_eq!(without.fields.sub_url, None);
    assert!(missing(repo.update(&tenant(), foreign.id, &fields("y"), LATER).await));

    assert!(!repo.delete(&tenant(), foreign.id).await.expect("delete"));
    assert!(repo.delete(&tenant(), first.id).await.expect("delete"));
    assert!(!repo.delete(&tenant(), first.id).await.expect("delete"));
    repo.insert(&Device { fields: changed, ..device("again") }).await.expect("the name is free again");
}

/// The suite of [`StreamRepo`].
///
/// # Panics
/// Where the repository does not do what the trait says.
pub async fn streams(devices: &dyn DeviceRepo, repo: &dyn StreamRepo) {
    let [gate, yard] = [device("gate"), device("yard")];
    for device in [&gate, &yard] {
        devices.insert(device).await.expect("insert");
    }
    let first = stream(&gate);
    let second = StreamRecord { wanted: false, name: Some("named".to_owned()), ..stream(&yard) };
    for stream in [&first, &second] {
        repo.insert(stream).await.expect("insert");
    }

    // What went in comes out, for its tenant alone.
    assert_eq!(repo.get(&tenant(), second.id).await.expect("get"), Some(second.clone()));
    assert_eq!(repo.get(&TenantId::new("other"), second.id).await.expect("get"), None);
    assert_eq!(repo.of_device(&tenant(), gate.id).await.expect("of_device"), Some(first.clone()));
    let all = StreamFilter::default();
    assert_eq!(repo.list(&tenant(), all).await.expect("list"), [first.clone(), second.clone()]);
    let of_yard = StreamFilter { device: Some(yard.id), ..all };
    assert_eq!(repo.list(&tenant(), of_yard).await.expect("list"), std::slice::from_ref(&second));
    assert_eq!(repo.wanted().await.expect("wanted"), std::slice::from_ref(&first));

    // One open stream per device, of a device that exists.
    assert_eq!(taken(repo.insert(&stream(&gate)).await), "camera_id");
    assert!(missing(repo.insert(&stream(&device("nowhere"))).await));

    wanting(repo, &first).await;
    history(repo, &first, &second).await;

    // A closed stream stays, but not in the way of the next one.
    repo.close(first.id, LATER).await.expect("close");
    repo.close(first.id, THEN).await.expect("closing twice changes nothing");
    let closed = StreamRecord { wanted: false, closed: true, stopped_at: Some(LATER), ..first.clone() };
    let stored = repo.get(&tenant(), first.id).await.expect("get").expect("a closed stream stays");
    assert_eq!((stored.wanted, stored.closed, stored.stopped_at), (false, true, closed.stopped_at));
    assert!(missing(repo.start(first.id, LATER).await));
    assert_eq!(repo.of_device(&tenant(), gate.id).await.expect("of_device"), None);
    let next = stream(&gate);
    repo.insert(&next).await.expect("the device may have a new stream");
    let ids = |streams: Vec<StreamRecord>| streams.iter().map(|stream| stream.id).collect::<Vec<_>>();
    assert_eq!(ids(repo.list(&tenant(), all).await.expect("list")), [second.id, next.id]);
    let with_closed = StreamFilter { with_closed: true, ..all };
    assert_eq!(ids(repo.list(&tenant(), with_closed).await.expect("list")), [first.id, second.id, next.id]);

    // Streams go with their device.
    assert!(devices.delete(&tenant(), gate.id).await.expect("delete"));
    assert_eq!(ids(repo.list(&tenant(), with_closed).await.expect("list")), [second.id]);
    assert_eq!(repo.history(first.id, 9).await.expect("history"), []);
}

/// Starting and stopping.
async fn wanting(repo: &dyn StreamRepo, stream: &StreamRecord) {
    repo.stop(stream.id, LATER).await.expect("stop");
    let stopped = StreamRecord { wanted: false, stopped_at: Some(LATER), ..stream.clone() };
    assert_eq!(repo.get(&tenant(), stream.id).await.expect("get"), Some(stopped.clone()));
    repo.stop(stream.id, THEN).await.expect("stopping twice");
    assert_eq!(repo.get(&tenant(), stream.id).await.expect("get"), Some(stopped));
    assert_eq!(repo.wanted().await.expect("wanted"), []);
    repo.start(stream.id, LATER).await.expect("start");
    let started = StreamRecord { started_at: LATER, stopped_at: None, ..stream.clone() };
    assert_eq!(repo.get(&tenant(), stream.id).await.expect("get"), Some(started.clone()));
    assert_eq!(repo.wanted().await.expect("wanted"), [started]);
    assert!(missing(repo.start(StreamId::random(), LATER).await));
    assert!(missing(repo.stop(StreamId::random(), LATER).await));
    assert!(missing(repo.close(StreamId::random(), LATER).await));
}

/// The histories, of which `first` gets five entries and `second` one.
async fn history(repo: &dyn StreamRepo, first: &StreamRecord, second: &StreamRecord) {
    let entry = |n: i64| Transition {
        from: StreamState::Initializing,
        to: StreamState::Error,
        reason: Reason::new(ReasonCode::ConnectionRefused, format!("attempt {n}")),
        at: THEN.add_micros(n),
    };
    let gone = (StreamId::random(), entry(0));
    let mut entries: Vec<_> = (0..5).map(|n| (first.id, entry(n))).collect();
    entries.push((second.id, entry(0)));
    entries.insert(2, gone);
    repo.record(&entries[..3]).await.expect("record");
    repo.record(&entries[3..]).await.expect("record");
    repo.record(&[]).await.expect("an empty batch is nothing to do");

    let newest = |streams: &[i64]| streams.iter().map(|&n| entry(n)).collect::<Vec<_>>();
    assert_eq!(repo.history(first.id, 3).await.expect("history"), newest(&[4, 3, 2]));
    assert_eq!(repo.history(second.id, 3).await.expect("history"), newest(&[0]));
    assert_eq!(repo.prune(2).await.expect("prune"), 3);
    assert_eq!(repo.history(first.id, 9).await.expect("history"), newest(&[4, 3]));
    assert_eq!(repo.history(second.id, 9).await.expect("history"), newest(&[0]));
    assert_eq!(repo.prune(2).await.expect("prune"), 0);
}

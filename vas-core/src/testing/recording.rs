//! What every [`RecordingRepo`] must do. An implementation's tests call the suite with an empty store; it panics at the
//! first thing that is not so.

use crate::id::{DeviceId, RecordingId, StreamId};
use crate::model::{GapReason, Group, GroupTable, Recording, RecordingState, TenantId, WallRange};
use crate::ports::{IndexError, LayerUsage, RecordingHead, RecordingRepo};
use crate::time::WallTime;
use uuid::Uuid;

/// A moment with microseconds, which a store must keep.
const THEN: WallTime = WallTime::from_unix_micros(1_795_305_600_123_457);
const MINUTE: i64 = 60_000_000;
const ALL_TIME: WallRange =
    WallRange::new(WallTime::from_unix_micros(i64::MIN), WallTime::from_unix_micros(i64::MAX));
const MANY: u64 = u64::MAX;

/// The time `micros` microseconds after an arbitrary moment.
const fn at(micros: i64) -> WallTime {
    THEN.add_micros(micros)
}

const fn range(from: i64, to: i64) -> WallRange {
    WallRange::new(at(from), at(to))
}

/// A recording of the main layer of `device` over `span`, with a table of two groups.
#[must_use]
pub fn recording(device: DeviceId, span: WallRange) -> Recording {
    let half = u32::try_from(span.micros() * 9 / 200).unwrap_or(u32::MAX);
    let group = |n: u32| Group {
        offset: 812 + u64::from(n) * 100_000,
        size: 100_000,
        media: i64::from(n) * i64::from(half),
        duration: half,
        wall: span.start.add_micros(i64::from(n) * span.micros() / 2),
        pictures: 25,
        key: n == 0,
        gap: (n == 0).then_some(GapReason::Started),
        lost: n,
    };
    Recording {
        id: RecordingId::random(),
        tenant: TenantId::default(),
        device,
        stream: StreamId::random(),
        layer: 0,
        run: Uuid::now_v7(),
        span,
        bytes: 200_812,
        init_len: 812,
        codecs: "avc1.42c01e,mp4a.40.2".to_owned(),
        width: 640,
        height: 360,
        state: RecordingState::Complete,
        fence: 1,
        thinned: false,
        groups: (0..2).map(group).collect(),
    }
}

/// The recording as it is opened: nothing is written yet.
fn opened(row: &Recording) -> Recording {
    Recording {
        span: WallRange::new(row.span.start, row.span.start),
        bytes: 0,
        state: RecordingState::Open,
        groups: GroupTable::default(),
        ..row.clone()
    }
}

fn head(row: &Recording) -> RecordingHead {
    RecordingHead {
        id: row.id,
        device: row.device,
        layer: row.layer,
        run: row.run,
        span: row.span,
        bytes: row.bytes,
        thinned: row.thinned,
    }
}

fn ids<'a>(rows: impl IntoIterator<Item = &'a Recording>) -> Vec<RecordingId> {
    rows.into_iter().map(|row| row.id).collect()
}

/// Completes one row, and gives its own answer.
async fn complete(repo: &dyn RecordingRepo, row: &Recording) -> Result<(), IndexError> {
    let mut answers = repo.complete(std::slice::from_ref(row)).await.expect("complete");
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// The suite of [`RecordingRepo`].
///
/// # Panics
/// Where the repository does not do what the trait says.
pub async fn recordings(repo: &dyn RecordingRepo) {
    life(repo).await;
    ranges(repo).await;
    overlaps(repo).await;
    fences(repo).await;
    walks(repo).await;
    batches(repo).await;
}

/// One recording from its opening to the end of its row.
async fn life(repo: &dyn RecordingRepo) {
    let row = recording(DeviceId::random(), range(0, MINUTE));
    let (device, all) = (row.device, ALL_TIME);
    assert_eq!(repo.newest_end(device, 0).await.expect("newest_end"), None);
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), []);

    // An open one is shown to nobody, and stands in the way of what would be recorded before its end.
    let open = opened(&row);
    for _ in 0..2 {
        repo.open(std::slice::from_ref(&open))
            .await
            .expect("open, and once more after an answer that was lost");
    }
    assert_eq!(repo.get(row.id).await.expect("get"), None);
    assert_eq!(repo.range(device, 0, all, MANY).await.expect("range"), []);
    assert_eq!(repo.heads(device, None, all, MANY).await.expect("heads"), []);
    assert_eq!(repo.at_or_before(device, 0, at(MINUTE)).await.expect("at_or_before"), None);
    assert_eq!(repo.oldest(None, None, at(MINUTE), MANY).await.expect("oldest"), []);
    assert_eq!(repo.usage().await.expect("usage"), []);
    assert_eq!(repo.newest_end(device, 0).await.expect("newest_end"), Some(at(0)));
    assert_eq!(repo.newest_end(device, 1).await.expect("newest_end"), None);
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), [open]);
    assert!(matches!(repo.replace(&row).await, Err(IndexError::NotFound)));

    // A complete one is shown as it was given, whatever state it was given with.
    complete(repo, &Recording { state: RecordingState::Open, ..row.clone() }).await.expect("complete");
    assert_eq!(repo.get(row.id).await.expect("get"), Some(row.clone()));
    assert_eq!(repo.get(RecordingId::random()).await.expect("get"), None);
    assert_eq!(repo.range(device, 0, all, MANY).await.expect("range"), std::slice::from_ref(&row));
    assert_eq!(repo.newest_end(device, 0).await.expect("newest_end"), Some(at(MINUTE)));
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), []);
    let usage = LayerUsage { device, layer: 0, files: 1, bytes: row.bytes, span: row.span };
    assert_eq!(repo.usage().await.expect("usage"), [usage]);

    // What has happened already does not happen again: neither an opening nor a completion undoes anything.
    let thin = Recording { bytes: 1_000, thinned: true, groups: GroupTable::default(), ..row.clone() };
    repo.replace(&thin).await.expect("replace");
    repo.open(&[opened(&row)]).await.expect("open");
    complete(repo, &row).await.expect("complete");
    assert_eq!(repo.get(row.id).await.expect("get"), Some(thin.clone()));

    // One that is being deleted is known to recovery alone.
    for _ in 0..2 {
        let marked = repo.mark_deleting(&[row.id, RecordingId::random()]).await.expect("mark_deleting");
        assert_eq!(marked, [head(&thin)], "the same after an answer that was lost");
    }
    assert_eq!(repo.get(row.id).await.expect("get"), None);
    assert_eq!(repo.heads(device, Some(0), all, MANY).await.expect("heads"), []);
    assert_eq!(repo.newest_end(device, 0).await.expect("newest_end"), None);
    assert_eq!(repo.usage().await.expect("usage"), []);
    let deleting = Recording { state: RecordingState::Deleting, ..thin.clone() };
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), [deleting]);
    assert!(matches!(repo.replace(&row).await, Err(IndexError::NotFound)));
    assert!(matches!(complete(repo, &row).await, Err(IndexError::NotFound)));

    for _ in 0..2 {
        repo.remove(&[row.id]).await.expect("remove");
    }
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), []);
    repo.open(&[]).await.expect("nothing to do");
    assert!(repo.complete(&[]).await.expect("nothing to do").is_empty());
    assert_eq!(repo.mark_deleting(&[]).await.expect("nothing to do"), []);
    repo.remove(&[]).await.expect("nothing to do");
}

/// What lies in which range: a long file, a gap, two that meet, one of the other layer.
async fn ranges(repo: &dyn RecordingRepo) {
    const HOUR: i64 = 60 * MINUTE;
    let device = DeviceId::random();
    // Longer than any reasonable look-back.
    let long = recording(device, range(-48 * HOUR, -HOUR));
    let first = recording(device, range(0, MINUTE));
    let second = Recording { thinned: true, ..recording(device, range(MINUTE, 2 * MINUTE)) };
    let sub = Recording { layer: 1, ..recording(device, range(MINUTE / 2, 3 * MINUTE)) };
    let other = recording(DeviceId::random(), range(0, MINUTE));
    let rows = [second.clone(), long.clone(), sub.clone(), first.clone(), other.clone()];
    for answer in repo.complete(&rows).await.expect("complete") {
        answer.expect("none shares time with another of its layer");
    }

    let found = async |from, to| {
        let found = repo.range(device, 0, range(from, to), MANY).await.expect("range");
        let heads = repo.heads(device, Some(0), range(from, to), MANY).await.expect("heads");
        assert_eq!(heads, found.iter().map(head).collect::<Vec<_>>(), "heads are those of the range");
        found
    };
    assert_eq!(found(-HOUR - 1, 1).await, [long.clone(), first.clone()]);
    assert_eq!(ids(&found(-HOUR, 0).await), [], "neither end belongs to it");
    assert_eq!(ids(&found(-2 * HOUR, -2 * HOUR + 1).await), [long.id]);
    assert_eq!(ids(&found(MINUTE - 1, MINUTE).await), [first.id]);
    assert_eq!(ids(&found(MINUTE, MINUTE + 1).await), [second.id]);
    assert_eq!(ids(&found(MINUTE - 1, MINUTE + 1).await), [first.id, second.id]);
    assert_eq!(ids(&found(2 * MINUTE, i64::MAX / 2).await), []);
    assert_eq!(ids(&found(i64::MIN / 2, -48 * HOUR).await), []);
    assert_eq!(repo.range(device, 1, ALL_TIME, MANY).await.expect("range"), std::slice::from_ref(&sub));
    let two = repo.range(device, 0, ALL_TIME, 2).await.expect("range");
    assert_eq!(ids(&two), [long.id, first.id]);
    let both = repo.heads(device, None, ALL_TIME, MANY).await.expect("heads");
    assert_eq!(both, [head(&long), head(&first), head(&second), head(&sub)]);
    assert_eq!(repo.heads(device, None, ALL_TIME, 2).await.expect("heads"), both[..2]);

    let last = async |layer, time| repo.at_or_before(device, layer, at(time)).await.expect("at_or_before");
    assert_eq!(last(0, -48 * HOUR - 1).await, None);
    assert_eq!(last(0, -48 * HOUR).await, Some(long.clone()));
    assert_eq!(last(0, -1).await, Some(long.clone()), "in the gap, the last one before it");
    assert_eq!(last(0, MINUTE - 1).await, Some(first));
    assert_eq!(last(0, MINUTE).await, Some(second.clone()));
    assert_eq!(last(0, i64::MAX / 2).await, Some(second));
    assert_eq!(last(1, MINUTE).await, Some(sub.clone()));
    assert_eq!(repo.newest_end(device, 0).await.expect("newest_end"), Some(at(2 * MINUTE)));
    assert_eq!(repo.newest_end(device, 1).await.expect("newest_end"), Some(at(3 * MINUTE)));

    let usage = repo.usage().await.expect("usage");
    let of_layer = |layer| usage.iter().find(|row| (row.device, row.layer) == (device, layer)).copied();
    let span = range(-48 * HOUR, 2 * MINUTE);
    let main = LayerUsage { device, layer: 0, files: 3, bytes: 3 * long.bytes, span };
    assert_eq!(of_layer(0), Some(main));
    assert_eq!(of_layer(1).map(|row| (row.files, row.span)), Some((1, sub.span)));
    clear(repo, &rows).await;
}

/// Complete recordings of a layer share no time.
async fn overlaps(repo: &dyn RecordingRepo) {
    let device = DeviceId::random();
    let first = recording(device, range(0, MINUTE));
    complete(repo, &first).await.expect("complete");
    let refused = async |row: &Recording| match complete(repo, row).await {
        Err(IndexError::Overlaps { other }) => other,
        answer => panic!("an overlap was expected, not {answer:?}"),
    };
    for (from, to) in [(0, MINUTE), (-1, 1), (MINUTE - 1, 2 * MINUTE), (1, 2), (-1, MINUTE + 1)] {
        let row = recording(device, range(from, to));
        assert_eq!(refused(&row).await, first.id, "{from} to {to}");
        assert_eq!(repo.get(row.id).await.expect("get"), None, "what is refused is not there");
    }
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), []);

    // One that is refused stays as open as it was.
    let open = opened(&recording(device, range(MINUTE / 2, 2 * MINUTE)));
    repo.open(std::slice::from_ref(&open)).await.expect("open");
    let late = Recording { span: range(MINUTE / 2, 2 * MINUTE), bytes: 9, ..open.clone() };
    assert_eq!(refused(&late).await, first.id);
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), std::slice::from_ref(&open));

    // Each row of a batch is by itself, and stands in the way of those after it.
    let next = recording(device, range(MINUTE, 2 * MINUTE));
    let twice = recording(device, range(MINUTE + 1, 2 * MINUTE));
    let before = recording(device, range(-MINUTE, 0));
    let sub = Recording { layer: 1, ..recording(device, range(0, MINUTE)) };
    let batch = [next.clone(), late, twice, before.clone(), sub.clone(), next.clone(), first.clone()];
    let answers = repo.complete(&batch).await.expect("complete");
    let others: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(()) => None,
            Err(IndexError::Overlaps { other }) => Some(*other),
            Err(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(others, [None, Some(first.id), Some(next.id), None, None, None, None]);
    let stored = repo.range(device, 0, ALL_TIME, MANY).await.expect("range");
    assert_eq!(ids(&stored), [before.id, first.id, next.id]);

    // The time of one that is being deleted is free.
    repo.mark_deleting(&[first.id]).await.expect("mark_deleting");
    let again = recording(device, range(0, MINUTE));
    complete(repo, &again).await.expect("the time is free");
    clear(repo, &[first, open, next, before, sub, again]).await;
}

/// Who records a device with an older fence is refused.
async fn fences(repo: &dyn RecordingRepo) {
    let device = DeviceId::random();
    let row = |minute: i64, fence| Recording {
        fence,
        ..recording(device, range(minute * MINUTE, (minute + 1) * MINUTE))
    };
    let (old, new, late) = (row(0, 1), row(1, 3), row(2, 2));
    let elsewhere = recording(DeviceId::random(), range(0, MINUTE));
    repo.open(&[opened(&old)]).await.expect("open");
    repo.open(&[opened(&new)]).await.expect("open");
    let refused = |answer: Result<(), IndexError>| match answer {
        Err(IndexError::Fenced { newest }) => newest,
        other => panic!("a fence was expected, not {other:?}"),
    };
    assert_eq!(refused(repo.open(&[opened(&elsewhere), opened(&late)]).await), 3);
    let open = repo.unfinished(MANY).await.expect("unfinished");
    assert_eq!(ids(&open), [old.id, new.id], "all or nothing");
    let answers = repo.complete(&[old.clone(), new.clone(), elsewhere.clone()]).await.expect("complete");
    let [first, second, third] = <[_; 3]>::try_from(answers).expect("one answer for each row");
    assert_eq!(refused(first), 3);
    second.expect("the newest fence");
    third.expect("another device");
    clear(repo, &[old, new, elsewhere]).await;
}

/// Long lists are walked in steps.
async fn walks(repo: &dyn RecordingRepo) {
    let [first, second] = [DeviceId::random(), DeviceId::random()];
    let mut rows: Vec<_> = (0..5_i64)
        .flat_map(|n| {
            let span = range(n * MINUTE, (n + 1) * MINUTE);
            let sub = Recording { layer: 1, ..recording(first, span) };
            [recording(first, span), sub, recording(second, span)]
        })
        .collect();
    let open = opened(&recording(second, range(9 * MINUTE, 10 * MINUTE)));
    repo.open(std::slice::from_ref(&open)).await.expect("open");
    for answer in repo.complete(&rows).await.expect("complete") {
        answer.expect("none shares time with another of its layer");
    }
    rows.sort_by_key(|row| (row.span.start, row.id));
    let before = at(4 * MINUTE);
    for device in [None, Some(first), Some(second)] {
        let expected: Vec<_> = rows
            .iter()
            .filter(|row| row.span.start < before && device.is_none_or(|device| device == row.device))
            .map(head)
            .collect();
        for step in [1, 2, 100] {
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let found = repo.oldest(device, after, before, step).await.expect("oldest");
                let Some(last) = found.last() else { break };
                assert!(found.len() as u64 <= step);
                after = Some((last.span.start, last.id));
                walked.extend(found);
            }
            assert_eq!(walked, expected, "{device:?} in steps of {step}");
        }
    }
    let marked: Vec<_> = ids(&rows[..4]);
    repo.mark_deleting(&marked).await.expect("mark_deleting");
    let unfinished = ids(&repo.unfinished(MANY).await.expect("unfinished"));
    assert_eq!(unfinished, [&marked[..], &[open.id]].concat(), "the oldest first");
    assert_eq!(ids(&repo.unfinished(3).await.expect("unfinished")), marked[..3]);
    rows.push(open);
    clear(repo, &rows).await;
}

/// Batches are as large as a machine has cameras, and larger.
async fn batches(repo: &dyn RecordingRepo) {
    let device = DeviceId::random();
    let rows: Vec<_> = (0..1_300).map(|n| recording(device, range(n * MINUTE, (n + 1) * MINUTE))).collect();
    repo.open(&rows.iter().map(opened).collect::<Vec<_>>()).await.expect("open");
    assert_eq!(ids(&repo.unfinished(MANY).await.expect("unfinished")), ids(&rows));
    let answers = repo.complete(&rows).await.expect("complete");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), rows.len());
    assert_eq!(repo.range(device, 0, ALL_TIME, MANY).await.expect("range"), rows);
    let marked = repo.mark_deleting(&ids(&rows)).await.expect("mark_deleting");
    assert_eq!(marked.len(), rows.len());
    clear(repo, &rows).await;
    assert_eq!(repo.usage().await.expect("usage"), []);
}

/// Takes the rows of a part of the suite away, so that the next one begins with nothing.
async fn clear(repo: &dyn RecordingRepo, rows: &[Recording]) {
    repo.mark_deleting(&ids(rows)).await.expect("mark_deleting");
    repo.remove(&ids(rows)).await.expect("remove");
    assert_eq!(repo.unfinished(MANY).await.expect("unfinished"), []);
}

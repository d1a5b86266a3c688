//! What the hub costs: pushing a unit and handing it to 1, 100 and 1,000 readers.
//!
//! The floor is the same number of `Arc` clones handed over without a ring; `read` over `floor` is the hub's price.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use vas_core::StreamId;
use vas_core::hub::{StartAt, StreamHub, Subscription};
use vas_core::testing::{delta_picture, key_picture, sized, video_desc};

/// Pictures pushed in one iteration, of which the first is a key.
const BATCH: u64 = 25;

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("hub");
    for readers in [1_usize, 100, 1_000] {
        group.throughput(Throughput::Elements(BATCH * readers as u64));

        let hub = StreamHub::default();
        let id = StreamId::random();
        let mut writer = hub.publish(id, video_desc()).expect("nobody else publishes");
        let units: Vec<_> = (0..BATCH)
            .map(|n| sized(if n == 0 { key_picture(n) } else { delta_picture(n) }, 10_000))
            .collect();
        let mut subscriptions: Vec<Subscription> =
            (0..readers).map(|_| hub.subscribe(id, StartAt::Next).expect("published")).collect();
        group.bench_function(BenchmarkId::new("read", readers), |b| {
            b.iter(|| {
                for unit in &units {
                    writer.push(unit.clone());
                    for subscription in &mut subscriptions {
                        black_box(subscription.try_next()).expect("just pushed").expect("no lag");
                    }
                }
            });
        });

        let shared: Vec<_> = units.iter().cloned().map(Arc::new).collect();
        group.bench_function(BenchmarkId::new("floor", readers), |b| {
            b.iter(|| {
                for unit in &shared {
                    for _ in 0..readers {
                        black_box(unit.clone());
                    }
                }
            });
        });
    }
    group.finish();

    // What a writer pays when every reader sleeps and must be woken.
    let mut group = c.benchmark_group("push_and_wake");
    for readers in [1_usize, 100, 1_000] {
        group.throughput(Throughput::Elements(readers as u64));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let hub = StreamHub::default();
        let id = StreamId::random();
        let mut writer = hub.publish(id, video_desc()).expect("nobody else publishes");
        let mut subscriptions: Vec<Subscription> =
            (0..readers).map(|_| hub.subscribe(id, StartAt::Next).expect("published")).collect();
        group.bench_function(BenchmarkId::from_parameter(readers), |b| {
            b.iter(|| {
                let receives = subscriptions.iter_mut().map(Subscription::next);
                let all = futures_util::future::join_all(receives);
                runtime.block_on(async {
                    let push = async {
                        tokio::task::yield_now().await;
                        writer.push(key_picture(0));
                    };
                    black_box(tokio::join!(all, push));
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);

//! The pool bounds threads, and survives what runs on them.

use crate::clock::SystemClock;
use crate::decode::{DecodeError, DecodePool, PoolConfig, PoolError};
use std::sync::mpsc;
use std::time::Duration;

fn pool(threads: usize, waiting: usize, patience: Duration) -> DecodePool {
    DecodePool::new(PoolConfig { threads, waiting, patience }, SystemClock::shared())
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_panic_is_an_error_and_frees_its_place() {
    let pool = pool(1, 0, LONG);
    for _ in 0..3 {
        assert_eq!(pool.run(|_| panic!("planted")).await, Err::<(), _>(PoolError::Panicked));
    }
    assert_eq!(pool.run(|_| 7).await, Ok(7));
}

#[tokio::test]
async fn what_hangs_keeps_its_place_and_lets_its_caller_go() {
    let pool = pool(1, 1, Duration::from_millis(50));
    let (release, hang) = mpsc::channel::<()>();
    let hangs = pool.run(move |_| hang.recv());
    assert_eq!(hangs.await.unwrap_err(), PoolError::TimedOut);
    assert_eq!(pool.run(|_| 7).await, Err(PoolError::TimedOut));
    // Both places of those that are admitted: one hangs, one waits.
    let waits = pool.clone();
    let (first, second) = tokio::join!(waits.run(|_| 7), pool.run(|_| 7));
    assert_eq!((first, second), (Err(PoolError::TimedOut), Err(PoolError::Busy)));

    drop(release);
    while pool.run(|_| 7).await != Ok(7) {}
}

#[tokio::test]
async fn work_is_told_when_its_time_is_over_or_its_caller_gone() {
    let until_told = |deadline: &crate::decode::Deadline| loop {
        if let Err(error) = deadline.check() {
            return error;
        }
        std::thread::yield_now();
    };
    let short = pool(1, 0, Duration::from_secs(1));
    assert_eq!(short.run(until_told).await, Ok(DecodeError::TimedOut));

    let (sender, receiver) = tokio::sync::oneshot::channel();
    let pool = pool(1, 0, LONG);
    let told = pool.run(move |deadline| sender.send(until_told(deadline)));
    assert!(tokio::time::timeout(Duration::from_millis(20), told).await.is_err());
    assert_eq!(receiver.await, Ok(DecodeError::Abandoned));
}

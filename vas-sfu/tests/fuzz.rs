//! The short form of fuzzing: every input that was kept, and many that are made from these at random. The long form, which
//! follows coverage, is `fuzz/run.sh`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use targets::{TARGETS, Target};

/// Inputs made at random for each target.
const MADE: usize = 20_000;
/// Longest input made, in bytes.
const LONGEST: usize = 4_096;
/// Numbers at which lengths and counters go wrong.
const NUMBERS: [u32; 9] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff];

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target.name)
}

/// The inputs that were kept for a target, in the order of their names.
fn kept(target: &Target) -> Vec<Vec<u8>> {
    let folder = folder(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs a target; an input that breaks it is kept for good.
fn run(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let sum =
            input.iter().fold(0_u64, |sum, &byte| sum.wrapping_mul(1_099_511_628_211) ^ u64::from(byte));
        let file = folder(target).join(format!("crash-{sum:016x}"));
        std::fs::write(&file, input).unwrap();
        panic!("{} breaks on {}", target.name, file.display());
    }
}

/// Another input made of one that there is.
fn mutate(input: &[u8], others: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..rng.random_range(1..=6) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len().min(at + 64));
        match rng.random_range(0..7) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.random()),
            2 => {
                let number = NUMBERS.choose(rng).copied().unwrap_or_default().to_be_bytes();
                let width = *[1, 2, 4].choose(rng).unwrap_or(&4);
                bytes.iter_mut().skip(at).zip(&number[4 - width..]).for_each(|(byte, new)| *byte = *new);
            }
            3 => drop(bytes.drain(at..end)),
            4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            5 => drop(
                bytes.splice(at..at, (0..rng.random_range(1..16)).map(|_| rng.random()).collect::<Vec<u8>>()),
            ),
            _ => {
                let other = others.choose(rng).map_or(&[][..], Vec::as_slice);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[rng.random_range(0..=other.len())..]);
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

#[test]
fn parsers_survive_whatever_strangers_send() {
    for target in &TARGETS {
        let kept = kept(target);
        assert!(!kept.is_empty(), "{} has no inputs to begin with", target.name);
        kept.iter().for_each(|input| run(target, input));
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..MADE {
            let input = kept.choose(&mut rng).expect("it is not empty");
            run(target, &mutate(input, &kept, &mut rng));
        }
    }
}

//! What is fuzzed of recordings: the readers of stored files, which a crash or a disk may have damaged.
//!
//! A target must return, whatever the bytes: no panic, no overflow, no endless loop, no memory beyond a small multiple of
//! the input. What it asserts holds for any input.

use crate::targets::Target;
use bytes::Bytes;
use std::io::Cursor;
use vas_record::read;

/// All of them.
pub(crate) const TARGETS: [Target; 3] = [
    Target { name: "mp4_init", run: read_init },
    Target { name: "mp4_fragments", run: read_fragments },
    Target { name: "mp4_scan", run: scan },
];

fn read_init(bytes: &[u8]) {
    if let Ok(init) = read::init(bytes) {
        assert!(init.len <= bytes.len());
        assert!(init.track(init.leader().number).is_some());
        assert_eq!(init.desc().tracks.len(), init.tracks.len());
    }
}

fn read_fragments(bytes: &[u8]) {
    let mut end = 0;
    for fragment in read::fragments(Bytes::copy_from_slice(bytes)) {
        let Ok(fragment) = fragment else { return };
        assert!(fragment.offset >= end);
        end = fragment.offset + fragment.len;
        assert!(end <= bytes.len());
        assert!(fragment.samples.iter().all(|sample| (1..=fragment.len).contains(&sample.data.len())));
    }
}

/// A whole file is good where its parts are.
fn scan(bytes: &[u8]) {
    let Ok(scan) = read::scan(Cursor::new(bytes)) else { return };
    assert!(scan.valid_len <= bytes.len() as u64 && scan.init.len as u64 <= scan.valid_len);
    assert!(scan.groups.iter().all(|group| group.end_offset() <= scan.valid_len));
    let whole = read::fragments(Bytes::copy_from_slice(bytes)).flatten().last();
    let end = whole.map_or(scan.init.len, |fragment| fragment.offset + fragment.len);
    assert_eq!(scan.valid_len, end as u64);
}

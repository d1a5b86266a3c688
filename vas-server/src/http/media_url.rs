//! Names of media that carry their own permission: `{label}-{expiry}-{mac}.{extension}`.
//!
//! A playlist that was fetched with a token names segments that are fetched without one, by a `<video>` element that
//! can send no header. Whoever has such a name may read that one thing until it expires, and nothing else: the MAC
//! (HMAC-SHA256, RFC 2104, cut to 128 bits as section 5 there allows) covers the stream, the whole name and the expiry.

use super::problem::Problem;
use crate::key_file::{self, random_key};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;
use vas_core::WallTime;

/// The key's file in the data folder.
const KEY_FILE: &str = "media-url.key";
/// Bytes of the key: as many as the hash has (RFC 2104, section 3).
const KEY_BYTES: usize = 32;
/// Bytes of the MAC that stand in a name.
const MAC_BYTES: usize = 16;
/// The same in base64url without padding (RFC 4648, section 5).
const MAC_TEXT: usize = 22;
/// Longest label taken; none that is made here comes near.
const LONGEST_LABEL: usize = 160;
const MICROS: i64 = 1_000_000;

/// What names are for: one cannot be used in the place of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Media of a stream that runs.
    Live,
    /// Media of a device that was recorded.
    Recorded,
}

/// Why a name is not honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It is no such name.
    #[error("there is no such media")]
    Malformed,
    /// Its MAC is not the server's.
    #[error("the name is not one that this server gave for this stream; fetch the playlist")]
    Forged,
    /// Its time is over.
    #[error("the name has expired; fetch the playlist again")]
    Expired,
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::Malformed => return Self::not_found("media"),
            Refused::Forged => "FORBIDDEN",
            Refused::Expired => "MEDIA_URL_EXPIRED",
        };
        Self::new(StatusCode::FORBIDDEN, code, refused.to_string())
    }
}

/// A name that was honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MediaName<'a> {
    /// What it names.
    pub(super) label: &'a str,
    /// Its form: `ts`, `mp4`, `m4s` or `m3u8`.
    pub(super) extension: &'a str,
}

/// Makes and checks names. Prints without its key.
#[derive(Debug)]
pub(super) struct MediaUrls {
    key: Key,
    ttl: Duration,
}

impl MediaUrls {
    /// Names with the key that lies in `folder`, or a new one that is put there. They hold for `ttl`.
    ///
    /// Where the key can't be kept it is made for this run alone: playlists that players hold end with it.
    pub(super) fn open(folder: &Path, ttl: Duration) -> Self {
        let key = stored_key(folder).unwrap_or_else(|error| {
            tracing::warn!(
                %error,
                folder = %folder.display(),
                "the key of media URLs can't be kept in the data folder; URLs in playlists end with this run"
            );
            random_key()
        });
        Self { key: Key::new(HMAC_SHA256, &key), ttl }
    }

    /// A name for what came to be at `at`, the same whenever it is asked for: a live playlist must name a segment in the
    /// same way each time (RFC 8216, section 6.2.2).
    pub(super) fn since(
        &self,
        at: WallTime,
        purpose: Purpose,
        of: Uuid,
        label: &str,
        extension: &str,
    ) -> String {
        let expiry = at.as_unix_micros().div_euclid(MICROS).saturating_add(self.ttl_seconds());
        self.name(purpose, of, label, expiry, extension)
    }

    /// A name for something that was asked for at `now`. It stays the same for a while, so that caches serve whoever
    /// else asks, and holds for three quarters of the time at least.
    pub(super) fn at(
        &self,
        now: WallTime,
        purpose: Purpose,
        of: Uuid,
        label: &str,
        extension: &str,
    ) -> String {
        let (now, step) = (now.as_unix_micros().div_euclid(MICROS), (self.ttl_seconds() / 4).max(1));
        let expiry = now.div_euclid(step).saturating_mul(step).saturating_add(self.ttl_seconds());
        self.name(purpose, of, label, expiry, extension)
    }

    /// What `name` names, if it was given for media of `of`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(super) fn check<'a>(
        &self,
        purpose: Purpose,
        of: Uuid,
        name: &'a str,
        now: WallTime,
    ) -> Result<MediaName<'a>, Refused> {
        let (parsed, expiry, mac) = parse(name).ok_or(Refused::Malformed)?;
        let expected = self.mac(purpose, of, parsed.label, expiry, parsed.extension);
        verify_slices_are_equal(&expected, &mac).map_err(|_| Refused::Forged)?;
        if now.as_unix_micros().div_euclid(MICROS) >= expiry {
            return Err(Refused::Expired);
        }
        Ok(parsed)
    }

    fn ttl_seconds(&self) -> i64 {
        i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX)
    }

    fn name(&self, purpose: Purpose, of: Uuid, label: &str, expiry: i64, extension: &str) -> String {
        let mac = URL_SAFE_NO_PAD.encode(self.mac(purpose, of, label, expiry, extension));
        format!("{label}-{expiry}-{mac}.{extension}")
    }

    fn mac(&self, purpose: Purpose, of: Uuid, label: &str, expiry: i64, extension: &str) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(match purpose {
            Purpose::Live => &b"live\0"[..],
            Purpose::Recorded => &b"recorded\0"[..],
        });
        context.update(of.as_bytes());
        context.update(&expiry.to_be_bytes());
        // Neither holds a zero byte, so no two pairs look the same.
        context.update(label.as_bytes());
        context.update(b"\0");
        context.update(extension.as_bytes());
        let tag = context.sign();
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(&tag.as_ref()[..MAC_BYTES]);
        mac
    }
}

/// Takes a name apart, from its end: a label may contain hyphens, and so may the MAC, whose length is known.
fn parse(name: &str) -> Option<(MediaName<'_>, i64, [u8; MAC_BYTES])> {
    let (stem, extension) = name.rsplit_once('.')?;
    let (rest, mac) = stem.split_at_checked(stem.len().checked_sub(MAC_TEXT)?)?;
    let (label, expiry) = rest.strip_suffix('-')?.rsplit_once('-')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_label = (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(plain);
    let is_number = (1..=12).contains(&expiry.len()) && expiry.bytes().all(|byte| byte.is_ascii_digit());
    // One number has one name.
    if !is_label || !is_number || (expiry.len() > 1 && expiry.starts_with('0')) {
        return None;
    }
    if !["ts", "mp4", "m4s", "m3u8"].contains(&extension) {
        return None;
    }
    let mac = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
    Some((MediaName { label, extension }, expiry.parse().ok()?, mac))
}

/// The key that lies in the folder; a new one where there is none.
fn stored_key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let key = key_file::read_or_make(folder, KEY_FILE, || random_key().to_vec())?;
    key.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the file is no key; remove it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOW: WallTime = WallTime::from_unix_micros(1_795_305_600_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn urls() -> MediaUrls {
        MediaUrls { key: Key::new(HMAC_SHA256, &random_key()), ttl: HOUR }
    }

    fn later(seconds: i64) -> WallTime {
        NOW.add_micros(seconds * MICROS)
    }

    #[test]
    fn a_name_opens_what_it_was_made_for_until_it_expires() {
        let (urls, other, of) = (urls(), urls(), Uuid::now_v7());
        let name = urls.since(NOW, Purpose::Live, of, "7.2", "m4s");
        assert_eq!(name, urls.since(NOW, Purpose::Live, of, "7.2", "m4s"));
        let check = |purpose, of, name: &str, now| urls.check(purpose, of, name, now).map(|_| ());
        let found = urls.check(Purpose::Live, of, &name, later(3_599)).unwrap();
        assert_eq!(found, MediaName { label: "7.2", extension: "m4s" });
        assert_eq!(check(Purpose::Live, of, &name, later(3_600)), Err(Refused::Expired));
        assert_eq!(check(Purpose::Recorded, of, &name, NOW), Err(Refused::Forged));
        assert_eq!(check(Purpose::Live, Uuid::now_v7(), &name, NOW), Err(Refused::Forged));
        assert_eq!(check(Purpose::Live, of, &name.replacen("7.2", "7.3", 1), NOW), Err(Refused::Forged));
        assert_eq!(check(Purpose::Live, of, &name.replace("m4s", "ts"), NOW), Err(Refused::Forged));
        assert_eq!(other.check(Purpose::Live, of, &name, NOW), Err(Refused::Forged));
    }

    #[test]
    fn a_label_may_hold_hyphens() {
        let (urls, of) = (urls(), Uuid::now_v7());
        let label = format!("{of}-1-2");
        let name = urls.at(NOW, Purpose::Recorded, of, &label, "mp4");
        assert_eq!(urls.check(Purpose::Recorded, of, &name, NOW).unwrap().label, label);
    }

    #[test]
    fn names_of_an_answer_stay_for_a_while_and_hold_long_enough() {
        let (urls, of) = (urls(), Uuid::now_v7());
        let at = |seconds| urls.at(later(seconds), Purpose::Live, of, "video", "m3u8");
        assert_eq!(at(0), at(899));
        assert_ne!(at(0), at(900));
        assert!(urls.check(Purpose::Live, of, &at(899), later(899 + 2_700)).is_ok());
    }

    #[test]
    fn what_is_no_name_is_unknown() {
        let (urls, of) = (urls(), Uuid::now_v7());
        let good = urls.since(NOW, Purpose::Live, of, "1", "ts");
        let mac = &good[good.len() - 25..good.len() - 3];
        for name in [
            String::new(),
            ".ts".to_owned(),
            "1.ts".to_owned(),
            "-1-1.ts".to_owned(),
            format!("1-1-{mac}"),
            format!("1-01-{mac}.ts"),
            format!("1-99999999999999999999-{mac}.ts"),
            format!("../1-1-{mac}.ts"),
            format!("1-1-{mac}.exe"),
            format!("1-1-{}.ts", "é".repeat(11)),
            format!("\0-1-{mac}.ts"),
            format!("{}-1-{mac}.ts", "9".repeat(200)),
            "é.ts".to_owned(),
        ] {
            assert_eq!(urls.check(Purpose::Live, of, &name, NOW), Err(Refused::Malformed), "{name:?}");
        }
        // The last character of a MAC has bits to spare, which must not make a second name of it.
        assert!(urls.check(Purpose::Live, of, &good, NOW).is_ok());
    }

    #[test]
    fn the_key_is_kept_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let of = Uuid::now_v7();
        let name = MediaUrls::open(folder.path(), HOUR).since(NOW, Purpose::Live, of, "1", "ts");
        assert!(MediaUrls::open(folder.path(), HOUR).check(Purpose::Live, of, &name, NOW).is_ok());
        let path = folder.path().join(KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // One that was tampered with is not taken, and the server starts all the same.
        std::fs::write(&path, "short").unwrap();
        let other = MediaUrls::open(folder.path(), HOUR);
        assert_eq!(other.check(Purpose::Live, of, &name, NOW), Err(Refused::Forged));
    }
}

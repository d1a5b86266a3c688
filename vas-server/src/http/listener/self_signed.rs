//! A certificate that the server makes for itself: enough to encrypt, and for whoever compares its fingerprint.

use super::tls::TlsError;
use crate::config::Config;
use crate::key_file;
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use std::io;
use std::path::PathBuf;
use vas_core::SharedClock;

/// The file in the data folder, with key and certificate.
const FILE: &str = "tls-self-signed.pem";
/// What stands in front of them: PEM may be explained (RFC 7468, section 2).
const VALID_UNTIL: &str = "Valid until ";
/// As long as all clients take a certificate.
const DAYS: u64 = 825;
/// So long before its end it is replaced, at a start.
const EARLY: Days = Days::new(60);

/// The file of the certificate, made where there is none or the one there ends soon.
pub(super) fn keep(config: &Config, clock: &SharedClock) -> Result<PathBuf, TlsError> {
    let path = config.data_dir.join(FILE);
    let error = |source: io::Error| TlsError::Keep { path: config.data_dir.join(FILE), source };
    let today = DateTime::<Utc>::from_timestamp_micros(clock.wall().as_unix_micros()).unwrap_or_default();
    let today = today.date_naive();
    let found = key_file::read(&path).map_err(error)?;
    if let Some(found) = &found
        && valid_until(found).is_none_or(|end| end < today + EARLY)
    {
        std::fs::remove_file(&path).map_err(error)?;
    }
    let made = make(config, today).map_err(TlsError::Make)?;
    key_file::read_or_make(&config.data_dir, FILE, || made.into_bytes()).map_err(error)?;
    Ok(path)
}

fn valid_until(pem: &[u8]) -> Option<NaiveDate> {
    let first = std::str::from_utf8(pem).ok()?.lines().next()?;
    first.strip_prefix(VALID_UNTIL)?.parse().ok()
}

fn make(config: &Config, today: NaiveDate) -> Result<String, rcgen::Error> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(config.http.host_names.iter().cloned());
    names.extend(config.media.public_addresses.iter().map(ToString::to_string));
    let listen = config.http.listen.ip();
    if !listen.is_unspecified() && !listen.is_loopback() {
        names.push(listen.to_string());
    }
    let end = today + Days::new(DAYS);
    let day = |date: NaiveDate| date_time_ymd(date.year(), date.month() as u8, date.day() as u8);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "VAS");
    // A client whose clock is a little behind takes it as well.
    params.not_before = day(today - Days::new(1));
    params.not_after = day(end);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{VALID_UNTIL}{end}\n{}{}", key.serialize_pem(), certificate.pem()))
}

//! Where an object store is and how it is talked to.

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
use std::time::Duration;
use vas_core::{ErrorKind, HasKind, Secret};

/// Until a connection stands.
const CONNECT_TIMEOUT: &str = "5 seconds";
/// Without a byte from the other side.
const READ_TIMEOUT: &str = "20 seconds";
/// For one request, with a part of an upload in it: 8 MiB at 0.6 Mb/s.
const REQUEST_TIMEOUT: &str = "120 seconds";
/// Requests that fail by the other side's fault are repeated this often, and for so long. What still fails then is
/// for the caller to repeat, who knows for how long it may wait.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
const RETRY_MAX_BACKOFF: Duration = Duration::from_secs(5);

/// How to reach an object store. What is not given comes from the environment (`AWS_ENDPOINT_URL`, `AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, ...) or, for credentials, from the machine's role
/// in a cloud.
#[derive(Clone, Debug, Default)]
pub struct ObjectOptions {
    /// The service's URL, where it is not AWS: `https://minio.example:9000`.
    pub endpoint: Option<String>,
    /// The region; many services ignore it.
    pub region: Option<String>,
    /// The id of the key to sign with.
    pub access_key_id: Option<String>,
    /// The key to sign with.
    pub secret_access_key: Option<Secret>,
    /// The token that belongs to a temporary key.
    pub session_token: Option<Secret>,
    /// Whether plain HTTP may be spoken: footage then travels in the clear.
    pub allow_http: bool,
    /// Whether the bucket is named by the path (`https://host/bucket/key`, as MinIO has it), not by the host's name.
    pub path_style: bool,
}

/// Why an object store can't be set up. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectConfigError {
    /// The URL is none of an object store.
    #[error(
        "the URL is not one of a bucket; write s3://bucket or s3://bucket/prefix (or memory: for a test)"
    )]
    BadUrl,
    /// The endpoint has credentials in it.
    #[error("the endpoint has a user name in it; give the key by its own options")]
    CredentialsInEndpoint,
    /// The endpoint is not encrypted.
    #[error("the endpoint speaks plain HTTP; use https, or allow_http if the network between is your own")]
    PlainHttp,
    /// The options don't fit together.
    #[error("the object store's options are wrong: {0}")]
    Options(String),
}

impl HasKind for ObjectConfigError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// What a URL names.
pub(super) enum Place {
    Memory,
    S3 { bucket: String, prefix: Path },
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self, ObjectConfigError> {
        if matches!(url, "memory:" | "memory://" | "memory:///") {
            return Ok(Self::Memory);
        }
        let rest = url.strip_prefix("s3://").ok_or(ObjectConfigError::BadUrl)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // By Amazon's rules for general purpose buckets; no user name, port or query can be in it.
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(allowed) {
            return Err(ObjectConfigError::BadUrl);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
        if !prefix.chars().all(plain) {
            return Err(ObjectConfigError::BadUrl);
        }
        let prefix = Path::parse(prefix).map_err(|_| ObjectConfigError::BadUrl)?;
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix })
    }
}

impl ObjectOptions {
    /// A client for `bucket`.
    pub(super) fn s3(&self, bucket: &str) -> Result<AmazonS3, ObjectConfigError> {
        if let Some(endpoint) = &self.endpoint {
            if endpoint.contains('@') {
                return Err(ObjectConfigError::CredentialsInEndpoint);
            }
            if endpoint.starts_with("http:") && !self.allow_http {
                return Err(ObjectConfigError::PlainHttp);
            }
        }
        let client = |key: ClientConfigKey| AmazonS3ConfigKey::Client(key);
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_virtual_hosted_style_request(!self.path_style)
            // One file is deleted at a time, by the request that every service knows.
            .with_disable_bulk_delete(true)
            .with_config(client(ClientConfigKey::ConnectTimeout), CONNECT_TIMEOUT)
            .with_config(client(ClientConfigKey::ReadTimeout), READ_TIMEOUT)
            .with_config(client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: RETRY_BACKOFF,
                    max_backoff: RETRY_MAX_BACKOFF,
                    base: 2.0,
                },
                max_retries: RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            });
        if self.allow_http {
            builder = builder.with_allow_http(true);
        }
        let text = |value: &Option<String>| value.clone();
        let secret = |value: &Option<Secret>| value.as_ref().map(|secret| secret.expose().to_owned());
        for (key, value) in [
            (AmazonS3ConfigKey::Endpoint, text(&self.endpoint)),
            (AmazonS3ConfigKey::Region, text(&self.region)),
            (AmazonS3ConfigKey::AccessKeyId, text(&self.access_key_id)),
            (AmazonS3ConfigKey::SecretAccessKey, secret(&self.secret_access_key)),
            (AmazonS3ConfigKey::Token, secret(&self.session_token)),
        ] {
            if let Some(value) = value {
                builder = builder.with_config(key, value);
            }
        }
        builder.build().map_err(|error| ObjectConfigError::Options(self.scrub(&error.to_string())))
    }

    /// `text` without this store's credentials, and not longer than a log line should be.
    pub(super) fn scrub(&self, text: &str) -> String {
        let secrets =
            [&self.secret_access_key, &self.session_token].into_iter().flatten().map(Secret::expose);
        let mut text = text.to_owned();
        for secret in secrets.chain(self.access_key_id.as_deref()).filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
        match text.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    }
}

/// Characters of a message of the service's that are passed on; it may answer with a whole page.
const MAX_MESSAGE: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ObjectOptions {
        ObjectOptions {
            region: Some("eu-west-1".to_owned()),
            access_key_id: Some("AKIDPLANTED".to_owned()),
            secret_access_key: Some(Secret::new("planted-secret")),
            session_token: Some(Secret::new("planted-token")),
            ..ObjectOptions::default()
        }
    }

    #[test]
    fn urls_of_buckets_are_understood_and_no_others() {
        let Ok(Place::S3 { bucket, prefix }) = Place::parse("s3://bucket.of-1/site/a") else { panic!() };
        assert_eq!((bucket.as_str(), prefix.as_ref()), ("bucket.of-1", "site/a"));
        let Ok(Place::S3 { prefix, .. }) = Place::parse("s3://bucket/") else { panic!() };
        assert_eq!(prefix.as_ref(), "");
        assert!(matches!(Place::parse("memory:"), Ok(Place::Memory)));
        for url in [
            "",
            "bucket",
            "s3:/bucket",
            "s3://",
            "s3://ab",
            "s3://user:pass@bucket",
            "s3://Bucket",
            "s3://bucket/a?b",
            "s3://bucket/../other",
            "s3://bucket/a//b",
            "s3://bucket/%2e",
            "file:///etc",
            "https://bucket",
        ] {
            assert!(Place::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn credentials_are_neither_printed_nor_taken_from_the_endpoint() {
        let text = format!("{:?}", options());
        assert!(!text.contains("planted"), "{text}");
        let scrubbed = options().scrub("AKIDPLANTED signs with planted-secret and planted-token");
        assert_eq!(scrubbed, "*** signs with *** and ***");
        assert_eq!(options().scrub(&"ä".repeat(1_000)).chars().count(), MAX_MESSAGE + 3);
        let with = |endpoint: &str| ObjectOptions { endpoint: Some(endpoint.to_owned()), ..options() };
        let refused = with("https://user:pass@host").s3("bucket");
        assert!(matches!(refused, Err(ObjectConfigError::CredentialsInEndpoint)));
        assert!(matches!(with("http://host").s3("bucket"), Err(ObjectConfigError::PlainHttp)));
        assert!(ObjectOptions { allow_http: true, ..with("http://host") }.s3("bucket").is_ok());
        assert!(with("https://host:9000").s3("bucket").is_ok());
    }
}

//! TLS: the certificate, and the handshake. Versions and ciphers are rustls' own choice: 1.2 and 1.3, with forward secrecy.

use super::self_signed;
use crate::config::{Config, TlsMode};
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vas_core::{ErrorKind, HasKind, SharedClock, TaskScope};

/// How often the files are looked at. Certificates are renewed a few times a year; looking works on every file system,
/// and for links that are set to other files.
const LOOK: Duration = Duration::from_secs(2);
/// What is spoken on top, the better one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {what} in PEM", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Certificate and key are of no use together.
    #[error("certificate and key can't be used: {0}")]
    Unusable(#[source] rustls::Error),
    /// No certificate of its own can be made.
    #[error("can't make a certificate: {0}")]
    Make(#[source] rcgen::Error),
    /// The certificate that was made can't be kept.
    #[error("can't keep the certificate in {}: {source}", .path.display())]
    Keep {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HasKind for TlsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } | Self::Keep { .. } => ErrorKind::Unavailable,
            Self::Pem { .. } | Self::Unusable(_) => ErrorKind::InvalidInput,
            Self::Make(_) => ErrorKind::Internal,
        }
    }
}

/// Makes encrypted connections. `Clone` hands out the same certificate.
#[derive(Clone)]
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: Option<Arc<Files>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The certificate that is shown.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

/// Where certificate and key come from.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// What a configuration asks for; `None`: no TLS.
    pub(super) fn open(config: &Config, clock: &SharedClock) -> Result<Option<Self>, TlsError> {
        let tls = &config.tls;
        let (certified, files) = match tls.mode {
            TlsMode::Off => return Ok(None),
            TlsMode::Files => {
                let files = Files { certificate: tls.certificate.clone(), key: tls.key.clone() };
                (files.load()?, Some(Arc::new(files)))
            }
            TlsMode::SelfSigned => {
                let path = self_signed::keep(config, clock)?;
                (Files { certificate: path.clone(), key: path }.load()?, None)
            }
        };
        let current = Arc::new(Current(RwLock::new(Arc::new(certified))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Some(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current, files }))
    }

    /// The handshake.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub(super) fn fingerprint(&self) -> String {
        let shown = self.current.0.read().clone();
        let certificate = shown.cert.first().map_or(&[][..], AsRef::as_ref);
        let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, certificate);
        let pairs: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    /// Takes up new contents of the files while the scope lives. Connections that there are stay as they are.
    pub(super) fn follow(&self, scope: &TaskScope) {
        let Some(files) = self.files.clone() else { return };
        let tls = self.clone();
        scope.spawn_until_cancelled("certificate", async move {
            let mut seen = files.marks().await;
            loop {
                tokio::time::sleep(LOOK).await;
                let marks = files.marks().await;
                if marks == seen {
                    continue;
                }
                // Written one after the other: until both fit together, the old ones stay.
                match files.load() {
                    Ok(certified) => {
                        *tls.current.0.write() = Arc::new(certified);
                        tracing::info!(fingerprint = tls.fingerprint(), "the certificate was renewed");
                    }
                    Err(error) => {
                        tracing::error!(%error, "the new certificate is not used; the one before stays")
                    }
                }
                seen = marks;
            }
        });
    }
}

impl Files {
    fn load(&self) -> Result<CertifiedKey, TlsError> {
        let pem = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
        if chain.is_empty() {
            return Err(TlsError::Pem { path: self.certificate.clone(), what: "certificate" });
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|_| TlsError::Pem { path: self.key.clone(), what: "private key" })?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(TlsError::Unusable)
    }

    /// What changes when the files do.
    async fn marks(&self) -> [Option<(SystemTime, u64)>; 2] {
        let mark = async |path: &Path| {
            let data = tokio::fs::metadata(path).await.ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        [mark(&self.certificate).await, mark(&self.key).await]
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

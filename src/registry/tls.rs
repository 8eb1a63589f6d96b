//! Whom we believe to be who they say: system CAs and certs.d directories, and the TLS layer of the HTTP client.

use super::Failure;
use anyhow::Context;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// Where certificates lie. Paths come from the caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Bundles of CAs: the first that exists counts.
    pub bundles: Vec<PathBuf>,
    /// Directories of CA files, read besides.
    pub directories: Vec<PathBuf>,
    /// `certs.d` directories: below each one directory per HOST or HOST:PORT.
    pub certs_d: Vec<PathBuf>,
    /// `--cert-dir`: used instead of certs.d, for every host.
    pub cert_dir: Option<PathBuf>,
}

/// What one certs.d directory holds.
#[derive(Default)]
struct Special {
    roots: Vec<CertificateDer<'static>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Trust {
    /// The TLS configuration for one host. `names`: what its certs.d directory may be called.
    pub(super) fn config(&self, names: &[&str], verify: bool) -> Result<Arc<ClientConfig>, Failure> {
        let special = self.special(names).map_err(Failure::Ours)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if verify {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.system());
            roots.add_parsable_certificates(special.roots.iter().cloned());
            if roots.is_empty() {
                return Err(Failure::Untrusted("tls: no CA certificates on this machine".into()));
            }
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| Failure::Untrusted(format!("tls: {error}")))?;
            Arc::new(Verifier { inner, pinned: special.roots })
        } else {
            Arc::new(AnyServer(provider.clone()))
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Untrusted(format!("tls: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match special.client {
            Some((chain, key)) => {
                let bad = |error| Failure::Untrusted(format!("tls: client certificate: {error}"));
                CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider).map_err(bad)?;
                builder.with_client_auth_cert(chain, key).map_err(bad)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }

    fn system(&self) -> Vec<CertificateDer<'static>> {
        let mut all = Vec::new();
        for bundle in &self.bundles {
            if let Ok(text) = std::fs::read(bundle) {
                all.extend(certificates(&text));
                break;
            }
        }
        for directory in &self.directories {
            for path in files(directory).unwrap_or_default() {
                all.extend(certificates(&std::fs::read(path).unwrap_or_default()));
            }
        }
        all
    }

    /// `*.crt`: CAs; `NAME.cert` and `NAME.key`: ours, for servers that ask.
    fn special(&self, names: &[&str]) -> anyhow::Result<Special> {
        let directories: Vec<PathBuf> = match &self.cert_dir {
            Some(directory) => vec![directory.clone()],
            None => self.certs_d.iter().flat_map(|parent| names.iter().map(|name| parent.join(name))).collect(),
        };
        let mut special = Special::default();
        for directory in directories {
            for path in files(&directory)? {
                let read = |path: &Path| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => special.roots.extend(certificates(&read(&path)?)),
                    Some("cert") if special.client.is_none() => {
                        let key_path = path.with_extension("key");
                        let key = PrivateKeyDer::from_pem_slice(&read(&key_path)?)
                            .map_err(|error| anyhow::anyhow!("{}: {error}", key_path.display()))?;
                        special.client = Some((certificates(&read(&path)?), key));
                    }
                    _ => {}
                }
            }
        }
        Ok(special)
    }
}

/// The regular files of a directory, sorted; a directory that is not there has none.
fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", directory.display())),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    Ok(paths)
}

/// The certificates of a PEM text; what is not one is passed over, as everybody does with CA bundles.
fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect()
}

/// Web PKI; and a server certificate that lies in certs.d itself is taken as it is, as Go does (self-signed ones
/// are marked as CAs and would be refused as servers).
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if result.is_err() && self.pinned.iter().any(|pinned| pinned == end_entity) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return match validity(end_entity) {
                Some((from, until)) if from <= now.as_secs() && now.as_secs() <= until => {
                    Ok(ServerCertVerified::assertion())
                }
                _ => Err(rustls::CertificateError::Expired.into()),
            };
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `--tls-verify=false`: encrypted, with anybody.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// notBefore and notAfter of a certificate (RFC 5280 §4.1), in seconds since 1970.
fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let (_, outer, _) = element(certificate)?;
    let (_, body, _) = element(outer)?;
    let mut rest = body;
    // version [0], serialNumber, signature, issuer; version is optional.
    let (tag, _, after) = element(rest)?;
    if tag == 0xa0 {
        rest = after;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, times, _) = element(rest)?;
    let (from_tag, from, after) = element(times)?;
    let (until_tag, until, _) = element(after)?;
    Some((time(from_tag, from)?, time(until_tag, until)?))
}

/// One DER element: tag, content, what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(count)?;
        (bytes.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match tag {
        0x17 if text.len() == 12 => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        0x18 if text.len() == 14 => text.to_string(),
        _ => return None,
    };
    let date = jiff::fmt::strtime::parse("%Y%m%d%H%M%S", &text).ok()?.to_datetime().ok()?;
    let seconds = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(u64::try_from(seconds).unwrap_or(0))
}

/// Puts TLS around a connection to an https URL.
pub(super) struct TlsConnector(pub Arc<ClientConfig>);

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(bare.to_string()).map_err(|_| ureq::Error::Tls("not a name for TLS"))?;
        let mut conn = ClientConnection::new(self.0.clone(), name)?;
        let mut sock = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned { conn, sock } })))
    }
}

/// A connection with TLS around it.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

//! TLS by rustls, with the cryptography of ring.

use super::settings::problem;
use super::Settings;
use crate::driver::DriverError;
use crate::native::net::transport::Transport;
use crate::regular_file::{self, Links};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fmt;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::client::TlsStream;
use tokio_rustls::TlsConnector;

/// Whom to trust and who we are; made once for a driver. Copies are equal.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the certificates and the key. The error names the variable and the file.
    pub fn new(settings: &Settings) -> Result<Self, DriverError> {
        for warning in &settings.warnings {
            crate::logging::warn_aloud(warning);
        }
        let provider = Arc::new(ring::default_provider());
        let versions: Vec<_> = [
            (settings.tls12, &rustls::version::TLS12),
            (settings.tls13, &rustls::version::TLS13),
        ]
        .into_iter()
        .filter_map(|(wanted, version)| wanted.then_some(version))
        .collect();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|why| DriverError::System(format!("TLS cannot be used: {why}")))?;
        let builder = match settings.verify {
            true => builder.with_root_certificates(roots(settings)?),
            false => {
                let verifier = Arc::new(Unverified(provider));
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let config = match &settings.certificate {
            None => builder.with_no_client_auth(),
            Some((chain_file, key_file)) => {
                let chain = certificates("LIBPROCESS_SSL_CERT_FILE", chain_file)?;
                let pem = read("LIBPROCESS_SSL_KEY_FILE", key_file)?;
                let key = PrivateKeyDer::from_pem_slice(&pem)
                    .map_err(|why| file_problem("LIBPROCESS_SSL_KEY_FILE", key_file, &format!("no key: {why}")))?;
                let built = builder.with_client_auth_cert(chain, key);
                built.map_err(|why| file_problem("LIBPROCESS_SSL_CERT_FILE", chain_file, &format!("unusable: {why}")))?
            }
        };
        Ok(Tls {
            config: Arc::new(config),
        })
    }

    /// The handshake. `host`, a name or an address, is what the certificate must be for.
    pub async fn connect(&self, host: &str, stream: impl Transport + 'static) -> io::Result<Box<dyn Transport>> {
        let name = ServerName::try_from(host.to_string())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{host:?} is no name for a certificate")))?;
        let stream = TlsConnector::from(self.config.clone()).connect(name, stream).await;
        // Another protocol answered: most likely HTTP without TLS.
        let stream = stream.map_err(|why| match why.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(_)) => io::Error::new(
                why.kind(),
                format!("the answer is not TLS ({why}): does the address need http://?"),
            ),
            _ => why,
        })?;
        Ok(Box::new(stream))
    }
}

/// What has come to a lent socket, for rustls. It does not hear of the end, which is not to be found twice.
struct Arrived<'a, T> {
    transport: &'a mut T,
    ended: bool,
}

impl<T: Transport> Read for Arrived<'_, T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.transport.read_now(into) {
            Ok(0) => {
                self.ended = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            result => result,
        }
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.get_ref().0.socket()
    }

    fn lend(&mut self) -> io::Result<()> {
        self.get_mut().0.lend()
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.get_mut().0.take_back()
    }

    fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (transport, session) = self.get_mut();
        loop {
            match session.reader().read(into) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => (),
                result => return result,
            }
            let mut arrived = Arrived { transport, ended: false };
            match session.read_tls(&mut arrived) {
                Err(_) if arrived.ended => return Ok(0),
                Err(why) => return Err(why),
                Ok(_) => session.process_new_packets().map_err(io::Error::other)?,
            };
        }
    }

    fn holds_more(&self) -> bool {
        !self.get_ref().1.wants_read()
    }

    fn has_to_write(&self) -> bool {
        self.get_ref().1.wants_write()
    }
}

fn file_problem(variable: &str, path: &Path, why: &str) -> DriverError {
    problem(format!("{variable} is {path:?}: {why}"))
}

fn roots(settings: &Settings) -> Result<RootCertStore, DriverError> {
    let mut store = RootCertStore::empty();
    let mut add = |variable: &str, path: &Path, all: Vec<CertificateDer<'static>>| {
        for certificate in all {
            let result = store.add(certificate);
            result.map_err(|why| file_problem(variable, path, &format!("no certificate of an authority: {why}")))?;
        }
        Ok(())
    };
    if let Some(path) = &settings.ca_file {
        add("LIBPROCESS_SSL_CA_FILE", path, certificates("LIBPROCESS_SSL_CA_FILE", path)?)?;
    }
    if let Some(folder) = &settings.ca_dir {
        for path in files_in(folder)? {
            // As in OpenSSL other files may lie there, too.
            if let Ok(all) = certificates("LIBPROCESS_SSL_CA_DIR", &path) {
                add("LIBPROCESS_SSL_CA_DIR", &path, all)?;
            }
        }
    }
    if settings.ca_file.is_none() && settings.ca_dir.is_none() {
        // The crate reads it as well, but would wait for a FIFO's writer.
        if let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) {
            read("SSL_CERT_FILE", Path::new(&path))?;
        }
        let loaded = rustls_native_certs::load_native_certs();
        for why in &loaded.errors {
            log::warn!("roots of this system: {why}");
        }
        // Systems carry roots that rustls does not take; the others do.
        store.add_parsable_certificates(loaded.certs);
    }
    match store.is_empty() {
        true => Err(problem(
            "there is no certificate of an authority to verify servers with: set LIBPROCESS_SSL_CA_FILE, or install the \
             system's (ca-certificates)"
                .to_string(),
        )),
        false => Ok(store),
    }
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, DriverError> {
    let wrong = |why: io::Error| file_problem("LIBPROCESS_SSL_CA_DIR", folder, &format!("cannot be read: {why}"));
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        all.push(entry.map_err(wrong)?.path());
    }
    all.sort();
    Ok(all)
}

/// No file of certificates is larger than this.
const MOST: usize = 64 << 20;

fn read(variable: &str, path: &Path) -> Result<Vec<u8>, DriverError> {
    regular_file::read(path, Links::Follow, MOST).map_err(|why| file_problem(variable, path, &format!("cannot be read: {why}")))
}

/// All certificates of a PEM file; at least one.
fn certificates(variable: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, DriverError> {
    let pem = read(variable, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|why| file_problem(variable, path, &format!("no certificates: {why}")))?;
    match all.is_empty() {
        true => Err(file_problem(variable, path, "no certificate in it")),
        false => Ok(all),
    }
}

/// Takes any certificate, but still demands that the server has its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

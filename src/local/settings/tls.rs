//! https: the certificate and the key of a cluster.

#[cfg(not(feature = "tls"))]
use std::path::Path;

#[cfg(feature = "tls")]
mod with {
    use crate::regular_file::{self, Links};
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::ServerConfig;
    use std::path::Path;
    use std::sync::Arc;
    use tokio_rustls::TlsAcceptor;

    /// No file of certificates is longer than this.
    const MOST: usize = 1 << 20;

    fn read(path: &Path) -> Result<Vec<u8>, String> {
        regular_file::read(path, Links::Follow, MOST).map_err(|e| format!("cannot read {}: {e}", path.display()))
    }

    /// What a cluster shows to its callers.
    #[derive(Clone)]
    pub struct Tls(Arc<ServerConfig>);

    impl Tls {
        /// Both files are PEM. The error names the one that will not do.
        pub fn read(certificate: &Path, key: &Path) -> Result<Tls, String> {
            let bad = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
            let chain = chain.map_err(|why| bad(certificate, &why))?;
            if chain.is_empty() {
                return Err(bad(certificate, &"there is no certificate in it"));
            }
            let pem = read(key)?;
            let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|why| bad(key, &format!("no key: {why}")))?;
            let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
            let builder = builder.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
            let config = builder.with_no_client_auth().with_single_cert(chain, private);
            config.map(|config| Tls(Arc::new(config))).map_err(|why| {
                let with = format!("unusable with {}: {why}", key.display());
                bad(certificate, &with)
            })
        }

        pub fn acceptor(&self) -> TlsAcceptor {
            TlsAcceptor::from(self.0.clone())
        }
    }
}

#[cfg(feature = "tls")]
pub use with::Tls;

/// There is none in a build without it.
#[cfg(not(feature = "tls"))]
#[derive(Clone)]
pub enum Tls {}

#[cfg(not(feature = "tls"))]
impl Tls {
    pub fn read(certificate: &Path, _: &Path) -> Result<Tls, String> {
        let name = certificate.display();
        Err(format!(
            "{name}: this program was built without TLS (the Cargo feature 'tls')"
        ))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

//! Certificates made for a test, and a TLS proxy in front of any server of this machine.

#![allow(dead_code)] // each test file uses its part

use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mesos-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("folder");
        Folder(path)
    }

    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("write");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// An authority, each of another name.
pub fn authority() -> CertifiedKey {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    let name = format!("authority {}", NEXT.fetch_add(1, Ordering::Relaxed));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key_pair = KeyPair::generate().expect("key");
    let cert = params.self_signed(&key_pair).expect("certificate");
    CertifiedKey { cert, key_pair }
}

/// A certificate of it for these names.
pub fn issued(ca: &CertifiedKey, names: &[&str], usage: ExtendedKeyUsagePurpose, expired: bool) -> CertifiedKey {
    let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
    let mut params = CertificateParams::new(names).expect("parameters");
    params.extended_key_usages = vec![usage];
    if expired {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    let key_pair = KeyPair::generate().expect("key");
    let cert = params.signed_by(&key_pair, &ca.cert, &ca.key_pair).expect("certificate");
    CertifiedKey { cert, key_pair }
}

pub fn server_certificate(ca: &CertifiedKey) -> CertifiedKey {
    issued(ca, &["127.0.0.1", "localhost"], ExtendedKeyUsagePurpose::ServerAuth, false)
}

/// Takes TLS connections and passes what is in them on to a port of this machine. Gives its own port. Ends with the test.
pub fn proxy(certificate: &CertifiedKey, clients: Option<&CertifiedKey>, backend: u16) -> u16 {
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.cert.der().clone()).expect("root");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("verifier"))
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key_pair.serialize_der()));
    let config = builder
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .expect("certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    listener.set_nonblocking(true).expect("nonblocking");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("listener");
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = tokio::net::TcpStream::connect(("127.0.0.1", backend)).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    });
    port
}

//! https: the LIBPROCESS_SSL_ variables ([`settings`]) and, with the Cargo feature `tls`, rustls (`client`).

pub mod settings;
pub use settings::{enabled, Settings};

#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
pub use client::Tls;

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(not(feature = "tls"))]
pub use absent::Tls;

#[cfg(test)]
#[cfg(feature = "tls")]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn unverified() -> Tls {
        let settings = Settings {
            verify: false,
            ..Settings::default()
        };
        Tls::new(&settings).expect("TLS without files")
    }
}

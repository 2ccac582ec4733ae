//! What stands for TLS in a build without it: nothing that could be made.

use super::Settings;
use crate::driver::DriverError;
use crate::native::net::transport::Transport;
use std::io;

/// There is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {}

impl Tls {
    pub fn new(_: &Settings) -> Result<Self, DriverError> {
        Err(DriverError::System(
            "https is wanted (https:// in the master string, or LIBPROCESS_SSL_ENABLED=1), but this module was built without \
             TLS: build it again with `cargo build --release --features tls`, which is the default"
                .to_string(),
        ))
    }

    pub async fn connect(&self, _: &str, _: impl Transport + 'static) -> io::Result<Box<dyn Transport>> {
        match *self {}
    }
}

//! The name of what a driver runs on; which one serves a driver is chosen in [`backends`](crate::backends).

/// What a driver runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Native,
    Libmesos,
}

impl Backend {
    /// As in the Perl API.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Native => "native",
            Backend::Libmesos => "libmesos",
        }
    }
}

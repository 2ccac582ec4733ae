//! What a connection runs over. Both TLS, which gives one, and the connection, which uses it, are built on it.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connected byte stream.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

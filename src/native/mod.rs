//! The Mesos v1 HTTP API.

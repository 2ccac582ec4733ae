//! When a user is told that a scheduler's driver has no master.

use std::time::Duration;

/// How long there may be none before that is told.
pub const FIRST_TOLD: Duration = Duration::from_secs(5);

/// And how long until it is told again.
pub const TOLD_AGAIN: Duration = Duration::from_secs(60);

//! When to try again: at once, then after twice as long each time, with jitter, up to a cap.

use std::time::{Duration, SystemTime};

/// The base of the first delay.
const FIRST: Duration = Duration::from_millis(200);

/// Delays between attempts to subscribe.
pub struct Backoff {
    cap: Duration,
    attempts: u32,
    random: Random,
}

impl Backoff {
    pub fn new(cap: Duration, seed: u64) -> Self {
        Backoff {
            cap,
            attempts: 0,
            random: Random(seed | 1),
        }
    }

    /// The delay before the next attempt: none the first time, then between half and all of 0.2 s, 0.4 s, 0.8 s ... cap.
    pub fn next_delay(&mut self) -> Duration {
        let attempt = self.attempts;
        self.attempts += 1;
        if attempt == 0 {
            return Duration::ZERO;
        }
        let full = FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(self.cap);
        full.mul_f64(0.5 + 0.5 * self.random.next_fraction())
    }

    /// The subscription has proved stable.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// Random numbers good enough to keep clients from retrying in step (xorshift; the seed must not be 0).
pub struct Random(pub u64);

impl Random {
    /// At least 0, below 1.
    pub fn next_fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A seed for jitter. It is no secret: without random numbers the clock will do.
pub fn seed() -> u64 {
    match crate::random::bytes() {
        Ok(bytes) => u64::from_ne_bytes(bytes),
        Err(_) => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(1, |d| d.as_nanos() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_the_cap_with_jitter() {
        let mut backoff = Backoff::new(Duration::from_secs(15), 42);
        assert_eq!(backoff.next_delay(), Duration::ZERO);
        let mut full = 0.2_f64;
        for _ in 0..80 {
            let delay = backoff.next_delay().as_secs_f64();
            assert!(delay >= full / 2.0 - 1e-6 && delay <= full, "{delay} of {full}");
            full = (full * 2.0).min(15.0);
        }
        backoff.reset();
        assert_eq!(backoff.next_delay(), Duration::ZERO);
    }

    #[test]
    fn clients_differ() {
        let delays = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(15), seed);
            (0..9).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_ne!(delays(1), delays(0x9e37_79b9_7f4a_7c15));
    }
}

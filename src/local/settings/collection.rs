//! When the sandboxes of what has ended are removed: by Mesos' rule.

use std::time::Duration;

pub const DELAY: &str = "MESOS_GC_DELAY";
pub const HEADROOM: &str = "MESOS_GC_DISK_HEADROOM";

#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// So long after its end, if the disk has room: `--gc_delay`.
    pub delay: Duration,
    /// The part of the disk that is to be free; the less room there is above it, the earlier they go: `--gc_disk_headroom`.
    pub headroom: f64,
    /// How often it looks how full the disk is: `--disk_watch_interval`.
    pub watch: Duration,
}

impl Default for Collection {
    fn default() -> Self {
        Collection {
            delay: Duration::from_secs(7 * 24 * 3600),
            headroom: 0.1,
            watch: Duration::from_secs(60),
        }
    }
}

impl Collection {
    /// How old a sandbox may be while this part of the disk is used.
    pub fn age(&self, usage: f64) -> Duration {
        let room = (1.0 - self.headroom - usage).clamp(0.0, 1.0);
        self.delay.mul_f64(if room.is_nan() { 1.0 } else { room })
    }
}

/// The part of a disk that is to be free; the error says what is expected.
pub fn headroom(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("expected a number from 0 to 1, not '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_the_disk_the_earlier() {
        let collection = Collection {
            delay: Duration::from_secs(1000),
            ..Default::default()
        };
        let ages = [0.0, 0.4, 0.9, 1.0, f64::NAN].map(|usage| collection.age(usage).as_secs_f64().round());
        assert_eq!(ages, [900.0, 500.0, 0.0, 0.0, 1000.0]);
        assert_eq!((headroom("0"), headroom("1"), headroom("0.25")), (Ok(0.0), Ok(1.0), Ok(0.25)));
        for bad in ["-0.1", "1.1", "nan", "much", ""] {
            assert!(headroom(bad).unwrap_err().contains("from 0 to 1"), "{bad}");
        }
    }
}

//! What runs of the allocator have cost, as Mesos' metrics say it.

use std::collections::VecDeque;
use std::time::Duration;

/// So many of the last runs are looked at, as in Mesos.
const WINDOW: usize = 1000;

/// How many runs there were, and how long the last ones took.
#[derive(Debug, Default)]
pub struct Runs {
    pub count: u64,
    last: VecDeque<Duration>,
}

impl Runs {
    pub(super) fn add(&mut self, took: Duration) {
        self.count += 1;
        if self.last.len() == WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(took);
    }

    /// The figures of the metric `allocation_run_ms`, each with what is added to its name. None before the first run.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let Some(newest) = self.last.back() else { return Vec::new() };
        let milliseconds = |time: &Duration| time.as_secs_f64() * 1e3;
        let mut sorted: Vec<f64> = self.last.iter().map(milliseconds).collect();
        sorted.sort_by(f64::total_cmp);
        let ranks = [
            ("/min", 0.0),
            ("/p50", 0.5),
            ("/p90", 0.9),
            ("/p95", 0.95),
            ("/p99", 0.99),
            ("/p999", 0.999),
            ("/p9999", 0.9999),
            ("/max", 1.0),
        ];
        let of_all = [("", milliseconds(newest)), ("/count", sorted.len() as f64)];
        let ranked = ranks.map(|(name, part)| (name, at(&sorted, part)));
        of_all.into_iter().chain(ranked).collect()
    }
}

/// The value that this part of the others is below; between two of them, something between.
fn at(sorted: &[f64], part: f64) -> f64 {
    let place = part * sorted.len().saturating_sub(1) as f64;
    let value = |index: usize| sorted.get(index).or(sorted.last()).copied().unwrap_or(0.0);
    let (low, high) = (value(place as usize), value(place as usize + 1));
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_last_runs() {
        let mut runs = Runs::default();
        assert!(runs.figures().is_empty());
        (0..WINDOW as u64 + 1).for_each(|number| runs.add(Duration::from_millis(number)));
        assert_eq!(runs.count, 1001);
        let figures = runs.figures();
        let figure = |name: &str| figures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!((figure(""), figure("/count")), (Some(1000.0), Some(1000.0)));
        assert_eq!((figure("/min"), figure("/max")), (Some(1.0), Some(1000.0)));
        assert_eq!(figure("/p50"), Some(500.5));
    }
}

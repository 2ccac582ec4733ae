//! How much of a resource: scalars in thousandths, closed intervals, names. Nothing here knows what an amount is of.

use crate::proto::value::{Range, Ranges, Scalar, Set, Type};
use crate::proto::Resource;
use std::collections::BTreeSet;

/// One item's amount.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    Thousandths(i64),
    /// Closed intervals, sorted, disjoint and not adjacent.
    Intervals(Vec<(u64, u64)>),
    Names(BTreeSet<String>),
}

pub fn thousandths(value: f64) -> i64 {
    // The cast saturates, and turns NaN into 0.
    (value * 1000.0).round() as i64
}

/// Closed intervals, sorted; what overlaps or is adjacent becomes one.
pub fn coalesce(mut intervals: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    intervals.retain(|(begin, end)| begin <= end);
    intervals.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
    for (begin, end) in intervals {
        match out.last_mut() {
            Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            _ => out.push((begin, end)),
        }
    }
    out
}

/// `from` without `taken`; both as [`coalesce`] makes them.
fn without(from: &[(u64, u64)], taken: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut left = Vec::new();
    for &(mut begin, end) in from {
        let mut open = true;
        for &(cut, stop) in taken {
            if cut > end || stop < begin {
                continue;
            }
            if cut > begin {
                left.push((begin, cut - 1));
            }
            match stop.checked_add(1).filter(|next| *next <= end) {
                Some(next) => begin = next,
                None => {
                    open = false;
                    break;
                }
            }
        }
        if open {
            left.push((begin, end));
        }
    }
    left
}

impl Amount {
    pub fn of(item: &Resource) -> Amount {
        match Type::try_from(item.r#type) {
            Ok(Type::Ranges) => {
                let ranges = item.ranges.iter().flat_map(|ranges| &ranges.range);
                Amount::Intervals(coalesce(ranges.map(|range| (range.begin, range.end)).collect()))
            }
            Ok(Type::Set) => Amount::Names(item.set.iter().flat_map(|set| set.item.iter().cloned()).collect()),
            _ => Amount::Thousandths(thousandths(item.scalar.map_or(0.0, |scalar| scalar.value))),
        }
    }

    pub fn is_zero(&self) -> bool {
        match self {
            Amount::Thousandths(n) => *n <= 0,
            Amount::Intervals(list) => list.is_empty(),
            Amount::Names(set) => set.is_empty(),
        }
    }

    pub fn store(self, item: &mut Resource) {
        item.scalar = None;
        item.ranges = None;
        item.set = None;
        match self {
            Amount::Thousandths(n) => {
                item.scalar = Some(Scalar {
                    value: (n / 1000) as f64 + (n % 1000) as f64 / 1000.0,
                });
            }
            Amount::Intervals(list) => {
                let range = list.into_iter().map(|(begin, end)| Range { begin, end }).collect();
                item.ranges = Some(Ranges { range });
            }
            Amount::Names(set) => {
                item.set = Some(Set {
                    item: set.into_iter().collect(),
                });
            }
        }
    }

    pub fn plus(&self, other: &Amount) -> Amount {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => Amount::Thousandths(a.saturating_add(*b)),
            (Amount::Intervals(a), Amount::Intervals(b)) => Amount::Intervals(coalesce(a.iter().chain(b).copied().collect())),
            (Amount::Names(a), Amount::Names(b)) => Amount::Names(a.union(b).cloned().collect()),
            _ => self.clone(),
        }
    }

    pub fn minus(&self, other: &Amount) -> Amount {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => Amount::Thousandths(a.saturating_sub(*b)),
            (Amount::Intervals(a), Amount::Intervals(b)) => Amount::Intervals(without(a, b)),
            (Amount::Names(a), Amount::Names(b)) => Amount::Names(a.difference(b).cloned().collect()),
            _ => self.clone(),
        }
    }

    /// What both have.
    pub fn common(&self, other: &Amount) -> Amount {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => Amount::Thousandths(*a.min(b)),
            _ => self.minus(&self.minus(other)),
        }
    }

    pub fn contains(&self, other: &Amount) -> bool {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => a >= b,
            (Amount::Intervals(a), Amount::Intervals(b)) => without(b, a).is_empty(),
            (Amount::Names(a), Amount::Names(b)) => a.is_superset(b),
            _ => false,
        }
    }
}

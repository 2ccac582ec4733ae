//! Arithmetic on resources: scalars in thousandths, ranges coalesced, sets. Rules: spec "Resources arithmetic" of Mesos 1.11.
//!
//! Items are combined only when everything but their amount is equal. `allocation_info` says to whom an item is offered, not what
//! it is: it is taken off on the way in and put on again by whoever makes an offer.

pub mod role;
pub mod text;

use crate::proto::resource::reservation_info::Type as ReservationType;
use crate::proto::value::{Range, Ranges, Scalar, Set, Type};
use crate::proto::Resource;
use std::collections::BTreeSet;

/// A bag of resources without zero items.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    items: Vec<Resource>,
}

/// One item's amount.
#[derive(Debug, Clone, PartialEq)]
enum Amount {
    Thousandths(i64),
    /// Closed intervals, sorted, disjoint and not adjacent.
    Intervals(Vec<(u64, u64)>),
    Names(BTreeSet<String>),
}

fn thousandths(value: f64) -> i64 {
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
    fn of(item: &Resource) -> Amount {
        match Type::try_from(item.r#type) {
            Ok(Type::Ranges) => {
                let ranges = item.ranges.iter().flat_map(|ranges| &ranges.range);
                Amount::Intervals(coalesce(ranges.map(|range| (range.begin, range.end)).collect()))
            }
            Ok(Type::Set) => Amount::Names(item.set.iter().flat_map(|set| set.item.iter().cloned()).collect()),
            _ => Amount::Thousandths(thousandths(item.scalar.map_or(0.0, |scalar| scalar.value))),
        }
    }

    fn is_zero(&self) -> bool {
        match self {
            Amount::Thousandths(n) => *n <= 0,
            Amount::Intervals(list) => list.is_empty(),
            Amount::Names(set) => set.is_empty(),
        }
    }

    fn store(self, item: &mut Resource) {
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

    fn plus(&self, other: &Amount) -> Amount {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => Amount::Thousandths(a.saturating_add(*b)),
            (Amount::Intervals(a), Amount::Intervals(b)) => Amount::Intervals(coalesce(a.iter().chain(b).copied().collect())),
            (Amount::Names(a), Amount::Names(b)) => Amount::Names(a.union(b).cloned().collect()),
            _ => self.clone(),
        }
    }

    fn minus(&self, other: &Amount) -> Amount {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => Amount::Thousandths(a.saturating_sub(*b)),
            (Amount::Intervals(a), Amount::Intervals(b)) => Amount::Intervals(without(a, b)),
            (Amount::Names(a), Amount::Names(b)) => Amount::Names(a.difference(b).cloned().collect()),
            _ => self.clone(),
        }
    }

    fn contains(&self, other: &Amount) -> bool {
        match (self, other) {
            (Amount::Thousandths(a), Amount::Thousandths(b)) => a >= b,
            (Amount::Intervals(a), Amount::Intervals(b)) => without(b, a).is_empty(),
            (Amount::Names(a), Amount::Names(b)) => a.is_superset(b),
            _ => false,
        }
    }
}

/// The item as it is kept: one spelling for "unreserved", no allocation, no amount.
#[allow(deprecated)]
fn kind(item: &Resource) -> Resource {
    let mut kind = item.clone();
    (kind.scalar, kind.ranges, kind.set, kind.allocation_info) = (None, None, None, None);
    // The refined form of a static reservation is the same thing as the role of old.
    if let [only] = kind.reservations.as_slice() {
        if only.r#type == Some(ReservationType::Static as i32) {
            kind.role = only.role.clone();
            kind.reservations.clear();
        }
    }
    kind.role = Some(kind.role.filter(|role| !role.is_empty()).unwrap_or_else(|| "*".into()));
    kind
}

impl Resources {
    pub fn new<'a>(items: impl IntoIterator<Item = &'a Resource>) -> Self {
        let mut all = Resources::default();
        items.into_iter().for_each(|item| all.add_item(item));
        all
    }

    pub fn items(&self) -> &[Resource] {
        &self.items
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn add_item(&mut self, item: &Resource) {
        let (kind_of, amount) = (kind(item), Amount::of(item));
        if amount.is_zero() {
            return;
        }
        match self.items.iter_mut().find(|mine| kind(mine) == kind_of) {
            Some(mine) => Amount::of(mine).plus(&amount).store(mine),
            None => {
                let mut added = kind_of;
                amount.store(&mut added);
                self.items.push(added);
            }
        }
    }

    pub fn add(&mut self, other: &Resources) {
        other.items.iter().for_each(|item| self.add_item(item));
    }

    /// What is not there cannot be taken away, and is ignored.
    pub fn subtract(&mut self, other: &Resources) {
        for item in &other.items {
            let kind_of = kind(item);
            if let Some(mine) = self.items.iter_mut().find(|mine| kind(mine) == kind_of) {
                Amount::of(mine).minus(&Amount::of(item)).store(mine);
            }
        }
        self.items.retain(|item| !Amount::of(item).is_zero());
    }

    pub fn contains(&self, other: &Resources) -> bool {
        other.items.iter().all(|item| {
            let kind_of = kind(item);
            self.items
                .iter()
                .any(|mine| kind(mine) == kind_of && Amount::of(mine).contains(&Amount::of(item)))
        })
    }

    /// The items that `role` may use: unreserved ones, and those reserved for it or for a role above it.
    #[allow(deprecated)]
    pub fn usable_by(&self, role: &str) -> Resources {
        let usable = |item: &&Resource| {
            let reserved = match item.reservations.last() {
                Some(last) => last.role.as_deref(),
                None => item.role.as_deref(),
            };
            reserved.map_or(true, |reserved| reserved == "*" || role::is_at_or_below(role, reserved))
        };
        Resources {
            items: self.items.iter().filter(usable).cloned().collect(),
        }
    }

    /// Its amounts without ports and the like, which mean nothing beyond their agent.
    pub fn scalars(&self) -> Resources {
        let items = self.items.iter().filter(|item| item.scalar.is_some());
        Resources {
            items: items.cloned().collect(),
        }
    }

    /// The sum of all scalars called `name`, reserved or not.
    pub fn scalar(&self, name: &str) -> f64 {
        let items = self.items.iter().filter(|item| item.name == name);
        let sum: i64 = items
            .filter_map(|item| item.scalar.map(|scalar| thousandths(scalar.value)))
            .sum();
        sum as f64 / 1000.0
    }

    /// What the allocator needs at least to make an offer: `cpus:0.01|mem:32`.
    pub fn is_allocatable(&self) -> bool {
        self.scalar("cpus") >= 0.01 || self.scalar("mem") >= 32.0
    }
}

/// The first thing wrong with `items`, in the words of Mesos.
pub fn validate(items: &[Resource]) -> Result<(), String> {
    for item in items {
        validate_item(item).map_err(|reason| format!("Invalid resources: {reason}"))?;
    }
    Ok(())
}

/// The same for one of them, without its prefix.
#[allow(deprecated)]
pub fn validate_item(item: &Resource) -> Result<(), String> {
    let fail = |reason: &str| Err(reason.to_string());
    if item.name.is_empty() {
        return fail("Empty resource name");
    }
    match Type::try_from(item.r#type) {
        Ok(Type::Scalar) => {
            let Some(scalar) = item.scalar.filter(|_| item.ranges.is_none() && item.set.is_none()) else {
                return fail("Invalid scalar resource");
            };
            // Zero is an amount; what is too small to count is none. Covers NaN.
            if scalar.value != 0.0 && (!scalar.value.is_finite() || thousandths(scalar.value) <= 0) {
                return fail("Invalid scalar resource: value <= 0");
            }
        }
        Ok(Type::Ranges) => {
            let Some(ranges) = item.ranges.as_ref().filter(|_| item.scalar.is_none() && item.set.is_none()) else {
                return fail("Invalid ranges resource");
            };
            let mut sorted: Vec<(u64, u64)> = ranges.range.iter().map(|range| (range.begin, range.end)).collect();
            if sorted.iter().any(|(begin, end)| begin > end) {
                return fail("Invalid ranges resource: begin > end");
            }
            sorted.sort_unstable();
            if sorted.iter().zip(sorted.iter().skip(1)).any(|(a, b)| b.0 <= a.1) {
                return fail("Invalid ranges resource: overlapping ranges");
            }
        }
        Ok(Type::Set) => {
            let Some(set) = item.set.as_ref().filter(|_| item.scalar.is_none() && item.ranges.is_none()) else {
                return fail("Invalid set resource");
            };
            if set.item.iter().collect::<BTreeSet<_>>().len() != set.item.len() {
                return fail("Invalid set resource: duplicated elements");
            }
        }
        Ok(Type::Text) => return fail("Unsupported resource type"),
        Err(_) => return fail("Invalid resource type"),
    }
    if item.disk.is_some() && item.name != "disk" {
        return Err(format!("DiskInfo should not be set for {} resource", item.name));
    }
    validate_roles(item)?;
    if item.shared.is_some() {
        if item.name != "disk" {
            return Err(format!("Resource {} cannot be shared", item.name));
        }
        if !item.disk.as_ref().is_some_and(|disk| disk.persistence.is_some()) {
            return fail("Only persistent volumes can be shared");
        }
    }
    Ok(())
}

/// The role of old, or a list of reservations of which each refines the one before.
#[allow(deprecated)]
fn validate_roles(item: &Resource) -> Result<(), String> {
    let role = item.role.as_deref();
    if item.reservations.is_empty() {
        role.map_or(Ok(()), role::check_role)?;
        if item.reservation.is_some() && matches!(role, None | Some("*")) {
            return Err("Invalid reservation: role \"*\" cannot be dynamically reserved".into());
        }
    }
    for reservation in &item.reservations {
        if reservation.r#type.is_none() {
            return Err("Invalid reservation: 'Resource.ReservationInfo.type' field must be set.".into());
        }
        let Some(role) = reservation.role.as_deref() else {
            return Err("Invalid reservation: 'Resource.ReservationInfo.role' field must be set.".into());
        };
        role::check_role(role)?;
        if role == "*" {
            return Err("Invalid reservation: role \"*\" cannot be reserved".into());
        }
    }
    for (above, below) in item.reservations.iter().zip(item.reservations.iter().skip(1)) {
        if below.r#type == Some(ReservationType::Static as i32) {
            return Err("Invalid refined reservation: A refined reservation cannot be STATIC".into());
        }
        let (ancestor, descendant) = (above.role(), below.role());
        if !role::is_at_or_below(descendant, ancestor) || descendant == ancestor {
            return Err(format!(
                "Invalid refined reservation: role '{descendant}' is not a refinement of '{ancestor}'"
            ));
        }
    }
    Ok(())
}

/// `cpus:-1`: one item, whatever it holds.
pub fn item_text(item: &Resource) -> String {
    let amount = match (&item.ranges, item.scalar) {
        (None, Some(scalar)) => scalar.value.to_string(),
        // Not coalesced: what overlaps is to be seen.
        (Some(ranges), _) => {
            let list: Vec<String> = ranges.range.iter().map(|r| format!("{}-{}", r.begin, r.end)).collect();
            format!("[{}]", list.join(", "))
        }
        _ => amount_text(item),
    };
    format!("{}:{amount}", item.name)
}

/// `cpus(allocated: *):1; mem(allocated: *):32`, or without the part in brackets when `role` is absent.
#[allow(deprecated)]
pub fn to_text(resources: &Resources, role: Option<&str>) -> String {
    let allocated = role.map(|role| format!("(allocated: {role})")).unwrap_or_default();
    let text = |item: &Resource| {
        let reserved = match item.role() {
            "*" | "" => String::new(),
            role => format!("(reservations: [(STATIC,{role})])"),
        };
        format!("{}{allocated}{reserved}:{}", item.name, amount_text(item))
    };
    let all: Vec<String> = resources.items.iter().map(text).collect();
    if all.is_empty() {
        "{}".into()
    } else {
        all.join("; ")
    }
}

/// `1.5`, `[1-2, 4-4]` or `{a, b}`.
pub fn amount_text(item: &Resource) -> String {
    match Amount::of(item) {
        Amount::Thousandths(n) => format!("{}", n as f64 / 1000.0),
        Amount::Intervals(list) => {
            let list: Vec<String> = list.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
            format!("[{}]", list.join(", "))
        }
        Amount::Names(set) => format!("{{{}}}", set.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::text::parse;
    use super::*;

    fn of(text: &str) -> Resources {
        Resources::new(&parse(text).unwrap())
    }

    #[test]
    fn scalars_are_exact_to_three_decimals() {
        let mut sum = of("cpus:0.1");
        sum.add(&of("cpus:0.2"));
        assert_eq!(sum, of("cpus:0.3"));
        assert_eq!(sum.scalar("cpus"), 0.3);
        (0..3).for_each(|_| sum.subtract(&of("cpus:0.1")));
        assert!(sum.is_empty());
        sum.subtract(&of("cpus:1;mem:5"));
        assert!(sum.is_empty(), "never negative");
        assert!(of("cpus:0.0004").is_empty());
    }

    #[test]
    fn ranges_coalesce_and_split() {
        let mut ports = of("ports:[10-20]");
        ports.subtract(&of("ports:[12-13,20-20]"));
        assert_eq!(ports, of("ports:[10-11,14-19]"));
        assert!(ports.contains(&of("ports:[14-15,17-19]")));
        assert!(!ports.contains(&of("ports:[11-14]")));
        ports.add(&of("ports:[12-13]"));
        assert_eq!(ports, of("ports:[10-19]"));
        ports.subtract(&of("ports:[0-18446744073709551615]"));
        assert!(ports.is_empty());
    }

    #[test]
    fn sets_and_roles() {
        let mut all = of("disks:{a,b,c};cpus(web):2;cpus:1");
        assert_eq!(all.scalar("cpus"), 3.0);
        assert!(!all.contains(&of("cpus:2")), "reserved for another role");
        assert_eq!(all.usable_by("web").scalar("cpus"), 3.0);
        assert_eq!(all.usable_by("db").scalar("cpus"), 1.0);
        all.subtract(&of("disks:{b,x}"));
        assert!(all.contains(&of("disks:{a,c}")) && !all.contains(&of("disks:{b}")));
    }

    #[test]
    #[allow(deprecated)]
    fn allocation_is_no_part_of_the_kind() {
        let mut offered = parse("cpus:1").unwrap();
        offered[0].allocation_info = Some(crate::proto::resource::AllocationInfo {
            role: Some("web".into()),
        });
        offered[0].role = None;
        assert_eq!(Resources::new(&offered), of("cpus:1"));
    }

    #[test]
    fn texts_of_invalid_items() {
        let item = |change: fn(&mut Resource)| {
            let mut items = parse("cpus:1").unwrap();
            change(&mut items[0]);
            validate(&items).unwrap_err()
        };
        assert_eq!(item(|r| r.name.clear()), "Invalid resources: Empty resource name");
        assert_eq!(item(|r| r.r#type = 77), "Invalid resources: Invalid resource type");
        assert_eq!(item(|r| r.scalar = None), "Invalid resources: Invalid scalar resource");
        assert_eq!(
            item(|r| r.scalar = Some(Scalar { value: -1.0 })),
            "Invalid resources: Invalid scalar resource: value <= 0"
        );
        assert_eq!(
            item(|r| r.scalar = Some(Scalar { value: f64::NAN })),
            "Invalid resources: Invalid scalar resource: value <= 0"
        );
        assert_eq!(
            item(|r| r.r#type = Type::Text as i32),
            "Invalid resources: Unsupported resource type"
        );
        let ranges = |list: &[(u64, u64)]| {
            let mut items = parse("ports:[1-2]").unwrap();
            items[0].ranges = Some(Ranges {
                range: list.iter().map(|&(begin, end)| Range { begin, end }).collect(),
            });
            validate(&items).unwrap_err()
        };
        assert_eq!(ranges(&[(2, 1)]), "Invalid resources: Invalid ranges resource: begin > end");
        assert_eq!(
            ranges(&[(1, 3), (3, 4)]),
            "Invalid resources: Invalid ranges resource: overlapping ranges"
        );
    }

    #[test]
    fn text_form() {
        assert_eq!(
            to_text(&of("cpus:1.5;ports:[1-2,4-4]"), Some("*")),
            "cpus(allocated: *):1.5; ports(allocated: *):[1-2, 4-4]"
        );
        assert_eq!(to_text(&of(""), None), "{}");
    }
}

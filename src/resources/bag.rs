//! A bag of resources. Items are combined only when everything but their amount is equal.

use super::amount::{thousandths, Amount};
use super::item::{canonical, is_indivisible, is_like, reserved_for, shown};
use super::role::is_at_or_below;
use crate::proto::resource::AllocationInfo;
use crate::proto::Resource;
use std::borrow::Cow;

/// Resources without zero items, each [canonical].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    items: Vec<Resource>,
}

impl Resources {
    pub fn new<'a>(items: impl IntoIterator<Item = &'a Resource>) -> Self {
        let items = items.into_iter();
        let mut all = Resources {
            // Many are kept, and seldom changed.
            items: Vec::with_capacity(items.size_hint().0),
        };
        items.for_each(|item| all.add_item(&canonical(item)));
        all
    }

    pub fn items(&self) -> &[Resource] {
        &self.items
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a canonical item.
    fn add_item(&mut self, item: &Resource) {
        let amount = Amount::of(item);
        if amount.is_zero() {
            return;
        }
        let mine = self.items.iter_mut().find(|mine| is_like(mine, item));
        match mine.filter(|_| !is_indivisible(item)) {
            Some(mine) => Amount::of(mine).plus(&amount).store(mine),
            None => {
                let mut added = item.clone();
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
        if other.is_empty() {
            return;
        }
        for item in &other.items {
            let amount = Amount::of(item);
            let mine = self
                .items
                .iter()
                .position(|mine| is_like(mine, item) && covers(mine, &amount));
            // Of what can be divided there is one item at most: take what there is.
            let mine = mine.or_else(|| {
                self.items
                    .iter()
                    .position(|mine| is_like(mine, item) && !is_indivisible(mine))
            });
            if let Some(mine) = mine.and_then(|index| self.items.get_mut(index)) {
                Amount::of(mine).minus(&amount).store(mine);
            }
        }
        self.items.retain(|item| !Amount::of(item).is_zero());
    }

    pub fn contains(&self, other: &Resources) -> bool {
        // Two of the same volume are not there if one is.
        let twice =
            |at: usize, item: &Resource| is_indivisible(item) && other.items.iter().skip(at + 1).any(|b| is_like(item, b));
        other.items.iter().enumerate().all(|(at, item)| {
            let amount = Amount::of(item);
            !twice(at, item) && self.items.iter().any(|mine| is_like(mine, item) && covers(mine, &amount))
        })
    }

    /// The same, with what frameworks say of how they mount volumes as `known` has it.
    pub fn spelled_as(&self, known: &Resources) -> Resources {
        let spelled = |item: &Resource| {
            let there = known.items.iter().find(|one| is_like(one, item));
            let mut item = item.clone();
            if let Some(there) = there {
                item.disk = there.disk.clone();
            }
            item
        };
        Resources {
            items: self.items.iter().map(spelled).collect(),
        }
    }

    /// The items that `role` may use: unreserved ones, and those reserved for it or for a role above it.
    pub fn usable_by(&self, role: &str) -> Cow<'_, Resources> {
        self.those(|item| reserved_for(item).map_or(true, |reserved| is_at_or_below(role, reserved)))
    }

    /// The items that `wanted` wants, which are mostly all of them.
    pub fn those(&self, wanted: impl Fn(&Resource) -> bool) -> Cow<'_, Resources> {
        match self.items.iter().all(&wanted) {
            true => Cow::Borrowed(self),
            false => Cow::Owned(self.only(wanted)),
        }
    }

    /// The items that `wanted` wants.
    pub fn only(&self, wanted: impl Fn(&Resource) -> bool) -> Resources {
        let items = self.items.iter().filter(|item| wanted(item));
        Resources {
            items: items.cloned().collect(),
        }
    }

    /// What any number of tasks may use at a time. It is a volume, and each of them that uses it has an item of its own.
    pub fn shared(&self) -> Resources {
        self.only(|item| item.shared.is_some())
    }

    pub fn unshared(&self) -> Resources {
        self.only(|item| item.shared.is_none())
    }

    /// The items as a framework is to see them: see [`shown`].
    pub fn shown(&self, stack: bool, allocation: Option<&AllocationInfo>) -> Vec<Resource> {
        self.items.iter().map(|item| shown(item, stack, allocation)).collect()
    }

    /// Its amounts without ports and the like, which mean nothing beyond their agent.
    pub fn scalars(&self) -> Resources {
        self.only(|item| item.scalar.is_some())
    }

    /// The sum of all scalars called `name`, reserved or not. What is shared counts once.
    pub fn scalar(&self, name: &str) -> f64 {
        let again =
            |at: usize, item: &Resource| item.shared.is_some() && self.items.iter().take(at).any(|before| is_like(before, item));
        let items = self.items.iter().enumerate().filter(|(_, item)| item.name == name);
        let sum: i64 = items
            .filter(|(at, item)| !again(*at, item))
            .filter_map(|(_, item)| item.scalar.map(|scalar| thousandths(scalar.value)))
            .sum();
        sum as f64 / 1000.0
    }
}

/// Whether `amount` can be taken from an item of its kind.
fn covers(item: &Resource, amount: &Amount) -> bool {
    let mine = Amount::of(item);
    match is_indivisible(item) {
        true => mine == *amount,
        false => mine.contains(amount),
    }
}

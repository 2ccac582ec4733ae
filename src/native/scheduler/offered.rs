//! What is in the offers that a program may use. A master drops an operation on what its offers lack, and only of one that has an id does it
//! tell.

use crate::driver::DriverError;
use crate::proto::offer::{operation::Type, Operation};
use crate::proto::{Offer, Resource};
use crate::resources::conversion::{self, created, Volume};
use crate::resources::item::{canonical, reserved_for};
use crate::resources::{items_text, Resources};
use bytes::Bytes;
use prost::Message;
use std::collections::HashMap;
use std::sync::Mutex;

/// Offers that are remembered at most. Operations on others are not looked at.
const MOST: usize = 100_000;

/// Encoded offers by their encoded ids. The machine puts them in, calls take them out, from whatever thread.
#[derive(Default)]
pub struct Offered {
    offers: Mutex<HashMap<Vec<u8>, Bytes>>,
}

impl Offered {
    pub fn insert(&self, offers: impl IntoIterator<Item = (Vec<u8>, Bytes)>) {
        let mut known = crate::thread::lock(&self.offers);
        for (id, offer) in offers {
            if known.len() < MOST {
                known.insert(id, offer);
            }
        }
    }

    pub fn remove<'a>(&self, ids: impl IntoIterator<Item = &'a [u8]>) {
        let mut known = crate::thread::lock(&self.offers);
        for id in ids {
            known.remove(id);
        }
    }

    pub fn clear(&self) {
        crate::thread::lock(&self.offers).clear();
    }

    /// These offers, if all of them are known.
    fn get(&self, ids: &[Vec<u8>]) -> Option<Vec<Offer>> {
        let known = crate::thread::lock(&self.offers);
        ids.iter()
            .map(|id| known.get(id).and_then(|offer| Offer::decode(&offer[..]).ok()))
            .collect()
    }

    /// Whether the offers hold what these operations take, one after the other. The operations are whole.
    pub fn hold(&self, offer_ids: &[Vec<u8>], operations: &[Vec<u8>]) -> Result<(), DriverError> {
        let decode = |encoded: &Vec<u8>| Operation::decode(&encoded[..]).ok();
        let Some(operations) = operations.iter().map(decode).collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        // Tasks are not dropped without a word.
        if operations
            .iter()
            .all(|operation| launches(operation) || operation.id.is_some())
        {
            return Ok(());
        }
        match self.get(offer_ids) {
            Some(offers) if !offers.is_empty() => check(&offers, &operations),
            _ => Ok(()),
        }
    }
}

fn launches(operation: &Operation) -> bool {
    matches!(operation.r#type(), Type::Launch | Type::LaunchGroup)
}

fn check(offers: &[Offer], operations: &[Operation]) -> Result<(), DriverError> {
    let role = offers[0].allocation_info.as_ref().and_then(|info| info.role.as_deref());
    let offered: Vec<Resource> = offers.iter().flat_map(|offer| &offer.resources).cloned().collect();
    let mut left = Resources::new(&offered);
    for (index, operation) in operations.iter().enumerate() {
        // What is left of what tasks share or take, or of a disk that is being made, only the master reckons.
        let changes = conversion::of(operation);
        let shares = |resources: &Resources| resources.items().iter().any(|item| item.shared.is_some());
        if launches(operation) || shares(&changes.consumed) || shares(&changes.converted) {
            return Ok(());
        }
        match lack(operation, &left, &changes.consumed, role) {
            // The master tells of it, and goes on without it.
            Some(_) if operation.id.is_some() => continue,
            Some(why) => {
                return Err(DriverError::Argument {
                    name: "operations",
                    problem: format!("Offer.Operation {index}: {why}"),
                })
            }
            None => {}
        }
        left.subtract(&changes.consumed);
        if conversion::is_speculative(operation) {
            left.add(&changes.converted);
        }
    }
    Ok(())
}

/// What the offers lack for an operation.
fn lack(operation: &Operation, left: &Resources, consumed: &Resources, role: Option<&str>) -> Option<String> {
    let reserved = operation.reserve.iter().flat_map(|reserve| &reserve.resources).map(canonical);
    if let (Some(role), Type::Reserve) = (role, operation.r#type()) {
        let mut roles = reserved.filter_map(|item| reserved_for(&item).map(str::to_string));
        if let Some(other) = roles.find(|other| other != role) {
            return Some(format!("it reserves for the role '{other}', and the offers are for '{role}'"));
        }
    }
    if !left.contains(consumed) {
        let (has, takes) = (items_text(left.items(), None), items_text(consumed.items(), None));
        return Some(format!("the offers do not hold what it takes, {takes} (they hold {has})"));
    }
    let known: Vec<Volume> = left.items().iter().filter_map(Volume::of).collect();
    let again = (operation.r#type() == Type::Create).then(|| created(operation).into_iter().find(|new| known.contains(new)));
    let again = again.flatten()?;
    Some(format!("there is a volume with the id '{}' already", again.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_beyond_the_limit_are_not_looked_at() {
        let offered = Offered::default();
        let id = |number: usize| number.to_be_bytes().to_vec();
        offered.insert((0..MOST + 10).map(|number| (id(number), Bytes::new())));
        let known = || crate::thread::lock(&offered.offers).len();
        assert_eq!(known(), MOST);
        assert!(
            offered.hold(&[id(MOST + 1)], &[]).is_ok(),
            "nothing is said against what is not known"
        );
        offered.remove([&id(0)[..]]);
        offered.insert([(id(MOST + 1), Bytes::new())]);
        assert_eq!(known(), MOST, "there is room again");
    }
}

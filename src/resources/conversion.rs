//! What an operation makes of resources.

use super::amount::thousandths;
use super::bag::Resources;
use super::item::{canonical, reserved_for, volume_id, with_thousandths, without_reservation, without_volume};
use crate::proto::offer::operation::Type;
use crate::proto::offer::Operation;
use crate::proto::Resource;

/// What an operation takes, and what it gives for that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversion {
    pub consumed: Resources,
    pub converted: Resources,
}

/// What `operation` does to resources; nothing for a launch. It has been validated.
pub fn of(operation: &Operation) -> Conversion {
    let each = |items: &[Resource], before: fn(&Resource) -> Resource| {
        let items: Vec<Resource> = items.iter().map(canonical).collect();
        let before: Vec<Resource> = items.iter().map(before).collect();
        (Resources::new(&before), Resources::new(&items))
    };
    let (before, after) = match operation.r#type() {
        Type::Reserve => {
            let (source, items) = match &operation.reserve {
                Some(one) => (one.source.as_slice(), one.resources.as_slice()),
                None => Default::default(),
            };
            match source.is_empty() {
                true => each(items, without_reservation),
                false => (Resources::new(source), Resources::new(items)),
            }
        }
        Type::Unreserve => {
            let items = operation.unreserve.as_ref().map(|one| one.resources.as_slice());
            let (after, before) = each(items.unwrap_or_default(), without_reservation);
            (before, after)
        }
        Type::Create => {
            let items = operation.create.as_ref().map(|one| one.volumes.as_slice());
            each(items.unwrap_or_default(), without_volume)
        }
        Type::Destroy => {
            let items = operation.destroy.as_ref().map(|one| one.volumes.as_slice());
            let (after, before) = each(items.unwrap_or_default(), without_volume);
            (before, after)
        }
        Type::GrowVolume => grow(operation),
        Type::ShrinkVolume => shrink(operation),
        _ => Default::default(),
    };
    Conversion {
        consumed: before,
        converted: after,
    }
}

/// The thousandths of a scalar.
pub fn size(item: &Resource) -> i64 {
    item.scalar.map_or(0, |scalar| thousandths(scalar.value))
}

fn grow(operation: &Operation) -> (Resources, Resources) {
    let Some(grow) = &operation.grow_volume else {
        return Default::default();
    };
    let whole = with_thousandths(&grow.volume, size(&grow.volume).saturating_add(size(&grow.addition)));
    (Resources::new([&grow.volume, &grow.addition]), Resources::new([&whole]))
}

fn shrink(operation: &Operation) -> (Resources, Resources) {
    let Some(shrink) = &operation.shrink_volume else {
        return Default::default();
    };
    let taken = thousandths(shrink.subtract.value);
    let left = with_thousandths(&shrink.volume, size(&shrink.volume).saturating_sub(taken));
    let freed = with_thousandths(&without_volume(&shrink.volume), taken);
    (Resources::new([&shrink.volume]), Resources::new([&left, &freed]))
}

/// Whether a master may take it for done at once. What becomes of the others is known when the agent has done them.
pub fn is_speculative(operation: &Operation) -> bool {
    !matches!(operation.r#type(), Type::GrowVolume | Type::ShrinkVolume)
}

/// Which volume: what its directory is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volume {
    pub role: String,
    pub id: String,
}

impl Volume {
    /// The volume that a canonical item is, if it is one.
    pub fn of(item: &Resource) -> Option<Volume> {
        Some(Volume {
            role: reserved_for(item)?.to_string(),
            id: volume_id(item)?.to_string(),
        })
    }
}

/// The volumes that `operation` makes.
pub fn created(operation: &Operation) -> Vec<Volume> {
    let items = operation.create.iter().flat_map(|one| &one.volumes);
    items.filter_map(|item| Volume::of(&canonical(item))).collect()
}

/// The volumes that `operation` destroys.
pub fn destroyed(operation: &Operation) -> Vec<Volume> {
    let items = operation.destroy.iter().flat_map(|one| &one.volumes);
    items.filter_map(|item| Volume::of(&canonical(item))).collect()
}

//! One resource: what it is, beside its amount.
//!
//! Since Mesos 1.4 a resource has a stack of reservations, of which each refines the one before. Before, it had a role, and `reservation`
//! if that was made at run time. Here, the stack is the only spelling; frameworks that do not know it are shown the old one.

use super::amount::Amount;
use crate::proto::resource::reservation_info::Type as ReservationType;
use crate::proto::resource::{AllocationInfo, DiskInfo, ReservationInfo};
use crate::proto::Resource;

/// The item in the one spelling, without its allocation: that says to whom it is offered, and not what it is.
#[allow(deprecated)]
pub fn canonical(item: &Resource) -> Resource {
    let mut item = item.clone();
    item.allocation_info = None;
    let (role, old) = (item.role.take(), item.reservation.take());
    if item.reservations.is_empty() {
        let reserved = role.filter(|role| !role.is_empty() && role != "*");
        item.reservations.extend(reserved.map(|role| {
            let kind = match old {
                Some(_) => ReservationType::Dynamic,
                None => ReservationType::Static,
            };
            ReservationInfo {
                r#type: Some(kind as i32),
                role: Some(role),
                ..old.unwrap_or_default()
            }
        }));
    }
    item
}

/// A canonical item as a framework is to see it. Only one that knows of refined reservations sees the stack.
#[allow(deprecated)]
pub fn shown(item: &Resource, stack: bool, allocation: Option<&AllocationInfo>) -> Resource {
    let mut item = item.clone();
    item.allocation_info = allocation.cloned();
    if !stack && item.reservations.len() < 2 {
        let reservation = item.reservations.pop();
        item.role = Some(reservation.as_ref().map_or("*", |r| r.role()).to_string());
        item.reservation = reservation
            .filter(|r| r.r#type() == ReservationType::Dynamic)
            .map(|reservation| ReservationInfo {
                r#type: None,
                role: None,
                ..reservation
            });
    }
    item
}

/// Whether two canonical items are of one kind: all but the amount. How a task mounts a volume is not what the volume is.
pub fn is_like(a: &Resource, b: &Resource) -> bool {
    a.name == b.name
        && a.r#type == b.r#type
        && a.reservations == b.reservations
        && a.revocable.is_some() == b.revocable.is_some()
        && a.shared.is_some() == b.shared.is_some()
        && a.provider_id == b.provider_id
        && disk_key(a) == disk_key(b)
}

fn disk_key(item: &Resource) -> Option<(Option<&crate::proto::resource::disk_info::Source>, Option<&str>)> {
    let disk = item.disk.as_ref()?;
    Some((disk.source.as_ref(), volume_id(item)))
}

/// The id of a persistent volume.
pub fn volume_id(item: &Resource) -> Option<&str> {
    let persistence = item.disk.as_ref()?.persistence.as_ref()?;
    Some(&persistence.id)
}

/// Whether it is used as a whole or not at all.
pub fn is_indivisible(item: &Resource) -> bool {
    let mount = |disk: &DiskInfo| {
        use crate::proto::resource::disk_info::source::Type;
        let source = disk.source.as_ref();
        source.is_some_and(|source| source.r#type() == Type::Mount || source.r#type() == Type::Block)
    };
    volume_id(item).is_some() || item.disk.as_deref().is_some_and(mount)
}

/// The role that a canonical item is reserved for: the last of its stack.
pub fn reserved_for(item: &Resource) -> Option<&str> {
    item.reservations.last().map(|reservation| reservation.role())
}

pub fn is_dynamically_reserved(item: &Resource) -> bool {
    item.reservations
        .last()
        .is_some_and(|last| last.r#type() == ReservationType::Dynamic)
}

/// What a volume is made of: the same without its id.
pub fn without_volume(item: &Resource) -> Resource {
    let mut item = item.clone();
    item.shared = None;
    let source = item.disk.take().and_then(|disk| disk.source);
    item.disk = source.map(|source| {
        Box::new(DiskInfo {
            source: Some(source),
            ..Default::default()
        })
    });
    item
}

/// The same without its last reservation.
pub fn without_reservation(item: &Resource) -> Resource {
    let mut item = item.clone();
    item.reservations.pop();
    item
}

/// The same, reserved for nobody.
pub fn without_reservations(item: &Resource) -> Resource {
    let mut item = item.clone();
    item.reservations.clear();
    item
}

/// The same with another amount, in thousandths.
pub fn with_thousandths(item: &Resource, thousandths: i64) -> Resource {
    let mut item = item.clone();
    Amount::Thousandths(thousandths).store(&mut item);
    item
}

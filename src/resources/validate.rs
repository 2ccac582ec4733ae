//! What Mesos refuses as a resource, in its words.

use super::amount::thousandths;
use super::display::item_text;
use super::item::is_dynamically_reserved;
use super::role;
use crate::message::text;
use crate::proto::resource::reservation_info::Type as ReservationType;
use crate::proto::value::Type;
use crate::proto::Resource;
use std::collections::BTreeSet;

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

/// What is wrong with the disks among canonical `items`. `check_id` knows what an id may be.
pub fn validate_disks(items: &[Resource], check_id: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
    let check = |item: &Resource| {
        let Some(disk) = &item.disk else { return Ok(()) };
        let Some(persistence) = &disk.persistence else {
            return match (&disk.volume, &disk.source) {
                (Some(_), _) => Err("Non-persistent volume not supported".to_string()),
                (None, None) => Err("DiskInfo is set but empty".to_string()),
                (None, Some(_)) => Ok(()),
            };
        };
        if item.revocable.is_some() {
            return Err("Persistent volumes cannot be created from revocable resources".into());
        }
        if item.reservations.is_empty() {
            return Err("Persistent volumes cannot be created from unreserved resources".into());
        }
        let Some(volume) = &disk.volume else {
            return Err("Expecting 'volume' to be set for persistent volume".into());
        };
        if volume.host_path.is_some() {
            return Err("Expecting 'host_path' to be unset for persistent volume".into());
        }
        check_id(&persistence.id).map_err(|why| format!("Invalid persistence ID for persistent volume: {why}"))
    };
    let checked = items.iter().try_for_each(check);
    checked.map_err(|why| format!("Invalid DiskInfo: {why}"))
}

/// What is wrong with the reservations of canonical `items`, which are allocated to `role`.
pub fn validate_reservations(items: &[Resource], role: Option<&str>) -> Result<(), String> {
    let revocable = |item: &&Resource| is_dynamically_reserved(item) && item.revocable.is_some();
    match items.iter().find(revocable) {
        Some(item) => Err(format!(
            "Invalid ReservationInfo: Dynamically reserved resource {} cannot be created from revocable resources",
            item_text(item, role)
        )),
        None => Ok(()),
    }
}

/// Checks a task, executor, framework or agent id. The texts are those of Mesos.
pub fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        Err("ID must not be empty".into())
    } else if text::to_bytes(id).len() > 255 {
        Err("ID must not be greater than 255 characters".into())
    } else if id == "." || id == ".." {
        Err(format!("'{id}' is disallowed"))
    } else if id
        .bytes()
        .any(|byte| byte.is_ascii_control() || byte == b'/' || byte == b'\\')
    {
        Err(format!("'{id}' contains invalid characters"))
    } else {
        Ok(())
    }
}

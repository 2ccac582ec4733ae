//! What an offer operation must have. A master drops one that lacks something with no more than a line in its own log.

use crate::driver::DriverError;
use crate::native::wire::problem;
use crate::proto::offer::{operation::Type, Operation};
use crate::proto::{resource, value, Resource};
use prost::Message;

/// Checks the operation of this index among those of a call.
pub fn operation_is_whole(index: usize, encoded: &[u8]) -> Result<(), DriverError> {
    let operation = Operation::decode(encoded).map_err(|e| problem("operations", "Offer.Operation", &e))?;
    check(operation).map_err(|why| DriverError::Argument {
        name: "operations",
        problem: format!("Offer.Operation {index}: {why}"),
    })
}

fn check(operation: Operation) -> Result<(), String> {
    let kind = operation.r#type();
    let name = kind.as_str_name();
    match kind {
        Type::Unknown => {
            let got = operation.r#type.map_or("none".to_string(), |t| t.to_string());
            Err(format!(
                "expected a type of Mesos::Offer::Operation::Type, as LAUNCH, got {got}"
            ))
        }
        Type::Launch => not_empty("launch.task_infos", &part(name, "launch", operation.launch)?.task_infos),
        Type::LaunchGroup => {
            let group = part(name, "launch_group", operation.launch_group)?.task_group;
            not_empty("launch_group.task_group.tasks", &group.tasks)
        }
        Type::Reserve => {
            let resources = part(name, "reserve", operation.reserve)?.resources;
            each("reserve.resources", &resources, dynamically_reserved)
        }
        Type::Unreserve => {
            let resources = part(name, "unreserve", operation.unreserve)?.resources;
            each("unreserve.resources", &resources, dynamically_reserved)
        }
        Type::Create => {
            let volumes = part(name, "create", operation.create)?.volumes;
            each("create.volumes", &volumes, persistent_volume)
        }
        Type::Destroy => {
            let volumes = part(name, "destroy", operation.destroy)?.volumes;
            each("destroy.volumes", &volumes, persistent_volume)
        }
        Type::GrowVolume => {
            let part = part(name, "grow_volume", operation.grow_volume)?;
            one("grow_volume.volume", &part.volume, persistent_volume)?;
            valid("grow_volume.addition", &part.addition)
        }
        Type::ShrinkVolume => {
            let volume = part(name, "shrink_volume", operation.shrink_volume)?.volume;
            one("shrink_volume.volume", &volume, persistent_volume)
        }
        Type::CreateDisk => {
            let source = part(name, "create_disk", operation.create_disk)?.source;
            one("create_disk.source", &source, with_source)
        }
        Type::DestroyDisk => {
            let source = part(name, "destroy_disk", operation.destroy_disk)?.source;
            one("destroy_disk.source", &source, with_source)
        }
    }
}

/// What the type of an operation names.
fn part<T>(kind: &str, name: &str, part: Option<T>) -> Result<T, String> {
    part.ok_or_else(|| format!("its type is {kind}, but {name} is missing"))
}

fn not_empty<T>(path: &str, list: &[T]) -> Result<(), String> {
    match list.is_empty() {
        true => Err(format!("{path} is empty")),
        false => Ok(()),
    }
}

/// What an operation wants of a resource beside that it is valid.
type Wanted = fn(&str, &Resource) -> Result<(), String>;

fn one(path: &str, resource: &Resource, wanted: Wanted) -> Result<(), String> {
    valid(path, resource)?;
    wanted(path, resource)
}

/// A list that is not empty.
fn each(path: &str, resources: &[Resource], wanted: Wanted) -> Result<(), String> {
    not_empty(path, resources)?;
    let mut all = resources.iter().enumerate();
    all.try_for_each(|(index, resource)| one(&format!("{path}[{index}]"), resource, wanted))
}

fn is_there(path: &str, field: &str, is_there: bool) -> Result<(), String> {
    match is_there {
        true => Ok(()),
        false => Err(format!("{path}.{field} is missing")),
    }
}

fn named(path: &str, field: &str, value: Option<&str>) -> Result<(), String> {
    match value {
        None => Err(format!("{path}.{field} is missing")),
        Some("") => Err(format!("{path}.{field} is empty")),
        Some(_) => Ok(()),
    }
}

/// What a master wants of every resource.
fn valid(path: &str, resource: &Resource) -> Result<(), String> {
    named(path, "name", Some(&resource.name))?;
    match value::Type::try_from(resource.r#type) {
        Ok(value::Type::Scalar) => is_there(path, "scalar", resource.scalar.is_some())?,
        Ok(value::Type::Ranges) => is_there(path, "ranges", resource.ranges.is_some())?,
        Ok(value::Type::Set) => is_there(path, "set", resource.set.is_some())?,
        _ => {
            return Err(format!(
                "{path}.type: expected SCALAR, RANGES or SET, got {}",
                resource.r#type
            ))
        }
    }
    if let Some(allocation) = &resource.allocation_info {
        named(path, "allocation_info.role", allocation.role.as_deref())?;
    }
    for (index, reservation) in resource.reservations.iter().enumerate() {
        let path = format!("{path}.reservations[{index}]");
        is_there(&path, "type", reservation.r#type.is_some())?;
        named(&path, "role", reservation.role.as_deref())?;
    }
    Ok(())
}

/// As reservations are written since Mesos 1.4, or as before.
fn dynamically_reserved(path: &str, resource: &Resource) -> Result<(), String> {
    let Some(last) = resource.reservations.last() else {
        return is_there(path, "reservations", resource.reservation.is_some());
    };
    match last.r#type() {
        resource::reservation_info::Type::Dynamic => Ok(()),
        _ => Err(format!(
            "{path}.reservations[{}].type: expected DYNAMIC",
            resource.reservations.len() - 1
        )),
    }
}

// Before Mesos 1.4 a role was all that said of whom a volume is.
#[allow(deprecated)]
fn persistent_volume(path: &str, resource: &Resource) -> Result<(), String> {
    let disk = resource.disk.as_ref().ok_or_else(|| format!("{path}.disk is missing"))?;
    let id = disk.persistence.as_ref().map(|persistence| persistence.id.as_str());
    is_there(path, "disk.persistence", id.is_some())?;
    named(path, "disk.persistence.id", id)?;
    is_there(path, "disk.volume", disk.volume.is_some())?;
    let has_role = resource.role.as_deref().is_some_and(|role| role != "*");
    is_there(path, "reservations", has_role || !resource.reservations.is_empty())
}

fn with_source(path: &str, resource: &Resource) -> Result<(), String> {
    let source = resource.disk.as_ref().and_then(|disk| disk.source.as_ref());
    is_there(path, "disk.source", source.is_some())
}

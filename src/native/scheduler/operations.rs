//! What an offer operation must have. A master drops one that lacks something with no more than a line in its own log.
//!
//! Of one with an id that is whole and that cannot be done the master tells, with OPERATION_ERROR: it is sent.

use crate::driver::DriverError;
use crate::native::wire::problem;
use crate::proto::offer::{operation::Type, Operation};
use crate::proto::resource::disk_info::source::Type as Disk;
use crate::proto::{resource, value, volume, Resource, TaskInfo};
use crate::resources::conversion::size;
use crate::resources::item::{canonical, is_like, volume_id, without_volume};
use crate::resources::{self, thousandths, Resources};
use prost::Message;
use std::collections::BTreeSet;

/// Checks the operation of this index among those of a call.
pub fn operation_is_whole(index: usize, encoded: &[u8]) -> Result<(), DriverError> {
    let operation = Operation::decode(encoded).map_err(|e| problem("operations", "Offer.Operation", &e))?;
    let has_id = operation.id.is_some();
    let why = match check(operation) {
        Ok(()) => return Ok(()),
        Err(Wrong::Refused(_)) if has_id => return Ok(()),
        Err(Wrong::Refused(why) | Wrong::Incomplete(why)) => why,
    };
    Err(DriverError::Argument {
        name: "operations",
        problem: format!("Offer.Operation {index}: {why}"),
    })
}

/// What is wrong with an operation.
enum Wrong {
    /// The master does not take it for one, or does not survive it.
    Incomplete(String),
    /// The master does not carry it out.
    Refused(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Wrong {
        Wrong::Incomplete(why)
    }
}

/// What the master does not carry out.
fn refused<T>(why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Refused(why.into()))
}

type Checked = Result<(), Wrong>;

fn check(operation: Operation) -> Checked {
    let kind = operation.r#type();
    let name = kind.as_str_name();
    match kind {
        Type::Unknown => {
            let got = operation.r#type.map_or("none".to_string(), |t| t.to_string());
            Err(format!("expected a type of Mesos::Offer::Operation::Type, as LAUNCH, got {got}").into())
        }
        Type::Launch => {
            let tasks = part(name, "launch", operation.launch)?.task_infos;
            not_empty("launch.task_infos", &tasks)?;
            Ok(tasks_are_known("launch.task_infos", &tasks)?)
        }
        Type::LaunchGroup => {
            let part = part(name, "launch_group", operation.launch_group)?;
            not_empty("launch_group.task_group.tasks", &part.task_group.tasks)?;
            of_known_types("launch_group.executor.resources", kinds(&part.executor.resources))?;
            Ok(tasks_are_known("launch_group.task_group.tasks", &part.task_group.tasks)?)
        }
        Type::Reserve => {
            let part = part(name, "reserve", operation.reserve)?;
            if !part.source.is_empty() {
                return refused("reserve.source: masters take it from operators only");
            }
            each("reserve.resources", &part.resources, dynamically_reserved)
        }
        Type::Unreserve => {
            let resources = part(name, "unreserve", operation.unreserve)?.resources;
            each("unreserve.resources", &resources, without_a_volume)
        }
        Type::Create => {
            let volumes = part(name, "create", operation.create)?.volumes;
            each("create.volumes", &volumes, persistent_volume)?;
            different("create.volumes", &volumes)
        }
        Type::Destroy => {
            let volumes = part(name, "destroy", operation.destroy)?.volumes;
            each("destroy.volumes", &volumes, persistent_volume)
        }
        Type::GrowVolume => {
            let part = part(name, "grow_volume", operation.grow_volume)?;
            one("grow_volume.volume", &part.volume, volume_of_one)?;
            one("grow_volume.addition", &part.addition, |_, _| Ok(()))?;
            match is_like(&without_volume(&canonical(&part.volume)), &canonical(&part.addition)) {
                true => Ok(()),
                false => refused("grow_volume.addition is not of the kind that grow_volume.volume is made of"),
            }
        }
        Type::ShrinkVolume => {
            let part = part(name, "shrink_volume", operation.shrink_volume)?;
            one("shrink_volume.volume", &part.volume, volume_of_one)?;
            let (subtract, most) = (part.subtract.value, size(&part.volume));
            match (1..most).contains(&thousandths(subtract)) {
                true => Ok(()),
                false => refused(format!(
                    "shrink_volume.subtract: expected more than 0 and less than the volume's size, got {subtract}"
                )),
            }
        }
        Type::CreateDisk => {
            let part = part(name, "create_disk", operation.create_disk)?;
            one("create_disk.source", &part.source, raw_disk)?;
            let target = part.target_type();
            if !matches!(target, Disk::Mount | Disk::Block) {
                let got = target.as_str_name();
                return refused(format!("create_disk.target_type: expected MOUNT or BLOCK, got {got}"));
            }
            match (has_profile(&part.source), part.target_profile.is_some()) {
                (true, true) => refused("create_disk.target_profile: create_disk.source has a profile already"),
                (false, false) => refused("create_disk.target_profile is missing, and create_disk.source has no profile"),
                _ => Ok(()),
            }
        }
        Type::DestroyDisk => {
            let source = part(name, "destroy_disk", operation.destroy_disk)?.source;
            one("destroy_disk.source", &source, disk_of_provider)
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
type Wanted = fn(&str, &Resource) -> Checked;

fn one(path: &str, resource: &Resource, wanted: Wanted) -> Checked {
    valid(path, resource)?;
    wanted(path, resource)?;
    // In the words of Mesos what is rarely wrong.
    let of = |why: String| Wrong::Refused(format!("{path}: {why}"));
    resources::validate_item(resource).map_err(of)?;
    let item = [canonical(resource)];
    // A master that is to convert nothing ends itself.
    if Resources::new(&item).is_empty() {
        return Err(format!("{path}: expected an amount above 0, got none").into());
    }
    if item[0].name == "gpus" && size(&item[0]) % 1000 != 0 {
        return refused(format!("{path}.scalar: expected a whole number of gpus"));
    }
    resources::validate_disks(&item, resources::check_id).map_err(of)?;
    resources::validate_reservations(&item, None).map_err(of)
}

/// A list that is not empty.
fn each(path: &str, resources: &[Resource], wanted: Wanted) -> Checked {
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

/// A real master ends itself when it meets a resource of another type, whatever that is for.
pub fn of_known_types(path: &str, kinds: impl IntoIterator<Item = i32>) -> Result<(), String> {
    let is_known = |kind: i32| {
        use value::Type::{Ranges, Scalar, Set};
        matches!(value::Type::try_from(kind), Ok(Scalar | Ranges | Set))
    };
    match kinds.into_iter().enumerate().find(|(_, kind)| !is_known(*kind)) {
        None => Ok(()),
        Some((index, kind)) => Err(not_known(&format!("{path}[{index}]"), kind)),
    }
}

fn not_known(path: &str, kind: i32) -> String {
    format!("{path}.type: expected SCALAR, RANGES or SET, got {kind}")
}

fn kinds(resources: &[Resource]) -> impl Iterator<Item = i32> + '_ {
    resources.iter().map(|resource| resource.r#type)
}

/// What tasks and their executors ask for is of known types.
fn tasks_are_known(path: &str, tasks: &[TaskInfo]) -> Result<(), String> {
    for (index, task) in tasks.iter().enumerate() {
        let of = |why: String| format!("{path}[{index}].{why}");
        of_known_types("resources", kinds(&task.resources)).map_err(of)?;
        let executor = task.executor.iter().flat_map(|executor| kinds(&executor.resources));
        of_known_types("executor.resources", executor).map_err(of)?;
    }
    Ok(())
}

/// What a master wants of every resource.
fn valid(path: &str, resource: &Resource) -> Result<(), String> {
    named(path, "name", Some(&resource.name))?;
    match value::Type::try_from(resource.r#type) {
        Ok(value::Type::Scalar) => is_there(path, "scalar", resource.scalar.is_some())?,
        Ok(value::Type::Ranges) => is_there(path, "ranges", resource.ranges.is_some())?,
        Ok(value::Type::Set) => is_there(path, "set", resource.set.is_some())?,
        _ => return Err(not_known(path, resource.r#type)),
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
fn dynamically_reserved(path: &str, resource: &Resource) -> Checked {
    let Some(last) = resource.reservations.last() else {
        return Ok(is_there(path, "reservations", resource.reservation.is_some())?);
    };
    match last.r#type() {
        resource::reservation_info::Type::Dynamic => Ok(()),
        _ => {
            let last = resource.reservations.len() - 1;
            Err(format!("{path}.reservations[{last}].type: expected DYNAMIC").into())
        }
    }
}

// Before Mesos 1.4 a role was all that said of whom a volume is.
#[allow(deprecated)]
fn persistent_volume(path: &str, resource: &Resource) -> Checked {
    let disk = resource.disk.as_ref().ok_or_else(|| format!("{path}.disk is missing"))?;
    let id = disk.persistence.as_ref().map(|persistence| persistence.id.as_str());
    is_there(path, "disk.persistence", id.is_some())?;
    named(path, "disk.persistence.id", id)?;
    is_there(path, "disk.volume", disk.volume.is_some())?;
    if disk.volume.as_ref().is_some_and(|volume| volume.mode() == volume::Mode::Ro) {
        return refused(format!("{path}.disk.volume.mode: expected RW, got RO"));
    }
    let has_role = resource.role.as_deref().is_some_and(|role| role != "*");
    Ok(is_there(path, "reservations", has_role || !resource.reservations.is_empty())?)
}

/// A volume that only one framework uses at a time: only such a one can have another size.
fn volume_of_one(path: &str, resource: &Resource) -> Checked {
    persistent_volume(path, resource)?;
    match resource.shared {
        Some(_) => refused(format!("{path}.shared: the size of a shared volume cannot be changed")),
        None => Ok(()),
    }
}

fn without_a_volume(path: &str, resource: &Resource) -> Checked {
    dynamically_reserved(path, resource)?;
    match volume_id(resource) {
        Some(_) => refused(format!(
            "{path}.disk.persistence: a volume has to be destroyed before it is unreserved"
        )),
        None => Ok(()),
    }
}

/// No two volumes with one id.
fn different(path: &str, volumes: &[Resource]) -> Checked {
    let mut ids = BTreeSet::new();
    match volumes.iter().enumerate().find(|(_, volume)| !ids.insert(volume_id(volume))) {
        Some((index, _)) => refused(format!("{path}[{index}].disk.persistence.id: another volume has this id")),
        None => Ok(()),
    }
}

/// The type of a disk that a resource provider manages.
fn provided(path: &str, resource: &Resource) -> Result<Disk, Wrong> {
    let source = resource.disk.as_ref().and_then(|disk| disk.source.as_ref());
    is_there(path, "disk.source", source.is_some())?;
    is_there(path, "provider_id", resource.provider_id.is_some())?;
    Ok(source.map_or(Disk::Unknown, |source| source.r#type()))
}

fn raw_disk(path: &str, resource: &Resource) -> Checked {
    match provided(path, resource)? {
        Disk::Raw => Ok(()),
        other => refused(format!("{path}.disk.source.type: expected RAW, got {}", other.as_str_name())),
    }
}

fn disk_of_provider(path: &str, resource: &Resource) -> Checked {
    match provided(path, resource)? {
        _ if volume_id(resource).is_some() => refused(format!(
            "{path}.disk.persistence: a volume has to be destroyed before its disk"
        )),
        Disk::Mount | Disk::Block | Disk::Raw => Ok(()),
        other => refused(format!(
            "{path}.disk.source.type: expected MOUNT, BLOCK or RAW, got {}",
            other.as_str_name()
        )),
    }
}

fn has_profile(resource: &Resource) -> bool {
    let source = resource.disk.as_ref().and_then(|disk| disk.source.as_ref());
    source.is_some_and(|source| source.profile.is_some())
}

//! Whether an operation on resources may be carried out: the checks of the master in its order, with its texts.

use super::state::{Agent, Framework};
use crate::local::ids;
use crate::local::stream::Format;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::offer::{operation::Type, Operation};
use crate::proto::volume::Mode;
use crate::proto::Resource;
use crate::resources::conversion::{self, size, Volume};
use crate::resources::item::{
    canonical, is_dynamically_reserved, is_like, reserved_for, volume_id, without_reservations, without_volume,
};
use crate::resources::{self, items_text, Resources};
use prost::Message;
use std::collections::BTreeSet;

type Checked = Result<(), String>;

/// What an operation is held against.
pub struct Against<'a> {
    /// Whose it is, with its id; an operator's is nobody's.
    pub framework: Option<(&'a str, &'a Framework)>,
    pub agent: &'a Agent,
    /// What its offers were for.
    pub role: Option<&'a str>,
    /// What is left of the offers.
    pub available: &'a Resources,
    /// What tasks and executors use on the agent: for DESTROY.
    pub used: &'a Resources,
}

/// An item of an operation, and the role that it says to be allocated to.
struct Item {
    item: Resource,
    role: Option<String>,
}

impl Item {
    fn text(&self) -> String {
        resources::item_text(&self.item, self.role.as_deref())
    }
}

impl Against<'_> {
    fn items(&self, given: &[Resource]) -> Vec<Item> {
        let item = |item: &Resource| Item {
            role: allocated_to(item).or(self.role).map(str::to_string),
            item: canonical(item),
        };
        given.iter().map(item).collect()
    }

    fn principal(&self) -> Option<&str> {
        self.framework.and_then(|(_, framework)| framework.info.principal.as_deref())
    }
}

fn allocated_to(item: &Resource) -> Option<&str> {
    item.allocation_info.as_ref().and_then(|info| info.role.as_deref())
}

/// The items of an operation; `None` when its member is missing.
fn items(operation: &Operation) -> Option<Vec<Resource>> {
    Some(match operation.r#type() {
        Type::Reserve => operation.reserve.as_ref()?.resources.clone(),
        Type::Unreserve => operation.unreserve.as_ref()?.resources.clone(),
        Type::Create => operation.create.as_ref()?.volumes.clone(),
        Type::Destroy => operation.destroy.as_ref()?.volumes.clone(),
        Type::GrowVolume => {
            let grow = operation.grow_volume.as_ref()?;
            vec![grow.volume.clone(), grow.addition.clone()]
        }
        Type::ShrinkVolume => vec![operation.shrink_volume.as_ref()?.volume.clone()],
        Type::CreateDisk => vec![operation.create_disk.as_ref()?.source.clone()],
        Type::DestroyDisk => vec![operation.destroy_disk.as_ref()?.source.clone()],
        Type::Unknown | Type::Launch | Type::LaunchGroup => Vec::new(),
    })
}

/// What a RESERVE takes, if it says so: what is reserved for others, mostly.
pub fn source(operation: &Operation) -> &[Resource] {
    operation.reserve.as_ref().map_or(&[], |reserve| &reserve.source)
}

/// Whether an item is a resource at all.
pub fn is_resource(item: &Resource) -> Checked {
    let text = || resources::item_text(item, None);
    resources::validate_item(item).map_err(|reason| format!("Resource '{}' is invalid: {reason}", text()))
}

/// Whether all of its items are resources at all.
pub fn resources(operation: &Operation) -> Checked {
    let check = || {
        let Some(items) = items(operation) else {
            let kind = operation.r#type().as_str_name();
            let member = kind.to_ascii_lowercase();
            return Err(format!(
                "A {kind} offer operation must have the Offer.Operation.{member} field set."
            ));
        };
        if !source(operation).is_empty() {
            return Err("Reservation updates are not yet implemented for the scheduler API.".into());
        }
        items.iter().try_for_each(is_resource)
    };
    check().map_err(|why| format!("Operation attempted with invalid resources: {why}"))
}

/// Whether it makes sense for this framework, and on this agent.
pub fn operation(operation: &Operation, against: &Against<'_>) -> Checked {
    let given = items(operation).unwrap_or_default();
    let items = against.items(&given);
    match operation.r#type() {
        Type::Reserve => reserve(&items, &against.items(source(operation)), against),
        Type::Unreserve => unreserve(&items),
        Type::Create => create(&items, against),
        Type::Destroy => destroy(&items, against),
        Type::GrowVolume => match items.as_slice() {
            [volume, addition] => grow(volume, addition),
            _ => Ok(()),
        },
        Type::ShrinkVolume => match (items.as_slice(), &operation.shrink_volume) {
            ([volume], Some(shrink)) => shrink_volume(volume, shrink.subtract.value),
            _ => Ok(()),
        },
        Type::CreateDisk | Type::DestroyDisk => Err("'source' is not managed by a resource provider".into()),
        Type::Unknown | Type::Launch | Type::LaunchGroup => Ok(()),
    }
}

/// What holds for the items of any operation.
fn common(items: &[Item]) -> Checked {
    valid(items, "resources")?;
    not_empty(items)
}

/// What holds for each item. `what` they are.
fn valid(items: &[Item], what: &str) -> Checked {
    let check = |one: &Item| {
        let item = std::slice::from_ref(&one.item);
        resources::validate_disks(item, ids::check)?;
        resources::validate_reservations(item, one.role.as_deref())
    };
    items
        .iter()
        .try_for_each(check)
        .map_err(|why| format!("Invalid {what}: {why}"))
}

fn not_empty(items: &[Item]) -> Checked {
    match items.is_empty() {
        // That is what it says.
        true => Err("Invalid resources: The resources have multiple resource providers: ".to_string()),
        false => Ok(()),
    }
}

/// Whether a reservation may become another one: what is the same but for that.
fn moved(source: &[Item], target: &[Item]) -> Checked {
    alike(source).map_err(|why| format!("Invalid source: {why}"))?;
    alike(target).map_err(|why| format!("Invalid resources: {why}"))?;
    let unreserved = |items: &[Item]| {
        let items: Vec<Resource> = items.iter().map(|one| without_reservations(&one.item)).collect();
        Resources::new(&items)
    };
    let role = |items: &[Item]| items.first().and_then(|one| one.role.clone());
    let (from, to) = (unreserved(source), unreserved(target));
    if from.contains(&to) && to.contains(&from) && role(source) == role(target) {
        return Ok(());
    }
    let text = |all: &Resources, items: &[Item]| items_text(all.items(), role(items).as_deref());
    let (from, to) = (text(&from, source), text(&to, target));
    Err(format!(
        "Source and target resources should refer to identical resource quantities: {from} vs. {to}"
    ))
}

/// Whether all of these are reserved in the same way.
fn alike(items: &[Item]) -> Checked {
    let Some(first) = items.first() else {
        return Err("Resource cannot be empty".into());
    };
    match items.iter().all(|one| one.item.reservations == first.item.reservations) {
        true => Ok(()),
        false => Err(format!("Mixed reservations are not supported{}", as_json(items))),
    }
}

/// The items as Mesos writes them there: by the names of their fields.
fn as_json(items: &[Item]) -> serde_json::Value {
    const CLASS: &str = "Mesos::Resource";
    let value = |one: &Item| {
        let text = Format::Json.write(CLASS, one.item.encode_to_vec());
        serde_json::from_slice::<serde_json::Value>(&text).unwrap_or_default()
    };
    items.iter().map(value).collect()
}

fn dynamically_reserved(one: &Item) -> Checked {
    match is_dynamically_reserved(&one.item) {
        true => Ok(()),
        false => Err(format!("Resource {} is not dynamically reserved", one.text())),
    }
}

fn reserve(items: &[Item], source: &[Item], against: &Against<'_>) -> Checked {
    valid(items, "resources")?;
    valid(source, "source")?;
    if !source.is_empty() {
        moved(source, items)?;
    }
    not_empty(items)?;
    for one in items {
        dynamically_reserved(one)?;
        let theirs = one.item.reservations.last().and_then(|last| last.principal.as_deref());
        match (against.principal(), theirs) {
            (Some(mine), None) => {
                return Err(format!(
                    "A reserve operation was attempted by principal '{mine}', but there is a reserved resource in the request with no principal set"
                ));
            }
            (Some(mine), Some(theirs)) if mine != theirs => {
                return Err(format!(
                    "A reserve operation was attempted by authenticated principal '{mine}', which does not match a reserved resource in the request with principal '{theirs}'"
                ));
            }
            _ => {}
        }
        let reserved = reserved_for(&one.item).unwrap_or_default();
        match (&one.role, against.framework) {
            (Some(_), None) => {
                let why = "A reserve operation was attempted with an allocated resource, but the operator API only allows reservations to be made to unallocated resources";
                return Err(why.into());
            }
            (Some(role), Some(_)) if reserved != role => {
                return Err(format!(
                    "A reserve operation was attempted for a resource with role '{reserved}', but the resource was allocated to role '{role}'"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn unreserve(items: &[Item]) -> Checked {
    common(items)?;
    for one in items {
        dynamically_reserved(one)?;
        if volume_id(&one.item).is_some() {
            return Err(format!(
                "A dynamically reserved persistent volume {} cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource",
                one.text()
            ));
        }
    }
    Ok(())
}

/// `text` is that of the item.
fn volume(item: &Resource, text: &str) -> Checked {
    let Some(disk) = &item.disk else {
        return Err(format!("Resource {text} does not have DiskInfo"));
    };
    if disk.persistence.is_none() {
        return Err("'persistence' is not set in DiskInfo".into());
    }
    match &disk.volume {
        Some(volume) if volume.mode() == Mode::Ro => Err("Read-only persistent volume not supported".into()),
        _ => Ok(()),
    }
}

fn create(items: &[Item], against: &Against<'_>) -> Checked {
    common(items)?;
    for one in items {
        volume(&one.item, &one.text()).map_err(|why| format!("Not a persistent volume: {why}"))?;
    }
    let mut ids: BTreeSet<Volume> = against.agent.total.items().iter().filter_map(Volume::of).collect();
    for volume in items.iter().filter_map(|one| Volume::of(&one.item)) {
        let text = format!("Persistence ID '{}' is not unique", volume.id);
        if !ids.insert(volume) {
            return Err(text);
        }
    }
    for one in items {
        if one.item.shared.is_some() {
            let ignorant = against
                .framework
                .filter(|(_, framework)| !framework.has(Capability::SharedResources));
            if let Some((id, _)) = ignorant {
                return Err(format!(
                    "Create volume operation for '{}' has been attempted by framework '{id}' with no SHARED_RESOURCES capability",
                    one.text(),
                ));
            }
        }
        let persistence = one.item.disk.as_ref().and_then(|disk| disk.persistence.as_ref());
        match (against.principal(), persistence.and_then(|one| one.principal.as_deref())) {
            (Some(mine), None) => {
                return Err(format!(
                    "Create volume operation attempted by principal '{mine}', but there is a volume in the operation with no principal set in 'disk.persistence'"
                ));
            }
            (Some(mine), Some(theirs)) if mine != theirs => {
                return Err(format!(
                    "Create volume operation attempted by authenticated principal '{mine}', which does not match a volume in the operation with principal '{theirs}' set in 'disk.persistence'"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn destroy(items: &[Item], against: &Against<'_>) -> Checked {
    common(items)?;
    for one in items {
        let text = resources::item_text(&one.item, None);
        volume(&one.item, &text).map_err(|why| format!("Not a persistent volume: {why}"))?;
    }
    let whole = Resources::new(items.iter().map(|one| &one.item));
    if !against.agent.total.contains(&whole) {
        return Err("Persistent volumes not found".into());
    }
    let in_use = |one: &Item| against.used.items().iter().any(|used| is_like(used, &one.item));
    match items.iter().any(in_use) {
        true => Err("Persistent volumes in use".into()),
        false => Ok(()),
    }
}

fn grow(given: &Item, addition: &Item) -> Checked {
    if size(&addition.item) <= 0 {
        return Err("The size of 'GrowVolume.addition' field must be greater than zero".into());
    }
    let valid = volume(&given.item, &given.text());
    valid.map_err(|why| format!("Invalid persistent volume in the 'GrowVolume.volume' field: {why}"))?;
    if given.item.shared.is_some() {
        return Err("Growing a shared persistent volume is not supported".into());
    }
    match is_like(&without_volume(&given.item), &addition.item) {
        true => Ok(()),
        false => Err("Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields".into()),
    }
}

fn shrink_volume(given: &Item, subtract: f64) -> Checked {
    let subtract = resources::thousandths(subtract);
    if subtract <= 0 {
        return Err("Value of 'ShrinkVolume.subtract' must be greater than zero".into());
    }
    let valid = volume(&given.item, &given.text());
    valid.map_err(|why| format!("Invalid persistent volume in the 'ShrinkVolume.volume' field: {why}"))?;
    if given.item.shared.is_some() {
        return Err("Shrinking a shared persistent volume is not supported".into());
    }
    match subtract < size(&given.item) {
        true => Ok(()),
        false => Err("Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'".into()),
    }
}

/// Whether what it takes is there.
pub fn fits(operation: &Operation, against: &Against<'_>) -> Checked {
    let consumed = conversion::of(operation).consumed;
    let given = items(operation).unwrap_or_default();
    // Somebody else's allocation is not there, whatever else is.
    let foreign = given.iter().filter_map(allocated_to).find(|role| Some(*role) != against.role);
    if foreign.is_none() && against.available.contains(&consumed) {
        return Ok(());
    }
    let available = items_text(against.available.items(), against.role);
    let consumed = items_text(consumed.items(), foreign.or(against.role));
    let why = format!("{available} does not contain {consumed}");
    Err(match conversion::is_speculative(operation) {
        true => why,
        false => format!("Invalid {} operation: {why}", operation.r#type().as_str_name()),
    })
}

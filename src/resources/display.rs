//! Resources in the messages of Mesos: for people, and not to be parsed.

use super::amount::Amount;
use super::bag::Resources;
use super::item::{canonical, is_like};
use crate::proto::resource::{DiskInfo, ReservationInfo};
use crate::proto::{Label, Resource};

/// `cpus(reservations: [(DYNAMIC,eng)]):-1`: one item, whatever it holds. `role` is the one that it is allocated to.
pub fn item_text(item: &Resource, role: Option<&str>) -> String {
    let amount = match (&item.ranges, item.scalar) {
        (None, Some(scalar)) => scalar.value.to_string(),
        // Not coalesced: what overlaps is to be seen.
        (Some(ranges), _) => {
            let list: Vec<String> = ranges.range.iter().map(|r| format!("{}-{}", r.begin, r.end)).collect();
            format!("[{}]", list.join(", "))
        }
        _ => amount_text(item),
    };
    format!("{}:{amount}", kind_text(&canonical(item), role))
}

/// `cpus(allocated: *):1; mem(allocated: *):32`, or without the part in brackets when `role` is absent.
pub fn to_text(resources: &Resources, role: Option<&str>) -> String {
    items_text(resources.items(), role)
}

/// The same for a list of items.
pub fn items_text<'a>(items: impl IntoIterator<Item = &'a Resource>, role: Option<&str>) -> String {
    let items: Vec<Resource> = items.into_iter().map(canonical).collect();
    let text = |item: &Resource| format!("{}:{}", kind_text(item, role), amount_text(item));
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if item.shared.is_none() {
            all.push(text(item));
        } else if !items.iter().take(at).any(|before| is_like(before, item)) {
            // As often as tasks or offers have it.
            let times = items.iter().filter(|other| is_like(other, item)).count();
            all.push(format!("{}<{times}>", text(item)));
        }
    }
    match all.is_empty() {
        true => "{}".into(),
        false => all.join("; "),
    }
}

/// What an item is: `disk(allocated: eng)(reservations: [(DYNAMIC,eng)])[id:path]`.
fn kind_text(item: &Resource, role: Option<&str>) -> String {
    let mut text = item.name.clone();
    // A provider's own allocation, where the caller knows of none.
    if let Some(role) = role {
        text += &format!("(allocated: {role})");
    }
    if !item.reservations.is_empty() {
        let list: Vec<String> = item.reservations.iter().map(reservation_text).collect();
        text += &format!("(reservations: [{}])", list.join(","));
    }
    if let Some(disk) = &item.disk {
        text += &format!("[{}]", disk_text(disk));
    }
    if item.revocable.is_some() {
        text += "{REV}";
    }
    if item.shared.is_some() {
        text += "<SHARED>";
    }
    text
}

fn reservation_text(reservation: &ReservationInfo) -> String {
    let mut text = format!("({},{}", reservation.r#type().as_str_name(), reservation.role());
    if let Some(principal) = &reservation.principal {
        text += &format!(",{principal}");
    }
    if let Some(labels) = &reservation.labels {
        let label = |label: &Label| match &label.value {
            Some(value) => format!("{}: {value}", label.key),
            None => label.key.clone(),
        };
        let list: Vec<String> = labels.labels.iter().map(label).collect();
        text += &format!(",{{{}}}", list.join(", "));
    }
    text + ")"
}

fn disk_text(disk: &DiskInfo) -> String {
    use crate::proto::resource::disk_info::source::Type;
    let source = disk.source.as_ref().map(|source| {
        let root = match source.r#type() {
            Type::Path => source.path.as_ref().and_then(|path| path.root.as_ref()),
            Type::Mount => source.mount.as_ref().and_then(|mount| mount.root.as_ref()),
            _ => None,
        };
        let root = root.map(|root| format!(":{root}")).unwrap_or_default();
        format!("{}{root}", source.r#type().as_str_name())
    });
    let volume = disk.persistence.as_ref().map(|persistence| match &disk.volume {
        Some(volume) => format!("{}:{}", persistence.id, volume.container_path),
        None => persistence.id.clone(),
    });
    source.into_iter().chain(volume).collect::<Vec<_>>().join(",")
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

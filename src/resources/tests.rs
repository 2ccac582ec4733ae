//! Resources as a whole.

use super::text::parse;
use super::*;
use crate::proto::value::{Range, Ranges, Scalar, Type};
use crate::proto::Resource;

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

fn json(text: &str) -> Vec<Resource> {
    parse(text).unwrap()
}

#[allow(deprecated)]
#[test]
fn reservations_have_one_spelling_and_are_shown_in_two() {
    use crate::proto::resource::ReservationInfo;
    let mut old = json("cpus(eng):2");
    let fixed = Resources::new(&old);
    assert_eq!(fixed.items()[0].reservations.len(), 1);
    assert_eq!(fixed.shown(false, None)[0].role.as_deref(), Some("eng"));
    assert_eq!(fixed.shown(true, None)[0].role, None);
    old[0].reservation = Some(ReservationInfo {
        principal: Some("me".into()),
        ..Default::default()
    });
    let dynamic = Resources::new(&old);
    assert_eq!(to_text(&dynamic, None), "cpus(reservations: [(DYNAMIC,eng,me)]):2");
    assert_eq!(dynamic.shown(false, None), old);
    assert!(!dynamic.contains(&fixed) && !fixed.contains(&dynamic));
    let unreserved = of("cpus:1");
    assert_eq!(unreserved.shown(false, None)[0].role.as_deref(), Some("*"));
    // There is no old spelling of a refined one.
    let mut refined = fixed.items()[0].clone();
    refined.reservations.push(ReservationInfo {
        r#type: Some(2),
        role: Some("eng/web".into()),
        ..Default::default()
    });
    let refined = Resources::new(&[refined]);
    assert_eq!(refined.shown(false, None)[0].reservations.len(), 2);
    assert!(refined.usable_by("eng").is_empty() && !refined.usable_by("eng/web/a").is_empty());
    assert_eq!(
        to_text(&refined, Some("x")),
        "cpus(allocated: x)(reservations: [(STATIC,eng),(DYNAMIC,eng/web)]):2"
    );
}

/// A volume of `size` called `id`.
fn volume(id: &str, size: f64, path: &str) -> Resource {
    use crate::proto::resource::{disk_info::Persistence, DiskInfo};
    let mut item = json("disk(eng):1").remove(0);
    item.scalar = Some(Scalar { value: size });
    item.disk = Some(Box::new(DiskInfo {
        persistence: Some(Persistence {
            id: id.into(),
            principal: None,
        }),
        volume: Some(crate::proto::Volume {
            container_path: path.into(),
            ..Default::default()
        }),
        ..Default::default()
    }));
    item
}

#[test]
fn volumes_are_taken_as_a_whole() {
    let (a, b) = (volume("a", 10.0, "data"), volume("b", 10.0, "data"));
    let mut all = Resources::new(&[a.clone(), b.clone()]);
    assert_eq!(
        to_text(&all, None),
        "disk(reservations: [(STATIC,eng)])[a:data]:10; disk(reservations: [(STATIC,eng)])[b:data]:10"
    );
    assert!(
        !all.contains(&Resources::new(&[volume("a", 5.0, "data")])),
        "a part of a volume"
    );
    assert!(!all.contains(&Resources::new(&[a.clone(), a.clone()])), "one volume twice");
    assert!(!all.contains(&of("disk(eng):1")), "a volume is no plain disk");
    // Where a task mounts it is not what it is. It comes back as it was.
    let used = Resources::new(&[volume("a", 10.0, "elsewhere")]);
    assert!(all.contains(&used));
    let total = all.clone();
    all.subtract(&used);
    assert_eq!(all, Resources::new(&[b]));
    all.add(&used.spelled_as(&total));
    assert!(all.items().contains(&total.items()[0]));
    all.subtract(&Resources::new(&[volume("a", 5.0, "data")]));
    assert_eq!(all.scalar("disk"), 20.0);
}

#[test]
fn what_operations_make_of_resources() {
    use crate::proto::offer::{operation as part, Operation};
    use crate::proto::value::Scalar;
    let kind = |kind: part::Type| Operation {
        r#type: Some(kind as i32),
        ..Default::default()
    };
    let text = |operation: &Operation| {
        let both = conversion::of(operation);
        format!("{} -> {}", to_text(&both.consumed, None), to_text(&both.converted, None))
    };
    let resources = json("cpus(eng):2");
    let reserve = Operation {
        reserve: Some(part::Reserve {
            resources: resources.clone(),
            ..Default::default()
        }),
        ..kind(part::Type::Reserve)
    };
    assert_eq!(text(&reserve), "cpus:2 -> cpus(reservations: [(STATIC,eng)]):2");
    let unreserve = Operation {
        unreserve: Some(part::Unreserve { resources }),
        ..kind(part::Type::Unreserve)
    };
    assert_eq!(text(&unreserve), "cpus(reservations: [(STATIC,eng)]):2 -> cpus:2");
    let eng = "disk(reservations: [(STATIC,eng)])";
    let volumes = vec![volume("a", 10.0, "p")];
    let create = Operation {
        create: Some(part::Create {
            volumes: volumes.clone(),
        }),
        ..kind(part::Type::Create)
    };
    assert_eq!(text(&create), format!("{eng}:10 -> {eng}[a:p]:10"));
    let destroy = Operation {
        destroy: Some(part::Destroy { volumes }),
        ..kind(part::Type::Destroy)
    };
    assert_eq!(text(&destroy), format!("{eng}[a:p]:10 -> {eng}:10"));
    let grow = Operation {
        grow_volume: Some(part::GrowVolume {
            volume: volume("a", 10.0, "p"),
            addition: json("disk(eng):0.5").remove(0),
        }),
        ..kind(part::Type::GrowVolume)
    };
    assert_eq!(text(&grow), format!("{eng}[a:p]:10; {eng}:0.5 -> {eng}[a:p]:10.5"));
    let shrink = Operation {
        shrink_volume: Some(part::ShrinkVolume {
            volume: volume("a", 10.0, "p"),
            subtract: Scalar { value: 4.0 },
        }),
        ..kind(part::Type::ShrinkVolume)
    };
    assert_eq!(text(&shrink), format!("{eng}[a:p]:10 -> {eng}[a:p]:6; {eng}:4"));
}

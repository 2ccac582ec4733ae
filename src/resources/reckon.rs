//! What Perl asks of resources: one action on one or two lists of them.

use super::amount::Amount;
use super::item::{is_indivisible, is_like, reserved_for, volume_id};
use super::{items_text, misnamed, text, validate, Resources};
use crate::proto::resource::reservation_info::Type as ReservationType;
use crate::proto::resource::ReservationInfo;
use crate::proto::{Request, Resource};
use prost::Message;

/// Carries `action` out. Lists are encoded `mesos.Request`s, of which only `resources` counts. The answer is such a list, a text, or
/// `1` and nothing for true and false.
pub fn reckon(action: &str, left: &[u8], right: &[u8]) -> Result<Vec<u8>, String> {
    if action == "parse" {
        let items = text::parse(&words(left)?).map_err(|e| e.to_string())?;
        validate(&items)?;
        return Ok(encoded(&Resources::new(&items), false));
    }
    let given = decoded(left)?;
    if action == "misnamed" {
        return Ok(misnamed::warnings(&given).join("\n").into_bytes());
    }
    let mine = Resources::new(&given);
    match action {
        "validate" => validate(&given).map(|()| Vec::new()),
        "text" => Ok(settings_text(&mine).into_bytes()),
        "add" | "subtract" | "contains" | "equals" | "can_take" | "take" => two(action, &given, mine, &decoded(right)?),
        _ => one(action, &given, &mine, &words(right)?),
    }
}

fn two(action: &str, given: &[Resource], mut mine: Resources, right: &[Resource]) -> Result<Vec<u8>, String> {
    let other = Resources::new(right);
    let stacked = is_stacked(given) || is_stacked(right);
    match action {
        "add" => mine.add(&other),
        "subtract" => mine.subtract(&other),
        "contains" => return Ok(truth(mine.contains(&other))),
        "equals" => return Ok(truth(mine.contains(&other) && other.contains(&mine))),
        "can_take" => return Ok(truth(take(&mine, &other).is_some())),
        _ => mine = take(&mine, &other).ok_or("there is not enough to take")?,
    }
    Ok(encoded(&mine, stacked))
}

fn one(action: &str, given: &[Resource], mine: &Resources, word: &str) -> Result<Vec<u8>, String> {
    let some = match action {
        "canonical" => mine.clone(),
        "named" => mine.only(|item| item.name == word),
        "reserved" => mine.only(|item| reserved_for(item).is_some_and(|role| word.is_empty() || role == word)),
        "unreserved" => mine.only(|item| reserved_for(item).is_none()),
        "usable_by" => mine.usable_by(word).into_owned(),
        "revocable" => mine.only(|item| item.revocable.is_some()),
        "nonrevocable" => mine.only(|item| item.revocable.is_none()),
        "shared" => mine.shared(),
        "nonshared" => mine.unshared(),
        "volumes" => mine.only(|item| volume_id(item).is_some()),
        "flatten" => flattened(mine, word)?,
        "ports" => ports(mine, word.parse().map_err(|_| format!("'{word}' is no number of ports"))?)?,
        _ => return Err(format!("there is no action '{action}'")),
    };
    Ok(encoded(&some, is_stacked(given)))
}

fn words(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "expected UTF-8".to_string())?;
    Ok(text.to_string())
}

fn decoded(bytes: &[u8]) -> Result<Vec<Resource>, String> {
    let list = Request::decode(bytes).map_err(|e| format!("not encoded resources: {e}"))?;
    Ok(list.resources)
}

/// Whether these are of somebody who knows the stack of reservations, and so wants it back.
fn is_stacked(items: &[Resource]) -> bool {
    items.iter().any(|item| !item.reservations.is_empty())
}

fn encoded(items: &Resources, stacked: bool) -> Vec<u8> {
    let resources = items.shown(stacked, None);
    Request {
        slave_id: None,
        resources,
    }
    .encode_to_vec()
}

fn truth(is_true: bool) -> Vec<u8> {
    match is_true {
        true => b"1".to_vec(),
        false => Vec::new(),
    }
}

/// `cpus:2;disk(db):10`, as settings have it; what they cannot say is as Mesos prints it.
fn settings_text(items: &Resources) -> String {
    let one = |item: &Resource| {
        let amount = super::amount_text(item);
        let is_plain = item.disk.is_none() && item.revocable.is_none() && item.shared.is_none() && item.provider_id.is_none();
        match item.reservations.as_slice() {
            [] if is_plain => format!("{}:{amount}", item.name),
            [only]
                if is_plain && only.r#type() == ReservationType::Static && only.principal.is_none() && only.labels.is_none() =>
            {
                format!("{}({}):{amount}", item.name, only.role())
            }
            _ => items_text([item], None),
        }
    };
    items.items().iter().map(one).collect::<Vec<_>>().join(";")
}

/// All of it without reservations, or reserved for one role.
fn flattened(items: &Resources, role: &str) -> Result<Resources, String> {
    let reservation = match role {
        "" | "*" => None,
        role => {
            super::role::check_role(role)?;
            Some(ReservationInfo {
                r#type: Some(ReservationType::Static as i32),
                role: Some(role.to_string()),
                ..Default::default()
            })
        }
    };
    let flat = |item: &Resource| Resource {
        reservations: reservation.iter().cloned().collect(),
        ..item.clone()
    };
    let flat: Vec<Resource> = items.items().iter().map(flat).collect();
    Ok(Resources::new(&flat))
}

/// The lowest `count` ports, of the first items that have any.
fn ports(items: &Resources, mut count: u64) -> Result<Resources, String> {
    let mut taken = Vec::new();
    for item in items.items().iter().filter(|item| item.name == "ports") {
        let Amount::Intervals(list) = Amount::of(item) else {
            continue;
        };
        let mut some = Vec::new();
        for (begin, end) in list {
            if count == 0 {
                break;
            }
            let last = begin.saturating_add(count - 1).min(end);
            some.push((begin, last));
            count -= last - begin + 1;
        }
        let mut part = item.clone();
        Amount::Intervals(some).store(&mut part);
        taken.push(part);
    }
    match count {
        0 => Ok(Resources::new(&taken)),
        _ => Err(format!("{count} ports are missing")),
    }
}

/// What of `mine` is as much as `wanted`. Unreserved amounts are taken from what is reserved first, for nobody else can use that.
fn take(mine: &Resources, wanted: &Resources) -> Option<Resources> {
    let mut left = mine.clone();
    let mut taken = Resources::default();
    for item in wanted.items() {
        let mut missing = Amount::of(item);
        let mut from: Vec<Resource> = left.items().iter().filter(|mine| serves(mine, item)).cloned().collect();
        // The deeper the role, the fewer can use it.
        from.sort_by_key(|mine| std::cmp::Reverse(reserved_for(mine).map_or(0, |role| role.split('/').count())));
        for mut part in from {
            let common = Amount::of(&part).common(&missing);
            if is_indivisible(&part) && common != Amount::of(&part) {
                continue;
            }
            missing = missing.minus(&common);
            common.store(&mut part);
            let part = Resources::new([&part]);
            left.subtract(&part);
            taken.add(&part);
        }
        if !missing.is_zero() {
            return None;
        }
    }
    Some(taken)
}

/// Whether an item may be used where `wanted` is asked for.
fn serves(item: &Resource, wanted: &Resource) -> bool {
    let unreserved = || Resource {
        reservations: Vec::new(),
        ..item.clone()
    };
    is_like(item, wanted) || wanted.reservations.is_empty() && is_like(&unreserved(), wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Vec<u8> {
        reckon("parse", text.as_bytes(), b"").expect(text)
    }

    fn text_of(list: &[u8]) -> String {
        String::from_utf8(reckon("text", list, b"").expect("a list")).expect("a text")
    }

    /// The answer of an action on texts, as a text; what begins with `error` is why there is none.
    fn answer(action: &str, left: &str, right: &str) -> String {
        let is_list = matches!(action, "add" | "subtract" | "contains" | "equals" | "can_take" | "take");
        let left = match action {
            "parse" => left.as_bytes().to_vec(),
            _ => list(left),
        };
        let right = if is_list { list(right) } else { right.as_bytes().to_vec() };
        match reckon(action, &left, &right) {
            Err(reason) => format!("error: {reason}"),
            Ok(answer) if action == "text" => String::from_utf8(answer).expect("a text"),
            Ok(answer) if matches!(action, "contains" | "equals" | "can_take") => {
                if answer == b"1" { "yes" } else { "no" }.to_string()
            }
            Ok(answer) => text_of(&answer),
        }
    }

    /// The cases that t/resources.t tries from Perl, too.
    #[test]
    fn the_table_of_cases() {
        let table = include_str!("../../t/resources.txt");
        let mut seen = 0;
        for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [action, left, right, wanted] = parts.as_slice() else {
                panic!("not four parts: {line}");
            };
            let got = answer(action, left, right);
            match wanted.strip_prefix("error") {
                Some(reason) => assert!(
                    got.starts_with("error") && got.contains(reason.trim_start_matches(": ")),
                    "{line}\n{got}"
                ),
                None => assert_eq!(&got, wanted, "{line}"),
            }
            seen += 1;
        }
        assert!(seen > 50, "{seen} cases");
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        assert!(reckon("add", b"\xff", b"").is_err() && reckon("add", b"", b"\xff").is_err());
        assert_eq!(reckon("dance", b"", b""), Err("there is no action 'dance'".to_string()));
        assert!(reckon("parse", b"\xff:1", b"").is_err() && reckon("named", b"", b"\xff").is_err());
    }

    #[test]
    fn the_spelling_of_reservations_is_that_of_the_input() {
        let mut stacked = text::parse("cpus(web):2;mem:1").expect("resources");
        let old = reckon("canonical", &encode(&stacked), b"").expect("a list");
        assert_eq!(decoded(&old).expect("a list"), stacked);
        stacked = Resources::new(&stacked).shown(true, None);
        assert!(stacked.iter().any(|item| !item.reservations.is_empty()));
        let new = reckon("canonical", &encode(&stacked), b"").expect("a list");
        assert_eq!(decoded(&new).expect("a list"), stacked);
    }

    fn encode(items: &[Resource]) -> Vec<u8> {
        let resources = items.to_vec();
        Request {
            slave_id: None,
            resources,
        }
        .encode_to_vec()
    }

    /// Scalars in thousandths, ports and names, reserved or not.
    fn bag() -> impl Strategy<Value = String> {
        let role = prop_oneof![Just(""), Just("(web)"), Just("(eng/db)")];
        let scalar = (prop_oneof![Just("cpus"), Just("mem")], role.clone(), 1..50_000_u32)
            .prop_map(|(name, role, amount)| format!("{name}{role}:{}", f64::from(amount) / 1000.0));
        let range = (role.clone(), 0..40_u64, 0..10_u64)
            .prop_map(|(role, begin, more)| format!("ports{role}:[{begin}-{}]", begin + more));
        let set = (
            role,
            prop::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..3),
        )
            .prop_map(|(role, names)| {
                format!(
                    "disks{role}:{{{}}}",
                    names
                        .into_iter()
                        .collect::<std::collections::BTreeSet<_>>()
                        .into_iter()
                        .collect::<Vec<_>>()
                        .join(",")
                )
            });
        prop::collection::vec(prop_oneof![scalar, range, set], 0..6).prop_map(|items| items.join(";"))
    }

    fn of(text: &str) -> Resources {
        // One after the other: an item may come twice.
        let items = text::parse(text).expect(text);
        Resources::new(&items)
    }

    fn same(a: &Resources, b: &Resources) -> bool {
        a.contains(b) && b.contains(a)
    }

    proptest! {
        #[test]
        fn sums(a in bag(), b in bag(), c in bag()) {
            let (a, b, c) = (of(&a), of(&b), of(&c));
            let plus = |a: &Resources, b: &Resources| { let mut sum = a.clone(); sum.add(b); sum };
            let ab = plus(&a, &b);
            prop_assert!(ab.contains(&a) && ab.contains(&b));
            prop_assert!(same(&ab, &plus(&b, &a)));
            prop_assert!(same(&plus(&ab, &c), &plus(&a, &plus(&b, &c))));
            prop_assert!(same(&plus(&a, &Resources::default()), &a));
        }

        #[test]
        fn differences(a in bag(), b in bag()) {
            let (a, b) = (of(&a), of(&b));
            let mut left = a.clone();
            left.subtract(&b);
            prop_assert!(a.contains(&left));
            if a.contains(&b) {
                left.add(&b);
                prop_assert!(same(&left, &a));
            }
            let mut nothing = a.clone();
            nothing.subtract(&a);
            prop_assert!(nothing.is_empty());
        }

        #[test]
        fn texts(a in bag()) {
            let a = of(&a);
            prop_assert!(same(&of(&settings_text(&a)), &a));
        }

        #[test]
        fn what_is_taken_is_there_and_is_as_much(a in bag(), b in bag()) {
            let (a, wanted) = (of(&a), flattened(&of(&b), "").expect("no role"));
            let flat = flattened(&a, "").expect("no role");
            match take(&a, &wanted) {
                Some(taken) => {
                    prop_assert!(a.contains(&taken));
                    prop_assert!(same(&flattened(&taken, "").expect("no role"), &wanted));
                }
                None => prop_assert!(!flat.contains(&wanted)),
            }
        }

        #[test]
        fn parts_make_the_whole(a in bag(), role in prop_oneof![Just("web"), Just("eng/db")]) {
            let a = of(&a);
            let mut sum = a.only(|item| reserved_for(item).is_none());
            sum.add(&a.only(|item| reserved_for(item) == Some(role)));
            sum.add(&a.only(|item| reserved_for(item).is_some_and(|other| other != role)));
            prop_assert!(same(&sum, &a));
        }

        #[test]
        fn no_bytes_make_it_fail_badly(left in prop::collection::vec(any::<u8>(), 0..60), right in prop::collection::vec(any::<u8>(), 0..60)) {
            for action in ["parse", "add", "take", "text", "flatten", "ports", "validate"] {
                let _ = reckon(action, &left, &right);
            }
        }
    }
}

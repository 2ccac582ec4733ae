//! Names of resources that are probably misspelt. Mesos takes any name, and then `cpu:4` is of no use to anybody.

use crate::proto::value::Type;
use crate::proto::Resource;

/// What Mesos itself gives out, with the words that people take for its name.
const KNOWN: [(&str, Type, &[&str]); 5] = [
    ("cpus", Type::Scalar, &["core", "cores", "processor", "processors"]),
    ("mem", Type::Scalar, &["memory", "ram"]),
    ("disk", Type::Scalar, &["storage"]),
    ("gpus", Type::Scalar, &[]),
    ("ports", Type::Ranges, &[]),
];

/// The name that was probably meant by another one, if an amount of this kind may have it.
pub fn meant(name: &str, kind: i32) -> Option<&'static str> {
    let fits = || KNOWN.iter().filter(move |known| known.1 as i32 == kind);
    if fits().any(|known| known.0 == name) {
        return None;
    }
    let plain = name.to_lowercase();
    let named = fits().find(|known| known.0 == plain || known.2.contains(&plain.as_str()));
    // Another first letter is another thing: tpus.
    let near = || {
        let alike = |right: &str| plain.get(..1) == right.get(..1) || plain.get(..1) == right.get(1..2);
        fits().find(|known| alike(known.0) && is_one_slip(plain.as_bytes(), known.0.as_bytes()))
    };
    named.or_else(near).map(|known| known.0)
}

/// A sentence for each name among `items` that is probably misspelt.
pub fn warnings(items: &[Resource]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for item in items {
        if let Some(right) = meant(&item.name, item.r#type) {
            let text = format!("'{}' is no name that Mesos uses: did you mean '{right}'?", item.name);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

/// Whether one letter was left out, added, replaced, or exchanged with the next one.
fn is_one_slip(from: &[u8], to: &[u8]) -> bool {
    let same = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let (from, to) = (from.get(same..).unwrap_or_default(), to.get(same..).unwrap_or_default());
    match (from, to) {
        ([_, rest @ ..], _) if rest == to => true,
        (_, [_, rest @ ..]) if rest == from => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a, b, rest @ ..], [c, d, others @ ..]) => a == d && b == c && rest == others,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_known() {
        let scalars = [
            ("cpu", Some("cpus")),
            ("CPUS", Some("cpus")),
            ("cpsu", Some("cpus")),
            ("cores", Some("cpus")),
            ("memory", Some("mem")),
            ("Mem", Some("mem")),
            ("mems", Some("mem")),
            ("emm", Some("mem")),
            ("disks", Some("disk")),
            ("dsik", Some("disk")),
            ("gpu", Some("gpus")),
            ("cpus", None),
            ("gpus", None),
            ("mem", None),
            ("disk", None),
            ("tpus", None),
            ("fpgas", None),
            ("network_bandwidth", None),
            ("", None),
            ("é", None),
        ];
        for (name, right) in scalars {
            assert_eq!(meant(name, Type::Scalar as i32), right, "{name}");
        }
        let others = [
            ("port", Type::Ranges, Some("ports")),
            ("prots", Type::Ranges, Some("ports")),
            ("ports", Type::Ranges, None),
            ("disks", Type::Set, None),
            ("cpu", Type::Ranges, None),
        ];
        for (name, kind, right) in others {
            assert_eq!(meant(name, kind as i32), right, "{name}");
        }
    }

    #[test]
    fn each_name_is_told_once() {
        let items = super::super::text::parse("cpu:1;cpu(db):1;mem:5;memory:5").unwrap();
        let told = warnings(&items);
        let right = [
            "'cpu' is no name that Mesos uses: did you mean 'cpus'?",
            "'memory' is no name that Mesos uses: did you mean 'mem'?",
        ];
        assert_eq!(told, right);
    }
}

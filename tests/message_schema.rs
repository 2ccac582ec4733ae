//! The message tables against the facts about Mesos and about the original module.

#[path = "support/skip.rs"]
mod skip;

use mesos_perl::message::schema::{self, Class, DefaultValue, Field, Kind, Label};
use mesos_perl::message::{class, class_by_perl_name, ClassId};
use std::collections::{BTreeSet, HashMap};

/// The rows of a table of ../shared/spec as maps from column to value. `None`, said aloud, where it is not there.
fn table(name: &str) -> Option<Vec<HashMap<String, String>>> {
    let shared = std::env::var_os("MESOS_TEST_SHARED")
        .map(std::path::PathBuf::from)
        .unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let Ok(text) = std::fs::read_to_string(shared.join("spec").join(name)) else {
        assert!(
            std::env::var_os("MESOS_TEST_SHARED").is_none(),
            "no {name} in {}",
            shared.display()
        );
        skip::skip("message_schema", &format!("no {name} in {}", shared.display()));
        return None;
    };
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| {
        // Empty cells at the end of a line may be missing.
        let cells = line.split('\t').map(str::to_string).chain(std::iter::repeat(String::new()));
        columns.iter().map(|c| c.to_string()).zip(cells).collect()
    };
    Some(lines.map(row).collect())
}

fn kind_name(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// The type of a field as the tables have it; `name` tells which name of messages and enums is wanted.
fn type_of(field: &Field, class_name: fn(&Class) -> &'static str, enum_name: fn(&schema::Enum) -> &'static str) -> String {
    match field.kind {
        Kind::Message => class_name(&schema::classes()[usize::from(field.of)]).to_string(),
        Kind::Enum => enum_name(&schema::enums()[usize::from(field.of)]).to_string(),
        kind => kind_name(kind),
    }
}

fn default_of(field: &Field) -> String {
    match (field.default(), field.kind) {
        (DefaultValue::None, _) => String::new(),
        (DefaultValue::Int(value), Kind::Enum) => {
            let values = schema::enums()[usize::from(field.of)].values;
            values.iter().find(|v| i64::from(v.1) == value).unwrap().0.to_string()
        }
        (DefaultValue::Int(value), _) => value.to_string(),
        (DefaultValue::Double(value), _) => value.to_string(),
        (DefaultValue::Bool(value), _) => value.to_string(),
        (DefaultValue::Text(value), _) => value.to_string(),
    }
}

fn label_name(label: Label) -> String {
    format!("{label:?}").to_lowercase()
}

/// Everything the schema says, a line for each field, enum value and empty message, in schema-v0.tsv's terms.
fn our_rows() -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for class in schema::for_perl().classes {
        let proto = match class.proto {
            "mesos.compat.HealthCheckHTTP" => "mesos.HealthCheck.HTTP",
            other => other,
        };
        if class.fields().is_empty() {
            rows.insert(format!("message_empty {proto}"));
        }
        for field in class.fields() {
            let oneof = field.oneof.checked_sub(1).map_or("", |i| class.oneofs[usize::from(i)]);
            rows.insert(format!(
                "message_field {proto} {} {} {} {} [{}] {oneof}",
                field.name(),
                field.number,
                label_name(field.label),
                type_of(field, |c| c.proto, |e| e.proto),
                default_of(field),
            ));
        }
    }
    for of in schema::for_perl().enums {
        for (name, number) in of.values {
            rows.insert(format!("enum_value {} {name} {number}", of.proto));
        }
    }
    rows
}

fn row_of(row: &HashMap<String, String>, label: &str) -> String {
    let (kind, full, name, number) = (&row["kind"], &row["full_name"], &row["name"], &row["number"]);
    match kind.as_str() {
        "message_empty" => format!("{kind} {full}"),
        "enum_value" => format!("{kind} {full} {name} {number}"),
        _ => format!(
            "{kind} {full} {name} {number} {label} {} [{}] {}",
            row["type"], row["default"], row["oneof"]
        ),
    }
}

/// What ClusterD has beyond Mesos 1.11.0, as its own include/mesos/v1/mesos.proto says.
fn of_clusterd() -> impl Iterator<Item = String> {
    const CAPABILITIES: [(&str, u32); 3] = [("PERFMON", 1038), ("BPF", 1039), ("CHECKPOINT_RESTORE", 1040)];
    const PERCENTILES: [&str; 9] = ["min", "max", "p50", "p90", "p95", "p99", "p999", "p9999", "samples"];
    const RATES: [&str; 8] = [
        "rx_rate",
        "rx_packet_rate",
        "rx_drop_rate",
        "rx_error_rate",
        "tx_rate",
        "tx_packet_rate",
        "tx_drop_rate",
        "tx_error_rate",
    ];
    const COUNTERS: [(&str, usize); 8] = [
        ("net_tx_rate_limit", 46),
        ("net_tx_burst_rate_limit", 47),
        ("net_tx_burst_size", 48),
        ("net_rx_rate_limit", 49),
        ("net_rx_burst_rate_limit", 50),
        ("net_rx_burst_size", 51),
        ("mem_kmem_usage_bytes", 52),
        ("mem_kmem_tcp_usage_bytes", 53),
    ];
    let statistics = "mesos.ResourceStatistics";
    let field = move |of: &str, name: &str, number: usize, kind: &str| {
        format!("message_field {statistics}{of} {name} {number} optional {kind} [] ")
    };
    let percentiles = format!("{statistics}.RatePercentiles");
    let numbered = |(index, name): (usize, &&'static str)| (*name, index + 1);
    let mut lines: Vec<_> = CAPABILITIES
        .map(|(name, number)| format!("enum_value mesos.CapabilityInfo.Capability {name} {number}"))
        .into();
    lines.extend(COUNTERS.map(|(name, number)| field("", name, number, "uint64")));
    let each = PERCENTILES.iter().enumerate().map(numbered);
    lines.extend(each.map(|(name, number)| field(".RatePercentiles", name, number, "uint64")));
    let each = RATES.iter().enumerate().map(numbered);
    lines.extend(each.map(|(name, number)| field(".RateStatistics", name, number, &percentiles)));
    lines.push(field(".RateStatistics", "sampling_window_secs", 9, "double"));
    lines.push(field(".RateStatistics", "sampling_interval_secs", 10, "double"));
    lines.push(field("", "net_rate_statistics", 54, &format!("{statistics}.RateStatistics")));
    lines.push(field("", "net_ephemeral_ports", 55, "mesos.Value.Range"));
    lines.into_iter()
}

#[test]
fn the_schema_is_that_of_mesos() {
    let Some(rows) = table("schema-v0.tsv") else { return };
    let ours = our_rows();
    let (gone, live): (Vec<_>, Vec<_>) = rows.iter().partition(|row| !row["gone"].is_empty());
    let mut explained: BTreeSet<String> = BTreeSet::new();
    for row in &live {
        let line = row_of(row, &row["label"]);
        assert!(ours.contains(&line), "missing: {line}");
        explained.insert(line);
    }
    // What is gone is there, optional, unless its number was given to something else since.
    let taken: BTreeSet<_> = live.iter().map(|row| (&row["full_name"], &row["number"])).collect();
    for row in &gone {
        if row["kind"] != "message_empty" && taken.contains(&(&row["full_name"], &row["number"])) {
            continue;
        }
        let label = if row["label"] == "required" {
            "optional"
        } else {
            &row["label"]
        };
        let line = [row_of(row, &row["label"]), row_of(row, label)]
            .into_iter()
            .find(|line| ours.contains(line));
        explained.insert(line.unwrap_or_else(|| panic!("missing, gone: {}", row_of(row, label))));
    }
    explained.extend(of_clusterd().inspect(|line| assert!(ours.contains(line), "missing: {line}")));
    let unexplained: Vec<_> = ours.difference(&explained).collect();
    assert!(unexplained.is_empty(), "in no row: {unexplained:?}");
}

#[test]
fn all_of_the_original_module_is_there() {
    let Some(rows) = table("perl-messages-0.28.1.tsv") else {
        return;
    };
    let enums: HashMap<_, _> = schema::enums().iter().map(|e| (e.perl, e)).collect();
    for row in &rows {
        let (perl, name, number) = (row["perl_class"].as_str(), row["name"].as_str(), &row["number"]);
        if row["kind"].starts_with("enum") {
            let of = enums.get(perl).unwrap_or_else(|| panic!("no enum {perl}"));
            assert!(
                of.values.iter().any(|v| v.0 == name && v.1.to_string() == *number),
                "no {perl}::{name} = {number}"
            );
            continue;
        }
        let id = class_by_perl_name(perl).unwrap_or_else(|| panic!("no class {perl}"));
        if number.is_empty() {
            continue;
        }
        let field = schema::class(id).unwrap().fields().iter().find(|f| f.name() == name);
        let field = field.unwrap_or_else(|| panic!("no {perl}.{name}"));
        let is = format!("{} {}", field.number, type_of(field, |c| c.perl, |e| e.perl));
        let was = format!("{number} {}", row["type"]);
        let was = if perl == "Mesos::HealthCheck" && name == "http" {
            "1 Mesos::HealthCheck::HTTPCheckInfo".to_string()
        } else {
            was
        };
        assert_eq!(is, was, "{perl}.{name}");
    }
}

#[test]
fn tables_are_consistent() {
    for (i, class) in schema::classes().iter().enumerate() {
        assert_eq!(class_by_perl_name(class.perl), Some(ClassId(i as u32)));
        for (at, field) in class.fields().iter().enumerate() {
            assert_eq!(
                class.index_by_number(field.number),
                Some(at),
                "{}.{}",
                class.proto,
                field.name()
            );
            assert_ne!(field.key, 0);
        }
        assert_eq!(class.index_by_number(0), None);
        assert_eq!(class.index_by_number(u32::MAX), None);
    }
    assert_eq!(class_by_perl_name("Mesos::Nothing"), None);
    assert!(schema::class(ClassId(u32::MAX)).is_none());
    assert_eq!(schema::class(class::OFFER_OPERATION).unwrap().perl, "Mesos::Offer::Operation");
    assert_eq!(schema::class(class::TASK_STATUS).unwrap().proto, "mesos.TaskStatus");
}

//! Makes `schema_tables.rs`, `class.rs` and `field_number.rs` of `src/message` from the descriptors of proto/*.proto.

use crate::prost_types_reexport::field_descriptor_proto::{Label, Type};
use crate::prost_types_reexport::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

/// A message with its full name.
struct Message<'a> {
    proto: String,
    descriptor: &'a DescriptorProto,
}

/// All messages and enums, outer ones before those inside them, in the order of the files.
#[derive(Default)]
struct Types<'a> {
    messages: Vec<Message<'a>>,
    enums: Vec<(String, &'a EnumDescriptorProto)>,
}

impl<'a> Types<'a> {
    fn collect(set: &'a FileDescriptorSet) -> Self {
        let mut types = Types::default();
        for file in &set.file {
            for message in &file.message_type {
                types.add(file.package(), message);
            }
            let enums = file.enum_type.iter().map(|e| (format!("{}.{}", file.package(), e.name()), e));
            types.enums.extend(enums);
        }
        types
    }

    fn add(&mut self, outer: &str, descriptor: &'a DescriptorProto) {
        let proto = format!("{outer}.{}", descriptor.name());
        let enums = descriptor.enum_type.iter().map(|e| (format!("{proto}.{}", e.name()), e));
        self.enums.extend(enums);
        self.messages.push(Message {
            proto: proto.clone(),
            descriptor,
        });
        for nested in &descriptor.nested_type {
            self.add(&proto, nested);
        }
    }

    /// Where each type stands in its table, by full name.
    fn indexes(&self) -> HashMap<&str, usize> {
        let messages = self.messages.iter().enumerate().map(|(i, m)| (m.proto.as_str(), i));
        let enums = self.enums.iter().enumerate().map(|(i, e)| (e.0.as_str(), i));
        messages.chain(enums).collect()
    }

    fn enum_number(&self, name: &str, value: &str) -> i32 {
        let (_, descriptor) = self.enums.iter().find(|e| e.0 == name).expect("enum of a default");
        let value = descriptor
            .value
            .iter()
            .find(|v| v.name() == value)
            .expect("value of a default");
        value.number()
    }
}

/// As Google::ProtocolBuffers names classes: `mesos.task_x.Y` is `Mesos::TaskX::Y`. One name is taken twice in Mesos' history,
/// see proto/compat.proto.
fn perl_name(proto: &str) -> String {
    if proto == "mesos.compat.HealthCheckHTTP" {
        return "Mesos::HealthCheck::HTTP".to_string();
    }
    let idents = proto.split('.').map(|ident| {
        let words = ident.split('_').map(|word| {
            let mut chars = word.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        });
        words.collect::<String>()
    });
    idents.collect::<Vec<_>>().join("::")
}

/// `TaskStatus` is `TASK_STATUS`, `CSIPluginInfo` is `CSI_PLUGIN_INFO`.
fn constant_name(message: &str) -> String {
    if message == "ACLs" {
        return "ACLS".to_string();
    }
    let chars: Vec<char> = message.chars().collect();
    let mut name = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let after_small = i > 0 && !chars[i - 1].is_uppercase();
        let before_small = i > 0 && chars.get(i + 1).is_some_and(|n| n.is_lowercase());
        if c.is_uppercase() && (after_small || before_small) {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

fn default_value(types: &Types, field: &FieldDescriptorProto) -> String {
    let Some(text) = &field.default_value else {
        return "D::None".to_string();
    };
    match field.r#type() {
        Type::Double | Type::Float => format!("D::Double({:?})", text.parse::<f64>().expect("default")),
        Type::Bool => format!("D::Bool({text})"),
        Type::String | Type::Bytes => format!("D::Text({text:?})"),
        Type::Enum => format!(
            "D::Int({})",
            types.enum_number(field.type_name().trim_start_matches('.'), text)
        ),
        _ => format!("D::Int({})", text.parse::<i64>().expect("default")),
    }
}

/// Whether Perl has a class or constants for a type: not for those of the operator API, which come last.
fn is_for_perl(proto: &str) -> bool {
    !proto.starts_with("mesos.master.") && !proto.starts_with("mesos.agent.")
}

/// The names of all fields, those for Perl first, and how many those are.
fn field_names<'a>(types: &'a Types) -> (Vec<&'a str>, usize) {
    let names = |wanted: bool| -> BTreeSet<&'a str> {
        let messages = types.messages.iter().filter(|m| is_for_perl(&m.proto) == wanted);
        messages.flat_map(|m| m.descriptor.field.iter().map(|f| f.name())).collect()
    };
    let (for_perl, others) = (names(true), names(false));
    let count = 1 + for_perl.len();
    let others = others.difference(&for_perl).copied().collect::<Vec<_>>();
    (std::iter::once("").chain(for_perl).chain(others).collect(), count)
}

/// The text of src/message/schema_tables.rs.
pub fn tables(set: &FileDescriptorSet) -> String {
    let types = Types::collect(set);
    let indexes = types.indexes();
    let (keys, perl_keys) = field_names(&types);
    let key_index: HashMap<&str, usize> = keys.iter().enumerate().map(|(i, key)| (*key, i)).collect();

    let mut fields = String::new();
    let mut classes = String::new();
    let mut defaults = vec!["D::None".to_string()];
    let mut field_count = 0;
    for message in &types.messages {
        let descriptor = message.descriptor;
        let mut sorted: Vec<_> = descriptor.field.iter().collect();
        sorted.sort_by_key(|f| f.number());
        // The decoder has one bit for each field of a message.
        assert!(sorted.len() <= 64, "{} has too many fields", message.proto);
        let mut lookup = vec![0; sorted.last().map_or(0, |f| f.number() as usize + 1)];
        assert!(lookup.len() <= 256, "{} has too high a field number", message.proto);
        writeln!(fields, "    // {}", message.proto).unwrap();
        for (i, field) in sorted.iter().enumerate() {
            lookup[field.number() as usize] = i + 1;
            let label = match field.label() {
                Label::Optional => "Optional",
                Label::Required => "Required",
                Label::Repeated => "Repeated",
            };
            let default = default_value(&types, field);
            let default = defaults.iter().position(|known| *known == default).unwrap_or_else(|| {
                defaults.push(default);
                defaults.len() - 1
            });
            assert!(default <= 255, "too many different defaults");
            let of = match field.r#type() {
                Type::Message | Type::Enum => indexes[field.type_name().trim_start_matches('.')],
                _ => 0,
            };
            writeln!(
                fields,
                "    f({}, {}, {label}, {:?}, {of}, {}, {default}),",
                field.number(),
                key_index[field.name()],
                field.r#type(),
                field.oneof_index.map_or(0, |i| i + 1),
            )
            .unwrap();
        }
        let oneofs: Vec<&str> = descriptor.oneof_decl.iter().map(|o| o.name()).collect();
        writeln!(
            classes,
            "    c({:?}, {:?}, {field_count}, {}, {}, &{oneofs:?}, &{lookup:?}),",
            message.proto,
            perl_name(&message.proto),
            sorted.len(),
            descriptor.options.as_ref().is_some_and(|o| o.map_entry()),
        )
        .unwrap();
        field_count += sorted.len();
    }

    let mut text = String::from(
        "// Made by tests/generated.rs from proto/*.proto; do not edit.\n\nuse super::rows::DefaultValue as D;\n\
         use super::rows::Kind::*;\nuse super::rows::Label::*;\nuse super::rows::{c, f, Class, Enum, Field};\n\n",
    );
    text.push_str(&perl_counts(&types, perl_keys));
    writeln!(text, "#[rustfmt::skip]\npub static KEYS: [&str; {}] = [", keys.len()).unwrap();
    keys.iter().for_each(|key| writeln!(text, "    {key:?},").unwrap());
    writeln!(
        text,
        "];\n\n#[rustfmt::skip]\npub static CLASSES: [Class; {}] = [\n{classes}];",
        types.messages.len()
    )
    .unwrap();
    writeln!(
        text,
        "\n#[rustfmt::skip]\npub static FIELDS: [Field; {field_count}] = [\n{fields}];"
    )
    .unwrap();
    writeln!(text, "\n#[rustfmt::skip]\npub static DEFAULTS: [D; {}] = [", defaults.len()).unwrap();
    defaults.iter().for_each(|default| writeln!(text, "    {default},").unwrap());
    writeln!(
        text,
        "];\n\n#[rustfmt::skip]\npub static ENUMS: [Enum; {}] = [",
        types.enums.len()
    )
    .unwrap();
    for (proto, descriptor) in &types.enums {
        let values: Vec<_> = descriptor.value.iter().map(|v| (v.name(), v.number())).collect();
        writeln!(
            text,
            "    Enum {{ proto: {proto:?}, perl: {:?}, values: &{values:?} }},",
            perl_name(proto)
        )
        .unwrap();
    }
    text.push_str("];\n");
    text
}

/// How many of each table are for Perl, from its beginning.
fn perl_counts(types: &Types, keys: usize) -> String {
    let classes = types.messages.iter().take_while(|m| is_for_perl(&m.proto)).count();
    let enums = types.enums.iter().take_while(|e| is_for_perl(&e.0)).count();
    assert!(types.messages[classes..].iter().all(|m| !is_for_perl(&m.proto)));
    assert!(types.enums[enums..].iter().all(|e| !is_for_perl(&e.0)));
    format!(
        "/// So many of each table are for Perl, from its beginning.\npub const FOR_PERL: super::rows::Counts = super::rows::Counts {{\n    \
         keys: {keys},\n    classes: {classes},\n    enums: {enums},\n}};\n\n"
    )
}

/// The text of src/message/class.rs: a constant for each message that stands at the top of package `mesos`.
pub fn class_constants(set: &FileDescriptorSet) -> String {
    let mut text = String::from(
        "//! The message classes by name, for drivers.\n//!\n//! Made by tests/generated.rs from proto/*.proto; do not edit.\n\n\
         use super::ClassId;\n\n",
    );
    for (i, message) in Types::collect(set).messages.iter().enumerate() {
        let name = match message.proto.strip_prefix("mesos.") {
            Some("Offer.Operation") => "OFFER_OPERATION".to_string(),
            Some(name) if !name.contains('.') => constant_name(name),
            _ => continue,
        };
        writeln!(text, "pub const {name}: ClassId = ClassId({i});").unwrap();
    }
    text
}

/// The classes of what Perl gives to drivers.
const GIVEN: [&str; 14] = [
    "mesos.FrameworkInfo",
    "mesos.Credential",
    "mesos.OfferID",
    "mesos.SlaveID",
    "mesos.TaskID",
    "mesos.ExecutorID",
    "mesos.Request",
    "mesos.TaskInfo",
    "mesos.Filters",
    "mesos.KillPolicy",
    "mesos.TaskStatus",
    "mesos.Offer.Operation",
    "mesos.OperationStatus",
    "mesos.scheduler.Call.ReconcileOperations.Operation",
];

/// The text of src/ffi/class.rs: their numbers, for C.
pub fn class_ids(set: &FileDescriptorSet) -> String {
    let mut text = String::from(
        "//! The class ids of what Perl gives to drivers, for C.\n//!\n//! Made by tests/generated.rs from proto/*.proto; do not edit.\n\n",
    );
    let types = Types::collect(set);
    for proto in GIVEN {
        let id = types.messages.iter().position(|m| m.proto == proto).expect(proto);
        let parts: Vec<_> = proto.split('.').skip(1).map(constant_name).collect();
        let perl = perl_name(proto);
        writeln!(text, "/// {perl}\npub const MESOS_CLASS_{}: u32 = {id};", parts.join("_")).unwrap();
    }
    text
}

/// Messages whose encoded bytes the drivers change or write by hand, with the modules of their field numbers.
const CHANGED: [(&str, &str); 8] = [
    ("mesos.TaskID", "id"),
    ("mesos.Filters", "filters"),
    ("mesos.FrameworkInfo", "framework_info"),
    ("mesos.TaskInfo", "task_info"),
    ("mesos.TaskStatus", "task_status"),
    ("mesos.scheduler.Call", "scheduler_call"),
    ("mesos.scheduler.Call.Acknowledge", "acknowledge"),
    ("mesos.executor.Call", "executor_call"),
];

/// The text of src/message/field_number.rs: the numbers of the fields of those messages, by name.
pub fn field_numbers(set: &FileDescriptorSet) -> String {
    let mut text = String::from(
        "//! The numbers of fields by name, for whoever changes an encoded message without decoding it.\n//!\n//! Made by \
         tests/generated.rs from proto/*.proto; do not edit.\n",
    );
    let types = Types::collect(set);
    for (proto, module) in CHANGED {
        let message = types.messages.iter().find(|m| m.proto == proto).expect(proto);
        let of = match module {
            "id" => "of all ids".to_string(),
            _ => format!("of {}", proto.trim_start_matches("mesos.")),
        };
        write!(text, "\n/// The fields {of}.\npub mod {module} {{\n").unwrap();
        for field in &message.descriptor.field {
            writeln!(
                text,
                "    pub const {}: u32 = {};",
                field.name().to_uppercase(),
                field.number()
            )
            .unwrap();
        }
        text.push_str("}\n");
    }
    text
}

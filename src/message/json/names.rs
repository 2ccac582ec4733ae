//! The names of the v1 API for what proto/ calls by those of v0.

use crate::message::schema::{Class, Field};
use std::borrow::Cow;

/// What a field of ours is called.
pub fn field(name: &'static str) -> Cow<'static, str> {
    match name.contains("slave") {
        true => name.replace("slave", "agent").into(),
        false => name.into(),
    }
}

/// What a value of an enum of ours is called.
pub fn enum_value(name: &'static str) -> Cow<'static, str> {
    match name.contains("SLAVE") {
        true => name.replace("SLAVE", "AGENT").into(),
        false => name.into(),
    }
}

/// Whether a field is shown with its default when it is unset: not if Mesos calls it deprecated, or does not have it any more.
pub fn shows_default(class: &Class, field: &Field) -> bool {
    !matches!(
        (class.proto, field.name()),
        ("mesos.FrameworkInfo" | "mesos.Resource", "role") | ("mesos.SlaveInfo", "webui_port" | "checkpoint")
    )
}

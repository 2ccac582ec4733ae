//! The message codec's C ABI: the schema, bytes to a tape, a tape to bytes. `perl/message.c` is what calls it.

use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use super::guard::{guard, guard_value};
use super::handle::{give, out};
use crate::message::decode::{DecodeError, DecodeOptions, Decoder};
use crate::message::encode::{self, EncodeError};
use crate::message::schema::{self, DefaultValue};
use crate::message::tape::{MesosPerlToken, MesosToken};
use crate::message::{class_by_perl_name, ClassId};
use once_cell::sync::Lazy;

/// What a field's default is. The value itself is in the member of the same name.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MesosDefaultKind {
    MesosDefaultNone = 0,
    /// Integers, enums, and booleans as 0 or 1.
    MesosDefaultInt = 1,
    MesosDefaultDouble = 2,
    MesosDefaultText = 3,
}

/// One field of a message class.
#[repr(C)]
pub struct MesosSchemaField {
    /// Index into the schema's keys: its name.
    pub key: u32,
    pub number: u32,
    /// A `MESOS_LABEL_`.
    pub label: u8,
    /// A `MESOS_KIND_`.
    pub kind: u8,
    /// The class of a message field, or the index of an enum field's enum.
    pub of: u16,
    /// 0, or 1 + the index into the class's oneofs.
    pub oneof: u16,
    /// Whether its message must have it to be encoded: it is required, or the value of a map's entry that cannot be an empty message.
    pub needed: bool,
    pub default_kind: MesosDefaultKind,
    pub default_int: i64,
    pub default_double: f64,
    pub default_text: MesosBytes,
}

/// A message class; its index in the schema is its class id.
#[repr(C)]
pub struct MesosSchemaClass {
    /// `mesos.Offer.Operation`
    pub proto: MesosBytes,
    /// `Mesos::Offer::Operation`
    pub perl: MesosBytes,
    /// Index of its first field; its fields stand by ascending number.
    pub first_field: u32,
    pub field_count: u32,
    /// One more than the index, of all fields, of its last field that is `needed`; `first_field` if none is.
    pub needed_end: u32,
    pub oneofs: *const MesosBytes,
    pub oneof_count: usize,
    /// Whether it is the entry of a map field.
    pub map_entry: bool,
}

/// One value of an enum.
#[repr(C)]
pub struct MesosSchemaValue {
    pub name: MesosBytes,
    pub number: i32,
}

/// An enum, its values in the order of their declaration.
#[repr(C)]
pub struct MesosSchemaEnum {
    pub proto: MesosBytes,
    pub perl: MesosBytes,
    pub values: *const MesosSchemaValue,
    pub value_count: usize,
}

/// The schema of all messages. Everything in it lives as long as the library is loaded.
#[repr(C)]
pub struct MesosSchema {
    /// Names of fields; the one at 0 is empty and no field's.
    pub keys: *const MesosBytes,
    pub key_count: usize,
    pub classes: *const MesosSchemaClass,
    pub class_count: usize,
    pub fields: *const MesosSchemaField,
    pub field_count: usize,
    pub enums: *const MesosSchemaEnum,
    pub enum_count: usize,
}

// SAFETY: all pointers lead to memory that is never written again and never freed.
unsafe impl Send for MesosSchema {}
// SAFETY: as for Send.
unsafe impl Sync for MesosSchema {}

/// Lends a table for ever. Called once for each table of the one schema.
fn leak<T: 'static>(items: impl Iterator<Item = T>) -> (*const T, usize) {
    let table: &'static [T] = Box::leak(items.collect::<Vec<_>>().into_boxed_slice());
    (table.as_ptr(), table.len())
}

fn text(text: &'static str) -> MesosBytes {
    MesosBytes::borrowed(text.as_bytes())
}

fn schema_field(class: &'static schema::Class, field: &'static schema::Field) -> MesosSchemaField {
    use MesosDefaultKind::*;
    let (default_kind, default_int, default_double, default_text) = match field.default() {
        DefaultValue::None => (MesosDefaultNone, 0, 0.0, ""),
        DefaultValue::Int(value) => (MesosDefaultInt, value, 0.0, ""),
        DefaultValue::Bool(value) => (MesosDefaultInt, value.into(), 0.0, ""),
        DefaultValue::Double(value) => (MesosDefaultDouble, 0, value, ""),
        DefaultValue::Text(value) => (MesosDefaultText, 0, 0.0, value),
    };
    MesosSchemaField {
        key: field.key.into(),
        number: field.number,
        label: field.label as u8,
        kind: field.kind as u8,
        of: field.of,
        oneof: field.oneof.into(),
        needed: class.needs(field),
        default_kind,
        default_int,
        default_double,
        default_text: text(default_text),
    }
}

fn needed_end(class: &'static schema::Class) -> u32 {
    let last = class.fields().iter().rposition(|field| class.needs(field));
    u32::from(class.first_field) + last.map_or(0, |place| place as u32 + 1)
}

static SCHEMA: Lazy<MesosSchema> = Lazy::new(|| {
    let all = schema::for_perl();
    let (keys, key_count) = leak(all.keys.iter().map(|key| text(key)));
    let (fields, field_count) = leak(
        all.classes
            .iter()
            .flat_map(|class| class.fields().iter().map(|field| schema_field(class, field))),
    );
    let (classes, class_count) = leak(all.classes.iter().map(|class| {
        let (oneofs, oneof_count) = leak(class.oneofs.iter().map(|name| text(name)));
        MesosSchemaClass {
            proto: text(class.proto),
            perl: text(class.perl),
            first_field: class.first_field.into(),
            field_count: class.field_count.into(),
            needed_end: needed_end(class),
            oneofs,
            oneof_count,
            map_entry: class.map_entry,
        }
    }));
    let (enums, enum_count) = leak(all.enums.iter().map(|of| {
        let (values, value_count) = leak(of.values.iter().map(|&(name, number)| MesosSchemaValue {
            name: text(name),
            number,
        }));
        MesosSchemaEnum {
            proto: text(of.proto),
            perl: text(of.perl),
            values,
            value_count,
        }
    }));
    MesosSchema {
        keys,
        key_count,
        classes,
        class_count,
        fields,
        field_count,
        enums,
        enum_count,
    }
});

/// The schema. Never freed; the same pointer for every caller. NULL only after an internal error.
#[no_mangle]
pub extern "C" fn mesos_schema() -> *const MesosSchema {
    guard_value(std::ptr::null(), || Ok(&*SCHEMA as *const MesosSchema))
}

/// The class that Perl calls `name`, as `Mesos::TaskInfo`; `MESOS_BAD_ARGUMENT` if there is none.
///
/// # Safety
/// `name` is readable; `out_class` points to a writable integer.
#[no_mangle]
pub unsafe extern "C" fn mesos_class_by_perl_name(name: MesosBytes, out_class: *mut u32) -> MesosCode {
    guard(|| {
        // SAFETY: the caller's promise.
        let (name, place) = unsafe { (name.to_text(), out(out_class)?) };
        let known = class_by_perl_name(&name).filter(|id| schema::is_for_perl(*id));
        let id = known.ok_or_else(|| {
            FfiError::new(
                MesosCode::MesosBadArgument,
                format!("{name} is not a class of Mesos messages"),
            )
        })?;
        *place = id.0;
        Ok(())
    })
}

/// The buffers of one decoder. One thread at a time may use it. After a fork, parent and child may use their copies.
pub struct MesosDecoder(Decoder);

impl From<DecodeError> for FfiError {
    fn from(error: DecodeError) -> Self {
        FfiError::new(MesosCode::MesosDecode, error.to_string())
    }
}

impl From<EncodeError> for FfiError {
    fn from(error: EncodeError) -> Self {
        FfiError::new(MesosCode::MesosEncode, error.to_string())
    }
}

/// A new decoder, to be given back to `mesos_decoder_free`. NULL only after an internal error.
#[no_mangle]
pub extern "C" fn mesos_decoder_new() -> *mut MesosDecoder {
    guard_value(std::ptr::null_mut(), || Ok(give(MesosDecoder(Decoder::default()))))
}

/// Frees a decoder and its tape. Does nothing for NULL.
///
/// # Safety
/// `decoder` is NULL or came from `mesos_decoder_new`, and is not used after this.
#[no_mangle]
pub unsafe extern "C" fn mesos_decoder_free(decoder: *mut MesosDecoder) {
    guard_value((), || {
        if !decoder.is_null() {
            // SAFETY: the caller's promise.
            drop(unsafe { Box::from_raw(decoder) });
        }
        Ok(())
    });
}

/// An option of `mesos_decoder_options`: a field that the class does not have is an error (`MESOS_DECODE`).
pub const MESOS_DECODE_REJECT_UNKNOWN: u32 = 1;

/// An option of `mesos_decoder_options`: values of enums are `MesosTokenEnum`.
pub const MESOS_DECODE_ENUM_NAMES: u32 = 2;

/// An option of `mesos_decoder_options`: map fields are `MesosTokenMap`.
pub const MESOS_DECODE_MAPS: u32 = 8;

/// Sets the options of all later decodings: a sum of `MESOS_DECODE_*`. A new decoder has none (0).
///
/// # Safety
/// `decoder` came from `mesos_decoder_new`.
#[no_mangle]
pub unsafe extern "C" fn mesos_decoder_options(decoder: *mut MesosDecoder, options: u32) -> MesosCode {
    guard(|| {
        // SAFETY: the caller's promise.
        let decoder = unsafe { out(decoder)? };
        decoder.0.options = DecodeOptions {
            reject_unknown: options & MESOS_DECODE_REJECT_UNKNOWN != 0,
            enum_names: options & MESOS_DECODE_ENUM_NAMES != 0,
            maps: options & MESOS_DECODE_MAPS != 0,
        };
        Ok(())
    })
}

/// Decodes `bytes` as a message of class `class_id`: the tape is at `out_tape`, of `out_length` tokens, well-formed, and of fields
/// that its classes have. `MESOS_DECODE` if the bytes are not a message, `MESOS_BAD_ARGUMENT` if the class does not exist.
///
/// The tape is borrowed from the decoder, until its next call. Offsets in it are offsets in `bytes`.
///
/// # Safety
/// `decoder` came from `mesos_decoder_new`; `bytes` is readable; the out pointers are writable.
#[no_mangle]
pub unsafe extern "C" fn mesos_decoder_decode(
    decoder: *mut MesosDecoder,
    class_id: u32,
    bytes: MesosBytes,
    out_tape: *mut *const MesosToken,
    out_length: *mut usize,
) -> MesosCode {
    guard(|| {
        // SAFETY: the caller's promise.
        let (decoder, bytes, tape, length) = unsafe { (out(decoder)?, bytes.as_slice(), out(out_tape)?, out(out_length)?) };
        known(class_id)?;
        let tokens = decoder.0.decode(ClassId(class_id), bytes)?;
        *tape = tokens.as_ptr();
        *length = tokens.len();
        Ok(())
    })
}

/// Checks a tape of Perl values, which starts with a message of class `class_id`, and makes it ready for `mesos_tape_write`.
/// `out_size` gets the size of the encoded message. `MESOS_ENCODE` if a value is not what its field holds: the text starts with the
/// path of the value. The tape is of no use then.
///
/// # Safety
/// `tape` points to `length` tokens that may be written, `arena` is readable, `out_size` writable.
#[no_mangle]
pub unsafe extern "C" fn mesos_tape_check(
    class_id: u32,
    tape: *mut MesosPerlToken,
    length: usize,
    arena: MesosBytes,
    out_size: *mut usize,
) -> MesosCode {
    guard(|| {
        if tape.is_null() {
            return Err(FfiError::new(MesosCode::MesosNullPointer, "no tape"));
        }
        // SAFETY: the caller's promise; nobody else looks at the tape during the call.
        let (tokens, arena, size) = unsafe { (std::slice::from_raw_parts_mut(tape, length), arena.as_slice(), out(out_size)?) };
        known(class_id)?;
        *size = encode::check(ClassId(class_id), tokens, arena)?;
        Ok(())
    })
}

/// Writes a tape that `mesos_tape_check` accepted, and that nobody changed since, into `buffer`, which has exactly the size that it
/// returned.
///
/// # Safety
/// `tape` points to `length` tokens, `arena` is readable, `buffer` has `size` bytes that may be written.
#[no_mangle]
pub unsafe extern "C" fn mesos_tape_write(
    tape: *const MesosPerlToken,
    length: usize,
    arena: MesosBytes,
    buffer: *mut u8,
    size: usize,
) -> MesosCode {
    guard(|| {
        if tape.is_null() || buffer.is_null() {
            return Err(FfiError::new(MesosCode::MesosNullPointer, "no tape or no buffer"));
        }
        // SAFETY: the caller's promise. The buffer is bytes that C owns and has initialised.
        let (tokens, arena, buffer) = unsafe {
            (
                std::slice::from_raw_parts(tape, length),
                arena.as_slice(),
                std::slice::from_raw_parts_mut(buffer, size),
            )
        };
        encode::write(tokens, arena, buffer)?;
        Ok(())
    })
}

fn known(class_id: u32) -> Result<(), FfiError> {
    match schema::class(ClassId(class_id)) {
        Some(_) => Ok(()),
        None => Err(FfiError::new(
            MesosCode::MesosBadArgument,
            format!("there is no message class {class_id}"),
        )),
    }
}

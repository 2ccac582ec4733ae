//! What Perl may give for a numeric field: integers, doubles, and strings that look like them.

use super::schema::Kind;
use super::wire::zigzag;

/// A number as Perl has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Uint(u64),
    Double(f64),
    /// Digits of an integer that no 64 bits hold, as near as a double is.
    Beyond(f64),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Int(value) => value.fmt(f),
            Number::Uint(value) => value.fmt(f),
            Number::Double(value) | Number::Beyond(value) => value.fmt(f),
        }
    }
}

/// Reads a string as Perl's `looks_like_number` does: space around it is allowed, anything else behind it is not.
pub fn parse(text: &[u8]) -> Option<Number> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        if let Ok(value) = text.parse::<i64>() {
            return Some(Number::Int(value));
        }
        if let Ok(value) = text.parse::<u64>() {
            return Some(Number::Uint(value));
        }
    }
    // Only what says so is infinite: digits that no double holds are no number.
    let value = text.parse::<f64>().ok()?;
    if value.is_infinite() && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let is_integer = digits.bytes().all(|b| b.is_ascii_digit());
    Some(if is_integer {
        Number::Beyond(value)
    } else {
        Number::Double(value)
    })
}

/// The bits of `number` as a value of `kind` has them on the wire; `None` if it is out of range.
///
/// A fraction in an integer's place is cut off, as Perl's `int` does.
pub fn to_bits(kind: Kind, number: Number) -> Option<u64> {
    match kind {
        Kind::Double => Some(to_f64(number).to_bits()),
        Kind::Float => Some(u64::from((to_f64(number) as f32).to_bits())),
        Kind::Int32 | Kind::Enum => to_i32(number).map(|v| i64::from(v) as u64),
        Kind::Sfixed32 => to_i32(number).map(|v| u64::from(v as u32)),
        Kind::Sint32 => to_i32(number).map(|v| zigzag(i64::from(v))),
        Kind::Int64 | Kind::Sfixed64 => to_i64(number).map(|v| v as u64),
        Kind::Sint64 => to_i64(number).map(zigzag),
        Kind::Uint32 | Kind::Fixed32 => to_u64(number).filter(|&v| v <= u64::from(u32::MAX)),
        Kind::Uint64 | Kind::Fixed64 => to_u64(number),
        Kind::Bool => Some(u64::from(to_f64(number) != 0.0)),
        Kind::String | Kind::Bytes | Kind::Message => None,
    }
}

/// What [`to_bits`] takes for `kind`, for error texts.
pub fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Int32 | Kind::Enum | Kind::Sfixed32 | Kind::Sint32 => "an integer from -2147483648 to 2147483647",
        Kind::Int64 | Kind::Sfixed64 | Kind::Sint64 => "an integer from -9223372036854775808 to 9223372036854775807",
        Kind::Uint32 | Kind::Fixed32 => "an integer from 0 to 4294967295",
        Kind::Uint64 | Kind::Fixed64 => "an integer from 0 to 18446744073709551615",
        Kind::Bool => "a boolean",
        Kind::String | Kind::Bytes => "a string",
        Kind::Double | Kind::Float => "a number",
        Kind::Message => "a hash",
    }
}

fn to_f64(number: Number) -> f64 {
    match number {
        Number::Int(value) => value as f64,
        Number::Uint(value) => value as f64,
        Number::Double(value) | Number::Beyond(value) => value,
    }
}

fn to_i32(number: Number) -> Option<i32> {
    i32::try_from(to_i64(number)?).ok()
}

fn to_i64(number: Number) -> Option<i64> {
    match number {
        Number::Int(value) => Some(value),
        Number::Uint(value) => i64::try_from(value).ok(),
        Number::Double(value) => {
            let whole = value.trunc();
            // -2^63 is a double, 2^63 - 1 is not; NaN is in no range.
            (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
                .contains(&whole)
                .then_some(whole as i64)
        }
        // -9223372036854775809 is -2^63 as a double, which is one.
        Number::Beyond(_) => None,
    }
}

fn to_u64(number: Number) -> Option<u64> {
    match number {
        Number::Int(value) => u64::try_from(value).ok(),
        Number::Uint(value) => Some(value),
        Number::Double(value) => {
            let whole = value.trunc();
            (0.0..18_446_744_073_709_551_616.0).contains(&whole).then_some(whole as u64)
        }
        Number::Beyond(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        for (text, number) in [
            ("0", Number::Int(0)),
            (" 12\n", Number::Int(12)),
            ("+7", Number::Int(7)),
            ("-9223372036854775808", Number::Int(i64::MIN)),
            ("18446744073709551615", Number::Uint(u64::MAX)),
            ("18446744073709551616", Number::Beyond(18_446_744_073_709_551_616.0)),
            ("1e3", Number::Double(1000.0)),
            (".5", Number::Double(0.5)),
            ("5.", Number::Double(5.0)),
            ("Inf", Number::Double(f64::INFINITY)),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(number), "{text:?}");
        }
        for text in [
            "", " ", "-", "abc", "12abc", "1 2", "0x10", "--1", "1e", "1e400", "-.9e999", "\u{661}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"\xff"), None);
    }

    #[test]
    fn ranges() {
        let int = Number::Int;
        assert_eq!(to_bits(Kind::Int32, int(-1)), Some(u64::MAX), "ten bytes, as protobuf has it");
        assert_eq!(to_bits(Kind::Int32, int(1 << 31)), None);
        assert_eq!(to_bits(Kind::Uint32, int(-1)), None);
        assert_eq!(to_bits(Kind::Uint32, int(4_294_967_295)), Some(4_294_967_295));
        assert_eq!(to_bits(Kind::Uint32, int(4_294_967_296)), None);
        assert_eq!(to_bits(Kind::Uint64, Number::Double(-0.9)), Some(0));
        assert_eq!(to_bits(Kind::Uint64, Number::Double(-1.0)), None);
        assert_eq!(to_bits(Kind::Uint64, Number::Double(1e20)), None);
        assert_eq!(to_bits(Kind::Int64, Number::Uint(1 << 63)), None);
        assert_eq!(to_bits(Kind::Int64, Number::Double(f64::NAN)), None);
        assert_eq!(to_bits(Kind::Int64, Number::Double(9.3e18)), None);
        assert_eq!(to_bits(Kind::Int64, Number::Beyond(i64::MIN as f64)), None);
        assert_eq!(to_bits(Kind::Int64, Number::Double(2.9)), Some(2));
        assert_eq!(to_bits(Kind::Sint64, int(-2)), Some(3));
        assert_eq!(to_bits(Kind::Double, int(1)), Some(1f64.to_bits()));
        assert_eq!(to_bits(Kind::Float, Number::Double(0.5)), Some(u64::from(0.5f32.to_bits())));
    }
}

//! Reading protobuf's wire format from bytes that nobody has checked.

use super::rows::Kind;
use super::MAX_DEPTH;
use std::fmt;

/// How a value looks on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

impl Kind {
    /// The wire type of a single value.
    #[inline]
    pub const fn wire_type(self) -> WireType {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::Fixed64,
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::Fixed32,
            Kind::String | Kind::Bytes | Kind::Message => WireType::Bytes,
            _ => WireType::Varint,
        }
    }
}

/// As sint32 and sint64 are on the wire: small numbers are short, negative ones too.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(super) fn unzigzag(bits: u64) -> i64 {
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// A value ends after the bytes.
    Truncated,
    /// A varint of more than 10 bytes.
    VarintTooLong,
    /// A field number of 0, or above 2^29 - 1.
    FieldNumber,
    /// A wire type that does not exist (6 or 7).
    WireType,
    /// The end of a group that is not open.
    GroupEnd,
    /// Messages or groups are nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More bytes than protobuf allows (2 GiB).
    TooLarge,
    /// A field with this number that the message does not have, or not with this wire type. Only if the caller wants to know.
    UnknownField(u32),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Truncated => f.write_str("it is truncated"),
            WireError::VarintTooLong => f.write_str("a varint is longer than 10 bytes"),
            WireError::FieldNumber => f.write_str("a field number is out of range"),
            WireError::WireType => f.write_str("unknown wire type"),
            WireError::GroupEnd => f.write_str("unexpected end of group"),
            WireError::TooDeep => write!(f, "it is nested more than {MAX_DEPTH} levels deep"),
            WireError::TooLarge => f.write_str("it is larger than 2 GiB"),
            WireError::UnknownField(number) => write!(f, "its field {number} is unknown, or of another type"),
        }
    }
}

const GROUP_START: u8 = 3;
const GROUP_END: u8 = 4;

const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// A place in bytes, and where to stop. All methods leave it behind what they read.
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes[start..end]`. A range that is not in `bytes` reads as empty.
    #[inline]
    pub fn new(bytes: &'a [u8], start: usize, end: usize) -> Self {
        Reader {
            bytes: bytes.get(..end).unwrap_or_default(),
            position: start,
        }
    }

    /// The offset of the next byte.
    #[inline]
    pub fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub fn at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let mut value = 0;
        for (i, &byte) in rest.iter().take(10).enumerate() {
            // Bits above the 64th are dropped, as protobuf does.
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.position += i + 1;
                return Ok(value);
            }
        }
        Err(if rest.len() < 10 {
            WireError::Truncated
        } else {
            WireError::VarintTooLong
        })
    }

    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        let end = self.position + 4;
        let bytes = self.bytes.get(self.position..end).and_then(|b| b.try_into().ok());
        self.position = end;
        bytes.map(u32::from_le_bytes).ok_or(WireError::Truncated)
    }

    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        let end = self.position + 8;
        let bytes = self.bytes.get(self.position..end).and_then(|b| b.try_into().ok());
        self.position = end;
        bytes.map(u64::from_le_bytes).ok_or(WireError::Truncated)
    }

    /// A length and that many bytes: returns where they start, and the length.
    #[inline]
    pub fn delimited(&mut self) -> Result<(usize, usize), WireError> {
        let length = self.varint()?;
        let start = self.position;
        if length > self.bytes.len().saturating_sub(start) as u64 {
            return Err(WireError::Truncated);
        }
        self.position += length as usize;
        Ok((start, length as usize))
    }

    /// The `length` bytes that were read last.
    #[inline]
    pub fn before(&self, length: usize) -> &'a [u8] {
        let start = self.position.saturating_sub(length);
        self.bytes.get(start..self.position).unwrap_or_default()
    }

    /// A field's number and the wire type's number, 0 to 7: a [`WireType`], or 3 or 4 for the start or end of a group.
    #[inline]
    pub fn tag(&mut self) -> Result<(u32, u8), WireError> {
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > MAX_FIELD_NUMBER {
            return Err(WireError::FieldNumber);
        }
        Ok((number as u32, (tag & 7) as u8))
    }

    /// One value of a numeric kind, as its bits: varints as they are, fixed ones widened with zeros.
    #[inline]
    pub fn number(&mut self, wire_type: WireType) -> Result<u64, WireError> {
        match wire_type {
            WireType::Fixed64 => self.fixed64(),
            WireType::Fixed32 => self.fixed32().map(u64::from),
            WireType::Varint | WireType::Bytes => self.varint(),
        }
    }

    /// Skips the value of the field `number`, groups with all that is in them.
    pub fn skip(&mut self, number: u32, wire: u8) -> Result<(), WireError> {
        match wire {
            0 => self.varint().map(drop),
            1 => self.fixed64().map(drop),
            2 => self.delimited().map(drop),
            GROUP_START => self.skip_group(number),
            GROUP_END => Err(WireError::GroupEnd),
            5 => self.fixed32().map(drop),
            _ => Err(WireError::WireType),
        }
    }

    fn skip_group(&mut self, number: u32) -> Result<(), WireError> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let (number, wire) = self.tag()?;
            match wire {
                GROUP_START if open.len() == MAX_DEPTH => return Err(WireError::TooDeep),
                GROUP_START => open.push(number),
                GROUP_END if number == innermost => drop(open.pop()),
                _ => self.skip(number, wire)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> Reader<'_> {
        Reader::new(bytes, 0, bytes.len())
    }

    #[test]
    fn varints() {
        assert_eq!(reader(&[0x7f]).varint(), Ok(127));
        assert_eq!(reader(&[0x80, 0x01]).varint(), Ok(128));
        assert_eq!(reader(&[0xff; 9]).varint(), Err(WireError::Truncated));
        assert_eq!(reader(&[0xff; 11]).varint(), Err(WireError::VarintTooLong));
        assert_eq!(reader(&[]).varint(), Err(WireError::Truncated));
        let mut max = [0xff; 10];
        max[9] = 1;
        assert_eq!(reader(&max).varint(), Ok(u64::MAX));
        // 80 00: not the shortest form, but allowed
        assert_eq!(reader(&[0x80, 0x00]).varint(), Ok(0));
    }

    #[test]
    fn tags() {
        assert_eq!(reader(&[0x0a]).tag(), Ok((1, 2)));
        assert_eq!(reader(&[0x02]).tag(), Err(WireError::FieldNumber));
        assert_eq!(reader(&[0x0e]).skip(1, 6), Err(WireError::WireType));
        assert_eq!(reader(&[0xf8, 0xff, 0xff, 0xff, 0x0f]).tag(), Ok((536_870_911, 0)));
        assert_eq!(reader(&[0x80, 0x80, 0x80, 0x80, 0x10]).tag(), Err(WireError::FieldNumber));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(reader(&[2, 1, 1]).delimited(), Ok((1, 2)));
        assert_eq!(reader(&[3, 1, 1]).delimited(), Err(WireError::Truncated));
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(reader(&huge).delimited(), Err(WireError::Truncated));
    }

    #[test]
    fn groups() {
        let skip = |bytes: &[u8]| {
            let mut reader = reader(bytes);
            let (number, wire) = reader.tag()?;
            reader.skip(number, wire).map(|()| reader.position())
        };
        // group 1 { group 2 { 3: 5 } 4: "x" }
        assert_eq!(skip(&[0x0b, 0x13, 0x18, 5, 0x14, 0x22, 1, b'x', 0x0c, 9]), Ok(9));
        assert_eq!(skip(&[0x0b, 0x14]), Err(WireError::GroupEnd));
        assert_eq!(skip(&[0x0c]), Err(WireError::GroupEnd));
        assert_eq!(skip(&[0x0b, 0x18]), Err(WireError::Truncated));
        assert_eq!(skip(&[0x0b; 5000]), Err(WireError::TooDeep));
    }
}

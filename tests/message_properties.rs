//! What holds for all messages, tried with random ones that shrink to small counterexamples.

#[path = "support/message.rs"]
mod message_support;

use mesos_perl::message::decode::{DecodeOptions, Decoder};
use mesos_perl::message::schema::{self, Kind};
use mesos_perl::message::tape::{MesosPerlOp as Op, MesosPerlToken, MesosToken, MesosTokenOp, MESOS_NO_FIELD};
use mesos_perl::message::wire::WireError;
use mesos_perl::message::ClassId;
use message_support::{encode, perl_tape, show};
use proptest::prelude::*;

/// What a value is in the end, whatever form Perl gave it in.
#[derive(Clone, Debug, PartialEq)]
enum Leaf {
    Number(i128),
    Double(u64),
    Bytes(Vec<u8>),
}

/// A message as Perl's tape of it, built of a list of numbers: where that ends, everything is zero or absent.
#[derive(Default)]
struct Builder {
    choices: std::vec::IntoIter<u64>,
    tape: Vec<MesosPerlToken>,
    arena: Vec<u8>,
    leaves: Vec<Leaf>,
}

impl Builder {
    fn of(id: ClassId, choices: Vec<u64>) -> Builder {
        let mut builder = Builder {
            choices: choices.into_iter(),
            ..Default::default()
        };
        builder.message(id, MESOS_NO_FIELD, 0);
        builder
    }

    fn next(&mut self) -> u64 {
        self.choices.next().unwrap_or(0)
    }

    fn push(&mut self, op: Op, field: u32, value: u64, length: u64) {
        let op = op as u32;
        self.tape.push(MesosPerlToken {
            op,
            field,
            value,
            length,
        });
    }

    fn push_bytes(&mut self, op: Op, field: u32, bytes: &[u8]) {
        let start = self.arena.len() as u64;
        self.arena.extend_from_slice(bytes);
        self.push(op, field, start, bytes.len() as u64);
    }

    fn message(&mut self, id: ClassId, field: u32, depth: usize) {
        let class = schema::class(id).expect("a class");
        self.push(Op::MesosPerlMessage, field, u64::from(id.0), 0);
        for (i, field) in class.fields().iter().enumerate() {
            if self.next() % 3 != 1 || (field.kind == Kind::Message && depth == 6) {
                continue;
            }
            let index = u32::from(class.first_field) + i as u32;
            if field.is_repeated() {
                self.push(Op::MesosPerlList, index, 0, 0);
                for _ in 0..self.next() % 4 {
                    self.value(field, index, depth);
                }
                self.push(Op::MesosPerlEnd, index, 0, 0);
            } else {
                self.value(field, index, depth);
            }
        }
        self.push(Op::MesosPerlEnd, id.0, 0, 0);
    }

    fn value(&mut self, field: &schema::Field, index: u32, depth: usize) {
        let bits = self.next();
        match field.kind {
            Kind::Message => return self.message(ClassId(field.of.into()), index, depth + 1),
            Kind::String | Kind::Bytes => {
                let bytes = bits.to_le_bytes().repeat(1 + (bits % 30) as usize);
                let bytes = &bytes[..(bits % 200) as usize % bytes.len()];
                self.push_bytes(Op::MesosPerlBytes, index, bytes);
                self.leaves.push(Leaf::Bytes(bytes.to_vec()));
                return;
            }
            Kind::Double => {
                self.push(Op::MesosPerlDouble, index, bits, 0);
                self.leaves.push(Leaf::Double(bits));
                return;
            }
            _ => {}
        }
        let number = match field.kind {
            Kind::Int32 | Kind::Enum => i128::from(bits as i32),
            Kind::Uint32 => i128::from(bits as u32),
            Kind::Int64 => i128::from(bits as i64),
            Kind::Uint64 => i128::from(bits),
            Kind::Bool => i128::from(bits & 1),
            other => panic!("no field of Mesos is a {other:?}"),
        };
        self.leaves.push(Leaf::Number(number));
        if field.kind != Kind::Bool && self.next() % 3 == 1 {
            self.push_bytes(Op::MesosPerlText, index, number.to_string().as_bytes());
        } else if number > i128::from(i64::MAX) {
            self.push(Op::MesosPerlUint, index, number as u64, 0);
        } else {
            self.push(Op::MesosPerlInt, index, number as i64 as u64, 0);
        }
    }
}

fn leaves(tape: &[MesosToken], bytes: &[u8]) -> Vec<Leaf> {
    let leaf = |token: &MesosToken| match token.op {
        4 | 8 => Some(Leaf::Number((token.value as i64).into())),
        5 => Some(Leaf::Number(token.value.into())),
        6 => Some(Leaf::Double(token.value)),
        7 => Some(Leaf::Bytes(bytes[token.value as usize..][..token.count as usize].to_vec())),
        _ => None,
    };
    tape.iter().filter_map(leaf).collect()
}

fn decoded(id: ClassId, bytes: &[u8], options: DecodeOptions) -> Result<Vec<MesosToken>, WireError> {
    let mut decoder = Decoder::default();
    decoder.options = options;
    decoder.decode(id, bytes).map(<[_]>::to_vec).map_err(|error| error.problem)
}

fn any_class() -> impl Strategy<Value = ClassId> {
    (0..schema::classes().len() as u32).prop_map(ClassId)
}

fn choices() -> impl Strategy<Value = Vec<u64>> {
    // Small numbers as often as large ones.
    let number = prop_oneof![0..4_u64, 0..300_u64, any::<u64>()];
    prop::collection::vec(number, 0..300)
}

const PLAIN: DecodeOptions = DecodeOptions {
    reject_unknown: false,
    enum_names: false,
    maps: false,
};
const STRICT: DecodeOptions = DecodeOptions {
    reject_unknown: true,
    enum_names: true,
    maps: false,
};

proptest! {
    // Its file of failures would lie beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_decoded(id in any_class(), choices in choices()) {
        let made = Builder::of(id, choices);
        let bytes = encode(id, made.tape, &made.arena).expect("valid values");
        let tape = decoded(id, &bytes, PLAIN).expect("valid bytes");
        prop_assert_eq!(leaves(&tape, &bytes), made.leaves);
        let (perl, arena) = perl_tape(id, &tape, &bytes);
        prop_assert_eq!(encode(id, perl, &arena).expect("what was decoded"), bytes);
    }

    #[test]
    fn options_change_only_what_they_say(id in any_class(), choices in choices(), number in 16000..16100_u32) {
        let made = Builder::of(id, choices);
        let bytes = encode(id, made.tape, &made.arena).expect("valid values");
        let plain = decoded(id, &bytes, PLAIN).expect("valid bytes");
        let mut strict = decoded(id, &bytes, STRICT).expect("no unknown fields");
        for token in strict.iter_mut().filter(|token| token.op == MesosTokenOp::MesosTokenEnum as u16) {
            let of = schema::enums().get(token.count as usize).expect("an enum");
            prop_assert!(!of.values.is_empty());
            // One that the enum does not have is told of without the option, too.
            if of.has(token.value as i32) {
                token.op = MesosTokenOp::MesosTokenInt as u16;
                token.count = 0;
            }
        }
        prop_assert_eq!(&strict, &plain);
        // A field that no class has, behind all others.
        let tag = number << 3;
        let unknown = [tag as u8 | 0x80, (tag >> 7) as u8 | 0x80, (tag >> 14) as u8, 1];
        let longer = [&bytes[..], &unknown].concat();
        prop_assert_eq!(decoded(id, &longer, PLAIN), Ok(plain));
        prop_assert_eq!(decoded(id, &longer, STRICT), Err(WireError::UnknownField(number)));
    }

    /// Two messages one after the other are one: repeated fields go on, and it is again what it says.
    #[test]
    fn messages_in_a_row(id in any_class(), first in choices(), second in choices()) {
        let bytes: Vec<u8> = [first, second]
            .into_iter()
            .map(|choices| Builder::of(id, choices))
            .flat_map(|made| encode(id, made.tape, &made.arena).expect("valid values"))
            .collect();
        let tape = decoded(id, &bytes, PLAIN).expect("valid bytes");
        let (perl, arena) = perl_tape(id, &tape, &bytes);
        let again = encode(id, perl, &arena).expect("what was decoded");
        let tape_again = decoded(id, &again, PLAIN).expect("valid bytes");
        prop_assert_eq!(show(&tape_again, &again), show(&tape, &bytes));
    }

    /// Damaged messages are refused, or are messages that can be encoded again.
    #[test]
    fn damaged_messages(id in any_class(), choices in choices(), damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..5)) {
        let made = Builder::of(id, choices);
        let mut bytes = encode(id, made.tape, &made.arena).expect("valid values");
        for (at, byte) in damage {
            let at = at % (bytes.len() + 1);
            match bytes.get_mut(at) {
                Some(place) if byte & 1 == 0 => *place = byte >> 1,
                _ => bytes.insert(at, byte),
            }
        }
        if let Ok(tape) = decoded(id, &bytes, PLAIN) {
            let (perl, arena) = perl_tape(id, &tape, &bytes);
            let again = encode(id, perl, &arena).expect("what was decoded");
            let tape_again = decoded(id, &again, PLAIN).expect("valid bytes");
            prop_assert_eq!(leaves(&tape_again, &again), leaves(&tape, &bytes));
        }
    }
}

//! Offer constraints: of which agents a framework wants offers in a role, by their attributes.
//!
//! A role's groups are alternatives; all constraints of a group have to hold. Texts are those of Mesos 1.11, and of its RE2.

use crate::proto::scheduler::attribute_constraint::predicate::Predicate;
use crate::proto::scheduler::attribute_constraint::selector::{PseudoattributeType, Selector};
use crate::proto::scheduler::{AttributeConstraint, OfferConstraints};
use crate::proto::{value, SlaveInfo};
use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, parse::Parser, Ast, ErrorKind, Flag, GroupKind, RepetitionKind, RepetitionRange};
use std::collections::BTreeMap;

/// What a program of an expression takes at most, in bytes. Mesos has a smaller limit.
const MOST: usize = 1 << 20;

const TOO_LARGE: &str = "pattern too large - compile failed";

/// RE2 repeats nothing more often.
const REPETITIONS: u32 = 1000;

/// The constraints of one framework.
#[derive(Default)]
pub struct Constraints {
    wished: OfferConstraints,
    roles: BTreeMap<String, Vec<Vec<Constraint>>>,
}

struct Constraint {
    selector: Selector,
    predicate: Test,
}

enum Test {
    Exists(bool),
    /// A text is this one, or is another one.
    Equals(String, bool),
    Matches(Regex, bool),
}

impl Constraints {
    /// Those that a framework wishes, or what is wrong with them.
    pub fn new(wished: Option<OfferConstraints>) -> Result<Constraints, String> {
        let wished = wished.unwrap_or_default();
        let mut roles = BTreeMap::new();
        for (role, constraints) in &wished.role_constraints {
            if constraints.groups.is_empty() {
                return Err(format!(
                    "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role {role}"
                ));
            }
            let mut groups = Vec::new();
            for group in &constraints.groups {
                if group.attribute_constraints.is_empty() {
                    // The missing blank is Mesos' own.
                    return Err(format!(
                        "'OfferConstraints::RoleConstraints::groups' for role {role}contains an empty RoleConstraints::Group"
                    ));
                }
                let all = group.attribute_constraints.iter().map(constraint).collect::<Result<_, _>>();
                groups.push(all.map_err(|why| format!("A role {role} has an invalid 'AttributeConstraint': {why}"))?);
            }
            roles.insert(role.clone(), groups);
        }
        Ok(Constraints { wished, roles })
    }

    /// As the framework has said it.
    pub fn wished(&self) -> &OfferConstraints {
        &self.wished
    }

    /// Whether there are any for `role`.
    pub fn concern(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// Whether an agent may be offered in `role`.
    pub fn allow(&self, role: &str, agent: &SlaveInfo) -> bool {
        let holds = |group: &Vec<Constraint>| group.iter().all(|constraint| constraint.holds(agent));
        self.roles.get(role).map_or(true, |groups| groups.iter().any(holds))
    }
}

/// What a selector finds.
enum Found<'a> {
    Nothing,
    Text(&'a str),
    /// A number, say: it is there, and no predicate on texts keeps its agent away.
    Other,
}

impl Constraint {
    fn holds(&self, agent: &SlaveInfo) -> bool {
        match (&self.predicate, self.find(agent)) {
            (Test::Exists(wanted), found) => *wanted != matches!(found, Found::Nothing),
            (Test::Equals(_, wanted) | Test::Matches(_, wanted), Found::Nothing) => !wanted,
            (_, Found::Other) => true,
            (Test::Equals(other, wanted), Found::Text(text)) => *wanted == (text == other),
            (Test::Matches(regex, wanted), Found::Text(text)) => *wanted == regex.is_match(text),
        }
    }

    /// Of several attributes with one name the first counts.
    fn find<'a>(&self, agent: &'a SlaveInfo) -> Found<'a> {
        let name = match &self.selector {
            Selector::AttributeName(name) => name,
            Selector::PseudoattributeType(kind) => {
                // No agent here has a domain, so there are neither regions nor zones.
                return match *kind == PseudoattributeType::Hostname as i32 {
                    true => Found::Text(&agent.hostname),
                    false => Found::Nothing,
                };
            }
        };
        match agent.attributes.iter().find(|attribute| attribute.name == *name) {
            None => Found::Nothing,
            Some(attribute) => match &attribute.text {
                Some(text) if attribute.r#type == value::Type::Text as i32 => Found::Text(&text.value),
                _ => Found::Other,
            },
        }
    }
}

fn constraint(given: &AttributeConstraint) -> Result<Constraint, String> {
    let selector = match &given.selector.selector {
        None => {
            return Err(
                "Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set"
                    .into(),
            )
        }
        Some(Selector::PseudoattributeType(kind)) if *kind == PseudoattributeType::Unknown as i32 => {
            return Err("Unknown pseudoattribute type".into());
        }
        Some(selector) => selector.clone(),
    };
    let predicate = match &given.predicate.predicate {
        None => return Err("Unknown predicate type".into()),
        Some(Predicate::Exists(_)) => Test::Exists(true),
        Some(Predicate::NotExists(_)) => Test::Exists(false),
        Some(Predicate::TextEquals(one)) => Test::Equals(one.value.clone(), true),
        Some(Predicate::TextNotEquals(one)) => Test::Equals(one.value.clone(), false),
        Some(Predicate::TextMatches(one)) => Test::Matches(regex(&one.regex)?, true),
        Some(Predicate::TextNotMatches(one)) => Test::Matches(regex(&one.regex)?, false),
    };
    Ok(Constraint { selector, predicate })
}

/// An expression that matches whole texts.
fn regex(pattern: &str) -> Result<Regex, String> {
    let parsed = Parser::new().parse(pattern).map_err(|error| as_re2_says(&error));
    let checked = parsed.and_then(|ast| repetitions(&ast, pattern).map(drop));
    let made = checked.and_then(|()| {
        let made = RegexBuilder::new(&format!(r"\A(?:{pattern})\z")).size_limit(MOST).build();
        made.map_err(|_| TOO_LARGE.to_string())
    });
    made.map_err(|why| format!("Failed to construct regex from pattern '{pattern}': {why}"))
}

/// What RE2 says of such an expression, with the part of it that it blames.
fn as_re2_says(error: &ast::Error) -> String {
    let (pattern, span) = (error.pattern(), error.span());
    let from = |start: usize| pattern.get(start..).unwrap_or_default();
    let part = pattern.get(span.start.offset..span.end.offset).unwrap_or_default();
    // From the group that opened last up to what is wrong with it.
    let start = pattern
        .get(..span.end.offset)
        .and_then(|before| before.rfind("(?"))
        .unwrap_or(0);
    let operator = || pattern.get(start..span.end.offset).unwrap_or_default();
    let named = || from(start).split_inclusive('>').next().unwrap_or_default();
    match error.kind() {
        ErrorKind::ClassUnclosed => format!("missing ]: {}", from(span.start.offset)),
        ErrorKind::GroupUnclosed => format!("missing ): {pattern}"),
        ErrorKind::GroupUnopened => format!("unexpected ): {pattern}"),
        ErrorKind::RepetitionMissing => {
            let rest = from(span.start.offset);
            let end = match rest.starts_with('{') {
                true => rest.find('}').map_or(rest.len(), |end| end + 1),
                false => 1,
            };
            format!("no argument for repetition operator: {}", rest.get(..end).unwrap_or(rest))
        }
        ErrorKind::RepetitionCountInvalid => format!("invalid repetition size: {part}"),
        ErrorKind::EscapeUnexpectedEof => "trailing \\".into(),
        ErrorKind::ClassRangeInvalid | ErrorKind::ClassRangeLiteral | ErrorKind::UnicodeClassInvalid => {
            format!("invalid character class range: {part}")
        }
        ErrorKind::GroupNameDuplicate { .. }
        | ErrorKind::GroupNameEmpty
        | ErrorKind::GroupNameInvalid
        | ErrorKind::GroupNameUnexpectedEof => {
            format!("invalid named capture group: {}", named())
        }
        ErrorKind::UnsupportedLookAround
        | ErrorKind::FlagDanglingNegation
        | ErrorKind::FlagDuplicate { .. }
        | ErrorKind::FlagRepeatedNegation { .. }
        | ErrorKind::FlagUnexpectedEof
        | ErrorKind::FlagUnrecognized => format!("invalid perl operator: {}", operator()),
        ErrorKind::NestLimitExceeded(_) => TOO_LARGE.into(),
        _ => format!("invalid escape sequence: {part}"),
    }
}

/// How often something is repeated at most: RE2 has a limit, and takes neither `a**` nor flags that it does not know.
fn repetitions(ast: &Ast, pattern: &str) -> Result<u32, String> {
    let part = |span: &ast::Span| pattern.get(span.start.offset..span.end.offset).unwrap_or_default();
    let most = |all: &[Ast]| {
        let each = all.iter().map(|one| repetitions(one, pattern));
        each.collect::<Result<Vec<u32>, _>>()
            .map(|each| each.into_iter().max().unwrap_or(1))
    };
    match ast {
        Ast::Repetition(one) => {
            let inside = repetitions(&one.ast, pattern)?;
            if let Ast::Repetition(inner) = &*one.ast {
                let operators = ast::Span::new(inner.op.span.start, one.op.span.end);
                return Err(format!("bad repetition operator: {}", part(&operators)));
            }
            let times = match &one.op.kind {
                RepetitionKind::Range(
                    RepetitionRange::Exactly(times) | RepetitionRange::AtLeast(times) | RepetitionRange::Bounded(_, times),
                ) => (*times).max(1),
                _ => 1,
            };
            let all = inside.saturating_mul(times);
            match all > REPETITIONS {
                true => Err(format!("invalid repetition size: {}", part(&one.op.span))),
                false => Ok(all),
            }
        }
        Ast::Group(group) => {
            match &group.kind {
                GroupKind::NonCapturing(flags) => check_flags(flags, pattern)?,
                GroupKind::CaptureName {
                    starts_with_p: false, ..
                } => return Err("invalid perl operator: (?<".into()),
                _ => {}
            }
            repetitions(&group.ast, pattern)
        }
        Ast::Flags(set) => check_flags(&set.flags, pattern).map(|()| 1),
        Ast::Alternation(alternation) => most(&alternation.asts),
        Ast::Concat(concat) => most(&concat.asts),
        // Classes of Unicode are more than Mesos' limit allows.
        Ast::ClassUnicode(_) => Err(TOO_LARGE.into()),
        Ast::ClassBracketed(class) => set(&class.kind).map(|()| 1),
        _ => Ok(1),
    }
}

/// What is in brackets: the same holds for it.
fn set(set: &ast::ClassSet) -> Result<(), String> {
    match set {
        ast::ClassSet::Item(item) => set_item(item),
        ast::ClassSet::BinaryOp(operation) => self::set(&operation.lhs).and_then(|()| self::set(&operation.rhs)),
    }
}

fn set_item(item: &ast::ClassSetItem) -> Result<(), String> {
    match item {
        ast::ClassSetItem::Unicode(_) => Err(TOO_LARGE.into()),
        ast::ClassSetItem::Bracketed(inner) => set(&inner.kind),
        ast::ClassSetItem::Union(union) => union.items.iter().try_for_each(set_item),
        _ => Ok(()),
    }
}

fn check_flags(flags: &ast::Flags, pattern: &str) -> Result<(), String> {
    let foreign = |item: &&ast::FlagsItem| {
        use Flag::*;
        let flag = match item.kind {
            ast::FlagsItemKind::Flag(flag) => flag,
            ast::FlagsItemKind::Negation => return false,
        };
        !matches!(flag, CaseInsensitive | MultiLine | DotMatchesNewLine | SwapGreed)
    };
    match flags.items.iter().find(foreign) {
        None => Ok(()),
        Some(item) => {
            let start = flags.span.start.offset.saturating_sub("(?".len());
            let operator = pattern.get(start..item.span.end.offset).unwrap_or_default();
            Err(format!("invalid perl operator: {operator}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::json;
    use crate::message::text;
    use prost::Message;
    use serde_json::{json, Value};

    fn of(wished: &Value) -> Result<Constraints, String> {
        let bytes = json::read(text::of("Mesos::Scheduler::OfferConstraints"), wished).unwrap();
        Constraints::new(Some(OfferConstraints::decode(bytes.as_slice()).unwrap()))
    }

    fn groups(groups: &[&[Value]]) -> Value {
        let groups: Vec<Value> = groups.iter().map(|group| json!({ "attribute_constraints": group })).collect();
        json!({ "role_constraints": { "*": { "groups": groups } } })
    }

    fn attribute(name: &str, predicate: Value) -> Value {
        json!({ "selector": { "attribute_name": name }, "predicate": predicate })
    }

    fn pseudo(kind: &str, predicate: Value) -> Value {
        json!({ "selector": { "pseudoattribute_type": kind }, "predicate": predicate })
    }

    fn agent() -> SlaveInfo {
        SlaveInfo {
            hostname: "localhost".into(),
            attributes: crate::resources::text::parse_attributes("rack:r1;level:3;span:[1-3];rack:r9").unwrap(),
            ..Default::default()
        }
    }

    /// Each was asked of a real 1.11.0 with such an agent.
    #[test]
    fn which_agents_are_offered() {
        let exists = || json!({ "exists": {} });
        let not_exists = || json!({ "not_exists": {} });
        let equals = |value: &str| json!({ "text_equals": { "value": value } });
        let not_equals = |value: &str| json!({ "text_not_equals": { "value": value } });
        let matches = |regex: &str| json!({ "text_matches": { "regex": regex } });
        let not_matches = |regex: &str| json!({ "text_not_matches": { "regex": regex } });
        for (constraint, offered) in [
            (pseudo("HOSTNAME", exists()), true),
            (pseudo("HOSTNAME", not_exists()), false),
            (pseudo("HOSTNAME", equals("localhost")), true),
            (pseudo("HOSTNAME", equals("localhos")), false),
            (pseudo("REGION", exists()), false),
            (pseudo("ZONE", not_exists()), true),
            (pseudo("REGION", equals("")), false),
            (pseudo("REGION", not_equals("a")), true),
            (pseudo("REGION", matches(".*")), false),
            (pseudo("REGION", not_matches(".*")), true),
            (attribute("rack", exists()), true),
            (attribute("rack", not_exists()), false),
            (attribute("none", exists()), false),
            (attribute("none", not_exists()), true),
            (attribute("rack", equals("r1")), true),
            (attribute("rack", equals("r")), false),
            (attribute("rack", equals("r9")), false),
            (attribute("rack", not_equals("r1")), false),
            (attribute("rack", not_equals("r9")), true),
            (attribute("none", equals("r1")), false),
            (attribute("none", not_equals("r1")), true),
            (attribute("rack", matches("r[0-9]")), true),
            (attribute("rack", matches("r")), false),
            (attribute("rack", matches("")), false),
            (attribute("rack", matches(r"r\d")), true),
            (attribute("rack", matches("(?i)R1")), true),
            (attribute("rack", matches(r"[\\pr]1")), true),
            (attribute("rack", matches("r|r1")), true),
            (attribute("rack", not_matches("r")), true),
            (attribute("rack", not_matches("r.")), false),
            (attribute("none", matches(".*")), false),
            (attribute("none", not_matches(".*")), true),
            (attribute("level", exists()), true),
            (attribute("level", not_exists()), false),
            (attribute("level", equals("3")), true),
            (attribute("level", not_equals("3")), true),
            (attribute("level", matches("no")), true),
            (attribute("span", not_matches(".*")), true),
        ] {
            let made = of(&groups(&[std::slice::from_ref(&constraint)])).unwrap();
            assert_eq!(made.allow("*", &agent()), offered, "{constraint}");
            assert!(made.allow("other", &agent()), "another role has no constraints");
        }
        let (yes, no) = (|| attribute("rack", exists()), || attribute("none", exists()));
        assert!(!of(&groups(&[&[yes(), no()]])).unwrap().allow("*", &agent()));
        assert!(of(&groups(&[&[no()], &[yes()]])).unwrap().allow("*", &agent()));
        for none in [json!({}), json!({ "role_constraints": {} })] {
            assert!(of(&none).unwrap().allow("*", &agent()));
        }
    }

    #[test]
    fn what_is_refused() {
        let error = |wished: &Value| of(wished).err().unwrap_or_default();
        assert_eq!(
            error(&json!({ "role_constraints": { "a//b": {} } })),
            "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role a//b"
        );
        let exists = || attribute("rack", json!({ "exists": {} }));
        assert_eq!(
            error(&groups(&[&[exists()], &[]])),
            "'OfferConstraints::RoleConstraints::groups' for role *contains an empty RoleConstraints::Group"
        );
        let neither = "Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set";
        for (constraint, why) in [
            (json!({ "selector": {}, "predicate": {} }), neither),
            (pseudo("UNKNOWN", json!({})), "Unknown pseudoattribute type"),
            (attribute("rack", json!({})), "Unknown predicate type"),
        ] {
            let expected = format!("A role * has an invalid 'AttributeConstraint': {why}");
            assert_eq!(error(&groups(&[&[constraint]])), expected);
        }
    }

    #[test]
    fn errors_of_expressions_are_those_of_re2() {
        for (pattern, why) in [
            ("[", "missing ]: ["),
            ("a[b", "missing ]: [b"),
            ("(a", "missing ): (a"),
            ("a)", "unexpected ): a)"),
            ("*", "no argument for repetition operator: *"),
            ("a|+b", "no argument for repetition operator: +"),
            ("{2}", "no argument for repetition operator: {2}"),
            ("a**", "bad repetition operator: **"),
            ("a***", "bad repetition operator: **"),
            ("a{2}{3}", "bad repetition operator: {2}{3}"),
            ("a{1,1001}", "invalid repetition size: {1,1001}"),
            ("(?z)", "invalid perl operator: (?z"),
            ("(?i-x)a", "invalid perl operator: (?i-x"),
            ("(?<n>a)", "invalid perl operator: (?<"),
            ("(?P<>a)", "invalid named capture group: (?P<>"),
            (r"\Z", r"invalid escape sequence: \Z"),
            ("a\\", "trailing \\"),
            (r"\q", r"invalid escape sequence: \q"),
            (r"(a)\1", r"invalid escape sequence: \1"),
            ("[z-a]", "invalid character class range: z-a"),
            ("a{1001}", "invalid repetition size: {1001}"),
            ("a{2,1}", "invalid repetition size: {2,1}"),
            ("((a{100}){100}){100}", "invalid repetition size: {100}"),
            ("(?=a)", "invalid perl operator: (?="),
            ("(?P<n", "invalid named capture group: (?P<n"),
            (r"\pL.", "pattern too large - compile failed"),
            ("(?x)a", "invalid perl operator: (?x"),
            (r"[a\pL]", "pattern too large - compile failed"),
            (r"[\PL]", "pattern too large - compile failed"),
            (r"[^[\pN]b]", "pattern too large - compile failed"),
            (&"(".repeat(500), "missing ): "),
        ] {
            let error = regex(pattern).err().unwrap_or_default();
            let expected = format!("Failed to construct regex from pattern '{pattern}': {why}");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}

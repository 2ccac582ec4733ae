//! The text forms of the agent's flags: `cpus:4;mem:2048;ports:[31000-32000];disks:{a,b};cpus(role):2`, and `rack:r1;level:3`.

use super::amount::coalesce;
use crate::proto::value::{self, Range, Ranges, Scalar, Set, Text, Type};
use crate::proto::{Attribute, Resource, Value};
use std::num::FpCategory;

/// Why a text is no list of resources or attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadText(pub String);

impl std::fmt::Display for BadText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadText {}

/// Parses resources. An empty text is an empty list. A JSON array is recognised by its bracket.
pub fn parse(text: &str) -> Result<Vec<Resource>, BadText> {
    if text.trim_start().starts_with('[') {
        return parse_json(text);
    }
    let mut resources = Vec::new();
    for (name, amount) in pairs(text)? {
        let (name, role) = match name.split_once('(') {
            Some((name, rest)) => {
                let role = rest
                    .strip_suffix(')')
                    .ok_or_else(|| BadText(format!("no ')' in '{name}({rest}'")))?;
                (name.trim(), role.trim())
            }
            None => (name, "*"),
        };
        resources.push(resource(name, role, value(amount)?)?);
    }
    Ok(resources)
}

/// Parses attributes: `name:value` pairs; a value that is nothing else is text.
pub fn parse_attributes(text: &str) -> Result<Vec<Attribute>, BadText> {
    let attribute = |(name, text): (&str, &str)| {
        let Value {
            r#type,
            scalar,
            ranges,
            set,
            text,
        } = value(text)?;
        if r#type == Type::Set as i32 {
            return Err(BadText(format!("'{name}': an attribute cannot be a set")));
        }
        Ok(Attribute {
            name: name.to_string(),
            r#type,
            scalar,
            ranges,
            set,
            text,
        })
    };
    pairs(text)?.into_iter().map(attribute).collect()
}

/// `a:1;b:2`: pairs without surrounding blanks. Line ends separate as well.
fn pairs(text: &str) -> Result<Vec<(&str, &str)>, BadText> {
    let items = text.split([';', '\n']).map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| match item.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value.trim())),
            _ => Err(BadText(format!("'{item}' is not of the form name:value"))),
        })
        .collect()
}

/// A value by the rules of Mesos 1.11: blanks do not count, and overlapping or adjacent ranges become one.
fn value(text: &str) -> Result<Value, BadText> {
    let text = text.replace(' ', "");
    let bad = |why: &str| Err(BadText(format!("'{text}': {why}")));
    if text.is_empty() {
        return bad("expected a value");
    }
    if ["[]", "{}", "()"].iter().any(|pair| !is_balanced(&text, pair)) {
        return bad("mismatched brackets");
    }
    let mut made = Value::default();
    if let Some(list) = text.strip_prefix('[') {
        made.r#type = Type::Ranges as i32;
        made.ranges = Some(ranges(list).map_err(|why| BadText(format!("'{text}': {why}")))?);
    } else if text.contains('[') {
        return bad("unexpected '['");
    } else if text.starts_with('{') {
        let items = text.split(['{', '}', ',']).filter(|item| !item.is_empty());
        made.r#type = Type::Set as i32;
        made.set = Some(Set {
            item: items.map(str::to_string).collect(),
        });
    } else if text.contains('{') {
        return bad("unexpected '{'");
    } else if let Some(number) = number(&text) {
        // An agent ends with such a number, also in an attribute, where it could be text.
        match number.classify() {
            FpCategory::Nan => return bad("NaN is not supported"),
            FpCategory::Infinite => return bad("infinite values are not supported"),
            FpCategory::Subnormal => return bad("subnormal values are not supported"),
            _ if number < 0.0 => return bad("negative values are not supported"),
            _ => {}
        }
        made.r#type = Type::Scalar as i32;
        made.scalar = Some(Scalar { value: number });
    } else {
        made.r#type = Type::Text as i32;
        made.text = Some(Text { value: text });
    }
    Ok(made)
}

/// Digits that are beyond a double's range are text: only words mean infinity.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() || !text.contains(|c: char| c.is_ascii_digit())).then_some(number)
}

fn is_balanced(text: &str, pair: &str) -> bool {
    let mut open = 0_i32;
    for c in text.chars().filter(|c| pair.contains(*c)) {
        open += if pair.starts_with(c) { 1 } else { -1 };
        if open < 0 {
            return false;
        }
    }
    open == 0
}

fn ranges(list: &str) -> Result<Ranges, String> {
    let numbers = list.split(['[', ']', '-', ',', '\n']).filter(|number| !number.is_empty());
    let numbers = numbers.map(|number| number.parse().map_err(|_| format!("'{number}' is no number")));
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>()?;
    let pairs = numbers.chunks(2).map(|pair| match pair {
        &[begin, end] if begin <= end => Ok((begin, end)),
        [begin, end] => Err(format!("{begin} is more than {end}")),
        _ => Err("expected pairs of numbers".to_string()),
    });
    let ranges = coalesce(pairs.collect::<Result<_, _>>()?);
    Ok(Ranges {
        range: ranges.into_iter().map(|(begin, end)| Range { begin, end }).collect(),
    })
}

#[allow(deprecated)]
fn resource(name: &str, role: &str, amount: Value) -> Result<Resource, BadText> {
    let Value {
        r#type,
        scalar,
        ranges,
        set,
        text,
    } = amount;
    if let Some(value::Text { value }) = text {
        let separator = match value.contains(',') && value.contains(':') {
            true => ": resources are separated by ';'",
            false => "",
        };
        return Err(BadText(format!("'{value}' is no amount of '{name}'{separator}")));
    }
    if scalar.is_some_and(|scalar| !scalar.value.is_finite() || scalar.value < 0.0) {
        return Err(BadText(format!("the amount of '{name}' is negative or not finite")));
    }
    super::role::check_role(role).map_err(BadText)?;
    Ok(Resource {
        name: name.to_string(),
        r#type,
        scalar,
        ranges,
        set,
        role: Some(role.to_string()),
        ..Default::default()
    })
}

/// `[{"name":"cpus","type":"SCALAR","scalar":{"value":4}}, ...]`, role optional. Ranges are taken as they are.
fn parse_json(text: &str) -> Result<Vec<Resource>, BadText> {
    let list: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| BadText(e.to_string()))?;
    list.iter().map(json_resource).collect()
}

fn json_resource(item: &serde_json::Value) -> Result<Resource, BadText> {
    let bad = || BadText(format!("{item} is no resource"));
    let members = item.as_object().ok_or_else(bad)?;
    const KNOWN: [&str; 6] = ["name", "type", "scalar", "ranges", "set", "role"];
    if let Some(member) = members.keys().find(|member| !KNOWN.contains(&member.as_str())) {
        return Err(BadText(format!(
            "{item}: the embedded cluster knows no '{member}' of a resource"
        )));
    }
    let name = item["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(bad)?;
    let role = item["role"].as_str().unwrap_or("*");
    let mut amount = Value::default();
    match item["type"].as_str() {
        Some("SCALAR") => {
            amount.r#type = Type::Scalar as i32;
            let value = item["scalar"]["value"].as_f64().ok_or_else(bad)?;
            amount.scalar = Some(Scalar { value });
        }
        Some("RANGES") => {
            amount.r#type = Type::Ranges as i32;
            let list = item["ranges"]["range"].as_array().ok_or_else(bad)?;
            let range = |r: &serde_json::Value| {
                let (begin, end) = (r["begin"].as_u64()?, r["end"].as_u64()?);
                Some(Range { begin, end })
            };
            let range = list.iter().map(range).collect::<Option<_>>().ok_or_else(bad)?;
            amount.ranges = Some(Ranges { range });
        }
        Some("SET") => {
            amount.r#type = Type::Set as i32;
            let list = item["set"]["item"].as_array().ok_or_else(bad)?;
            let item = list.iter().map(|i| i.as_str().map(str::to_string));
            let item = item.collect::<Option<_>>().ok_or_else(bad)?;
            amount.set = Some(Set { item });
        }
        _ => return Err(bad()),
    }
    resource(name, role, amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_resources() {
        let text = parse("cpus:4;mem:2048;ports:[31000-32000, 5-6];disks:{a,b};cpus(web):2").unwrap();
        let json = parse(
            r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":4}},{"name":"mem","type":"SCALAR","scalar":{"value":2048}},
                {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":5,"end":6},{"begin":31000,"end":32000}]}},
                {"name":"disks","type":"SET","set":{"item":["a","b"]}},
                {"name":"cpus","type":"SCALAR","scalar":{"value":2},"role":"web"}]"#,
        );
        assert_eq!(Ok(text), json);
        assert_eq!(parse("  "), Ok(Vec::new()));
    }

    #[test]
    fn bad_resources_say_why() {
        for text in [
            "cpus",
            ":1",
            "cpus:many",
            "cpus:-1",
            "cpus:inf",
            "ports:[1-",
            "ports:[a-b]",
            "cpus(web:1",
            "cpus(a b):1",
            "[{}]",
            "[1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    /// Seen on an agent of 1.11.0, as are the others below.
    #[test]
    fn ranges_that_meet_become_one() {
        let merged = |text: &str| {
            let ranges = parse(text).unwrap()[0].ranges.clone().unwrap().range;
            ranges.iter().map(|r| (r.begin, r.end)).collect::<Vec<_>>()
        };
        assert_eq!(merged("ports:[31000-31010,31005-31020]"), [(31000, 31020)]);
        assert_eq!(merged("ports:[5-9, 1-3, 4-4, 20-30, 20-30]"), [(1, 9), (20, 30)]);
        assert_eq!(merged("ports:[]"), []);
        assert!(parse("ports:[5-1]").is_err() && parse("ports:[1-2,3]").is_err());
        // JSON is taken literally; what overlaps there is an error of the check that follows.
        let json = r#"[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":5},{"begin":3,"end":9}]}}]"#;
        assert_eq!(parse(json).unwrap()[0].ranges.as_ref().unwrap().range.len(), 2);
        assert!(crate::resources::validate(&parse(json).unwrap()).is_err());
        assert!(parse(r#"[{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{}}]"#).is_err());
    }

    #[test]
    fn attributes_may_be_text() {
        let attributes = parse_attributes("rack:r1;level:3;ports:[1-2];v:0x10;w:1e400;x: a b ;y:1:2;z:1_000;zero:0").unwrap();
        assert_eq!(attributes[0].text.as_ref().unwrap().value, "r1");
        assert_eq!(attributes[1].scalar.unwrap().value, 3.0);
        assert_eq!(attributes[2].ranges.as_ref().unwrap().range.len(), 1);
        let texts: Vec<_> = attributes
            .iter()
            .filter_map(|a| a.text.as_ref().map(|t| t.value.as_str()))
            .collect();
        assert_eq!(texts, ["r1", "0x10", "1e400", "ab", "1:2", "1_000"]);
        for bad in [
            "rack",
            "rack:",
            "rack:nan",
            "rack:NaN",
            "rack:-inf",
            "rack:Infinity",
            "rack:-1",
            "rack:1e-320",
            "rack:{a,b}",
            "rack:(a",
            "rack:a]",
            "rack:1[2]",
        ] {
            assert!(parse_attributes(bad).is_err(), "{bad}");
        }
    }
}

//! The text forms of the agent's flags: `cpus:4;mem:2048;ports:[31000-32000];disks:{a,b};cpus(role):2`, and `rack:r1;level:3`.

use crate::proto::value::{self, Range, Ranges, Scalar, Set, Text, Type};
use crate::proto::{Attribute, Resource, Value};

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

fn value(text: &str) -> Result<Value, BadText> {
    let mut made = Value {
        r#type: Type::Text as i32,
        ..Default::default()
    };
    if let Some(list) = text.strip_prefix('[') {
        let list = list.strip_suffix(']').ok_or_else(|| BadText(format!("no ']' in '{text}'")))?;
        let range = |part: &str| {
            let (begin, end) = part.split_once('-')?;
            Some(Range {
                begin: begin.trim().parse().ok()?,
                end: end.trim().parse().ok()?,
            })
        };
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let ranges: Option<Vec<Range>> = parts.map(range).collect();
        made.r#type = Type::Ranges as i32;
        made.ranges = Some(Ranges {
            range: ranges.ok_or_else(|| BadText(format!("bad ranges '{text}'")))?,
        });
    } else if let Some(list) = text.strip_prefix('{') {
        let list = list
            .strip_suffix('}')
            .ok_or_else(|| BadText(format!("no '}}' in '{text}'")))?;
        let item = list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_string)
            .collect();
        made.r#type = Type::Set as i32;
        made.set = Some(Set { item });
    } else if let Ok(number) = text.parse::<f64>() {
        made.r#type = Type::Scalar as i32;
        made.scalar = Some(Scalar { value: number });
    } else {
        made.text = Some(Text { value: text.to_string() });
    }
    Ok(made)
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
        return Err(BadText(format!("'{value}' is no amount of '{name}'")));
    }
    if scalar.is_some_and(|scalar| !scalar.value.is_finite() || scalar.value < 0.0) {
        return Err(BadText(format!("the amount of '{name}' is negative or not finite")));
    }
    crate::local::ids::check_role(role).map_err(BadText)?;
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

/// `[{"name":"cpus","type":"SCALAR","scalar":{"value":4}}, ...]`, role optional.
fn parse_json(text: &str) -> Result<Vec<Resource>, BadText> {
    let list: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| BadText(e.to_string()))?;
    let bad = |item: &serde_json::Value| BadText(format!("{item} is no resource"));
    list.iter()
        .map(|item| {
            let name = item["name"]
                .as_str()
                .filter(|name| !name.is_empty())
                .ok_or_else(|| bad(item))?;
            let role = item["role"].as_str().unwrap_or("*");
            let text = match item["type"].as_str() {
                Some("SCALAR") => item["scalar"]["value"].as_f64().map(|value| value.to_string()),
                Some("RANGES") => item["ranges"]["range"].as_array().map(|list| {
                    let parts: Vec<String> = list.iter().map(|r| format!("{}-{}", r["begin"], r["end"])).collect();
                    format!("[{}]", parts.join(","))
                }),
                Some("SET") => item["set"]["item"].as_array().map(|list| {
                    let parts: Vec<&str> = list.iter().filter_map(|i| i.as_str()).collect();
                    format!("{{{}}}", parts.join(","))
                }),
                _ => None,
            };
            resource(name, role, value(&text.ok_or_else(|| bad(item))?)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_resources() {
        let text = parse("cpus:4;mem:2048;ports:[31000-32000, 5-6];disks:{a,b};cpus(web):2").unwrap();
        let json = parse(
            r#"[{"name":"cpus","type":"SCALAR","scalar":{"value":4}},{"name":"mem","type":"SCALAR","scalar":{"value":2048}},
                {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000},{"begin":5,"end":6}]}},
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

    #[test]
    fn attributes_may_be_text() {
        let attributes = parse_attributes("rack:r1;level:3;ports:[1-2]").unwrap();
        assert_eq!(attributes[0].text.as_ref().unwrap().value, "r1");
        assert_eq!(attributes[1].scalar.unwrap().value, 3.0);
        assert_eq!(attributes[2].ranges.as_ref().unwrap().range.len(), 1);
        assert!(parse_attributes("rack").is_err());
    }
}

//! What an offer has to have at least: `--min_allocatable_resources` of Mesos' master.

use crate::resources::{thousandths, Resources};
use std::collections::BTreeMap;

/// Alternatives, each with amounts by name. Without any, everything is offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    text: String,
    alternatives: Vec<BTreeMap<String, i64>>,
}

impl Default for Minimum {
    fn default() -> Self {
        let alternative = |name: &str, amount| BTreeMap::from([(name.to_string(), thousandths(amount))]);
        Minimum {
            text: "cpus:0.01|mem:32".into(),
            alternatives: vec![alternative("cpus", 0.01), alternative("mem", 32.0)],
        }
    }
}

impl Minimum {
    /// `cpus:0.01|mem:32` is either of them, `cpus:1;mem:64` both.
    pub fn parse(text: &str) -> Result<Minimum, String> {
        let parts = |text: &str, at: char| -> Vec<String> {
            let parts = text.split(at).map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_string).collect()
        };
        let alternative = |text: &String| {
            parts(text, ';')
                .iter()
                .map(|part| amount(part))
                .collect::<Result<BTreeMap<_, _>, _>>()
        };
        Ok(Minimum {
            text: text.to_string(),
            alternatives: parts(text, '|').iter().map(alternative).collect::<Result<_, _>>()?,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether these resources are worth an offer.
    pub fn is_reached_by(&self, resources: &Resources) -> bool {
        let has = |alternative: &BTreeMap<String, i64>| {
            let mut amounts = alternative.iter();
            amounts.all(|(name, least)| thousandths(resources.scalar(name)) >= *least)
        };
        !resources.is_empty() && (self.alternatives.is_empty() || self.alternatives.iter().any(has))
    }
}

fn amount(part: &str) -> Result<(String, i64), String> {
    let expected = || format!("expected a name and an amount, such as cpus:0.01, and not '{part}'");
    let (name, amount) = part.split_once(':').ok_or_else(expected)?;
    let amount: f64 = amount.trim().parse().map_err(|_| expected())?;
    match amount.is_finite() && amount >= 0.0 {
        true => Ok((name.trim().to_string(), thousandths(amount))),
        false => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_an_offer() {
        let of = |resources: &str| Resources::new(&crate::resources::text::parse(resources).unwrap());
        let reaches = |minimum: &str, resources: &str| Minimum::parse(minimum).unwrap().is_reached_by(&of(resources));
        assert_eq!(Minimum::parse("cpus:0.01|mem:32").unwrap(), Minimum::default());
        for (minimum, resources, reached) in [
            ("cpus:0.01|mem:32", "cpus:0.01;mem:31", true),
            ("cpus:0.01|mem:32", "cpus:0.009;mem:31", false),
            ("cpus:0.01|mem:32", "mem:32", true),
            ("cpus:1;mem:64|disk:1", "cpus:1;mem:63", false),
            ("cpus:1;mem:64|disk:1", "cpus:1;mem:64", true),
            ("cpus:1;mem:64|disk:1", "disk:1", true),
            ("cpus:2", "cpus:1;cpus(role):1", true),
            ("", "ports:[1-2]", true),
            ("|", "disk:1", true),
            ("cpus:1|", "disk:1", false),
            ("cpus:0", "disk:1", true),
        ] {
            assert_eq!(reaches(minimum, resources), reached, "{resources} for {minimum}");
        }
        assert!(!reaches("", ""), "nothing is not offered");
        for wrong in ["cpus", "cpus:-1", "ports:[1-2]", "cpus:nan", "cpus:1;mem"] {
            assert!(Minimum::parse(wrong).is_err(), "{wrong}");
        }
    }
}

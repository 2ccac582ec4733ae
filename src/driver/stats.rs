//! What a driver counts.

/// One number of a driver's statistics. Names are those of the Perl API.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// `events`, `calls` or `answers`, whose names are types and HTTP statuses; empty for numbers that stand alone.
    pub group: &'static str,
    pub name: String,
    /// A count, or seconds; `None` when there is nothing to tell yet.
    pub value: Option<f64>,
}

impl Stat {
    /// A count that stands alone.
    pub fn count(name: &str, value: usize) -> Self {
        Stat::alone(name, Some(value as f64))
    }

    pub fn alone(name: &str, value: Option<f64>) -> Self {
        Stat {
            group: "",
            name: name.to_string(),
            value,
        }
    }
}

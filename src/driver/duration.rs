//! Durations as Mesos writes them, in flags and in the environment of executors: `5secs`, `2.5mins`.

use std::time::Duration;

/// The longest duration of Mesos, which counts nanoseconds in 64 bits.
const LONGEST: f64 = i64::MAX as f64 * 1e-9;

/// Parses `<decimal><unit>`; no space, no sign, the unit is mandatory.
pub fn parse(text: &str) -> Option<Duration> {
    let border = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(border);
    let seconds = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "secs" => 1.0,
        "mins" => 60.0,
        "hrs" => 3600.0,
        "days" => 86_400.0,
        "weeks" => 604_800.0,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * seconds;
    Duration::try_from_secs_f64(value).ok().filter(|_| value <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, milliseconds) in [
            ("5secs", 5_000),
            ("15mins", 900_000),
            ("2500ms", 2_500),
            ("0.5secs", 500),
            ("2000000us", 2_000),
            ("3000000000ns", 3_000),
            ("1hrs", 3_600_000),
            ("1days", 86_400_000),
            ("1weeks", 604_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "5s",
            "secs",
            "5 secs",
            "-5secs",
            "1.2.3secs",
            "5secs ",
            "99999weeks",
            "99999999999999999999weeks",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}

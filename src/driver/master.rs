//! What the `master` string of a scheduler driver may be.

use super::DriverError;

/// A parsed `master` string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// `local`: a master and an agent inside this process.
    Local,
    /// `host:port`, `http://host:port` or `master@host:port`. The host may be a name, an IPv4 address or `[ipv6]`.
    Address { host: String, port: u16 },
}

impl Master {
    /// Parses a `master` string; the error says what was expected.
    pub fn parse(text: &str) -> Result<Master, DriverError> {
        let problem = |why: &str| DriverError::Argument {
            name: "master",
            problem: format!("expected \"local\", \"host:port\" or \"http://host:port\", got {text:?}{why}"),
        };
        let trimmed = text.trim();
        if trimmed == "local" {
            return Ok(Master::Local);
        }
        let address = trimmed
            .strip_prefix("http://")
            .map(|a| a.trim_end_matches('/'))
            .unwrap_or(trimmed);
        let address = address.strip_prefix("master@").unwrap_or(address);
        let (host, port) = address.rsplit_once(':').ok_or_else(|| problem(" (no port)"))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let valid = match bracketed {
            Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            }
        };
        if !valid {
            return Err(problem(" (bad host)"));
        }
        match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Master::Address {
                host: bracketed.unwrap_or(host).to_string(),
                port,
            }),
            _ => Err(problem(" (bad port)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_forms() {
        let address = |host: &str, port| {
            Ok(Master::Address {
                host: host.to_string(),
                port,
            })
        };
        assert_eq!(Master::parse("local"), Ok(Master::Local));
        assert_eq!(Master::parse("127.0.0.1:5050"), address("127.0.0.1", 5050));
        assert_eq!(Master::parse(" mesos.example.org:1 "), address("mesos.example.org", 1));
        assert_eq!(Master::parse("http://m:5050/"), address("m", 5050));
        assert_eq!(Master::parse("master@10.0.0.1:5050"), address("10.0.0.1", 5050));
        assert_eq!(Master::parse("[::1]:5050"), address("::1", 5050));
    }

    #[test]
    fn refused_forms_say_what_came() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            ":5050",
            "ho st:5050",
            "[x]:1",
            "h:50x",
            "https://h:1",
        ] {
            let error = Master::parse(text).expect_err(text).to_string();
            assert!(
                error.starts_with("master: expected") && error.contains(&format!("{text:?}")),
                "{error}"
            );
        }
    }
}

//! The LIBPROCESS_SSL_ variables, which programs on libprocess take their TLS settings from. The prefix SSL_ counts as well.

use crate::driver::DriverError;
use crate::message::text;
use std::path::PathBuf;

/// Variables that a client of this module has no use for, and why.
const UNUSED: [(&str, &str); 10] = [
    ("CIPHERS", "the cipher suites are those of rustls"),
    ("ECDH_CURVES", "the curves are those of rustls"),
    ("ECDH_CURVE", "the curves are those of rustls"),
    ("VERIFICATION_DEPTH", "chains are limited by rustls"),
    ("VERIFY_DEPTH", "chains are limited by rustls"),
    (
        "HOSTNAME_VALIDATION_SCHEME",
        "the name that was asked for is always the one that is verified",
    ),
    ("VERIFY_IPADD", "an address in place of a name is always verified"),
    ("REQUIRE_CLIENT_CERT", "only servers ask for certificates of clients"),
    ("REQUIRE_CERT", "only servers ask for certificates of clients"),
    ("SUPPORT_DOWNGRADE", "there is no way from https to http"),
];
/// Versions that are refused here.
const OLD_VERSIONS: [&str; 3] = ["ENABLE_SSL_V3", "ENABLE_TLS_V1_0", "ENABLE_TLS_V1_1"];

/// How a client is to use TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// SSL_VERIFY_SERVER_CERT: unlike in libprocess only an explicit 0 switches it off.
    pub verify: bool,
    /// PEM. Without a file and a folder the system's roots are trusted.
    pub ca_file: Option<PathBuf>,
    pub ca_dir: Option<PathBuf>,
    /// The client's certificate chain and its key, PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    pub tls12: bool,
    pub tls13: bool,
    /// What to log where TLS is used.
    pub warnings: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            verify: true,
            ca_file: None,
            ca_dir: None,
            certificate: None,
            tls12: true,
            tls13: true,
            warnings: Vec::new(),
        }
    }
}

/// SSL_ENABLED: https where nothing else is said.
pub fn enabled(get: impl Fn(&str) -> Option<String>) -> Result<bool, DriverError> {
    Ok(flag(&get, "ENABLED")?.unwrap_or(false))
}

/// The value of a variable that is set, and its full name.
fn value(get: &impl Fn(&str) -> Option<String>, name: &str) -> Option<(String, String)> {
    let prefixed = ["LIBPROCESS_SSL_", "SSL_"].map(|prefix| format!("{prefix}{name}"));
    let found = prefixed.into_iter().find_map(|full| Some((get(&full)?, full)));
    found.filter(|(value, _)| !value.is_empty())
}

fn flag(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<bool>, DriverError> {
    match value(get, name) {
        None => Ok(None),
        Some((text, _)) if text == "1" || text == "true" => Ok(Some(true)),
        Some((text, _)) if text == "0" || text == "false" => Ok(Some(false)),
        Some((text, full)) => Err(problem(format!("{full} is {text:?}, expected 1 or 0"))),
    }
}

impl Settings {
    /// Reads the variables through `get`.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, DriverError> {
        let value = |name: &str| value(&get, name);
        let flag = |name: &str| flag(&get, name);
        let path = |name: &str| value(name).map(|(path, _)| text::to_os(&path).into());
        let verify = match flag("VERIFY_SERVER_CERT")? {
            None => flag("VERIFY_CERT")?,
            given => given,
        };
        let (ca_file, ca_dir) = (path("CA_FILE"), path("CA_DIR"));
        // To OpenSSL SSL_CERT_FILE is a file of roots; it is libprocess' variable only together with SSL_KEY_FILE.
        let certificate = match (value("CERT_FILE"), value("KEY_FILE")) {
            (Some((_, name)), None) if name == "SSL_CERT_FILE" => None,
            (Some((certificate, name)), Some((key, _))) => {
                if name == "SSL_CERT_FILE" && ca_file.is_none() && ca_dir.is_none() {
                    let why = "SSL_CERT_FILE hides the system's authorities if SSL_KEY_FILE is set: use LIBPROCESS_SSL_CERT_FILE";
                    return Err(problem(why.to_string()));
                }
                Some((text::to_os(&certificate).into(), text::to_os(&key).into()))
            }
            (Some((_, name)), None) => return Err(problem(format!("{name} is set, but not its key, LIBPROCESS_SSL_KEY_FILE"))),
            (None, Some((_, name))) => {
                return Err(problem(format!(
                    "{name} is set, but not its certificate, LIBPROCESS_SSL_CERT_FILE"
                )))
            }
            (None, None) => None,
        };
        let mut settings = Settings {
            verify: verify.unwrap_or(true),
            ca_file,
            ca_dir,
            certificate,
            tls12: flag("ENABLE_TLS_V1_2")?.unwrap_or(true),
            tls13: flag("ENABLE_TLS_V1_3")?.unwrap_or(true),
            warnings: Vec::new(),
        };
        if !settings.tls12 && !settings.tls13 {
            return Err(problem("LIBPROCESS_SSL_ENABLE_TLS_V1_2 and _V1_3 are both 0".to_string()));
        }
        for (name, why) in UNUSED {
            if let Some((_, full)) = value(name) {
                settings.warnings.push(format!("{full} has no effect: {why}"));
            }
        }
        for name in OLD_VERSIONS {
            if flag(name)? == Some(true) {
                let warning = format!("LIBPROCESS_SSL_{name} has no effect: this module uses only TLS 1.2 and 1.3");
                settings.warnings.push(warning);
            }
        }
        if !settings.verify {
            let warning =
                "LIBPROCESS_SSL_VERIFY_SERVER_CERT=0: certificates are not verified, so anybody who answers gets the credentials";
            settings.warnings.push(warning.to_string());
        }
        Ok(settings)
    }
}

pub(super) fn problem(problem: String) -> DriverError {
    DriverError::Argument {
        name: "environment",
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, DriverError> {
        Settings::read(|name| variables.iter().find(|v| v.0 == name).map(|v| v.1.to_string()))
    }

    #[test]
    fn verification_is_only_switched_off_explicitly() {
        assert_eq!(read(&[]), Ok(Settings::default()));
        let verify = |variables: &[(&str, &str)]| read(variables).map(|s| s.verify);
        for (value, expected) in [("1", Ok(true)), ("false", Ok(false)), ("", Ok(false))] {
            assert_eq!(enabled(|name| (name == "SSL_ENABLED").then(|| value.to_string())), expected);
        }
        for name in [
            "LIBPROCESS_SSL_VERIFY_SERVER_CERT",
            "LIBPROCESS_SSL_VERIFY_CERT",
            "SSL_VERIFY_SERVER_CERT",
            "SSL_VERIFY_CERT",
        ] {
            assert_eq!(verify(&[(name, "0")]), Ok(false), "{name}");
            assert_eq!(verify(&[(name, "true")]), Ok(true), "{name}");
            assert_eq!(verify(&[(name, "")]), Ok(true), "{name}");
            let error = read(&[(name, "off")]).expect_err("refused").to_string();
            assert_eq!(error, format!("environment: {name} is \"off\", expected 1 or 0"));
        }
        let both = [("LIBPROCESS_SSL_VERIFY_SERVER_CERT", "1"), ("SSL_VERIFY_SERVER_CERT", "0")];
        assert_eq!(verify(&both), Ok(true));
    }

    #[test]
    fn what_has_no_effect_is_told() {
        let variables = [
            ("LIBPROCESS_SSL_CIPHERS", "AES"),
            ("SSL_VERIFY_IPADD", "1"),
            ("LIBPROCESS_SSL_REQUIRE_CERT", "1"),
            ("LIBPROCESS_SSL_ENABLE_SSL_V3", "1"),
            ("LIBPROCESS_SSL_ENABLE_TLS_V1_0", "0"),
            ("LIBPROCESS_SSL_VERIFY_CERT", "0"),
        ];
        let warnings = read(&variables).expect("settings").warnings;
        let named = [
            "LIBPROCESS_SSL_CIPHERS ",
            "SSL_VERIFY_IPADD ",
            "LIBPROCESS_SSL_REQUIRE_CERT ",
            "LIBPROCESS_SSL_ENABLE_SSL_V3 ",
            "anybody who answers",
        ];
        assert_eq!(warnings.len(), named.len(), "{warnings:?}");
        assert!(warnings.iter().zip(named).all(|(w, name)| w.contains(name)), "{warnings:?}");
    }

    #[test]
    fn files_and_versions() {
        let all = read(&[
            ("LIBPROCESS_SSL_CA_FILE", "/ca"),
            ("LIBPROCESS_SSL_CA_DIR", "/cas"),
            ("LIBPROCESS_SSL_CERT_FILE", "/cert"),
            ("LIBPROCESS_SSL_KEY_FILE", "/key"),
            ("LIBPROCESS_SSL_ENABLE_TLS_V1_3", "0"),
        ]);
        let expected = Settings {
            verify: true,
            ca_file: Some("/ca".into()),
            ca_dir: Some("/cas".into()),
            certificate: Some(("/cert".into(), "/key".into())),
            tls12: true,
            tls13: false,
            warnings: Vec::new(),
        };
        assert_eq!(all, Ok(expected));
        assert_eq!(
            read(&[("SSL_CERT_FILE", "/roots")]),
            Ok(Settings::default()),
            "OpenSSL's variable"
        );
        let both = [("SSL_CERT_FILE", "/c"), ("SSL_KEY_FILE", "/k")];
        assert!(read(&both).expect_err("ambiguous").to_string().contains("hides"));
        let with_ca = [("SSL_CERT_FILE", "/c"), ("SSL_KEY_FILE", "/k"), ("SSL_CA_FILE", "/ca")];
        assert!(read(&with_ca).expect("settings").certificate.is_some());
        assert!(read(&[("LIBPROCESS_SSL_CERT_FILE", "/c")]).is_err());
        assert!(read(&[("LIBPROCESS_SSL_KEY_FILE", "/k")]).is_err());
        let none = [
            ("LIBPROCESS_SSL_ENABLE_TLS_V1_2", "0"),
            ("LIBPROCESS_SSL_ENABLE_TLS_V1_3", "0"),
        ];
        assert!(read(&none).is_err());
    }
}

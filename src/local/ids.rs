//! Identifiers: made here, or sent by clients and checked here. Checked ids are safe as names of files.

use crate::random;
use std::net::SocketAddr;

/// Random bytes of the system. It cannot fail on a system that has booted; when it does, the cluster's start fails with it.
fn random<const N: usize>() -> [u8; N] {
    // Weak ids would still be unique by the clock; the secret asks for real randomness itself.
    random::bytes().unwrap_or_else(|_| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let now = now.to_le_bytes();
        std::array::from_fn(|index| now[index % now.len()])
    })
}

/// A version 4 UUID (RFC 4122) as bytes: the form in TaskStatus.uuid.
pub fn uuid_bytes() -> [u8; 16] {
    random::uuid_v4(random())
}

/// A version 4 UUID as text, 36 characters.
pub fn uuid() -> String {
    let hex = hex(&uuid_bytes());
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// What libprocess calls the agent with this number, from 0: `slave(1)`.
pub fn agent_name(number: usize) -> String {
    format!("slave({})", number + 1)
}

/// The same with its address: `slave(1)@127.0.0.1:5051`.
pub fn agent_pid(number: usize, address: SocketAddr) -> String {
    format!("{}@{address}", agent_name(number))
}

/// 256 random bits in hexadecimal.
pub fn secret() -> std::io::Result<String> {
    random::bytes::<32>().map(|bytes| hex(&bytes))
}

/// Whether `given` is `secret`, in a time that says nothing of it but its length.
pub fn is_same_secret(given: &[u8], secret: &str) -> bool {
    let differences = given.iter().zip(secret.as_bytes());
    given.len() == secret.len() && differences.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `bytes` is a UUID that Mesos takes: 16 bytes of an RFC 4122 variant and version.
pub fn is_uuid(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, _, _, _, version, _, variant, ..] if bytes.len() == 16
        && variant & 0xc0 == 0x80 && (1..=5).contains(&(version >> 4)))
}

pub use crate::resources::check_id as check;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_no_file_names_are_refused() {
        let long = "x".repeat(256);
        for (id, error) in [
            ("", "ID must not be empty"),
            (long.as_str(), "ID must not be greater than 255 characters"),
            (".", "'.' is disallowed"),
            ("..", "'..' is disallowed"),
            ("a/b", "'a/b' contains invalid characters"),
            ("a\\b", "'a\\b' contains invalid characters"),
            ("a\nb", "'a\nb' contains invalid characters"),
        ] {
            assert_eq!(check(id), Err(error.to_string()));
        }
        assert_eq!(check("task 1.é"), Ok(()));
    }

    #[test]
    fn uuids_are_of_version_4() {
        let bytes = uuid_bytes();
        assert!(is_uuid(&bytes) && bytes != uuid_bytes());
        assert!(!is_uuid(&[0; 16]) && !is_uuid(&bytes[1..]));
        assert_eq!(uuid().len(), 36);
        assert_eq!(secret().unwrap().len(), 64);
    }
}

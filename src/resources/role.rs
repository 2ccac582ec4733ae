//! Roles: `*`, or paths of names, of which each is below the one before: `eng`, `eng/web`.

/// Checks a role: `*`, or a path of names.
pub fn check_role(role: &str) -> Result<(), String> {
    if role == "*" {
        return Ok(());
    }
    if role.is_empty() {
        return Err("Empty role name is invalid".into());
    }
    if role.starts_with('/') || role.ends_with('/') {
        return Err(format!("Role '{role}' cannot start or end with a slash"));
    }
    for part in role.split('/') {
        let bad = match part {
            "" => "two adjacent slashes",
            "." | ".." | "*" => "a reserved component",
            _ if part.starts_with('-') => "a component that starts with a dash",
            _ if part.bytes().any(|b| b.is_ascii_whitespace() || b == 0x0b || b == 0x08) => "invalid characters",
            _ => continue,
        };
        return Err(format!("Role '{role}' contains {bad}"));
    }
    Ok(())
}

/// Whether `role` is `ancestor` or one of those below it: `eng/web` of `eng`.
pub fn is_at_or_below(role: &str, ancestor: &str) -> bool {
    match role.strip_prefix(ancestor) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        for role in ["*", "web", "eng/web"] {
            assert!(check_role(role).is_ok());
        }
        for role in ["", "/a", "a/", "a//b", "a/*", "-a", "a b", ".."] {
            assert!(check_role(role).is_err(), "{role}");
        }
    }
}

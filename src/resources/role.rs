//! Roles: `*`, or paths of names, of which each is below the one before: `eng`, `eng/web`.

/// Checks a role: `*`, or a path of names.
pub fn check_role(role: &str) -> Result<(), String> {
    if role == "*" {
        return Ok(());
    }
    if role.is_empty() {
        return Err("Role names cannot be the empty string".into());
    }
    if role.starts_with('/') {
        return Err(format!("Role '{role}' cannot start with a slash"));
    }
    if role.ends_with('/') {
        return Err(format!("Role '{role}' cannot end with a slash"));
    }
    for part in role.split('/') {
        let bad = match part {
            "" => return Err(format!("Role '{role}' cannot contain two adjacent slashes")),
            "." | ".." | "*" => return Err(format!("Role '{role}' cannot include '{part}' as a component")),
            _ if part.starts_with('-') => "starts with a dash",
            _ if part.bytes().any(|b| b.is_ascii_whitespace() || b == 0x0b || b == 0x08) => "contains backspace or whitespace",
            _ => continue,
        };
        return Err(format!("Role component '{part}' is invalid because it {bad}"));
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

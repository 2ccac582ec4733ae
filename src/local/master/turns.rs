//! Who is next: Mesos' dominant resource fairness, over the tree of roles and then over the frameworks of a role.
//!
//! The smallest share comes first. Among equal shares it is the one that was chosen least often, so that those who decline
//! everything get offers in turn; then the name decides.

use std::collections::{BTreeMap, BTreeSet};

/// How often each was chosen.
#[derive(Default)]
pub struct Turns {
    /// By path in the tree of roles. `eng/.` is the role `eng` itself, `eng` with all below it.
    roles: BTreeMap<String, u64>,
    /// By role and framework.
    frameworks: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Turns {
    pub fn chosen(&mut self, role: &str, framework: &str) {
        let above = role.match_indices('/').map(|(end, _)| &role[..end]);
        for path in above.chain([role]).map(str::to_string).chain([itself(role)]) {
            *self.roles.entry(path).or_default() += 1;
        }
        let of_role = self.frameworks.entry(role.to_string()).or_default();
        *of_role.entry(framework.to_string()).or_default() += 1;
    }

    /// Forgets whoever is neither among `roles` nor above one of them, and frameworks that are not `there`.
    pub fn keep(&mut self, roles: &BTreeSet<&str>, there: impl Fn(&str) -> bool) {
        let is_of = |path: &str| {
            let path = path.strip_suffix("/.").unwrap_or(path);
            roles.iter().any(|role| crate::resources::role::is_at_or_below(role, path))
        };
        self.roles.retain(|path, _| is_of(path));
        self.frameworks.retain(|role, counts| {
            counts.retain(|id, _| there(id));
            roles.contains(role.as_str()) && !counts.is_empty()
        });
    }

    /// All `roles`, the next one first. `share` is what of a path in the tree these roles have together.
    pub fn roles(&self, roles: &BTreeSet<&str>, share: &dyn Fn(&str, &[&str]) -> f64) -> Vec<String> {
        let mut order = Vec::new();
        self.level("", roles.iter().copied().collect(), share, &mut order);
        order
    }

    /// Orders the children of one node of the tree, each with all that is below it.
    fn level(&self, above: &str, roles: Vec<&str>, share: &dyn Fn(&str, &[&str]) -> f64, order: &mut Vec<String>) {
        let mut children: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for role in roles {
            let start = if above.is_empty() { 0 } else { above.len() + 1 };
            let path = match role.get(start..) {
                Some(rest) => match rest.find('/') {
                    Some(end) => role[..start + end].to_string(),
                    None => role.to_string(),
                },
                None => itself(role),
            };
            children.entry(path).or_default().push(role);
        }
        let count = |path: &String| self.roles.get(path).copied().unwrap_or(0);
        let mut ranked: Vec<_> = children
            .into_iter()
            .map(|(path, members)| (share(&path, &members), count(&path), path, members))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| (a.1, &a.2).cmp(&(b.1, &b.2))));
        for (_, _, path, members) in ranked {
            match members.as_slice() {
                [only] if *only == path || itself(only) == path => order.push(only.to_string()),
                _ => self.level(&path, members, share, order),
            }
        }
    }

    /// `frameworks` with their shares, the next one first.
    pub fn frameworks(&self, role: &str, frameworks: Vec<(f64, String)>) -> Vec<String> {
        let counts = self.frameworks.get(role);
        let count = |id: &String| counts.and_then(|counts| counts.get(id)).copied().unwrap_or(0);
        let mut ranked: Vec<_> = frameworks.into_iter().map(|(share, id)| (share, count(&id), id)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| (a.1, &a.2).cmp(&(b.1, &b.2))));
        ranked.into_iter().map(|(_, _, id)| id).collect()
    }
}

fn itself(role: &str) -> String {
    format!("{role}/.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_then_turns_then_names() {
        let mut turns = Turns::default();
        let roles = BTreeSet::from(["db", "eng", "eng/web", "eng/web/a", "web"]);
        let none = |_: &str, _: &[&str]| 0.0;
        assert_eq!(turns.roles(&roles, &none), ["db", "eng", "eng/web", "eng/web/a", "web"]);
        turns.chosen("eng/web", "f");
        assert_eq!(turns.roles(&roles, &none), ["db", "web", "eng", "eng/web/a", "eng/web"]);
        turns.chosen("db", "f");
        turns.chosen("web", "f");
        // What the subtree has together counts, not what each of it has.
        let share = |_: &str, roles: &[&str]| roles.iter().filter(|role| role.starts_with("eng")).count() as f64;
        assert_eq!(turns.roles(&roles, &share), ["db", "web", "eng", "eng/web/a", "eng/web"]);
        let two = |a: f64, b: f64| vec![(a, "f".to_string()), (b, "g".to_string())];
        assert_eq!(turns.frameworks("db", two(0.0, 0.0)), ["g", "f"]);
        assert_eq!(turns.frameworks("db", two(0.0, 0.1)), ["f", "g"]);
        assert_eq!(turns.frameworks("else", two(0.0, 0.0)), ["f", "g"]);
        turns.keep(&BTreeSet::from(["eng/web"]), |_| true);
        assert_eq!(turns.roles.keys().collect::<Vec<_>>(), ["eng", "eng/web", "eng/web/."]);
        turns.keep(&BTreeSet::new(), |_| true);
        assert!(turns.roles.is_empty() && turns.frameworks.is_empty());
    }
}

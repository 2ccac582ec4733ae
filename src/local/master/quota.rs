//! Weights and quotas of roles: what operators say of who gets how much.

use super::state::Quota;
use super::Master;
use crate::proto::Resource;
use crate::resources::item::{is_indivisible, reserved_for, with_thousandths};
use crate::resources::role::{check_role, is_at_or_below};
use crate::resources::{conversion::size, thousandths, Resources};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// More than this of anything is no quota.
const MOST: f64 = 1_000_000_000_000.0;

/// Amounts of scalars by name, in thousandths.
type Quantities = BTreeMap<String, i64>;

fn quantities(amounts: &BTreeMap<String, f64>) -> Quantities {
    amounts
        .iter()
        .map(|(name, amount)| (name.clone(), thousandths(*amount)))
        .collect()
}

/// `cpus:2; mem:512`, or `{}`
fn text(quantities: &Quantities) -> String {
    let some = quantities.iter().filter(|(_, amount)| **amount != 0);
    let list: Vec<String> = some
        .map(|(name, amount)| format!("{name}:{}", *amount as f64 / 1000.0))
        .collect();
    match list.is_empty() {
        true => "{}".into(),
        false => list.join("; "),
    }
}

/// `{'cpus': 2, 'mem': 512}`
fn quoted(amounts: &BTreeMap<String, f64>) -> String {
    let list: Vec<String> = amounts.iter().map(|(name, amount)| format!("'{name}': {amount}")).collect();
    format!("{{{}}}", list.join(", "))
}

/// `{ cpus: 2, mem: 512 }`
fn braces(amounts: &BTreeMap<String, f64>) -> String {
    let list: Vec<String> = amounts.iter().map(|(name, amount)| format!("{name}: {amount}")).collect();
    format!("{{ {} }}", list.join(", "))
}

fn add(sum: &mut Quantities, item: &Resource, sign: i64) {
    if item.scalar.is_some() {
        *sum.entry(item.name.clone()).or_default() += sign * size(item);
    }
}

fn is_unreserved(item: &&Resource) -> bool {
    item.reservations.is_empty()
}

/// The role that has the quota, if one of these has: `eng` of `eng/web`.
fn top(role: &str) -> &str {
    role.split('/').next().unwrap_or(role)
}

/// What counts for quotas during a run of the allocator: summed up over all agents and frameworks once, and not for each offer.
#[derive(Default)]
pub(super) struct Ledger {
    /// What each role with a quota uses up, offers included.
    consumed: BTreeMap<String, Quantities>,
    guarantees: BTreeMap<String, Quantities>,
    /// What all roles together lack of their guarantees.
    lacking: Quantities,
    /// What is free and reserved for nobody.
    free: Quantities,
}

impl Ledger {
    fn consumed(&self, role: &str, name: &str) -> i64 {
        amount(&self.consumed, role, name)
    }

    /// What a role lacks of its guarantee.
    fn lacks(&self, role: &str, name: &str) -> i64 {
        (amount(&self.guarantees, role, name) - self.consumed(role, name)).max(0)
    }

    /// What is free anywhere, less what others than this role lack of their guarantees.
    fn surplus(&self, role: &str, name: &str) -> i64 {
        let of = |quantities: &Quantities| quantities.get(name).copied().unwrap_or(0);
        of(&self.free) - (of(&self.lacking) - self.lacks(role, name))
    }

    /// A role is offered something.
    pub(super) fn offered(&mut self, role: &str, resources: &Resources) {
        let role = top(role);
        for item in resources.items().iter().filter(is_unreserved) {
            let before = self.lacks(role, &item.name);
            if let Some(consumed) = self.consumed.get_mut(role) {
                add(consumed, item, 1);
            }
            let less = before - self.lacks(role, &item.name);
            if let Some(lacking) = self.lacking.get_mut(&item.name) {
                *lacking -= less;
            }
            add(&mut self.free, item, -1);
        }
    }
}

fn amount(of: &BTreeMap<String, Quantities>, role: &str, name: &str) -> i64 {
    of.get(role).and_then(|quantities| quantities.get(name)).copied().unwrap_or(0)
}

fn is_above(used: &Quantities, limits: &Quantities) -> bool {
    let mut limits = limits.iter();
    limits.any(|(name, limit)| used.get(name).is_some_and(|used| used > limit))
}

impl Master {
    /// The weight of a role, or of a role with all below it.
    pub fn weight(&self, role: &str) -> f64 {
        self.weights.get(role).copied().unwrap_or(1.0)
    }

    /// UPDATE_WEIGHTS; the error is the text of a 400.
    pub fn update_weights(&mut self, weights: &[(String, f64)]) -> Result<(), String> {
        let invalid = "Failed to validate update weights request JSON";
        let weights: Vec<(String, f64)> = weights.iter().map(|(role, weight)| (role.trim().into(), *weight)).collect();
        for (role, weight) in &weights {
            check_role(role).map_err(|why| format!("{invalid}: Invalid role '{role}': {why}"))?;
            if weight.is_nan() || *weight <= 0.0 {
                let why = format!("Invalid weight '{weight}': Weights must be positive");
                return Err(format!("{invalid} for role '{role}': {why}"));
            }
        }
        self.weights.extend(weights.iter().cloned());
        // Who has less than its share now can have what others were offered.
        for offer in self.offers_where(|offer| weights.iter().any(|(role, _)| *role == offer.role)) {
            self.rescind(&offer);
        }
        self.allocate();
        Ok(())
    }

    /// UPDATE_QUOTA: all of it or nothing; the error is the text of a 400. `force` is to mind no present use.
    pub fn update_quotas(&mut self, quotas: &[(String, Quota)], force: bool) -> Result<(), String> {
        let invalid = |why: String| format!("Invalid QuotaConfig: {why}");
        for (role, quota) in quotas {
            check_role(role).map_err(|why| invalid(format!("Invalid 'QuotaConfig.role': {why}")))?;
            if role.contains('/') {
                return Err(format!("Updating quota on nested role '{role}' is not supported yet"));
            }
            for (what, amounts) in [("guarantee", &quota.guarantees), ("limit", &quota.limits)] {
                let given = quoted(amounts);
                if amounts.values().any(|amount| amount.is_nan() || *amount < 0.0) {
                    let why = format!("Invalid {what} configuration {given}: Negative values not supported");
                    return Err(invalid(why));
                }
                if amounts.values().any(|amount| *amount > MOST) {
                    return Err(invalid(format!(
                        "Invalid 'QuotaConfig.{what}s': {given} is invalid: values greater than 1 trillion ({MOST}) are not supported"
                    )));
                }
            }
            let above = |(name, amount): (&String, &f64)| quota.limits.get(name).is_some_and(|limit| amount > limit);
            if quota.guarantees.iter().any(above) {
                let (guarantees, limits) = (braces(&quota.guarantees), braces(&quota.limits));
                return Err(invalid(format!(
                    "'QuotaConfig.guarantees' {guarantees} is not contained within the 'QuotaConfig.limits' {limits}"
                )));
            }
        }
        let mut all = self.quotas.clone();
        all.extend(quotas.iter().cloned());
        all.values_mut()
            .for_each(|quota| quota.guarantees.retain(|_, amount| *amount != 0.0));
        if !force {
            self.check_quotas(quotas, &all)
                .map_err(|why| invalid(why + " (use 'force' flag to bypass this check)"))?;
        }
        self.quotas = all;
        for (role, quota) in quotas {
            let (limits, used) = (quantities(&quota.limits), self.consumed(role, true));
            if is_above(&used, &limits) {
                for offer in self.offers_where(|offer| is_at_or_below(&offer.role, role)) {
                    self.rescind(&offer);
                }
            }
        }
        self.allocate();
        Ok(())
    }

    /// REMOVE_QUOTA; whether the role had one. UPDATE_QUOTA leaves one without amounts.
    pub fn remove_quota(&mut self, role: &str) -> bool {
        let removed = self.quotas.remove(role).is_some();
        self.allocate();
        removed
    }

    /// As if no operator had ever planned anything.
    pub fn forget_plans(&mut self) {
        self.weights.clear();
        self.quotas.clear();
        self.maintenance = Default::default();
        self.rescind_inverse_offers(|_| true);
        self.inverse_offers.answers.clear();
        self.allocate();
    }

    /// Whether all these guarantees can be kept.
    pub fn check_guarantees<'a>(&self, all: impl Iterator<Item = &'a Quota>) -> Result<(), String> {
        let (mut guaranteed, mut capacity) = (Quantities::new(), Quantities::new());
        for quota in all {
            for (name, amount) in quantities(&quota.guarantees) {
                *guaranteed.entry(name).or_default() += amount;
            }
        }
        let items = self.agents.values().flat_map(|agent| agent.total.items());
        items.for_each(|item| add(&mut capacity, item, 1));
        if guaranteed
            .iter()
            .any(|(name, amount)| *amount > capacity.get(name).copied().unwrap_or(0))
        {
            let (guaranteed, capacity) = (text(&guaranteed), text(&capacity));
            return Err(format!(
                "total quota guarantees '{guaranteed}' exceed cluster capacity '{capacity}'"
            ));
        }
        Ok(())
    }

    fn check_quotas(&self, quotas: &[(String, Quota)], all: &BTreeMap<String, Quota>) -> Result<(), String> {
        self.check_guarantees(all.values())?;
        for (role, quota) in quotas {
            let (limits, used) = (quantities(&quota.limits), self.consumed(role, false));
            if is_above(&used, &limits) {
                let (used, limits) = (text(&used), text(&limits));
                return Err(format!(
                    "Role '{role}' is already consuming '{used}'; this is more than the requested limits '{limits}'"
                ));
            }
        }
        Ok(())
    }

    /// What of its quota a role uses up, but for what it is only offered.
    pub fn quota_used(&self, role: &str) -> BTreeMap<String, f64> {
        let used = self.consumed(role, false).into_iter().filter(|(_, amount)| *amount != 0);
        used.map(|(name, amount)| (name, amount as f64 / 1000.0)).collect()
    }

    /// What of its quota a role uses up: what is reserved for it, used or not, and what it has of the rest.
    fn consumed(&self, role: &str, with_offers: bool) -> Quantities {
        let mut sum = Quantities::new();
        let totals = self.agents.values().flat_map(|agent| agent.total.items());
        let reserved = totals.filter(|item| reserved_for(item).is_some_and(|reserved| is_at_or_below(reserved, role)));
        reserved.for_each(|item| add(&mut sum, item, 1));
        let allocated = self.frameworks.values().flat_map(|f| &f.allocated);
        let allocated = allocated.filter(|(allocated, _)| is_at_or_below(allocated, role));
        let items = allocated.flat_map(|(_, resources)| resources.items());
        items.filter(is_unreserved).for_each(|item| add(&mut sum, item, 1));
        if !with_offers {
            let offers = self.offers.values().filter(|offer| is_at_or_below(&offer.role, role));
            let items = offers.flat_map(|offer| offer.resources.items());
            items.filter(is_unreserved).for_each(|item| add(&mut sum, item, -1));
        }
        sum
    }

    /// What a run of the allocator begins with. Without quotas nobody asks for it.
    pub(super) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        if self.quotas.is_empty() {
            return ledger;
        }
        let consumed = self.quotas.keys().map(|role| (role.clone(), self.consumed(role, true)));
        ledger.consumed = consumed.collect();
        let guarantees = self.quotas.iter();
        ledger.guarantees = guarantees
            .map(|(role, quota)| (role.clone(), quantities(&quota.guarantees)))
            .collect();
        let mut lacking = Quantities::new();
        for (role, guarantees) in &ledger.guarantees {
            for name in guarantees.keys() {
                *lacking.entry(name.clone()).or_default() += ledger.lacks(role, name);
            }
        }
        ledger.lacking = lacking;
        let connected = self.agents.values().filter(|agent| agent.connected);
        let free = connected.flat_map(|agent| agent.free.items()).filter(is_unreserved);
        free.for_each(|item| add(&mut ledger.free, item, 1));
        ledger
    }

    /// What of `resources` a role may still have.
    pub(super) fn within_quotas<'a>(&self, ledger: &Ledger, role: &str, resources: Cow<'a, Resources>) -> Cow<'a, Resources> {
        if self.quotas.is_empty() {
            return resources;
        }
        let top = top(role);
        let quota = self.quotas.get(top);
        let most = |name: &str| {
            let (surplus, own) = (ledger.surplus(top, name), ledger.lacks(top, name));
            let limit = quota.and_then(|quota| quota.limits.get(name));
            let below = limit.map_or(i64::MAX, |limit| thousandths(*limit) - ledger.consumed(top, name));
            below.min(surplus.max(own)).max(0)
        };
        let shrunk = resources
            .items()
            .iter()
            .map(|item| match item.scalar.is_some() && is_unreserved(&item) {
                false => item.clone(),
                true => match most(&item.name) {
                    most if most >= size(item) => item.clone(),
                    _ if is_indivisible(item) => with_thousandths(item, 0),
                    most => with_thousandths(item, most),
                },
            });
        Cow::Owned(Resources::new(&shrunk.collect::<Vec<_>>()))
    }

    /// Whether a role lacks something of its guarantees: then it comes first.
    pub(super) fn is_short(&self, ledger: &Ledger, role: &str) -> bool {
        let top = top(role);
        self.quotas.get(top).is_some_and(|quota| {
            let mut names = quota.guarantees.keys();
            names.any(|name| ledger.lacks(top, name) > 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;
    use crate::local::master::tests::{info, launch, master, register, subscribe, told, wait};
    use crate::local::master::Master;
    use crate::proto::framework_info::capability::Type as Capability;
    use crate::proto::FrameworkInfo;
    use std::collections::BTreeMap;

    fn role(master: &mut Master, stream: u64, role: &str) {
        let info = FrameworkInfo {
            roles: vec![role.into()],
            ..info(&role.replace('/', "-"), &[Capability::MultiRole], true)
        };
        subscribe(master, stream, info);
    }

    fn amounts(text: &str) -> BTreeMap<String, f64> {
        let items = crate::resources::text::parse(text).unwrap();
        items
            .into_iter()
            .map(|item| (item.name, item.scalar.unwrap().value))
            .collect()
    }

    fn limits(role: &str, text: &str) -> Vec<(String, Quota)> {
        let limits = amounts(text);
        let guarantees = BTreeMap::new();
        vec![(role.to_string(), Quota { guarantees, limits })]
    }

    fn guarantees(role: &str, text: &str) -> Vec<(String, Quota)> {
        let (limits, guarantees) = (BTreeMap::new(), amounts(text));
        vec![(role.to_string(), Quota { guarantees, limits })]
    }

    fn offered(master: &Master, framework: &str) -> f64 {
        let offers = master.offers.values().filter(|offer| offer.framework == framework);
        offers.map(|offer| offer.resources.scalar("cpus")).sum()
    }

    #[test]
    fn a_role_gets_no_more_than_its_limits() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;cpus(eng):2;mem:2048;mem(eng):512");
        role(&mut master, 1, "eng");
        assert_eq!(offered(&master, "eng"), 6.0);
        told(&mut master);
        // What is reserved counts. What is only offered does not: it is rescinded.
        let error =
            "Invalid QuotaConfig: Role 'eng' is already consuming 'cpus:2; mem:512'; this is more than the requested limits \
                     'cpus:1' (use 'force' flag to bypass this check)";
        assert_eq!(master.update_quotas(&limits("eng", "cpus:1"), false), Err(error.to_string()));
        master.update_quotas(&limits("eng", "cpus:3.5"), false).unwrap();
        assert_eq!(told(&mut master).0, ["1 rescind", "1 offers of M-S0"]);
        assert_eq!(offered(&master, "eng"), 3.5);
        launch(&mut master, "eng", "t", "cpus:1.5;mem:32");
        wait(&mut master, 6);
        assert_eq!(offered(&master, "eng"), 2.0);
        // Those below it share its quota, others have none.
        master.take_back_offers("eng");
        master.suppress("eng", &[]);
        role(&mut master, 2, "eng/web");
        assert_eq!(offered(&master, "eng-web"), 2.0);
        role(&mut master, 3, "ops");
        assert_eq!(offered(&master, "ops"), 2.5);
        // None any more.
        master.update_quotas(&limits("eng", ""), false).unwrap();
        assert_eq!(master.quotas["eng"], Quota::default());
        assert!(master.remove_quota("eng") && !master.remove_quota("eng"));
        let bad = guarantees("ops", "cpus:100");
        let error = "Invalid QuotaConfig: total quota guarantees 'cpus:100' exceed cluster capacity 'cpus:6; mem:2560' \
                     (use 'force' flag to bypass this check)";
        assert_eq!(master.update_quotas(&bad, false), Err(error.to_string()));
        let mut both = guarantees("ops", "cpus:3");
        both[0].1.limits = amounts("cpus:2");
        let error = "Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 3 } is not contained within the 'QuotaConfig.limits' { cpus: 2 }";
        assert_eq!(master.update_quotas(&both, true), Err(error.to_string()));
    }

    #[test]
    fn guarantees_are_kept_free() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:2048");
        master.update_quotas(&guarantees("db", "cpus:3"), false).unwrap();
        role(&mut master, 1, "a");
        assert_eq!(offered(&master, "a"), 1.0);
        role(&mut master, 2, "db");
        wait(&mut master, 1);
        assert_eq!(offered(&master, "db"), 3.0);
    }

    #[test]
    fn what_is_offered_counts_in_the_same_run() {
        let two = |quota: &[(String, Quota)], name: &str| {
            let mut master = master();
            (0..2).for_each(|link| register(&mut master, link, "cpus:2;mem:512"));
            master.update_quotas(quota, false).unwrap();
            role(&mut master, 1, name);
            offered(&master, name)
        };
        assert_eq!(two(&limits("eng", "cpus:3"), "eng"), 3.0);
        assert_eq!(two(&guarantees("db", "cpus:3"), "a"), 1.0);
    }

    #[test]
    fn a_guarantee_is_kept_for_nobody_once_it_is_offered() {
        let mut master = master();
        (0..2).for_each(|link| register(&mut master, link, "cpus:2;mem:512"));
        let quotas = ["db", "web"].map(|name| {
            let limits = amounts("cpus:1");
            let guarantees = amounts("cpus:1");
            (name.to_string(), Quota { guarantees, limits })
        });
        master.update_quotas(&quotas, false).unwrap();
        ["db", "web", "a"]
            .into_iter()
            .zip(1..)
            .for_each(|(name, stream)| role(&mut master, stream, name));
        ["db", "web", "a"].iter().for_each(|name| master.take_back_offers(name));
        // In one run.
        master.allocate();
        assert_eq!(["db", "web", "a"].map(|name| offered(&master, name)), [1.0, 1.0, 2.0]);
    }

    #[test]
    fn weights_shift_turns() {
        let mut master = master();
        (0..2).for_each(|link| register(&mut master, link, "cpus:4;mem:1024"));
        role(&mut master, 1, "a");
        launch(&mut master, "a", "t", "cpus:2;mem:32");
        master.suppress("a", &[]);
        master.take_back_offers("a");
        role(&mut master, 2, "b");
        launch(&mut master, "b", "u", "cpus:1;mem:32");
        master.suppress("b", &[]);
        master.take_back_offers("b");
        let next = |master: &mut Master| {
            let frameworks = master.frameworks.values_mut();
            let suppressed: Vec<_> = frameworks.map(|f| std::mem::take(&mut f.suppressed)).collect();
            let order = master.roles_in_turn(&master.ledger());
            for (framework, suppressed) in master.frameworks.values_mut().zip(suppressed) {
                framework.suppressed = suppressed;
            }
            order
        };
        // b has half of what a has.
        assert_eq!(next(&mut master), ["b", "a"]);
        master.update_weights(&[("a".into(), 4.0)]).unwrap();
        assert_eq!(next(&mut master), ["a", "b"]);
        let error = "Failed to validate update weights request JSON for role 'a': Invalid weight '0': Weights must be positive";
        assert_eq!(master.update_weights(&[("a".into(), 0.0)]), Err(error.to_string()));
    }
}

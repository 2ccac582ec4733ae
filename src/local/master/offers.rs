//! The allocator and its offers: who gets the agent's free resources, and who refused them.
//!
//! There is one agent, so one run gives everything that is free and fits to the first framework whose [turn](super::turns) it is.

use crate::local::api::stream::scheduler_event;
use crate::local::core::{Core, Filter, Framework, Offer};
use crate::local::resources::Resources;
use crate::local::timers::Timer;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::resource::AllocationInfo;
use crate::proto::scheduler::{event, Event};
use crate::proto::{self, ExecutorId, Filters, FrameworkId, OfferId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The allocator's period.
pub const BATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Resources of finished tasks are offered again after this. Mesos waits for the next batch; a laptop should feel quick.
const SOON: Duration = Duration::from_millis(100);

const DEFAULT_REFUSE_SECONDS: f64 = 5.0;
const MAX_REFUSE_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

/// How long a refusal lasts; `None` is not at all.
pub fn refusal(filters: Option<&Filters>) -> Option<Duration> {
    let seconds = filters.and_then(|f| f.refuse_seconds).unwrap_or(DEFAULT_REFUSE_SECONDS);
    if seconds == 0.0 {
        return None;
    }
    let seconds = match seconds {
        s if s.is_nan() || s < 0.0 => DEFAULT_REFUSE_SECONDS,
        s => s.min(MAX_REFUSE_SECONDS),
    };
    Some(Duration::from_secs_f64(seconds).max(BATCH_INTERVAL))
}

impl Framework {
    /// Whether `resources` may be offered in `role` now: not when an unexpired refusal covers all of them.
    fn wants(&self, role: &str, resources: &Resources, now: Instant) -> bool {
        self.is_connected()
            && !self.suppressed.contains(role)
            && self
                .filters
                .iter()
                .all(|f| f.role != role || f.until <= now || !f.refused.contains(resources))
    }

    fn strip(&self) -> bool {
        !self.has(Capability::MultiRole)
    }
}

impl Core {
    /// One run over all roles and frameworks.
    pub fn allocate(&mut self) {
        if !self.free.is_allocatable() {
            return;
        }
        let now = Instant::now();
        for framework in self.frameworks.values_mut() {
            framework.filters.retain(|filter| filter.until > now);
        }
        let has_gpus = self.identity.total.scalar("gpus") > 0.0;
        let mut made: BTreeMap<String, Vec<proto::Offer>> = BTreeMap::new();
        for role in self.roles_in_turn() {
            for id in self.frameworks_in_turn(&role) {
                let resources = self.free.usable_by(&role);
                if !resources.is_allocatable() {
                    break;
                }
                // An agent with gpus is kept for those that can use them.
                let wants = |f: &Framework| f.wants(&role, &resources, now) && (!has_gpus || f.has(Capability::GpuResources));
                if self.frameworks.get(&id).is_some_and(wants) {
                    self.turns.chosen(&role, &id);
                    let offer = self.make_offer(&id, role.clone(), resources);
                    made.entry(id).or_default().push(offer);
                }
            }
        }
        for (id, offers) in made {
            let offers = Some(event::Offers {
                offers,
                ..Default::default()
            });
            self.send(
                &id,
                &Event {
                    offers,
                    ..scheduler_event(event::Type::Offers)
                },
            );
        }
    }

    /// The largest share of any resource that `allocated` is of the whole.
    fn dominant_share<'a>(&self, allocated: impl Iterator<Item = &'a Resources> + Clone) -> f64 {
        let total = &self.identity.total;
        let share = |name| match total.scalar(name) {
            all if all > 0.0 => allocated.clone().map(|one| one.scalar(name)).sum::<f64>() / all,
            _ => 0.0,
        };
        ["cpus", "mem", "disk", "gpus"].into_iter().map(share).fold(0.0, f64::max)
    }

    /// The roles in which somebody may get offers, the next one first.
    fn roles_in_turn(&self) -> Vec<String> {
        let connected = self.frameworks.values().filter(|f| f.is_connected());
        let wanted = connected.flat_map(|f| f.roles.iter().filter(|role| !f.suppressed.contains(*role)));
        let share = |roles: &[&str]| {
            let of = |f: &'_ Framework| {
                roles
                    .iter()
                    .filter_map(|role| f.allocated.get(*role))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let allocated: Vec<Resources> = self.frameworks.values().flat_map(of).collect();
            self.dominant_share(allocated.iter())
        };
        self.turns.roles(&wanted.map(String::as_str).collect(), &share)
    }

    fn frameworks_in_turn(&self, role: &str) -> Vec<String> {
        let members = self.frameworks.iter().filter(|(_, f)| f.roles.iter().any(|one| one == role));
        let shares = members.map(|(id, f)| (self.dominant_share(f.allocated.get(role).into_iter()), id.clone()));
        self.turns.frameworks(role, shares.collect())
    }

    /// Forgets the turns of frameworks that are gone, and of roles that nobody has any more.
    pub fn keep_turns(&mut self) {
        let roles = self.frameworks.values().flat_map(|f| f.roles.iter().map(String::as_str));
        self.turns.keep(&roles.collect(), |id| self.frameworks.contains_key(id));
    }

    fn make_offer(&mut self, framework_id: &str, role: String, resources: Resources) -> proto::Offer {
        let id = format!("{}-O{}", self.identity.master_id, self.next_offer);
        self.next_offer += 1;
        self.free.subtract(&resources);
        let mut executor_ids = Vec::new();
        let mut items = resources.items().to_vec();
        let mut allocation_info = Some(AllocationInfo {
            role: Some(role.clone()),
        });
        if let Some(framework) = self.frameworks.get_mut(framework_id) {
            framework.allocated.entry(role.clone()).or_default().add(&resources);
            executor_ids = framework
                .executors
                .keys()
                .map(|id| ExecutorId { value: id.clone() })
                .collect();
            if framework.strip() {
                allocation_info = None;
            }
        }
        items
            .iter_mut()
            .for_each(|item| item.allocation_info = allocation_info.clone());
        self.offers.insert(
            id.clone(),
            Offer {
                framework: framework_id.to_string(),
                role,
                resources,
            },
        );
        proto::Offer {
            id: OfferId { value: id },
            framework_id: FrameworkId {
                value: framework_id.to_string(),
            },
            slave_id: self.agent_id(),
            hostname: self.identity.hostname.clone(),
            url: Some(proto::Url {
                scheme: "http".into(),
                address: self.address(),
                path: Some("/slave(1)".into()),
                ..Default::default()
            }),
            resources: items,
            attributes: self.identity.attributes.clone(),
            executor_ids,
            allocation_info,
            ..Default::default()
        }
    }

    /// Has an allocation run soon, for resources that came back.
    pub fn allocate_soon(&mut self) {
        if !self.allocation_pending {
            self.allocation_pending = true;
            self.timers.add(SOON, Timer::Allocate);
        }
    }

    /// All offers of a framework become free, without a word.
    pub fn take_back_offers(&mut self, framework: &str) {
        let ids: Vec<String> = self
            .offers
            .iter()
            .filter(|(_, o)| o.framework == framework)
            .map(|(id, _)| id.clone())
            .collect();
        for offer in ids.iter().filter_map(|id| self.offers.remove(id)).collect::<Vec<_>>() {
            self.recover(framework, &offer.role, &offer.resources);
        }
    }

    /// The framework has given roles up: RESCIND for the offers that it has in them.
    pub fn rescind_foreign_offers(&mut self, id: &str) {
        let roles = self.frameworks.get(id).map(|f| f.roles.clone()).unwrap_or_default();
        let foreign = |(_, o): &(&String, &Offer)| o.framework == id && !roles.contains(&o.role);
        let ids: Vec<String> = self.offers.iter().filter(foreign).map(|(id, _)| id.clone()).collect();
        for offer_id in ids {
            if let Some(offer) = self.offers.remove(&offer_id) {
                self.recover(id, &offer.role, &offer.resources);
            }
            let rescind = event::Rescind {
                offer_id: OfferId { value: offer_id },
            };
            self.send(
                id,
                &Event {
                    rescind: Some(rescind),
                    ..scheduler_event(event::Type::Rescind)
                },
            );
        }
    }

    /// DECLINE; unknown offers and those of others are ignored.
    pub fn decline(&mut self, framework: &str, offers: &[OfferId], filters: Option<&Filters>) {
        for id in offers {
            if self.offers.get(&id.value).is_some_and(|offer| offer.framework == framework) {
                if let Some(offer) = self.offers.remove(&id.value) {
                    self.refuse(framework, &offer.role, &offer.resources, filters);
                }
            }
        }
    }

    /// Takes `resources` back from a framework that does not want them for a while.
    pub fn refuse(&mut self, framework: &str, role: &str, resources: &Resources, filters: Option<&Filters>) {
        if resources.is_empty() {
            return;
        }
        self.recover(framework, role, resources);
        if let (Some(framework), Some(duration)) = (self.frameworks.get_mut(framework), refusal(filters)) {
            let until = Instant::now() + duration;
            framework.filters.push(Filter {
                role: role.to_string(),
                refused: resources.clone(),
                until,
            });
        }
    }

    /// REVIVE: of all roles when none is given. One that is not the framework's makes the whole call void.
    pub fn revive(&mut self, id: &str, roles: &[String]) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        if roles.iter().any(|role| !framework.roles.contains(role)) {
            return;
        }
        let named = |role: &String| roles.is_empty() || roles.contains(role);
        framework.suppressed.retain(|role| !named(role));
        framework.filters.retain(|filter| !named(&filter.role));
        self.allocate();
    }

    /// SUPPRESS; offers that are out stay out.
    pub fn suppress(&mut self, id: &str, roles: &[String]) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        if roles.iter().any(|role| !framework.roles.contains(role)) {
            return;
        }
        let named = if roles.is_empty() {
            framework.roles.clone()
        } else {
            roles.to_vec()
        };
        framework.suppressed.extend(named);
    }

    /// The sum of what is offered, by framework; for `/state`.
    pub fn offered(&self) -> BTreeMap<&str, Resources> {
        let mut sums: BTreeMap<&str, Resources> = BTreeMap::new();
        self.offers
            .values()
            .for_each(|offer| sums.entry(&offer.framework).or_default().add(&offer.resources));
        sums
    }

    /// Checks the offers of an ACCEPT; the first thing wrong counts. Returns the common role.
    pub fn check_offers(&self, framework: &str, offers: &[OfferId]) -> Result<String, String> {
        let mut seen = BTreeSet::new();
        for id in offers.iter().map(|id| &id.value) {
            if !seen.insert(id) {
                return Err(format!("Duplicate offer {id} in offer list"));
            }
        }
        let known = |id: &OfferId| {
            self.offers
                .get(&id.value)
                .ok_or_else(|| format!("Offer {} is no longer valid", id.value))
        };
        let known: Vec<&Offer> = offers.iter().map(known).collect::<Result<_, _>>()?;
        for (id, offer) in offers.iter().zip(&known) {
            if offer.framework != framework {
                let (id, owner) = (&id.value, &offer.framework);
                return Err(format!(
                    "Offer {id} has invalid framework {owner} while framework {framework} is expected"
                ));
            }
        }
        let Some(first) = known.first() else {
            return Err("No offers specified".into());
        };
        for (id, offer) in offers.iter().zip(&known) {
            if offer.role != first.role {
                let (id, theirs, ours) = (&id.value, &offer.role, &first.role);
                return Err(format!(
                    "Aggregated offers must be allocated to the same role. Offer {id} uses role {theirs} but another is using role {ours}"
                ));
            }
        }
        Ok(first.role.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(refuse_seconds: f64) -> Option<f64> {
        refusal(Some(&Filters {
            refuse_seconds: Some(refuse_seconds),
        }))
        .map(|d| d.as_secs_f64())
    }

    fn core(resources: &str) -> Core {
        let total = Resources::new(&crate::local::settings::resource_text::parse(resources).unwrap());
        let identity = crate::local::core::Identity {
            owner: nix::unistd::geteuid(),
            master_id: "M".into(),
            agent_id: "M-S0".into(),
            hostname: "localhost".into(),
            address: ([127, 0, 0, 1], 1).into(),
            started: 0.0,
            work_dir: "/".into(),
            attributes: Vec::new(),
            total,
            executor_environment: BTreeMap::new(),
            secret: String::new(),
        };
        Core::new(identity, crate::local::agent::helper::Helper::new().0)
    }

    fn info(roles: &[&str], capabilities: &[Capability]) -> proto::FrameworkInfo {
        let capability = |kind: &Capability| proto::framework_info::Capability {
            r#type: Some(*kind as i32),
        };
        proto::FrameworkInfo {
            roles: roles.iter().map(|role| role.to_string()).collect(),
            capabilities: capabilities.iter().map(capability).collect(),
            ..Default::default()
        }
    }

    /// Who has an offer now, with its role. All are declined for no time, as soon as they are seen.
    fn offered(core: &mut Core) -> Vec<(String, String)> {
        let all: Vec<_> = core
            .offers
            .iter()
            .map(|(id, o)| (id.clone(), o.framework.clone(), o.role.clone()))
            .collect();
        let at_once = Filters {
            refuse_seconds: Some(0.0),
        };
        for (id, framework, _) in &all {
            core.decline(framework, &[OfferId { value: id.clone() }], Some(&at_once));
        }
        core.allocate();
        all.into_iter().map(|(_, framework, role)| (framework, role)).collect()
    }

    /// A real 1.11.0 gave 5 and 4 offers to two such frameworks in 8 seconds.
    #[test]
    fn those_who_decline_take_turns() {
        let mut core = core("cpus:4;mem:1024");
        let multi = [Capability::MultiRole];
        for _ in 0..2 {
            core.subscribe(info(&["*"], &multi), Vec::new());
        }
        let seen: Vec<String> = (0..6).flat_map(|_| offered(&mut core)).map(|(id, _)| id).collect();
        assert_eq!(seen, ["M-0000", "M-0001", "M-0000", "M-0001", "M-0000", "M-0001"]);
        // A framework's roles take turns, too.
        core.remove_framework("M-0000");
        core.remove_framework("M-0001");
        core.subscribe(info(&["db", "web"], &multi), Vec::new());
        let seen: Vec<String> = (0..4).flat_map(|_| offered(&mut core)).map(|(_, role)| role).collect();
        assert_eq!(seen, ["db", "web", "db", "web"]);
    }

    #[test]
    fn reservations_are_for_their_role_and_those_below() {
        let mut core = core("cpus(eng):2;mem(eng):512;cpus(ops):1;mem(ops):512");
        core.subscribe(info(&["eng/web", "web"], &[Capability::MultiRole]), Vec::new());
        let offer = core.offers.values().next().unwrap();
        assert_eq!((core.offers.len(), offer.role.as_str()), (1, "eng/web"));
        assert_eq!(offer.resources.scalar("cpus"), 2.0);
    }

    #[test]
    fn gpus_are_for_those_who_know_them() {
        let mut core = core("cpus:4;mem:1024;gpus:1");
        core.subscribe(info(&["*"], &[Capability::MultiRole]), Vec::new());
        assert!(core.offers.is_empty());
        core.subscribe(info(&["*"], &[Capability::MultiRole, Capability::GpuResources]), Vec::new());
        assert_eq!(core.offers.values().next().unwrap().framework, "M-0001");
    }

    #[test]
    fn durations_of_refusals() {
        assert_eq!(refusal(None), Some(Duration::from_secs(5)));
        assert_eq!(refusal(Some(&Filters { refuse_seconds: None })), Some(Duration::from_secs(5)));
        assert_eq!(seconds(0.0), None);
        assert_eq!(seconds(0.1), Some(1.0), "not below the allocation interval");
        assert_eq!(seconds(-3.0), Some(5.0));
        assert_eq!(seconds(f64::NAN), Some(5.0));
        assert_eq!(seconds(7.5), Some(7.5));
        assert_eq!(seconds(f64::INFINITY), Some(MAX_REFUSE_SECONDS));
        assert_eq!(seconds(1e300), Some(MAX_REFUSE_SECONDS));
    }
}

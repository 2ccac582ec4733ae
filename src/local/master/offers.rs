//! The allocator and its offers: who gets the agents' free resources, and who refused them.
//!
//! A run goes through the agents. Everything of one that is free and fits goes to the first framework whose [turn](super::turns) it is.

use super::state::{Agent, Filter, Framework, Offer};
use super::{Master, Timer};
use crate::local::clock::Time;
use crate::local::events::scheduler_event;
use crate::local::ids;
use crate::local::jitter::Jitter;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::resource::AllocationInfo;
use crate::proto::scheduler::{event, Event};
use crate::proto::{self, ExecutorId, Filters, FrameworkId, OfferId};
use crate::resources::Resources;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What shares are of.
pub const SHARED: [&str; 4] = ["cpus", "mem", "disk", "gpus"];

/// The frameworks of each role, while the allocator runs.
type Members = BTreeMap<String, BTreeSet<String>>;

const DEFAULT_REFUSE_SECONDS: f64 = 5.0;
const MAX_REFUSE_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

/// How long a refusal lasts, at least for one `period` of the allocator; `None` is not at all.
pub(super) fn refusal(filters: Option<&Filters>, period: Duration) -> Option<Duration> {
    let seconds = filters.and_then(|f| f.refuse_seconds).unwrap_or(DEFAULT_REFUSE_SECONDS);
    if seconds == 0.0 {
        return None;
    }
    let seconds = match seconds {
        s if s.is_nan() || s < 0.0 => DEFAULT_REFUSE_SECONDS,
        s => s.min(MAX_REFUSE_SECONDS),
    };
    Some(Duration::from_secs_f64(seconds).max(period))
}

impl Framework {
    /// Whether it takes offers in `role` at all.
    fn listens(&self, role: &str) -> bool {
        self.is_connected() && !self.suppressed.contains(role)
    }

    /// Whether `resources` of `agent` may be offered in `role` now: not when an unexpired refusal covers all of them.
    fn wants(&self, role: &str, agent: &str, resources: &Resources, now: Time) -> bool {
        let keeps_away = |f: &Filter| f.role == role && f.until > now && f.refused.contains(resources);
        self.listens(role) && !self.filters.get(agent).is_some_and(|filters| filters.iter().any(keeps_away))
    }

    /// Whether it may be offered such an item: some are only for those that know what they mean.
    fn knows(&self, item: &proto::Resource) -> bool {
        (item.shared.is_none() || self.has(Capability::SharedResources))
            && (item.revocable.is_none() || self.has(Capability::RevocableResources))
            && (item.reservations.len() < 2 || self.has(Capability::ReservationRefinement))
    }

    fn strip(&self) -> bool {
        !self.has(Capability::MultiRole)
    }
}

impl Master {
    /// There may be something to offer: now, or a little later if the cluster has jitter.
    pub(super) fn allocate(&mut self) {
        match self.jitter {
            None => self.make_offers(),
            Some(_) => self.allocate_soon(),
        }
    }

    /// One run over all agents, roles and frameworks.
    pub(super) fn make_offers(&mut self) {
        let now = self.now;
        for framework in self.frameworks.values_mut() {
            framework.keep_filters(|filter| filter.until > now);
        }
        self.totals = SHARED.map(|name| self.agents.values().map(|agent| agent.total.scalar(name)).sum());
        let mut made: BTreeMap<String, Vec<proto::Offer>> = BTreeMap::new();
        let agents = self
            .agents
            .iter()
            .filter(|(id, agent)| self.is_active(id) && self.identity.minimum.is_reached_by(&agent.free));
        let mut agents: Vec<String> = agents.map(|(id, _)| id.clone()).collect();
        if let Some(jitter) = &mut self.jitter {
            jitter.shuffle(&mut agents);
        }
        let members = self.members();
        for agent in agents {
            self.allocate_agent(&agent, &members, &mut made);
        }
        for (id, offers) in made {
            let offers = Some(event::Offers {
                offers,
                ..Default::default()
            });
            self.send(
                &id,
                Event {
                    offers,
                    ..scheduler_event(event::Type::Offers)
                },
            );
        }
        self.make_inverse_offers();
    }

    /// Offers and inverse offers are numbered together.
    pub(super) fn new_offer_id(&mut self) -> String {
        self.next_offer += 1;
        format!("{}-O{}", self.identity.id, self.next_offer - 1)
    }

    /// Where an agent is.
    pub fn agent_url(&self, agent: &Agent) -> proto::Url {
        proto::Url {
            scheme: self.identity.scheme.into(),
            address: self.address(),
            path: Some(format!("/{}", ids::agent_name(agent.link))),
            ..Default::default()
        }
    }

    /// Gives what an agent has free to those whose turn it is.
    fn allocate_agent(&mut self, agent_id: &str, members: &Members, made: &mut BTreeMap<String, Vec<proto::Offer>>) {
        for role in self.roles_in_turn() {
            for id in self.frameworks_in_turn(&role, members) {
                let Some(agent) = self.agents.get(agent_id) else { return };
                let resources = agent.free.usable_by(&role);
                if !self.identity.minimum.is_reached_by(&resources) {
                    break;
                }
                let Some(framework) = self.frameworks.get(&id) else { continue };
                // An agent with gpus is kept for those that can use them.
                let has_gpus = agent.total.scalar("gpus") > 0.0;
                if !framework.listens(&role) || (has_gpus && !framework.has(Capability::GpuResources)) {
                    continue;
                }
                if !framework.constraints.allow(&role, &agent.info) {
                    continue;
                }
                let resources = self.within_quotas(&role, resources.only(|item| framework.knows(item)));
                if self.identity.minimum.is_reached_by(&resources) && framework.wants(&role, agent_id, &resources, self.now) {
                    self.turns.chosen(&role, &id);
                    if let Some(offer) = self.make_offer(&id, agent_id, &role, resources) {
                        made.entry(id).or_default().push(offer);
                    }
                }
            }
        }
    }

    /// The largest share of any resource that `allocated` is of the whole.
    fn dominant_share<'a>(&self, allocated: impl Iterator<Item = &'a Resources> + Clone) -> f64 {
        let share = |(name, all): (&str, f64)| match all > 0.0 {
            true => allocated.clone().map(|one| one.scalar(name)).sum::<f64>() / all,
            false => 0.0,
        };
        SHARED.into_iter().zip(self.totals).map(share).fold(0.0, f64::max)
    }

    /// The roles in which somebody may get offers, the next one first.
    pub(super) fn roles_in_turn(&self) -> Vec<String> {
        let connected = self.frameworks.values().filter(|f| f.is_connected());
        let wanted = connected.flat_map(|f| f.roles.iter().filter(|role| !f.suppressed.contains(*role)));
        // Once for all roles, not once for each.
        let mut allocated: BTreeMap<&str, Vec<&Resources>> = BTreeMap::new();
        for (role, resources) in self.frameworks.values().flat_map(|framework| &framework.allocated) {
            allocated.entry(role).or_default().push(resources);
        }
        let share = |path: &str, roles: &[&str]| {
            let of = roles.iter().filter_map(|role| allocated.get(role)).flatten().copied();
            self.dominant_share(of) / self.weight(path)
        };
        let mut roles = self.turns.roles(&wanted.map(String::as_str).collect(), &share);
        roles.sort_by_cached_key(|role| !self.is_short(role));
        roles
    }

    /// The frameworks of each role.
    fn members(&self) -> Members {
        let mut members = Members::new();
        for (id, framework) in &self.frameworks {
            for role in &framework.roles {
                members.entry(role.clone()).or_default().insert(id.clone());
            }
        }
        members
    }

    fn frameworks_in_turn(&self, role: &str, members: &Members) -> Vec<String> {
        let members = members.get(role).into_iter().flatten();
        let members = members.filter_map(|id| Some((id, self.frameworks.get(id)?)));
        let shares = members.map(|(id, f)| (self.dominant_share(f.allocated.get(role).into_iter()), id.clone()));
        self.turns.frameworks(role, shares.collect())
    }

    /// Forgets the turns of frameworks that are gone, and of roles that nobody has any more.
    pub(super) fn keep_turns(&mut self) {
        let roles = self.frameworks.values().flat_map(|f| f.roles.iter().map(String::as_str));
        self.turns.keep(&roles.collect(), |id| self.frameworks.contains_key(id));
    }

    fn make_offer(&mut self, framework_id: &str, agent_id: &str, role: &str, resources: Resources) -> Option<proto::Offer> {
        let id = self.new_offer_id();
        self.charge(framework_id, agent_id, role, &resources);
        let (agent, framework) = (self.agents.get(agent_id)?, self.frameworks.get(framework_id)?);
        let executor_ids = agent
            .executors_of(framework_id)
            .map(|(id, _)| ExecutorId { value: id.to_string() });
        let executor_ids = executor_ids.collect();
        let allocation_info = (!framework.strip()).then(|| AllocationInfo {
            role: Some(role.to_string()),
        });
        // Frameworks that do not know of refined reservations see reservations as they were before.
        let stack = framework.has(Capability::ReservationRefinement);
        let items = resources.shown(stack, allocation_info.as_ref());
        let (hostname, attributes) = (agent.info.hostname.clone(), agent.info.attributes.clone());
        let (url, unavailability) = (self.agent_url(agent), self.unavailability(agent_id).cloned());
        let offer = Offer {
            framework: framework_id.to_string(),
            role: role.to_string(),
            agent: agent_id.to_string(),
            resources,
        };
        self.offers.insert(id.clone(), offer);
        if let Some(timeout) = self.identity.intervals.offer {
            let timer = Timer::OfferTimeout { offer: id.clone() };
            self.timers.after(self.now, timeout, timer);
        }
        Some(proto::Offer {
            id: OfferId { value: id },
            framework_id: FrameworkId {
                value: framework_id.to_string(),
            },
            slave_id: super::slave_id(agent_id),
            hostname,
            url: Some(url),
            unavailability,
            resources: items,
            attributes,
            executor_ids,
            allocation_info,
            ..Default::default()
        })
    }

    /// Has an allocation run soon, for resources that came back.
    pub(super) fn allocate_soon(&mut self) {
        if !self.allocation_pending {
            self.allocation_pending = true;
            let recovery = self.identity.intervals.recovery;
            let wait = self.jitter.as_mut().map_or(recovery, Jitter::of_offers);
            self.timers.after(self.now, wait, Timer::Allocate);
        }
    }

    /// Takes `resources` from what an agent has free, for a framework. [`recover`](Self::recover) is the way back.
    pub(super) fn charge(&mut self, framework: &str, agent: &str, role: &str, resources: &Resources) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.free.subtract(resources);
        }
        if let Some(framework) = self.frameworks.get_mut(framework) {
            framework.add_allocated(role, resources);
        }
    }

    /// Resources that `framework` had, offered or used, are free again.
    pub(super) fn recover(&mut self, framework: &str, agent: &str, role: &str, resources: &Resources) {
        if let Some(framework) = self.frameworks.get_mut(framework) {
            framework.subtract_allocated(role, resources);
        }
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.give_back(resources);
        }
    }

    /// Takes an offer out of the framework's hands.
    fn take_back(&mut self, id: &str) -> Option<Offer> {
        let offer = self.offers.remove(id)?;
        self.recover(&offer.framework, &offer.agent, &offer.role, &offer.resources);
        Some(offer)
    }

    pub(super) fn offers_where(&self, which: impl Fn(&Offer) -> bool) -> Vec<String> {
        let those = self.offers.iter().filter(|(_, offer)| which(offer));
        those.map(|(id, _)| id.clone()).collect()
    }

    /// All offers of a framework become free, without a word.
    pub(super) fn take_back_offers(&mut self, framework: &str) {
        for id in self.offers_where(|offer| offer.framework == framework) {
            self.take_back(&id);
        }
    }

    /// The framework has given roles up: RESCIND for the offers that it has in them.
    pub(super) fn rescind_foreign_offers(&mut self, id: &str) {
        let roles = self.frameworks.get(id).map(|f| f.roles.clone()).unwrap_or_default();
        for offer in self.offers_where(|offer| offer.framework == id && !roles.contains(&offer.role)) {
            self.rescind(&offer);
        }
    }

    /// RESCIND for all offers of an agent.
    pub(super) fn rescind_offers_of(&mut self, agent: &str) {
        for offer in self.offers_where(|offer| offer.agent == agent) {
            self.rescind(&offer);
        }
    }

    /// RESCIND for an offer, if it is still out.
    pub(super) fn rescind(&mut self, id: &str) {
        let Some(offer) = self.take_back(id) else { return };
        let rescind = event::Rescind {
            offer_id: OfferId { value: id.to_string() },
        };
        self.send(
            &offer.framework,
            Event {
                rescind: Some(rescind),
                ..scheduler_event(event::Type::Rescind)
            },
        );
    }

    /// DECLINE; unknown offers and those of others are ignored.
    pub fn decline(&mut self, framework: &str, offers: &[OfferId], filters: Option<&Filters>) {
        for id in offers {
            if self.offers.get(&id.value).is_some_and(|offer| offer.framework == framework) {
                if let Some(offer) = self.offers.remove(&id.value) {
                    self.refuse(framework, &offer.agent, &offer.role, &offer.resources, filters);
                }
            }
        }
    }

    /// Takes `resources` back from a framework that does not want them for a while.
    pub(super) fn refuse(&mut self, framework: &str, agent: &str, role: &str, resources: &Resources, filters: Option<&Filters>) {
        if resources.is_empty() {
            return;
        }
        self.recover(framework, agent, role, resources);
        self.keep_away(framework, agent, role, resources, filters);
    }

    /// A framework does not get these resources for a while.
    pub(super) fn keep_away(
        &mut self,
        framework: &str,
        agent: &str,
        role: &str,
        resources: &Resources,
        filters: Option<&Filters>,
    ) {
        let duration = refusal(filters, self.identity.intervals.allocation);
        if let (Some(framework), Some(duration)) = (self.frameworks.get_mut(framework), duration) {
            framework.filters.entry(agent.to_string()).or_default().push(Filter {
                role: role.to_string(),
                refused: resources.clone(),
                until: self.now.plus(duration),
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
        framework.keep_filters(|filter| !named(&filter.role));
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

    /// Checks the offers of an ACCEPT; the first thing wrong counts. Returns the common agent and role.
    pub(super) fn check_offers(&self, framework: &str, offers: &[OfferId]) -> Result<(String, String), String> {
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
        for (id, offer) in offers.iter().zip(&known) {
            if offer.agent != first.agent {
                let (id, theirs, ours) = (&id.value, &offer.agent, &first.agent);
                return Err(format!(
                    "Aggregated offers must belong to one single agent. Offer {id} uses agent {theirs} and agent {ours}"
                ));
            }
        }
        Ok((first.agent.clone(), first.role.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::events::Stream;
    use crate::local::master::Wish;

    fn seconds(refuse_seconds: f64) -> Option<f64> {
        let filters = Filters {
            refuse_seconds: Some(refuse_seconds),
        };
        refusal(Some(&filters), Duration::from_secs(1)).map(|d| d.as_secs_f64())
    }

    /// A master with one agent.
    fn master(resources: &str) -> Master {
        let mut master = crate::local::master::tests::master();
        crate::local::master::tests::register(&mut master, 0, resources);
        master
    }

    fn subscribe(master: &mut Master, info: proto::FrameworkInfo) {
        let stream = Stream::new(master.number());
        let wish = Wish {
            info,
            ..Default::default()
        };
        master.subscribe(wish, stream, "stream".into());
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
    fn offered(master: &mut Master) -> Vec<(String, String)> {
        let all: Vec<_> = master
            .offers
            .iter()
            .map(|(id, o)| (id.clone(), o.framework.clone(), o.role.clone()))
            .collect();
        let at_once = Filters {
            refuse_seconds: Some(0.0),
        };
        for (id, framework, _) in &all {
            master.decline(framework, &[OfferId { value: id.clone() }], Some(&at_once));
        }
        master.allocate();
        all.into_iter().map(|(_, framework, role)| (framework, role)).collect()
    }

    /// A real 1.11.0 gave 5 and 4 offers to two such frameworks in 8 seconds.
    #[test]
    fn those_who_decline_take_turns() {
        let mut master = master("cpus:4;mem:1024");
        let multi = [Capability::MultiRole];
        for _ in 0..2 {
            subscribe(&mut master, info(&["*"], &multi));
        }
        let seen: Vec<String> = (0..6).flat_map(|_| offered(&mut master)).map(|(id, _)| id).collect();
        assert_eq!(seen, ["M-0000", "M-0001", "M-0000", "M-0001", "M-0000", "M-0001"]);
        // A framework's roles take turns, too.
        master.remove_framework("M-0000");
        master.remove_framework("M-0001");
        subscribe(&mut master, info(&["db", "web"], &multi));
        let seen: Vec<String> = (0..4).flat_map(|_| offered(&mut master)).map(|(_, role)| role).collect();
        assert_eq!(seen, ["db", "web", "db", "web"]);
    }

    #[test]
    fn reservations_are_for_their_role_and_those_below() {
        let mut master = master("cpus(eng):2;mem(eng):512;cpus(ops):1;mem(ops):512");
        subscribe(&mut master, info(&["eng/web", "web"], &[Capability::MultiRole]));
        let offer = master.offers.values().next().unwrap();
        assert_eq!((master.offers.len(), offer.role.as_str()), (1, "eng/web"));
        assert_eq!(offer.resources.scalar("cpus"), 2.0);
    }

    #[test]
    fn gpus_are_for_those_who_know_them() {
        let mut master = master("cpus:4;mem:1024;gpus:1");
        subscribe(&mut master, info(&["*"], &[Capability::MultiRole]));
        assert!(master.offers.is_empty());
        subscribe(&mut master, info(&["*"], &[Capability::MultiRole, Capability::GpuResources]));
        assert_eq!(master.offers.values().next().unwrap().framework, "M-0001");
    }

    #[test]
    fn durations_of_refusals() {
        let default = Some(Duration::from_secs(5));
        assert_eq!(refusal(None, Duration::from_secs(1)), default);
        assert_eq!(
            refusal(Some(&Filters { refuse_seconds: None }), Duration::from_secs(1)),
            default
        );
        assert_eq!(seconds(0.0), None);
        assert_eq!(seconds(0.1), Some(1.0), "not below the allocation interval");
        assert_eq!(seconds(-3.0), Some(5.0));
        assert_eq!(seconds(f64::NAN), Some(5.0));
        assert_eq!(seconds(7.5), Some(7.5));
        assert_eq!(seconds(f64::INFINITY), Some(MAX_REFUSE_SECONDS));
        assert_eq!(seconds(1e300), Some(MAX_REFUSE_SECONDS));
    }
}

//! Offers, from the [allocator](super::allocator) to their end, and who refused what.

use super::filters::Seat;
use super::state::{Agent, Framework, Offer};
use super::{Master, Timer};
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
    pub(super) fn listens(&self, role: &str) -> bool {
        self.is_connected() && !self.suppressed.contains(role)
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

    /// Offers and inverse offers are numbered together.
    pub(super) fn new_offer_id(&mut self) -> String {
        self.next_offer += 1;
        format!("{}-O{}", self.identity.id, self.next_offer - 1)
    }

    /// Where an agent is.
    pub fn agent_url(&self, agent: &Agent) -> proto::Url {
        proto::Url {
            scheme: self.identity.scheme.into(),
            address: self.as_address(self.identity.agents),
            path: Some(format!("/{}", ids::agent_name(agent.link))),
            ..Default::default()
        }
    }

    /// Forgets the turns of frameworks that are gone, and of roles that nobody has any more.
    pub(super) fn keep_turns(&mut self) {
        let roles = self.frameworks.values().flat_map(|f| f.roles.iter().map(String::as_str));
        self.turns.keep(&roles.collect(), |id| self.frameworks.contains_key(id));
    }

    pub(super) fn make_offer(
        &mut self,
        framework_id: &str,
        agent_id: &str,
        role: &str,
        resources: Resources,
    ) -> Option<proto::Offer> {
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
            agent.take(resources);
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
        let Some(duration) = refusal(filters, self.identity.intervals.allocation) else {
            return;
        };
        let (new, until) = (self.number(), self.now.plus(duration));
        if let (Some(framework), Some(agent)) = (self.frameworks.get_mut(framework), self.agents.get_mut(agent)) {
            let seat = *framework.seats.entry(role.to_string()).or_insert(new);
            agent.filters.add(seat, until, resources);
        }
    }

    /// A framework may get what it has refused in these roles.
    pub(super) fn forget_refusals(&mut self, framework: &str, which: impl Fn(&str) -> bool) {
        let Some(framework) = self.frameworks.get_mut(framework) else {
            return;
        };
        let named = framework.seats.iter().filter(|(role, _)| which(role));
        let seats: BTreeSet<Seat> = named.map(|(_, seat)| *seat).collect();
        if !seats.is_empty() {
            framework.seats.retain(|_, seat| !seats.contains(seat));
            self.agents.values_mut().for_each(|agent| agent.filters.forget(&seats));
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
        let named = |role: &str| roles.is_empty() || roles.iter().any(|one| one == role);
        framework.suppressed.retain(|role| !named(role));
        self.forget_refusals(id, named);
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

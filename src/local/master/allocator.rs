//! The allocator: who gets the agents' free resources.
//!
//! A run goes through the agents. Everything of one that is free and fits goes to the first framework whose [turn](super::turns) it is. What
//! a run costs should grow no faster than agents times frameworks do: so what holds for all agents is found out once, and whose turn it is
//! only when somebody has got something.

use super::filters::Seat;
use super::quota::Ledger;
use super::state::{Agent, Framework};
use super::Master;
use crate::local::events::scheduler_event;
use crate::proto;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::scheduler::{event, Event};
use crate::proto::Resource;
use crate::resources::Resources;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What shares are of.
pub const SHARED: [&str; 4] = ["cpus", "mem", "disk", "gpus"];

/// A framework in one of the roles in which it may get offers, with what a run has to know of it for each agent: nothing is looked up by
/// its id, unless it has constraints.
struct Candidate {
    id: String,
    /// None if it has refused nothing in this role.
    seat: Option<Seat>,
    constrained: bool,
    knows_gpus: bool,
    knows_shared: bool,
    knows_revocable: bool,
    knows_refined: bool,
}

/// The roles in which somebody may get offers, each with its frameworks, the next ones first.
type Order = Vec<(String, Vec<Rc<Candidate>>)>;

/// How far a run has come in the order, for one agent.
#[derive(Default)]
struct Place {
    role: usize,
    candidate: usize,
}

/// One run of the allocator.
struct Run {
    /// The frameworks of each role.
    members: BTreeMap<String, BTreeMap<String, Rc<Candidate>>>,
    ledger: Ledger,
    /// Absent when somebody got something since it was found out.
    order: Option<Order>,
    /// The offers by framework.
    made: BTreeMap<String, Vec<proto::Offer>>,
}

impl Candidate {
    fn new(id: &str, role: &str, framework: &Framework) -> Candidate {
        Candidate {
            id: id.to_string(),
            seat: framework.seats.get(role).copied(),
            constrained: framework.constraints.concern(role),
            knows_gpus: framework.has(Capability::GpuResources),
            knows_shared: framework.has(Capability::SharedResources),
            knows_revocable: framework.has(Capability::RevocableResources),
            knows_refined: framework.has(Capability::ReservationRefinement),
        }
    }

    /// Whether it may be offered such an item: some are only for those that know what they mean.
    fn knows(&self, item: &Resource) -> bool {
        (item.shared.is_none() || self.knows_shared)
            && (item.revocable.is_none() || self.knows_revocable)
            && (item.reservations.len() < 2 || self.knows_refined)
    }
}

impl Master {
    /// One run over all agents, roles and frameworks.
    pub(super) fn make_offers(&mut self) {
        let begin = (self.identity.stopwatch)();
        self.totals = [0.0; 4];
        for agent in self.agents.values_mut() {
            agent.filters.forget_expired(self.now);
            for (name, sum) in SHARED.iter().zip(&mut self.totals) {
                *sum += agent.total.scalar(name);
            }
        }
        let agents = self
            .agents
            .iter()
            .filter(|(id, agent)| self.is_active(id) && self.identity.minimum.is_reached_by(&agent.free));
        let mut agents: Vec<String> = agents.map(|(id, _)| id.clone()).collect();
        if let Some(jitter) = &mut self.jitter {
            jitter.shuffle(&mut agents);
        }
        let mut run = Run {
            members: self.members(),
            ledger: self.ledger(),
            order: None,
            made: BTreeMap::new(),
        };
        for agent in agents {
            self.allocate_agent(&agent, &mut run);
        }
        for (id, offers) in run.made {
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
        self.runs.add((self.identity.stopwatch)().saturating_sub(begin));
    }

    /// Gives what an agent has free to those whose turn it is.
    fn allocate_agent(&mut self, agent_id: &str, run: &mut Run) {
        let order = run.order.take().unwrap_or_else(|| self.order(run));
        let before = self.next_offer;
        // What is shared stays free, and goes to one framework each time.
        let mut shared = Resources::default();
        let mut place = Place::default();
        while let Some(agent) = self.agents.get(agent_id) {
            let Some((role, candidate, resources)) = self.next_taker(agent, &order, &mut place, &shared, &run.ledger) else {
                break;
            };
            self.turns.chosen(role, &candidate.id);
            shared.add(&resources.shared());
            run.ledger.offered(role, &resources);
            if let Some(offer) = self.make_offer(&candidate.id, agent_id, role, resources) {
                run.made.entry(candidate.id.clone()).or_default().push(offer);
            }
        }
        if before == self.next_offer {
            run.order = Some(order);
        }
    }

    /// The next one, from a place in the order on, that is to get something of an agent; in which role, and what. `shared` is what others
    /// got in this run.
    fn next_taker<'a>(
        &self,
        agent: &Agent,
        order: &'a Order,
        place: &mut Place,
        shared: &Resources,
        ledger: &Ledger,
    ) -> Option<(&'a str, &'a Candidate, Resources)> {
        // An agent with gpus is kept for those that can use them.
        let has_gpus = agent.total.scalar("gpus") > 0.0;
        while let Some((role, candidates)) = order.get(place.role) {
            let mut usable = agent.free.usable_by(role);
            if !shared.is_empty() {
                usable.to_mut().subtract(shared);
            }
            let rest = match self.identity.minimum.is_reached_by(&usable) {
                true => candidates.get(place.candidate..).unwrap_or_default(),
                false => &[],
            };
            for candidate in rest {
                place.candidate += 1;
                if has_gpus && !candidate.knows_gpus {
                    continue;
                }
                let known = usable.those(|item| candidate.knows(item));
                let resources: Cow<Resources> = self.within_quotas(ledger, role, known);
                if self.identity.minimum.is_reached_by(&resources) && self.may_have(candidate, agent, role, &resources) {
                    return Some((role, candidate, resources.into_owned()));
                }
            }
            *place = Place {
                role: place.role + 1,
                candidate: 0,
            };
        }
        None
    }

    /// Whether neither the framework's constraints nor its refusals keep `resources` of an agent away from it.
    fn may_have(&self, candidate: &Candidate, agent: &Agent, role: &str, resources: &Resources) -> bool {
        let constraints = || self.frameworks.get(&candidate.id).map(|framework| &framework.constraints);
        let allowed = !candidate.constrained || constraints().is_some_and(|constraints| constraints.allow(role, &agent.info));
        let refused = |seat| agent.filters.keep_away(seat, resources, self.now);
        allowed && !candidate.seat.is_some_and(refused)
    }

    /// The largest share of any resource that `allocated` is of the whole.
    fn dominant_share<'a>(&self, allocated: impl Iterator<Item = &'a Resources> + Clone) -> f64 {
        let share = |(name, all): (&str, f64)| match all > 0.0 {
            true => allocated.clone().map(|one| one.scalar(name)).sum::<f64>() / all,
            false => 0.0,
        };
        SHARED.into_iter().zip(self.totals).map(share).fold(0.0, f64::max)
    }

    fn order(&self, run: &Run) -> Order {
        let roles = self.roles_in_turn(&run.ledger).into_iter();
        roles
            .map(|role| {
                let members = run.members.get(&role);
                let ids = self.frameworks_in_turn(&role, members.into_iter().flat_map(BTreeMap::keys));
                let candidates = ids.iter().filter_map(|id| members?.get(id).cloned()).collect();
                (role, candidates)
            })
            .collect()
    }

    /// The roles in which somebody may get offers, the next one first.
    pub(super) fn roles_in_turn(&self, ledger: &Ledger) -> Vec<String> {
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
        roles.sort_by_cached_key(|role| !self.is_short(ledger, role));
        roles
    }

    /// The frameworks of each role that may get offers in it, by their ids.
    fn members(&self) -> BTreeMap<String, BTreeMap<String, Rc<Candidate>>> {
        let mut members: BTreeMap<String, BTreeMap<String, Rc<Candidate>>> = BTreeMap::new();
        for (id, framework) in &self.frameworks {
            for role in framework.roles.iter().filter(|role| framework.listens(role)) {
                let candidate = Rc::new(Candidate::new(id, role, framework));
                members.entry(role.clone()).or_default().insert(id.clone(), candidate);
            }
        }
        members
    }

    fn frameworks_in_turn<'a>(&self, role: &str, members: impl Iterator<Item = &'a String>) -> Vec<String> {
        let members = members.filter_map(|id| Some((id, self.frameworks.get(id)?)));
        let shares = members.map(|(id, f)| (self.dominant_share(f.allocated.get(role).into_iter()), id.clone()));
        self.turns.frameworks(role, shares.collect())
    }
}

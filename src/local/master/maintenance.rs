//! Maintenance: what operators plan for machines, and what frameworks say to that.

use super::offers::refusal;
use super::state::{is_same_machine, Answer, Window};
use super::{slave_id, Master};
use crate::local::events::scheduler_event;
use crate::local::messages::ToAgent;
use crate::proto::scheduler::{event, Event};
use crate::proto::{self, Filters, FrameworkId, MachineId, OfferId, Unavailability};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const DOWN: &str = "Operator initiated 'Machine DOWN'";

impl Master {
    /// The machine of an agent. All embedded agents have one address.
    fn machine(&self, agent: &str) -> Option<MachineId> {
        Some(self.machine_named(&self.agents.get(agent)?.info.hostname))
    }

    fn machine_named(&self, hostname: &str) -> MachineId {
        MachineId {
            hostname: Some(hostname.into()),
            ip: Some(self.identity.address.ip().to_string()),
        }
    }

    /// The agents that run on a machine.
    pub fn agents_on<'a>(&'a self, machine: &'a MachineId) -> impl Iterator<Item = &'a String> {
        let on = |agent: &&String| self.machine(agent).is_some_and(|its| is_same_machine(&its, machine));
        self.agents.keys().filter(on)
    }

    /// When an agent is planned to be away.
    pub fn unavailability(&self, agent: &str) -> Option<&Unavailability> {
        self.maintenance.of(&self.machine(agent)?)
    }

    /// Whether the machine on which agents with this hostname run is down.
    pub(super) fn is_down(&self, hostname: &str) -> bool {
        self.maintenance.is_down(&self.machine_named(hostname))
    }

    /// UPDATE_MAINTENANCE_SCHEDULE: this one, instead of the one before; the error is the text of a 400.
    pub fn update_maintenance(&mut self, schedule: Vec<Window>) -> Result<(), String> {
        let mut seen = Vec::new();
        for window in &schedule {
            if window.machines.is_empty() {
                return Err("List of machines in the maintenance window is empty".into());
            }
            if window
                .unavailability
                .duration
                .is_some_and(|duration| duration.nanoseconds < 0)
            {
                return Err("Unavailability 'duration' is negative".into());
            }
            check_machines(&window.machines, &mut seen)?;
        }
        let is_left_out = |down: &&MachineId| !seen.iter().any(|planned| is_same_machine(planned, down));
        if let Some(machine) = self.maintenance.down.iter().find(is_left_out) {
            let name = name(machine);
            return Err(format!(
                "Machine '{name}' is deactivated and cannot be removed from the schedule"
            ));
        }
        let agents: Vec<String> = self.agents.keys().cloned().collect();
        let planned = |master: &Master| {
            agents
                .iter()
                .map(|agent| master.unavailability(agent).cloned())
                .collect::<Vec<_>>()
        };
        let before = planned(self);
        self.maintenance.schedule = schedule;
        let after = planned(self);
        for (agent, _) in agents
            .iter()
            .zip(before.iter().zip(&after))
            .filter(|(_, (before, after))| before != after)
        {
            self.rescind_offers_of(agent);
            self.rescind_inverse_offers(|(_, on)| on == agent);
            self.inverse_offers.answers.retain(|(_, on), _| on != agent);
        }
        self.allocate();
        Ok(())
    }

    /// START_MAINTENANCE: the agents on these machines are removed, and may not come back.
    pub fn start_maintenance(&mut self, machines: &[MachineId]) -> Result<(), String> {
        self.check_known(machines)?;
        let drains = |machine: &MachineId| self.maintenance.of(machine).is_some() && !self.maintenance.is_down(machine);
        if let Some(machine) = machines.iter().find(|machine| !drains(machine)) {
            let name = name(machine);
            return Err(format!("Machine '{name}' is not in DRAINING mode and cannot be brought down"));
        }
        // As it is spelled in the schedule.
        let planned = self.maintenance.schedule.iter().flat_map(|window| &window.machines);
        let planned = planned.filter(|planned| machines.iter().any(|machine| is_same_machine(machine, planned)));
        let planned: Vec<MachineId> = planned.cloned().collect();
        let agents: Vec<String> = planned.iter().flat_map(|machine| self.agents_on(machine)).cloned().collect();
        self.maintenance.down.extend(planned);
        for agent in agents {
            let message = DOWN.to_string();
            self.send_agent(&agent, ToAgent::Shutdown { message });
            self.remove_agent(&agent, DOWN);
        }
        Ok(())
    }

    /// STOP_MAINTENANCE: these machines are up again, and no longer in the schedule.
    pub fn stop_maintenance(&mut self, machines: &[MachineId]) -> Result<(), String> {
        self.check_known(machines)?;
        if let Some(machine) = machines.iter().find(|machine| !self.maintenance.is_down(machine)) {
            let name = name(machine);
            return Err(format!("Machine '{name}' is not in DOWN mode and cannot be brought up"));
        }
        let stays = |machine: &MachineId| !machines.iter().any(|up| is_same_machine(up, machine));
        self.maintenance.down.retain(stays);
        for window in &mut self.maintenance.schedule {
            window.machines.retain(stays);
        }
        self.maintenance.schedule.retain(|window| !window.machines.is_empty());
        Ok(())
    }

    /// Whether START_MAINTENANCE or STOP_MAINTENANCE may name these machines: those that are planned for, or have agents.
    fn check_known(&self, machines: &[MachineId]) -> Result<(), String> {
        if machines.is_empty() {
            return Err("List of machines is empty".into());
        }
        check_machines(machines, &mut Vec::new())?;
        let is_known = |machine: &&MachineId| self.maintenance.of(machine).is_some() || self.agents_on(machine).next().is_some();
        match machines.iter().find(|machine| !is_known(machine)) {
            Some(machine) => Err(format!("Machine '{}' is not part of a maintenance schedule", name(machine))),
            None => Ok(()),
        }
    }

    /// Asks those who have something on agents that will be away, unless they were asked already or have answered lately.
    pub(super) fn make_inverse_offers(&mut self) {
        if self.maintenance.schedule.is_empty() {
            return;
        }
        let mut made: BTreeMap<String, Vec<proto::InverseOffer>> = BTreeMap::new();
        let agents = self.agents.iter().filter(|(_, agent)| agent.connected);
        let agents: Vec<String> = agents.map(|(id, _)| id.clone()).collect();
        for agent in agents {
            let Some(unavailability) = self.unavailability(&agent).cloned() else {
                continue;
            };
            for framework in self.users_of(&agent) {
                let key = (framework.clone(), agent.clone());
                let answered = self.inverse_offers.answers.get(&key);
                let asked = self.inverse_offers.out.values().any(|out| *out == key);
                if asked || answered.is_some_and(|answer| answer.until > self.now) {
                    continue;
                }
                let id = self.new_offer_id();
                self.inverse_offers.out.insert(id.clone(), key);
                let url = self.agents.get(&agent).map(|known| self.agent_url(known));
                made.entry(framework.clone()).or_default().push(proto::InverseOffer {
                    id: OfferId { value: id },
                    url,
                    framework_id: FrameworkId { value: framework },
                    slave_id: Some(slave_id(&agent)),
                    unavailability,
                    resources: Vec::new(),
                });
            }
        }
        for (framework, inverse_offers) in made {
            let event = Event {
                inverse_offers: Some(event::InverseOffers { inverse_offers }),
                ..scheduler_event(event::Type::InverseOffers)
            };
            self.send(&framework, event);
        }
    }

    /// Connected frameworks that have something on an agent, or an offer of it.
    fn users_of(&self, agent: &str) -> BTreeSet<String> {
        let offered = self.offers.values().filter(|offer| offer.agent == agent);
        let offered = offered.map(|offer| offer.framework.clone());
        let runs = |f: &super::Framework| f.tasks.values().any(|task| task.agent == agent && !task.is_terminal());
        let users = self.frameworks.iter().filter(|(_, f)| runs(f)).map(|(id, _)| id.clone());
        let executors = self.agents.get(agent).into_iter().flat_map(|agent| agent.executors.keys());
        let all = offered.chain(users).chain(executors.map(|(framework, _)| framework.clone()));
        let connected = |id: &String| self.frameworks.get(id).is_some_and(|f| f.is_connected());
        all.filter(connected).collect()
    }

    /// ACCEPT_INVERSE_OFFERS and DECLINE_INVERSE_OFFERS; unknown ones and those of others are ignored.
    pub fn answer_inverse_offers(&mut self, framework: &str, ids: &[OfferId], accepts: bool, filters: Option<&Filters>) {
        let period = self.identity.intervals.allocation;
        for id in ids.iter().map(|id| &id.value) {
            if !self.inverse_offers.out.get(id).is_some_and(|(owner, _)| owner == framework) {
                continue;
            }
            let until = refusal(filters, period).map_or(self.now, |wait| self.now.plus(wait));
            if let Some(key) = self.inverse_offers.out.remove(id) {
                let answer = Answer {
                    accepts,
                    at: self.now,
                    until,
                };
                let (says, at) = (if answer.accepts { "agrees" } else { "does not agree" }, answer.at.seconds());
                log::info!("framework {framework} {says} to leave agent {} ({at})", key.1);
                self.inverse_offers.answers.insert(key, answer);
            }
        }
    }

    /// RESCIND_INVERSE_OFFER for those of which `which` says so by framework and agent.
    pub(super) fn rescind_inverse_offers(&mut self, which: impl Fn(&(String, String)) -> bool) {
        let those = self.inverse_offers.out.iter().filter(|(_, key)| which(key));
        for id in those.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            let Some((framework, _)) = self.inverse_offers.out.remove(&id) else {
                continue;
            };
            let inverse_offer_id = OfferId { value: id };
            let event = Event {
                rescind_inverse_offer: Some(event::RescindInverseOffer { inverse_offer_id }),
                ..scheduler_event(event::Type::RescindInverseOffer)
            };
            self.send(&framework, event);
        }
    }

    /// The framework is gone, or has lost its stream: it is asked anew if it comes back.
    pub(super) fn forget_inverse_offers(&mut self, framework: &str) {
        self.inverse_offers.out.retain(|_, (owner, _)| owner != framework);
    }
}

/// Whether each is a machine, and none of those that were `seen`.
fn check_machines<'a>(machines: &'a [MachineId], seen: &mut Vec<&'a MachineId>) -> Result<(), String> {
    for machine in machines {
        if machine.hostname().is_empty() && machine.ip().is_empty() {
            return Err("Both 'hostname' and 'ip' for a machine are empty".into());
        }
        if !machine.ip().is_empty() && machine.ip().parse::<Ipv4Addr>().is_err() {
            return Err(format!("Failed to parse IPv4: {}", machine.ip()));
        }
        if seen.iter().any(|seen| is_same_machine(seen, machine)) {
            return Err(format!("Machine '{}' appears more than once in the schedule", name(machine)));
        }
        seen.push(machine);
    }
    Ok(())
}

/// As JSON: `{"hostname":"host","ip":"127.0.0.1"}`
fn name(machine: &MachineId) -> String {
    let parts = [("hostname", &machine.hostname), ("ip", &machine.ip)];
    let given = parts
        .into_iter()
        .filter_map(|(key, part)| Some((key.to_string(), part.clone()?.into())));
    serde_json::Value::Object(given.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::local::master::tests::{info, launch, master, register, subscribe, told, wait};
    use crate::local::master::{Master, ToAgent, ToMaster};
    use crate::proto::framework_info::capability::Type as Capability;
    use crate::proto::{Filters, MachineId, OfferId, SlaveInfo, TimeInfo, Unavailability};

    fn machine(hostname: &str) -> MachineId {
        MachineId {
            hostname: Some(hostname.into()),
            ip: Some("127.0.0.1".into()),
        }
    }

    fn window(hostname: &str, start: i64) -> Vec<Window> {
        let start = TimeInfo { nanoseconds: start };
        vec![Window {
            machines: vec![machine(hostname)],
            unavailability: Unavailability { start, duration: None },
        }]
    }

    fn answer(master: &mut Master, accepts: bool, refuse_seconds: f64) {
        let value = master.inverse_offers.out.keys().next().expect("an inverse offer").clone();
        let filters = Filters {
            refuse_seconds: Some(refuse_seconds),
        };
        master.answer_inverse_offers("f", &[OfferId { value: value.clone() }], !accepts, None);
        // That was its end.
        master.answer_inverse_offers("f", &[OfferId { value }], accepts, Some(&filters));
    }

    /// The order of events is that of a real 1.11.0.
    #[test]
    fn frameworks_are_asked_to_leave_machines() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:512");
        subscribe(&mut master, 1, info("f", &[Capability::PartitionAware], true));
        launch(&mut master, "f", "t", "cpus:1;mem:32");
        subscribe(&mut master, 2, info("idle", &[], true));
        master.suppress("idle", &[]);
        master.take_back_offers("idle");
        wait(&mut master, 6);
        told(&mut master);
        master.update_maintenance(window("elsewhere", 1)).unwrap();
        assert!(told(&mut master).0.is_empty());
        master.update_maintenance(window("host", 7)).unwrap();
        let again = ["1 rescind", "1 offers of M-S0", "1 inverse_offers"];
        assert_eq!(told(&mut master).0, again);
        assert_eq!(master.unavailability("M-S0").unwrap().start.nanoseconds, 7);
        wait(&mut master, 60);
        assert!(told(&mut master).0.is_empty(), "it was asked once");
        answer(&mut master, true, 30.0);
        let said = master.inverse_offers.answers.values().next().unwrap();
        assert!(!said.accepts, "the first answer counts");
        wait(&mut master, 4);
        assert!(told(&mut master).0.is_empty());
        wait(&mut master, 2);
        assert_eq!(told(&mut master).0, ["1 inverse_offers"]);
        // The same plan again is no news, another one is.
        master.update_maintenance(window("host", 7)).unwrap();
        assert!(told(&mut master).0.is_empty());
        master.update_maintenance(window("host", 8)).unwrap();
        assert_eq!(
            told(&mut master).0,
            ["1 rescind", "1 rescind_inverse_offer", "1 offers of M-S0", "1 inverse_offers"]
        );
        assert!(master.start_maintenance(&[machine("elsewhere")]).is_err());
        master.start_maintenance(&[machine("host")]).unwrap();
        let (events, letters) = told(&mut master);
        assert_eq!(
            events,
            [
                "1 rescind",
                "1 t TASK_GONE Agent host removed: Operator initiated 'Machine DOWN'",
                "1 rescind_inverse_offer",
                "1 failure of M-S0",
                "2 failure of M-S0",
            ]
        );
        assert!(matches!(letters.as_slice(), [ToAgent::Shutdown { .. }]));
        assert!(master.update_maintenance(Vec::new()).is_err(), "it is down");
        let come = |master: &mut Master| {
            let info = Box::new(SlaveInfo {
                hostname: "host".into(),
                ..Default::default()
            });
            master.agent_message(0, ToMaster::Register { info });
            told(master).1
        };
        assert!(matches!(come(&mut master).as_slice(), [ToAgent::Shutdown { .. }]));
        master.stop_maintenance(&[machine("host")]).unwrap();
        assert!(master.maintenance.schedule.is_empty() && master.stop_maintenance(&[machine("host")]).is_err());
        assert!(matches!(come(&mut master).as_slice(), [ToAgent::Registered { .. }]));
    }
}

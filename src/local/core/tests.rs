//! The whole cluster but its sockets and processes, with a clock that stands: whatever happens in whichever order, resources neither appear
//! nor vanish, each offer ends once, and what runs is what the master knows of.

use super::conserved::conserved;
use super::*;
use crate::local::control::{carry_out, Control};
use crate::local::helper_protocol::{Command, Frame};
use crate::local::ids;
use crate::local::settings::intervals::Intervals;
use crate::proto::framework_info::{capability, Capability};
use crate::proto::offer::{operation, Operation};
use crate::proto::scheduler::{call, Event};
use crate::proto::{Filters, FrameworkId, FrameworkInfo, OfferId, OperationId, Resource, SlaveId, TaskId, TaskInfo};
use crate::resources::text as resource_text;
use crate::resources::Resources;
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

mod operations;

const AGENTS: usize = 3;
const MASTERS: usize = 3;
const FRAMEWORKS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize),
    Disconnect(usize),
    Teardown(usize),
    /// Launches on some offer of the framework, and declines the rest of it.
    Launch(usize),
    /// One of the operations on resources, on some offer of the framework.
    Operate(usize, usize),
    Decline(usize),
    /// Acknowledges what the framework has read.
    Acknowledge(usize),
    Kill(usize),
    Reconcile(usize),
    Suppress(usize),
    Revive(usize),
    /// A process ends by itself.
    Exit(usize),
    Control(Control),
}

fn step() -> impl Strategy<Value = Step> {
    let framework = 0..FRAMEWORKS;
    let agent = || 0..AGENTS;
    prop_oneof![
        6 => framework.clone().prop_map(Step::Subscribe),
        1 => framework.clone().prop_map(Step::Disconnect),
        1 => framework.clone().prop_map(Step::Teardown),
        8 => framework.clone().prop_map(Step::Launch),
        8 => (framework.clone(), 0..operations::KINDS).prop_map(|(framework, kind)| Step::Operate(framework, kind)),
        2 => framework.clone().prop_map(Step::Decline),
        6 => framework.clone().prop_map(Step::Acknowledge),
        2 => framework.clone().prop_map(Step::Kill),
        1 => framework.clone().prop_map(Step::Reconcile),
        1 => framework.clone().prop_map(Step::Suppress),
        1 => framework.prop_map(Step::Revive),
        3 => (0..100_usize).prop_map(Step::Exit),
        1 => agent().prop_map(|agent| Step::Control(Control::CrashAgent(agent))),
        1 => agent().prop_map(|agent| Step::Control(Control::StopAgent(agent))),
        3 => agent().prop_map(|agent| Step::Control(Control::StartAgent(agent))),
        1 => agent().prop_map(|agent| Step::Control(Control::CutAgent(agent))),
        2 => agent().prop_map(|agent| Step::Control(Control::HealAgent(agent))),
        1 => (agent(), 0..5_u64).prop_map(|(agent, s)| Step::Control(Control::DelayAgent(agent, Duration::from_secs(s)))),
        1 => Just(Step::Control(Control::FailOverMaster)),
        1 => (0..MASTERS).prop_map(|master| Step::Control(Control::StopMaster(master))),
        2 => (0..MASTERS).prop_map(|master| Step::Control(Control::StartMaster(master))),
        6 => (0..100_u64).prop_map(|s| Step::Control(Control::AdvanceClock(Duration::from_secs(s)))),
    ]
}

/// A framework as its driver sees it.
#[derive(Default)]
struct Client {
    generation: usize,
    opened: Option<Opened>,
    /// Read, and neither used nor rescinded.
    offers: BTreeSet<String>,
    /// Updates that were read and ask for an acknowledgement: task, agent, uuid.
    updates: Vec<(String, String, Bytes)>,
    launched: Vec<String>,
    /// Updates of operations, in the same way: id, uuid.
    operations: Vec<(OperationId, Bytes)>,
}

struct World {
    core: Core,
    commands: UnboundedReceiver<Vec<u8>>,
    clients: Vec<Client>,
    /// What runs: the helper's numbers.
    processes: BTreeSet<u64>,
    tasks: usize,
    work_dir: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.work_dir);
    }
}

impl World {
    fn new() -> World {
        World::of(1)
    }

    fn of(masters: usize) -> World {
        let work_dir = std::env::temp_dir().join(format!("mesos-perl-core-{}", ids::uuid()));
        std::fs::create_dir_all(&work_dir).unwrap();
        let address: SocketAddr = ([127, 0, 0, 1], 1).into();
        let identity = Identity {
            number: 0,
            hostname: "host".into(),
            address,
            work_dir: work_dir.canonicalize().unwrap(),
            cgroups: None,
            attributes: Vec::new(),
            total: Resources::new(&resource_text::parse("cpus:4;mem:512;disk:100;ports:[1-100]").unwrap()),
            executor_environment: BTreeMap::new(),
            intervals: Intervals::default(),
            simulate: false,
            jitter: None,
        };
        // Rare, since the clock makes a stop at each.
        let intervals = Intervals {
            allocation: Duration::from_secs(10),
            ..Intervals::default()
        };
        let settings = Settings {
            owner: nix::unistd::geteuid(),
            address,
            local_only: true,
            work_dir: identity.work_dir.clone(),
            cgroup: None,
            isolation: Default::default(),
            secret: String::new(),
            control: None,
            access: Default::default(),
            tls: None,
        };
        let master = master::Identity {
            id: "M".into(),
            hostname: "host".into(),
            address,
            agents: address,
            scheme: "http",
            started: 0.0,
            intervals,
            minimum: Default::default(),
            stopwatch: || std::time::Duration::ZERO,
            jitter: None,
        };
        let (helper, commands) = Helper::new();
        let mut clock = Clock::default();
        clock.pause();
        let standbys = (1..masters).map(|number| master::Identity {
            id: format!("M{number}"),
            ..master.clone()
        });
        let standbys = standbys.collect();
        let core = Core::new(
            settings,
            master,
            standbys,
            vec![identity; AGENTS],
            helper,
            unbounded_channel().0,
            clock,
        );
        World {
            core,
            commands,
            clients: (0..FRAMEWORKS).map(|_| Client::default()).collect(),
            processes: BTreeSet::new(),
            tasks: 0,
            work_dir,
        }
    }

    fn id(&self, framework: usize) -> String {
        format!("f{framework}-{}", self.clients[framework].generation)
    }

    fn call(&mut self, work: impl FnOnce(&mut Master)) {
        self.core.tick();
        work(&mut self.core.master);
        self.core.run();
    }

    fn take(&mut self, step: &Step) {
        // Other calls are refused while no master leads.
        let without_master = matches!(step, Step::Control(_) | Step::Exit(_) | Step::Disconnect(_));
        if self.core.masters.leader().is_none() && !without_master {
            return;
        }
        match step {
            Step::Subscribe(framework) => self.subscribe(*framework),
            Step::Disconnect(framework) => self.disconnect(*framework),
            Step::Teardown(framework) => {
                let id = self.id(*framework);
                self.call(|master| master.remove_framework(&id));
                let generation = self.clients[*framework].generation + 1;
                self.clients[*framework] = Client {
                    generation,
                    ..Client::default()
                };
            }
            Step::Launch(framework) => self.launch(*framework),
            Step::Operate(framework, kind) => self.operate(*framework, *kind),
            Step::Decline(framework) => {
                let offers = std::mem::take(&mut self.clients[*framework].offers);
                let offers: Vec<OfferId> = offers.into_iter().map(|value| OfferId { value }).collect();
                let id = self.id(*framework);
                self.call(|master| master.decline(&id, &offers, None));
            }
            Step::Acknowledge(framework) => {
                let id = self.id(*framework);
                for (task, agent, uuid) in std::mem::take(&mut self.clients[*framework].updates) {
                    self.call(|master| master.acknowledge(&id, &agent, &task, &uuid));
                }
                for (operation, uuid) in std::mem::take(&mut self.clients[*framework].operations) {
                    self.call(|master| master.acknowledge_operation(&id, &operation, &uuid));
                }
            }
            Step::Kill(framework) => {
                let (id, task) = (self.id(*framework), self.clients[*framework].launched.last().cloned());
                task.into_iter()
                    .for_each(|task| self.call(|master| master.kill(&id, &task, None, None)));
            }
            Step::Reconcile(framework) => {
                let id = self.id(*framework);
                self.call(|master| master.reconcile(&id, &[]));
            }
            Step::Suppress(framework) => {
                let id = self.id(*framework);
                self.call(|master| master.suppress(&id, &[]));
            }
            Step::Revive(framework) => {
                let id = self.id(*framework);
                self.call(|master| master.revive(&id, &[]));
            }
            Step::Exit(number) => {
                let process = self.processes.iter().nth(number % self.processes.len().max(1)).copied();
                process.into_iter().for_each(|process| self.exits(process, 0));
            }
            Step::Control(control) => carry_out(&mut self.core, control.clone()),
        }
        self.settle();
    }

    #[allow(deprecated)]
    fn subscribe(&mut self, framework: usize) {
        let capability = Capability {
            r#type: Some(capability::Type::PartitionAware as i32),
        };
        let info = FrameworkInfo {
            id: Some(FrameworkId {
                value: self.id(framework),
            }),
            failover_timeout: Some(1e9),
            role: Some("eng".into()),
            checkpoint: Some(framework % 2 == 1),
            capabilities: if framework == 0 { vec![capability] } else { vec![] },
            ..Default::default()
        };
        let opened = self.core.open_stream(Default::default());
        let stream = opened.stream.clone();
        let wish = crate::local::master::Wish {
            info,
            ..Default::default()
        };
        self.call(|master| master.subscribe(wish, stream, "s".into()));
        let client = &mut self.clients[framework];
        client.opened = Some(opened);
        // A master forgets the offers of a framework that subscribes again.
        client.offers.clear();
    }

    fn disconnect(&mut self, framework: usize) {
        if let Some(opened) = self.clients[framework].opened.take() {
            self.core.stream_closed(opened.stream.id);
        }
        self.clients[framework].offers.clear();
    }

    fn launch(&mut self, framework: usize) {
        let Some(offer) = self.clients[framework].offers.pop_first() else {
            return;
        };
        let resources = resource_text::parse("cpus:1;mem:32").unwrap();
        let launch = self.launch_on(framework, &offer, resources);
        self.accept(framework, offer, launch.into_iter().collect());
    }

    /// LAUNCH of a task with these resources; none if the offer is gone.
    fn launch_on(&mut self, framework: usize, offer: &str, resources: Vec<Resource>) -> Option<Operation> {
        let agent = self.core.master.offers.get(offer).map(|offer| offer.agent.clone())?;
        self.tasks += 1;
        let name = format!("t{}", self.tasks);
        let task = TaskInfo {
            name: name.clone(),
            task_id: TaskId { value: name.clone() },
            slave_id: SlaveId { value: agent },
            resources,
            command: Some(crate::proto::CommandInfo {
                value: Some("true".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.clients[framework].launched.push(name);
        Some(Operation {
            launch: Some(operation::Launch { task_infos: vec![task] }),
            ..Default::default()
        })
    }

    fn accept(&mut self, framework: usize, offer: String, operations: Vec<Operation>) {
        let id = self.id(framework);
        let accept = call::Accept {
            offer_ids: vec![OfferId { value: offer }],
            operations,
            filters: Some(Filters {
                refuse_seconds: Some(0.0),
            }),
        };
        self.call(|master| master.accept(&id, accept));
    }

    fn exits(&mut self, process: u64, status: i32) {
        if self.processes.remove(&process) {
            self.core.helper_report(Report::Exited { process, status });
        }
    }

    /// Does what the helper is told to do, and reads what the frameworks are told.
    fn settle(&mut self) {
        while let Ok(frame) = self.commands.try_recv() {
            match Command::decode(&frame[4..]).unwrap() {
                Command::Start { process, .. } => {
                    self.processes.insert(process);
                    self.core.helper_report(Report::Started { process, pid: 1 });
                }
                Command::Signal { process, signal } => self.exits(process, signal),
                Command::Limit(_) | Command::Shutdown => {}
            }
        }
        for framework in 0..FRAMEWORKS {
            self.read(framework);
        }
    }

    fn read(&mut self, framework: usize) {
        let client = &mut self.clients[framework];
        let Some(opened) = client.opened.as_mut() else { return };
        let mut ended = false;
        while let Some(record) = opened.records.try_next() {
            let Some(record) = record else {
                ended = true;
                break;
            };
            let start = record.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            let event = Event::decode(record.slice(start..)).unwrap();
            for offer in event.offers.iter().flat_map(|offers| &offers.offers) {
                assert!(client.offers.insert(offer.id.value.clone()), "an offer is made once");
            }
            if let Some(rescind) = &event.rescind {
                client.offers.remove(&rescind.offer_id.value);
            }
            let operation = event.update_operation_status.map(|update| update.status);
            if let Some((id, uuid)) = operation.and_then(|status| Some((status.operation_id?, status.uuid?.value))) {
                client.operations.push((id, uuid));
            }
            let status = event.update.map(|update| update.status);
            if let Some((uuid, status)) = status.and_then(|status| Some((status.uuid.clone()?, status))) {
                let agent = status.slave_id.map(|id| id.value).unwrap_or_default();
                client.updates.push((status.task_id.value, agent, uuid));
            }
        }
        if ended {
            client.opened = None;
            client.offers.clear();
        }
    }

    fn check(&self) {
        // What is written down of the agents' timers is true, and nobody waits to be asked.
        let timers = self.core.agents().filter_map(Agent::next_timer);
        assert_eq!(self.core.slots.next_timer(), timers.min());
        assert!(self.core.slots.touched().is_empty());
        let master = &self.core.master;
        conserved(&self.core, [4.0, 512.0, 100.0]);
        for (id, framework) in &master.frameworks {
            let mut sum = Resources::default();
            framework.tasks.values().for_each(|task| sum.add(&task.resources.scalars()));
            let offers = master.offers.values().filter(|offer| offer.framework == *id);
            offers.for_each(|offer| sum.add(&offer.resources.scalars()));
            let operations = master.operations.values().filter(|operation| operation.framework == *id);
            operations.for_each(|operation| sum.add(&operation.held));
            let allocated = framework.allocated.get("eng").cloned().unwrap_or_default();
            assert!(
                allocated.contains(&sum) && sum.contains(&allocated),
                "{id} is charged for what it has"
            );
            let gone = framework
                .unreachable_tasks
                .keys()
                .find(|task| framework.tasks.contains_key(*task));
            assert_eq!(gone, None, "a task is in one place");
        }
        for (id, offer) in &master.offers {
            assert!(
                master.agents.get(&offer.agent).is_some_and(|agent| agent.connected),
                "{id} is of an agent that is there"
            );
            let client = (0..FRAMEWORKS).find(|framework| self.id(*framework) == offer.framework);
            let known = client.is_some_and(|client| self.clients[client].offers.contains(id));
            assert!(known, "{id} is in its framework's hands");
        }
    }

    /// Repairs everything, and waits until nothing happens any more.
    fn repair(&mut self) {
        (0..MASTERS).for_each(|master| self.take(&Step::Control(Control::StartMaster(master))));
        self.take(&Step::Control(Control::AdvanceClock(Duration::from_secs(1))));
        for agent in 0..AGENTS {
            for control in [
                Control::HealAgent(agent),
                Control::DelayAgent(agent, Duration::ZERO),
                Control::StartAgent(agent),
            ] {
                self.take(&Step::Control(control));
            }
        }
        // Longer than the longest wait for a retry.
        for _ in 0..12 {
            for framework in 0..FRAMEWORKS {
                if self.clients[framework].opened.is_none() {
                    self.take(&Step::Subscribe(framework));
                }
                self.take(&Step::Acknowledge(framework));
            }
            self.take(&Step::Control(Control::AdvanceClock(Duration::from_secs(60))));
            self.check();
        }
    }

    fn check_repaired(&self) {
        let master = &self.core.master;
        assert_eq!(master.agents.values().filter(|agent| agent.connected).count(), AGENTS);
        let known = master.frameworks.values().flat_map(|f| f.tasks.values());
        let known = known
            .filter(|task| !task.is_terminal())
            .map(|task| task.info.task_id.value.clone());
        let known: BTreeSet<String> = known.collect();
        let running = |agent: &Agent| {
            let containers = agent.containers.iter();
            let pairs = containers.map(|(process, container)| (*process, container.executor_id.clone()));
            pairs.collect::<Vec<_>>()
        };
        let running: Vec<(u64, String)> = self.core.agents().flat_map(running).collect();
        let tasks: BTreeSet<String> = running.iter().map(|(_, task)| task.clone()).collect();
        assert_eq!(tasks, known, "what agents run is what the master knows of");
        let processes: BTreeSet<u64> = running.iter().map(|(process, _)| *process).collect();
        assert_eq!(processes, self.processes, "and it does run, and nothing else");
        // Their ends were told and acknowledged: nothing of them is left. A framework that was torn down while nobody could tell an agent
        // comes back with a new master, as in Mesos; nobody acknowledges for it.
        let connected = |id: &String| master.frameworks.get(id).is_some_and(|f| f.is_connected());
        let ended = |f: &master::state::Framework| f.tasks.values().filter(|task| task.is_terminal()).count();
        let mine = master.frameworks.iter().filter(|(id, _)| connected(id));
        assert_eq!(mine.map(|(_, f)| ended(f)).sum::<usize>(), 0);
        self.check_operations();
        let left = self.core.agents().flat_map(|agent| agent.frameworks.iter());
        let left = left.filter(|(id, _)| connected(id)).flat_map(|(_, f)| f.late.keys());
        assert_eq!(left.count(), 0);
        let strangers = self.core.agents().flat_map(|agent| agent.strangers.keys());
        assert_eq!(strangers.filter(|(framework, _)| connected(framework)).count(), 0);
    }
}

/// How many histories are tried: `PROPTEST_CASES`, or a few.
fn cases() -> u32 {
    let given = std::env::var("PROPTEST_CASES").ok();
    given.and_then(|given| given.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]
    #[test]
    fn whatever_happens_nothing_appears_or_vanishes(several in any::<bool>(), steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::of(if several { MASTERS } else { 1 });
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.repair();
        world.check_repaired();
    }
}

/// Rounds of the allocator that find nothing to do are left out while the clock jumps; those that do something are on time.
#[test]
fn a_day_passes_quickly_and_nothing_in_it_is_late() {
    let mut world = World::new();
    world.core.master.identity.intervals.allocation = Duration::from_millis(50);
    let advance = |world: &mut World, by| {
        let before = *world.core.turns().borrow();
        world.take(&Step::Control(Control::AdvanceClock(by)));
        let turns = *world.core.turns().borrow() - before;
        // Heartbeats, pings and their answers, and a round for each; not twenty rounds a second.
        assert!(
            u128::from(turns) < 20 + u128::from(by.as_secs()) * 2,
            "{turns} turns in {by:?}"
        );
    };
    world.take(&Step::Subscribe(0));
    advance(&mut world, Duration::from_secs(10));
    assert_eq!(world.clients[0].offers.len(), AGENTS);
    let id = world.id(0);
    let refuse = |world: &mut World, seconds: f64| {
        let offer = world.clients[0].offers.pop_first().unwrap();
        let filters = Filters {
            refuse_seconds: Some(seconds),
        };
        world.call(|master| master.decline(&id, &[OfferId { value: offer }], Some(&filters)));
        world.settle();
    };
    refuse(&mut world, 10_000.0);
    refuse(&mut world, 40_000.0);
    advance(&mut world, Duration::from_millis(9_999_900));
    assert_eq!(world.clients[0].offers.len(), AGENTS - 2);
    advance(&mut world, Duration::from_millis(150));
    assert_eq!(world.clients[0].offers.len(), AGENTS - 1, "the first refusal has expired");
    advance(&mut world, Duration::from_secs(29_999));
    assert_eq!(world.clients[0].offers.len(), AGENTS - 1);
    advance(&mut world, Duration::from_secs(46_401));
    assert_eq!(world.clients[0].offers.len(), AGENTS);
    // What comes in between is seen, too: a framework whose time is over gives its resources back within the jump.
    let info = FrameworkInfo {
        failover_timeout: Some(5_000.0),
        ..Default::default()
    };
    let opened = world.core.open_stream(Default::default());
    refuse(&mut world, 0.0);
    world.take(&Step::Suppress(0));
    let stream = opened.stream.clone();
    let wish = crate::local::master::Wish {
        info,
        ..Default::default()
    };
    world.call(|master| master.subscribe(wish, stream, "s".into()));
    advance(&mut world, Duration::from_secs(1));
    assert_eq!(
        (world.clients[0].offers.len(), world.core.master.offers.len()),
        (AGENTS - 1, AGENTS)
    );
    world.take(&Step::Revive(0));
    world.core.stream_closed(opened.stream.id);
    world.settle();
    advance(&mut world, Duration::from_secs(86_400));
    assert_eq!(world.clients[0].offers.len(), AGENTS);
}

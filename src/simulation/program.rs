//! The framework's program: what a scheduler in Perl does. It outlives its drivers.

use super::books::{offers, scalar, Books};
use super::dice::{note, Dice};
use super::driver::{Deed, Driver};
use super::network::{Network, Party};
use super::Sabotage;
use crate::driver::counters::Counters;
use crate::driver::framework::value;
use crate::driver::master::ZooKeeperUrl;
use crate::driver::SchedulerCall;
use crate::event::Event;
use crate::local::stage::SECRET;
use crate::message::fields;
use crate::native::machine::Machine;
use crate::native::scheduler::calls::{acknowledge, prepare};
use crate::native::scheduler::machine::{Command, Config, SchedulerMachine};
use crate::native::{Endpoint, Source};
use crate::proto::framework_info::{capability, Capability};
use crate::proto::{
    CommandInfo, ExecutorId, ExecutorInfo, Filters, FrameworkId, FrameworkInfo, SlaveId, TaskId, TaskInfo, TaskState, TaskStatus,
};
use crate::resources::text as resource_text;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The one address of the cluster: a master that has failed over is there again.
pub fn master() -> Endpoint {
    Endpoint::master("127.0.0.1", 5050).with_bearer(SECRET)
}

/// Its answers are in `detection.rs`.
fn zookeeper() -> Source {
    Source::ZooKeeper {
        url: ZooKeeperUrl {
            servers: vec![("zookeeper".into(), 2181)],
            credentials: None,
            path: "/mesos".into(),
        },
        template: Box::new(master()),
    }
}

/// So many tasks in one history.
const TASKS: usize = 12;

/// A task as the program knows it.
pub struct Task {
    pub agent: String,
    pub executor: Option<String>,
    /// The newest that it was told.
    pub state: Option<TaskState>,
}

impl Task {
    /// Nothing more is to come of it, as far as anybody knows.
    pub fn is_over(&self) -> bool {
        use TaskState::*;
        let over = [
            TaskFinished,
            TaskFailed,
            TaskKilled,
            TaskError,
            TaskLost,
            TaskDropped,
            TaskGone,
            TaskGoneByOperator,
            // Of an agent that nobody knows any more.
            TaskUnknown,
        ];
        self.state.is_some_and(|state| over.contains(&state))
    }
}

/// A callback that has begun.
pub struct Callback {
    event: Event,
    dies: bool,
    /// Its calls are still to be made.
    acts_at_end: bool,
}

/// A driver, and the program's view of it.
pub struct Scheduler {
    pub number: u64,
    pub driver: Driver<SchedulerMachine>,
    pub books: Books,
    pub busy: Option<Callback>,
    /// Offers in hand: the agent's id, and the subscription, as far as the program has heard.
    offers: BTreeMap<String, (String, u64)>,
    subscription: u64,
    /// Of its `error` callback.
    pub error: Option<String>,
    /// The program has stopped it.
    pub stops: bool,
    /// It has asked who leads, and wants to hear of each change.
    pub asks: bool,
}

pub struct Program {
    pub tasks: BTreeMap<String, Task>,
    launched: usize,
    drivers: u64,
    pub id: Option<String>,
    known_id: Arc<Mutex<Option<String>>>,
    pub checkpoints: bool,
    partition_aware: bool,
    sabotage: Option<Sabotage>,
    /// It launches nothing more.
    pub is_calm: bool,
}

impl Program {
    pub fn new(sabotage: Option<Sabotage>, dice: &mut Dice) -> Program {
        Program {
            tasks: BTreeMap::new(),
            launched: 0,
            drivers: 0,
            id: None,
            known_id: Arc::default(),
            checkpoints: dice.percent(50),
            partition_aware: dice.percent(50),
            sabotage,
            is_calm: false,
        }
    }

    /// Another driver: of the framework that there was, if it has an id.
    pub fn start(&mut self, now: Duration, dice: &mut Dice) -> Scheduler {
        self.drivers += 1;
        let capability = Capability {
            r#type: Some(capability::Type::PartitionAware as i32),
        };
        let framework = FrameworkInfo {
            name: "simulation".into(),
            id: self.id.clone().map(|value| FrameworkId { value }),
            failover_timeout: Some(1e9),
            checkpoint: Some(self.checkpoints),
            capabilities: if self.partition_aware { vec![capability] } else { vec![] },
            ..Default::default()
        };
        self.known_id = Arc::new(Mutex::new(self.id.clone()));
        let machine = SchedulerMachine::new(Config {
            source: if dice.percent(50) { zookeeper() } else { master().into() },
            framework: framework.encode_to_vec(),
            implicit_acknowledgements: true,
            master_timeout: None,
            window: 1 + dice.below(4) as usize * 50,
            reconcile_on_registration: dice.percent(50),
            store: None,
            known_id: self.known_id.clone(),
            offered: Arc::default(),
            counters: Arc::new(Counters::scheduler()),
            seed: dice.below(u64::MAX),
        });
        note!("the program starts driver {} of {:?}", self.drivers, self.id);
        let party = Party::Scheduler(self.drivers);
        let mut driver = Driver::new(machine, party, now, |update| Some(Command::Acknowledge(update)));
        driver.no_watchdog = self.sabotage == Some(Sabotage::NoWatchdog);
        Scheduler {
            number: self.drivers,
            driver,
            books: Books::default(),
            busy: None,
            offers: BTreeMap::new(),
            subscription: 0,
            error: None,
            stops: false,
            asks: false,
        }
    }

    /// The framework is gone: what comes is another one.
    pub fn forget(&mut self) {
        self.id = None;
        self.tasks.clear();
    }

    pub fn tells_of_aborts(&self) -> bool {
        self.sabotage != Some(Sabotage::AbortUntold)
    }

    pub fn is_over(&self) -> bool {
        self.tasks.values().all(Task::is_over)
    }

    /// Begins the next callback, and says how long it takes.
    pub fn begin(&mut self, scheduler: &mut Scheduler, dice: &mut Dice) -> Option<Duration> {
        let event = scheduler.driver.take()?;
        let time = match dice.below(100) {
            _ if self.is_calm => Duration::ZERO,
            0 => dice.within(60_000),
            1..=9 => dice.within(5_000),
            10..=29 => dice.within(50),
            _ => Duration::ZERO,
        };
        let told = ["registered", "reregistered", "disconnected", "error"];
        let dies = dice.percent(4) && !self.is_calm && !told.contains(&&*event.name);
        let acts_at_end = dice.percent(50);
        note!(
            "callback {} begins, takes {:.3} s{}",
            event.name,
            time.as_secs_f64(),
            if dies { " and dies" } else { "" }
        );
        if self.sabotage == Some(Sabotage::AcknowledgedBefore) {
            Self::acknowledge(&event);
        }
        let callback = Callback {
            event,
            dies,
            acts_at_end,
        };
        if !acts_at_end && !dies {
            self.act(scheduler, &callback.event.clone(), dice);
        }
        scheduler.busy = Some(callback);
        Some(time)
    }

    /// The callback that has begun returns, or dies.
    pub fn end(&mut self, scheduler: &mut Scheduler, dice: &mut Dice) {
        let Some(callback) = scheduler.busy.take() else { return };
        if callback.dies {
            // What the role does for a callback that has died.
            for offer in offers(if callback.event.is_owed() { &callback.event.args } else { &[] }) {
                self.decline(scheduler, &offer.id.value);
            }
            return;
        }
        if callback.acts_at_end {
            self.act(scheduler, &callback.event, dice);
        }
        let update = callback
            .event
            .origin
            .as_ref()
            .and_then(|origin| origin.acknowledgement.as_ref());
        let runs = scheduler.driver.handle.gate.lifecycle.is_running();
        if let (Some(update), true) = (update, runs) {
            let subscribed = scheduler.driver.machine.session().is_subscribed();
            scheduler.books.returned(update, subscribed);
            if self.sabotage != Some(Sabotage::AcknowledgedBefore) {
                Self::acknowledge(&callback.event);
            }
        }
    }

    fn acknowledge(event: &Event) {
        let origin = event.origin.as_ref();
        let owner = origin.and_then(|origin| origin.owner.upgrade());
        if let (Some(owner), Some(update)) = (owner, origin.and_then(|origin| origin.acknowledgement.clone())) {
            owner.acknowledge(update);
        }
    }

    fn call(scheduler: &Scheduler, call: SchedulerCall) {
        let prepared = prepare(call, true).expect("a call that can be made");
        if scheduler.driver.handle.gate.lifecycle.is_running() {
            assert!(scheduler.driver.machine.counters().hand_over(usize::MAX));
            scheduler.driver.handle.send(Command::Call(prepared));
        }
    }

    fn act(&mut self, scheduler: &mut Scheduler, event: &Event, dice: &mut Dice) {
        match &*event.name {
            "registered" | "reregistered" => {
                if &*event.name == "registered" {
                    self.id = value(&scalar(&event.args, 0));
                }
                scheduler.subscription += 1;
                self.reconcile(scheduler);
            }
            "disconnected" if self.sabotage == Some(Sabotage::OffersKept) => (),
            "disconnected" => scheduler.offers.clear(),
            "resourceOffers" => {
                for offer in offers(&event.args) {
                    let place = (offer.slave_id.value, scheduler.subscription);
                    scheduler.offers.insert(offer.id.value.clone(), place);
                    if dice.percent(70) {
                        self.use_offer(scheduler, &offer.id.value, dice);
                    }
                }
            }
            "offerRescinded" => drop(scheduler.offers.remove(&value(&scalar(&event.args, 0)).unwrap_or_default())),
            "statusUpdate" => {
                let status = TaskStatus::decode(&scalar(&event.args, 0)[..]).expect("a status");
                let state = status.state();
                note!("{} is {}", status.task_id.value, state.as_str_name());
                if let Some(task) = self.tasks.get_mut(&status.task_id.value) {
                    task.state = Some(state);
                }
            }
            "error" => {
                let error = String::from_utf8_lossy(&scalar(&event.args, 0)).into_owned();
                note!("the driver has failed: {error}");
                scheduler.error = Some(error);
            }
            _ => (),
        }
    }

    fn reconcile(&self, scheduler: &Scheduler) {
        let open = self.tasks.iter().filter(|(_, task)| !task.is_over());
        let statuses = open.map(|(id, task)| TaskStatus {
            task_id: TaskId { value: id.clone() },
            state: TaskState::TaskStaging as i32,
            slave_id: Some(SlaveId {
                value: task.agent.clone(),
            }),
            ..Default::default()
        });
        let statuses: Vec<_> = statuses.map(|status| status.encode_to_vec()).collect();
        if !statuses.is_empty() {
            Self::call(scheduler, SchedulerCall::ReconcileTasks { statuses });
        }
    }

    /// Now and then, between callbacks.
    pub fn tick(&mut self, scheduler: &mut Scheduler, dice: &mut Dice) {
        for offer in scheduler.offers.keys().cloned().collect::<Vec<_>>() {
            if self.is_calm || dice.percent(30) {
                self.use_offer(scheduler, &offer, dice);
            }
        }
        if self.is_calm || dice.percent(20) {
            self.reconcile(scheduler);
        }
        let tasks: Vec<String> = self
            .tasks
            .iter()
            .filter(|(_, t)| !t.is_over())
            .map(|(id, _)| id.clone())
            .collect();
        let task = dice.below(tasks.len() as u64 * 4);
        if let Some(task) = tasks.get(task as usize) {
            note!("the program kills {task}");
            let task_id = fields::id(task);
            Self::call(
                scheduler,
                SchedulerCall::KillTask {
                    task_id,
                    kill_policy: None,
                },
            );
            let known = &self.tasks[task];
            if let Some(executor) = &known.executor {
                Self::call(
                    scheduler,
                    SchedulerCall::SendFrameworkMessage {
                        executor_id: fields::id(executor),
                        slave_id: fields::id(&known.agent),
                        data: b"hello".to_vec(),
                    },
                );
            }
        }
        match dice.below(40) {
            0 if !self.is_calm => Self::call(scheduler, SchedulerCall::SuppressOffers { roles: None }),
            1..=8 => Self::call(scheduler, SchedulerCall::ReviveOffers { roles: None }),
            _ => (),
        }
    }

    /// Launches on an offer, or declines it.
    fn use_offer(&mut self, scheduler: &mut Scheduler, offer: &str, dice: &mut Dice) {
        let Some((agent, subscription)) = scheduler.offers.remove(offer) else {
            return;
        };
        assert_eq!(
            subscription, scheduler.subscription,
            "offer {offer} ended with the subscription in which it was made"
        );
        if self.is_calm || self.launched >= TASKS || dice.percent(30) {
            return self.decline(scheduler, offer);
        }
        let mut tasks = Vec::new();
        let mut names = Vec::new();
        for _ in 0..1 + dice.below(2) {
            self.launched += 1;
            let name = format!("t{}", self.launched);
            let executor = dice.percent(50).then(|| format!("e{}", dice.below(2)));
            tasks.push(task_info(&name, &agent, executor.as_deref()).encode_to_vec());
            note!("the program launches {name} of {executor:?} on offer {offer}");
            let (agent, state) = (agent.clone(), None);
            self.tasks.insert(name.clone(), Task { agent, executor, state });
            names.push(name);
        }
        let runs = scheduler.driver.handle.gate.lifecycle.is_running();
        scheduler
            .books
            .handed_over(&[offer.to_string()], if runs { &names } else { &[] });
        Self::call(
            scheduler,
            SchedulerCall::LaunchTasks {
                offer_ids: vec![fields::id(offer)],
                tasks,
                filters: Some(seconds(1.0)),
            },
        );
    }

    fn decline(&mut self, scheduler: &mut Scheduler, offer: &str) {
        scheduler.offers.remove(offer);
        scheduler.books.handed_over(&[offer.to_string()], &[]);
        Self::call(
            scheduler,
            SchedulerCall::DeclineOffer {
                offer_id: fields::id(offer),
                filters: Some(seconds(if self.is_calm { 100.0 } else { 1.0 })),
            },
        );
    }
}

fn seconds(refused: f64) -> Vec<u8> {
    let filters = Filters {
        refuse_seconds: Some(refused),
    };
    filters.encode_to_vec()
}

fn task_info(name: &str, agent: &str, executor: Option<&str>) -> TaskInfo {
    let resources = |text: &str| resource_text::parse(text).expect("resources");
    let command = CommandInfo {
        value: Some("true".into()),
        ..Default::default()
    };
    let executor = executor.map(|value| ExecutorInfo {
        executor_id: ExecutorId { value: value.into() },
        command: Some(command.clone()),
        resources: resources("cpus:0.1;mem:16"),
        ..Default::default()
    });
    TaskInfo {
        name: name.into(),
        task_id: TaskId { value: name.into() },
        slave_id: SlaveId { value: agent.into() },
        resources: resources("cpus:0.5;mem:32"),
        command: Some(command).filter(|_| executor.is_none()),
        executor: executor.map(Box::new),
        ..Default::default()
    }
}

impl Scheduler {
    pub fn runs(&self) -> bool {
        self.driver.handle.gate.lifecycle.is_running()
    }

    /// Carries out what its driver wants, and keeps the books. Whether there was anything.
    pub fn settle(&mut self, network: &mut Network, now: Duration, dice: &mut Dice) -> bool {
        let deeds = self.driver.settle(network, now, dice);
        let runs = self.runs();
        for deed in &deeds {
            self.books.enter(deed, runs);
            self.asks |= matches!(deed, Deed::Asked);
            assert!(!matches!(deed, Deed::Killed), "schedulers kill nobody");
        }
        self.books.close_step(runs);
        !deeds.is_empty()
    }
}

/// So that `acknowledge` is what the driver sends, whoever decides when.
#[test]
fn the_books_read_what_drivers_send() {
    use crate::event::Acknowledgement;
    let update = Acknowledgement::Task {
        agent_id: fields::id("a").into(),
        task_id: fields::id("t").into(),
        uuid: vec![7; 16].into(),
    };
    let crate::native::scheduler::calls::Prepared::Send { call, .. } = acknowledge(update.clone()) else {
        panic!("a call");
    };
    let request = crate::native::protocol::http::post(&Endpoint::master("h", 1), "scheduler", None, &call);
    let link = crate::native::protocol::action::Link::Calls;
    let send = |books: &mut Books| books.enter(&Deed::Sent(link, 1, request.clone()), true);
    let mut books = Books::default();
    books.returned(&update, true);
    assert_eq!(books.owed(), ["1 acknowledgements"]);
    send(&mut books);
    assert_eq!(books.owed(), ["answers to calls"]);
    books.received(1, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(books.owed(), [""; 0]);
    let twice = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| send(&mut books)));
    assert!(twice.is_err(), "returned once, acknowledged twice");
}

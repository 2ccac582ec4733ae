//! The books of one scheduler's driver: what it was told to do, what it said on the wire, and what it told the program.

use super::driver::Deed;
use crate::driver::framework::value;
use crate::event::{Acknowledgement, Arg};
use crate::native::machine::Emission;
use crate::native::protocol::action::Link;
use crate::native::scheduler::machine::ABORTED_REFUSAL;
use crate::native::scheduler::wire::{Call, CallType};
use crate::native::wire::{Launch, Operation, TaskInfo};
use crate::proto::{Offer, TaskStatus};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// What was sent on a connection for calls, and how much of it was answered.
#[derive(Default)]
struct Conversation {
    requests: usize,
    answers: usize,
    received: Vec<u8>,
}

/// An update that asks for an acknowledgement.
#[derive(Default)]
struct Update {
    returned: usize,
    acknowledged: usize,
}

/// Of one driver. What is wrong makes it panic.
#[derive(Default)]
pub struct Books {
    conversations: BTreeMap<u64, Conversation>,
    /// By uuid.
    updates: BTreeMap<Vec<u8>, Update>,
    /// All offers that the program was ever told of.
    offers: BTreeSet<String>,
    /// Those of the present subscription that are neither rescinded nor in a call.
    open: BTreeSet<String>,
    used: BTreeSet<String>,
    /// What an abort has to give back.
    abandoned: Option<BTreeSet<String>>,
    /// Callbacks have returned, and their acknowledgements have to be sent.
    owed_acknowledgements: BTreeSet<Vec<u8>>,
    /// Launches that the driver has taken, and that were neither sent nor told of.
    owed_launches: BTreeSet<String>,
    pub subscriptions: u64,
    /// In this step calls were given up without an answer, or the program was told of a loss.
    gave_up: Option<String>,
    told_of_loss: bool,
}

fn id(bytes: &[u8]) -> String {
    value(bytes).unwrap_or_default()
}

pub fn scalar(emission: &[Arg], index: usize) -> Vec<u8> {
    match emission.get(index) {
        Some(Arg::Scalar(_, bytes)) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

pub fn offers(args: &[Arg]) -> Vec<Offer> {
    let Some(Arg::List(_, items)) = args.first() else {
        return Vec::new();
    };
    let decoded = items.iter().map(|item| Offer::decode(item.clone()).expect("an offer"));
    decoded.collect()
}

/// The length of the first message, and where its body starts, if all of it is there.
fn message(bytes: &[u8]) -> Option<(usize, usize)> {
    let body = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..body]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
    (bytes.len() >= body + length).then_some((body + length, body))
}

impl Books {
    pub fn enter(&mut self, deed: &Deed, runs: bool) {
        match deed {
            Deed::Emitted(emission) => self.emitted(emission),
            Deed::Sent(Link::Calls, connection, bytes) => self.sent(*connection, bytes),
            Deed::Closed(Link::Calls, connection) => self.ended(*connection),
            Deed::Sent(Link::Stream, ..) | Deed::Closed(Link::Stream, _) | Deed::Asked | Deed::Killed | Deed::Done => (),
        }
        if !runs {
            self.owed_acknowledgements.clear();
            self.owed_launches.clear();
        }
    }

    fn emitted(&mut self, emission: &Emission) {
        match emission.name {
            "registered" | "reregistered" => {
                self.subscriptions += 1;
                self.open.clear();
            }
            "disconnected" | "error" => {
                self.told_of_loss = true;
                self.open.clear();
                self.owed_acknowledgements.clear();
            }
            "resourceOffers" => {
                for offer in offers(&emission.args) {
                    assert!(
                        self.offers.insert(offer.id.value.clone()),
                        "offer {} comes once",
                        offer.id.value
                    );
                    self.open.insert(offer.id.value);
                }
            }
            "offerRescinded" => {
                self.open.remove(&id(&scalar(&emission.args, 0)));
            }
            "statusUpdate" => {
                let status = TaskStatus::decode(&scalar(&emission.args, 0)[..]).expect("a status");
                self.owed_launches.remove(&status.task_id.value);
            }
            _ => (),
        }
    }

    fn sent(&mut self, connection: u64, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((length, body)) = message(rest) {
            self.conversations.entry(connection).or_default().requests += 1;
            self.said(&Call::decode(&rest[body..length]).expect("a call"));
            rest = &rest[length..];
        }
        assert!(rest.is_empty(), "whole requests are sent");
    }

    fn said(&mut self, call: &Call) {
        match call.kind() {
            CallType::Acknowledge => {
                let uuid = call.acknowledge.as_ref().and_then(|a| a.uuid.clone()).expect("a uuid");
                self.owed_acknowledgements.remove(&uuid);
                let update = self.updates.entry(uuid).or_default();
                update.acknowledged += 1;
                assert!(
                    update.acknowledged <= update.returned,
                    "an update is acknowledged when its callback has returned, and once for each time"
                );
            }
            CallType::Accept => {
                let accept = call.accept.as_ref().expect("accept");
                accept.offer_ids.iter().for_each(|offer| self.uses(id(offer)));
                for operation in &accept.operations {
                    let operation = Operation::decode(&operation[..]).expect("an operation");
                    let Launch { task_infos } = operation.launch.unwrap_or_default();
                    for task in task_infos {
                        let task = TaskInfo::decode(&task[..]).expect("a task");
                        self.owed_launches.remove(&id(&task.task_id.expect("its id")));
                    }
                }
            }
            CallType::Decline => {
                let decline = call.decline.as_ref().expect("decline");
                let ids: BTreeSet<String> = decline.offer_ids.iter().map(|offer| id(offer)).collect();
                let filters = decline.filters.as_ref();
                let filters = filters.map(|filters| crate::proto::Filters::decode(&filters[..]).expect("filters"));
                let refused = filters.and_then(|filters| filters.refuse_seconds) == Some(ABORTED_REFUSAL);
                if refused && ids.iter().any(|id| self.offers.contains(id)) {
                    assert_eq!(
                        Some(ids.clone()),
                        self.abandoned.take(),
                        "an abort gives back what is open, once"
                    );
                }
                ids.into_iter().for_each(|offer| self.uses(offer));
            }
            _ => (),
        }
    }

    fn uses(&mut self, offer: String) {
        self.open.remove(&offer);
        assert!(self.used.insert(offer.clone()), "offer {offer} is used once");
    }

    /// Bytes have come on a connection for calls.
    pub fn received(&mut self, connection: u64, bytes: &[u8]) {
        let conversation = self.conversations.entry(connection).or_default();
        conversation.received.extend_from_slice(bytes);
        while let Some((length, _)) = message(&conversation.received) {
            conversation.received.drain(..length);
            conversation.answers += 1;
        }
        assert!(conversation.answers <= conversation.requests, "answers are to calls");
    }

    /// A connection for calls is given up.
    pub fn ended(&mut self, connection: u64) {
        let conversation = self.conversations.remove(&connection).unwrap_or_default();
        if conversation.answers < conversation.requests {
            self.gave_up = Some(format!(
                "of {} calls on connection {connection} {} were answered",
                conversation.requests, conversation.answers
            ));
        }
    }

    /// A step is over.
    pub fn close_step(&mut self, runs: bool) {
        let told = std::mem::take(&mut self.told_of_loss);
        if let Some(what) = self.gave_up.take().filter(|_| runs) {
            assert!(told, "{what}, and the program was not told of a loss");
        }
    }

    /// The program hands a launch over, which uses these offers; or a decline.
    pub fn handed_over(&mut self, offers: &[String], tasks: &[String]) {
        self.open.retain(|offer| !offers.contains(offer));
        self.owed_launches.extend(tasks.iter().cloned());
    }

    /// The callback of an update has returned. `subscribed`: then the acknowledgement has to go out.
    pub fn returned(&mut self, update: &Acknowledgement, subscribed: bool) {
        self.updates.entry(update.uuid().to_vec()).or_default().returned += 1;
        if subscribed {
            self.owed_acknowledgements.insert(update.uuid().to_vec());
        }
    }

    /// The program aborts the driver, which is subscribed.
    pub fn aborts(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.abandoned = Some(open).filter(|open| !open.is_empty());
    }

    /// Whether what an abort has to give back was sent.
    pub fn has_given_back(&self) -> bool {
        self.abandoned.is_none()
    }

    /// What the driver still owes, in words.
    pub fn owed(&self) -> Vec<String> {
        let mut owed = Vec::new();
        if !self.owed_acknowledgements.is_empty() {
            owed.push(format!("{} acknowledgements", self.owed_acknowledgements.len()));
        }
        owed.extend(
            self.owed_launches
                .iter()
                .map(|task| format!("a word on the launch of {task}")),
        );
        let open = |conversation: &&Conversation| conversation.answers < conversation.requests;
        owed.extend(self.conversations.values().find(open).map(|_| "answers to calls".to_string()));
        owed
    }
}

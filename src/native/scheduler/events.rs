//! Which callback an event of the scheduler API is, and the updates that the driver makes itself.

use super::calls;
use crate::driver::DriverError;
use crate::event::{Arg, ArgType};
use crate::message::class;
use crate::message::field_number::task_status;
use crate::message::fields;
use crate::native::machine::Emission;
use crate::native::protocol::endpoint::Endpoint;
use crate::native::scheduler::wire::{self, Event, EventType};
use crate::proto;
use prost::Message;

/// The callback of an event, if it has one. SUBSCRIBED, OFFERS and ERROR are the machine's own business. With `implicit`, updates
/// that ask for it carry their acknowledgement.
pub fn callback(event: Event, implicit: bool) -> Result<Option<Emission>, DriverError> {
    Ok(match event.kind() {
        EventType::Rescind => event
            .rescind
            .and_then(|rescind| rescind.offer_id)
            .map(|id| Emission::new("offerRescinded", vec![Arg::message(class::OFFER_ID, id)])),
        EventType::Update => match event.update.and_then(|update| update.status) {
            Some(status) => {
                let acknowledgement = calls::acknowledgement("status", &status)?.filter(|_| implicit);
                let emission = Emission::new("statusUpdate", vec![Arg::message(class::TASK_STATUS, status)]);
                Some(Emission {
                    acknowledgement,
                    ..emission
                })
            }
            None => None,
        },
        EventType::UpdateOperationStatus => match event.update_operation_status.and_then(|update| update.status) {
            Some(status) => {
                let acknowledgement = calls::operation_acknowledgement("status", &status)?.filter(|_| implicit);
                let emission = Emission::new("operationStatusUpdate", vec![Arg::message(class::OPERATION_STATUS, status)]);
                Some(Emission {
                    acknowledgement,
                    ..emission
                })
            }
            None => None,
        },
        EventType::Message => {
            let message = event.message.unwrap_or_default();
            message.executor_id.zip(message.agent_id).map(|(executor, agent)| {
                let data = Arg::string(message.data.unwrap_or_default());
                let args = vec![
                    Arg::message(class::EXECUTOR_ID, executor),
                    Arg::message(class::SLAVE_ID, agent),
                    data,
                ];
                Emission::new("frameworkMessage", args)
            })
        }
        EventType::Failure => failure(event.failure.unwrap_or_default()),
        EventType::InverseOffers => {
            let offers = event.inverse_offers.unwrap_or_default().inverse_offers;
            let list = Arg::List(ArgType::Message(class::INVERSE_OFFER), offers);
            Some(Emission::new("inverseOffers", vec![list]))
        }
        EventType::RescindInverseOffer => event
            .rescind_inverse_offer
            .and_then(|rescind| rescind.offer_id)
            .map(|id| Emission::new("inverseOfferRescinded", vec![Arg::message(class::OFFER_ID, id)])),
        // HEARTBEAT has done its work by arriving; later inventions have no callback.
        _ => None,
    })
}

fn failure(failure: wire::Failure) -> Option<Emission> {
    let agent = Arg::message(class::SLAVE_ID, failure.agent_id?);
    Some(match failure.executor_id {
        Some(executor) => {
            let status = Arg::string(failure.status.unwrap_or(-1).to_string());
            Emission::new(
                "executorLost",
                vec![Arg::message(class::EXECUTOR_ID, executor), agent, status],
            )
        }
        None => Emission::new("slaveLost", vec![agent]),
    })
}

/// Why a task was never launched, as its update says it.
pub struct Lost<'a> {
    /// The framework knows TASK_DROPPED; others hear TASK_LOST.
    pub partition_aware: bool,
    pub reason: proto::task_status::Reason,
    pub message: &'a str,
    /// Seconds since 1970.
    pub wall: f64,
}

/// What libmesos tells of a task that is launched while there is no master: no uuid, no agent.
pub fn lost_task(task_id: &[u8], lost: &Lost<'_>) -> Emission {
    let state = match lost.partition_aware {
        true => proto::TaskState::TaskDropped,
        false => proto::TaskState::TaskLost,
    };
    let mut status = Vec::new();
    fields::append(&mut status, task_status::TASK_ID, task_id);
    fields::append_varint(&mut status, task_status::STATE, state as u64);
    fields::append(&mut status, task_status::MESSAGE, lost.message.as_bytes());
    fields::append_double(&mut status, task_status::TIMESTAMP, lost.wall);
    fields::append_varint(&mut status, task_status::SOURCE, proto::task_status::Source::Master as u64);
    fields::append_varint(&mut status, task_status::REASON, lost.reason as u64);
    Emission::new("statusUpdate", vec![Arg::message(class::TASK_STATUS, status)])
}

/// For masters before 1.1, which do not tell their MasterInfo.
pub fn master_info(endpoint: &Endpoint) -> Vec<u8> {
    let ip = endpoint
        .host
        .parse::<std::net::Ipv4Addr>()
        .map(|ip| u32::from_le_bytes(ip.octets()));
    proto::MasterInfo {
        id: format!("master@{endpoint}"),
        ip: ip.unwrap_or(0),
        port: u32::from(endpoint.port),
        pid: Some(format!("master@{endpoint}")),
        hostname: Some(endpoint.host.clone()),
        ..Default::default()
    }
    .encode_to_vec()
}

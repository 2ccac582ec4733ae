//! Arguments of a scheduler driver's calls, checked, and made into calls of the v1 API.

use crate::driver::{DriverError, SchedulerCall};
use crate::event::Acknowledgement;
use crate::message::field_number::{acknowledge as acknowledge_field, scheduler_call};
use crate::message::fields;
use crate::native::scheduler::operations::{of_known_types, operation_is_whole};
use crate::native::scheduler::wire::{self, Call, CallType};
use crate::native::wire::{problem, Id, Launch, Operation, OperationStatus, OperationType, Resource, TaskInfo, TaskStatus};
use bytes::Bytes;
use prost::Message;

/// A call that is ready but for the framework id, which only the machine knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Prepared {
    Send {
        name: &'static str,
        /// Encoded Call.
        call: Vec<u8>,
        /// Encoded TaskIDs of what is launched.
        tasks: Vec<Vec<u8>>,
        /// Encoded OfferIDs that the call uses up.
        offers: Vec<Vec<u8>>,
    },
    /// REVIVE or SUPPRESS: remembered while there is no master. Empty: all roles.
    Roles { revive: bool, roles: Vec<String> },
    /// UPDATE_FRAMEWORK: remembered as well. Without roles those that are suppressed stay so.
    Framework { info: Vec<u8>, suppressed: Option<Vec<String>> },
    /// Accepted, and nothing to do.
    Nothing,
}

impl Prepared {
    fn send(kind: CallType, call: Call) -> Self {
        Prepared::Send {
            name: kind.as_str_name(),
            call: Call {
                kind: Some(kind as i32),
                ..call
            }
            .encode_to_vec(),
            tasks: Vec::new(),
            offers: Vec::new(),
        }
    }

    /// The same call, which uses these offers up and launches these tasks.
    fn using(self, offers: Vec<Vec<u8>>, tasks: Vec<Vec<u8>>) -> Self {
        match self {
            Prepared::Send { name, call, .. } => Prepared::Send {
                name,
                call,
                tasks,
                offers,
            },
            other => other,
        }
    }
}

/// The field that stands first in all calls.
pub fn framework_id_field(framework_id: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(framework_id.len() + 8);
    fields::append(&mut field, scheduler_call::FRAMEWORK_ID, framework_id);
    field
}

/// Checks and converts `call`. Errors name the argument as the Perl API does.
pub fn prepare(call: SchedulerCall, implicit_acknowledgements: bool) -> Result<Prepared, DriverError> {
    use SchedulerCall::*;
    match call {
        RequestResources { requests } => request(requests),
        LaunchTasks {
            offer_ids,
            tasks,
            filters,
        } => launch(offer_ids, tasks, filters),
        AcceptOffers {
            offer_ids,
            operations,
            filters,
        } => accept_operations(offer_ids, operations, filters),
        DeclineOffer { offer_id, filters } => {
            let ids = ids("offerId", "OfferID", vec![offer_id])?;
            Ok(decline(ids, optional("filters", "Filters", filters)?))
        }
        ReviveOffers { roles } => Ok(roles_call(true, roles)),
        SuppressOffers { roles } => Ok(roles_call(false, roles)),
        KillTask { task_id, kill_policy } => kill(task_id, kill_policy),
        UpdateFramework {
            framework,
            suppressed_roles,
        } => Ok(Prepared::Framework {
            info: framework,
            suppressed: suppressed_roles,
        }),
        Acknowledge { status } => {
            explicit(implicit_acknowledgements)?;
            Ok(acknowledgement("status", &status.into())?.map_or(Prepared::Nothing, acknowledge))
        }
        AcknowledgeOperation { status } => {
            explicit(implicit_acknowledgements)?;
            Ok(operation_acknowledgement("status", &status.into())?.map_or(Prepared::Nothing, acknowledge))
        }
        AcceptInverseOffers { offer_ids, filters } => {
            let accept_inverse_offers = Some(inverse_offers(offer_ids, filters)?);
            Ok(Prepared::send(
                CallType::AcceptInverseOffers,
                Call {
                    accept_inverse_offers,
                    ..Default::default()
                },
            ))
        }
        DeclineInverseOffers { offer_ids, filters } => {
            let decline_inverse_offers = Some(inverse_offers(offer_ids, filters)?);
            Ok(Prepared::send(
                CallType::DeclineInverseOffers,
                Call {
                    decline_inverse_offers,
                    ..Default::default()
                },
            ))
        }
        ReconcileOperations { operations } => reconcile_operations(operations),
        ShutdownExecutor { executor_id, slave_id } => shutdown(executor_id, slave_id),
        SendFrameworkMessage {
            executor_id,
            slave_id,
            data,
        } => message(executor_id, slave_id, data),
        ReconcileTasks { statuses } => reconcile_tasks(statuses),
    }
}

fn request(requests: Vec<Vec<u8>>) -> Result<Prepared, DriverError> {
    let requests = each("requests", "Request", requests)?;
    Ok(Prepared::send(
        CallType::Request,
        Call {
            request: Some(wire::Request { requests }),
            ..Default::default()
        },
    ))
}

fn launch(offer_ids: Vec<Vec<u8>>, tasks: Vec<Vec<u8>>, filters: Option<Vec<u8>>) -> Result<Prepared, DriverError> {
    let task_ids = tasks.iter().map(|task| id_of_task("tasks", task, is_of_known_types));
    let task_ids = task_ids.collect::<Result<Vec<_>, _>>()?;
    let operation = Operation {
        kind: Some(OperationType::Launch as i32),
        launch: Some(Launch { task_infos: tasks }),
        launch_group: None,
    };
    let offer_ids = ids("offerIds", "OfferID", offer_ids)?;
    let accept = wire::Launching {
        offer_ids: offer_ids.clone(),
        operations: vec![operation],
        filters: optional("filters", "Filters", filters)?,
    };
    // Tasks can be large: they are encoded once, in their place.
    let call = wire::LaunchCall {
        kind: Some(CallType::Accept as i32),
        accept: Some(accept),
    };
    Ok(Prepared::Send {
        name: CallType::Accept.as_str_name(),
        call: call.encode_to_vec(),
        tasks: task_ids,
        offers: offer_ids,
    })
}

fn accept_operations(
    offer_ids: Vec<Vec<u8>>,
    operations: Vec<Vec<u8>>,
    filters: Option<Vec<u8>>,
) -> Result<Prepared, DriverError> {
    let mut launched = Vec::new();
    // Tasks come back as lost, and anything else is dropped without a word.
    if offer_ids.is_empty() && !operations.is_empty() && !operations.iter().any(|operation| launches(operation)) {
        return Err(empty_list("offerIds"));
    }
    for (index, operation) in operations.iter().enumerate() {
        operation_is_whole(index, operation)?;
        let decoded = Operation::decode(&operation[..]).map_err(|e| problem("operations", "Offer.Operation", &e))?;
        let launch = match decoded.kind() {
            OperationType::Launch => decoded.launch,
            OperationType::LaunchGroup => decoded.launch_group.and_then(|group| group.task_group),
            _ => None,
        };
        launched.extend(task_ids("operations", &launch.unwrap_or_default().task_infos)?);
    }
    accept(offer_ids, operations, filters, launched)
}

fn launches(operation: &[u8]) -> bool {
    let kind = Operation::decode(operation).map(|operation| operation.kind());
    matches!(kind, Ok(OperationType::Launch | OperationType::LaunchGroup))
}

fn empty_list(name: &'static str) -> DriverError {
    DriverError::Argument {
        name,
        problem: "expected at least one, got none".to_string(),
    }
}

fn kill(task_id: Vec<u8>, kill_policy: Option<Vec<u8>>) -> Result<Prepared, DriverError> {
    let task_id = Some(id("taskId", "TaskID", task_id)?);
    let kill_policy = optional("killPolicy", "KillPolicy", kill_policy)?;
    Ok(Prepared::send(
        CallType::Kill,
        Call {
            kill: Some(wire::Kill { task_id, kill_policy }),
            ..Default::default()
        },
    ))
}

fn reconcile_operations(operations: Vec<Vec<u8>>) -> Result<Prepared, DriverError> {
    let operations = each("operations", "Call.ReconcileOperations.Operation", operations)?;
    Ok(Prepared::send(
        CallType::ReconcileOperations,
        Call {
            reconcile_operations: Some(wire::ReconcileOperations { operations }),
            ..Default::default()
        },
    ))
}

fn shutdown(executor_id: Vec<u8>, slave_id: Vec<u8>) -> Result<Prepared, DriverError> {
    let shutdown = wire::Shutdown {
        executor_id: Some(id("executorId", "ExecutorID", executor_id)?),
        agent_id: Some(id("slaveId", "SlaveID", slave_id)?),
    };
    Ok(Prepared::send(
        CallType::Shutdown,
        Call {
            shutdown: Some(shutdown),
            ..Default::default()
        },
    ))
}

fn message(executor_id: Vec<u8>, slave_id: Vec<u8>, data: Vec<u8>) -> Result<Prepared, DriverError> {
    let message = wire::Message {
        agent_id: Some(id("slaveId", "SlaveID", slave_id)?.into()),
        executor_id: Some(id("executorId", "ExecutorID", executor_id)?.into()),
        data: Some(data.into()),
    };
    Ok(Prepared::send(
        CallType::Message,
        Call {
            message: Some(message),
            ..Default::default()
        },
    ))
}

fn reconcile_tasks(statuses: Vec<Vec<u8>>) -> Result<Prepared, DriverError> {
    let mut tasks = Vec::new();
    for status in statuses {
        let status = TaskStatus::decode(&status[..]).map_err(|e| problem("statuses", "TaskStatus", &e))?;
        tasks.push(wire::ReconcileTask {
            task_id: Some(required("statuses", "TaskStatus.task_id", status.task_id)?),
            agent_id: status.agent_id,
        });
    }
    Ok(Prepared::send(
        CallType::Reconcile,
        Call {
            reconcile: Some(wire::Reconcile { tasks }),
            ..Default::default()
        },
    ))
}

fn explicit(implicit_acknowledgements: bool) -> Result<(), DriverError> {
    match implicit_acknowledgements {
        false => Ok(()),
        true => Err(DriverError::Argument {
            name: "status",
            problem: "this driver acknowledges updates itself (implicit acknowledgements are on)".to_string(),
        }),
    }
}

/// What acknowledges an encoded TaskStatus; `None` for one without uuid (made by a master or a driver) or without agent.
pub fn acknowledgement(name: &'static str, status: &Bytes) -> Result<Option<Acknowledgement>, DriverError> {
    let status = TaskStatus::decode(status.clone()).map_err(|e| problem(name, "TaskStatus", &e))?;
    let (Some(uuid), Some(agent_id)) = (status.uuid.filter(|u| !u.is_empty()), status.agent_id) else {
        return Ok(None);
    };
    let task_id = required(name, "TaskStatus.task_id", status.task_id)?;
    Ok(Some(Acknowledgement::Task { agent_id, task_id, uuid }))
}

/// The same for an encoded OperationStatus.
pub fn operation_acknowledgement(name: &'static str, status: &Bytes) -> Result<Option<Acknowledgement>, DriverError> {
    let status = OperationStatus::decode(status.clone()).map_err(|e| problem(name, "OperationStatus", &e))?;
    let Some(uuid) = status.uuid.and_then(|u| u.value).filter(|u| !u.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(Acknowledgement::Operation {
        agent_id: status.agent_id,
        resource_provider_id: status.resource_provider_id,
        operation_id: required(name, "OperationStatus.operation_id", status.operation_id)?,
        uuid,
    }))
}

pub fn acknowledge(update: Acknowledgement) -> Prepared {
    match update {
        // By far the most frequent call: written without the large structure of all calls.
        Acknowledgement::Task { agent_id, task_id, uuid } => {
            let mut acknowledge = Vec::with_capacity(agent_id.len() + task_id.len() + uuid.len() + 8);
            for (number, value) in [
                (acknowledge_field::SLAVE_ID, agent_id),
                (acknowledge_field::TASK_ID, task_id),
                (acknowledge_field::UUID, uuid),
            ] {
                fields::append(&mut acknowledge, number, &value);
            }
            let mut call = Vec::with_capacity(acknowledge.len() + 8);
            fields::append_varint(&mut call, scheduler_call::TYPE, CallType::Acknowledge as u64);
            fields::append(&mut call, scheduler_call::ACKNOWLEDGE, &acknowledge);
            Prepared::Send {
                name: CallType::Acknowledge.as_str_name(),
                call,
                tasks: Vec::new(),
                offers: Vec::new(),
            }
        }
        Acknowledgement::Operation {
            agent_id,
            resource_provider_id,
            operation_id,
            uuid,
        } => Prepared::send(
            CallType::AcknowledgeOperationStatus,
            Call {
                acknowledge_operation_status: Some(wire::AcknowledgeOperationStatus {
                    agent_id: agent_id.map(Vec::from),
                    resource_provider_id: resource_provider_id.map(Vec::from),
                    uuid: Some(uuid.into()),
                    operation_id: Some(operation_id.into()),
                }),
                ..Default::default()
            },
        ),
    }
}

/// Asks for the states of all tasks.
pub fn reconcile() -> Prepared {
    Prepared::send(
        CallType::Reconcile,
        Call {
            reconcile: Some(wire::Reconcile::default()),
            ..Default::default()
        },
    )
}

/// UPDATE_FRAMEWORK with a FrameworkInfo that holds the framework's id.
pub fn update_framework(framework_info: Vec<u8>, suppressed_roles: Vec<String>) -> Prepared {
    Prepared::send(
        CallType::UpdateFramework,
        Call {
            update_framework: Some(wire::Subscribe {
                framework_info,
                suppressed_roles: wire::roles(&suppressed_roles),
            }),
            ..Default::default()
        },
    )
}

pub fn decline(offer_ids: Vec<Vec<u8>>, filters: Option<Vec<u8>>) -> Prepared {
    let call = Call {
        decline: Some(wire::Decline {
            offer_ids: offer_ids.clone(),
            filters,
        }),
        ..Default::default()
    };
    Prepared::send(CallType::Decline, call).using(offer_ids, Vec::new())
}

/// REVIVE or SUPPRESS; no roles: all of them.
pub fn roles(revive: bool, roles: Vec<String>) -> Prepared {
    let member = (!roles.is_empty()).then(|| wire::Roles {
        roles: wire::roles(&roles),
    });
    match revive {
        true => Prepared::send(
            CallType::Revive,
            Call {
                revive: member,
                ..Default::default()
            },
        ),
        false => Prepared::send(
            CallType::Suppress,
            Call {
                suppress: member,
                ..Default::default()
            },
        ),
    }
}

pub fn teardown() -> Prepared {
    Prepared::send(CallType::Teardown, Call::default())
}

fn roles_call(revive: bool, roles: Option<Vec<String>>) -> Prepared {
    match roles {
        // An empty list does nothing, as in libmesos.
        Some(roles) if roles.is_empty() => Prepared::Nothing,
        roles => Prepared::Roles {
            revive,
            roles: roles.unwrap_or_default(),
        },
    }
}

fn accept(
    offer_ids: Vec<Vec<u8>>,
    operations: Vec<Vec<u8>>,
    filters: Option<Vec<u8>>,
    tasks: Vec<Vec<u8>>,
) -> Result<Prepared, DriverError> {
    let offer_ids = ids("offerIds", "OfferID", offer_ids)?;
    let call = Call {
        accept: Some(wire::Accept {
            offer_ids: offer_ids.clone(),
            operations,
            filters: optional("filters", "Filters", filters)?,
        }),
        ..Default::default()
    };
    Ok(Prepared::send(CallType::Accept, call).using(offer_ids, tasks))
}

/// The body of both calls about inverse offers.
fn inverse_offers(offer_ids: Vec<Vec<u8>>, filters: Option<Vec<u8>>) -> Result<wire::Decline, DriverError> {
    if offer_ids.is_empty() {
        return Err(empty_list("inverseOfferIds"));
    }
    Ok(wire::Decline {
        offer_ids: ids("inverseOfferIds", "OfferID", offer_ids)?,
        filters: optional("filters", "Filters", filters)?,
    })
}

fn task_ids(name: &'static str, tasks: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, DriverError> {
    tasks.iter().map(|task| id_of_task(name, task, |_| Ok(()))).collect()
}

/// `check` looks at a task that says where it is to run.
fn id_of_task(name: &'static str, task: &[u8], check: impl Fn(&TaskInfo) -> Result<(), String>) -> Result<Vec<u8>, DriverError> {
    let mut task = TaskInfo::decode(task).map_err(|e| problem(name, "TaskInfo", &e))?;
    required(name, "TaskInfo.slave_id", task.agent_id.take())?;
    check(&task).map_err(|problem| DriverError::Argument { name, problem })?;
    required(name, "TaskInfo.task_id", task.task_id)
}

/// What the task and its executor ask for; acceptOffers looks at it with all else of an operation.
fn is_of_known_types(task: &TaskInfo) -> Result<(), String> {
    of_known_types("TaskInfo.resources", kinds(&task.resources))?;
    let executor = task.executor.iter().flat_map(|executor| kinds(&executor.resources));
    of_known_types("TaskInfo.executor.resources", executor)
}

fn kinds(resources: &[Resource]) -> impl Iterator<Item = i32> + '_ {
    resources.iter().map(|resource| resource.kind.unwrap_or_default())
}

fn ids(name: &'static str, class: &str, all: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, DriverError> {
    all.into_iter().map(|one| id(name, class, one)).collect()
}

/// An id message: decodable, and with a value.
fn id(name: &'static str, class: &str, bytes: Vec<u8>) -> Result<Vec<u8>, DriverError> {
    let decoded = Id::read(&bytes).map_err(|e| problem(name, class, &e))?;
    let value = required(name, &format!("{class}.value"), decoded.value)?;
    // Nothing has such an id, and of most calls with one a master says nothing.
    if value.is_empty() {
        return Err(DriverError::Argument {
            name,
            problem: format!("{class}.value is empty"),
        });
    }
    Ok(bytes)
}

fn each(name: &'static str, class: &str, all: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, DriverError> {
    for bytes in &all {
        fields::without(bytes, &[]).map_err(|_| DriverError::undecodable(name, class, ""))?;
    }
    Ok(all)
}

fn optional(name: &'static str, class: &str, bytes: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, DriverError> {
    match bytes {
        Some(bytes) => Ok(each(name, class, vec![bytes])?.pop()),
        None => Ok(None),
    }
}

fn required<T>(name: &'static str, field: &str, value: Option<T>) -> Result<T, DriverError> {
    value.ok_or_else(|| DriverError::Argument {
        name,
        problem: format!("{field} is missing"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::field_number::{task_info, task_status};

    fn refused(call: SchedulerCall) -> String {
        prepare(call, true).expect_err("refused").to_string()
    }

    #[test]
    fn wrong_arguments_are_named() {
        let kill = |task_id: &[u8]| SchedulerCall::KillTask {
            task_id: task_id.to_vec(),
            kill_policy: None,
        };
        assert_eq!(refused(kill(b"")), "taskId: TaskID.value is missing");
        assert!(refused(kill(b"\x0a\x05ab")).starts_with("taskId: not an encoded TaskID"));
        let policy = SchedulerCall::KillTask {
            task_id: fields::id("t"),
            kill_policy: Some(b"\x0a".to_vec()),
        };
        assert!(refused(policy).starts_with("killPolicy: not an encoded KillPolicy"));
        // To Mesos any bytes are a string.
        assert!(prepare(kill(b"\x0a\x02\xff\xfe"), true).is_ok());
        let mut task = Vec::new();
        fields::append(&mut task, task_info::TASK_ID, &fields::id("t"));
        let launch = |tasks: Vec<Vec<u8>>, filters: Option<Vec<u8>>| SchedulerCall::LaunchTasks {
            offer_ids: vec![fields::id("o")],
            tasks,
            filters,
        };
        assert_eq!(
            refused(launch(vec![task.clone()], None)),
            "tasks: TaskInfo.slave_id is missing"
        );
        fields::append(&mut task, task_info::SLAVE_ID, &fields::id("s"));
        assert_eq!(
            refused(launch(vec![task.clone()], Some(vec![0xff]))),
            "filters: not an encoded Filters"
        );
        match prepare(launch(vec![task], None), true) {
            Ok(Prepared::Send { tasks, offers, .. }) => {
                assert_eq!((tasks, offers), (vec![fields::id("t")], vec![fields::id("o")]));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_updates_that_want_it_are_acknowledged() {
        let mut status = Vec::new();
        fields::append(&mut status, task_status::TASK_ID, &fields::id("t"));
        let acknowledgement = |status: &[u8]| acknowledgement("status", &Bytes::copy_from_slice(status));
        assert_eq!(acknowledgement(&status), Ok(None));
        fields::append(&mut status, task_status::UUID, b"");
        fields::append(&mut status, task_status::SLAVE_ID, &fields::id("s"));
        assert_eq!(acknowledgement(&status), Ok(None), "an empty uuid");
        fields::append(&mut status, task_status::UUID, &[7; 16]);
        let update = Acknowledgement::Task {
            agent_id: fields::id("s").into(),
            task_id: fields::id("t").into(),
            uuid: vec![7; 16].into(),
        };
        assert_eq!(acknowledgement(&status), Ok(Some(update.clone())));
        let call = || SchedulerCall::Acknowledge { status: status.clone() };
        assert_eq!(prepare(call(), false), Ok(acknowledge(update)));
        assert!(refused(call()).starts_with("status: this driver acknowledges updates itself"));
    }

    #[test]
    fn empty_lists_of_roles_do_nothing() {
        let revive = |roles| prepare(SchedulerCall::ReviveOffers { roles }, true);
        assert_eq!(revive(Some(vec![])), Ok(Prepared::Nothing));
        let all = Prepared::Roles {
            revive: true,
            roles: vec![],
        };
        assert_eq!(revive(None), Ok(all));
    }
}

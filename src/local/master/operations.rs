//! Operations on resources other than launches: the embedded cluster has none, and says so to frameworks that asked for feedback.

use super::Master;
use crate::local::events::scheduler_event;
use crate::proto::offer::Operation;
use crate::proto::scheduler::call::reconcile_operations;
use crate::proto::scheduler::{event, Event};
use crate::proto::{OperationId, OperationState, OperationStatus, SlaveId};

impl Master {
    /// An operation that cannot be carried out; only those with an id are answered.
    pub fn reject_operation(&mut self, framework: &str, operation: &Operation) {
        let kind = operation.r#type().as_str_name();
        log::warn!("the embedded cluster ignores an operation of type {kind}");
        if let Some(id) = &operation.id {
            let message = format!("{kind} is not supported by the embedded cluster");
            self.send_operation(framework, id, OperationState::OperationError, message, None);
        }
    }

    /// RECONCILE_OPERATIONS: no operation is known here; a list without any is answered with nothing.
    pub fn reconcile_operations(&mut self, framework: &str, asked: &[reconcile_operations::Operation]) {
        for one in asked {
            let message = match one.slave_id.is_some() {
                true => "Reconciliation: Operation is unknown",
                false => "Reconciliation: Operation is unknown and no 'agent_id' was provided",
            };
            let (id, agent) = (&one.operation_id, one.slave_id.clone());
            self.send_operation(framework, id, OperationState::OperationUnknown, message.to_string(), agent);
        }
    }

    /// The master's own word on an operation, which needs no acknowledgement.
    fn send_operation(
        &mut self,
        framework: &str,
        id: &OperationId,
        state: OperationState,
        message: String,
        agent: Option<SlaveId>,
    ) {
        let status = OperationStatus {
            operation_id: Some(id.clone()),
            state: state as i32,
            message: Some(message),
            slave_id: agent,
            ..Default::default()
        };
        let update_operation_status = Some(event::UpdateOperationStatus { status });
        self.send(
            framework,
            Event {
                update_operation_status,
                ..scheduler_event(event::Type::UpdateOperationStatus)
            },
        );
    }
}

//! Calls of the v1 scheduler API: decoding, validation, dispatch. Codes and texts are those of Mesos 1.11.

use super::content::{self, Content};
use super::refusal::Refusal;
use crate::local::core::{Core, Opened};
use crate::local::ids;
use crate::local::master::Wish;
use crate::local::stream::Format;
use crate::proto::scheduler::call::{self, Type};
use crate::proto::scheduler::{self, OfferConstraints};
use crate::proto::{FrameworkId, FrameworkInfo};
use hyper::StatusCode;

/// `mesos.v1.scheduler.Call`: unlike v0, its `subscribe` has no `force`, so that the members after it have other numbers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    #[prost(message, optional, tag = "1")]
    pub framework_id: Option<FrameworkId>,
    #[prost(enumeration = "Type", optional, tag = "2")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "3")]
    pub subscribe: Option<Subscribe>,
    #[prost(message, optional, tag = "4")]
    pub accept: Option<call::Accept>,
    #[prost(message, optional, tag = "5")]
    pub decline: Option<call::Decline>,
    #[prost(message, optional, tag = "13")]
    pub accept_inverse_offers: Option<call::AcceptInverseOffers>,
    #[prost(message, optional, tag = "14")]
    pub decline_inverse_offers: Option<call::DeclineInverseOffers>,
    #[prost(message, optional, tag = "15")]
    pub revive: Option<call::Revive>,
    #[prost(message, optional, tag = "6")]
    pub kill: Option<call::Kill>,
    #[prost(message, optional, tag = "7")]
    pub shutdown: Option<call::Shutdown>,
    #[prost(message, optional, tag = "8")]
    pub acknowledge: Option<call::Acknowledge>,
    #[prost(message, optional, tag = "17")]
    pub acknowledge_operation_status: Option<call::AcknowledgeOperationStatus>,
    #[prost(message, optional, tag = "9")]
    pub reconcile: Option<call::Reconcile>,
    #[prost(message, optional, tag = "18")]
    pub reconcile_operations: Option<call::ReconcileOperations>,
    #[prost(message, optional, tag = "10")]
    pub message: Option<call::Message>,
    #[prost(message, optional, tag = "11")]
    pub request: Option<call::Request>,
    #[prost(message, optional, tag = "16")]
    pub suppress: Option<call::Suppress>,
    #[prost(message, optional, tag = "19")]
    pub update_framework: Option<call::UpdateFramework>,
}

/// `mesos.v1.scheduler.Call.Subscribe`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribe {
    #[prost(message, required, tag = "1")]
    pub framework_info: FrameworkInfo,
    #[prost(string, repeated, tag = "2")]
    pub suppressed_roles: Vec<String>,
    #[prost(message, optional, tag = "3")]
    pub offer_constraints: Option<OfferConstraints>,
}

impl Call {
    pub fn from_body(body: Content) -> Result<Call, Refusal> {
        const CLASS: &str = "Mesos::Scheduler::Call";
        if !body.is_json() {
            return body.message(CLASS);
        }
        let mut value = body.json()?;
        // The schema is that of v0.
        let subscribe = value.get_mut("subscribe").and_then(|subscribe| subscribe.as_object_mut());
        subscribe.and_then(|subscribe| subscribe.remove("force"));
        let call: scheduler::Call = content::decoded(CLASS, content::encoded(CLASS, &value)?)?;
        Ok(call.into())
    }
}

impl From<scheduler::Call> for Call {
    fn from(call: scheduler::Call) -> Call {
        let subscribe = call.subscribe.map(|subscribe| Subscribe {
            framework_info: subscribe.framework_info,
            suppressed_roles: subscribe.suppressed_roles,
            offer_constraints: subscribe.offer_constraints,
        });
        Call {
            framework_id: call.framework_id,
            r#type: call.r#type,
            subscribe,
            accept: call.accept,
            decline: call.decline,
            accept_inverse_offers: call.accept_inverse_offers,
            decline_inverse_offers: call.decline_inverse_offers,
            revive: call.revive,
            kill: call.kill,
            shutdown: call.shutdown,
            acknowledge: call.acknowledge,
            acknowledge_operation_status: call.acknowledge_operation_status,
            reconcile: call.reconcile,
            reconcile_operations: call.reconcile_operations,
            message: call.message,
            request: call.request,
            suppress: call.suppress,
            update_framework: call.update_framework,
        }
    }
}

impl From<Subscribe> for Wish {
    fn from(subscribe: Subscribe) -> Wish {
        Wish {
            info: subscribe.framework_info,
            suppressed: subscribe.suppressed_roles,
            constraints: subscribe.offer_constraints,
        }
    }
}

impl From<call::UpdateFramework> for Wish {
    fn from(update: call::UpdateFramework) -> Wish {
        Wish {
            info: update.framework_info,
            suppressed: update.suppressed_roles,
            constraints: update.offer_constraints,
        }
    }
}

/// What a call that was understood is answered with.
pub enum Answer {
    Subscribed {
        stream_id: String,
        opened: Opened,
    },
    Accepted,
    /// UPDATE_FRAMEWORK only.
    Done,
}

/// Checks that need no state, in the order of Mesos.
pub fn validate(call: &Call) -> Result<Type, Refusal> {
    check(call).map_err(|reason| Refusal::bad(format!("Failed to validate scheduler::Call: {reason}")))
}

fn check(call: &Call) -> Result<Type, String> {
    let kind = call
        .r#type
        .and_then(|kind| Type::try_from(kind).ok())
        .ok_or("Expecting 'type' to be present")?;
    if kind == Type::Subscribe {
        let subscribe = call.subscribe.as_ref().ok_or("Expecting 'subscribe' to be present")?;
        if subscribe.framework_info.id != call.framework_id {
            return Err("'framework_id' differs from 'subscribe.framework_info.id'".into());
        }
        return Ok(kind);
    }
    // An UNKNOWN is refused later, with a code of its own.
    if call.framework_id.is_none() && kind != Type::Unknown {
        return Err("Expecting 'framework_id' to be present".into());
    }
    let (present, member) = match kind {
        Type::Accept => (call.accept.is_some(), "accept"),
        Type::Decline => (call.decline.is_some(), "decline"),
        Type::AcceptInverseOffers => (call.accept_inverse_offers.is_some(), "accept_inverse_offers"),
        Type::DeclineInverseOffers => (call.decline_inverse_offers.is_some(), "decline_inverse_offers"),
        Type::Kill => (call.kill.is_some(), "kill"),
        Type::Shutdown => (call.shutdown.is_some(), "shutdown"),
        Type::Acknowledge => (call.acknowledge.is_some(), "acknowledge"),
        Type::AcknowledgeOperationStatus => (call.acknowledge_operation_status.is_some(), "acknowledge_operation_status"),
        Type::Reconcile => (call.reconcile.is_some(), "reconcile"),
        Type::ReconcileOperations => (call.reconcile_operations.is_some(), "reconcile_operations"),
        Type::Message => (call.message.is_some(), "message"),
        Type::Request => (call.request.is_some(), "request"),
        Type::UpdateFramework => (call.update_framework.is_some(), "update_framework"),
        Type::Unknown | Type::Subscribe | Type::Teardown | Type::Revive | Type::Suppress => (true, ""),
    };
    if !present {
        return Err(format!("Expecting '{member}' to be present"));
    }
    if call
        .acknowledge
        .as_ref()
        .is_some_and(|acknowledge| kind == Type::Acknowledge && !ids::is_uuid(&acknowledge.uuid))
    {
        return Err("Not a valid UUID".into());
    }
    let acknowledged = call
        .acknowledge_operation_status
        .as_ref()
        .filter(|_| kind == Type::AcknowledgeOperationStatus);
    if let Some(acknowledged) = acknowledged {
        if !ids::is_uuid(&acknowledged.uuid) {
            return Err("Not a valid UUID".into());
        }
        if acknowledged.slave_id.is_none() {
            return Err("Expecting 'agent_id' to be present".into());
        }
    }
    let updated = call.update_framework.as_ref().filter(|_| kind == Type::UpdateFramework);
    if updated.is_some_and(|update| update.framework_info.id != call.framework_id) {
        return Err("'framework_id' differs from 'update_framework.framework_info.id'".into());
    }
    Ok(kind)
}

/// Carries out a validated call. `format` is that of its events, `stream_id` the header Mesos-Stream-Id.
pub fn handle(core: &mut Core, kind: Type, call: Call, stream_id: Option<&str>, format: Format) -> Result<Answer, Refusal> {
    core.tick();
    let answer = answer(core, kind, call, stream_id, format);
    core.run();
    answer
}

/// Whether the caller is the framework that is subscribed.
fn check_subscription(core: &Core, id: &str, stream_id: Option<&str>) -> Result<(), Refusal> {
    let Some(framework) = core.master.frameworks.get(id) else {
        return Err(Refusal::bad("Framework cannot be found"));
    };
    let Some(subscription) = &framework.subscription else {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Framework is not subscribed"));
    };
    match stream_id {
        None => {
            return Err(Refusal::bad(
                "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
            ))
        }
        Some(given) if given != subscription.id => {
            return Err(Refusal::bad(format!(
                "The stream ID '{given}' included in this request didn't match the stream ID currently associated with framework ID {id}"
            )));
        }
        Some(_) => {}
    }
    Ok(())
}

fn answer(core: &mut Core, kind: Type, call: Call, stream_id: Option<&str>, format: Format) -> Result<Answer, Refusal> {
    if let (Type::Subscribe, Some(subscribe)) = (kind, call.subscribe) {
        if stream_id.is_some() {
            return Err(Refusal::bad(
                "Subscribe calls should not include the 'Mesos-Stream-Id' header",
            ));
        }
        let (opened, stream_id) = (core.open_stream(format), ids::uuid());
        core.master
            .subscribe(subscribe.into(), opened.stream.clone(), stream_id.clone());
        return Ok(Answer::Subscribed { stream_id, opened });
    }
    let id = call.framework_id.map(|id| id.value).unwrap_or_default();
    check_subscription(core, &id, stream_id)?;
    match kind {
        Type::Unknown | Type::Subscribe => {
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "501 Not Implemented."));
        }
        Type::UpdateFramework => {
            let update = call.update_framework.unwrap_or_default();
            core.master.update_framework(&id, update.into()).map_err(Refusal::bad)?;
            return Ok(Answer::Done);
        }
        Type::Teardown => core.master.remove_framework(&id),
        Type::Accept => core.master.accept(&id, call.accept.unwrap_or_default()),
        Type::Decline => {
            let decline = call.decline.unwrap_or_default();
            core.master.decline(&id, &decline.offer_ids, decline.filters.as_ref());
        }
        Type::Revive => core.master.revive(&id, &call.revive.unwrap_or_default().roles),
        Type::Suppress => core.master.suppress(&id, &call.suppress.unwrap_or_default().roles),
        Type::Kill => {
            let kill = call.kill.unwrap_or_default();
            core.master.kill(
                &id,
                &kill.task_id.value,
                kill.slave_id.as_ref().map(|agent| agent.value.as_str()),
                kill.kill_policy,
            );
        }
        Type::Shutdown => {
            let shutdown = call.shutdown.unwrap_or_default();
            core.master
                .shutdown_executor(&id, &shutdown.executor_id.value, &shutdown.slave_id.value);
        }
        Type::Acknowledge => {
            let one = call.acknowledge.unwrap_or_default();
            core.master
                .acknowledge(&id, &one.slave_id.value, &one.task_id.value, &one.uuid);
        }
        Type::Reconcile => core.master.reconcile(&id, &call.reconcile.unwrap_or_default().tasks),
        Type::Message => core.master.message_to_executor(&id, call.message.unwrap_or_default()),
        Type::ReconcileOperations => {
            let asked = call.reconcile_operations.unwrap_or_default();
            core.master.reconcile_operations(&id, &asked.operations);
        }
        Type::AcknowledgeOperationStatus => {
            let one = call.acknowledge_operation_status.unwrap_or_default();
            core.master.acknowledge_operation(&id, &one.operation_id, &one.uuid);
        }
        Type::AcceptInverseOffers => {
            let one = call.accept_inverse_offers.unwrap_or_default();
            let (ids, filters) = (one.inverse_offer_ids, one.filters);
            core.master.answer_inverse_offers(&id, &ids, true, filters.as_ref());
        }
        Type::DeclineInverseOffers => {
            let one = call.decline_inverse_offers.unwrap_or_default();
            let (ids, filters) = (one.inverse_offer_ids, one.filters);
            core.master.answer_inverse_offers(&id, &ids, false, filters.as_ref());
        }
        // Requests are only logged by Mesos, too.
        Type::Request => {
            log::debug!("the embedded cluster ignores {}", kind.as_str_name());
        }
    }
    Ok(Answer::Accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(call: Call) -> String {
        check(&call).unwrap_err()
    }

    fn of(kind: Type) -> Call {
        Call {
            r#type: Some(kind as i32),
            framework_id: Some(FrameworkId { value: "f".into() }),
            ..Default::default()
        }
    }

    #[test]
    fn reasons() {
        assert_eq!(error(Call::default()), "Expecting 'type' to be present");
        assert_eq!(
            error(Call {
                r#type: Some(99),
                ..Default::default()
            }),
            "Expecting 'type' to be present"
        );
        assert_eq!(error(of(Type::Subscribe)), "Expecting 'subscribe' to be present");
        assert_eq!(
            error(Call {
                framework_id: None,
                ..of(Type::Teardown)
            }),
            "Expecting 'framework_id' to be present"
        );
        assert_eq!(error(of(Type::Accept)), "Expecting 'accept' to be present");
        assert_eq!(error(of(Type::UpdateFramework)), "Expecting 'update_framework' to be present");
        let subscribe = Some(Subscribe::default());
        assert_eq!(
            error(Call {
                subscribe,
                ..of(Type::Subscribe)
            }),
            "'framework_id' differs from 'subscribe.framework_info.id'"
        );
        let acknowledge = Some(call::Acknowledge::default());
        assert_eq!(
            error(Call {
                acknowledge,
                ..of(Type::Acknowledge)
            }),
            "Not a valid UUID"
        );
        for kind in [Type::Teardown, Type::Revive, Type::Suppress] {
            assert_eq!(check(&of(kind)), Ok(kind));
        }
    }

    #[test]
    fn suppressed_roles_are_where_v1_has_them() {
        use prost::Message;
        let call = Call {
            r#type: Some(Type::Subscribe as i32),
            subscribe: Some(Subscribe {
                suppressed_roles: vec!["web".into()],
                ..Default::default()
            }),
            ..Default::default()
        };
        // subscribe (3) { framework_info (1) { user, name: empty }, suppressed_roles (2) "web" }
        assert_eq!(call.encode_to_vec(), b"\x10\x01\x1a\x0b\x0a\x04\x0a\x00\x12\x00\x12\x03web");
    }
}

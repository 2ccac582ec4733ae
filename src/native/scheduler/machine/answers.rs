//! What the answer to a call means, and what becomes of calls without one.

use super::{CallType, SchedulerMachine, State, BACKOFF_CAP};
use crate::logging::tell;
use crate::native::machine::Now;
use crate::native::protocol::http::Head;
use crate::native::protocol::pipeline::Answer;
use crate::native::scheduler::events::{lost_task, Lost};
use crate::proto::task_status::Reason;

impl SchedulerMachine {
    pub(super) fn answered(&mut self, answer: Answer, now: Now) {
        let status = answer.head.status;
        let name = answer.call.name;
        let accepted = (200..=299).contains(&status);
        self.config.counters.answer(status);
        if name == CallType::Acknowledge.as_str_name() {
            self.acknowledgements = self.acknowledgements.saturating_sub(1);
        }
        match (name, accepted) {
            (_, false) => self.config.counters.count("calls_refused"),
            ("ACKNOWLEDGE", true) => self.config.counters.count("updates_acknowledged"),
            ("TEARDOWN", true) => self.forget_id(),
            _ => (),
        }
        if name == CallType::UpdateFramework.as_str_name() {
            self.registration.answered(accepted);
        }
        if accepted {
            return log::info!("framework {}: {name} accepted", self.framework());
        }
        let what = format!("{status} ({}) for {name}", answer.body);
        // Another leader, or one that does not know this subscription (any more).
        let says = |text: &str| answer.body.contains(text);
        let gone = match status {
            // Not allowed to change the framework: the only 403 that is about the call itself.
            403 if name == CallType::UpdateFramework.as_str_name() => says("Framework is not"),
            300..=399 | 403 | 404 | 429 | 500..=599 => true,
            400 => says("stream ID") || says("cannot be found"),
            _ => false,
        };
        let line = format!(
            "framework {}, master {}: answer {what}",
            self.framework(),
            self.session.target()
        );
        // A call that was wrong: nothing else tells, unless it had tasks, or the driver now ends.
        match gone || status == 401 || !answer.call.tasks.is_empty() {
            true => log::error!("{line}"),
            false => tell(&line),
        }
        // What a gateway says of a server that it could not understand is no word on the call.
        if status < 500 || status == 503 {
            let reason = match gone || status == 401 {
                true => Reason::MasterDisconnected,
                false => Reason::InvalidOffers,
            };
            self.lose_tasks(answer.call.tasks, reason, &format!("Master answered {what}"), now);
        }
        match status {
            401 => self.fail("Master refused authentication"),
            _ if gone && self.state != State::Ending => {
                self.waits_for(&answer.head);
                // A master that gave the framework to another driver, or removed it, refuses the next call of this one, and says why
                // on the event stream. Who subscribes again without having heard that takes the framework from its successor.
                let waits_for_stream = matches!(status, 400 | 403);
                self.session.end_after_answers(what, waits_for_stream, now.elapsed);
            }
            _ => (),
        }
    }

    /// Retry-After, up to the longest pause that we make ourselves.
    fn waits_for(&mut self, head: &Head) {
        self.pause = head.retry_after().unwrap_or_default().min(BACKOFF_CAP);
    }

    pub(super) fn forget_id(&mut self) {
        if let Some(Err(why)) = self.config.store.as_mut().map(|store| store.remove()) {
            log::error!("framework {}: {why}", self.framework());
        }
    }

    pub(super) fn refused(&mut self, head: &Head, body: &str, now: Now) {
        let (status, reason) = (head.status, head.reason());
        self.waits_for(head);
        self.config.counters.answer(status);
        self.config.counters.count("calls_refused");
        match status {
            401 => self.fail("Master refused authentication"),
            404 | 408 | 429 | 500..=599 => self.lost(format!("{status} {reason}: {body}"), Vec::new(), now),
            _ => self.fail(&format!("Received unexpected '{status} {reason}' ({body}) for SUBSCRIBE")),
        }
    }

    /// A call that never left.
    pub(super) fn drop_call(&mut self, name: &'static str, tasks: Vec<Vec<u8>>, now: Now) {
        log::info!("framework {}: no master, {name} is dropped", self.framework());
        self.config.counters.count("calls_dropped");
        self.lose_tasks(tasks, Reason::MasterDisconnected, "Master disconnected", now);
    }

    /// Tells of tasks that were not launched.
    fn lose_tasks(&mut self, tasks: Vec<Vec<u8>>, reason: Reason, message: &str, now: Now) {
        let lost = Lost {
            partition_aware: self.registration.is_partition_aware(),
            reason,
            message,
            wall: now.wall,
        };
        for task_id in tasks {
            self.config.counters.count("updates_made");
            self.emit(lost_task(&task_id, &lost));
        }
    }
}

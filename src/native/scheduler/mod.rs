//! The scheduler driver that Perl holds.

pub mod calls;
pub mod events;
pub mod machine;
pub mod offered;
mod operations;
pub mod registration;
pub mod wire;

use super::detector::Source;
use super::io::handle::Handle;
use super::protocol::backoff::seed;
use super::scheduler::calls::prepare;
use super::scheduler::calls::Prepared;
use super::scheduler::machine::{Command, Config, SchedulerMachine};
use super::scheduler::offered::Offered;
use super::wire::{Credential, FrameworkInfo};
use crate::channel::Channel;
use crate::driver::address::Secret;
use crate::driver::counters::Counters;
use crate::driver::framework::{id_of, with_id};
use crate::driver::framework_id_file::{wrong, FrameworkIdFile, FrameworkIdStore};
use crate::driver::gate::Gate;
use crate::driver::lifecycle::Lifecycle;
use crate::driver::limits::sendable;
use crate::driver::{Driver, DriverError, SchedulerCall, SchedulerOptions, Status};
use crate::event::{Acknowledgement, EventOwner};
use crate::message::field_number::framework_info;
use crate::message::fields;
use crate::native::protocol::endpoint::Endpoint;
use prost::Message;
use std::any::Any;
use std::sync::{Arc, Mutex};

/// A framework's driver over the v1 HTTP API. One thread between `start` and its end.
pub struct SchedulerDriver {
    handle: Arc<Handle<Command>>,
    /// Taken by `start`.
    config: Mutex<Option<Config>>,
    implicit_acknowledgements: bool,
    max_queued_calls: usize,
    known_id: Arc<Mutex<Option<String>>>,
    offered: Arc<Offered>,
    /// What ends with the driver, after it.
    companion: Mutex<Option<Box<dyn Any + Send>>>,
}

impl EventOwner for Handle<Command> {
    fn acknowledge(&self, update: Acknowledgement) {
        if self.gate.lifecycle.is_running() {
            self.send(Command::Acknowledge(update));
        }
    }

    fn end_delivered(&self) {
        self.gate.lifecycle.end_delivered();
    }
}

impl SchedulerDriver {
    /// Checks `options` (all but `master`, which `source` replaces). An authorization of `source` goes before the credential.
    pub fn new(source: impl Into<Source>, options: SchedulerOptions, channel: Channel) -> Result<Self, DriverError> {
        let limits = options.limits();
        let source = match options.credential {
            Some(credential) => source.into().authorized(&authorization(&credential)?),
            None => source.into(),
        };
        let framework = filled("framework", &options.framework)?;
        let store = options.framework_id_file.map(FrameworkIdFile::open).transpose()?;
        // The file is read again by `start`: what is in it now is only checked.
        let completed = match &store {
            Some(store) => store.complete(framework.clone())?,
            None => framework.clone(),
        };
        let known_id = Arc::new(Mutex::new(id_of(&completed)));
        let handle = Arc::new(Handle::new(channel, Counters::scheduler()));
        let limits = limits?;
        let config = Config {
            source,
            framework,
            implicit_acknowledgements: options.implicit_acknowledgements,
            master_timeout: options.master_timeout,
            window: limits.unanswered_calls,
            reconcile_on_registration: options.reconcile_on_registration,
            store: store.map(|store| Box::new(store) as Box<dyn FrameworkIdStore>),
            known_id: Arc::clone(&known_id),
            offered: Arc::default(),
            counters: Arc::clone(&handle.counters),
            seed: seed(),
        };
        Ok(SchedulerDriver {
            handle,
            implicit_acknowledgements: config.implicit_acknowledgements,
            max_queued_calls: limits.queued_calls,
            known_id,
            offered: Arc::clone(&config.offered),
            config: Mutex::new(Some(config)),
            companion: Mutex::new(None),
        })
    }

    /// Gives the driver something to drop when it has ended: the master that it alone talks to.
    pub fn with_companion(mut self, companion: impl Any + Send) -> Self {
        self.companion = Mutex::new(Some(Box::new(companion)));
        self
    }

    /// Checks what libmesos would crash of.
    fn check_update(&self, framework: &[u8], suppressed: Option<&Vec<String>>) -> Result<Vec<u8>, DriverError> {
        let info = filled("frameworkInfo", framework)?;
        let decoded = FrameworkInfo::read(&info).unwrap_or_default();
        let known = crate::thread::lock(&self.known_id);
        // Before the start, only who continues a framework knows its id.
        if known.is_some() || self.handle.gate.lifecycle.is_running() {
            decoded.check_update(known.as_deref(), suppressed)?;
        }
        Ok(info)
    }
}

impl Config {
    /// Another program may have registered the framework, or ended it, since the driver was made.
    fn read_id_again(&mut self) -> Result<(), DriverError> {
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        let framework = match store.load().map_err(wrong)? {
            Some(id) => with_id(self.framework.clone(), &id)?,
            None => self.framework.clone(),
        };
        *crate::thread::lock(&self.known_id) = id_of(&framework);
        self.framework = framework;
        Ok(())
    }
}

/// HTTP Basic, as masters want it: neither part may hold a colon.
fn authorization(credential: &[u8]) -> Result<Secret, DriverError> {
    let wrong = |problem: &str| DriverError::Argument {
        name: "credential",
        problem: problem.to_string(),
    };
    // The decoder's error is left out: it might quote.
    let credential = Credential::decode(credential).map_err(|_| wrong("not an encoded Credential"))?;
    let text = |value: Option<Vec<u8>>, problem: &str| String::from_utf8(value.unwrap_or_default()).map_err(|_| wrong(problem));
    let principal = text(credential.principal, "Credential.principal: expected UTF-8, got other bytes")?;
    let secret = text(credential.secret, "Credential.secret: expected UTF-8, got other bytes")?;
    if principal.is_empty() {
        return Err(wrong("Credential.principal is missing"));
    }
    if principal.contains(':') || secret.contains(':') {
        return Err(wrong(
            "neither principal nor secret may contain ':', because masters could not tell them apart",
        ));
    }
    Ok(Endpoint::basic(&principal, &secret))
}

fn argument(name: &'static str, problem: String) -> DriverError {
    DriverError::Argument { name, problem }
}

/// `framework`, the argument called `name`, with user and hostname, as libmesos fills them in.
fn filled(name: &'static str, framework: &[u8]) -> Result<Vec<u8>, DriverError> {
    let wrong = |problem: String| argument(name, problem);
    let decoded = FrameworkInfo::read(framework).map_err(|e| wrong(format!("not an encoded FrameworkInfo ({e})")))?;
    if decoded.name.is_none() {
        return Err(wrong("FrameworkInfo.name is missing".to_string()));
    }
    let mut info = framework.to_vec();
    let replace = |info: Vec<u8>, number: u32, value: &str| {
        let mut info = fields::without(&info, &[number]).map_err(|_| wrong("not an encoded FrameworkInfo".to_string()))?;
        fields::append(&mut info, number, value.as_bytes());
        Ok(info)
    };
    if decoded.user.unwrap_or_default().is_empty() {
        let uid = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        let user = user.ok_or_else(|| wrong(format!("FrameworkInfo.user is empty, and user {uid} has no name")))?;
        info = replace(info, framework_info::USER, &user.name)?;
    }
    if decoded.hostname.unwrap_or_default().is_empty() {
        let name = nix::unistd::gethostname().unwrap_or_default();
        info = replace(info, framework_info::HOSTNAME, &name.to_string_lossy())?;
    }
    Ok(info)
}

impl Driver for SchedulerDriver {
    fn gate(&self) -> &Gate {
        &self.handle.gate
    }

    fn counters(&self) -> &Counters {
        &self.handle.counters
    }

    fn start(&self) -> Result<Status, DriverError> {
        let mut config = crate::thread::lock(&self.config);
        if let (Status::NotStarted, Some(config)) = (self.status(), config.as_mut()) {
            config.read_id_again()?;
        }
        let transition = self.handle.gate.lifecycle.start();
        let config = config.take();
        if let (true, Some(config)) = (transition.changed, config) {
            let machine = SchedulerMachine::new(config);
            self.handle.launch("mesos-scheduler", machine, || ())?;
        }
        Ok(transition.status)
    }

    fn abort(&self) -> Status {
        self.handle.finish(Lifecycle::abort, Command::Abort)
    }

    fn close(&self) {
        self.handle.close(Command::Close);
        let companion = crate::thread::lock(&self.companion).take();
        drop(companion);
    }
}

impl crate::driver::SchedulerDriver for SchedulerDriver {
    fn stop(&self, failover: bool) -> Status {
        self.handle.finish(Lifecycle::stop, Command::Stop { failover })
    }

    fn call(&self, call: SchedulerCall) -> Result<Status, DriverError> {
        // Also before the start, though nothing is sent then: what is wrong is told where it stands.
        if matches!(self.status(), Status::NotStarted | Status::Running) {
            let call = match call {
                SchedulerCall::UpdateFramework {
                    framework,
                    suppressed_roles,
                } => SchedulerCall::UpdateFramework {
                    framework: self.check_update(&framework, suppressed_roles.as_ref())?,
                    suppressed_roles,
                },
                other => other,
            };
            let (name, length) = call.payload();
            sendable(name, length)?;
            let on_offers = match &call {
                SchedulerCall::AcceptOffers {
                    offer_ids, operations, ..
                } => Some((offer_ids.clone(), operations.clone())),
                _ => None,
            };
            let prepared = prepare(call, self.implicit_acknowledgements)?;
            if let Some((offer_ids, operations)) = on_offers {
                self.offered.hold(&offer_ids, &operations)?;
            }
            if self.handle.gate.lifecycle.is_running() {
                if !self.handle.counters.hand_over(self.max_queued_calls) {
                    return Err(DriverError::Full(self.max_queued_calls));
                }
                if let Prepared::Send { offers, .. } = &prepared {
                    self.offered.remove(offers.iter().map(Vec::as_slice));
                }
                self.handle.send(Command::Call(prepared));
            }
        }
        Ok(self.status())
    }
}

impl Drop for SchedulerDriver {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto;

    #[test]
    fn user_and_hostname_are_filled_in() {
        let info = |user: &str, hostname: Option<&str>| proto::FrameworkInfo {
            user: user.to_string(),
            name: "n".to_string(),
            hostname: hostname.map(str::to_string),
            ..Default::default()
        };
        let given = info("someone", Some("host")).encode_to_vec();
        assert_eq!(filled("framework", &given), Ok(given));
        let made = filled("framework", &info("", None).encode_to_vec()).expect("filled");
        let made = proto::FrameworkInfo::decode(&made[..]).expect("FrameworkInfo");
        assert!(!made.user.is_empty() && made.hostname.is_some_and(|h| !h.is_empty()));
        let error = filled("framework", b"").expect_err("no name").to_string();
        assert_eq!(error, "framework: FrameworkInfo.name is missing");
    }

    #[test]
    fn credentials_that_no_master_understands_are_refused() {
        let with = |principal: &str, secret: &str| {
            let credential = proto::Credential {
                principal: principal.to_string(),
                secret: Some(secret.to_string()),
            };
            authorization(&credential.encode_to_vec())
        };
        assert!(with("p", "s").is_ok());
        for (principal, secret) in [("", "hush"), ("a:b", "hush"), ("p", "hu:sh")] {
            let error = with(principal, secret).expect_err("refused").to_string();
            assert!(error.starts_with("credential: ") && !error.contains("hu"), "{error}");
        }
        for (bytes, field) in [
            (&b"\n\x02\xfcb\x12\x01s"[..], "principal"),
            (b"\n\x01p\x12\x02\xfcb", "secret"),
        ] {
            let error = authorization(bytes).expect_err("not UTF-8").to_string();
            assert_eq!(
                error,
                format!("credential: Credential.{field}: expected UTF-8, got other bytes")
            );
        }
        let error = authorization(b"\n\x05p").expect_err("truncated").to_string();
        assert_eq!(error, "credential: not an encoded Credential");
    }
}

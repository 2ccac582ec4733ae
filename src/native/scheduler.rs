//! The scheduler driver that Perl holds.

use super::detector::Source;
use super::endpoint::{Endpoint, Secret};
use super::fields;
use super::handle::{self, Handle};
use super::scheduler_calls::prepare;
use super::scheduler_machine::{Command, Config, SchedulerMachine};
use super::wire::{Credential, FrameworkInfo};
use crate::channel::Channel;
use crate::driver::{DriverError, SchedulerCall, SchedulerOptions, Status};
use crate::event::{Acknowledgement, DriverId, EventOwner};
use prost::Message;
use std::sync::{Arc, Mutex, Weak};

/// A framework's driver over the v1 HTTP API. One thread between `start` and its end.
pub struct SchedulerDriver {
    core: Arc<Core>,
    /// Taken by `start`.
    config: Mutex<Option<Config>>,
    implicit_acknowledgements: bool,
}

struct Core {
    handle: Handle<Command>,
}

impl EventOwner for Core {
    fn acknowledge(&self, update: Acknowledgement) {
        if self.handle.lifecycle.is_running() {
            self.handle.send(Command::Acknowledge(update));
        }
    }

    fn end_delivered(&self) {
        self.handle.lifecycle.end_delivered();
    }
}

impl SchedulerDriver {
    /// Checks `options` (all but `master`, which `source` replaces). An authorization of `source` goes before the credential.
    pub fn new(source: impl Into<Source>, options: SchedulerOptions, channel: Channel) -> Result<Self, DriverError> {
        let source = match options.credential {
            Some(credential) => source.into().authorized(&authorization(&credential)?),
            None => source.into(),
        };
        let config = Config {
            source,
            framework: filled(&options.framework)?,
            implicit_acknowledgements: options.implicit_acknowledgements,
            master_timeout: options.master_timeout,
            seed: handle::seed(),
        };
        Ok(SchedulerDriver {
            core: Arc::new(Core {
                handle: Handle::new(channel),
            }),
            implicit_acknowledgements: config.implicit_acknowledgements,
            config: Mutex::new(Some(config)),
        })
    }

    fn handle(&self) -> &Handle<Command> {
        &self.core.handle
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
    let principal = credential.principal.filter(|p| !p.is_empty());
    let principal = principal.ok_or_else(|| wrong("Credential.principal is missing"))?;
    let secret = credential.secret.unwrap_or_default();
    if principal.contains(':') || secret.contains(':') {
        return Err(wrong(
            "neither principal nor secret may contain ':', masters cannot take it apart",
        ));
    }
    Ok(Endpoint::basic(&principal, &secret))
}

/// `framework` with user and hostname, as libmesos fills them in.
fn filled(framework: &[u8]) -> Result<Vec<u8>, DriverError> {
    let wrong = |problem: String| DriverError::Argument {
        name: "framework",
        problem,
    };
    let decoded = FrameworkInfo::decode(framework).map_err(|e| wrong(format!("not an encoded FrameworkInfo ({e})")))?;
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
        info = replace(info, 1, &user.name)?;
    }
    if decoded.hostname.unwrap_or_default().is_empty() {
        let name = nix::unistd::gethostname().unwrap_or_default();
        info = replace(info, 7, &name.to_string_lossy())?;
    }
    Ok(info)
}

impl crate::driver::SchedulerDriver for SchedulerDriver {
    fn id(&self) -> DriverId {
        self.handle().id
    }

    fn status(&self) -> Status {
        self.handle().lifecycle.status()
    }

    fn start(&self) -> Result<Status, DriverError> {
        let transition = self.handle().lifecycle.start();
        let config = self.config.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let (true, Some(config)) = (transition.changed, config) {
            let core = Arc::clone(&self.core);
            let emit = move |emission| {
                let owner: Weak<Core> = Arc::downgrade(&core);
                core.handle.emit(emission, owner);
            };
            let machine = SchedulerMachine::new(config);
            if let Err(why) = self.handle().launch("mesos-scheduler", machine, emit, || ()) {
                self.handle().lifecycle.abort();
                return Err(why);
            }
        }
        Ok(transition.status)
    }

    fn stop(&self, failover: bool) -> Status {
        let transition = self.handle().silence(|lifecycle| lifecycle.stop());
        if transition.changed {
            self.handle().send(Command::Stop { failover });
        }
        transition.status
    }

    fn abort(&self) -> Status {
        let transition = self.handle().silence(|lifecycle| lifecycle.abort());
        if transition.changed {
            self.handle().send(Command::Abort);
        }
        transition.status
    }

    fn call(&self, call: SchedulerCall) -> Result<Status, DriverError> {
        if self.handle().lifecycle.is_running() {
            let prepared = prepare(call, self.implicit_acknowledgements)?;
            self.handle().send(Command::Call(prepared));
        }
        Ok(self.status())
    }

    fn close(&self) {
        self.handle().close(Command::Close);
    }
}

impl Drop for SchedulerDriver {
    fn drop(&mut self) {
        crate::driver::SchedulerDriver::close(self);
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
        assert_eq!(filled(&given), Ok(given));
        let made = filled(&info("", None).encode_to_vec()).expect("filled");
        let made = proto::FrameworkInfo::decode(&made[..]).expect("FrameworkInfo");
        assert!(!made.user.is_empty() && made.hostname.is_some_and(|h| !h.is_empty()));
        let error = filled(b"").expect_err("no name").to_string();
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
    }
}

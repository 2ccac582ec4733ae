//! What a framework is registered as: its FrameworkInfo, its id, and the roles for which it wants no offers.
//!
//! All of it goes into every SUBSCRIBE. What changes while there is no subscription that could be told is told by one
//! UPDATE_FRAMEWORK after the next one, as libmesos does.

pub use crate::driver::framework::value;
use crate::driver::framework::{FrameworkInfo, SuppressedRoles};
use crate::message::field_number::framework_info;
use crate::message::fields;
use crate::native::scheduler::wire;
use prost::Message;
use std::collections::VecDeque;

/// FrameworkInfo.Capability.Type
const PARTITION_AWARE: i32 = 5;

/// See the module.
pub struct Registration {
    /// Encoded FrameworkInfo without id.
    info: Vec<u8>,
    decoded: FrameworkInfo,
    /// Encoded FrameworkID.
    id: Option<Vec<u8>>,
    suppressed: SuppressedRoles,
    /// Something changed that the master has not been told.
    changed: bool,
    /// What the master has accepted, and what it has not answered yet.
    accepted: Announcement,
    unanswered: VecDeque<Announcement>,
}

/// What a SUBSCRIBE or UPDATE_FRAMEWORK said, and what was suppressed and revived since.
#[derive(Clone)]
struct Announcement {
    info: Vec<u8>,
    suppressed: SuppressedRoles,
}

impl Registration {
    /// `framework`: encoded FrameworkInfo; the id in it, if any, is that of an earlier driver.
    pub fn new(framework: &[u8]) -> Self {
        let decoded = FrameworkInfo::read(framework).unwrap_or_default();
        let id = decoded.id().map(fields::id);
        let info = fields::without(framework, &[framework_info::ID]).unwrap_or_default();
        Registration {
            id,
            accepted: Announcement {
                info: info.clone(),
                suppressed: SuppressedRoles::default(),
            },
            info,
            decoded,
            suppressed: SuppressedRoles::default(),
            changed: false,
            unanswered: VecDeque::new(),
        }
    }

    /// Encoded FrameworkID.
    pub fn id(&self) -> Option<&Vec<u8>> {
        self.id.as_ref()
    }

    /// The id, or the name of a framework without one: for log lines.
    pub fn name(&self) -> String {
        let id = self.id.as_deref().and_then(value);
        id.unwrap_or_else(|| format!("{:?} (no id yet)", self.decoded.name.as_deref().unwrap_or("")))
    }

    pub fn is_partition_aware(&self) -> bool {
        self.can(PARTITION_AWARE)
    }

    fn can(&self, capability: i32) -> bool {
        self.decoded.capabilities.iter().any(|c| c.kind == Some(capability))
    }

    /// Encoded FrameworkInfo with the id, and the suppressed roles.
    pub fn content(&self) -> (Vec<u8>, Vec<String>) {
        let mut info = self.info.clone();
        if let Some(id) = &self.id {
            fields::append(&mut info, framework_info::ID, id);
        }
        (info, self.suppressed.list())
    }

    fn announcement(&self) -> Announcement {
        Announcement {
            info: self.info.clone(),
            suppressed: self.suppressed.clone(),
        }
    }

    /// An encoded SUBSCRIBE.
    pub fn subscribe(&mut self) -> Vec<u8> {
        let (framework_info, suppressed_roles) = self.content();
        self.unanswered = VecDeque::from([self.announcement()]);
        let call = wire::Call {
            framework_id: self.id.clone(),
            kind: Some(wire::CallType::Subscribe as i32),
            subscribe: Some(wire::Subscribe {
                framework_info,
                suppressed_roles: wire::roles(&suppressed_roles),
            }),
            ..Default::default()
        };
        call.encode_to_vec()
    }

    /// The master has confirmed a SUBSCRIBE under this encoded id. False: it is not that of this framework.
    pub fn subscribed(&mut self, id: Vec<u8>) -> bool {
        if self.id.as_deref().is_some_and(|known| value(known) != value(&id)) {
            return false;
        }
        self.id = Some(id);
        self.answered(true);
        true
    }

    /// The call that tells the master what has changed without it.
    pub fn pending_update(&mut self) -> Option<super::calls::Prepared> {
        std::mem::take(&mut self.changed).then(|| self.update())
    }

    /// UPDATE_FRAMEWORK. Its answer is to be told by [`answered`](Self::answered).
    pub fn update(&mut self) -> super::calls::Prepared {
        let (info, suppressed) = self.content();
        self.unanswered.push_back(self.announcement());
        super::calls::update_framework(info, suppressed)
    }

    /// The answer to the oldest UPDATE_FRAMEWORK. What a master has refused is not tried again with the next SUBSCRIBE.
    pub fn answered(&mut self, accepted: bool) {
        let Some(announced) = self.unanswered.pop_front() else {
            return;
        };
        if accepted {
            self.accepted = announced;
        } else if self.unanswered.is_empty() {
            let accepted = self.accepted.clone();
            self.set_info(accepted.info);
            self.suppressed = accepted.suppressed;
        }
    }

    fn set_info(&mut self, info: Vec<u8>) {
        self.decoded = FrameworkInfo::read(&info).unwrap_or_default();
        self.info = info;
    }

    /// Another FrameworkInfo; without roles those that are suppressed and still there stay suppressed.
    pub fn change(&mut self, info: &[u8], suppressed: Option<Vec<String>>) {
        self.set_info(fields::without(info, &[framework_info::ID]).unwrap_or_default());
        self.suppressed.update(suppressed, &self.decoded.roles());
    }

    /// Suppresses or revives roles, all of them if none is named.
    pub fn change_roles(&mut self, revive: bool, roles: &[String]) {
        self.suppressed.change(revive, roles, &self.decoded.roles());
        // It holds whatever becomes of an update that is under way.
        for announced in self.unanswered.iter_mut().chain([&mut self.accepted]) {
            let own = FrameworkInfo::read(&announced.info).unwrap_or_default().roles();
            announced.suppressed.change(revive, roles, &own);
        }
    }

    /// The next subscription is to be followed by an UPDATE_FRAMEWORK.
    pub fn announce_later(&mut self) {
        self.changed = true;
    }
}

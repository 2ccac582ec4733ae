//! Operations of operators on an agent's resources, outside of any offer. Codes and texts are those of a real 1.11.0.

use super::operation_checks::{self as checks, Against};
use super::state::Operation;
use super::Master;
use crate::local::messages::ToAgent;
use crate::proto::offer::{operation::Type, Operation as Wanted};
use crate::proto::OperationState;
use crate::resources::conversion::{self, Conversion};
use crate::resources::{items_text, Resources};

/// Why an operator's operation is not carried out.
#[derive(Debug, PartialEq)]
pub enum Refused {
    Bad(String),
    /// What it takes is not there.
    Conflict(String),
}

impl Master {
    /// RESERVE_RESOURCES and its like. What is offered and needed for it is rescinded.
    pub fn operate_on(&mut self, agent_id: &str, wanted: Wanted) -> Result<(), Refused> {
        let Some(agent) = self.agents.get(agent_id) else {
            return Err(Refused::Bad("No agent found with specified ID".into()));
        };
        checks::source(&wanted)
            .iter()
            .try_for_each(checks::is_resource)
            .map_err(Refused::Bad)?;
        let kind = wanted.r#type();
        // Mesos says of these only where.
        let place = match kind {
            Type::Unreserve | Type::Destroy => String::new(),
            _ => format!(" on{}", self.place(agent_id, agent)),
        };
        let against = Against {
            framework: None,
            agent,
            role: None,
            available: &agent.free,
            used: &self.used_on(agent_id),
        };
        let invalid = |why| Refused::Bad(format!("Invalid {} operation{place}: {why}", kind.as_str_name()));
        checks::operation(&wanted, &against).map_err(invalid)?;
        let conversion = conversion::of(&wanted);
        self.rescind_for(agent_id, conversion.consumed.clone());
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return Ok(());
        };
        if !agent.free.contains(&conversion.consumed) {
            let (there, wanted) = (
                items_text(agent.free.items(), None),
                items_text(conversion.consumed.items(), None),
            );
            return Err(Refused::Conflict(format!("{there} does not contain {wanted}")));
        }
        agent.take(&conversion.consumed);
        self.apply_for_operator(agent_id, wanted, conversion);
        self.allocate_soon();
        Ok(())
    }

    fn apply_for_operator(&mut self, agent_id: &str, wanted: Wanted, conversion: Conversion) {
        let held = match conversion::is_speculative(&wanted) {
            true => {
                self.convert(agent_id, "", "", &conversion);
                if let Some(agent) = self.agents.get_mut(agent_id) {
                    agent.give_back(&conversion.converted);
                }
                Resources::default()
            }
            false => conversion.consumed,
        };
        let operation = Operation {
            framework: String::new(),
            agent: agent_id.to_string(),
            role: String::new(),
            id: None,
            held,
            converted: conversion.converted,
            state: OperationState::OperationPending,
            forwarded: None,
        };
        let name = self.new_operation(operation);
        let (framework, operation) = (String::new(), Box::new(wanted));
        let message = ToAgent::Apply {
            name,
            framework,
            operation,
        };
        self.send_agent(agent_id, message);
    }

    /// Takes offers of an agent back that hold any of what is `needed`. Who had one does not get the same again at once.
    fn rescind_for(&mut self, agent: &str, mut needed: Resources) {
        for id in self.offers_where(|offer| offer.agent == agent) {
            let Some(offer) = self.offers.get(&id) else { continue };
            let mut rest = needed.clone();
            rest.subtract(&offer.resources);
            if rest == needed {
                continue;
            }
            needed = rest;
            let (framework, role, resources) = (offer.framework.clone(), offer.role.clone(), offer.resources.clone());
            self.rescind(&id);
            self.keep_away(&framework, agent, &role, &resources, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::master::tests::{info, master, register, subscribe, told};
    use crate::local::messages::{KnownOperation, ToMaster};
    use crate::message::json;
    use crate::message::text;
    use crate::proto::{OperationStatus, Uuid};
    use prost::Message;
    use serde_json::{json, Value};

    fn operation(kind: &str, member: Value) -> Wanted {
        let value = json!({ "type": kind, kind.to_lowercase(): member });
        let bytes = json::read(text::of("Mesos::Offer::Operation"), &value).unwrap();
        Wanted::decode(bytes.as_slice()).unwrap()
    }

    fn reserved(name: &str, value: f64) -> Value {
        json!({ "name": name, "type": "SCALAR", "scalar": { "value": value }, "reservations": [{ "type": "DYNAMIC", "role": "ops" }] })
    }

    fn volume(value: f64) -> Value {
        let mut volume = reserved("disk", value);
        volume["disk"] = json!({ "persistence": { "id": "v" }, "volume": { "container_path": "data", "mode": "RW" } });
        volume
    }

    fn free(master: &Master) -> String {
        items_text(master.agents["M-S0"].free.items(), None)
    }

    /// The agent has done what it was told.
    fn done(master: &mut Master) {
        for message in told(master).1 {
            let ToAgent::Apply { name, framework, .. } = message else {
                continue;
            };
            let status = OperationStatus {
                state: OperationState::OperationFinished as i32,
                uuid: Some(Uuid {
                    value: name.clone().into(),
                }),
                ..Default::default()
            };
            let told = KnownOperation { name, framework, status };
            master.agent_message(0, ToMaster::OperationUpdate(Box::new(told)));
        }
        assert!(master.operations.is_empty(), "nobody else acknowledges them");
    }

    #[test]
    fn resources_change_without_offers() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:512;disk:100");
        let mut does = |kind: &str, member: Value, left: &str| {
            assert_eq!(master.operate_on("M-S0", operation(kind, member)), Ok(()), "{kind}");
            done(&mut master);
            assert_eq!(free(&master), left, "{kind}");
        };
        let disk = "disk(reservations: [(DYNAMIC,ops)])";
        does(
            "RESERVE",
            json!({ "resources": [reserved("disk", 100.0)] }),
            &format!("cpus:4; mem:512; {disk}:100"),
        );
        does(
            "CREATE",
            json!({ "volumes": [volume(10.0)] }),
            &format!("cpus:4; mem:512; {disk}:90; {disk}[v:data]:10"),
        );
        let grow = json!({ "volume": volume(10.0), "addition": reserved("disk", 5.0) });
        does("GROW_VOLUME", grow, &format!("cpus:4; mem:512; {disk}:85; {disk}[v:data]:15"));
        let shrink = json!({ "volume": volume(15.0), "subtract": { "value": 5.0 } });
        does(
            "SHRINK_VOLUME",
            shrink,
            &format!("cpus:4; mem:512; {disk}:90; {disk}[v:data]:10"),
        );
        does(
            "DESTROY",
            json!({ "volumes": [volume(10.0)] }),
            &format!("cpus:4; mem:512; {disk}:100"),
        );
        does(
            "UNRESERVE",
            json!({ "resources": [reserved("disk", 100.0)] }),
            "cpus:4; mem:512; disk:100",
        );
    }

    #[test]
    fn reservations_move() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:512");
        let cpus = |value: f64, roles: &[&str]| {
            let roles = roles.iter().map(|role| json!({ "type": "DYNAMIC", "role": role }));
            json!({ "name": "cpus", "type": "SCALAR", "scalar": { "value": value }, "reservations": roles.collect::<Vec<_>>() })
        };
        let ops = cpus(1.0, &["ops"]);
        master
            .operate_on("M-S0", operation("RESERVE", json!({ "resources": [ops] })))
            .unwrap();
        done(&mut master);
        let mut moves = |source: &[&Value], resources: &[&Value]| {
            let moved = operation("RESERVE", json!({ "source": source, "resources": resources }));
            let done_so = master.operate_on("M-S0", moved).map(|()| done(&mut master));
            done_so.map(|()| free(&master))
        };
        let bad = |why: &str| {
            let place = "Invalid RESERVE operation on agent M-S0 at slave(1)@127.0.0.1:1 (host):";
            Err(Refused::Bad(format!("{place} {why}")))
        };
        let refined = cpus(1.0, &["dev", "dev/web"]);
        let text = "cpus:3; mem:512; cpus(reservations: [(DYNAMIC,dev),(DYNAMIC,dev/web)]):1";
        assert_eq!(moves(&[&ops], &[&refined]), Ok(text.into()));
        let text = format!("{text} does not contain cpus(reservations: [(DYNAMIC,ops)]):1");
        assert_eq!(moves(&[&ops], &[&refined]), Err(Refused::Conflict(text)));
        let text = "Source and target resources should refer to identical resource quantities: cpus:1 vs. cpus:0.5";
        assert_eq!(moves(&[&refined], &[&cpus(0.5, &["ops"])]), bad(text));
        assert_eq!(moves(&[&refined], &[]), bad("Invalid resources: Resource cannot be empty"));
        let text = r#"Invalid source: Mixed reservations are not supported[{"name":"cpus","reservations":[{"role":"ops","type":"DYNAMIC"}],"scalar":{"value":1.0},"type":"SCALAR"},{"name":"cpus","reservations":[{"role":"dev","type":"DYNAMIC"}],"scalar":{"value":0.5},"type":"SCALAR"}]"#;
        assert_eq!(moves(&[&ops, &cpus(0.5, &["dev"])], &[&cpus(1.5, &["ops"])]), bad(text));
        let text = "Resource cpus:1 is not dynamically reserved";
        assert_eq!(moves(&[&refined], &[&cpus(1.0, &[])]), bad(text));
        let text = "Resource 'cpus(reservations: [(DYNAMIC,ops)]):-1' is invalid: Invalid scalar resource: value <= 0";
        assert_eq!(moves(&[&cpus(-1.0, &["ops"])], &[&ops]), Err(Refused::Bad(text.into())));
        let text = "cpus:3; mem:512; cpus(reservations: [(DYNAMIC,ops)]):1";
        assert_eq!(moves(&[&refined], &[&ops]), Ok(text.into()));
    }

    #[test]
    fn what_is_refused() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:512;disk:100");
        let nobody = master.operate_on("none", operation("RESERVE", json!({ "resources": [] })));
        assert_eq!(nobody, Err(Refused::Bad("No agent found with specified ID".into())));
        let plain = || json!({ "resources": [{ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1 } }] });
        let mut bad = |kind: &str, member: Value| match master.operate_on("M-S0", operation(kind, member)) {
            Err(Refused::Bad(text)) => text,
            other => format!("{other:?}"),
        };
        let place = "Invalid RESERVE operation on agent M-S0 at slave(1)@127.0.0.1:1 (host):";
        assert_eq!(
            bad("RESERVE", plain()),
            format!("{place} Resource cpus:1 is not dynamically reserved")
        );
        let text = "Invalid UNRESERVE operation: Resource cpus:1 is not dynamically reserved";
        assert_eq!(bad("UNRESERVE", plain()), text);
        let mut allocated = reserved("cpus", 1.0);
        allocated["allocation_info"] = json!({ "role": "ops" });
        let text = bad("RESERVE", json!({ "resources": [allocated] }));
        assert!(
            text.contains("the operator API only allows reservations to be made to unallocated resources"),
            "{text}"
        );
        let too_much = master.operate_on("M-S0", operation("RESERVE", json!({ "resources": [reserved("cpus", 9.0)] })));
        let text = "cpus:4; mem:512; disk:100 does not contain cpus:9";
        assert_eq!(too_much, Err(Refused::Conflict(text.into())));
    }

    #[test]
    fn offers_are_taken_back() {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:512");
        subscribe(&mut master, 1, info("f", &[], false));
        assert_eq!(master.offers.len(), 1);
        let reserve = operation("RESERVE", json!({ "resources": [reserved("cpus", 1.0)] }));
        assert_eq!(master.operate_on("M-S0", reserve), Ok(()));
        assert!(told(&mut master).0.contains(&"1 rescind".to_string()));
        assert!(free(&master).contains("cpus:3"));
        master.allocate();
        assert!(master.offers.is_empty(), "the same is not offered again at once");
    }
}

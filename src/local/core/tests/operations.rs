//! Operations on resources among all that happens.

use super::*;
use crate::proto::offer::operation::Type;
use crate::proto::resource::{disk_info::Persistence, reservation_info, DiskInfo, ReservationInfo};
use crate::proto::value::Scalar;
use crate::proto::Volume;
use crate::resources::item::{is_dynamically_reserved, volume_id, with_thousandths};

/// How many kinds of operations [`World::operate`] knows.
pub const KINDS: usize = 7;

fn reserved(text: &str) -> Vec<Resource> {
    let mut items = resource_text::parse(text).unwrap();
    for item in &mut items {
        item.reservations.push(ReservationInfo {
            r#type: Some(reservation_info::Type::Dynamic as i32),
            role: Some("eng".into()),
            ..Default::default()
        });
    }
    items
}

fn volume(id: &str) -> Resource {
    let mut item = reserved("disk:5").remove(0);
    item.disk = Some(Box::new(DiskInfo {
        persistence: Some(Persistence {
            id: id.into(),
            principal: None,
        }),
        volume: Some(Volume {
            container_path: "data".into(),
            ..Default::default()
        }),
        ..Default::default()
    }));
    item
}

fn of(kind: Type) -> Operation {
    Operation {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

fn reserve() -> Operation {
    Operation {
        reserve: Some(operation::Reserve {
            resources: reserved("cpus:0.5;disk:10"),
            ..Default::default()
        }),
        ..of(Type::Reserve)
    }
}

fn create(id: &str) -> Operation {
    let volumes = vec![volume(id)];
    Operation {
        create: Some(operation::Create { volumes }),
        ..of(Type::Create)
    }
}

impl World {
    /// Some of them do not fit what is offered: then they are refused.
    pub(super) fn operate(&mut self, framework: usize, kind: usize) {
        let Some(offer) = self.clients[framework].offers.pop_first() else {
            return;
        };
        let offered = self.core.master.offers.get(&offer).map(|offer| offer.resources.clone());
        let offered = offered.unwrap_or_default();
        self.tasks += 1;
        let id = format!("v{}", self.tasks);
        let volumes = offered.only(|item| volume_id(item).is_some()).items().to_vec();
        let first = volumes.first().cloned().unwrap_or_else(|| volume("none"));
        let plain = offered.only(|item| volume_id(item).is_none() && is_dynamically_reserved(item));
        let mut operations = match kind {
            0 => vec![reserve()],
            1 => vec![Operation {
                unreserve: Some(operation::Unreserve {
                    resources: plain.items().to_vec(),
                }),
                ..of(Type::Unreserve)
            }],
            2 => vec![create(&id)],
            3 => vec![Operation {
                destroy: Some(operation::Destroy { volumes }),
                ..of(Type::Destroy)
            }],
            4 => vec![Operation {
                grow_volume: Some(operation::GrowVolume {
                    volume: first,
                    addition: with_thousandths(&reserved("disk:1")[0], 1500),
                }),
                ..of(Type::GrowVolume)
            }],
            5 => vec![Operation {
                shrink_volume: Some(operation::ShrinkVolume {
                    volume: first,
                    subtract: Scalar { value: 0.5 },
                }),
                ..of(Type::ShrinkVolume)
            }],
            _ => vec![reserve(), create(&id)],
        };
        // With and without feedback.
        if self.tasks % 2 == 0 {
            for (number, operation) in operations.iter_mut().enumerate() {
                let value = format!("{id}-{number}");
                operation.id = Some(OperationId { value });
            }
        }
        if kind == 6 {
            let resources = [resource_text::parse("cpus:1;mem:32").unwrap(), vec![volume(&id)]].concat();
            operations.extend(self.launch_on(framework, &offer, resources));
        }
        self.accept(framework, offer, operations);
    }

    /// When nothing happens any more, all know the same.
    pub(super) fn check_operations(&self) {
        let master = &self.core.master;
        let connected = |id: &String| master.frameworks.get(id).is_some_and(|f| f.is_connected());
        let of_master = master.operations.values().filter(|one| connected(&one.framework));
        assert_eq!(of_master.count(), 0, "each operation was acknowledged");
        for agent in self.core.agents() {
            let of_agent = agent.operations.values().filter(|one| connected(&one.known.framework));
            assert_eq!(of_agent.count(), 0, "and the agent knows that");
            let id = &agent.id.as_ref().unwrap().value;
            let known = &master.agents[id].total;
            assert!(
                known.contains(&agent.total) && agent.total.contains(known),
                "what {id} has is what the master knows of"
            );
            let number = agent.identity.number.to_string();
            let directory = self.work_dir.join("volumes").join(number).join("roles/eng");
            let there = std::fs::read_dir(directory).into_iter().flatten().flatten();
            let names = there.map(|entry| entry.file_name().into_string().unwrap());
            // What is being removed has another name by then.
            let there: BTreeSet<String> = names.filter(|name| !name.starts_with('.')).collect();
            let volumes = agent.total.items().iter().filter_map(volume_id).map(str::to_string);
            assert_eq!(there, volumes.collect(), "each volume of {id} has a directory");
        }
    }
}

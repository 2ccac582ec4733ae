//! Why operations are not carried out.

use super::*;

/// The answer to one operation that is not carried out.
fn refused(master: &mut Master, operation: Wanted) -> String {
    accept(master, "f", vec![operation]);
    let (mut events, letters) = heard(master);
    assert!(letters.is_empty(), "{letters:?}");
    wait(master, 1);
    let text = events.pop().expect("an answer");
    let place = "; on agent M-S0 at slave(1)@127.0.0.1:1 (host)";
    text.replace("1 a OPERATION_ERROR ", "").replace(place, " ...")
}

/// What the framework is offered, as Mesos says it.
const ALL: &str = "cpus(allocated: eng):4; cpus(allocated: eng)(reservations: [(STATIC,eng)]):2; mem(allocated: eng):2048; \
                   mem(allocated: eng)(reservations: [(STATIC,eng)]):512; disk(allocated: eng):4096; ports(allocated: eng):[31000-31099]";
const DYNAMICALLY: &str = "(allocated: eng)(reservations: [(DYNAMIC,eng)])";
const PROVIDERS: &str = "Invalid resources: The resources have multiple resource providers:  ...";

fn eng(text: &str) -> Vec<Resource> {
    reserved(text, "eng")
}

fn fixed() -> Vec<Resource> {
    parse("cpus(eng):1").unwrap()
}

fn changed(change: fn(&mut Resource)) -> Vec<Resource> {
    let mut item = volume("v", 64.0);
    change(&mut item);
    vec![item]
}

/// Each is refused with its text, and takes nothing.
fn check(cases: Vec<(Wanted, String)>) {
    let mut master = started();
    for (wanted, text) in cases {
        assert_eq!(refused(&mut master, wanted), text);
    }
    let free = &master.agents["M-S0"].free;
    let offered = master
        .offers
        .values()
        .map(|offer| offer.resources.scalar("cpus"))
        .sum::<f64>();
    assert_eq!(free.scalar("cpus") + offered, 6.0);
}

#[test]
fn reservations_that_are_refused() {
    check(vec![
        (operation(Type::Reserve, vec![]), PROVIDERS.to_string()),
        (
            operation(Type::Reserve, parse("cpus:1").unwrap()),
            "Resource cpus(allocated: eng):1 is not dynamically reserved ...".into(),
        ),
        (
            operation(Type::Reserve, fixed()),
            "Resource cpus(allocated: eng)(reservations: [(STATIC,eng)]):1 is not dynamically reserved ...".into(),
        ),
        (
            operation(Type::Reserve, reserved("cpus:1", "ops")),
            "A reserve operation was attempted for a resource with role 'ops', but the resource was allocated to role 'eng' ...".into(),
        ),
        (
            operation(Type::Reserve, {
                let mut items = eng("cpus:1");
                items[0].allocation_info = Some(AllocationInfo { role: Some("x".into()) });
                items
            }),
            "A reserve operation was attempted for a resource with role 'eng', but the resource was allocated to role 'x' ...".into(),
        ),
        (
            operation(Type::Reserve, eng("cpus:100")),
            format!("{ALL} does not contain cpus(allocated: eng):100"),
        ),
        (
            operation(Type::Reserve, {
                let mut items = eng("cpus:1");
                items[0].scalar = Some(Scalar { value: -1.0 });
                items
            }),
            "Operation attempted with invalid resources: Resource 'cpus(reservations: [(DYNAMIC,eng)]):-1' is invalid: \
             Invalid scalar resource: value <= 0"
                .into(),
        ),
        (
            operation(Type::Reserve, {
                let mut items = eng("cpus:1");
                items[0].revocable = Some(Default::default());
                items
            }),
            format!(
                "Invalid resources: Invalid ReservationInfo: Dynamically reserved resource cpus{DYNAMICALLY}{{REV}}:1 cannot be \
                 created from revocable resources ..."
            ),
        ),
        (
            Wanted {
                r#type: Some(Type::Reserve as i32),
                ..Default::default()
            },
            "Operation attempted with invalid resources: A RESERVE offer operation must have the Offer.Operation.reserve field set.".into(),
        ),
        (
            operation(Type::Unreserve, eng("cpus:1")),
            format!("{ALL} does not contain cpus{DYNAMICALLY}:1"),
        ),
        (
            operation(Type::Unreserve, vec![volume("v", 64.0)]),
            format!(
                "A dynamically reserved persistent volume disk{DYNAMICALLY}[v:data]:64 cannot be unreserved directly. Please destroy \
                 the persistent volume first then unreserve the resource ..."
            ),
        ),

    ]);
}

#[test]
fn volumes_that_are_refused() {
    check(vec![        (
            operation(Type::Create, changed(|item| item.reservations.clear())),
            "Invalid resources: Invalid DiskInfo: Persistent volumes cannot be created from unreserved resources ...".into(),
        ),
        (
            operation(Type::Create, vec![volume("v", 64.0)]),
            format!("{ALL} does not contain disk{DYNAMICALLY}:64"),
        ),
        (
            operation(Type::Create, eng("disk:64")),
            format!("Not a persistent volume: Resource disk{DYNAMICALLY}:64 does not have DiskInfo ..."),
        ),
        (
            operation(Type::Create, changed(|item| item.disk.as_mut().unwrap().volume = None)),
            "Invalid resources: Invalid DiskInfo: Expecting 'volume' to be set for persistent volume ...".into(),
        ),
        (
            operation(
                Type::Create,
                changed(|item| item.disk.as_mut().unwrap().volume.as_mut().unwrap().mode = Mode::Ro as i32),
            ),
            "Not a persistent volume: Read-only persistent volume not supported ...".into(),
        ),
        (
            operation(Type::Create, vec![volume("a/b", 64.0)]),
            "Invalid resources: Invalid DiskInfo: Invalid persistence ID for persistent volume: 'a/b' contains invalid characters ...".into(),
        ),
        (
            operation(Type::Create, vec![volume("w", 1.0), volume("w", 1.0)]),
            "Persistence ID 'w' is not unique ...".into(),
        ),
        (
            operation(Type::Create, changed(|item| item.shared = Some(Default::default()))),
            format!(
                "Create volume operation for 'disk{DYNAMICALLY}[v:data]<SHARED>:64' has been attempted by framework 'f' with no \
                 SHARED_RESOURCES capability ..."
            ),
        ),
        (operation(Type::Destroy, vec![volume("v", 64.0)]), "Persistent volumes not found ...".into()),
        (
            operation(Type::Destroy, eng("disk:10")),
            "Not a persistent volume: Resource disk(reservations: [(DYNAMIC,eng)]):10 does not have DiskInfo ...".into(),
        ),

    ]);
}

#[test]
fn sizes_that_are_refused() {
    check(vec![        (
            grow(volume("v", 64.0), eng("disk:0").remove(0)),
            "The size of 'GrowVolume.addition' field must be greater than zero ...".into(),
        ),
        (
            grow(volume("v", 64.0), parse("disk:10").unwrap().remove(0)),
            "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields ...".into(),
        ),
        (
            grow(eng("disk:1").remove(0), eng("disk:1").remove(0)),
            format!("Invalid persistent volume in the 'GrowVolume.volume' field: Resource disk{DYNAMICALLY}:1 does not have DiskInfo ..."),
        ),
        (
            grow(volume("v", 64.0), eng("disk:1").remove(0)),
            format!("Invalid GROW_VOLUME operation: {ALL} does not contain disk{DYNAMICALLY}[v:data]:64; disk{DYNAMICALLY}:1"),
        ),
        (
            shrink(volume("v", 64.0), -1.0),
            "Value of 'ShrinkVolume.subtract' must be greater than zero ...".into(),
        ),
        (
            shrink(volume("v", 64.0), 64.0),
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume' ...".into(),
        ),
        (
            operation(Type::CreateDisk, eng("disk:10")),
            "'source' is not managed by a resource provider ...".into(),
        ),
    ]);
}

#[test]
fn principals_are_those_of_the_framework() {
    let mut master = master();
    register(&mut master, 0, AGENT);
    let principal = Some("me".to_string());
    subscribe(
        &mut master,
        1,
        FrameworkInfo {
            principal,
            ..framework("f")
        },
    );
    told(&mut master);
    let of = |principal: Option<&str>| {
        let mut items = reserved("cpus:1", "eng");
        items[0].reservations[0].principal = principal.map(str::to_string);
        operation(Type::Reserve, items)
    };
    let none = "A reserve operation was attempted by principal 'me', but there is a reserved resource in the request with no principal set ...";
    assert_eq!(refused(&mut master, of(None)), none);
    let other = "A reserve operation was attempted by authenticated principal 'me', which does not match a reserved resource in the request with principal 'you' ...";
    assert_eq!(refused(&mut master, of(Some("you"))), other);
    accept(&mut master, "f", vec![of(Some("me"))]);
    assert!(total(&master).contains("cpus(reservations: [(DYNAMIC,eng,me)]):1"));
    let none = "Create volume operation attempted by principal 'me', but there is a volume in the operation with no principal set in 'disk.persistence' ...";
    heard(&mut master);
    wait(&mut master, 1);
    assert_eq!(refused(&mut master, operation(Type::Create, vec![volume("v", 1.0)])), none);
}

//! Many updates that the agent has not acknowledged.

use super::*;

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn uuid(number: u32) -> Vec<u8> {
    [&[7; 12][..], &number.to_be_bytes()].concat()
}

fn statuses(calls: Vec<wire::Call>) -> Vec<Vec<u8>> {
    let updates = calls.into_iter().filter_map(|call| call.update);
    updates.map(|update| update.status).collect()
}

/// Answers calls and acknowledges their updates until no more come; what was sent, in order.
fn taken_by_the_agent(machine: &mut ExecutorMachine) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let taken = statuses(sent(&machine.take_actions()));
        if taken.is_empty() {
            return all;
        }
        let answers = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".repeat(taken.len());
        machine.received(Link::Calls, &answers, at(40.0));
        // The newest first: what an agent acknowledges is not always what was sent first.
        taken.iter().rev().for_each(|uuid| acknowledge(machine, "t", uuid));
        all.extend(taken);
    }
}

/// The agent goes away and comes again, and half of the updates come each time. Gives the CPU time that it took.
fn queued(count: u32) -> Duration {
    let mut machine = registered(&[("MESOS_CHECKPOINT", "1"), ("MESOS_RECOVERY_TIMEOUT", "1000secs")]);
    let began = cpu_time();
    machine.broken(Link::Stream, "gone".into(), at(10.0));
    for number in 0..count / 2 {
        machine.command(update(&uuid(number)), at(10.0));
    }
    assert_eq!(machine.updates.len(), count as usize / 2);
    machine.tick(
        machine
            .deadline()
            .map(|elapsed| Now { elapsed, wall: 1.7e9 })
            .expect("an attempt"),
    );
    machine.take_actions();
    machine.opened(Link::Stream, at(30.0));
    let subscribe = sent(&machine.take_actions()).remove(0).subscribe.expect("SUBSCRIBE");
    let told: Vec<_> = subscribe
        .unacknowledged_updates
        .into_iter()
        .map(|update| update.status)
        .collect();
    assert!(told.into_iter().eq((0..count / 2).map(uuid)));
    // Between SUBSCRIBE and its answer: these wait for the answer.
    for number in count / 2..count {
        machine.command(update(&uuid(number)), at(30.0));
    }
    assert_eq!(names(&subscribed(&mut machine, 40.0)), ["reregistered"]);
    machine.opened(Link::Calls, at(40.0));
    assert!(
        taken_by_the_agent(&mut machine).into_iter().eq((count / 2..count).map(uuid)),
        "each once, in order"
    );
    assert_eq!(machine.updates.len(), count as usize / 2);
    (0..count / 2).for_each(|number| acknowledge(&mut machine, "t", &uuid(number)));
    assert_eq!(machine.updates.len(), 0);
    cpu_time() - began
}

/// A hundred thousand updates cost about ten times what ten thousand do. If each looked at all the others, it were a hundred times.
#[test]
fn updates_that_wait_for_the_agent_cost_no_more_each_the_more_there_are() {
    // The least of some: what else runs here makes it only slower.
    let least = |count| (0..3).map(|_| queued(count)).min().unwrap_or_default();
    let (few, many) = (least(10_000), least(100_000));
    assert!(many < few * 40, "{few:?} for 10,000, {many:?} for 100,000");
}

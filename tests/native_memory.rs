//! What waits for Perl is bounded by the memory that it holds, not by the bytes that Perl will see of it.

mod support;

use mesos_perl::driver::SchedulerDriver;
use mesos_perl::proto::scheduler as api;
use prost::Message;
use std::io::Write;
use std::net::Shutdown;
use support::framework::{alone, resident};
use support::scheduler::{event, registered, update};
use support::wait_for;

fn record(event: &[u8]) -> Vec<u8> {
    let record = [format!("{}\n", event.len()).as_bytes(), event].concat();
    [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat()
}

/// The bytes that the driver has read.
fn read(driver: &dyn SchedulerDriver) -> f64 {
    let stats = driver.stats();
    let read = stats.iter().find(|stat| stat.name == "bytes_in");
    read.and_then(|stat| stat.value).expect("a count of bytes")
}

/// How much memory grows while nobody takes the events of a master that sends these bytes, up to so many times.
fn grown(bytes: &[u8], times: usize) -> usize {
    let (_server, driver, channel, stream) = registered();
    let before = resident();
    let all = read(&*driver) + (times * bytes.len()) as f64;
    let sender = {
        let (mut stream, bytes) = (stream.stream.try_clone().expect("clone"), bytes.to_vec());
        std::thread::spawn(move || (0..times).all(|_| stream.write_all(&bytes).is_ok()))
    };
    // Until all was read, or so much waits that the driver reads no more.
    wait_for("the end of reading", || {
        (channel.congestion().is_some() || read(&*driver) >= all).then_some(())
    });
    let grown = resident().saturating_sub(before);
    assert!(!channel.is_empty());
    drop(stream.stream.shutdown(Shutdown::Both));
    drop(sender.join());
    driver.close();
    grown
}

#[test]
fn small_events_between_large_ones_that_nobody_wants() {
    if !alone("small_events_between_large_ones_that_nobody_wants") {
        return;
    }
    let unknown = [&[0x08, 0x7f, 0x9a, 0x06, 0xf0, 0x86, 0x04][..], &[0; 66_416]].concat();
    let small = record(&update("t", None).encode_to_vec());
    let grown = grown(&[record(&unknown), small].concat(), 10_000);
    assert!(grown < 48 << 20, "{grown} bytes more");
}

#[test]
fn small_events_in_large_records() {
    if !alone("small_events_in_large_records") {
        return;
    }
    let mut update = update("t", None).encode_to_vec();
    update.extend_from_slice(&[0x9a, 0x06, 0xf0, 0x86, 0x04]);
    update.resize(update.len() + 66_416, 0);
    let grown = grown(&record(&update), 10_000);
    assert!(grown < 48 << 20, "{grown} bytes more");
}

#[test]
fn offers_without_content() {
    if !alone("offers_without_content") {
        return;
    }
    let mut offers = event(api::event::Type::Offers).encode_to_vec();
    let nothing = [0x0a, 0].repeat(20_000);
    offers.extend_from_slice(&[0x1a, 0xc0, 0xb8, 0x02]);
    offers.extend_from_slice(&nothing);
    let grown = grown(&record(&offers), 2_000);
    assert!(grown < 48 << 20, "{grown} bytes more");
}

//! Drivers and cluster in one thread, with a network and a clock that are simulated. All that happens follows from a seed.
//!
//! | what | where |
//! |---|---|
//! | the seed's numbers, and the transcript | [`dice`] |
//! | connections: late, in pieces, cut, silent | [`network`] |
//! | between a driver's machine and the world | [`driver`] |
//! | what drivers hear of who leads | [`detection`] |
//! | the framework's program, and executors | [`program`], [`executor`] |
//! | what a driver was told, has sent and has told | [`books`] |
//! | the cluster, with its HTTP server | `local::stage` |
//! | all of them, step by step | [`world`] |
//! | what goes wrong, and what must be so afterwards | [`faults`] |
//! | requests that no driver sends | [`garbage`] |
//!
//! `SIMULATION_SEED=7` runs one seed, and prints its transcript if it fails; `SIMULATION_SEEDS=100000` runs so many. `xt/simulation.bash`
//! goes on for as long as it is told.

mod books;
mod detection;
mod dice;
mod driver;
mod executor;
mod faults;
mod garbage;
mod network;
mod program;
mod world;

use crate::logging::overheard;
use crate::random::seeded;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Instant;
use world::World;

/// Rules that the simulation breaks on purpose, to show that it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Updates are acknowledged before their callbacks have returned.
    AcknowledgedBefore,
    /// The program keeps its offers over the end of a subscription.
    OffersKept,
    /// A driver does not notice that its stream is silent.
    NoWatchdog,
    /// A driver that is aborted keeps its offers.
    AbortUntold,
}

/// Runs one history. An error is what was found.
fn history(seed: u64, sabotage: Option<Sabotage>) -> Result<(), String> {
    played(seed, || World::new(seed, sabotage).history())
}

/// Runs this with random bytes that follow from the seed. What users would be told is in the transcript, and nowhere else.
fn played(seed: u64, play: impl FnOnce()) -> Result<(), String> {
    seeded::set(Some(seed));
    overheard::set(Some(|text| dice::note!("told: {text}")));
    let outcome = catch_unwind(AssertUnwindSafe(play));
    overheard::set(None);
    seeded::set(None);
    outcome.map_err(|why| {
        let text = why.downcast_ref::<String>().cloned();
        text.or_else(|| why.downcast_ref::<&str>().map(|text| text.to_string()))
            .unwrap_or_default()
    })
}

/// The same, and all that happened.
fn transcript(seed: u64, sabotage: Option<Sabotage>) -> (Result<(), String>, Vec<String>) {
    dice::write_down();
    let outcome = history(seed, sabotage);
    (outcome, dice::written())
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Some threads: a seed needs only one.
fn each(seeds: std::ops::Range<u64>, work: impl Fn(u64) + Sync) {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| loop {
                let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if seed >= seeds.end {
                    return;
                }
                work(seed);
            });
        }
    });
}

#[test]
fn a_thousand_histories() {
    let seeds = match (number("SIMULATION_SEED"), number("SIMULATION_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, many) => {
            let from = number("SIMULATION_FROM").unwrap_or(0);
            from..from + many.unwrap_or(1000)
        }
    };
    let begin = Instant::now();
    let failed = std::sync::Mutex::new(std::collections::BTreeMap::new());
    each(seeds.clone(), |seed| {
        if let Err(why) = history(seed, None) {
            crate::thread::lock(&failed).insert(seed, why);
        }
    });
    let failed = crate::thread::lock(&failed);
    println!(
        "{} histories in {:.1} s",
        seeds.end - seeds.start,
        begin.elapsed().as_secs_f64()
    );
    if let Some((seed, why)) = failed.first_key_value() {
        let (again, lines) = transcript(*seed, None);
        println!("{}", lines.join("\n"));
        let seeds: Vec<_> = failed.keys().collect();
        panic!("SIMULATION_SEED={seed} found this: {why}\nOnce more: {again:?}\nSeeds that found something: {seeds:?}");
    }
}

/// Otherwise a seed that has found something would be of no use.
#[test]
fn the_same_seed_is_the_same_history() {
    let mut all = std::collections::BTreeSet::new();
    for seed in 0..5 {
        let (first, lines) = transcript(seed, None);
        let (second, again) = transcript(seed, None);
        assert_eq!((first, &lines), (second, &again), "seed {seed}");
        assert!(lines.len() > 20, "a history has more to tell");
        all.insert(lines);
    }
    assert_eq!(all.len(), 5, "and others are other ones");
}

#[test]
fn what_users_are_told_is_in_the_transcript() {
    dice::write_down();
    let outcome = played(1, || crate::logging::tell("a word to the user"));
    let lines = dice::written();
    assert_eq!(outcome, Ok(()));
    assert!(
        lines.iter().any(|line| line.ends_with("told: a word to the user")),
        "{lines:?}"
    );
}

/// So many seeds find each broken rule, in some seconds.
const SEEDS_OF_SABOTAGE: u64 = 300;

/// What the first seed that finds something says.
fn found(sabotage: Sabotage) -> String {
    let found = (0..SEEDS_OF_SABOTAGE).find_map(|seed| history(seed, Some(sabotage)).err());
    found.unwrap_or_default()
}

#[test]
fn acknowledgements_before_the_callback_are_found() {
    let why = found(Sabotage::AcknowledgedBefore);
    assert!(why.contains("acknowledged when its callback has returned"), "{why}");
}

#[test]
fn offers_kept_over_a_subscription_are_found() {
    let why = found(Sabotage::OffersKept);
    assert!(why.contains("ended with the subscription"), "{why}");
}

#[test]
fn offers_kept_over_an_abort_are_found() {
    let why = found(Sabotage::AbortUntold);
    assert!(why.contains("an abort gives back the offers"), "{why}");
}

#[test]
fn a_missing_watchdog_is_found() {
    let why = found(Sabotage::NoWatchdog);
    let seen = ["is back when the network heals", "all comes to an end"];
    assert!(seen.iter().any(|text| why.contains(text)), "{why}");
}

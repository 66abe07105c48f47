//! Replays of recorded days.

use std::time::Instant;

use dras_core::backtest::{Options, Recording, replay};
use dras_core::engine::Policy;

use crate::Random;
use crate::engine::policy;
use crate::fleet::Fleet;
use crate::windows::{BEGIN, INTERVAL};

/// So many days of one task, recorded.
pub fn recording(days: i64) -> Recording {
    let mut recording = Recording::new("orders");
    let scrapes = days * 24 * 240;
    let times: Vec<i64> = (1..=scrapes).map(|i| BEGIN + i * INTERVAL).collect();
    let mut random = Random::new(3);
    for (instance, specs) in Fleet::specs() {
        for (name, level, counts) in specs {
            let mut total = 0.0;
            let values = times.iter().map(|_| {
                let value = level * random.between(0.95, 1.05);
                total = if counts { total + value.round() } else { value };
                total
            });
            recording
                .series(name, instance, times.clone(), values.collect())
                .unwrap();
        }
    }
    for (name, value) in Fleet::ATTRIBUTES {
        recording.attribute(BEGIN, name, value);
    }
    recording.flink_configuration(BEGIN, [("taskmanager.memory.process.size", "4g")]);
    recording
}

/// The policy of a document, with a look a minute.
pub fn every_minute(text: &str) -> Policy {
    policy(&text.replacen('{', r#"{"timing": {"long": "1m"}, "#, 1))
}

/// Replays, and says how often was looked.
pub fn looks(policy: &Policy, recording: &Recording) -> u64 {
    let mut looks = 0;
    replay(policy, recording, &Options::default(), |_| looks += 1).unwrap();
    looks
}

/// Looks a second, long and short ones, of so many threads that each replay it; the median of seven runs.
pub fn looks_a_second(policy: &Policy, recording: &Recording, threads: usize) -> f64 {
    let run = || looks(policy, recording) as f64;
    let once = || {
        let begin = Instant::now();
        let looks: f64 = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            running.into_iter().map(|t| t.join().unwrap()).sum()
        });
        looks / begin.elapsed().as_secs_f64()
    };
    let mut rates: Vec<f64> = (0..7).map(|_| once()).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

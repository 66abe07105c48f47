//! What the benchmarks of dras share: expressions with the same written by hand, windows, documents, and data that is the same in every
//! run. The benchmarks themselves are in `benches/`.

// A benchmark whose material does not compile has nothing to go on with.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc)]

use rustix::time::{ClockId, clock_gettime};

pub mod callgrind;
pub mod engine;
pub mod fleet;
pub mod language;
pub mod memory;
pub mod replays;
pub mod windows;

/// Nanoseconds of the processor that one call of `run` takes: a neighbour that takes the processor away does not count.
pub fn nanos(run: &mut dyn FnMut()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let begin = now();
    run();
    now() - begin
}

/// Pseudo-random numbers, the same in every run (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence; different seeds give different ones.
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next number in 0…1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number in `from`…`to`, `to` excluded.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }
}

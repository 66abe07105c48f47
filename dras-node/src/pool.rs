//! Work on several threads inside of one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use napi::{Error, Result};
use serde_json::Value;

use crate::cancel::cancelled;
use crate::fault::{Class, fault, reworded};
use crate::state::Shared;

/// Tasks that one thread takes at a time: long enough that threads seldom meet, short enough that they end together.
pub(crate) const BLOCK: usize = 64;

/// The most threads of one call.
const MAX_THREADS: usize = 256;

/// As many threads as were asked for, or as there are cores.
pub(crate) fn threads(asked: u32) -> usize {
    let threads = match asked as usize {
        0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    threads.min(MAX_THREADS)
}

/// Calls `work` on this thread and on `threads - 1` others, which are gone when it returns. Where the system gives no more threads, there are fewer.
pub(crate) fn spread<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, &work).ok())
            .collect();
        let mut all = vec![work()];
        for helper in helpers {
            let done = helper.join().map_err(|_| {
                let message = "internal error in dras: a thread ended in the middle of its work";
                fault(Class::Internal, "panic", message)
            });
            all.push(done?);
        }
        Ok(all)
    })
}

/// Tasks of a fleet with their places.
pub(crate) type Tasks = Vec<(u32, Arc<Shared>)>;

/// Tasks that several threads take in blocks, until there are none left or nobody waits any more.
pub(crate) struct Blocks<'a> {
    pub(crate) tasks: &'a [(u32, Arc<Shared>)],
    pub(crate) cancel: &'a AtomicBool,
    next: AtomicUsize,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(tasks: &'a [(u32, Arc<Shared>)], cancel: &'a AtomicBool) -> Blocks<'a> {
        Blocks {
            tasks,
            cancel,
            next: AtomicUsize::new(0),
        }
    }

    /// Hands task after task to `work`.
    ///
    /// # Errors
    /// Nobody waits any more.
    pub(crate) fn each(&self, mut work: impl FnMut(u32, &Shared)) -> Result<()> {
        loop {
            let from = self.next.fetch_add(BLOCK, Ordering::Relaxed);
            let Some(rest) = self.tasks.get(from..).filter(|rest| !rest.is_empty()) else {
                return Ok(());
            };
            for (place, task) in rest.iter().take(BLOCK) {
                if self.cancel.load(Ordering::Relaxed) {
                    return Err(cancelled());
                }
                work(*place, task);
            }
        }
    }

    /// How many threads have something to do.
    pub(crate) fn threads(&self, asked: usize) -> usize {
        asked.min(self.tasks.len().div_ceil(BLOCK)).max(1)
    }
}

/// The error with the task that it is about.
pub(crate) fn of_task(task: &Shared, error: &Error) -> Error {
    reworded(error, |fault| {
        let message = format!("{}: {}", task.id, fault["message"].as_str().unwrap_or_default());
        fault["message"] = Value::String(message);
    })
}

//! An allocator that counts bytes while it is asked to, for benchmarks to install.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// Hands on to the system's allocator.
#[derive(Debug)]
pub struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicIsize = AtomicIsize::new(0);

/// What the system's allocator takes for so many bytes: 16 at a time, 8 of them for itself.
fn taken(layout: Layout) -> isize {
    (layout.size() + 8).next_multiple_of(16).max(32) as isize
}

fn count(bytes: isize) {
    if COUNTS.load(Ordering::Relaxed) {
        BYTES.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract.
#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(taken(layout));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-taken(layout));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

/// How many bytes more are taken after `run` than before; 0 where [`Counting`] is not installed.
pub fn growth(run: impl FnOnce()) -> isize {
    BYTES.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    run();
    COUNTS.store(false, Ordering::Relaxed);
    BYTES.load(Ordering::Relaxed)
}

//! Work that nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use napi::Error;
use napi_derive::napi;

use crate::fault::{Class, fault};

/// Says to long work that nobody waits for it any more.
#[napi]
pub struct NativeCancel {
    cancelled: Arc<AtomicBool>,
}

impl NativeCancel {
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }
}

#[napi]
impl NativeCancel {
    /// Not cancelled.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no defaults")]
    pub fn new() -> NativeCancel {
        NativeCancel {
            cancelled: Arc::new(AtomicBool::new(false)),
        }
    }

    /// From now on.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// What cancelled work says; the façade says the reason of the signal instead.
pub(crate) fn cancelled() -> Error {
    fault(Class::State, "cancelled", "the work was cancelled")
}

//! The addon of the npm package `dras`.
//!
//! Thin: it converts, calls `dras-core`, and converts back. What is exported here is not the package's interface but what the façade
//! (`index.cjs`) is written on: names, defaults, checks of types and exception classes are there.
//!
//! Every export catches panics, because one that is not caught ends the process of whoever uses the package. Long work runs in scoped
//! threads inside of one call on libuv's pool; there is no runtime and no thread that outlives a call, so that worker threads can come and
//! go.

// The macros of napi make `extern "C"` functions, and private items that are called from there only.
#![allow(
    unsafe_code,
    reason = "what the macros of napi write; nothing here is unsafe by hand"
)]

mod cancel;
mod convert;
mod decision;
mod documents;
mod expression;
mod fault;
mod feed;
mod fleet;
mod instruction;
mod language;
mod memory;
mod policy;
mod pool;
mod replace;
mod replay;
mod state;
mod task;
mod tick;

use napi_derive::napi;

/// The version of the addon, which is that of the package.
#[napi(catch_unwind)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

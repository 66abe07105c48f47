//! x
use napi_derive::napi;
/// x
#[napi(catch_unwind)]
pub fn version() -> String { String::from(env!("CARGO_PKG_VERSION")) }

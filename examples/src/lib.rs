//! Shared pieces of the dras examples.

//! Examples at the edges.

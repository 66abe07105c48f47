//! Which kind of memory ran out, recognised from the text of an exception or an exit reason.

/// The kinds of memory that a Flink process can run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OomKind {
    /// `OutOfMemoryError: Java heap space`
    Heap,
    /// `OutOfMemoryError: GC overhead limit exceeded`
    GcOverhead,
    /// `OutOfMemoryError: Metaspace`, `Compressed class space`
    Metaspace,
    /// `OutOfMemoryError: Direct buffer memory`
    Direct,
    /// `OutOfMemoryError: unable to create native thread`
    Threads,
    /// Killed by the container's or the system's out-of-memory killer: exit code 137, `OOMKilled`, beyond physical memory limits.
    Container,
    /// `IOException: Insufficient number of network buffers`
    Network,
    /// Another `OutOfMemoryError`.
    Other,
    /// No sign of memory running out.
    None,
}

impl OomKind {
    /// The name in expressions.
    pub fn name(self) -> &'static str {
        match self {
            OomKind::Heap => "heap",
            OomKind::GcOverhead => "gc_overhead",
            OomKind::Metaspace => "metaspace",
            OomKind::Direct => "direct",
            OomKind::Threads => "threads",
            OomKind::Container => "container",
            OomKind::Network => "network",
            OomKind::Other => "other",
            OomKind::None => "none",
        }
    }
}

/// The kind that `text` tells of. The most specific phrase wins, wherever in the text it stands: causes come last in a stack trace.
pub fn kind_of(text: &str) -> OomKind {
    let has = |part: &str| text.contains(part);
    if has("OutOfMemoryError") {
        if has("Java heap space") {
            return OomKind::Heap;
        }
        if has("GC overhead limit exceeded") {
            return OomKind::GcOverhead;
        }
        if has("OutOfMemoryError: Metaspace") || has("Compressed class space") {
            return OomKind::Metaspace;
        }
        if has("Direct buffer memory") || has("Cannot reserve") && has("direct") {
            return OomKind::Direct;
        }
        if has("unable to create") && has("native thread") {
            return OomKind::Threads;
        }
        return OomKind::Other;
    }
    let killed = has("OOMKilled")
        || has("beyond physical memory limits")
        || has("running beyond the 'PHYSICAL' memory limit")
        || has("exit code 137")
        || has("exitCode=137")
        || has("exit status 137")
        || has("Exit code is 137");
    if killed {
        return OomKind::Container;
    }
    if has("Insufficient number of network buffers") {
        return OomKind::Network;
    }
    OomKind::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_from_its_text() {
        for (text, kind) in [
            (
                "java.lang.OutOfMemoryError: Java heap space\n\tat draslab.Faults.maybe",
                "heap",
            ),
            (
                "Caused by: java.lang.OutOfMemoryError: GC overhead limit exceeded",
                "gc_overhead",
            ),
            (
                "java.lang.OutOfMemoryError: Metaspace. The metaspace out-of-memory error has occurred.",
                "metaspace",
            ),
            (
                "java.lang.OutOfMemoryError: Direct buffer memory. The direct out-of-memory error has occurred.",
                "direct",
            ),
            (
                "java.lang.OutOfMemoryError: Cannot reserve 4194304 bytes of direct buffer memory",
                "direct",
            ),
            (
                "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory",
                "threads",
            ),
            (
                "java.lang.OutOfMemoryError: unable to create new native thread",
                "threads",
            ),
            ("Container killed on request. Exit code is 137", "container"),
            (
                "Container [pid=1] is running beyond physical memory limits",
                "container",
            ),
            ("Pod was OOMKilled", "container"),
            (
                "java.io.IOException: Insufficient number of network buffers: required 17",
                "network",
            ),
            (
                "java.lang.OutOfMemoryError: Requested array size exceeds VM limit",
                "other",
            ),
            (
                "java.util.concurrent.TimeoutException: Heartbeat of TaskManager timed out",
                "none",
            ),
            ("", "none"),
        ] {
            assert_eq!(kind_of(text).name(), kind, "{text}");
        }
    }
}

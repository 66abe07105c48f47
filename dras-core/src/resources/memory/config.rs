//! What a job configured about its memory, and which of Flink's three ways of saying it that is.

use super::size::{MAX_SIZE, MIB, format_size, parse_size};
use super::{FlinkProcess, MemoryError};

/// An option whose value is a memory size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeOption {
    /// `process.size`
    ProcessSize,
    /// `flink.size`
    FlinkSize,
    /// `framework.heap.size`
    FrameworkHeap,
    /// `task.heap.size`; of a `JobManager`, `heap.size`
    TaskHeap,
    /// `framework.off-heap.size`
    FrameworkOffHeap,
    /// `task.off-heap.size`; of a `JobManager`, `off-heap.size`
    TaskOffHeap,
    /// `managed.size`
    Managed,
    /// `network.min`
    NetworkMin,
    /// `network.max`
    NetworkMax,
    /// `jvm-metaspace.size`
    Metaspace,
    /// `jvm-overhead.min`
    OverheadMin,
    /// `jvm-overhead.max`
    OverheadMax,
}

const SIZES: [SizeOption; 12] = [
    SizeOption::ProcessSize,
    SizeOption::FlinkSize,
    SizeOption::FrameworkHeap,
    SizeOption::TaskHeap,
    SizeOption::FrameworkOffHeap,
    SizeOption::TaskOffHeap,
    SizeOption::Managed,
    SizeOption::NetworkMin,
    SizeOption::NetworkMax,
    SizeOption::Metaspace,
    SizeOption::OverheadMin,
    SizeOption::OverheadMax,
];

impl SizeOption {
    /// All of them.
    pub const ALL: [SizeOption; 12] = SIZES;

    /// The full key, such as `taskmanager.memory.process.size`; `None` where this kind of process has no such option.
    pub fn key(self, process: FlinkProcess) -> Option<&'static str> {
        Some(match (process, self) {
            (FlinkProcess::TaskManager, option) => match option {
                SizeOption::ProcessSize => "taskmanager.memory.process.size",
                SizeOption::FlinkSize => "taskmanager.memory.flink.size",
                SizeOption::FrameworkHeap => "taskmanager.memory.framework.heap.size",
                SizeOption::TaskHeap => "taskmanager.memory.task.heap.size",
                SizeOption::FrameworkOffHeap => "taskmanager.memory.framework.off-heap.size",
                SizeOption::TaskOffHeap => "taskmanager.memory.task.off-heap.size",
                SizeOption::Managed => "taskmanager.memory.managed.size",
                SizeOption::NetworkMin => "taskmanager.memory.network.min",
                SizeOption::NetworkMax => "taskmanager.memory.network.max",
                SizeOption::Metaspace => "taskmanager.memory.jvm-metaspace.size",
                SizeOption::OverheadMin => "taskmanager.memory.jvm-overhead.min",
                SizeOption::OverheadMax => "taskmanager.memory.jvm-overhead.max",
            },
            (FlinkProcess::JobManager, option) => match option {
                SizeOption::ProcessSize => "jobmanager.memory.process.size",
                SizeOption::FlinkSize => "jobmanager.memory.flink.size",
                SizeOption::TaskHeap => "jobmanager.memory.heap.size",
                SizeOption::TaskOffHeap => "jobmanager.memory.off-heap.size",
                SizeOption::Metaspace => "jobmanager.memory.jvm-metaspace.size",
                SizeOption::OverheadMin => "jobmanager.memory.jvm-overhead.min",
                SizeOption::OverheadMax => "jobmanager.memory.jvm-overhead.max",
                _ => return None,
            },
        })
    }

    /// Flink's default in bytes, `None` where there is none (Flink 1.18 to 2.3).
    pub fn default_size(self, process: FlinkProcess) -> Option<u64> {
        match self {
            SizeOption::ProcessSize | SizeOption::FlinkSize | SizeOption::TaskHeap | SizeOption::Managed => None,
            SizeOption::TaskOffHeap if process == FlinkProcess::TaskManager => Some(0),
            SizeOption::FrameworkHeap | SizeOption::FrameworkOffHeap | SizeOption::TaskOffHeap => Some(128 * MIB),
            SizeOption::NetworkMin => Some(64 * MIB),
            SizeOption::NetworkMax => Some(MAX_SIZE),
            SizeOption::Metaspace => Some(256 * MIB),
            SizeOption::OverheadMin => Some(192 * MIB),
            SizeOption::OverheadMax => Some(1024 * MIB),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            SizeOption::ProcessSize => "total process memory",
            SizeOption::FlinkSize => "total Flink memory",
            SizeOption::FrameworkHeap => "framework heap",
            SizeOption::TaskHeap => "task heap",
            SizeOption::FrameworkOffHeap => "framework off-heap memory",
            SizeOption::TaskOffHeap => "task off-heap memory",
            SizeOption::Managed => "managed memory",
            SizeOption::NetworkMin => "least network memory",
            SizeOption::NetworkMax => "most network memory",
            SizeOption::Metaspace => "metaspace",
            SizeOption::OverheadMin => "least JVM overhead",
            SizeOption::OverheadMax => "most JVM overhead",
        }
    }
}

/// An option whose value is a fraction, an `f32` as in Flink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FractionOption {
    /// `managed.fraction`, of the Flink memory
    Managed,
    /// `network.fraction`, of the Flink memory
    Network,
    /// `jvm-overhead.fraction`, of the process memory
    Overhead,
}

impl FractionOption {
    /// All of them.
    pub const ALL: [FractionOption; 3] = [
        FractionOption::Managed,
        FractionOption::Network,
        FractionOption::Overhead,
    ];

    /// The full key; `None` where this kind of process has no such option.
    pub fn key(self, process: FlinkProcess) -> Option<&'static str> {
        match (process, self) {
            (FlinkProcess::TaskManager, FractionOption::Managed) => Some("taskmanager.memory.managed.fraction"),
            (FlinkProcess::TaskManager, FractionOption::Network) => Some("taskmanager.memory.network.fraction"),
            (FlinkProcess::TaskManager, FractionOption::Overhead) => Some("taskmanager.memory.jvm-overhead.fraction"),
            (FlinkProcess::JobManager, FractionOption::Overhead) => Some("jobmanager.memory.jvm-overhead.fraction"),
            (FlinkProcess::JobManager, _) => None,
        }
    }

    /// Flink's default.
    pub fn default_fraction(self) -> f32 {
        match self {
            FractionOption::Managed => 0.4,
            FractionOption::Network | FractionOption::Overhead => 0.1,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            FractionOption::Managed => "fraction of managed memory",
            FractionOption::Network => "fraction of network memory",
            FractionOption::Overhead => "fraction of JVM overhead",
        }
    }
}

/// Which options decide, in Flink's order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `task.heap.size` and `managed.size` (`JobManager`: `heap.size`); everything else is added around them.
    FineGrained,
    /// `flink.size` is divided up, the JVM's parts are added.
    FlinkSize,
    /// `process.size` is divided up.
    ProcessSize,
}

/// Options from before Flink 1.10/1.11. Flink 1.x still reads them, each in its own way, Flink 2 does not.
const LEGACY: &[(FlinkProcess, &str, &str)] = &[
    (
        FlinkProcess::TaskManager,
        "taskmanager.heap.size",
        "taskmanager.memory.process.size",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.heap.mb",
        "taskmanager.memory.process.size",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.memory.size",
        "taskmanager.memory.managed.size",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.memory.fraction",
        "taskmanager.memory.managed.fraction",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.network.memory.min",
        "taskmanager.memory.network.min",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.network.memory.max",
        "taskmanager.memory.network.max",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.network.memory.fraction",
        "taskmanager.memory.network.fraction",
    ),
    (
        FlinkProcess::TaskManager,
        "taskmanager.network.numberOfBuffers",
        "taskmanager.memory.network.min",
    ),
    (
        FlinkProcess::JobManager,
        "jobmanager.heap.size",
        "jobmanager.memory.heap.size",
    ),
    (
        FlinkProcess::JobManager,
        "jobmanager.heap.mb",
        "jobmanager.memory.heap.size",
    ),
];

/// What a job configured about the memory of one kind of process. Options that are not set have Flink's defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryConfig {
    process: FlinkProcess,
    sizes: [Option<u64>; SIZES.len()],
    fractions: [Option<f32>; FractionOption::ALL.len()],
}

impl MemoryConfig {
    /// Nothing configured; not valid before something is.
    pub fn new(process: FlinkProcess) -> MemoryConfig {
        MemoryConfig {
            process,
            sizes: [None; SIZES.len()],
            fractions: [None; FractionOption::ALL.len()],
        }
    }

    /// Takes the memory options out of a Flink configuration; other entries are ignored, of two with the same key the later counts.
    ///
    /// # Errors
    /// [`MemoryError::BadSize`] and [`MemoryError::BadFraction`] for texts that Flink cannot read, [`MemoryError::LegacyOption`] for
    /// options from before Flink 1.10: what they do depends on the version, so that no derivation could be trusted.
    pub fn from_entries<K: AsRef<str>, V: AsRef<str>>(
        process: FlinkProcess,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<MemoryConfig, MemoryError> {
        let mut config = MemoryConfig::new(process);
        for (key, text) in entries {
            let (key, text) = (key.as_ref(), text.as_ref());
            if let Some(&(_, key, instead)) = LEGACY.iter().find(|l| l.0 == process && l.1 == key) {
                return Err(MemoryError::LegacyOption { key, instead });
            }
            for option in SizeOption::ALL {
                if let Some(key) = option.key(process).filter(|k| *k == key) {
                    let bytes = parse_size(text).map_err(|problem| MemoryError::BadSize {
                        key,
                        text: text.to_owned(),
                        problem,
                    })?;
                    config.sizes[option as usize] = Some(bytes);
                }
            }
            for option in FractionOption::ALL {
                if let Some(key) = option.key(process).filter(|k| *k == key) {
                    let bad = || MemoryError::BadFraction {
                        key,
                        text: text.to_owned(),
                    };
                    config.fractions[option as usize] = Some(parse_fraction(text).ok_or_else(bad)?);
                }
            }
        }
        Ok(config)
    }

    /// The configured options as a Flink configuration, in a fixed order; reading them back gives the same configuration.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let sizes = SizeOption::ALL
            .into_iter()
            .filter_map(|o| Some((o.key(self.process)?, format_size(self.configured(o)?))));
        let fractions = FractionOption::ALL
            .into_iter()
            .filter_map(|o| Some((o.key(self.process)?, self.fractions[o as usize]?.to_string())));
        sizes.chain(fractions).collect()
    }

    /// The kind of process.
    pub fn process(&self) -> FlinkProcess {
        self.process
    }

    /// What is configured, in bytes; `None` where the default applies.
    pub fn configured(&self, option: SizeOption) -> Option<u64> {
        self.sizes[option as usize]
    }

    /// What applies, in bytes: configured or default. `None` for options that have neither.
    pub fn effective(&self, option: SizeOption) -> Option<u64> {
        option.key(self.process)?;
        self.configured(option).or_else(|| option.default_size(self.process))
    }

    /// The fraction that applies: configured or default.
    pub fn fraction(&self, option: FractionOption) -> f32 {
        self.fractions[option as usize].unwrap_or_else(|| option.default_fraction())
    }

    /// The same with one size set, or with `None` left to Flink.
    ///
    /// # Errors
    /// [`MemoryError::NoSuchOption`] where this kind of process has no such option, [`MemoryError::Overflow`] beyond [`MAX_SIZE`].
    pub fn with_size(mut self, option: SizeOption, bytes: Option<u64>) -> Result<MemoryConfig, MemoryError> {
        if option.key(self.process).is_none() {
            return Err(MemoryError::NoSuchOption {
                process: self.process,
                option: option.describe(),
            });
        }
        if bytes.is_some_and(|b| b > MAX_SIZE) {
            return Err(MemoryError::Overflow);
        }
        self.sizes[option as usize] = bytes;
        Ok(self)
    }

    /// The same with one fraction set, or with `None` left to Flink. Whether it is in range is seen when the memory is derived.
    ///
    /// # Errors
    /// [`MemoryError::NoSuchOption`] where this kind of process has no such option.
    pub fn with_fraction(mut self, option: FractionOption, fraction: Option<f32>) -> Result<MemoryConfig, MemoryError> {
        if option.key(self.process).is_none() {
            return Err(MemoryError::NoSuchOption {
                process: self.process,
                option: option.describe(),
            });
        }
        self.fractions[option as usize] = fraction;
        Ok(self)
    }

    /// Which options decide; `None` where too little is configured for Flink to start.
    pub fn style(&self) -> Option<Style> {
        let has = |o| self.configured(o).is_some();
        let fine_grained = match self.process {
            FlinkProcess::TaskManager => has(SizeOption::TaskHeap) && has(SizeOption::Managed),
            FlinkProcess::JobManager => has(SizeOption::TaskHeap),
        };
        if fine_grained {
            Some(Style::FineGrained)
        } else if has(SizeOption::FlinkSize) {
            Some(Style::FlinkSize)
        } else if has(SizeOption::ProcessSize) {
            Some(Style::ProcessSize)
        } else {
            None
        }
    }

    /// Sets an option that is known to exist for this process, to a size that is known to be in range.
    pub(super) fn set(&mut self, option: SizeOption, bytes: Option<u64>) {
        self.sizes[option as usize] = bytes;
    }
}

/// As the configured entries: `{"taskmanager.memory.process.size": "1728m"}`.
impl serde::Serialize for MemoryConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries())
    }
}

/// A fraction as Java's `Float.parseFloat` reads it, short of its hexadecimal notation.
fn parse_fraction(text: &str) -> Option<f32> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let number = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    // Rust also reads `inf`, `nan` and their likes, which Java does not, and which no fraction can be.
    if number
        .bytes()
        .any(|b| b.is_ascii_alphabetic() && !matches!(b, b'e' | b'E'))
    {
        return None;
    }
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_own_place() {
        for (i, option) in SizeOption::ALL.into_iter().enumerate() {
            assert_eq!(option as usize, i);
        }
        for (i, option) in FractionOption::ALL.into_iter().enumerate() {
            assert_eq!(option as usize, i);
        }
    }

    #[test]
    fn fractions_read_as_java_reads_them() {
        for (text, value) in [
            ("0.4", 0.4),
            (" .5 ", 0.5),
            ("4e-1", 0.4),
            ("0.1f", 0.1),
            ("1.", 1.0),
            ("-0.5D", -0.5),
        ] {
            assert_eq!(parse_fraction(text), Some(value), "{text}");
        }
        for text in ["", "f", "inf", "nan", "infinity", "0,4", "40%", "0x1p-1", "1e"] {
            assert_eq!(parse_fraction(text), None, "{text}");
        }
    }

    #[test]
    fn only_memory_options_are_read() {
        let config = MemoryConfig::from_entries(
            FlinkProcess::TaskManager,
            [
                ("taskmanager.memory.process.size", "2g"),
                ("jobmanager.memory.process.size", "nonsense"),
                ("taskmanager.memory.segment-size", "32kb"),
                ("taskmanager.memory.process.size", "3g"),
                ("taskmanager.memory.managed.fraction", "0.25"),
            ],
        )
        .unwrap();
        assert_eq!(config.configured(SizeOption::ProcessSize), Some(3 << 30));
        assert_eq!(config.style(), Some(Style::ProcessSize));
        assert_eq!(
            config.entries(),
            [
                ("taskmanager.memory.process.size", "3072m".to_owned()),
                ("taskmanager.memory.managed.fraction", "0.25".to_owned())
            ]
        );
    }

    #[test]
    fn what_flink_cannot_read_names_the_option() {
        let read = |process, key: &str, text: &str| {
            MemoryConfig::from_entries(process, [(key, text)])
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            read(FlinkProcess::TaskManager, "taskmanager.memory.process.size", "1.5g"),
            "`taskmanager.memory.process.size` is `1.5g`, which is not a memory size: what follows the number is not one of b, bytes, k, \
             kb, m, mb, g, gb, t, tb; write a whole number with a unit, such as `1728m`"
        );
        assert_eq!(
            read(
                FlinkProcess::JobManager,
                "jobmanager.memory.jvm-overhead.fraction",
                "10%"
            ),
            "`jobmanager.memory.jvm-overhead.fraction` is `10%`, which is not a number; write a fraction such as `0.4`"
        );
        assert_eq!(
            read(FlinkProcess::JobManager, "jobmanager.heap.size", "1g"),
            "`jobmanager.heap.size` is a legacy option that Flink 2 does not read; write `jobmanager.memory.heap.size` instead"
        );
    }

    #[test]
    fn a_job_manager_has_fewer_options() {
        let config = MemoryConfig::new(FlinkProcess::JobManager);
        let error = config.clone().with_size(SizeOption::NetworkMin, Some(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a JobManager has no option for its least network memory"
        );
        assert!(
            config
                .clone()
                .with_fraction(FractionOption::Managed, Some(0.1))
                .is_err()
        );
        assert_eq!(config.effective(SizeOption::NetworkMin), None);
        assert_eq!(
            config
                .with_size(SizeOption::ProcessSize, Some(MAX_SIZE + 1))
                .unwrap_err(),
            MemoryError::Overflow
        );
    }
}

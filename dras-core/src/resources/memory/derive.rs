//! Forwards: from the options to the bytes of every component, rule by rule in Flink's order, so that the first rule that is broken here
//! is the one Flink would complain about.

use super::size::{MAX_SIZE, multiply};
use super::{Component, FlinkProcess, FractionOption, MemoryBreakdown, MemoryConfig, MemoryError, SizeOption, Style};

/// Derives every component as Flink does when it starts the process (`TaskExecutorProcessUtils`, `JobManagerProcessUtils`; 1.18 to 2.3
/// derive identically). The JVM's own demands are separate: [`MemoryBreakdown::check_jvm`].
///
/// # Errors
/// The rule that Flink would find broken first, with its numbers.
pub fn derive(config: &MemoryConfig) -> Result<MemoryBreakdown, MemoryError> {
    let process = config.process();
    match config.style().ok_or(MemoryError::NothingConfigured { process })? {
        Style::FineGrained => {
            let parts = match process {
                FlinkProcess::TaskManager => fine_grained_task_manager(config)?,
                FlinkProcess::JobManager => fine_grained_job_manager(config)?,
            };
            add_jvm(config, parts)
        }
        Style::FlinkSize => add_jvm(config, divide(config, size(config, SizeOption::FlinkSize))?),
        Style::ProcessSize => {
            let total = size(config, SizeOption::ProcessSize);
            let metaspace = size(config, SizeOption::Metaspace);
            let overhead = Range::of_overhead(config)?.share_of(total)?;
            let jvm = sum(&[metaspace, overhead])?;
            let flink = total.checked_sub(jvm).ok_or(MemoryError::JvmExceedsProcess {
                process,
                metaspace,
                overhead,
                total,
            })?;
            Ok(MemoryBreakdown {
                metaspace,
                overhead,
                ..divide(config, flink)?
            })
        }
    }
}

/// Divides up a total Flink memory. Metaspace and overhead of the result are still 0.
fn divide(config: &MemoryConfig, flink: u64) -> Result<MemoryBreakdown, MemoryError> {
    let parts = fixed_parts(config);
    match config.process() {
        FlinkProcess::JobManager => {
            let off_heap = parts.task_off_heap;
            if flink <= off_heap {
                return Err(MemoryError::OffHeapExceedsFlink { off_heap, flink });
            }
            Ok(MemoryBreakdown {
                task_heap: flink - off_heap,
                ..parts
            })
        }
        FlinkProcess::TaskManager => {
            let managed = match config.configured(SizeOption::Managed) {
                Some(managed) => managed,
                None => Range::of_managed(config)?.share_of(flink)?,
            };
            let parts = MemoryBreakdown { managed, ..parts };
            if config.configured(SizeOption::TaskHeap).is_some() {
                return network_takes_the_rest(config, parts, flink);
            }
            let network = Range::of_network(config)?.share_of(flink)?;
            let parts = MemoryBreakdown { network, ..parts };
            let task_heap = rest(
                &parts,
                flink,
                &[
                    Component::FrameworkHeap,
                    Component::FrameworkOffHeap,
                    Component::TaskOffHeap,
                    Component::Managed,
                    Component::Network,
                ],
            )?;
            Ok(MemoryBreakdown { task_heap, ..parts })
        }
    }
}

fn fine_grained_task_manager(config: &MemoryConfig) -> Result<MemoryBreakdown, MemoryError> {
    let parts = MemoryBreakdown {
        managed: size(config, SizeOption::Managed),
        ..fixed_parts(config)
    };
    if let Some(flink) = config.configured(SizeOption::FlinkSize) {
        return network_takes_the_rest(config, parts, flink);
    }
    let others = sum(&[
        parts.framework_heap,
        parts.framework_off_heap,
        parts.task_heap,
        parts.task_off_heap,
        parts.managed,
    ])?;
    Ok(MemoryBreakdown {
        network: Range::of_network(config)?.share_beside(others)?,
        ..parts
    })
}

fn fine_grained_job_manager(config: &MemoryConfig) -> Result<MemoryBreakdown, MemoryError> {
    let parts = fixed_parts(config);
    let (heap, off_heap) = (parts.task_heap, parts.task_off_heap);
    let Some(flink) = config.configured(SizeOption::FlinkSize) else {
        return Ok(parts);
    };
    if config.configured(SizeOption::TaskOffHeap).is_some() {
        if sum(&[heap, off_heap])? != flink {
            return Err(MemoryError::HeapAndOffHeapMismatch { heap, off_heap, flink });
        }
        return Ok(parts);
    }
    let off_heap = flink
        .checked_sub(heap)
        .ok_or(MemoryError::HeapExceedsFlink { heap, flink })?;
    Ok(MemoryBreakdown {
        task_off_heap: off_heap,
        ..parts
    })
}

/// The components that are options themselves; the others are still 0.
fn fixed_parts(config: &MemoryConfig) -> MemoryBreakdown {
    MemoryBreakdown {
        kind: config.process(),
        framework_heap: size(config, SizeOption::FrameworkHeap),
        task_heap: size(config, SizeOption::TaskHeap),
        framework_off_heap: size(config, SizeOption::FrameworkOffHeap),
        task_off_heap: size(config, SizeOption::TaskOffHeap),
        network: 0,
        managed: 0,
        metaspace: 0,
        overhead: 0,
    }
}

/// With the task heap fixed, the network gets what is left, and has to like it.
fn network_takes_the_rest(
    config: &MemoryConfig,
    parts: MemoryBreakdown,
    flink: u64,
) -> Result<MemoryBreakdown, MemoryError> {
    let network = rest(
        &parts,
        flink,
        &[
            Component::FrameworkHeap,
            Component::FrameworkOffHeap,
            Component::TaskHeap,
            Component::TaskOffHeap,
            Component::Managed,
        ],
    )?;
    let Range { min, max, .. } = Range::of_network(config)?;
    if network < min || network > max {
        return Err(MemoryError::NetworkOutOfRange { network, min, max });
    }
    Ok(MemoryBreakdown { network, ..parts })
}

/// What the named parts leave of the Flink memory.
fn rest(parts: &MemoryBreakdown, flink: u64, named: &[Component]) -> Result<u64, MemoryError> {
    let parts: Vec<(Component, u64)> = named.iter().map(|&c| (c, parts.get(c))).collect();
    let taken = sum(&parts.iter().map(|p| p.1).collect::<Vec<u64>>())?;
    flink.checked_sub(taken).ok_or_else(|| MemoryError::PartsExceedFlink {
        parts: parts.into(),
        flink,
    })
}

/// Puts the JVM's parts around a Flink memory.
fn add_jvm(config: &MemoryConfig, parts: MemoryBreakdown) -> Result<MemoryBreakdown, MemoryError> {
    let process = config.process();
    let metaspace = size(config, SizeOption::Metaspace);
    let flink = sum(&[parts.jvm_heap(), parts.jvm_direct(), parts.managed])?;
    let inner = sum(&[flink, metaspace])?;
    let overhead = match config.configured(SizeOption::ProcessSize) {
        None => Range::of_overhead(config)?.share_beside(inner)?,
        Some(total) => {
            let exceeded = MemoryError::FlinkExceedsProcess {
                process,
                flink,
                metaspace,
                total,
            };
            let overhead = total.checked_sub(inner).ok_or(exceeded)?;
            let Range { min, max, .. } = Range::of_overhead(config)?;
            if overhead < min || overhead > max {
                return Err(MemoryError::OverheadOutOfRange {
                    process,
                    overhead,
                    min,
                    max,
                });
            }
            overhead
        }
    };
    sum(&[inner, overhead])?;
    Ok(MemoryBreakdown {
        metaspace,
        overhead,
        ..parts
    })
}

/// The process memory that a total of either kind makes.
///
/// # Errors
/// [`MemoryError::Overflow`], and what is wrong with the range of the overhead.
pub(super) fn process_around(config: &MemoryConfig, option: SizeOption, total: u64) -> Result<u64, MemoryError> {
    if option == SizeOption::ProcessSize {
        return Ok(total);
    }
    let inner = sum(&[total, size(config, SizeOption::Metaspace)])?;
    sum(&[inner, Range::of_overhead(config)?.share_beside(inner)?])
}

/// A share of something, held between a minimum and a maximum.
struct Range {
    min: u64,
    max: u64,
    fraction: f64,
}

impl Range {
    fn of_overhead(config: &MemoryConfig) -> Result<Range, MemoryError> {
        Range::new(
            config,
            SizeOption::OverheadMin,
            SizeOption::OverheadMax,
            FractionOption::Overhead,
        )
    }

    fn of_network(config: &MemoryConfig) -> Result<Range, MemoryError> {
        Range::new(
            config,
            SizeOption::NetworkMin,
            SizeOption::NetworkMax,
            FractionOption::Network,
        )
    }

    fn of_managed(config: &MemoryConfig) -> Result<Range, MemoryError> {
        Ok(Range {
            min: 0,
            max: MAX_SIZE,
            fraction: valid_fraction(config, FractionOption::Managed)?,
        })
    }

    fn new(
        config: &MemoryConfig,
        min_option: SizeOption,
        max_option: SizeOption,
        fraction: FractionOption,
    ) -> Result<Range, MemoryError> {
        let (min, max) = (size(config, min_option), size(config, max_option));
        if min > max {
            let key = |o: SizeOption| o.key(config.process()).unwrap_or_default();
            return Err(MemoryError::RangeReversed {
                min_key: key(min_option),
                min,
                max_key: key(max_option),
                max,
            });
        }
        Ok(Range {
            min,
            max,
            fraction: valid_fraction(config, fraction)?,
        })
    }

    /// The share of a whole that contains it.
    fn share_of(&self, whole: u64) -> Result<u64, MemoryError> {
        self.held(multiply(whole, self.fraction))
    }

    /// The share of a whole of which the rest is given.
    fn share_beside(&self, rest: u64) -> Result<u64, MemoryError> {
        self.held(multiply(rest, self.fraction / (1.0 - self.fraction)))
    }

    fn held(&self, share: Option<u64>) -> Result<u64, MemoryError> {
        share.map(|s| s.clamp(self.min, self.max)).ok_or(MemoryError::Overflow)
    }
}

fn valid_fraction(config: &MemoryConfig, option: FractionOption) -> Result<f64, MemoryError> {
    let fraction = config.fraction(option);
    if (0.0..1.0).contains(&fraction) {
        // Flink keeps it in an `f32`; widening shows what that really is (0.4 is 0.4000000059604645).
        Ok(f64::from(fraction))
    } else {
        let key = option.key(config.process()).unwrap_or_default();
        Err(MemoryError::FractionOutOfRange { key, fraction })
    }
}

/// The size that applies; 0 for what this kind of process does not have or did not set.
fn size(config: &MemoryConfig, option: SizeOption) -> u64 {
    config.effective(option).unwrap_or(0)
}

fn sum(sizes: &[u64]) -> Result<u64, MemoryError> {
    sizes
        .iter()
        .try_fold(0_u64, |total, &s| total.checked_add(s))
        .filter(|&total| total <= MAX_SIZE)
        .ok_or(MemoryError::Overflow)
}

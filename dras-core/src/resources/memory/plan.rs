//! What one merged action wants of a process' memory, as one configuration: components and the total at once, up and down.

use super::derive::{self, derive};
use super::resize::{Others, Resized, Rest, largest, resize, with_own_options};
use super::size::{MAX_SIZE, round_up};
use super::{Component, LEAST_HEAP, MemoryBreakdown, MemoryConfig, MemoryError, SizeOption, Style};

/// What is wanted of the total process memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// The process grows to this at least.
    AtLeast(u64),
    /// The process shrinks to this at most, as far as the named components allow.
    AtMost(u64),
}

/// The one smallest configuration, in the job's own style, for all that a merged action wants of a process. (Where the job pins both totals, so that
/// the overhead is what they leave, a step more than the least may remain.)
///
/// `targets` names components with the bytes that each should have at least; `total` is the process memory wanted, a growth where it is at
/// least what the process has, a shrinkage where it is less ([`plan_total`] says the direction outright). Several targets for one component
/// count as their largest. `step` is usually [`MIB`](super::MIB).
///
/// - Something grows: every named component gets what was asked, a named one that is an option of its own (metaspace, off-heap, framework,
///   and heap or managed memory where they are configured) also downwards; **no other component becomes smaller than it is**. With a total,
///   the process then has at least that; what is left over goes where the style sends it.
/// - Only named components shrink: options of their own get what was asked and the totals follow. A task heap that is a share makes the
///   total as small as the asked heap allows, and the other shares follow their fractions. Unless it is named, the task heap keeps what it
///   has: it is the rest of most configurations, and would otherwise pay for every saving. Beside a total, the total decides: the heap and
///   the shares are then lower bounds only.
/// - The total shrinks: the largest configuration of at most that size, if the named components still get what was asked; all others may
///   follow their fractions. Where that is out of reach, only what the named components free is saved: the task heap is not squeezed for
///   a total that cannot be met.
///
/// Sizes are written in whole steps, so that a result can be up to a step larger than asked, and a saving of less than a step (of a share,
/// two) changes nothing (no `changes`). The result was derived again and passes [`MemoryBreakdown::check_jvm`]. Asking for the same again, in the same
/// direction, changes nothing, unless one request both raises one component and lowers a share: the share waits for the next request.
///
/// A growth may end a little above the total, in styles that cannot hit it. Where a limit must hold as well, plan again from the result,
/// with [`Total::AtMost`] the limit.
///
/// # What no configuration of a style can do
///
/// | style | cannot |
/// | --- | --- |
/// | `process.size` | lower managed memory, network or overhead alone: they are fractions (or clamped minima) of the total, so such a target changes nothing unless the task heap or the total shrinks with it |
/// | `flink.size` | hit a process total exactly: the overhead around it is a fraction, so the process ends up to `step / (1 − fraction)` away |
/// | `task.heap.size` and `managed.size`; `JobManager`: `heap.size` | grow or shrink by the total alone without moving the heap: every other part is fixed or follows |
/// | a total beside fixed parts (`flink.size` and `process.size`, a fixed heap in a fixed total) | lower the part that takes the rest (overhead, network): it keeps at least what it has, as the smallest total would starve it |
///
/// ```
/// use dras_core::resources::memory::{plan, Component, FlinkProcess, MemoryConfig, MIB};
///
/// let config = MemoryConfig::from_entries(FlinkProcess::TaskManager, [("taskmanager.memory.process.size", "4096m")])?;
/// // The metaspace ran out, and the memory strategy wants 5 GiB at the same time: one restart for both.
/// let both = plan(&config, &[(Component::Metaspace, 320 * MIB)], Some(5120 * MIB), MIB)?;
/// assert_eq!(both.write_back(), [
///     ("taskmanager.memory.process.size", "5120m".to_owned()),
///     ("taskmanager.memory.jvm-metaspace.size", "320m".to_owned()),
/// ]);
/// // Back again: the process gives up what the metaspace does, the heap keeps what it has.
/// let back = plan(&both.config, &[(Component::Metaspace, 256 * MIB)], None, MIB)?;
/// assert_eq!(back.breakdown.process(), 5049 * MIB);
/// assert!(back.breakdown.task_heap >= both.breakdown.task_heap);
/// # Ok::<(), dras_core::resources::memory::MemoryError>(())
/// ```
///
/// # Errors
/// What [`derive()`] says of the present configuration, and Flink would; [`MemoryError::NoSuchComponent`]; [`MemoryError::Unreachable`]
/// where a fraction keeps a component below what was asked at any size; [`MemoryError::Overflow`]; [`MemoryError::ZeroStep`]; what
/// [`MemoryBreakdown::check_jvm`] says of a heap or metaspace with which the JVM does not start.
pub fn plan(
    config: &MemoryConfig,
    targets: &[(Component, u64)],
    total: Option<u64>,
    step: u64,
) -> Result<Resized, MemoryError> {
    let process = derive(config)?.process();
    let total = total.map(|bytes| {
        if bytes < process {
            Total::AtMost(bytes)
        } else {
            Total::AtLeast(bytes)
        }
    });
    plan_total(config, targets, total, step)
}

/// [`plan()`] with the direction of the total said outright: a total that is met already asks for nothing, whatever its direction.
///
/// # Errors
/// Those of [`plan()`].
pub fn plan_total(
    config: &MemoryConfig,
    targets: &[(Component, u64)],
    total: Option<Total>,
    step: u64,
) -> Result<Resized, MemoryError> {
    if step == 0 {
        return Err(MemoryError::ZeroStep);
    }
    let present = Present::of(config, step)?;
    let wanted = present.wanted(targets)?;
    // With a total, the heap and the shares are lower bounds: the total decides how large they become.
    let bounded: Vec<(Component, u64)> = wanted
        .iter()
        .map(|&(c, bytes)| {
            (
                c,
                if present.is_own(c) {
                    bytes
                } else {
                    bytes.max(present.has(c))
                },
            )
        })
        .collect();
    match total {
        None => present.components(&wanted, false),
        Some(Total::AtLeast(bytes)) => present.at_least(&bounded, bytes),
        Some(Total::AtMost(bytes)) => present.at_most(&wanted, &bounded, bytes),
    }
}

/// The configuration to start from.
struct Present<'a> {
    config: &'a MemoryConfig,
    breakdown: MemoryBreakdown,
    style: Style,
    rest: Rest,
    step: u64,
}

impl<'a> Present<'a> {
    fn of(config: &'a MemoryConfig, step: u64) -> Result<Present<'a>, MemoryError> {
        let process = config.process();
        let breakdown = derive(config)?;
        let style = config.style().ok_or(MemoryError::NothingConfigured { process })?;
        let rest = Rest::of(config, style);
        Ok(Present {
            config,
            breakdown,
            style,
            rest,
            step,
        })
    }

    fn has(&self, component: Component) -> u64 {
        self.breakdown.get(component)
    }

    fn process(&self) -> u64 {
        self.breakdown.process()
    }

    /// Whether the component is an option of its own that can be lowered without anything else. The task heap is not: where the total is
    /// wanted, it is what gives way.
    fn is_own(&self, component: Component) -> bool {
        match component {
            Component::FrameworkHeap | Component::FrameworkOffHeap | Component::Metaspace => true,
            Component::TaskOffHeap => !self.rest.off_heap,
            Component::Managed => self.config.configured(SizeOption::Managed).is_some(),
            Component::TaskHeap | Component::Network | Component::Overhead => false,
        }
    }

    fn is_fixed_heap(&self, component: Component) -> bool {
        component == Component::TaskHeap && self.config.configured(SizeOption::TaskHeap).is_some()
    }

    /// One target for each component that is named. A saving that is no whole step is none.
    fn wanted(&self, targets: &[(Component, u64)]) -> Result<Vec<(Component, u64)>, MemoryError> {
        let process = self.config.process();
        if let Some(&(component, _)) = targets.iter().find(|t| !t.0.exists_in(process)) {
            return Err(MemoryError::NoSuchComponent { process, component });
        }
        let largest = |c: Component| targets.iter().filter(|t| t.0 == c).map(|t| t.1).max();
        let wanted = Component::ALL.into_iter().filter_map(|c| Some((c, largest(c)?)));
        let whole = wanted.map(|(c, bytes)| {
            let has = self.has(c);
            // A share that was kept by its neighbours, rounded up, looks as if it could be a step smaller.
            let slack = if self.is_own(c) || self.is_fixed_heap(c) {
                0
            } else {
                2 * u128::from(self.step)
            };
            let rounded = round_up(bytes, self.step);
            let saves = bytes < has && rounded.is_some_and(|b| u128::from(b) + slack < u128::from(has));
            (c, if bytes < has && !saves { has } else { bytes })
        });
        Ok(whole.collect())
    }

    fn grows(&self, wanted: &[(Component, u64)]) -> bool {
        wanted.iter().any(|&(c, bytes)| bytes > self.has(c))
    }

    fn unchanged(&self) -> Result<Resized, MemoryError> {
        self.breakdown.check_jvm()?;
        Ok(Resized::new(self.config, self.config.clone(), self.breakdown))
    }

    fn result(&self, resized: Resized) -> Resized {
        Resized::new(self.config, resized.config, resized.breakdown)
    }

    /// What the components alone come to. `keep`: nothing that is not named may become smaller, although no component grows.
    fn components(&self, wanted: &[(Component, u64)], keep: bool) -> Result<Resized, MemoryError> {
        if wanted.iter().all(|&(c, bytes)| bytes == self.has(c)) {
            return self.unchanged();
        }
        if keep || self.grows(wanted) {
            return resize(self.config, wanted, Others::Keep, self.step);
        }
        // Without a floor for the heap, the smallest total that gives a smaller metaspace would be one with next to no heap.
        let mut floored = wanted.to_vec();
        if wanted.iter().all(|w| w.0 != Component::TaskHeap) {
            floored.push((Component::TaskHeap, self.has(Component::TaskHeap)));
        }
        let smaller = resize(self.config, &floored, Others::Free, self.step)?;
        if smaller.breakdown.process() < self.process() {
            Ok(smaller)
        } else {
            self.unchanged()
        }
    }

    fn at_least(&self, wanted: &[(Component, u64)], total: u64) -> Result<Resized, MemoryError> {
        let base = self.components(wanted, total > self.process())?;
        if base.breakdown.process() >= total {
            return Ok(base);
        }
        let larger = enlarge(&base, self.style, self.rest, total, self.step)?;
        Ok(self.result(larger))
    }

    fn at_most(
        &self,
        wanted: &[(Component, u64)],
        bounded: &[(Component, u64)],
        limit: u64,
    ) -> Result<Resized, MemoryError> {
        if self.process() <= limit || self.grows(bounded) {
            let kept = self.components(bounded, false);
            if let Ok(kept) = kept
                && kept.breakdown.process() <= limit
            {
                return Ok(kept);
            }
        }
        if let Some(fitted) = self.fit(wanted, limit) {
            return Ok(self.result(fitted));
        }
        self.components(wanted, false)
    }

    /// The largest configuration within the limit that gives the named components what was asked, if there is one.
    fn fit(&self, wanted: &[(Component, u64)], limit: u64) -> Option<Resized> {
        let meets = |b: &MemoryBreakdown| wanted.iter().all(|&(c, bytes)| b.get(c) >= bytes);
        let direct = with_own_options(self.config, self.style, wanted, self.step)
            .and_then(|set| super::fit_process_size(&set, limit, self.step));
        if let Ok(fitted) = direct
            && meets(&fitted.breakdown)
        {
            return Some(fitted);
        }
        // A share that the total alone leaves too small can still have a higher minimum, which the heap pays for.
        let named = wanted.iter().find(|w| w.0 == Component::TaskHeap).map_or(0, |w| w.1);
        let least = named.max(LEAST_HEAP).div_ceil(self.step);
        let with_heap = |k: u64| with_heap(self.config, wanted, k, Others::Free, self.step);
        let fits = |k: u64| Ok(with_heap(k).is_ok_and(|r| r.breakdown.process() <= limit));
        let most = (limit.min(MAX_SIZE) / self.step).max(least);
        let heap = largest(least, most, fits).ok()??;
        with_heap(heap).ok()
    }
}

/// The smallest configuration with the named components and `k` steps of task heap.
fn with_heap(
    config: &MemoryConfig,
    wanted: &[(Component, u64)],
    k: u64,
    others: Others,
    step: u64,
) -> Result<Resized, MemoryError> {
    let heap = k
        .checked_mul(step)
        .filter(|&h| h <= MAX_SIZE)
        .ok_or(MemoryError::Overflow)?;
    let mut with_heap = wanted.to_vec();
    with_heap.push((Component::TaskHeap, heap));
    resize(config, &with_heap, others, step)
}

/// The smallest configuration of at least this total, larger than `base` in the way of its style, with no component smaller.
fn enlarge(base: &Resized, style: Style, rest: Rest, total: u64, step: u64) -> Result<Resized, MemoryError> {
    let config = &base.config;
    let total = round_up(total, 1).ok_or(MemoryError::Overflow)?;
    let option = match style {
        _ if rest.network || rest.overhead => None,
        Style::FineGrained => None,
        Style::FlinkSize => Some(SizeOption::FlinkSize),
        Style::ProcessSize => Some(SizeOption::ProcessSize),
    };
    if let Some(option) = option {
        // The process is never smaller than the Flink memory in it, so that the largest number of steps is one that suffices.
        let most = round_up(total, step).ok_or(MemoryError::Overflow)? / step;
        let too_small = |k: u64| match derive::process_around(config, option, k * step) {
            Ok(process) => Ok(process < total),
            Err(MemoryError::Overflow) => Ok(false),
            Err(error) => Err(error),
        };
        let least = largest(0, most, too_small)?.map_or(0, |k| k + 1).min(most);
        let sized = config.clone().with_size(option, Some(least * step))?;
        let breakdown = derive(&sized)?;
        breakdown.check_jvm()?;
        return Ok(Resized::new(config, sized, breakdown));
    }
    // The heap takes it. Everything that was asked for is in `base`, and nothing shrinks, so that the process grows by no less than the heap.
    let low = base.breakdown.task_heap / step;
    let missing = total.saturating_sub(base.breakdown.process());
    let high = low
        .checked_add(missing.div_ceil(step) + 1)
        .ok_or(MemoryError::Overflow)?;
    let heap = (Component::TaskHeap, base.breakdown.task_heap);
    let with_heap = |k: u64| with_heap(config, &[heap], k, Others::Keep, step);
    let too_small = |k: u64| Ok(with_heap(k)?.breakdown.process() < total);
    let heap = largest(low, high, too_small)?.map_or(low, |k| k + 1);
    let found = with_heap(heap)?;
    Ok(tighten(base, found, total, step))
}

/// Takes off what several totals, each in whole steps around the other, have rounded up too often.
fn tighten(base: &Resized, mut found: Resized, total: u64, step: u64) -> Resized {
    const PROCESS: &[SizeOption] = &[SizeOption::ProcessSize];
    const BOTH: &[SizeOption] = &[SizeOption::ProcessSize, SizeOption::FlinkSize];
    const HEAP_TOO: &[SizeOption] = &[SizeOption::ProcessSize, SizeOption::FlinkSize, SizeOption::TaskHeap];
    let suffices = |b: &MemoryBreakdown| {
        b.process() >= total && Component::ALL.into_iter().all(|c| b.get(c) >= base.breakdown.get(c))
    };
    let smaller = |found: &Resized, options: &[SizeOption], steps: u64| {
        let mut config = found.config.clone();
        for &option in options {
            if let Some(bytes) = config.configured(option) {
                config.set(option, Some(bytes.checked_sub(step.checked_mul(steps)?)?));
            }
        }
        let breakdown = derive(&config).ok().filter(suffices)?;
        (breakdown.process() < found.breakdown.process()).then(|| Resized::new(&base.config, config, breakdown))
    };
    // A step of the heap is many of the process where a fraction takes nearly all of it, so that there can be much to take off: ever more at once
    // while it goes, then ever less, until no single step of any of these is too many.
    loop {
        let before = found.breakdown.process();
        for options in [HEAP_TOO, BOTH, PROCESS] {
            let mut steps = 1_u64;
            while let Some(less) = smaller(&found, options, steps) {
                found = less;
                steps = steps.saturating_mul(2);
            }
            while steps > 1 {
                steps /= 2;
                if let Some(less) = smaller(&found, options, steps) {
                    found = less;
                }
            }
        }
        if found.breakdown.process() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FlinkProcess, MIB};
    use super::*;

    fn task_manager(entries: &[(&str, &str)]) -> MemoryConfig {
        let entries = entries.iter().map(|(k, v)| (format!("taskmanager.memory.{k}"), *v));
        MemoryConfig::from_entries(FlinkProcess::TaskManager, entries).unwrap()
    }

    fn job_manager(entries: &[(&str, &str)]) -> MemoryConfig {
        let entries = entries.iter().map(|(k, v)| (format!("jobmanager.memory.{k}"), *v));
        MemoryConfig::from_entries(FlinkProcess::JobManager, entries).unwrap()
    }

    /// What is written back in MiB, without the common beginning of the keys.
    fn written(config: &MemoryConfig, targets: &[(Component, u64)], total: Option<u64>) -> Vec<String> {
        let targets: Vec<(Component, u64)> = targets.iter().map(|&(c, mib)| (c, mib * MIB)).collect();
        let planned = plan(config, &targets, total.map(|t| t * MIB), MIB).unwrap();
        let short = |key: &str| key.split_once(".memory.").unwrap().1.to_owned();
        let entries = planned.write_back().into_iter();
        entries.map(|(k, v)| format!("{}={v}", short(k))).collect()
    }

    #[test]
    fn a_total_goes_where_the_style_sends_it() {
        let default = task_manager(&[("process.size", "1728m")]);
        assert_eq!(written(&default, &[], Some(2048)), ["process.size=2048m"]);
        assert_eq!(written(&default, &[], Some(1728)), [""; 0]);
        assert_eq!(written(&default, &[], Some(1024)), ["process.size=1024m"]);
        // 1280 MiB Flink memory are 1728 MiB of process; the first that makes 2048 MiB or more makes 2048.9.
        let flink = task_manager(&[("flink.size", "1280m")]);
        assert_eq!(written(&flink, &[], Some(2048)), ["flink.size=1588m"]);
        assert_eq!(written(&flink, &[], Some(1600)), ["flink.size=1152m"]);
        // Up to a limit.
        let above = plan(&flink, &[], Some(2048 * MIB), MIB).unwrap().config;
        let within = plan_total(&above, &[], Some(Total::AtMost(2048 * MIB)), MIB).unwrap();
        assert_eq!(within.config.configured(SizeOption::FlinkSize), Some(1587 * MIB));
        let fine = task_manager(&[("task.heap.size", "384m"), ("managed.size", "512m")]);
        let grown = plan(&fine, &[], Some(2048 * MIB), MIB).unwrap();
        assert_eq!(grown.changes.len(), 1);
        assert_eq!(grown.changes[0].option, SizeOption::TaskHeap);
        assert!((2048 * MIB..2050 * MIB).contains(&grown.breakdown.process()));
        // A total beside fixed parts: both follow, and the overhead keeps what it has.
        let both = task_manager(&[("flink.size", "1280m"), ("process.size", "1728m")]);
        assert_eq!(
            written(&both, &[], Some(2048)),
            ["process.size=2048m", "flink.size=1600m"]
        );
        let manager = job_manager(&[("heap.size", "1024m")]);
        assert_eq!(written(&manager, &[], Some(2048)), ["heap.size=1460m"]);
    }

    #[test]
    fn several_wishes_make_one_configuration() {
        let default = task_manager(&[("process.size", "1728m")]);
        // The components take more than the total asked for.
        let heap = [(Component::TaskHeap, 1024), (Component::Metaspace, 512)];
        assert_eq!(
            written(&default, &heap, Some(2048)),
            ["process.size=3414m", "jvm-metaspace.size=512m"]
        );
        // And less.
        assert_eq!(
            written(&default, &heap, Some(4096)),
            ["process.size=4096m", "jvm-metaspace.size=512m"]
        );
        // The metaspace gives up what the heap takes beyond its share.
        let wide = task_manager(&[("process.size", "4096m"), ("jvm-metaspace.size", "512m")]);
        assert_eq!(
            written(&wide, &[(Component::Metaspace, 256)], Some(4096)),
            ["jvm-metaspace.size=256m"]
        );
    }

    #[test]
    fn what_is_saved_leaves_the_process_and_the_heap_stays() {
        let wide = task_manager(&[("process.size", "4096m"), ("jvm-metaspace.size", "512m")]);
        let before = derive(&wide).unwrap();
        let metaspace = [(Component::Metaspace, 256 * MIB)];
        let saved = plan(&wide, &metaspace, None, MIB).unwrap();
        assert_eq!(saved.write_back()[1].1, "256m");
        assert!(saved.breakdown.task_heap >= before.task_heap);
        assert!(saved.breakdown.process() < before.process() - 256 * MIB);
        // Both shrink.
        let both = [(Component::TaskHeap, 600 * MIB), metaspace[0]];
        let saved = plan(&wide, &both, None, MIB).unwrap();
        assert_eq!(saved.write_back()[0].1, "2187m");
        // A fraction cannot be lowered alone; a saving below a step is none.
        for nothing in [
            (Component::Managed, 100 * MIB),
            (Component::Overhead, 0),
            (Component::Metaspace, 512 * MIB - 1),
        ] {
            assert_eq!(plan(&wide, &[nothing], None, MIB).unwrap().changes, []);
        }
        let fine = task_manager(&[("task.heap.size", "1g"), ("managed.size", "1g")]);
        assert_eq!(
            written(&fine, &[(Component::TaskHeap, 512), (Component::Managed, 256)], None),
            ["task.heap.size=512m", "managed.size=256m"]
        );
    }

    #[test]
    fn a_smaller_total_never_costs_what_was_asked_for() {
        let default = task_manager(&[("process.size", "4096m")]);
        // Within the limit: the heap pays for the metaspace.
        assert_eq!(
            written(&default, &[(Component::Metaspace, 512)], Some(2048)),
            ["process.size=2048m", "jvm-metaspace.size=512m"]
        );
        // Not within the limit.
        assert_eq!(
            written(&default, &[(Component::TaskHeap, 1024)], Some(2048)),
            ["process.size=3129m"]
        );
        // A share that the total leaves too small gets a higher minimum, and the heap pays.
        let least = [(Component::Network, 300 * MIB), (Component::TaskHeap, 100 * MIB)];
        let planned = plan(&default, &least, Some(2048 * MIB), MIB).unwrap();
        assert!(planned.breakdown.process() <= 2048 * MIB && planned.breakdown.network >= 300 * MIB);
        assert_eq!(planned.config.configured(SizeOption::NetworkMin), Some(300 * MIB));
    }

    #[test]
    fn what_flink_would_refuse_is_refused_with_its_reason() {
        let broken = task_manager(&[("process.size", "900m")]);
        assert!(matches!(
            plan(&broken, &[], Some(2048 * MIB), MIB).unwrap_err(),
            MemoryError::PartsExceedFlink { .. }
        ));
        let default = task_manager(&[("process.size", "2g"), ("managed.fraction", "0")]);
        assert!(matches!(
            plan(&default, &[(Component::Managed, MIB)], Some(MIB), MIB).unwrap_err(),
            MemoryError::Unreachable { .. }
        ));
        assert_eq!(plan(&default, &[], None, 0).unwrap_err(), MemoryError::ZeroStep);
        assert_eq!(
            plan(&default, &[], Some(u64::MAX), MIB).unwrap_err(),
            MemoryError::Overflow
        );
        let manager = job_manager(&[("process.size", "2g")]);
        assert!(matches!(
            plan(&manager, &[(Component::Network, 0)], None, MIB).unwrap_err(),
            MemoryError::NoSuchComponent { .. }
        ));
    }
}

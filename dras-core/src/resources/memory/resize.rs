//! Backwards: from wanted components to the smallest configuration that gives them, written in the job's own style.

use super::derive::{self, derive};
use super::size::{MAX_SIZE, round_up};
use super::{Component, FlinkProcess, MemoryBreakdown, MemoryConfig, MemoryError, SizeOption, Style};

/// What becomes of the components that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// They become what the smallest total makes of them, also less than now. The exception is a component that only takes what the
    /// fixed ones leave (the network beside a fixed task heap, the overhead between fixed Flink and process sizes): it keeps at least
    /// what it has, because the smallest total would starve it.
    Free,
    /// None becomes smaller than it is now.
    Keep,
}

/// One option that [`resize`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct SizeChange {
    /// The option.
    pub option: SizeOption,
    /// Its full key.
    pub key: &'static str,
    /// What was configured, bytes; `None` where the default applied.
    pub from: Option<u64>,
    /// What is configured now, bytes.
    pub to: u64,
}

/// A configuration that was changed and derived again.
#[derive(Debug, Clone, PartialEq)]
pub struct Resized {
    /// The new configuration, in the style of the old one.
    pub config: MemoryConfig,
    /// What Flink makes of it.
    pub breakdown: MemoryBreakdown,
    /// What Flink made of the old one; `None` where that was not valid.
    pub before: Option<MemoryBreakdown>,
    /// The options that differ, in a fixed order.
    pub changes: Vec<SizeChange>,
}

impl Resized {
    pub(super) fn new(old: &MemoryConfig, config: MemoryConfig, breakdown: MemoryBreakdown) -> Resized {
        let changes = SizeOption::ALL
            .into_iter()
            .filter_map(|option| {
                let (from, to) = (old.configured(option), config.configured(option)?);
                let key = option.key(config.process())?;
                (from != Some(to)).then_some(SizeChange { option, key, from, to })
            })
            .collect();
        Resized {
            config,
            breakdown,
            before: derive(old).ok(),
            changes,
        }
    }

    /// The configuration entries to set, on top of those the job has: whole mebibytes (`1729m`), or bytes (`134217730b`) where that
    /// would not be exact. No entry ever has to be removed.
    pub fn write_back(&self) -> Vec<(&'static str, String)> {
        self.changes.iter().map(|c| (c.key, super::format_size(c.to))).collect()
    }
}

/// No process is larger than this; up to here the totals are searched.
const LARGEST: u64 = 1 << 50;

/// Finds the smallest configuration in which each named component is at least as large as asked, without leaving the job's style.
///
/// - Components that the job sets by an option of their own (`task.heap.size`, `managed.size`, metaspace, off-heap, framework) are set to
///   what was asked, up or down, in whole steps; the totals follow.
/// - Components that are shares of a total make the total (`process.size`, or `flink.size`) as large as needed, in whole steps.
/// - Network and overhead are reached either by a larger total or by a higher `network.min` or `jvm-overhead.min`, whichever makes the
///   smaller process; their maximum is raised only where what was asked lies above it.
///
/// All sizes are in bytes; `step` is usually [`MIB`](super::MIB). The result was derived again, passes
/// [`MemoryBreakdown::check_jvm`], and has every named component at least as large as asked. Asking again for the same changes nothing.
/// Takes a few hundred derivations at most.
///
/// # Errors
/// What [`derive()`] says of a configuration that cannot be helped by sizes (fractions out of range, a minimum above its maximum), or of the
/// old one under [`Others::Keep`]; [`MemoryError::NoSuchComponent`]; [`MemoryError::Unreachable`] where a fraction or a maximum keeps
/// a component below what was asked at any size up to 1 PiB; [`MemoryError::ZeroStep`].
pub fn resize(
    config: &MemoryConfig,
    targets: &[(Component, u64)],
    others: Others,
    step: u64,
) -> Result<Resized, MemoryError> {
    let process = config.process();
    if step == 0 {
        return Err(MemoryError::ZeroStep);
    }
    let style = config.style().ok_or(MemoryError::NothingConfigured { process })?;
    let before = match (derive(config), others) {
        (Err(error), Others::Keep) => return Err(error),
        (before, _) => before.ok(),
    };
    let mut demand = Demand::default();
    for &(component, bytes) in targets {
        if !component.exists_in(process) {
            return Err(MemoryError::NoSuchComponent { process, component });
        }
        let asked = demand.target[component as usize].get_or_insert(0);
        *asked = bytes.max(*asked);
    }
    let rest = Rest::of(config, style);
    if let Some(before) = before {
        for component in Component::ALL {
            let kept = others == Others::Keep || rest.is(component);
            if kept && demand.target[component as usize].is_none() {
                demand.floor[component as usize] = before.get(component);
            }
        }
    }
    let mut config_with_targets = config.clone();
    set_options(&mut config_with_targets, &demand, rest, step)?;

    // A share of a total can be reached by the total or by its minimum; try every way and keep the smallest process. On equal ones the
    // first, which raises no minimum, wins.
    let mut best: Option<Resized> = None;
    let mut first_error = None;
    for (raise_network, raise_overhead) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut candidate = config_with_targets.clone();
        let raised = (!raise_network || raise_range(&mut candidate, Component::Network, &demand, step)?)
            && (!raise_overhead || raise_range(&mut candidate, Component::Overhead, &demand, step)?);
        if !raised {
            continue;
        }
        match solve(candidate, style, &demand, rest, step) {
            Ok((solved, breakdown)) => {
                if best
                    .as_ref()
                    .is_none_or(|b| breakdown.process() < b.breakdown.process())
                {
                    best = Some(Resized::new(config, solved, breakdown));
                }
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    match (best, first_error) {
        (Some(resized), _) => Ok(resized),
        (None, error) => Err(error.unwrap_or(MemoryError::Overflow)),
    }
}

/// What is wanted of each component, by its number.
#[derive(Clone, Copy, Default)]
struct Demand {
    /// What was asked for.
    target: [Option<u64>; 8],
    /// Below what nothing may fall that was not asked for.
    floor: [u64; 8],
}

impl Demand {
    fn least(&self, component: Component) -> u64 {
        self.target[component as usize].unwrap_or(self.floor[component as usize])
    }

    fn without(mut self, component: Component) -> Demand {
        self.target[component as usize] = None;
        self.floor[component as usize] = 0;
        self
    }

    /// The first component that is too small.
    fn unmet(&self, breakdown: &MemoryBreakdown) -> Option<Component> {
        Component::ALL.into_iter().find(|&c| breakdown.get(c) < self.least(c))
    }
}

/// Which components take what fixed ones leave.
#[derive(Clone, Copy)]
pub(super) struct Rest {
    pub(super) network: bool,
    pub(super) overhead: bool,
    pub(super) off_heap: bool,
}

impl Rest {
    pub(super) fn of(config: &MemoryConfig, style: Style) -> Rest {
        let has = |o| config.configured(o).is_some();
        let fixed_flink = has(SizeOption::FlinkSize) || style == Style::ProcessSize;
        Rest {
            network: config.process() == FlinkProcess::TaskManager && has(SizeOption::TaskHeap) && fixed_flink,
            overhead: has(SizeOption::ProcessSize) && style != Style::ProcessSize,
            off_heap: config.process() == FlinkProcess::JobManager
                && style == Style::FineGrained
                && has(SizeOption::FlinkSize)
                && !has(SizeOption::TaskOffHeap),
        }
    }

    fn is(self, component: Component) -> bool {
        match component {
            Component::Network => self.network,
            Component::Overhead => self.overhead,
            Component::TaskOffHeap => self.off_heap,
            _ => false,
        }
    }
}

/// The configuration with the targets of those components that are options themselves, whatever else that takes.
pub(super) fn with_own_options(
    config: &MemoryConfig,
    style: Style,
    targets: &[(Component, u64)],
    step: u64,
) -> Result<MemoryConfig, MemoryError> {
    let mut demand = Demand::default();
    for &(component, bytes) in targets {
        demand.target[component as usize] = Some(bytes);
    }
    let rest = Rest::of(config, style);
    let mut config = config.clone();
    set_options(&mut config, &demand, rest, step)?;
    Ok(config)
}

/// Writes the targets of those components that are options themselves.
fn set_options(config: &mut MemoryConfig, demand: &Demand, rest: Rest, step: u64) -> Result<(), MemoryError> {
    for (component, option, always) in [
        (Component::FrameworkHeap, SizeOption::FrameworkHeap, true),
        (Component::TaskHeap, SizeOption::TaskHeap, false),
        (Component::FrameworkOffHeap, SizeOption::FrameworkOffHeap, true),
        (Component::TaskOffHeap, SizeOption::TaskOffHeap, !rest.off_heap),
        (Component::Managed, SizeOption::Managed, false),
        (Component::Metaspace, SizeOption::Metaspace, true),
    ] {
        let Some(target) = demand.target[component as usize] else {
            continue;
        };
        if !always && config.configured(option).is_none() {
            continue;
        }
        let rounded = round_up(target, step).ok_or(MemoryError::Overflow)?;
        let now = config.effective(option);
        if now != Some(target) && now != Some(rounded) {
            config.set(option, Some(rounded));
        }
    }
    Ok(())
}

/// Raises the minimum (and, where it must, the maximum) of network or overhead to what is demanded. `false` where that changes nothing.
fn raise_range(
    config: &mut MemoryConfig,
    component: Component,
    demand: &Demand,
    step: u64,
) -> Result<bool, MemoryError> {
    let (min, max) = match component {
        Component::Network => (SizeOption::NetworkMin, SizeOption::NetworkMax),
        _ => (SizeOption::OverheadMin, SizeOption::OverheadMax),
    };
    let least = demand.least(component);
    let (Some(now), Some(most)) = (config.effective(min), config.effective(max)) else {
        return Ok(false);
    };
    if least <= now {
        return Ok(false);
    }
    let rounded = round_up(least, step).ok_or(MemoryError::Overflow)?;
    if least > most {
        config.set(max, Some(rounded));
        config.set(min, Some(rounded));
    } else {
        config.set(min, Some(rounded.min(most)));
    }
    Ok(true)
}

/// Finds the totals for a configuration whose other options are settled.
fn solve(
    mut config: MemoryConfig,
    style: Style,
    demand: &Demand,
    rest: Rest,
    step: u64,
) -> Result<(MemoryConfig, MemoryBreakdown), MemoryError> {
    match style {
        Style::ProcessSize => search(&mut config, SizeOption::ProcessSize, demand, step)?,
        Style::FlinkSize => {
            let process_size = config.configured(SizeOption::ProcessSize);
            config.set(SizeOption::ProcessSize, None);
            // An overhead that takes the rest is the business of the process size.
            let demand = if rest.overhead {
                &demand.without(Component::Overhead)
            } else {
                demand
            };
            search(&mut config, SizeOption::FlinkSize, demand, step)?;
            config.set(SizeOption::ProcessSize, process_size);
        }
        Style::FineGrained => fit_flink_size(&mut config, demand, rest, step)?,
    }
    if rest.overhead {
        fit_process_around(&mut config, demand, step)?;
    }
    let breakdown = derive(&config)?;
    breakdown.check_jvm()?;
    if let Some(component) = demand.unmet(&breakdown) {
        let (wanted, best) = (demand.least(component), breakdown.get(component));
        return Err(MemoryError::Unreachable {
            process: config.process(),
            component,
            wanted,
            best,
        });
    }
    Ok((config, breakdown))
}

/// Fine-grained with a configured `flink.size`: makes it the sum of its parts and of what the part that takes the rest needs.
fn fit_flink_size(config: &mut MemoryConfig, demand: &Demand, rest: Rest, step: u64) -> Result<(), MemoryError> {
    if config.configured(SizeOption::FlinkSize).is_none() {
        return Ok(());
    }
    let size = |option| config.effective(option).unwrap_or(0);
    let mut fixed: u128 = [
        SizeOption::FrameworkHeap,
        SizeOption::TaskHeap,
        SizeOption::FrameworkOffHeap,
        SizeOption::Managed,
    ]
    .into_iter()
    .map(|o| u128::from(size(o)))
    .sum();
    let flink = match config.process() {
        FlinkProcess::TaskManager => {
            fixed += u128::from(size(SizeOption::TaskOffHeap));
            fixed += u128::from(demand.least(Component::Network).max(size(SizeOption::NetworkMin)));
            whole_steps(fixed, step)?
        }
        FlinkProcess::JobManager if rest.off_heap => {
            whole_steps(fixed + u128::from(demand.least(Component::TaskOffHeap)), step)?
        }
        // All three are configured and must add up exactly.
        FlinkProcess::JobManager => whole_steps(fixed + u128::from(size(SizeOption::TaskOffHeap)), 1)?,
    };
    config.set(SizeOption::FlinkSize, Some(flink));
    Ok(())
}

/// A `process.size` beside a settled Flink memory: makes it hold the Flink memory, the metaspace and the overhead that is needed.
fn fit_process_around(config: &mut MemoryConfig, demand: &Demand, step: u64) -> Result<(), MemoryError> {
    config.set(SizeOption::ProcessSize, None);
    let parts = derive(config)?;
    let overhead = demand
        .least(Component::Overhead)
        .max(config.effective(SizeOption::OverheadMin).unwrap_or(0));
    let total = u128::from(parts.flink()) + u128::from(parts.metaspace) + u128::from(overhead);
    config.set(SizeOption::ProcessSize, Some(whole_steps(total, step)?));
    Ok(())
}

fn whole_steps(bytes: u128, step: u64) -> Result<u64, MemoryError> {
    u64::try_from(bytes)
        .ok()
        .and_then(|b| round_up(b, step))
        .ok_or(MemoryError::Overflow)
}

/// How a total compares with what is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    TooSmall,
    Fits,
    TooLarge,
}

/// Sets the total to the smallest whole number of steps that fits the demand, by bisection between a total that is too small and one that
/// is not.
///
/// That finds the smallest because every component grows with the total. The task heap seems an exception where the fractions of managed
/// and network memory add up to more than 1: it shrinks while the total grows, until the network reaches its maximum. But up to there it
/// is below 0, so that all those totals are too small as well.
fn search(config: &mut MemoryConfig, option: SizeOption, demand: &Demand, step: u64) -> Result<(), MemoryError> {
    let mut tried = Vec::new();
    let mut fit = |k: u64| {
        tried.push(k * step);
        config.set(option, Some(k * step));
        judge(config, demand)
    };
    let (mut low, mut high) = (0, LARGEST / step);
    if fit(high)? != Fit::TooSmall {
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fit(middle)? == Fit::TooSmall {
                low = middle;
            } else {
                high = middle;
            }
        }
        if fit(high)? == Fit::Fits {
            return Ok(());
        }
    }
    Err(why_not(config, option, demand, &tried))
}

/// How a configuration fits. Errors are those that no other total would cure.
fn judge(config: &MemoryConfig, demand: &Demand) -> Result<Fit, MemoryError> {
    match derive(config) {
        Ok(breakdown) if demand.unmet(&breakdown).is_some() || breakdown.jvm_heap() < super::LEAST_HEAP => {
            Ok(Fit::TooSmall)
        }
        Ok(_) => Ok(Fit::Fits),
        Err(
            MemoryError::PartsExceedFlink { .. }
            | MemoryError::JvmExceedsProcess { .. }
            | MemoryError::OffHeapExceedsFlink { .. },
        ) => Ok(Fit::TooSmall),
        Err(MemoryError::NetworkOutOfRange { network, min, .. }) => {
            Ok(if network < min { Fit::TooSmall } else { Fit::TooLarge })
        }
        Err(MemoryError::Overflow) => Ok(Fit::TooLarge),
        Err(error) => Err(error),
    }
}

/// Why none of the totals that were tried fits.
fn why_not(config: &mut MemoryConfig, option: SizeOption, demand: &Demand, tried: &[u64]) -> MemoryError {
    let process = config.process();
    let outcomes: Vec<Result<MemoryBreakdown, MemoryError>> = tried
        .iter()
        .map(|&total| {
            config.set(option, Some(total));
            derive(config)
        })
        .collect();
    let most = |c: Component| outcomes.iter().flatten().map(|b| b.get(c)).max().unwrap_or(0);
    if let Some(component) = Component::ALL.into_iter().find(|&c| most(c) < demand.least(c)) {
        return MemoryError::Unreachable {
            process,
            component,
            wanted: demand.least(component),
            best: most(component),
        };
    }
    let refused = outcomes.into_iter().rev().find_map(Result::err);
    refused.unwrap_or(MemoryError::Unreachable {
        process,
        component: Component::TaskHeap,
        wanted: demand.least(Component::TaskHeap),
        best: 0,
    })
}

/// The largest configuration, in the job's own style and in whole steps, whose total process memory is at most `limit` bytes. What the
/// limit adds or takes goes where the style sends it: shares of a total stay shares; where components are fixed, the task heap gives way.
///
/// # Errors
/// What [`derive()`] says of the configuration at that size; [`MemoryError::NothingFits`] where the fixed components alone exceed the
/// limit; [`MemoryError::ZeroStep`].
pub fn fit_process_size(config: &MemoryConfig, limit: u64, step: u64) -> Result<Resized, MemoryError> {
    let process = config.process();
    if step == 0 {
        return Err(MemoryError::ZeroStep);
    }
    let nothing = MemoryError::NothingFits { process, limit };
    let style = config.style().ok_or(MemoryError::NothingConfigured { process })?;
    let rest = Rest::of(config, style);
    let most = limit.min(MAX_SIZE) / step;
    let direct = match style {
        _ if rest.network || rest.overhead => None,
        Style::FineGrained => None,
        Style::FlinkSize => Some(SizeOption::FlinkSize),
        Style::ProcessSize => Some(SizeOption::ProcessSize),
    };
    if let Some(option) = direct {
        let fits = |k: u64| match derive::process_around(config, option, k * step) {
            Ok(total) => Ok(total <= limit),
            Err(MemoryError::Overflow) => Ok(false),
            Err(error) => Err(error),
        };
        let Some(k) = largest(0, most, fits)? else {
            return Err(nothing);
        };
        let sized = config.clone().with_size(option, Some(k * step))?;
        let breakdown = derive(&sized)?;
        breakdown.check_jvm()?;
        return Ok(Resized::new(config, sized, breakdown));
    }
    let with_heap = |k: u64| resize(config, &[(Component::TaskHeap, k * step)], Others::Free, step);
    // A JobManager's heap is its whole heap, and the JVM refuses a tiny one.
    let least = super::LEAST_HEAP.div_ceil(step);
    with_heap(least)?;
    let fits = |k: u64| Ok(with_heap(k).is_ok_and(|r| r.breakdown.process() <= limit));
    match largest(least, most.max(least), fits)? {
        Some(k) => with_heap(k),
        None => Err(nothing),
    }
}

/// The largest number in `from..=to` for which `fits` holds, if it holds up to some number and not above.
pub(super) fn largest(
    from: u64,
    to: u64,
    fits: impl Fn(u64) -> Result<bool, MemoryError>,
) -> Result<Option<u64>, MemoryError> {
    if !fits(from)? {
        return Ok(None);
    }
    if fits(to)? {
        return Ok(Some(to));
    }
    let (mut low, mut high) = (from, to);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(low))
}

#[cfg(test)]
mod tests {
    use super::super::MIB;
    use super::*;

    fn task_manager(entries: &[(&str, &str)]) -> MemoryConfig {
        let entries = entries.iter().map(|(k, v)| (format!("taskmanager.memory.{k}"), *v));
        MemoryConfig::from_entries(FlinkProcess::TaskManager, entries).unwrap()
    }

    fn job_manager(entries: &[(&str, &str)]) -> MemoryConfig {
        let entries = entries.iter().map(|(k, v)| (format!("jobmanager.memory.{k}"), *v));
        MemoryConfig::from_entries(FlinkProcess::JobManager, entries).unwrap()
    }

    /// What is written back, without the common beginning of the keys.
    fn written(config: &MemoryConfig, targets: &[(Component, u64)], others: Others) -> Vec<String> {
        let resized = resize(config, targets, others, MIB).unwrap();
        let short = |key: &str| key.split_once(".memory.").unwrap().1.to_owned();
        resized
            .write_back()
            .into_iter()
            .map(|(k, v)| format!("{}={v}", short(k)))
            .collect()
    }

    #[test]
    fn each_style_is_written_back_as_it_is() {
        let heap = [(Component::TaskHeap, 1024 * MIB)];
        let default = task_manager(&[("process.size", "1728m")]);
        assert_eq!(written(&default, &heap, Others::Keep), ["process.size=3129m"]);
        let flink = task_manager(&[("flink.size", "1280m")]);
        assert_eq!(written(&flink, &heap, Others::Keep), ["flink.size=2561m"]);
        let fine = task_manager(&[("task.heap.size", "384m"), ("managed.size", "512m")]);
        assert_eq!(written(&fine, &heap, Others::Keep), ["task.heap.size=1024m"]);
        // Fixed inside a fixed process: the network had 816043761 bytes and keeps them.
        let pinned = task_manager(&[("task.heap.size", "900m"), ("process.size", "4096m")]);
        assert_eq!(
            written(&pinned, &heap, Others::Free),
            ["process.size=4326m", "task.heap.size=1024m"]
        );
        let both = task_manager(&[("flink.size", "1280m"), ("process.size", "1728m")]);
        assert_eq!(
            written(&both, &heap, Others::Free),
            ["process.size=3009m", "flink.size=2561m"]
        );
        let manager = job_manager(&[("heap.size", "512m"), ("flink.size", "640m"), ("process.size", "1100m")]);
        assert_eq!(
            written(&manager, &heap, Others::Free),
            ["process.size=1612m", "flink.size=1152m", "heap.size=1024m"]
        );
    }

    #[test]
    fn other_components_have_their_own_options() {
        let default = task_manager(&[("process.size", "4096m")]);
        let keep = |component, mib| written(&default, &[(component, mib * MIB)], Others::Keep);
        assert_eq!(
            keep(Component::Metaspace, 512),
            ["process.size=4381m", "jvm-metaspace.size=512m"]
        );
        assert_eq!(
            keep(Component::TaskOffHeap, 256),
            ["process.size=4665m", "task.off-heap.size=256m"]
        );
        assert_eq!(
            keep(Component::Network, 512),
            ["process.size=4409m", "network.min=512m"]
        );
        assert_eq!(
            keep(Component::Overhead, 600),
            ["process.size=4287m", "jvm-overhead.min=600m"]
        );
        // Beyond the maximum, that has to follow.
        assert_eq!(
            keep(Component::Overhead, 1500),
            ["process.size=5187m", "jvm-overhead.min=1500m", "jvm-overhead.max=1500m"]
        );
        // Up to the maximum and not beyond, even where a whole step would be.
        let bounded = task_manager(&[("process.size", "4096m"), ("network.max", "600000000b")]);
        let network = [(Component::Network, 600_000_000)];
        assert_eq!(
            written(&bounded, &network, Others::Keep),
            ["process.size=4521m", "network.min=600000000b"]
        );
        // What is there already needs nothing.
        assert_eq!(keep(Component::Metaspace, 256), [""; 0]);
    }

    #[test]
    fn what_no_size_gives_is_said() {
        let none = task_manager(&[("process.size", "2g"), ("managed.fraction", "0")]);
        let error = resize(&none, &[(Component::Managed, MIB)], Others::Free, MIB).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no size gives 1MiB of managed memory: with the other options as they are, 0MiB is the most; raise the managed fraction or \
             set a managed size"
        );
        let all = task_manager(&[
            ("process.size", "2g"),
            ("managed.fraction", "0.8"),
            ("network.fraction", "0.3"),
        ]);
        let error = resize(&all, &[(Component::TaskHeap, MIB)], Others::Free, MIB).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("lower the fractions of managed and network memory"),
            "{error}"
        );
        let manager = job_manager(&[("process.size", "2g")]);
        let error = resize(&manager, &[(Component::Managed, MIB)], Others::Free, MIB).unwrap_err();
        assert_eq!(error.to_string(), "a JobManager has no managed memory");
        assert_eq!(
            resize(&manager, &[], Others::Free, 0).unwrap_err(),
            MemoryError::ZeroStep
        );
        let nothing = MemoryConfig::new(FlinkProcess::JobManager);
        assert!(
            resize(&nothing, &[], Others::Free, MIB)
                .unwrap_err()
                .to_string()
                .contains("`jobmanager.memory.process.size`")
        );
    }

    #[test]
    fn a_heap_the_jvm_refuses_is_never_returned() {
        let tiny = job_manager(&[("process.size", "2g")]);
        let resized = resize(&tiny, &[(Component::TaskHeap, 1)], Others::Free, MIB).unwrap();
        assert!(resized.breakdown.jvm_heap() >= 2 * MIB);
        let fine = job_manager(&[("heap.size", "1g")]);
        let error = resize(&fine, &[(Component::TaskHeap, 1)], Others::Free, MIB).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the JVM does not start with a heap of 1MiB; it needs at least 2MiB"
        );
    }

    #[test]
    fn a_limit_is_met_in_each_style() {
        let fit = |config: &MemoryConfig, mib: u64| fit_process_size(config, mib * MIB, MIB).map(|r| r.write_back());
        let default = task_manager(&[("process.size", "4096m")]);
        assert_eq!(
            fit(&default, 2048).unwrap(),
            [("taskmanager.memory.process.size", "2048m".to_owned())]
        );
        let flink = task_manager(&[("flink.size", "4096m")]);
        assert_eq!(
            fit(&flink, 1728).unwrap(),
            [("taskmanager.memory.flink.size", "1280m".to_owned())]
        );
        let fine = task_manager(&[("task.heap.size", "384m"), ("managed.size", "512m")]);
        assert_eq!(
            fit(&fine, 4096).unwrap(),
            [("taskmanager.memory.task.heap.size", "2319m".to_owned())]
        );
        assert!(matches!(fit(&fine, 900).unwrap_err(), MemoryError::NothingFits { .. }));
        assert!(
            fit(&default, 900)
                .unwrap_err()
                .to_string()
                .contains("exceed the total Flink memory (452MiB)")
        );
    }
}

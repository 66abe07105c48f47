//! From what rules propose to one action: merging and limits.
//!
//! Rules propose targets for resources; [`merge`] makes one action of them, in the same way whatever the order:
//!
//! - per resource, only the proposals of the highest priority count;
//! - up beats down; the largest up wins, among downs the mildest (a proposal to stay is the mildest of all);
//! - a down is dropped while another resource goes up, unless one rule asked for both;
//! - limits are applied to the result, and never turn its direction round.

pub mod instruction;

pub use crate::resources::Resource;

/// What one rule wants of one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// The rule, by its index in the policy.
    pub rule: u32,
    /// The resource.
    pub resource: Resource,
    /// What the task has.
    pub current: f64,
    /// What it should have: finite, quantised.
    pub target: f64,
    /// Only the proposals of the highest priority for a resource count.
    pub priority: i32,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// It is the action, alone or with others that want the same.
    Taken,
    /// It is what the task has already.
    NoChange,
    /// Another rule's proposal won.
    Beaten {
        /// That rule's index.
        by: u32,
    },
    /// It would take resources away while this rule asks for more of another kind.
    DroppedWhileGrowing {
        /// That rule's index.
        by: u32,
    },
    /// A limit leaves nothing of it.
    Limited,
}

/// What a limit did to a change.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Capped {
    /// What was wanted.
    pub wanted: f64,
    /// The limit.
    pub limit: f64,
}

/// A change of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The resource.
    pub resource: Resource,
    /// What the task has.
    pub from: f64,
    /// What it should have.
    pub to: f64,
    /// The limit that was reached, if one was.
    pub capped: Option<Capped>,
    /// The rules that want it, by index, ascending.
    pub rules: Vec<u32>,
}

impl Change {
    /// Whether it adds resources.
    pub fn is_up(&self) -> bool {
        self.to > self.from
    }
}

/// The least and most that a task may have of each resource.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ResourceLimits {
    limits: [(Option<f64>, Option<f64>); 2],
}

impl ResourceLimits {
    /// Sets the least and most of a resource.
    pub fn set(&mut self, resource: Resource, min: Option<f64>, max: Option<f64>) {
        self.limits[resource as usize] = (min, max);
    }

    /// The least and most of a resource.
    pub fn get(&self, resource: Resource) -> (Option<f64>, Option<f64>) {
        self.limits[resource as usize]
    }

    /// The same, but with no more than `max` of the resource.
    #[must_use]
    pub fn at_most(mut self, resource: Resource, max: f64) -> ResourceLimits {
        let (_, old) = &mut self.limits[resource as usize];
        *old = Some(old.map_or(max, |o| o.min(max)));
        self
    }

    /// `to`, moved inside the limits, but not past `from` in the other direction.
    fn apply(&self, resource: Resource, from: f64, to: f64) -> (f64, Option<Capped>) {
        let (min, max) = self.get(resource);
        let mut result = to;
        let mut capped = None;
        if let Some(max) = max.filter(|max| result > *max) {
            result = max.max(from.min(to));
            capped = Some(Capped { wanted: to, limit: max });
        }
        if let Some(min) = min.filter(|min| result < *min) {
            result = min.min(from.max(to));
            capped = Some(Capped { wanted: to, limit: min });
        }
        (result, capped)
    }
}

/// The one action that `proposals` come to, and what became of each of them, in their order.
///
/// The result depends on the set of proposals only, not on their order.
pub fn merge(proposals: &[Proposal], limits: &ResourceLimits) -> (Vec<Change>, Vec<Fate>) {
    let mut winners: Vec<Change> = Vec::new();
    for resource in Resource::ALL {
        let Some(winner) = winner(proposals, resource) else {
            continue;
        };
        let rules = proposals.iter().filter(|p| same_target(p, &winner)).map(|p| p.rule);
        let mut rules: Vec<u32> = rules.collect();
        rules.sort_unstable();
        rules.dedup();
        winners.push(Change {
            resource,
            from: winner.current,
            to: winner.target,
            capped: None,
            rules,
        });
    }

    // Downs wait while another resource grows, unless a rule asked for both.
    let growing: Vec<Change> = winners.iter().filter(|c| c.to > c.from).cloned().collect();
    let blocker = |change: &Change| {
        let other = growing.iter().find(|g| g.resource != change.resource)?;
        let both = change.rules.iter().any(|rule| other.rules.contains(rule));
        (!both).then(|| other.rules.first().copied().unwrap_or_default())
    };
    let blocked: Vec<Option<u32>> = winners
        .iter()
        .map(|c| if c.to < c.from { blocker(c) } else { None })
        .collect();

    let mut changes = Vec::new();
    for (change, blocked) in winners.iter().zip(&blocked) {
        if blocked.is_some() {
            continue;
        }
        let (to, capped) = limits.apply(change.resource, change.from, change.to);
        if to != change.from {
            changes.push(Change {
                to,
                capped,
                ..change.clone()
            });
        }
    }

    let fates = proposals
        .iter()
        .map(|p| {
            let Some(index) = winners.iter().position(|c| c.resource == p.resource) else {
                return Fate::NoChange;
            };
            let winner = &winners[index];
            if !winner.rules.contains(&p.rule) || p.target != winner.to {
                return Fate::Beaten {
                    by: winner.rules.first().copied().unwrap_or_default(),
                };
            }
            match blocked[index] {
                Some(by) => Fate::DroppedWhileGrowing { by },
                None if p.target == p.current => Fate::NoChange,
                None if changes.iter().any(|c| c.resource == p.resource) => Fate::Taken,
                None => Fate::Limited,
            }
        })
        .collect();
    (changes, fates)
}

fn same_target(p: &Proposal, winner: &Proposal) -> bool {
    p.resource == winner.resource && p.priority == winner.priority && p.target == winner.target
}

fn winner(proposals: &[Proposal], resource: Resource) -> Option<Proposal> {
    let of_resource = || proposals.iter().filter(|p| p.resource == resource);
    let priority = of_resource().map(|p| p.priority).max()?;
    // The largest target is at once the largest up and, where nobody goes up, the mildest down. Equal targets: the first rule.
    of_resource()
        .filter(|p| p.priority == priority)
        .max_by(|a, b| a.target.total_cmp(&b.target).then(b.rule.cmp(&a.rule)))
        .copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parallelism(rule: u32, target: f64) -> Proposal {
        Proposal {
            rule,
            resource: Resource::Parallelism,
            current: 4.0,
            target,
            priority: 0,
        }
    }

    fn memory(rule: u32, target: f64) -> Proposal {
        Proposal {
            rule,
            resource: Resource::TaskManagerMemory,
            current: 2048.0,
            target,
            priority: 0,
        }
    }

    #[test]
    fn up_beats_down_the_largest_up_wins_and_the_mildest_down() {
        let none = ResourceLimits::default();
        let (changes, fates) = merge(&[parallelism(0, 2.0), parallelism(1, 6.0), parallelism(2, 5.0)], &none);
        assert_eq!((changes[0].to, changes[0].rules.as_slice()), (6.0, [1].as_slice()));
        assert_eq!(fates, [Fate::Beaten { by: 1 }, Fate::Taken, Fate::Beaten { by: 1 }]);
        let (changes, fates) = merge(&[parallelism(0, 1.0), parallelism(1, 3.0)], &none);
        assert_eq!(changes[0].to, 3.0);
        assert_eq!(fates, [Fate::Beaten { by: 1 }, Fate::Taken]);
        let (changes, fates) = merge(&[parallelism(0, 1.0), parallelism(1, 4.0)], &none);
        assert!(changes.is_empty(), "a proposal to stay holds back the others");
        assert_eq!(fates, [Fate::Beaten { by: 1 }, Fate::NoChange]);
    }

    #[test]
    fn priority_comes_first() {
        let strong = Proposal {
            priority: 1,
            ..parallelism(0, 2.0)
        };
        let (changes, fates) = merge(&[strong, parallelism(1, 9.0)], &ResourceLimits::default());
        assert_eq!(changes[0].to, 2.0);
        assert_eq!(fates, [Fate::Taken, Fate::Beaten { by: 0 }]);
    }

    #[test]
    fn a_down_waits_while_another_resource_grows_unless_one_rule_asks_for_both() {
        let none = ResourceLimits::default();
        let (changes, fates) = merge(&[parallelism(0, 2.0), memory(1, 4096.0)], &none);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].resource, Resource::TaskManagerMemory);
        assert_eq!(fates, [Fate::DroppedWhileGrowing { by: 1 }, Fate::Taken]);
        let (changes, fates) = merge(&[parallelism(0, 2.0), memory(0, 4096.0)], &none);
        assert_eq!(changes.len(), 2);
        assert_eq!(fates, [Fate::Taken, Fate::Taken]);
    }

    #[test]
    fn limits_cap_the_result_and_never_turn_it_round() {
        let mut limits = ResourceLimits::default();
        limits.set(Resource::Parallelism, Some(3.0), Some(5.0));
        let (changes, _) = merge(&[parallelism(0, 9.0)], &limits);
        assert_eq!(
            (changes[0].to, changes[0].capped),
            (
                5.0,
                Some(Capped {
                    wanted: 9.0,
                    limit: 5.0
                })
            )
        );
        let (changes, _) = merge(&[parallelism(0, 1.0)], &limits);
        assert_eq!(changes[0].to, 3.0);
        limits.set(Resource::Parallelism, None, Some(2.0));
        let (changes, fates) = merge(&[parallelism(0, 9.0)], &limits);
        assert!(
            changes.is_empty(),
            "4 is above the limit already; an up must not become a down"
        );
        assert_eq!(fates, [Fate::Limited]);
    }

    fn proposals() -> impl Strategy<Value = Vec<Proposal>> {
        let one = (0_u32..6, 0_u8..2, 1_u8..10, 0_i32..2).prop_map(|(rule, resource, target, priority)| Proposal {
            rule,
            resource: Resource::ALL[usize::from(resource)],
            current: 5.0,
            target: f64::from(target),
            priority,
        });
        proptest::collection::vec(one, 0..8)
    }

    proptest! {
        #[test]
        fn the_order_of_proposals_does_not_matter(mut all in proposals(), seed in 0_usize..100) {
            let mut limits = ResourceLimits::default();
            limits.set(Resource::Parallelism, Some(2.0), Some(8.0));
            let before = merge(&all, &limits).0;
            let len = all.len().max(1);
            all.rotate_left(seed % len);
            all.reverse();
            prop_assert_eq!(merge(&all, &limits).0, before);
        }

        #[test]
        fn saying_it_twice_changes_nothing(all in proposals()) {
            let none = ResourceLimits::default();
            let twice: Vec<Proposal> = all.iter().chain(&all).copied().collect();
            prop_assert_eq!(merge(&twice, &none).0, merge(&all, &none).0);
        }

        #[test]
        fn the_result_is_never_outside_the_limits_unless_the_task_was(all in proposals(), min in 1_u8..5, max in 5_u8..10) {
            let mut limits = ResourceLimits::default();
            for resource in Resource::ALL {
                limits.set(resource, Some(f64::from(min)), Some(f64::from(max)));
            }
            for change in merge(&all, &limits).0 {
                prop_assert!(change.to >= f64::from(min) && change.to <= f64::from(max));
            }
        }
    }
}

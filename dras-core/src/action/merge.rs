//! One wish for each resource out of many proposals.

use crate::resources::Resource;

/// What one rule wants of one resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// The rule, by its index in the policy.
    pub rule: u32,
    /// The resource.
    pub resource: Resource,
    /// What the task has.
    pub current: f64,
    /// What it should have: finite, in whole steps.
    pub target: f64,
    /// The same before it was made whole, at most the target: what a dead band is a share of.
    pub exact: f64,
    /// Only the proposals of the highest priority for a resource count.
    pub priority: i32,
    /// Whether the rule is urgent.
    pub urgent: bool,
}

impl Proposal {
    /// Whether it adds resources.
    pub fn is_up(&self) -> bool {
        self.target > self.current
    }

    /// Whether it takes resources away.
    pub fn is_down(&self) -> bool {
        self.target < self.current
    }
}

/// What became of a proposal in merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// It is the wish, alone or with others that want the same.
    Wins,
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
}

/// What the rules together want of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The resource.
    pub resource: Resource,
    /// What the task has.
    pub current: f64,
    /// What it should have, in whole steps.
    pub target: f64,
    /// The most that one of its rules asked for, before it was made whole; at most the target.
    pub exact: f64,
    /// Whether an urgent rule is among those that want it.
    pub urgent: bool,
    /// The rules that want it, by index, ascending.
    pub rules: Vec<u32>,
    /// The rule that asks for more of another resource, where this is a down that must wait for that.
    pub waits_for: Option<u32>,
}

impl Wish {
    /// Whether it adds resources.
    pub fn is_up(&self) -> bool {
        self.target > self.current
    }

    /// Whether it takes resources away.
    pub fn is_down(&self) -> bool {
        self.target < self.current
    }
}

/// What `proposals` come to, a wish for each resource that they are about, in the order of [`Resource::ALL`]; and what became of each of them,
/// in their order.
///
/// - per resource, only the proposals of the highest priority count;
/// - up beats down; the largest up wins, among downs the mildest (a proposal to stay is the mildest of all);
/// - a down waits while another resource goes up, unless one rule asked for both; where several go up, for each of them.
///
/// The wishes depend on the set of proposals only, not on their order.
pub fn merge(proposals: &[Proposal]) -> (Vec<Wish>, Vec<Fate>) {
    let mut wishes: Vec<Wish> = Vec::new();
    for resource in Resource::ALL {
        let Some(winner) = winner(proposals, resource) else {
            continue;
        };
        let mut rules = Vec::new();
        let (mut urgent, mut exact) = (false, winner.exact);
        for p in proposals.iter().filter(|p| same_target(p, &winner)) {
            rules.push(p.rule);
            urgent |= p.urgent;
            exact = exact.max(p.exact);
        }
        rules.sort_unstable();
        rules.dedup();
        wishes.push(Wish {
            resource,
            current: winner.current,
            target: winner.target,
            exact,
            urgent,
            rules,
            waits_for: None,
        });
    }

    // Downs wait while another resource grows, unless a rule asked for both.
    for index in 0..wishes.len() {
        let wish = &wishes[index];
        if !wish.is_down() {
            continue;
        }
        let both = |other: &&Wish| wish.rules.iter().any(|rule| other.rules.contains(rule));
        let grows = wishes.iter().find(|other| other.is_up() && !both(other));
        wishes[index].waits_for = grows.map(|other| other.rules.first().copied().unwrap_or_default());
    }

    let fates = proposals
        .iter()
        .map(|p| {
            let Some(wish) = wishes.iter().find(|w| w.resource == p.resource) else {
                return Fate::NoChange;
            };
            if !wish.rules.contains(&p.rule) || p.target != wish.target {
                return Fate::Beaten {
                    by: wish.rules.first().copied().unwrap_or_default(),
                };
            }
            match wish.waits_for {
                Some(by) => Fate::DroppedWhileGrowing { by },
                None if p.target == p.current => Fate::NoChange,
                None => Fate::Wins,
            }
        })
        .collect();
    (wishes, fates)
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
            exact: target,
            priority: 0,
            urgent: false,
        }
    }

    fn memory(rule: u32, target: f64) -> Proposal {
        Proposal {
            resource: Resource::TaskManagerMemory,
            current: 2048.0,
            ..parallelism(rule, target)
        }
    }

    #[test]
    fn up_beats_down_the_largest_up_wins_and_the_mildest_down() {
        let (wishes, fates) = merge(&[parallelism(0, 2.0), parallelism(1, 6.0), parallelism(2, 5.0)]);
        assert_eq!((wishes[0].target, wishes[0].rules.as_slice()), (6.0, [1].as_slice()));
        assert_eq!(fates, [Fate::Beaten { by: 1 }, Fate::Wins, Fate::Beaten { by: 1 }]);
        let (wishes, fates) = merge(&[parallelism(0, 1.0), parallelism(1, 3.0)]);
        assert_eq!(wishes[0].target, 3.0);
        assert_eq!(fates, [Fate::Beaten { by: 1 }, Fate::Wins]);
        let (wishes, fates) = merge(&[parallelism(0, 1.0), parallelism(1, 4.0)]);
        assert_eq!(wishes[0].target, 4.0, "a proposal to stay holds back the others");
        assert_eq!(fates, [Fate::Beaten { by: 1 }, Fate::NoChange]);
    }

    #[test]
    fn priority_comes_first() {
        let strong = Proposal {
            priority: 1,
            ..parallelism(0, 2.0)
        };
        let (wishes, fates) = merge(&[strong, parallelism(1, 9.0)]);
        assert_eq!(wishes[0].target, 2.0);
        assert_eq!(fates, [Fate::Wins, Fate::Beaten { by: 0 }]);
    }

    #[test]
    fn a_down_waits_while_another_resource_grows_unless_one_rule_asks_for_both() {
        let (wishes, fates) = merge(&[parallelism(0, 2.0), memory(1, 4096.0)]);
        assert_eq!((wishes[0].waits_for, wishes[1].waits_for), (Some(1), None));
        assert_eq!(fates, [Fate::DroppedWhileGrowing { by: 1 }, Fate::Wins]);
        let (wishes, fates) = merge(&[parallelism(0, 2.0), memory(0, 4096.0)]);
        assert!(wishes.iter().all(|w| w.waits_for.is_none()));
        assert_eq!(fates, [Fate::Wins, Fate::Wins]);
    }

    #[test]
    fn a_wish_is_urgent_where_one_of_its_rules_is() {
        let urgent = Proposal {
            urgent: true,
            ..parallelism(1, 6.0)
        };
        assert!(merge(&[parallelism(0, 6.0), urgent]).0[0].urgent);
        assert!(!merge(&[parallelism(0, 7.0), urgent]).0[0].urgent);
    }

    fn proposals() -> impl Strategy<Value = Vec<Proposal>> {
        let one = (0_u32..6, 0..Resource::COUNT, 1_u8..10, 0_i32..2, any::<bool>()).prop_map(
            |(rule, resource, target, priority, urgent)| Proposal {
                rule,
                resource: Resource::ALL[resource],
                current: 5.0,
                target: f64::from(target),
                exact: f64::from(target) - f64::from(rule) / 10.0,
                priority,
                urgent,
            },
        );
        proptest::collection::vec(one, 0..8)
    }

    proptest! {
        #[test]
        fn the_order_of_proposals_does_not_matter(mut all in proposals(), seed in 0_usize..100) {
            let before = merge(&all).0;
            let len = all.len().max(1);
            all.rotate_left(seed % len);
            all.reverse();
            prop_assert_eq!(merge(&all).0, before);
        }

        #[test]
        fn saying_it_twice_changes_nothing(all in proposals()) {
            let twice: Vec<Proposal> = all.iter().chain(&all).copied().collect();
            prop_assert_eq!(merge(&twice).0, merge(&all).0);
        }

        #[test]
        fn merging_wishes_again_gives_the_same_wishes(all in proposals()) {
            let (wishes, _) = merge(&all);
            let again: Vec<Proposal> = wishes
                .iter()
                .flat_map(|w| w.rules.iter().map(|rule| Proposal {
                    rule: *rule, resource: w.resource, current: w.current, target: w.target, exact: w.exact, priority: 0, urgent: w.urgent,
                }))
                .collect();
            prop_assert_eq!(merge(&again).0, wishes);
        }

        #[test]
        fn nothing_shrinks_while_something_else_grows_unless_one_rule_wants_both(all in proposals()) {
            let (wishes, _) = merge(&all);
            for down in wishes.iter().filter(|w| w.is_down() && w.waits_for.is_none()) {
                for up in wishes.iter().filter(|w| w.is_up()) {
                    prop_assert!(down.rules.iter().any(|r| up.rules.contains(r)));
                }
            }
        }
    }
}

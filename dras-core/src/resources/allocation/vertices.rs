//! The parallelism of a job vertex by vertex: how many slots that takes, and how a new parallelism of the job spreads over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A vertex of a running job: a chain of operators with a parallelism of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vertex {
    /// Flink's `JobVertexID`: 32 hexadecimal digits, in lower case.
    pub id: String,
    /// The names of its operators.
    pub name: String,
    /// How many subtasks it has, at least 1.
    pub parallelism: u32,
    /// The most it can have without losing its keyed state: the number of its key groups. `None` where that is not known.
    #[serde(default)]
    pub max_parallelism: Option<u32>,
    /// Its slot sharing group; vertices with equal ones share slots. `None` is a group as well: the default one.
    #[serde(default)]
    pub slot_sharing_group: Option<String>,
}

/// How a new parallelism of the job spreads over its vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VertexScaling {
    /// Vertices with the job's present parallelism get the new one. The others have a parallelism of their own in the job's code and keep
    /// it, except that none stays above a job that shrinks below it. That is also what a restart with another `parallelism.default` does.
    #[default]
    FollowJob,
    /// Every vertex is scaled by `to / from`, halves up, to at least 1.
    Proportional,
}

/// Why a vertex does not simply get the job's new parallelism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum VertexNote {
    /// It has a parallelism of its own and keeps it.
    OwnParallelism,
    /// It had a parallelism of its own, above what the job has now.
    HeldToJob {
        /// What it had.
        had: u32,
    },
    /// Its max parallelism allows no more.
    HeldToMaxParallelism {
        /// What it would have got.
        wanted: u32,
        /// Its max parallelism.
        max_parallelism: u32,
    },
}

impl fmt::Display for VertexNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VertexNote::OwnParallelism => write!(f, "has a parallelism of its own"),
            VertexNote::HeldToJob { had } => write!(f, "had {had} of its own, above the job's new parallelism"),
            VertexNote::HeldToMaxParallelism {
                wanted,
                max_parallelism,
            } => write!(f, "{wanted} wanted, its max parallelism is {max_parallelism}"),
        }
    }
}

/// What a vertex has and gets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct VertexParallelism {
    /// The vertex.
    pub id: String,
    /// What it has.
    pub from: u32,
    /// What it gets.
    pub to: u32,
    /// Why that is not simply what the job gets.
    pub note: Option<VertexNote>,
}

/// Vertices that cannot be those of a running job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VertexError {
    /// There are none.
    #[error("the job has no vertices; give those of `GET /jobs/:jobid` of a job that has been scheduled")]
    None,
    /// An id that Flink does not give.
    #[error(
        "`{id}` is no id of a job vertex; Flink's are 32 hexadecimal digits, such as 2c7cfca5c63d637d11bdacd2764e28fb"
    )]
    BadId {
        /// The id.
        id: String,
    },
    /// Two vertices with one id.
    #[error("there are two job vertices with the id {id}")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// A count of 0.
    #[error("the {what} of the job vertex {id} is 0; it must be at least 1")]
    Zero {
        /// The vertex.
        id: String,
        /// Of what.
        what: &'static str,
    },
    /// The job has, or would have, no subtask.
    #[error("the parallelism of the job goes from {from} to {to}; both must be at least 1")]
    NoParallelism {
        /// What the job has.
        from: u32,
        /// What it would have.
        to: u32,
    },
}

/// Whether these can be the vertices of a running job.
///
/// # Errors
/// [`VertexError`], the first that is found.
pub fn check_vertices(vertices: &[Vertex]) -> Result<(), VertexError> {
    if vertices.is_empty() {
        return Err(VertexError::None);
    }
    let mut seen = BTreeSet::new();
    for vertex in vertices {
        let id = || vertex.id.clone();
        if vertex.id.len() != 32 || !vertex.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(VertexError::BadId { id: id() });
        }
        if !seen.insert(vertex.id.as_str()) {
            return Err(VertexError::Duplicate { id: id() });
        }
        let zero = [
            ("parallelism", vertex.parallelism),
            ("max parallelism", vertex.max_parallelism.unwrap_or(1)),
        ]
        .into_iter()
        .find(|n| n.1 == 0);
        if let Some((what, _)) = zero {
            return Err(VertexError::Zero { id: id(), what });
        }
    }
    Ok(())
}

/// The slots that the vertices take: each slot sharing group as many as its widest vertex has subtasks.
///
/// ```
/// use dras_core::resources::allocation::{slots, Vertex};
///
/// let vertex = |parallelism, group: Option<&str>| Vertex {
///     id: String::new(),
///     name: String::new(),
///     parallelism,
///     max_parallelism: None,
///     slot_sharing_group: group.map(str::to_owned),
/// };
/// assert_eq!(slots(&[vertex(2, None), vertex(8, None), vertex(3, Some("heavy"))]), 11);
/// ```
pub fn slots(vertices: &[Vertex]) -> u64 {
    slots_of(vertices.iter().map(|v| (v, v.parallelism)))
}

pub(super) fn slots_of<'v>(vertices: impl Iterator<Item = (&'v Vertex, u32)>) -> u64 {
    let mut widest: BTreeMap<Option<&str>, u32> = BTreeMap::new();
    for (vertex, parallelism) in vertices {
        let group = widest.entry(vertex.slot_sharing_group.as_deref()).or_default();
        *group = parallelism.max(*group);
    }
    widest.values().map(|&p| u64::from(p)).sum()
}

pub(super) fn groups(vertices: &[Vertex]) -> usize {
    let groups: BTreeSet<Option<&str>> = vertices.iter().map(|v| v.slot_sharing_group.as_deref()).collect();
    groups.len()
}

/// How the job's step from parallelism `from` to `to` spreads over its vertices, in their order. No vertex exceeds its max parallelism;
/// a vertex for which the result is not simply `to` says why.
///
/// ```
/// use dras_core::resources::allocation::{spread, Vertex, VertexScaling};
///
/// let vertex = |digit: &str, parallelism, max_parallelism| Vertex {
///     id: digit.repeat(32),
///     name: String::new(),
///     parallelism,
///     max_parallelism: Some(max_parallelism),
///     slot_sharing_group: None,
/// };
/// let job = [vertex("a", 4, 128), vertex("b", 4, 6), vertex("c", 1, 128)];
/// let to = |scaling| spread(&job, 4, 8, scaling).map(|s| s.iter().map(|v| v.to).collect::<Vec<_>>());
/// assert_eq!(to(VertexScaling::FollowJob), Ok(vec![8, 6, 1]));
/// assert_eq!(to(VertexScaling::Proportional), Ok(vec![8, 6, 2]));
/// ```
///
/// # Errors
/// [`VertexError`] for vertices that cannot be, and for a parallelism of 0.
pub fn spread(
    vertices: &[Vertex],
    from: u32,
    to: u32,
    scaling: VertexScaling,
) -> Result<Vec<VertexParallelism>, VertexError> {
    check_vertices(vertices)?;
    if from == 0 || to == 0 {
        return Err(VertexError::NoParallelism { from, to });
    }
    Ok(vertices.iter().map(|v| scaled(v, from, to, scaling)).collect())
}

/// What one vertex gets; `from` is not 0.
pub(super) fn scaled(vertex: &Vertex, from: u32, to: u32, scaling: VertexScaling) -> VertexParallelism {
    let had = vertex.parallelism;
    let (wanted, note) = match scaling {
        VertexScaling::FollowJob if had == from => (to, None),
        // The widest vertex is the job's parallelism; one that is wider still has its reasons.
        VertexScaling::FollowJob if had > to && from > had => (to, Some(VertexNote::HeldToJob { had })),
        VertexScaling::FollowJob => (had, Some(VertexNote::OwnParallelism)),
        VertexScaling::Proportional => {
            let twice = 2 * u128::from(had) * u128::from(to) + u128::from(from);
            let rounded = twice / (2 * u128::from(from));
            (u32::try_from(rounded).unwrap_or(u32::MAX).max(1), None)
        }
    };
    let (result, note) = match vertex.max_parallelism {
        Some(max_parallelism) if wanted > max_parallelism => {
            let held = VertexNote::HeldToMaxParallelism {
                wanted,
                max_parallelism,
            };
            (max_parallelism, Some(held))
        }
        _ => (wanted, note),
    };
    VertexParallelism {
        id: vertex.id.clone(),
        from: had,
        to: result,
        note,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vertex(n: usize, parallelism: u32, max_parallelism: Option<u32>, group: Option<&str>) -> Vertex {
        Vertex {
            id: format!("{n:032x}"),
            name: format!("vertex {n}"),
            parallelism,
            max_parallelism,
            slot_sharing_group: group.map(str::to_owned),
        }
    }

    fn results(vertices: &[Vertex], from: u32, to: u32, scaling: VertexScaling) -> Vec<(u32, Option<String>)> {
        let spread = spread(vertices, from, to, scaling).unwrap();
        spread
            .into_iter()
            .map(|v| (v.to, v.note.map(|n| n.to_string())))
            .collect()
    }

    #[test]
    fn followers_follow_and_the_others_keep_their_own() {
        let job = [
            vertex(0, 8, None, None),
            vertex(1, 4, None, None),
            vertex(2, 8, Some(10), None),
        ];
        let own = Some("has a parallelism of its own".to_owned());
        let follow = |to| results(&job, 8, to, VertexScaling::FollowJob);
        assert_eq!(
            follow(12),
            [
                (12, None),
                (4, own.clone()),
                (10, Some("12 wanted, its max parallelism is 10".to_owned()))
            ]
        );
        assert_eq!(follow(6), [(6, None), (4, own), (6, None)]);
        let held = Some("had 4 of its own, above the job's new parallelism".to_owned());
        assert_eq!(follow(2), [(2, None), (2, held), (2, None)]);
        assert_eq!(follow(8).iter().map(|v| v.0).collect::<Vec<_>>(), [8, 4, 8]);
    }

    #[test]
    fn proportions_round_halves_up_and_leave_one() {
        let job = [
            vertex(0, 8, None, None),
            vertex(1, 3, None, None),
            vertex(2, 1, None, None),
        ];
        let scale = |from, to| {
            let all = results(&job, from, to, VertexScaling::Proportional);
            all.into_iter().map(|v| v.0).collect::<Vec<_>>()
        };
        assert_eq!(scale(8, 12), [12, 5, 2]); // 4.5 and 1.5
        assert_eq!(scale(8, 2), [2, 1, 1]); // 0.75 and 0.25
        assert_eq!(scale(1, u32::MAX), [u32::MAX; 3]);
    }

    #[test]
    fn what_no_job_has_is_refused() {
        let good = vertex(1, 1, None, None);
        let refused = |vertices: &[Vertex]| check_vertices(vertices).unwrap_err().to_string();
        assert!(refused(&[]).starts_with("the job has no vertices"));
        for id in ["", "abc", "2C7CFCA5C63D637D11BDACD2764E28FB", &"ä".repeat(16)] {
            let bad = Vertex {
                id: id.to_owned(),
                ..good.clone()
            };
            assert!(refused(&[bad]).contains("is no id of a job vertex"));
        }
        assert!(refused(&[good.clone(), good.clone()]).starts_with("there are two job vertices with the id 0000"));
        assert!(refused(&[vertex(1, 0, None, None)]).starts_with("the parallelism of the job vertex"));
        assert!(refused(&[vertex(1, 1, Some(0), None)]).starts_with("the max parallelism of the job vertex"));
        assert_eq!(
            spread(&[good], 1, 0, VertexScaling::FollowJob).unwrap_err().to_string(),
            "the parallelism of the job goes from 1 to 0; both must be at least 1"
        );
    }

    fn job() -> impl Strategy<Value = Vec<Vertex>> {
        let one = (
            1_u32..40,
            proptest::option::of(1_u32..60),
            proptest::option::of(0_u8..2),
        );
        proptest::collection::vec(one, 1..8).prop_map(|all| {
            let vertices = all.into_iter().enumerate().map(|(n, (p, max, group))| {
                let group = group.map(|g| g.to_string());
                vertex(n, max.map_or(p, |m| p.min(m)), max, group.as_deref())
            });
            vertices.collect()
        })
    }

    fn any_scaling() -> impl Strategy<Value = VertexScaling> {
        prop_oneof![Just(VertexScaling::FollowJob), Just(VertexScaling::Proportional)]
    }

    proptest! {
        #[test]
        fn a_spread_respects_every_bound(job in job(), to in 1_u32..100, scaling in any_scaling()) {
            let from = job.iter().map(|v| v.parallelism).max().unwrap();
            let all = spread(&job, from, to, scaling).unwrap();
            for (vertex, result) in job.iter().zip(&all) {
                prop_assert_eq!(&vertex.id, &result.id);
                prop_assert_eq!(vertex.parallelism, result.from);
                prop_assert!(result.to >= 1 && result.to <= to.max(1));
                prop_assert!(vertex.max_parallelism.is_none_or(|m| result.to <= m));
                // A step of the job never moves a vertex the other way.
                prop_assert_eq!(to.cmp(&from), result.to.cmp(&result.from).then(to.cmp(&from)));
                if result.to != to && scaling == VertexScaling::FollowJob {
                    prop_assert!(result.note.is_some());
                }
            }
            if to == from {
                prop_assert!(all.iter().all(|v| v.to == v.from));
            }
            // More parallelism never takes fewer slots.
            let slots = |to| {
                let all = job.iter().map(|v| (v, scaled(v, from, to, scaling).to));
                slots_of(all)
            };
            prop_assert!(slots(to + 1) >= slots(to));
        }
    }
}

//! The tasks of a fleet, in their order and by their ids.

use std::collections::HashMap;
use std::sync::Arc;

use crate::lock::Shared;
use crate::task::State;

/// A task of a fleet.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) state: Arc<Shared<State>>,
}

/// The tasks of a fleet. Whoever works with many of them for long takes the two shared parts and leaves the lock.
#[derive(Clone, Default)]
pub(super) struct Members {
    /// In the order in which they were added; a place is empty where a task was removed.
    pub(super) tasks: Arc<Vec<Option<Member>>>,
    by_id: Arc<HashMap<Arc<str>, usize>>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(super) fn get(&self, id: &str) -> Option<Member> {
        self.tasks.get(*self.by_id.get(id)?)?.clone()
    }

    pub(super) fn add(&mut self, member: Member) {
        let tasks = Arc::make_mut(&mut self.tasks);
        Arc::make_mut(&mut self.by_id).insert(Arc::clone(&member.id), tasks.len());
        tasks.push(Some(member));
    }

    pub(super) fn remove(&mut self, id: &str) -> bool {
        let by_id = Arc::make_mut(&mut self.by_id);
        let Some(place) = by_id.remove(id) else {
            return false;
        };
        let tasks = Arc::make_mut(&mut self.tasks);
        tasks[place] = None;
        if tasks.len() > 64 && tasks.len() > 2 * by_id.len() {
            tasks.retain(Option::is_some);
            by_id.clear();
            let ids = tasks.iter().flatten().map(|m| Arc::clone(&m.id));
            by_id.extend(ids.zip(0..));
        }
        true
    }
}

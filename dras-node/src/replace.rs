//! Another policy for many tasks: what it would decide otherwise, beside the live one, and in its place.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use dras_core::engine::Difference;
use dras_core::units::Millis;
use napi::{Env, Error, Result, Task};
use serde_json::{Map, Value, json};

use crate::fault::{guarded, to_json};
use crate::fleet::Members;
use crate::policy::Loaded;
use crate::pool::{Blocks, Tasks, of_task, spread};
use crate::task::{carried_json, task_error};

/// Another policy for every task of a fleet: with a time, what it would decide otherwise then; without one, it begins to run beside the live one.
pub struct Walk {
    pub(crate) tasks: Tasks,
    pub(crate) other: Arc<Loaded>,
    pub(crate) now: Option<Millis>,
    pub(crate) threads: usize,
    pub(crate) cancel: Arc<AtomicBool>,
}

type Found = (Vec<(u32, Difference)>, Vec<(u32, Error)>);

impl Walk {
    fn work(&self, blocks: &Blocks<'_>) -> Result<Found> {
        let (mut found, mut failed) = Found::default();
        blocks.each(|place, task| {
            let done = match self.now {
                Some(now) => task.look(|state| state.difference(&self.other.policy, now)),
                None => task
                    .with(|state| state.start_shadow(&self.other))
                    .and_then(|done| done.map_err(task_error).map(|()| None)),
            };
            match done {
                Ok(difference) => found.extend(difference.map(|difference| (place, difference))),
                Err(error) => failed.push((place, of_task(task, &error))),
            }
        })?;
        Ok((found, failed))
    }

    fn run(&self) -> Result<Vec<Difference>> {
        let blocks = Blocks::new(&self.tasks, &self.cancel);
        let (mut found, mut failed) = Found::default();
        for more in spread(blocks.threads(self.threads), || self.work(&blocks))? {
            let more = more?;
            found.extend(more.0);
            failed.extend(more.1);
        }
        // The first task in the order of the fleet, whichever thread came upon it.
        failed.sort_by_key(|f| f.0);
        if let Some((_, error)) = failed.into_iter().next() {
            return Err(error);
        }
        found.sort_by_key(|d| d.0);
        Ok(found.into_iter().map(|d| d.1).collect())
    }
}

impl Task for Walk {
    type Output = Vec<Difference>;
    type JsValue = String;

    fn compute(&mut self) -> Result<Vec<Difference>> {
        guarded(|| self.run())?
    }

    fn resolve(&mut self, _env: Env, found: Vec<Difference>) -> Result<String> {
        to_json(&found)
    }
}

/// Another policy in the place of the live one.
pub struct Replace {
    pub(crate) members: Arc<RwLock<Members>>,
    pub(crate) walk: Walk,
}

impl Task for Replace {
    type Output = Vec<Difference>;
    type JsValue = String;

    /// Whatever cannot be is found here, before anything is changed.
    fn compute(&mut self) -> Result<Vec<Difference>> {
        guarded(|| self.walk.run())?
    }

    /// On the thread of JavaScript, where no other call can come in between: the façade numbers metrics as the policy does.
    fn resolve(&mut self, _env: Env, differences: Vec<Difference>) -> Result<String> {
        guarded(|| {
            let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
            let mut carried: Map<String, Value> = Map::new();
            for (_, task) in members.all() {
                // A task that was disposed of since can do without.
                if let Ok(Ok(left)) = task.with(|state| state.rebind(&self.walk.other)) {
                    carried.insert(task.id.to_string(), carried_json(&left));
                }
            }
            let gone = members.replace_policy(&self.walk.other);
            to_json(&json!({ "carried": carried, "differences": differences, "gone": gone }))
        })?
    }
}

//! Recordings, and what a policy would have done about them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dras_core::backtest::{Follow, Options, Recording, ReplayError, Summary, replay_while};
use dras_core::engine::{AttributeValue, Decision};
use napi::bindgen_prelude::{AsyncTask, BigInt64ArraySlice, Either3, Float64ArraySlice};
use napi::{Env, Error, Result, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::cancel::{NativeCancel, cancelled};
use crate::convert::{mark, time, times};
use crate::decision::NativeDecision;
use crate::fault::{Class, fault, guarded, to_json};
use crate::policy::{Loaded, NativePolicy};

/// What was measured and known of one task.
#[napi]
pub struct NativeRecording {
    // A replay that is under way has its own hold of what there was when it began.
    recording: Mutex<Option<Arc<Recording>>>,
}

impl NativeRecording {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Recording>>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Recording) -> T) -> Result<T> {
        match self.lock().as_mut() {
            Some(recording) => Ok(work(Arc::make_mut(recording))),
            None => Err(disposed()),
        }
    }
}

fn disposed() -> Error {
    let message = "the recording was disposed of, and cannot be used any more";
    fault(Class::State, "disposed", message)
}

#[napi]
impl NativeRecording {
    /// A recording with nothing in it; labels are names and values in turn.
    #[napi(constructor, catch_unwind)]
    pub fn new(task: String, labels: Vec<String>) -> NativeRecording {
        let mut recording = Recording::new(&task);
        for [name, value] in labels.as_chunks::<2>().0 {
            recording.label(name, value);
        }
        NativeRecording {
            recording: Mutex::new(Some(Arc::new(recording))),
        }
    }

    /// Frees its memory, once no replay uses it any more.
    #[napi(catch_unwind)]
    pub fn dispose(&self) {
        self.lock().take();
    }

    /// The first and the last time of anything that was measured.
    #[napi(catch_unwind)]
    pub fn span(&self) -> Result<Option<Vec<f64>>> {
        let span = self.with(|recording| recording.span())?;
        Ok(span.map(|(first, last)| vec![first as f64, last as f64]))
    }

    /// Adds samples; the times stand in a `BigInt64Array`.
    #[napi(catch_unwind)]
    pub fn series(
        &self,
        metric: String,
        instance: String,
        times: BigInt64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
    ) -> Result<()> {
        self.add(&metric, &instance, times.to_vec(), values.to_vec())
    }

    /// The same where the times are a `Float64Array`.
    #[napi(catch_unwind)]
    pub fn series_of_numbers(
        &self,
        metric: String,
        instance: String,
        times: Float64ArraySlice<'_>,
        values: Float64ArraySlice<'_>,
    ) -> Result<()> {
        self.add(&metric, &instance, self::times(&times)?, values.to_vec())
    }

    fn add(&self, metric: &str, instance: &str, times: Vec<i64>, values: Vec<f64>) -> Result<()> {
        self.with(|recording| recording.series(metric, instance, times, values))?
            .map_err(|error| fault(Class::Input, "column_length", error.to_string()))
    }

    /// Adds an event.
    #[napi(catch_unwind)]
    pub fn event(&self, metric: String, instance: String, at: f64, text: String) -> Result<()> {
        let at = time(at, "at")?;
        self.with(|recording| recording.event(&metric, &instance, at, &text))
    }

    /// Adds a restart or a change of resources.
    #[napi(catch_unwind)]
    pub fn mark(&self, kind: String, at: f64) -> Result<()> {
        let (mark, at) = (mark(&kind)?, time(at, "at")?);
        self.with(|recording| recording.mark(at, mark))
    }

    /// Says what an attribute was from a time on.
    #[napi(catch_unwind)]
    pub fn attribute(&self, name: String, value: Either3<f64, bool, String>, at: f64) -> Result<()> {
        let at = time(at, "at")?;
        let value = match value {
            Either3::A(number) => AttributeValue::Number(number),
            Either3::B(truth) => AttributeValue::Bool(truth),
            Either3::C(text) => AttributeValue::Text(text),
        };
        self.with(|recording| recording.attribute(at, &name, value))
    }

    /// Says with what Flink configuration the task ran from a time on: keys and values in turn.
    #[napi(catch_unwind)]
    pub fn flink_configuration(&self, entries: Vec<String>, at: f64) -> Result<()> {
        let at = time(at, "at")?;
        let (pairs, _) = entries.as_chunks::<2>();
        let entries = pairs.iter().map(|[key, value]| (key.clone(), value.clone()));
        self.with(|recording| recording.flink_configuration(at, entries))
    }

    /// Looks at it on the worker pool, as often as the policy says.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, reason = "the options of the façade, one by one")]
    pub fn replay(
        &self,
        policy: &NativePolicy,
        from: Option<f64>,
        to: Option<f64>,
        follow: Option<f64>,
        all: bool,
        cancel: &NativeCancel,
        progress: &NativeProgress,
    ) -> Result<AsyncTask<Run>> {
        let recording = self.lock().as_ref().map(Arc::clone).ok_or_else(disposed)?;
        let options = Options {
            from: from.map(|from| time(from, "from")).transpose()?,
            to: to.map(|to| time(to, "to")).transpose()?,
            follow: match follow {
                Some(after) => Follow::After(time(after, "follow")?),
                None => Follow::Never,
            },
            full: all,
        };
        Ok(AsyncTask::new(Run {
            loaded: Arc::clone(&policy.loaded),
            recording,
            options,
            all,
            cancel: cancel.flag(),
            progress: Arc::clone(&progress.share),
        }))
    }
}

/// How far a replay is: written by the pool, read by the façade when it likes.
#[napi]
pub struct NativeProgress {
    /// The bits of a number from 0 to 1.
    share: Arc<AtomicU64>,
}

#[napi]
impl NativeProgress {
    /// Nothing is done.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default, reason = "JavaScript has no defaults")]
    pub fn new() -> NativeProgress {
        NativeProgress {
            share: Arc::new(AtomicU64::new(0.0_f64.to_bits())),
        }
    }

    /// The share that is done.
    #[napi(catch_unwind)]
    pub fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }
}

/// A replay under way.
pub struct Run {
    loaded: Arc<Loaded>,
    recording: Arc<Recording>,
    options: Options,
    all: bool,
    cancel: Arc<AtomicBool>,
    progress: Arc<AtomicU64>,
}

impl Run {
    fn run(&self) -> Result<(Summary, Vec<Decision>)> {
        let (first, last) = self.recording.span().unwrap_or((0, 0));
        let from = self.options.from.unwrap_or(first);
        let span = self.options.to.unwrap_or(last).saturating_sub(from).max(1) as f64;
        let mut kept = Vec::new();
        let mut ended = self.cancel.load(Ordering::Relaxed);
        let replayed = replay_while(&self.loaded.policy, &self.recording, &self.options, |decision| {
            if self.all || decision.matters() {
                kept.push(decision.clone());
            }
            let share = (decision.at().saturating_sub(from) as f64 / span).clamp(0.0, 1.0);
            self.progress.store(share.to_bits(), Ordering::Relaxed);
            ended |= self.cancel.load(Ordering::Relaxed);
            if ended {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if ended {
            return Err(cancelled());
        }
        Ok((replayed.map_err(|error| replay_error(&error))?, kept))
    }
}

fn replay_error(error: &ReplayError) -> Error {
    fault(Class::Task, error.code(), error.to_string())
}

impl Task for Run {
    type Output = (Summary, Vec<Decision>);
    type JsValue = NativeReplay;

    fn compute(&mut self) -> Result<Self::Output> {
        guarded(|| self.run())?
    }

    fn resolve(&mut self, _env: Env, (summary, decisions): Self::Output) -> Result<NativeReplay> {
        Ok(NativeReplay {
            loaded: Arc::clone(&self.loaded),
            summary,
            decisions: Mutex::new(decisions.into_iter().map(Some).collect()),
        })
    }
}

/// What a replay came to.
#[napi]
pub struct NativeReplay {
    loaded: Arc<Loaded>,
    summary: Summary,
    /// Decisions that nobody has asked for yet.
    decisions: Mutex<Vec<Option<Decision>>>,
}

#[napi]
impl NativeReplay {
    /// The replay in numbers, as JSON.
    #[napi(catch_unwind)]
    pub fn summary(&self) -> Result<String> {
        let mut value: Value = json!(self.summary);
        value["restarts_per_day"] = json!(self.summary.restarts_per_day());
        to_json(&value)
    }

    /// How many decisions are here.
    #[napi(catch_unwind)]
    pub fn length(&self) -> u32 {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).len() as u32
    }

    /// A decision, which is then gone from here.
    #[napi(catch_unwind)]
    pub fn decision(&self, index: u32) -> Option<NativeDecision> {
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let decision = decisions.get_mut(index as usize)?.take()?;
        Some(NativeDecision::new(decision, &self.loaded))
    }
}

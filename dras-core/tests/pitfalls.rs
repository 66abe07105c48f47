//! What other autoscalers got wrong, each as an acceptance test: a document, samples, looks and reports, and what must come of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use dras_core::action::{RecordKind, Resource};
use dras_core::engine::{AlertKind, Decision, RuleState};
use dras_core::metrics::Mark;
use harness::{DAY, H, Job, M, MIB, S, T0, assert_held, held, instruction_key, parallelism, to};

const HEAP: Resource = Resource::TaskHeap;

/// Backlog per subtask, as KEDA's Kafka scaler has it.
fn by_lag(more: &str) -> String {
    format!(
        r#"{{"version": 1, "mode": "active", "attributes": {{"lag": {{"type": "number"}}}},
            "rules": [{{"name": "lag", "when": "lag > 0", "then": {{"parallelism": "lag / 10"}}}}],
            "guards": {{"largest_step": {{"up": 10}}}}{more}}}"#
    )
}

#[test]
fn tolerance_keeps_us_below_the_cap() {
    let text = by_lag(r#", "limits": {"parallelism": {"max": 64}}, "sizing": {"tolerance": {"up": "10%"}}"#);
    for lag in [640.0, 700.0, 1e6] {
        let mut job = Job::new(&text).with(&[("parallelism", 63.0), ("lag", lag)]);
        assert_eq!(
            parallelism(&job.look()),
            Some(64.0),
            "a ratio of 1.016, and the last step"
        );
    }
    // Small numbers too: 3.1 subtasks are wanted where there are 3.
    let mut few = Job::new(&text).with(&[("parallelism", 3.0), ("lag", 31.0)]);
    assert!(few.look().changes().is_empty());
    let mut job = Job::new(&text).with(&[("parallelism", 60.0), ("lag", 630.0)]);
    let decision = job.look();
    assert!(
        decision.changes().is_empty(),
        "elsewhere the dead band holds: {decision}"
    );
    assert!(decision.to_string().contains("not worth a restart"), "{decision}");
}

#[test]
fn one_partition_over() {
    let text = by_lag(r#", "sizing": {"align": {"to": "partitions"}}"#);
    let mut job = Job::new(&text).with(&[("parallelism", 1.0), ("lag", 35.0), ("source_partitions", 3.0)]);
    let decision = job.act();
    assert_eq!(parallelism(&decision), Some(3.0), "not 4: {decision}");
    assert!(
        decision.to_string().contains("there are only 3 partitions"),
        "{decision}"
    );
    assert!(job.after(H).changes().is_empty(), "nor later");
}

/// Utilisation with a band, and what the engine does of its own accord.
fn by_busy(more: &str) -> String {
    format!(
        r#"{{"version": 1, "mode": "active",
            "metrics": {{"busy": {{"unit": "ratio", "range": [0, 1]}}}},
            "define": {{"used": "avg(busy[5m]) * parallelism"}},
            "rules": [
                {{"name": "up", "when": "avg(busy[5m]) > 80%", "for": "2m", "then": {{"parallelism": "used / 60%"}}, "lowers": "avg(busy[5m])"}},
                {{"name": "down", "when": "avg(busy[5m]) < 30%", "for": "10m", "then": {{"parallelism": "used / 60%"}}}}
            ],
            "limits": {{"parallelism": {{"min": 1, "max": 64}}}}{more}}}"#
    )
}

/// A job with linear capacity: records that come, a backlog, and no work at all while it restarts.
struct Plant {
    job: Job,
    parallelism: f64,
    per_subtask: f64,
    /// What the sink takes at most.
    sink: f64,
    backlog: f64,
    down_until: i64,
    reported: Option<String>,
    restarts: Vec<(i64, f64)>,
    decisions: usize,
}

const RESTART: i64 = 60 * S;

impl Plant {
    fn new(text: &str, parallelism: f64) -> Plant {
        Plant {
            job: Job::new(text).with(&[("parallelism", parallelism)]),
            parallelism,
            per_subtask: 100.0,
            sink: f64::INFINITY,
            backlog: 0.0,
            down_until: 0,
            reported: None,
            restarts: Vec::new(),
            decisions: 0,
        }
    }

    /// Runs for `ms` in steps of 15 s with looks every 30 s; whatever is instructed is done at once, and reported when the job is back.
    fn run(&mut self, ms: i64, load: impl Fn(i64) -> f64, mut seen: impl FnMut(&Decision)) {
        let end = self.job.now + ms;
        while self.job.now < end {
            self.job.now += 15 * S;
            let now = self.job.now;
            let (dt, incoming) = (15.0, load(now));
            let can = if now <= self.down_until {
                0.0
            } else {
                (self.per_subtask * self.parallelism).min(self.sink)
            };
            let done = can.min(incoming + self.backlog / dt);
            self.backlog += (incoming - done) * dt;
            let mut values = vec![("busy", done / (self.per_subtask * self.parallelism))];
            if self.job.policy.metric("lag").is_some() {
                values.push(("lag", self.backlog / incoming));
                values.push(("done", done));
            }
            self.job.scrape("", &values);
            if now > self.down_until
                && let Some(key) = self.reported.take()
            {
                self.job
                    .task
                    .applied(&self.job.policy, now, &key, self.down_until)
                    .unwrap();
            }
            if now % (30 * S) == 0 {
                let decision = self.job.look();
                self.decisions += 1;
                seen(&decision);
                if let Some(instruction) = decision.instruction()
                    && self.reported.is_none()
                {
                    self.parallelism = f64::from(instruction.parallelism.unwrap().to);
                    self.restarts.push((now, self.parallelism));
                    self.down_until = now + RESTART;
                    self.reported = Some(instruction.key.clone());
                }
            }
        }
    }

    /// The most restarts within any 24 hours.
    fn most_in_a_day(&self) -> usize {
        let all = &self.restarts;
        all.iter()
            .map(|a| all.iter().filter(|b| b.0 >= a.0 && b.0 < a.0 + DAY).count())
            .max()
            .unwrap_or(0)
    }
}

#[test]
fn restart_seen_as_idleness() {
    // No guard but the windows themselves keeps this one from taking the minute without work for idleness.
    let guards = r#", "guards": {"cool_down": {"up": "0s", "down": "0s"}, "stabilisation": {"down": "0s"}}"#;
    let text = by_busy(guards).replace(r#""for": "10m""#, r#""for": "0s""#);
    let mut plant = Plant::new(&text, 4.0);
    let mut looks = Vec::new();
    plant.run(
        30 * M,
        |_| 380.0,
        |d| looks.push((d.at(), d.states().collect::<Vec<_>>(), d.to_string())),
    );
    assert_eq!(
        plant.restarts.len(),
        1,
        "up once, and not down again: {:?}",
        plant.restarts
    );
    let (began, parallelism) = plant.restarts[0];
    assert_eq!(parallelism, 7.0);
    let back = began + RESTART;
    // The job is back, and first works off what had piled up.
    let blind: Vec<_> = looks.iter().filter(|l| l.0 > back && l.0 < back + 5 * M).collect();
    assert!(
        blind.len() >= 8 && blind.iter().all(|l| l.1 == [RuleState::Undefined; 2]),
        "blind for a warm-up and most of a window"
    );
    let first = looks
        .iter()
        .find(|l| l.0 > back && l.1 != [RuleState::Undefined; 2])
        .unwrap();
    assert!(first.0 - back <= 6 * M);
    // 380 of 700, and a few seconds at full speed; with the minute without work it would be less, with the time before it more.
    assert!(
        first.2.contains("avg(busy[5m]) = 0.56"),
        "no sample from the restart, nor from before it: {}",
        first.2
    );
}

#[test]
fn nothing_known_keep() {
    let mut job = Job::new(&by_busy(r#", "guards": {"stabilisation": {"down": "0s"}}"#)).with(&[("parallelism", 8.0)]);
    for _ in 0..100 {
        let decision = job.after(M);
        assert!(decision.changes().is_empty() && decision.held().is_empty() && decision.instruction().is_none());
        assert!(decision.states().all(|s| s == RuleState::Undefined), "{decision}");
    }
    // It was idle, and then all series end, or say NaN: not idle, unknown.
    job.now += M;
    job.column("tm-1", "busy", job.now - 4 * M, 0.0);
    assert_eq!(
        job.look().states().collect::<Vec<_>>(),
        [RuleState::NotMet, RuleState::Holding]
    );
    for _ in 0..40 {
        job.now += 15 * S;
        job.scrape("tm-1", &[("busy", f64::NAN)]);
    }
    for _ in 0..100 {
        assert!(job.after(M).changes().is_empty());
    }
    assert!(job.look().states().all(|s| s == RuleState::Undefined));
}

#[test]
fn missing_memory_keep() {
    let text = r#"{"version": 1, "mode": "active",
        "metrics": {"memory_used": {"unit": "B", "per": "task_manager", "across": "max"}},
        "rules": [{"name": "fit", "when": "true", "then": {"task_manager_memory": "max(memory_used[5m]) / 70%"}}],
        "guards": {"stabilisation": {"down": "0s"}, "cool_down": {"down": "0s"}}}"#;
    let mut job = Job::new(text).with(&[("task_manager_memory", 8192.0 * MIB), ("parallelism", 4.0)]);
    let decision = job.look();
    assert!(decision.changes().is_empty());
    assert!(
        decision
            .to_string()
            .contains("task_manager_memory: nothing to propose, memory_used[5m]: no live instance"),
        "{decision}"
    );
    job.now += 10 * M;
    job.column("tm-1", "memory_used", job.now - 6 * M, 2048.0 * MIB);
    assert_eq!(
        to(&job.look(), Resource::TaskManagerMemory),
        Some(4096.0 * MIB),
        "known, it shrinks by the largest step"
    );
}

/// The memory that ran out, by VPA's rule, once for every exception since the last change.
fn by_oom(more: &str) -> Job {
    let text = format!(
        r#"{{"version": 1, "mode": "active",
            "metrics": {{"exceptions": {{"kind": "event"}}}},
            "rules": [{{"name": "heap", "urgent": true, "no_shrink_for": "1d",
                "when": "count(oom_kind(exceptions[10m]) == 'heap') > 0 && age(exceptions[10m]) < since_last_change",
                "then": {{"task_heap": "max(task_heap + 100MiB, task_heap * 1.2)"}}}}]{more}}}"#
    );
    let mut job = Job::new(&text).with(&[("parallelism", 4.0)]);
    job.task
        .set_flink_configuration(&job.policy, [("taskmanager.memory.process.size", "4g")])
        .unwrap();
    job.observed("exceptions");
    assert!(job.look().changes().is_empty());
    job.now += H;
    job
}

const OOM: &str = "java.lang.OutOfMemoryError: Java heap space";

fn heap(job: &Job) -> f64 {
    let decision_free = job
        .task
        .memory(dras_core::resources::memory::FlinkProcess::TaskManager)
        .unwrap();
    dras_core::resources::memory::derive(decision_free).unwrap().task_heap as f64
}

#[test]
fn runaway_oom() {
    let mut job = by_oom("");
    let before = heap(&job);
    let at = job.now;
    let mut keys = Vec::new();
    for _ in 0..100 {
        job.event("exceptions", at, OOM);
        job.observed("exceptions");
        let decision = job.look_short();
        if let Some(key) = instruction_key(&decision) {
            keys.push(key);
            job.apply(&decision);
        }
        job.now += 30 * S;
    }
    assert_eq!(keys.len(), 1, "the same exception moved the target more than once");
    let after = heap(&job);
    assert!(
        after >= before * 1.2 && after < before * 1.2 + 80.0 * MIB,
        "{before} → {after}"
    );
}

#[test]
fn capped_target_does_not_inflate_the_base() {
    let mut job = by_oom(r#", "limits": {"task_heap": {"max": "1600MiB"}}, "guards": {"cool_down": {"urgent": "0s"}}"#);
    let before = heap(&job);
    let (mut wanted, mut loud) = (Vec::new(), 0);
    for _ in 0..50 {
        job.event("exceptions", job.now, OOM);
        job.observed("exceptions");
        job.now += 30 * S;
        let decision = job.look_short();
        if decision.instruction().is_some() {
            job.apply(&decision);
        } else {
            wanted.extend(decision.report().rules[0].proposals[0].target);
            loud += decision
                .alerts()
                .filter(|a| a.0 == AlertKind::CappedAndStillFailing)
                .count();
        }
        job.now += 10 * M;
    }
    assert!(heap(&job) >= before && heap(&job) <= 1664.0 * MIB);
    assert!(
        wanted.len() >= 48 && wanted.iter().all(|w| *w == wanted[0]),
        "each failure multiplies what is there: {wanted:?}"
    );
    assert_eq!(loud, wanted.len());
}

#[test]
fn capped_still_failing_is_loud() {
    let mut job = by_oom(r#", "limits": {"task_manager_memory": {"max": "4GiB"}}"#);
    job.event("exceptions", job.now, OOM);
    job.observed("exceptions");
    let decision = job.look_short();
    assert!(decision.changes().is_empty() && decision.matters());
    assert_eq!(
        decision.alerts().collect::<Vec<_>>(),
        [(AlertKind::CappedAndStillFailing, 0)]
    );
    let text = decision.to_string();
    assert!(
        text.contains("! heap: more is needed at once, and nothing more can be had"),
        "{text}"
    );
    assert_eq!(
        serde_json::to_value(&decision).unwrap()["alerts"][0]["kind"],
        "capped_and_still_failing"
    );
}

#[test]
fn alignment_doubles() {
    let text = |align: &str| {
        format!(
            r#"{{"version": 1, "rules": [{{"name": "hundred", "when": "true", "then": {{"parallelism": "100"}}}}],
                "guards": {{"largest_step": {{"up": 2}}}}{align}}}"#
        )
    };
    let look = |align: &str| {
        let attributes = [
            ("parallelism", 90.0),
            ("source_partitions", 199.0),
            ("max_parallelism", 720.0),
        ];
        let mut job = Job::new(&text(align)).with(if align.is_empty() {
            &attributes[..1]
        } else {
            &attributes
        });
        job.look()
    };
    assert_eq!(parallelism(&look("")), Some(100.0));
    let aligned = look(r#", "sizing": {"align": {"to": "partitions"}}"#);
    assert_eq!(parallelism(&aligned), Some(100.0));
    let text = aligned.to_string();
    assert!(
        text.contains("not a divisor of the 199 partitions, the fullest subtask has 2 of them"),
        "{text}"
    );
    assert!(
        text.contains("199 (1 each at most, +99%)"),
        "the alternative is there to be chosen: {text}"
    );
    let asked = look(r#", "sizing": {"align": {"to": "partitions", "most_over": "100%"}}"#);
    assert_eq!(parallelism(&asked), Some(199.0), "{asked}");
}

#[test]
fn quota_by_integer_division() {
    for (slots, cores) in [(3.0, 4.0), (1.0, 1.0), (2.0, 2.0), (5.0, 1.5), (4.0, 10.0)] {
        for want in 1..60 {
            let text = r#"{"version": 1, "attributes": {"want": {"type": "number"}},
                "rules": [{"name": "want", "when": "true", "then": {"parallelism": "want"}}],
                "limits": {"total": {"cores": 10}}, "guards": {"largest_step": {"up": 100}, "stabilisation": {"down": "0s"}}}"#;
            let mut job = Job::new(text).with(&[
                ("parallelism", 1.0),
                ("slots_per_task_manager", slots),
                ("task_manager_cores", cores),
                ("want", f64::from(want)),
            ]);
            let decision = job.look();
            let parallelism = parallelism(&decision).unwrap_or(1.0);
            let used = (parallelism / slots).ceil() * cores;
            assert!(
                used <= 10.0,
                "{want} on {slots} slots of {cores} cores: {used} cores\n{decision}"
            );
            // As much as there is room for.
            let more = ((parallelism + 1.0) / slots).ceil() * cores;
            assert!(parallelism >= f64::from(want) || more > 10.0, "{decision}");
        }
    }
}

#[test]
fn delayed_scale_down_uses_the_windows_maximum() {
    let text = r#"{"version": 1, "mode": "active", "attributes": {"load": {"type": "number"}},
        "rules": [{"name": "fit", "when": "true", "then": {"parallelism": "load / 10"}}],
        "sizing": {"tolerance": {"down": "0%"}}, "guards": {"stabilisation": {"down": "60s"}}}"#;
    let mut job = Job::new(text).with(&[("parallelism", 100.0)]);
    for load in [800.0, 900.0, 720.0, 640.0] {
        job.set("load", load);
        assert!(job.look().changes().is_empty());
        job.now += 15 * S;
    }
    job.set("load", 700.0);
    let decision = job.look();
    assert_eq!(parallelism(&decision), Some(90.0), "{decision}");
}

#[test]
fn two_owners() {
    let mut plant = Plant::new(&by_busy(""), 4.0);
    plant.run(15 * M, |_| 380.0, |_| ());
    assert_eq!(plant.restarts.len(), 1);
    assert_eq!(plant.job.task.history().effects().len(), 1, "an effect is awaited");
    // Somebody sets it back to what is enough, and marks nothing.
    let mut looks = Vec::new();
    plant.job.set("parallelism", 6.0);
    plant.parallelism = 6.0;
    plant.run(
        DAY,
        |_| 380.0,
        |d| looks.push((d.external().to_vec(), d.changes().len(), held(d).len(), d.to_string())),
    );
    let (external, changes, _, text) = &looks[0];
    assert_eq!((external[0].from, external[0].to, *changes), (7.0, 6.0, 0));
    assert!(
        text.contains("somebody else changed parallelism 7 → 6: adopted"),
        "{text}"
    );
    assert!(
        plant.job.task.history().effects().is_empty(),
        "what was promised of 7 says nothing about 6"
    );
    assert!(looks[1..].iter().all(|l| l.0.is_empty()), "told once");
    assert_eq!(plant.restarts.len(), 1, "adopted, not fought");
    // Where the rules do want more, cool-down and windows count from the other's change.
    plant.job.set("parallelism", 4.0);
    plant.parallelism = 4.0;
    let changed = plant.job.now;
    plant.run(H, |_| 380.0, |_| ());
    assert_eq!(plant.restarts.len(), 2);
    assert!(
        plant.restarts[1].0 - changed >= 7 * M,
        "5 min until the window is covered again, and 2 min of `for`"
    );
}

#[test]
fn sink_outage_is_no_avalanche() {
    let text = by_busy("")
        .replace(r#""metrics": {"#, r#""metrics": {"lag": {"unit": "s"}, "done": {"unit": "records/s"}, "#)
        .replace(
            r#""rules": ["#,
            r#""rules": [{"name": "late", "urgent": true, "when": "min(lag[2m]) > 60s", "then": {"parallelism": "parallelism * 2"}, "raises": "avg(done[2m])"},"#,
        )
        .replace(r#""max": 64"#, r#""max": 1024"#);
    let mut plant = Plant::new(&text, 4.0);
    plant.run(20 * M, |_| 200.0, |_| ());
    assert!(plant.restarts.is_empty());
    // The sink takes a quarter of what comes.
    plant.sink = 50.0;
    let mut explained = 0;
    plant.run(
        6 * H,
        |_| 200.0,
        |d| {
            explained += usize::from(held(d).iter().any(|h| h.1 == "ineffective"));
            if explained == 1 {
                let text = d.to_string();
                assert!(text.contains("of what it promised"), "{text}");
            }
        },
    );
    assert!(explained > 100, "it says so at every look");
    assert!(plant.restarts.len() <= 4, "one try in two hours: {:?}", plant.restarts);
    let first = plant.restarts[0].0;
    assert!(plant.restarts[1].0 - first >= 2 * H);
    // The sink is back: what is needed to catch up is there, and lag goes.
    plant.sink = f64::INFINITY;
    plant.run(6 * H, |_| 200.0, |_| ());
    assert!(plant.backlog < 1.0);
}

#[test]
fn a_rule_that_was_right_does_not_wait_for_it() {
    // A morning: load grows by a twelfth every quarter of an hour, and each step up fills again.
    let mut plant = Plant::new(&by_busy(""), 2.0);
    let load = |now: i64| 100.0 * 1.08_f64.powf((now - T0) as f64 / (15 * M) as f64);
    let mut ineffective = 0;
    plant.run(6 * H, load, |d| {
        ineffective += usize::from(held(d).iter().any(|h| h.1 == "ineffective"))
    });
    assert_eq!(ineffective, 0, "each step brought what it promised; load grew since");
    let needed = load(plant.job.now) / plant.per_subtask;
    assert!(
        plant.parallelism >= needed,
        "{} subtasks for a load of {needed}",
        plant.parallelism
    );
}

#[test]
fn a_restart_is_no_success() {
    // Nothing is busy while the job restarts, which is not what the rule promised.
    let text = r#"{"version": 1, "mode": "active",
        "attributes": {"want": {"type": "number"}, "load": {"type": "number"}},
        "rules": [{"name": "up", "when": "want > parallelism", "then": {"parallelism": "want"}, "lowers": "load"}]}"#;
    let mut job = Job::new(text).with(&[("parallelism", 4.0), ("want", 6.0), ("load", 0.9)]);
    job.act();
    job.set("load", 0.0);
    job.after(30 * S);
    job.set("load", 0.9);
    job.set("want", 8.0);
    assert_held(&job.after(10 * M), Resource::Parallelism, "ineffective", Some(2 * H));
}

#[test]
fn a_rule_that_waits_goes_on_waiting_while_its_gauge_is_missing() {
    let text = r#"{"version": 1, "mode": "active",
        "attributes": {"want": {"type": "number"}, "done": {"type": "number"}},
        "rules": [{"name": "up", "when": "want > parallelism", "then": {"parallelism": "want"}, "raises": "done"}]}"#;
    let mut job = Job::new(text).with(&[("parallelism", 4.0), ("want", 6.0), ("done", 100.0)]);
    job.act();
    job.set("want", 8.0);
    assert_held(&job.after(10 * M), Resource::Parallelism, "ineffective", Some(2 * H));
    job.unset("done");
    assert_held(&job.after(M), Resource::Parallelism, "ineffective", Some(2 * H - M));
}

#[test]
fn flapping_at_a_band_edge() {
    // ±10 % around the upper and the lower threshold, with several periods, for a day; every restart makes a backlog of its own.
    for (threshold, minutes) in [
        (0.8, 10),
        (0.8, 40),
        (0.8, 120),
        (0.3, 10),
        (0.3, 40),
        (0.3, 120),
        (0.6, 30),
    ] {
        let mut plant = Plant::new(&by_busy(""), 10.0);
        let load = |now: i64| {
            let high = (now / (minutes * M)) % 2 == 0;
            1000.0 * threshold * if high { 1.1 } else { 0.9 }
        };
        plant.run(DAY, load, |_| ());
        assert!(
            plant.restarts.len() <= 2,
            "{threshold} every {minutes} min: {:?}",
            plant.restarts
        );
        assert_eq!(plant.decisions, 2880);
    }
    // Where a document leaves no room between its thresholds, the guards do: the budget of restarts is the last of them.
    let narrow = by_busy(r#", "guards": {"restarts_per_day": 6, "cool_down": {"up": "0s", "down": "0s"}, "stabilisation": {"down": "0s"}, "oscillation": {"within": "0s"}}, "sizing": {"tolerance": {"down": "0%"}}"#)
        .replace("< 30%", "< 78%")
        .replace(r#""for": "10m""#, r#""for": "0s""#)
        .replace("used / 60%", "used / 79%");
    let mut plant = Plant::new(&narrow, 10.0);
    plant.run(
        2 * DAY,
        |now| if (now / (20 * M)) % 2 == 0 { 880.0 } else { 720.0 },
        |_| (),
    );
    assert_eq!(plant.most_in_a_day(), 6, "{:?}", plant.restarts);
    // Before that one counts, the larger is held once it went down and up again.
    let restarts = |within: &str| {
        let text = narrow
            .replace(r#""restarts_per_day": 6"#, r#""restarts_per_day": 100"#)
            .replace(r#""within": "0s""#, within);
        let mut plant = Plant::new(&text, 10.0);
        plant.run(
            2 * DAY,
            |now| if (now / (20 * M)) % 2 == 0 { 880.0 } else { 720.0 },
            |_| (),
        );
        plant.restarts.len()
    };
    let (free, held_larger) = (restarts(r#""within": "0s""#), restarts(r#""within": "6h""#));
    assert!(held_larger * 4 < free, "{held_larger} of {free}");
}

#[test]
fn a_burst_of_ooms_in_one_restart_loop_is_one_event() {
    let mut job = by_oom("");
    let before = heap(&job);
    let mut keys = Vec::new();
    let mut given = None;
    // Three restarts within two minutes, each of which kills several TaskManagers; the instruction is carried out after the third.
    for second in 0..120 {
        job.now += S;
        if second % 40 == 0 {
            job.task.mark(job.now, Mark::Restart);
        }
        if second % 40 < 5 {
            job.event(
                "exceptions",
                job.now,
                &format!("{OOM}\n\tat TaskManager {}", second % 40),
            );
        }
        job.observed("exceptions");
        if second % 30 == 0 {
            let decision = job.look_short();
            keys.extend(instruction_key(&decision));
            given = decision.instruction().is_some().then_some(decision).or(given);
        }
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
    let decision = given.unwrap();
    job.apply(&decision);
    for _ in 0..60 {
        job.now += 30 * S;
        job.observed("exceptions");
        assert!(
            job.look_short().changes().is_empty(),
            "what was before the change says nothing about after it"
        );
    }
    let applied = job
        .task
        .history()
        .records()
        .filter(|r| r.kind == RecordKind::Applied)
        .count();
    assert_eq!(applied, 1);
    assert!(heap(&job) < before * 1.2 + 80.0 * MIB);
    assert!(to(&decision, HEAP).is_some());
}

#[test]
fn time_zone_and_daylight_saving_in_excluded_periods() {
    // 02:00 to 04:00 by the clock on the wall, in milliseconds of UTC: the nights of both switches, on both hemispheres.
    for (zone, from, to) in [
        ("Europe/Berlin", 1_806_195_600_000, 1_806_199_200_000_i64), // from 2027-03-28 01:00 UTC
        ("Europe/Berlin", 1_824_940_800_000, 1_824_951_600_000),     // from 2027-10-31 00:00 UTC
        ("Australia/Sydney", 1_822_492_800_000, 1_822_496_400_000),  // from 2027-10-02 16:00 UTC
        ("Australia/Sydney", 1_838_214_000_000, 1_838_224_800_000),  // from 2028-04-01 15:00 UTC
    ] {
        let text = format!(
            r#"{{"version": 1, "mode": "active", "rules": [{{"name": "two", "when": "parallelism < 2", "then": {{"parallelism": "2"}}}}],
                "guards": {{"excluded": [{{"daily": "02:00-04:00", "zone": "{zone}"}}]}}}}"#
        );
        let mut job = Job::new(&text).with(&[("parallelism", 1.0)]);
        job.now = from - 3 * H;
        while job.now < to + 3 * H {
            let decision = job.look();
            if (from..to).contains(&job.now) {
                assert_held(&decision, Resource::Parallelism, "excluded_period", Some(to - job.now));
            } else {
                assert_eq!(parallelism(&decision), Some(2.0), "{zone}: {decision}");
            }
            job.now += 10 * M;
        }
    }
}

//! The way of an instruction from the decision to the report on it: its key, and reports that are late, repeated, contradicting or impossible.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use dras_core::action::{FeedbackError, RecordKind};
use dras_core::engine::TaskError;
use harness::{H, Job, M, S, T0, at_once, document, instruction_key, parallelism, wishing};

#[test]
fn a_new_document_only_watches() {
    let text = document(&at_once(""), "").replace(r#""mode": "active","#, "");
    let mut watching = Job::new(&text).with(&[("parallelism", 4.0), ("want", 8.0)]);
    let mut active = wishing(&at_once("")).with(&[("want", 8.0)]);
    for i in 0..5 {
        let (seen, done) = (watching.after(i * 30 * S), active.after(i * 30 * S));
        assert_eq!((parallelism(&seen), seen.instruction()), (Some(8.0), None));
        assert_eq!(parallelism(&done), Some(8.0));
        assert!(done.instruction().is_some());
    }
    assert_eq!(
        watching.task.history().records().count(),
        0,
        "what was not instructed awaits no report"
    );
}

#[test]
fn an_instruction_keeps_its_key_until_it_is_reported_and_then_never_comes_again() {
    let mut job = wishing(&at_once("")).with(&[("want", 8.0)]);
    let first = job.look();
    let key = instruction_key(&first).unwrap();
    for _ in 0..200 {
        assert_eq!(instruction_key(&job.after(30 * S)).as_ref(), Some(&key));
    }
    assert_eq!(
        job.task.history().records().count(),
        1,
        "given once, however often it is repeated"
    );
    job.apply(&first);
    assert_eq!(job.task.history().last_change(), Some(job.now));
    assert!(job.look().changes().is_empty(), "the task has 8 now");
    // The same step again, later, is another instruction.
    job.set("want", 4.0);
    job.now += H;
    job.act();
    job.set("want", 8.0);
    let again = job.after(H);
    assert_eq!(parallelism(&again), Some(8.0));
    assert_ne!(instruction_key(&again), Some(key));
}

#[test]
fn reports_that_cannot_be_change_nothing() {
    let mut job = wishing(&at_once("")).with(&[("want", 8.0)]);
    let decision = job.look();
    let key = instruction_key(&decision).unwrap();
    job.now += 10 * M;
    let before = format!("{:?}", job.task);
    let now = job.now;
    let refused = |job: &mut Job, key: &str, at: i64, kind: fn(&FeedbackError) -> bool| {
        let (policy, task) = (&job.policy, &mut job.task);
        for error in [
            task.applied(policy, now, key, at).unwrap_err(),
            task.failed(policy, now, key, at, "no").unwrap_err(),
        ] {
            let TaskError::Feedback(feedback) = &error else {
                panic!("{error}")
            };
            assert!(kind(feedback), "{feedback}");
            assert!(error.to_string().contains(&format!("`{key}`")), "{error}");
        }
    };
    refused(&mut job, "0123456789abcdef", now, |e| {
        matches!(e, FeedbackError::NeverGiven { .. })
    });
    refused(&mut job, "", now, |e| matches!(e, FeedbackError::NeverGiven { .. }));
    refused(&mut job, &key, T0 - 1, |e| {
        matches!(e, FeedbackError::BeforeGiven { .. })
    });
    refused(&mut job, &key, now + M + 1, |e| {
        matches!(e, FeedbackError::InFuture { .. })
    });
    refused(&mut job, &key, i64::MAX, |e| {
        matches!(e, FeedbackError::InFuture { .. })
    });
    refused(&mut job, &key, i64::MIN, |e| {
        matches!(e, FeedbackError::BeforeGiven { .. })
    });
    assert_eq!(format!("{:?}", job.task), before);

    job.apply(&decision);
    let before = format!("{:?}", job.task);
    job.apply(&decision);
    assert_eq!(
        format!("{:?}", job.task),
        before,
        "the same report again changes nothing"
    );
    let error = job.task.failed(&job.policy, now, &key, now, "too late").unwrap_err();
    assert!(
        matches!(
            error,
            TaskError::Feedback(FeedbackError::Contradicts { before: "applied", .. })
        ),
        "{error}"
    );
    assert_eq!(format!("{:?}", job.task), before);

    job.set("want", 4.0);
    let decision = job.after(H);
    job.fail(&decision, "no slots");
    let (key, now) = (instruction_key(&decision).unwrap(), job.now);
    let before = format!("{:?}", job.task);
    job.fail(&decision, "told twice");
    let error = job.task.applied(&job.policy, now, &key, now).unwrap_err();
    assert!(
        matches!(
            error,
            TaskError::Feedback(FeedbackError::Contradicts { before: "failed", .. })
        ),
        "{error}"
    );
    assert_eq!(format!("{:?}", job.task), before);
    let reason = job.task.history().records().last().map(|r| r.kind.clone());
    assert_eq!(
        reason,
        Some(RecordKind::Failed {
            reason: "no slots".to_owned()
        })
    );
}

#[test]
fn a_report_may_be_about_the_first_time_that_an_instruction_was_given() {
    let mut job = wishing(r#"{"cool_down": {"up": "5m"}}"#).with(&[("want", 6.0)]);
    let first = job.look();
    for (want, wait) in [(7.0, 6 * M), (6.0, 6 * M)] {
        job.set("want", want);
        job.after(wait);
    }
    assert_eq!(
        instruction_key(&job.look()),
        instruction_key(&first),
        "the same wish, the same instruction"
    );
    // It was applied three minutes after it had been given for the first time; the report was slow.
    let key = instruction_key(&first).unwrap();
    job.task.applied(&job.policy, job.now, &key, T0 + 3 * M).unwrap();
    assert_eq!(job.task.history().last_change(), Some(T0 + 3 * M));
}

#[test]
fn what_was_done_without_a_report_is_recognised_and_the_late_report_is_no_news() {
    let mut job = wishing(&at_once("")).with(&[("want", 8.0)]);
    let decision = job.look();
    job.set("parallelism", 8.0);
    let seen = job.after(M);
    assert!(seen.external().is_empty() && seen.changes().is_empty());
    let applied = |job: &Job| {
        job.task
            .history()
            .records()
            .filter(|r| r.kind == RecordKind::Applied)
            .count()
    };
    assert_eq!(applied(&job), 1);
    job.apply(&decision);
    assert_eq!(applied(&job), 1);
}

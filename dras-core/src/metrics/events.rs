//! Texts with a time: exceptions, log lines.

use crate::units::Millis;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logged {
    Stored,
    /// The same text at the same time is, or was, there already.
    Equal,
    /// It was stored, and the oldest one went for it.
    Displaced,
}

/// The events of one series, by time and text: which ones are there does not depend on their order of arrival.
#[derive(Debug, Clone, Default)]
pub(super) struct EventLog {
    events: Vec<(Millis, Box<str>)>,
    /// The newest event that went because there were too many. Sources repeat their history; what once went must not come again.
    displaced: Option<(Millis, Box<str>)>,
}

impl EventLog {
    pub(super) fn put(&mut self, t: Millis, text: &str, max_events: usize) -> Logged {
        let key = |e: &(Millis, Box<str>)| (e.0, &*e.1).cmp(&(t, text));
        if self.displaced.as_ref().is_some_and(|d| key(d).is_ge()) {
            return Logged::Equal;
        }
        let Err(at) = self.events.binary_search_by(key) else {
            return Logged::Equal;
        };
        if self.events.len() < max_events {
            self.events.insert(at, (t, text.into()));
            return Logged::Stored;
        }
        if at == 0 {
            self.displaced = Some((t, text.into()));
        } else {
            self.events.insert(at, (t, text.into()));
            self.displaced = Some(self.events.remove(0));
        }
        Logged::Displaced
    }

    /// Removes the events at or before `t`.
    pub(super) fn remove_upto(&mut self, t: Millis) {
        let old = self.events.partition_point(|e| e.0 <= t);
        if old > 0 {
            self.events.drain(..old);
        }
        if self.displaced.as_ref().is_some_and(|d| d.0 <= t) {
            self.displaced = None;
        }
    }

    /// The events after `left` and not after `right`.
    pub(super) fn between(&self, left: Millis, right: Millis) -> &[(Millis, Box<str>)] {
        let first = self.events.partition_point(|e| e.0 <= left);
        let last = self.events.partition_point(|e| e.0 <= right);
        &self.events[first..last.max(first)]
    }

    pub(super) fn all(&self) -> &[(Millis, Box<str>)] {
        &self.events
    }

    /// The newest event that went because there were too many.
    pub(super) fn displaced(&self) -> Option<&(Millis, Box<str>)> {
        self.displaced.as_ref()
    }

    /// A log of these events, as [`all`](Self::all) and [`displaced`](Self::displaced) gave them; how many went because there are too many
    /// or their texts are too long.
    pub(super) fn restore<'e>(
        events: impl Iterator<Item = (Millis, &'e str)>,
        displaced: Option<(Millis, &str)>,
        max_events: usize,
        max_bytes: usize,
    ) -> (EventLog, u64) {
        let mut log = EventLog {
            events: events.map(|(t, text)| (t, cut(text, max_bytes).into())).collect(),
            displaced: displaced.map(|(t, text)| (t, cut(text, max_bytes).into())),
        };
        let before = log.events.len();
        // Texts that differed only behind the cut are one now.
        log.events.sort();
        log.events.dedup();
        if let Some(too_many) = log.events.len().checked_sub(max_events).filter(|n| *n > 0) {
            log.displaced = log.events.drain(..too_many).next_back();
        }
        let gone = before - log.events.len();
        (log, gone as u64)
    }

    pub(super) fn bytes(&self) -> usize {
        let texts = self
            .events
            .iter()
            .chain(&self.displaced)
            .map(|e| e.1.len())
            .sum::<usize>();
        self.events.capacity() * size_of::<(Millis, Box<str>)>() + texts
    }
}

/// The longest beginning of `text` that has at most `bytes` bytes and cuts no character.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("aäö", 4), "aä");
        assert_eq!(cut("aäö", 2), "a");
        assert_eq!(cut("😀😀", 7), "😀");
    }

    proptest! {
        /// The log holds the newest events of all that ever came, in whatever order and however often they came.
        #[test]
        fn the_log_holds_the_newest_events(
            events in proptest::collection::vec((0..30i64, "[ab]"), 0..60),
            order in any::<prop::sample::Index>(),
        ) {
            let mut rotated = events.clone();
            if !rotated.is_empty() {
                let by = order.index(rotated.len());
                rotated.rotate_left(by);
            }
            let (mut log, mut again) = (EventLog::default(), EventLog::default());
            for (t, text) in &events {
                log.put(*t, text, 8);
            }
            for (t, text) in rotated.iter().chain(&events) {
                again.put(*t, text, 8);
            }
            let mut newest: Vec<(Millis, Box<str>)> = events.into_iter().map(|(t, s)| (t, s.into_boxed_str())).collect();
            newest.sort();
            newest.dedup();
            let skip = newest.len().saturating_sub(8);
            prop_assert_eq!(log.all(), &newest[skip..]);
            prop_assert_eq!(again.all(), &newest[skip..]);
        }
    }
}

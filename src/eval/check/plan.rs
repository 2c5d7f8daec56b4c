//! Whether a plan is what a case means. By meaning and not by spelling: what the plan leaves to its defaults counts as
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::json;

use super::stream;
use crate::eval::expected::{ExpectedOptions, ExpectedPlan, ExpectedSchedule, Wish};
use crate::eval::world::World;
use crate::plan::Offered;
use crate::plan::schedule::Timetable;
use crate::plan::span::Span;
use crate::plan::spec::{ByteSize, OptionsSpec, ScheduleSpec};

/// Fire times that are compared from each day that is looked at.
const FIRES: usize = 40;
/// Days that are looked at, from now on; together they see every change of the clock within a year.
const LOOKED_AT: &[i64] = &[0, 1, 29, 61, 92, 97, 123, 127, 154, 185, 217, 248, 280, 311, 341, 344, 366];

/// What differs, each in a sentence with what was expected and what is there.
pub(super) fn differences(expected: &ExpectedPlan, offered: &Offered, world: &World) -> Vec<String> {
    let spec = &offered.spec;
    let mut told = Told::default();
    told.plain("version", &expected.version, Some(&spec.version));
    told.plain("name", &expected.name, Some(&spec.name));
    told.plain("runtime", &expected.runtime, spec.runtime.as_ref());
    told.plain("quarantine", &expected.quarantine, spec.quarantine.as_ref());
    if told.wanted("source", &expected.source)
        && let Wish::Is(source) = &expected.source
    {
        told.plain("source.connection", &source.connection, Some(&spec.source.connection));
    }
    if told.wanted("destination", &expected.destination)
        && let Wish::Is(destination) = &expected.destination
    {
        told.plain("destination.connection", &destination.connection, Some(&spec.destination.connection));
        match &destination.namespace {
            Wish::Is(namespace) => {
                let written = spec.destination.namespace.as_ref();
                let there = offered.view.destination.namespace.as_ref();
                if written != Some(namespace) && there != Some(namespace) {
                    told.differs("destination.namespace", namespace, &written.or(there));
                }
            }
            wish => told.plain("destination.namespace", wish, spec.destination.namespace.as_ref()),
        }
    }
    schedule(&expected.schedule, spec.schedule.as_ref(), world.now, &mut told);
    match &expected.options {
        Wish::Is(wanted) => options(wanted, &spec.options, &mut told),
        Wish::Absent if spec.options != OptionsSpec::default() => told.differs("options", &(), &spec.options),
        Wish::Absent | Wish::Free => {}
    }
    match &expected.notify {
        Wish::Is(wanted) => {
            let sorted = |on: &[String]| on.iter().cloned().collect::<BTreeSet<_>>();
            for notify in wanted {
                let is = |there: &&crate::plan::spec::NotifySpec| {
                    there.channel == notify.channel && sorted(&there.on) == sorted(&notify.on)
                };
                if !spec.notify.iter().any(|there| is(&there)) {
                    told.differs("notify", notify, &spec.notify);
                }
            }
        }
        Wish::Absent if !spec.notify.is_empty() => told.differs("notify", &(), &spec.notify),
        Wish::Absent | Wish::Free => {}
    }
    if let Wish::Is(wanted) = &expected.streams {
        let names: BTreeSet<&str> = wanted.iter().map(|stream| stream.stream.as_str()).collect();
        let there: BTreeSet<&str> = spec.streams.iter().map(|stream| stream.stream.as_str()).collect();
        if names != there {
            told.differs("streams", &names, &there);
        }
        for wanted in wanted {
            stream::differences(wanted, offered, world, &mut told);
        }
    } else if expected.streams == Wish::Absent {
        told.differs("streams", &(), &spec.streams.iter().map(|stream| &stream.stream).collect::<Vec<_>>());
    }
    told.0
}

/// What differs, collected.
#[derive(Debug, Default)]
pub(super) struct Told(pub Vec<String>);

impl Told {
    pub(super) fn differs(&mut self, what: &str, expected: &impl Serialize, got: &impl Serialize) {
        self.0.push(format!("{what}: expected {}, got {}", shown(expected), shown(got)));
    }

    /// Compares a member that has one spelling.
    pub(super) fn plain<T: PartialEq + Serialize>(&mut self, what: &str, wish: &Wish<T>, got: Option<&T>) {
        match wish {
            Wish::Free => {}
            Wish::Absent => {
                if let Some(got) = got {
                    self.differs(what, &(), got);
                }
            }
            Wish::Is(expected) => {
                if got != Some(expected) {
                    self.differs(what, expected, &got);
                }
            }
        }
    }

    /// Compares members of a map: those that the case names.
    pub(super) fn map<T: PartialEq + Serialize + Debug>(
        &mut self,
        what: &str,
        wish: &Wish<BTreeMap<String, Option<T>>>,
        got: &BTreeMap<String, T>,
        same: impl Fn(&T, &T) -> bool,
    ) {
        match wish {
            Wish::Free => {}
            Wish::Absent if got.is_empty() => {}
            Wish::Absent => self.differs(what, &(), got),
            Wish::Is(wanted) => {
                for (name, value) in wanted {
                    let there = got.get(name);
                    let holds = match (value, there) {
                        (None, None) => true,
                        (Some(value), Some(there)) => same(value, there),
                        _ => false,
                    };
                    if !holds {
                        self.differs(&format!("{what} of `{name}`"), value, &there);
                    }
                }
            }
        }
    }

    /// A member that is there in every plan cannot be wished away.
    fn wanted<T>(&mut self, what: &str, wish: &Wish<T>) -> bool {
        if matches!(wish, Wish::Absent) {
            self.0.push(format!("{what}: expected null, and every plan has one"));
        }
        matches!(wish, Wish::Is(_))
    }
}

/// A value as a report shows it, within bounds.
pub(super) fn shown(value: &impl Serialize) -> String {
    let text = json!(value).to_string();
    if text.chars().count() <= 300 { text } else { text.chars().take(299).chain(['…']).collect() }
}

fn options(wanted: &ExpectedOptions, got: &OptionsSpec, told: &mut Told) {
    told.plain("options.batch_rows", &wanted.batch_rows, got.batch_rows.as_ref());
    told.plain("options.parallelism", &wanted.parallelism, got.parallelism.as_ref());
    told.plain("options.verify", &wanted.verify, got.verify.as_ref());
    match &wanted.batch_bytes {
        Wish::Is(size) if got.batch_bytes.as_ref().and_then(ByteSize::bytes) == size.bytes() => {}
        wish => told.plain("options.batch_bytes", wish, got.batch_bytes.as_ref()),
    }
}

fn schedule(wish: &Wish<ExpectedSchedule>, got: Option<&ScheduleSpec>, now: DateTime<Utc>, told: &mut Told) {
    let wanted = match wish {
        Wish::Free => return,
        Wish::Absent => {
            if let Some(got) = got {
                told.differs("schedule", &(), got);
            }
            return;
        }
        Wish::Is(wanted) => wanted,
    };
    let Some(got) = got else {
        told.0.push(format!("schedule: expected {}, got none", words(wanted)));
        return;
    };
    let holds = match got {
        ScheduleSpec::Every(got) => {
            let spanned = match &wanted.every {
                Wish::Is(every) => Span::parse(every).is_some() && Span::parse(every) == Span::parse(&got.every),
                Wish::Free => true,
                Wish::Absent => false,
            };
            spanned && !matches!(wanted.cron, Wish::Is(_)) && !matches!(wanted.timezone, Wish::Is(_))
        }
        ScheduleSpec::Cron(there) => {
            // What the case leaves free is as the plan has it.
            let timezone = match &wanted.timezone {
                Wish::Is(timezone) => timezone,
                Wish::Free | Wish::Absent => &there.timezone,
            };
            let cron = match &wanted.cron {
                Wish::Is(cron) => Some(cron),
                Wish::Free => Some(&there.cron),
                Wish::Absent => None,
            };
            !matches!(wanted.every, Wish::Is(_)) && cron.is_some_and(|cron| fires_alike(cron, timezone, got, now))
        }
    };
    if !holds {
        told.0.push(format!("schedule: expected {}, got {}", words(wanted), shown(got)));
    }
}

fn words(wanted: &ExpectedSchedule) -> String {
    let part = |name: &str, wish: &Wish<String>| match wish {
        Wish::Free => None,
        Wish::Absent => Some(format!("{name}: null")),
        Wish::Is(value) => Some(format!("{name}: {value}")),
    };
    let parts = [part("cron", &wanted.cron), part("timezone", &wanted.timezone), part("every", &wanted.every)];
    format!("{{{}}}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn fires_alike(cron: &str, timezone: &str, got: &ScheduleSpec, now: DateTime<Utc>) -> bool {
    use crate::plan::spec::CronSpec;
    let wanted = ScheduleSpec::Cron(CronSpec { cron: cron.to_owned(), timezone: timezone.to_owned() });
    let (Ok(wanted), Ok(got)) = (Timetable::parse(&wanted), Timetable::parse(got)) else { return false };
    LOOKED_AT.iter().all(|days| {
        let mut from = now + Duration::days(*days);
        let end = from + Duration::days(400);
        for _ in 0..FIRES {
            let next = wanted.next_after(from);
            if next != got.next_after(from) {
                return false;
            }
            match next {
                Some(next) if next < end => from = next,
                _ => return true,
            }
        }
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::spec::CronSpec;

    fn alike(cron: &str, timezone: &str, other: &str, other_zone: &str) -> bool {
        let got = ScheduleSpec::Cron(CronSpec { cron: other.to_owned(), timezone: other_zone.to_owned() });
        fires_alike(cron, timezone, &got, "2026-11-20T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn schedules_are_the_same_when_they_fire_at_the_same_times() {
        assert!(alike("0 2 * * *", "UTC", "00 02 */1 * *", "Etc/UTC"));
        assert!(alike("0 */6 * * *", "UTC", "0 0,6,12,18 * * *", "UTC"));
        assert!(alike("30 7 * * 1-5", "Europe/Zurich", "30 7 * * MON-FRI", "Europe/Zurich"));
        assert!(alike("0 0 * * 0", "UTC", "0 0 * * 7", "UTC"));
        assert!(alike("*/15 * * * *", "UTC", "0,15,30,45 * * * *", "Europe/Zurich"));
        assert!(!alike("0 2 * * *", "UTC", "0 3 * * *", "UTC"));
        assert!(!alike("0 2 * * *", "Europe/London", "0 2 * * *", "UTC"));
        assert!(!alike("0 2 * * 1-5", "UTC", "0 2 * * *", "UTC"));
        assert!(!alike("0 2 1 * *", "UTC", "0 2 1 */2 *", "UTC"));
        assert!(!alike("0 2 29 2 *", "UTC", "0 2 28 2 *", "UTC"));
        assert!(!alike("0 2 * * *", "UTC", "nonsense", "UTC"));
    }
}

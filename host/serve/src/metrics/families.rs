//! The names of all metrics, and where each is found in what is known of a buffer. `docs/metrics.md` explains them.

use serde_json::Value;

/// What a number means to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It rises, and begins again at zero.
    Counter,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Seconds,
}

impl Unit {
    /// How names end.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Bytes => "_bytes",
            Self::Seconds => "_seconds",
        }
    }
}

/// How a number is made of what is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// It is one.
    Number,
    /// 1 for what is true.
    Flag,
    /// 1 where a text says what is wrong; `null` says that nothing is.
    Fault,
    /// The age of the oldest record in milliseconds, told in seconds; 0 where nothing waits.
    Age,
}

/// A metric that each buffer has once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Without the prefix, the unit, and the ending of counters.
    pub(super) name: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) kind: Kind,
    /// Where it is found, as a JSON pointer.
    at: &'static str,
    reading: Reading,
    pub(super) help: &'static str,
}

/// A number of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sample {
    Whole(u64),
    Seconds(f64),
}

impl Family {
    const fn new(kind: Kind, name: &'static str, at: &'static str, help: &'static str) -> Self {
        Self { name, unit: None, kind, at, reading: Reading::Number, help }
    }

    const fn gauge(name: &'static str, at: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Gauge, name, at, help)
    }

    const fn counter(name: &'static str, at: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Counter, name, at, help)
    }

    const fn bytes(self) -> Self {
        Self { unit: Some(Unit::Bytes), ..self }
    }

    const fn read_as(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// The number that is known of a buffer, if it is.
    pub(super) fn sample(&self, known: &Value) -> Option<Sample> {
        let found = known.pointer(self.at)?;
        match self.reading {
            Reading::Number => found.as_u64().map(Sample::Whole),
            Reading::Flag => found.as_bool().map(|is_so| Sample::Whole(u64::from(is_so))),
            Reading::Fault => Some(Sample::Whole(u64::from(!found.is_null()))),
            Reading::Age => {
                let is_empty = known.pointer("/buffer/occupancy/events")?.as_u64()? == 0;
                let age_ms = if is_empty { Some(0) } else { found.as_u64() };
                age_ms.map(|age_ms| Sample::Seconds(std::time::Duration::from_millis(age_ms).as_secs_f64()))
            }
        }
    }
}

/// All of them, in the order in which they are told.
pub(super) static FAMILIES: [Family; 37] = [
    Family::gauge("locked", "/locked", "Whether a process has the buffer.").read_as(Reading::Flag),
    Family::gauge(
        "waiting_records",
        "/buffer/occupancy/events",
        "Records that were written and are not acknowledged, dropped or lost.",
    ),
    Family::gauge("waiting", "/buffer/occupancy/bytes", "Bytes of data files that these records take up.")
        .bytes(),
    Family {
        unit: Some(Unit::Seconds),
        ..Family::gauge(
            "oldest_record_age",
            "/buffer/oldest_waiting_age_ms",
            "How long the oldest record waits, at the least; 0 if none waits.",
        )
        .read_as(Reading::Age)
    },
    Family::gauge(
        "unacknowledged_records",
        "/buffer/unacknowledged_records",
        "Records that a client had or has, and that are not acknowledged.",
    ),
    Family::gauge("unacknowledged", "/buffer/unacknowledged_bytes", "Bytes of the frames of these records.")
        .bytes(),
    Family::gauge("data_files", "/buffer/files", "Data files."),
    Family::gauge("data_files_size", "/buffer/bytes", "Bytes in all data files, acknowledged or not.")
        .bytes(),
    Family::gauge("max_size", "/owner/options/max_bytes", "The most that all data files may hold.").bytes(),
    Family::gauge(
        "blocked_records",
        "/buffer/waiting_records",
        "Records that wait for room in the process that owns the buffer.",
    ),
    Family::gauge(
        "delivery_paused",
        "/buffer/delivery_paused",
        "Whether readers get no records because too many are unacknowledged.",
    )
    .read_as(Reading::Flag),
    Family::gauge("disk_full", "/buffer/disk_full", "Whether the disk had no room for the last write.")
        .read_as(Reading::Flag),
    Family::gauge(
        "sync_failed",
        "/buffer/sync_failed",
        "Whether an fsync has failed, and what it left in doubt is not safe yet.",
    )
    .read_as(Reading::Flag),
    Family::gauge("last_sync_failed", "/buffer/last_sync_error", "Whether the last fsync has failed.")
        .read_as(Reading::Fault),
    Family::gauge(
        "stopped",
        "/buffer/stopped",
        "Whether the buffer does nothing more, because it has failed.",
    )
    .read_as(Reading::Fault),
    Family::counter(
        "received_records",
        "/buffer/usage_lifetime/received/events",
        "Records that were written into the buffer.",
    ),
    Family::counter(
        "received",
        "/buffer/usage_lifetime/received/bytes",
        "Bytes of the frames of these records.",
    )
    .bytes(),
    Family::counter(
        "sent_records",
        "/buffer/usage_lifetime/sent/events",
        "Records that were acknowledged, or are safe in the dead-letter file.",
    ),
    Family::counter("sent", "/buffer/usage_lifetime/sent/bytes", "Bytes of the frames of these records.")
        .bytes(),
    Family::counter(
        "dropped_records",
        "/buffer/usage_lifetime/dropped/events",
        "Records that were dropped on purpose, to make room.",
    ),
    Family::counter(
        "dropped",
        "/buffer/usage_lifetime/dropped/bytes",
        "Bytes of the frames of these records.",
    )
    .bytes(),
    Family::counter(
        "sent_or_dropped_records",
        "/buffer/usage_lifetime/sent_or_dropped/events",
        "Records of which no note says whether they were sent or dropped.",
    ),
    Family::counter(
        "lost_records",
        "/buffer/usage_lifetime/lost/events",
        "Records that were lost to damage, or with files that another program removed.",
    ),
    Family::counter("lost", "/buffer/usage_lifetime/lost/bytes", "Bytes of damage that was skipped.").bytes(),
    Family::counter(
        "rejected_records",
        "/buffer/usage_lifetime/rejected/events",
        "Records that were returned to their writers because there was no room.",
    ),
    Family::counter(
        "rejected",
        "/buffer/usage_lifetime/rejected/bytes",
        "Bytes of the frames of these records.",
    )
    .bytes(),
    Family::counter(
        "dead_letters",
        "/buffer/dead_letters",
        "Records that were moved to the dead-letter file since the buffer was opened.",
    ),
    Family::gauge("dead_letter_records", "/dead_letters/records", "Records in the dead-letter file."),
    Family::gauge("dead_letter_file", "/dead_letters/bytes", "Bytes of the dead-letter file.").bytes(),
    Family::counter(
        "expired_leases",
        "/buffer/expired_leases",
        "Deliveries that were not acknowledged within their lease since the buffer was opened.",
    ),
    Family::counter(
        "ignored_acknowledgements",
        "/buffer/ignored_acknowledgements",
        "Acknowledgements that came too late since the buffer was opened.",
    ),
    Family::counter("losses", "/buffer/losses", "Losses that were found since the buffer was opened."),
    Family::counter(
        "missing_files",
        "/buffer/files_taken_away",
        "Data files that another program removed, replaced or cut since the buffer was opened.",
    ),
    Family::counter(
        "failed_syncs",
        "/buffer/failed_syncs",
        "Calls of fsync that have failed, or could not be begun, since the buffer was opened.",
    ),
    Family::counter(
        "refused_calls",
        "/buffer/refused_calls",
        "Calls of the component that broke its contract since the buffer was opened.",
    ),
    Family::counter(
        "component_restarts",
        "/buffer/restarts",
        "How often the component has failed and a fresh instance has taken over since the buffer was opened.",
    ),
    Family::counter(
        "component_replacements",
        "/buffer/replacements",
        "How often another component has taken over since the buffer was opened.",
    ),
];

//! Metrics in Prometheus' text format 0.0.4, which Prometheus, its `node_exporter` and most agents read. Nothing is counted here: each text
//! is made of what is known of buffers at that moment.

mod families;
mod text;

use std::path::{Path, absolute};

use serde_json::Value;

use self::{
    families::{FAMILIES, Family, Kind, Sample},
    text::Text,
};

/// What all names begin with.
const PREFIX: &str = "forebay";

/// A metric that tells whether the others are known.
const UP: (&str, &str) = ("forebay_up", "Whether the buffer could be looked at.");

/// Who owns the buffer, as labels.
const OWNER: (&str, &str) = ("forebay_owner_info", "The process that owns the buffer.");

/// How long syncs take.
const SYNC: (&str, &str) = (
    "forebay_sync_duration_seconds",
    "How long each fsync took that ended well, since the buffer was opened.",
);

/// A buffer, and what is known of it.
#[derive(Clone, Debug)]
pub struct Exposed {
    label: String,
    known: Option<Value>,
}

impl Exposed {
    /// A buffer in this directory. `known` is an object with as much as is known of it: `locked`, `dead_letters`, and `owner` and
    /// `buffer` as in the answer of `GET status`; `None` where it cannot be looked at.
    pub fn new(directory: &Path, known: Option<Value>) -> Self {
        let directory = absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Self { label: directory.display().to_string(), known }
    }

    fn sample(&self, family: &Family) -> Option<Sample> {
        family.sample(self.known.as_ref()?)
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.known.as_ref()?.pointer(pointer)
    }
}

/// The metrics of some buffers as one text. Their directories must differ.
pub fn metrics(buffers: &[Exposed]) -> String {
    let mut text = Text::default();
    let (name, help) = UP;
    text.family(name, "gauge", help);
    for buffer in buffers {
        text.sample(name, &buffer.labels(), u64::from(buffer.known.is_some()));
    }
    tell_owners(&mut text, buffers);
    for family in &FAMILIES {
        tell(&mut text, family, buffers);
    }
    tell_syncs(&mut text, buffers);
    text.into_string()
}

/// The name of each metric, and its type.
pub fn metric_names() -> Vec<(String, &'static str)> {
    let others = [(UP.0, "gauge"), (OWNER.0, "gauge"), (SYNC.0, "histogram")];
    let others = others.map(|(name, kind)| (name.to_owned(), kind));
    others.into_iter().chain(FAMILIES.iter().map(|family| (name(family), kind(family)))).collect()
}

fn name(family: &Family) -> String {
    let unit = family.unit.map_or("", families::Unit::ending);
    let total = if family.kind == Kind::Counter { "_total" } else { "" };
    format!("{PREFIX}_{}{unit}{total}", family.name)
}

fn kind(family: &Family) -> &'static str {
    match family.kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
    }
}

fn tell_owners(text: &mut Text, buffers: &[Exposed]) {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let labels = |buffer: &Exposed| {
        let (pid, version) = (buffer.at("/owner/pid").map(plain)?, buffer.at("/owner/version").map(plain)?);
        Some([("buffer", buffer.label.clone()), ("pid", pid), ("version", version)])
    };
    let owners: Vec<_> = buffers.iter().filter_map(labels).collect();
    // A name without a number says nothing.
    if owners.is_empty() {
        return;
    }
    let (name, help) = OWNER;
    text.family(name, "gauge", help);
    for owner in owners {
        text.sample(name, &owner, 1);
    }
}

fn tell(text: &mut Text, family: &Family, buffers: &[Exposed]) {
    let known = buffers.iter().filter_map(|buffer| Some((buffer, buffer.sample(family)?)));
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return;
    }
    let name = name(family);
    text.family(&name, kind(family), family.help);
    for (buffer, sample) in known {
        match sample {
            Sample::Whole(number) => text.sample(&name, &buffer.labels(), number),
            Sample::Seconds(seconds) => text.sample(&name, &buffer.labels(), seconds),
        }
    }
}

fn tell_syncs(text: &mut Text, buffers: &[Exposed]) {
    let histograms: Vec<_> = buffers.iter().filter_map(|buffer| Some((buffer, buffer.syncs()?))).collect();
    if histograms.is_empty() {
        return;
    }
    let (name, help) = SYNC;
    text.family(name, "histogram", help);
    for (buffer, Syncs { sum, buckets }) in histograms {
        let [label] = buffer.labels();
        let mut count = 0_u64;
        for (bound, in_bucket) in buckets {
            count = count.saturating_add(in_bucket);
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            text.sample(&format!("{name}_bucket"), &[label.clone(), ("le", bound)], count);
        }
        text.sample(&format!("{name}_sum"), &buffer.labels(), sum);
        text.sample(&format!("{name}_count"), &buffer.labels(), count);
    }
}

/// A histogram, with its bounds in seconds; the last has none.
struct Syncs {
    sum: f64,
    buckets: Vec<(Option<f64>, u64)>,
}

impl Exposed {
    fn labels(&self) -> [(&'static str, String); 1] {
        [("buffer", self.label.clone())]
    }

    fn syncs(&self) -> Option<Syncs> {
        let latency = self.at("/buffer/sync_latency")?;
        let numbers = |name: &str| -> Option<Vec<u64>> {
            latency.get(name)?.as_array()?.iter().map(Value::as_u64).collect()
        };
        let (bounds, counts) = (numbers("bounds_us")?, numbers("counts")?);
        let seconds = |us: u64| Some(std::time::Duration::from_micros(us).as_secs_f64());
        let bounds = bounds.into_iter().map(seconds).chain([None]);
        let sum = std::time::Duration::from_nanos(latency.get("sum_ns")?.as_u64()?).as_secs_f64();
        Some(Syncs { sum, buckets: bounds.zip(counts).collect() })
    }
}

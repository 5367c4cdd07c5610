//! Metrics as text: `OpenMetrics` 1.0, as Prometheus reads it. Nothing is counted here: each text is made of what is known of buffers at
//! that moment.

mod families;

use std::{
    fmt,
    path::{Path, absolute},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};
use serde_json::Value;

use self::families::{FAMILIES, Family, Kind, Sample, Unit};

/// What all names begin with.
const PREFIX: &str = "forebay";

/// A metric that tells whether the others are known.
const UP: (&str, &str) = ("up", "Whether the buffer could be looked at.");

/// Who owns the buffer, as labels.
const OWNER: (&str, &str) = ("owner", "The process that owns the buffer.");

/// How long syncs take.
const SYNC: (&str, &str) =
    ("sync_duration", "How long each fsync took that ended well, since the buffer was opened.");

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

/// The metrics of some buffers as one text.
pub fn metrics(buffers: Vec<Exposed>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Exposition(buffers)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The name of each metric, as one asks Prometheus for it, and its type.
pub fn metric_names() -> Vec<(String, &'static str)> {
    let name = |family: &Family| {
        let unit = family.unit.map(|unit| format!("_{}", unit.of_client().as_str())).unwrap_or_default();
        let (total, kind) = match family.kind {
            Kind::Gauge => ("", "gauge"),
            Kind::Counter => ("_total", "counter"),
        };
        (format!("{PREFIX}_{}{unit}{total}", family.name), kind)
    };
    let others = [(UP.0, "", "gauge"), (OWNER.0, "_info", "info"), (SYNC.0, "_seconds", "histogram")];
    let others = others.map(|(name, ending, kind)| (format!("{PREFIX}_{name}{ending}"), kind));
    others.into_iter().chain(FAMILIES.iter().map(name)).collect()
}

#[derive(Debug)]
struct Exposition(Vec<Exposed>);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = UP;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for buffer in &self.0 {
            let is_up = u64::from(buffer.known.is_some());
            metric.encode_family(&buffer.labels())?.encode_gauge(&is_up)?;
        }
        self.encode_owners(&mut encoder)?;
        for family in &FAMILIES {
            self.encode_family(&mut encoder, family)?;
        }
        self.encode_syncs(&mut encoder)
    }
}

impl Exposition {
    fn encode_owners(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let labels = |buffer: &Exposed| {
            let (pid, version) = (buffer.at("/owner/pid").map(text)?, buffer.at("/owner/version").map(text)?);
            Some([("buffer", buffer.label.clone()), ("pid", pid), ("version", version)])
        };
        let owners: Vec<_> = self.0.iter().filter_map(labels).collect();
        if owners.is_empty() {
            return Ok(());
        }
        let (name, help) = OWNER;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
        owners.iter().try_for_each(|labels| metric.encode_info(labels))
    }

    fn encode_family(&self, encoder: &mut DescriptorEncoder<'_>, family: &Family) -> fmt::Result {
        let known = self.0.iter().filter_map(|buffer| Some((buffer, buffer.sample(family)?)));
        let known: Vec<_> = known.collect();
        // A name without a number says nothing.
        if known.is_empty() {
            return Ok(());
        }
        let kind = match family.kind {
            Kind::Gauge => MetricType::Gauge,
            Kind::Counter => MetricType::Counter,
        };
        let unit = family.unit.map(Unit::of_client);
        let mut metric = encoder.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
        for (buffer, sample) in known {
            encode_sample(&mut metric.encode_family(&buffer.labels())?, family.kind, sample)?;
        }
        Ok(())
    }

    fn encode_syncs(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let histograms = self.0.iter().filter_map(|buffer| Some((buffer, buffer.syncs()?)));
        let histograms: Vec<_> = histograms.collect();
        if histograms.is_empty() {
            return Ok(());
        }
        let ((name, help), seconds) = (SYNC, Unit::Seconds.of_client());
        let mut metric = encoder.encode_descriptor(name, help, Some(&seconds), MetricType::Histogram)?;
        for (buffer, Syncs { sum, count, buckets }) in histograms {
            let labels = buffer.labels();
            let mut of = metric.encode_family(&labels)?;
            of.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

fn encode_sample(metric: &mut MetricEncoder<'_>, kind: Kind, sample: Sample) -> fmt::Result {
    match (kind, sample) {
        (Kind::Gauge, Sample::Whole(number)) => metric.encode_gauge(&number),
        (Kind::Gauge, Sample::Seconds(seconds)) => metric.encode_gauge(&seconds),
        (Kind::Counter, Sample::Whole(number)) => metric.encode_counter::<NoLabelSet, _, f64>(&number, None),
        (Kind::Counter, Sample::Seconds(seconds)) => {
            metric.encode_counter::<NoLabelSet, _, f64>(&seconds, None)
        }
    }
}

/// A histogram, with its bounds in seconds.
struct Syncs {
    sum: f64,
    count: u64,
    buckets: Vec<(f64, u64)>,
}

impl Exposed {
    fn labels(&self) -> [(&'static str, &str); 1] {
        [("buffer", &self.label)]
    }

    fn syncs(&self) -> Option<Syncs> {
        let latency = self.at("/buffer/sync_latency")?;
        let numbers = |name: &str| -> Option<Vec<u64>> {
            latency.get(name)?.as_array()?.iter().map(Value::as_u64).collect()
        };
        let (bounds, counts) = (numbers("bounds_us")?, numbers("counts")?);
        let seconds = |us: u64| std::time::Duration::from_micros(us).as_secs_f64();
        let bounds = bounds.into_iter().map(seconds).chain([f64::INFINITY]);
        let sum = std::time::Duration::from_nanos(latency.get("sum_ns")?.as_u64()?).as_secs_f64();
        let count = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        Some(Syncs { sum, count, buckets: bounds.zip(counts).collect() })
    }
}

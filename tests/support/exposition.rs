//! Prometheus' text format 0.0.4, as far as Forebay uses it, written from its description.

#![allow(clippy::float_cmp, reason = "these numbers are told as they are")]

use std::collections::{BTreeMap, BTreeSet};

/// A family of metrics.
#[derive(Clone, Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// What a text says, by the names of its families. Fails where it is not in order.
#[track_caller]
pub fn parse(text: &str) -> BTreeMap<String, Family> {
    let lines = text.strip_suffix('\n').unwrap_or_else(|| panic!("the last line does not end: {text}"));
    let (mut families, mut current) = (BTreeMap::<String, Family>::new(), String::new());
    for line in lines.split('\n') {
        let Some(said) = line.strip_prefix("# ") else {
            let sample = sample(line);
            let family = families.get_mut(&current).unwrap_or_else(|| panic!("{line} has no family"));
            let ending =
                sample.name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} is not of {current}"));
            let endings: &[&str] = match &*family.kind {
                "gauge" | "counter" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                kind => panic!("{current} is a {kind}"),
            };
            assert!(endings.contains(&ending), "{line} is not of a {}", family.kind);
            assert_eq!(family.kind == "counter", current.ends_with("_total"), "{line}");
            assert!(family.kind == "gauge" || sample.value >= 0.0, "{line}");
            family.samples.push(sample);
            continue;
        };
        let words: Vec<&str> = said.splitn(3, ' ').collect();
        let [what, name, rest] = words[..] else { panic!("{line}") };
        assert!(is_name(name) && !rest.is_empty(), "{line}");
        match what {
            "HELP" => {
                assert!(families.insert(name.to_owned(), Family::default()).is_none(), "{name} comes twice");
                name.clone_into(&mut current);
                rest.clone_into(&mut families.get_mut(name).unwrap().help);
            }
            "TYPE" => rest.clone_into(&mut families.get_mut(name).filter(|_| name == current).unwrap().kind),
            _ => panic!("{line}"),
        }
    }
    families.values().for_each(check);
    families
}

impl Family {
    /// The only sample of a family, or the one with this buffer.
    #[track_caller]
    pub fn value(&self, buffer: &str) -> f64 {
        let of = |sample: &&Sample| sample.labels.get("buffer").is_some_and(|label| label == buffer);
        self.samples.iter().find(of).unwrap_or_else(|| panic!("{buffer}: {self:?}")).value
    }
}

/// What a family as a whole has to fulfil.
fn check(family: &Family) {
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        assert!(seen.insert((&sample.name, &sample.labels)), "{sample:?} comes twice");
    }
    if family.kind != "histogram" {
        return;
    }
    let buffers: BTreeSet<_> = family.samples.iter().map(|sample| &sample.labels["buffer"]).collect();
    for buffer in buffers {
        let of = |ending: &str| -> Vec<&Sample> {
            let samples = family.samples.iter();
            samples.filter(|s| s.labels["buffer"] == *buffer && s.name.ends_with(ending)).collect()
        };
        let bound = |sample: &Sample| sample.labels["le"].replace("+Inf", "inf").parse::<f64>().unwrap();
        let (buckets, count) = (of("_bucket"), of("_count"));
        assert!(buckets.is_sorted_by(|a, b| bound(a) < bound(b) && a.value <= b.value), "{buckets:?}");
        let last = buckets.last().unwrap();
        assert!(bound(last).is_infinite() && last.value == count[0].value, "{buckets:?}");
    }
}

fn sample(line: &str) -> Sample {
    let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}")));
    assert!(is_name(name), "{line}");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest),
        None => (BTreeMap::new(), rest),
    };
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
    Sample { name: name.to_owned(), labels, value }
}

/// Labels up to the closing brace, and what follows it.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while !rest.starts_with('}') {
        let (name, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(is_name(name) && !name.contains(':'), "{text}");
        let (mut value, mut letters) = (String::new(), quoted.char_indices());
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("{text}")) {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match letters.next().unwrap().1 {
                    'n' => '\n',
                    letter @ ('"' | '\\') => letter,
                    letter => panic!("\\{letter} in {text}"),
                }),
                (_, letter) => value.push(letter),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} comes twice: {text}");
        rest = &quoted[end..];
        rest = rest.strip_prefix(',').filter(|rest| !rest.starts_with('}')).unwrap_or(rest);
    }
    (labels, &rest[1..])
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || letter == ':';
    name.starts_with(is_letter) && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}
